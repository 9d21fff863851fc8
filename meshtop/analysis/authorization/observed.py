"""The policies' verdict on calls that were seen, from the configuration in force where each call arrives.

Telemetry tells who calls whom, with which protocol and how much of it as mutual TLS. It tells no method, path, header,
token or address: what hangs on these is open. A token is taken for a good one, and a caller's trust domain for trusted:
what fails on them shows as 401 and as broken mutual TLS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.authorization.attachment import TargetService
from meshtop.analysis.authorization.call import UNTOLD, JudgedCall, Untold
from meshtop.analysis.authorization.decision import AccessVerdict, alternatives
from meshtop.analysis.authorization.identities import principal_of
from meshtop.analysis.authorization.policies import AuthorizationConfig, MeshPolicySettings
from meshtop.analysis.authorization.way import CalledWorkload, CallWay, Joins, judge_call
from meshtop.analysis.authorization.waypoints import WaypointBindings
from meshtop.analysis.identity.mesh import mesh_config
from meshtop.analysis.inventory.untyped import mapping, maps, text
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember, unreadable
from meshtop.analysis.security.mtls.hosts import Host, Port
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.security.mtls.parties import Party
from meshtop.model.kube import ConfigObject
from meshtop.model.mesh import MeshFacts, Proxy, Workload
from meshtop.model.traffic import Edge, Peer, PeerKind, Target

POLICY_KINDS = ("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication")
_MOST_PORTS = 8
"""With more ports than that, which of them is called is left open as a whole."""

CallerPrincipal = str | Untold | None
_Ports = Sequence[tuple[int | Untold, int | Untold]]
"""Ports of a workload, each with the Service's port that leads to it."""
_OUTSIDER = Party(cluster="", namespace="", name="", labels={}, proxy=Proxy.NONE, tls=False)


_ALTERNATIVES = (
    "whether the caller goes through the waypoint",
    "the port",
    "whether the call has mutual TLS",
    "which workload answers",
)
"""What telemetry may leave open about the way of a call, in the reverse order of `Passage.key`."""


class Passage(Struct, frozen=True, kw_only=True):
    """One way that the calls of an edge may take: who answers, the caller's identity there, the port, the proxies.

    `home` is the cluster whose policies are in force there.
    """

    home: str
    server: Party
    way: CallWay
    call: JudgedCall

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from the other ways of the same edge."""
        return (self.server.id, self.call.principal, (self.call.port, self.way.service_port), self.way.caller)


class ObservedAccess:
    """Verdicts on edges; they depend on the ends, not on the rates, so they are cached across refreshes."""

    def __init__(self, mesh: MeshTls, more: Mapping[str, Sequence[ConfigObject]] | None = None) -> None:
        """`more` are policies to be judged beside those of a cluster, by its name: what is suggested, for example."""
        self.mesh = mesh
        self._more = more or {}
        self._workloads = {
            (workload.cluster, workload.namespace, workload.name): workload
            for member in mesh.members.values()
            for workload in member.workloads
        }
        self._accounts = {
            key: account for member in mesh.members.values() for key, account in _machine_accounts(member)
        } | {key: workload.service_account for key, workload in self._workloads.items()}
        self._configs: dict[str, AuthorizationConfig] = {}
        self._waypoints: dict[str, WaypointBindings | None] = {}
        self._judged: dict[tuple[Peer, Target, str, str], AccessVerdict | str] = {}

    def edge(self, edge: Edge) -> AccessVerdict | str:
        """The verdict on the calls of an edge, or the reason why there is none, as a sentence."""
        seen = _seen(edge)
        key = (edge.source, edge.destination, edge.protocol, seen)
        found = self._judged.get(key)
        if found is None:
            found = self._judge(edge, seen)
            if isinstance(found, AccessVerdict) and found.unread:
                found = found.why
            self._judged[key] = found
        return found

    def config(self, cluster: str) -> AuthorizationConfig | str:
        """The policies in force in a cluster, or the reason why they are unknown."""
        home = self.mesh.config_of(cluster)
        if not isinstance(home, IstioConfig):
            return home
        found = self._configs.get(home.cluster)
        if found is None:
            found = self._configs[home.cluster] = policies_of(
                self.mesh.members[home.cluster], self._more.get(home.cluster, ())
            )
        return found

    def _judge(self, edge: Edge, seen: str) -> AccessVerdict | str:
        ways = self._passages(edge, seen)
        if isinstance(ways, str):
            return ways
        return self._folded(ways)

    def _folded(self, ways: Sequence[Passage]) -> AccessVerdict:
        """The verdict over all ways that calls may take, and on what it hangs where they differ."""
        if len(ways) == 1:
            return judge_call(self._configs[ways[0].home], ways[0].way, ways[0].call, now=0.0)
        found: dict[tuple[object, ...], AccessVerdict] = {
            one.key: judge_call(self._configs[one.home], one.way, one.call, now=0.0) for one in ways
        }
        for what in _ALTERNATIVES:
            groups: dict[tuple[object, ...], list[AccessVerdict]] = {}
            for key, verdict in found.items():
                groups.setdefault(key[:-1], []).append(verdict)
            found = {key: alternatives(verdicts, what) for key, verdicts in groups.items()}
        return found[()]

    def between(self, caller: Party | None, server: Party) -> AccessVerdict | str:
        """What policies say of whatever one workload calls at another, or why that is unknown, as a sentence.

        No `caller` is anybody outside of the mesh, who calls in plaintext.
        """
        if server.unknown is not None:
            return server.unknown
        verdicts: list[AccessVerdict] = []
        for host, ports, protocol in self._doors(server):
            service = None if host is None else TargetService(host.namespace, host.service)
            principals = self._shown(caller, server, host, protocol)
            ways = self._to(server, service, ports, protocol, caller or _OUTSIDER, principals)
            if isinstance(ways, str):
                return ways
            verdicts.append(self._folded(ways))
        found = alternatives(verdicts, "the port")
        return found.why if found.unread else found

    def _doors(self, server: Party) -> Sequence[tuple[Host | None, _Ports, str]]:
        """The ports at which a workload can be called: those of its Services, each with the protocol it is for."""
        hosts = self.mesh.hosts_of(server.cluster)
        found: list[tuple[Host | None, _Ports, str]] = []
        for name in server.services:
            host = hosts.services.get((server.namespace, name)) if hosts is not None else None
            for port in host.ports if host is not None else ():
                target: int | Untold = UNTOLD if port.target is None else port.target
                found += [(host, ((target, port.number),), one) for one in _protocols(port)]
        return found or [(None, ((UNTOLD, UNTOLD),), one) for one in ("http", "tcp")]

    def _shown(
        self, caller: Party | None, server: Party, host: Host | None, protocol: str
    ) -> Sequence[CallerPrincipal]:
        """The identities that a caller would show, by what both sides declare."""
        if caller is None or (caller.proxy is Proxy.NONE and not caller.gateway):
            return (None,)
        declared = self.mesh.calls(caller, server, host, protocol)
        return self._by_declared(caller, {verdict.outcome for verdict in declared})

    def passages(self, edge: Edge) -> Sequence[Passage] | str:
        """The ways that the calls of an edge may take, or the reason why they are unknown, as a sentence."""
        return self._passages(edge, _seen(edge))

    def _passages(self, edge: Edge, seen: str) -> Sequence[Passage] | str:
        target = edge.destination
        if target.kind is PeerKind.EXTERNAL:
            return f"{target.service or 'The host'} is outside of the mesh, where no policy is enforced."
        client = self.mesh.client(edge)
        caller = client if isinstance(client, Party) else None
        stand_in = caller or Party(
            cluster=edge.source.cluster or target.cluster, namespace="", name="", labels={}, proxy=Proxy.NONE, tls=False
        )
        servers = self.mesh.servers(edge, stand_in)
        if isinstance(servers, str):
            return servers
        host = self.mesh.host(edge, stand_in, servers)
        principals = self._principals(edge, caller, seen)
        service, ports = _called(host, edge.protocol)
        found: list[Passage] = []
        for server in servers:
            some = self._to(server, service, ports, edge.protocol, caller, principals)
            if isinstance(some, str):
                return some
            found += some
        return found

    def _to(
        self,
        server: Party,
        service: TargetService | None,
        ports: _Ports,
        protocol: str,
        caller: Party | None,
        principals: Sequence[CallerPrincipal],
    ) -> Sequence[Passage] | str:
        """The ways to one workload."""
        home = self.mesh.config_of(server.cluster)
        config = self.config(server.cluster)
        if isinstance(config, str) or not isinstance(home, IstioConfig):
            return str(config)
        joins = self._joins_of_caller(caller)
        bindings = self._bindings(server.cluster)
        if Joins.AMBIENT in joins and bindings is not None and bindings.unknown is not None:
            return f"Whether the call goes through a waypoint is not known: {bindings.unknown}."
        ways = [(self._way(server, service, one, number), port) for port, number in ports for one in joins]
        return [
            Passage(
                home=home.cluster,
                server=server,
                way=way,
                call=JudgedCall(protocol=protocol, principal=principal, port=port, trusted=True, good_token=True),
            )
            for principal in principals
            for way, port in ways
        ]

    def _joins_of_caller(self, caller: Party | None) -> tuple[Joins, ...]:
        if caller is None:
            return (Joins.SIDECAR, Joins.AMBIENT)
        return (joins_of(caller, self._workloads.get(caller.id)),)

    def _way(self, server: Party, service: TargetService | None, caller: Joins, service_port: int | Untold) -> CallWay:
        bindings = self._bindings(server.cluster)
        name = service.name if service is not None and not service.entry else None
        home = service.namespace if service is not None else server.namespace
        return CallWay(
            caller=caller,
            target=CalledWorkload(
                namespace=server.namespace,
                name=server.name,
                labels=server.labels,
                joins=joins_of(server, self._workloads.get(server.id)),
            ),
            service=service,
            service_port=service_port,
            waypoint=bindings.of(home, name, server.labels) if bindings is not None else None,
            ingress_uses_waypoint=bindings is not None and bindings.takes_ingress(home, name),
        )

    def _bindings(self, cluster: str) -> WaypointBindings | None:
        if cluster not in self._waypoints:
            member = self.mesh.members.get(cluster)
            inventory = member.inventory if member is not None else None
            self._waypoints[cluster] = (
                WaypointBindings(inventory, member.workloads, (member.facts or MeshFacts()).trust_domain)
                if member is not None and inventory is not None
                else None
            )
        return self._waypoints[cluster]

    def _principals(self, edge: Edge, caller: Party | None, seen: str) -> tuple[CallerPrincipal, ...]:
        """The identities that the caller may have shown: its own with mutual TLS, none in plaintext."""
        if caller is None:
            return (None,) if seen == "none" else (UNTOLD,)
        if caller.proxy is Proxy.NONE and not caller.gateway:
            return (None,)
        if not seen:
            return self._by_declared(caller, {verdict.outcome for verdict in self.mesh.edge(edge)})
        if seen == "none":
            return (None,)
        own = self.identity(caller)
        return (own,) if seen == "all" else (own, None)

    def _by_declared(self, caller: Party, outcomes: set[TlsOutcome]) -> tuple[CallerPrincipal, ...]:
        """The identities for these outcomes of what both sides declare; both where they differ or break."""
        if outcomes == {TlsOutcome.PLAINTEXT}:
            return (None,)
        own = self.identity(caller)
        return (own,) if outcomes == {TlsOutcome.MTLS} else (own, None)

    def identity(self, party: Party) -> str | Untold:
        """The identity of a workload; UNTOLD where its account or its trust domain was not read."""
        account = self._accounts.get(party.id)
        member = self.mesh.members.get(party.cluster)
        facts = member.facts if member is not None else None
        if not account or facts is None or not facts.trust_domain:
            return UNTOLD
        return principal_of(facts.trust_domain, party.namespace, account)


def _protocols(port: Port) -> tuple[str, ...]:
    """The protocols with which a port may be called; both kinds where istiod detects it."""
    declared = port.protocol
    if not declared:
        return ("http", "tcp")
    if declared.startswith("grpc"):
        return ("grpc",)
    return ("http",) if declared.startswith(("http", "kubernetes.io/")) and declared != "https" else ("tcp",)


def _seen(edge: Edge) -> str:
    """How much of an edge was seen as mutual TLS: all, some, none, or "" where nobody tells."""
    ratio = edge.sums.mtls_ratio
    return "" if ratio is None else "none" if ratio <= 0 else "all" if ratio >= 1 else "some"


def _called(host: Host | None, protocol: str) -> tuple[TargetService | None, _Ports]:
    """The service that was asked for, and the ports of workload and service that this may lead to."""
    if host is None:
        return None, ((UNTOLD, UNTOLD),)
    service = TargetService(host.namespace, host.service, entry=host.service == host.name)
    known = [(UNTOLD if port.target is None else port.target, port.number) for port in host.ports_for(protocol)]
    fits = 0 < len(known) <= _MOST_PORTS
    return service, tuple(dict.fromkeys(known)) if fits else ((UNTOLD, UNTOLD),)


def _machine_accounts(member: MeshMember) -> Iterable[tuple[tuple[str, str, str], str]]:
    """The service accounts of virtual machines, which their WorkloadEntries name."""
    entries = member.inventory.config.get("WorkloadEntry", ()) if member.inventory is not None else ()
    written = {entry.meta.key: text(mapping(entry.spec).get("serviceAccount")) for entry in entries}
    for machine in member.machines:
        account = written.get((machine.namespace, machine.name))
        if account:
            yield (machine.cluster, machine.namespace, machine.workload or machine.name), account


def joins_of(party: Party, workload: Workload | None) -> Joins:
    """How a workload or machine takes part in the mesh."""
    if workload is not None and workload.is_waypoint:
        return Joins.WAYPOINT
    if party.gateway:
        return Joins.GATEWAY
    return Joins(party.proxy.value)


def policies_of(member: MeshMember, more: Iterable[ConfigObject] = ()) -> AuthorizationConfig:
    """The policies that a cluster holds, with `more` beside them, and what its mesh's configuration says."""
    inventory = member.inventory
    held = inventory.config if inventory is not None else {}
    objects = [*(obj for kind in POLICY_KINDS for obj in held.get(kind, ())), *more]
    unread = {kind: why for kind in POLICY_KINDS if (why := unreadable(member.name, inventory, kind)) is not None}
    return AuthorizationConfig(objects, mesh_policy_settings(member), unread)


def mesh_policy_settings(member: MeshMember) -> MeshPolicySettings:
    """What the mesh's configuration says that policies depend on, as far as it was read."""
    facts = member.facts or MeshFacts()
    written = mesh_config(member.inventory) if member.inventory is not None else {}
    own = (facts.trust_domain,) if facts.trust_domain else ()
    names = [text(one.get("name")) for one in maps(written.get("extensionProviders"))]
    return MeshPolicySettings(
        root_namespace=facts.root_namespace,
        trust_domains=(*own, *facts.trust_domain_aliases) if own else (),
        normalization=text(mapping(written.get("pathNormalization")).get("normalization")) or "BASE",
        providers=frozenset(name for name in names if name) if written else None,
    )


def refused_per_second(edge: Edge) -> float | None:
    """Answers per second that refuse a call: 403, or gRPC's PERMISSION_DENIED; None where no codes are reported.

    Policies answer so, and applications do too: telemetry does not tell them apart. TCP has no such answer.
    """
    known: Sequence[str] = [code for code in edge.codes if code]
    if edge.protocol == "tcp" or not known:
        return None
    refusing = ("7", "403") if edge.protocol == "grpc" else ("403",)
    return sum((rate for code, rate in edge.codes.items() if code in refusing), 0.0)
