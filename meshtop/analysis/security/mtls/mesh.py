"""Mutual TLS verdicts on observed edges, from the configuration in force at both ends.

The client's rules are those that its istiod reads, the server's policies those that its own istiod reads; across
clusters the two differ. Missing facts make the outcome unknown, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from meshtop.analysis.inventory.untyped import mapping
from meshtop.analysis.security.mtls.client import AppliedRule, ClientTls, TlsMode, client_tls
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember, config_homes
from meshtop.analysis.security.mtls.hosts import Host, Hosts, Port
from meshtop.analysis.security.mtls.outcome import EdgeTls, TlsOutcome, edge_outcome
from meshtop.analysis.security.mtls.parties import Parties, Party
from meshtop.analysis.security.mtls.server import Mode, ServerPolicy, service_mode
from meshtop.analysis.security.trust import Trusted, TrustPair
from meshtop.analysis.visibility.clients import Client
from meshtop.analysis.visibility.selection import selects
from meshtop.model.mesh import MeshFacts, Proxy
from meshtop.model.traffic import Edge, Peer, PeerKind, Target

NO_TRUST = "MTLS-NO-TRUST"


class TlsVerdict(Struct, frozen=True, kw_only=True):
    """The outcome of a call to one Service port (`port` None: any of them), and the objects that decided.

    `server` is the responding workload, None where unknown. `rule` is the DestinationRule that applies, `policy` the
    server's policy; `target` is the workload port that the Service port leads to.
    """

    outcome: TlsOutcome
    why: str
    code: str | None = None
    port: int | None = None
    target: int | None = None
    subset: str | None = None
    server_mode: Mode = Mode.UNKNOWN
    client_mode: TlsMode | None = None
    server: Party | None = None
    client: Party | None = None
    host: Host | None = None
    rule: AppliedRule | None = None
    client_policy: str | None = None
    policy: ServerPolicy | None = None


def _unknown(why: str) -> TlsVerdict:
    return TlsVerdict(outcome=TlsOutcome.UNKNOWN, why=why)


def _as_client(party: Party) -> Client:
    return Client(
        namespace=party.namespace,
        labels=party.labels,
        is_gateway=party.gateway,
        has_sidecar=party.proxy is Proxy.SIDECAR,
    )


_STRANGER = Party(cluster="", namespace="", name="", labels={}, proxy=Proxy.NONE, tls=False)


class MeshTls:
    """Mutual TLS configuration of all clusters. `trust` has the verdict on every pair of clusters."""

    def __init__(self, members: Sequence[MeshMember], trust: Sequence[TrustPair] = ()) -> None:
        self.members = {member.name: member for member in members}
        self.parties = Parties(members)
        self.homes = config_homes(members)
        self._hosts = {member.name: self._hosts_of(member) for member in members}
        self._trust = {frozenset((pair.left, pair.right)): pair for pair in trust}
        self._meshes = {member.name: self._mesh_of(member) for member in members}
        self._modes: dict[tuple[str, str, str], Mode] = {}
        self._edges: dict[tuple[Peer, Target, str, bool], tuple[TlsVerdict, ...]] = {}
        self.possible_conflicts: tuple[tuple[Party, Party, TlsVerdict], ...] | None = None
        """Client, server and verdict of calls that would break (`conflicts.unused_conflicts`), once they were sought:
        they depend on objects alone."""

    def _hosts_of(self, member: MeshMember) -> Hosts:
        inventory = member.inventory
        home = self.homes[member.name]
        entries = home.entries if isinstance(home, IstioConfig) else ()
        if inventory is None:
            return Hosts((), (), entries)
        facts = member.facts or MeshFacts()
        aliases = not facts.istio_versions or any(_knows_aliases(version) for version in facts.istio_versions)
        return Hosts(inventory.services, inventory.endpoint_slices, entries, facts.domain, aliases=aliases)

    def _mesh_of(self, member: MeshMember) -> tuple[str, ...]:
        """The clusters whose endpoints a cluster's istiod knows: those in its mesh, itself first."""
        mesh = member.facts.mesh if member.facts is not None else None
        others = [
            m.name
            for m in self.members.values()
            if mesh is not None and m.name != member.name and m.facts is not None and m.facts.mesh == mesh
        ]
        return (member.name, *others)

    def config_of(self, cluster: str) -> IstioConfig | str:
        """The configuration in force in a cluster, or the reason why it is unknown."""
        return self.homes.get(cluster, f"Nothing is known about the cluster {cluster or 'it runs in'}.")

    def policy(self, party: Party) -> ServerPolicy | str:
        """The PeerAuthentication policy in force for a workload, or the reason why it is unknown."""
        home = self.config_of(party.cluster)
        if isinstance(home, str):
            return home
        return home.no_policies or home.server(party.namespace, party.labels)

    def mesh_of(self, cluster: str) -> tuple[str, ...]:
        """The clusters whose endpoints a cluster's istiod knows, itself first."""
        return self._meshes.get(cluster, (cluster,))

    def hosts_of(self, cluster: str) -> Hosts | None:
        """The hosts of a cluster."""
        return self._hosts.get(cluster)

    def edge(self, edge: Edge) -> tuple[TlsVerdict, ...]:
        """The verdicts on an edge: one, or one per port where ports differ and telemetry does not name the port.

        They depend on the edge's ends, not on its rates, so they are cached across refreshes.
        """
        key = (edge.source, edge.destination, edge.protocol, bool(edge.sums.mtls_ratio))
        found = self._edges.get(key)
        if found is None:
            found = self._edges[key] = self._judge(edge)
        return found

    def _judge(self, edge: Edge) -> tuple[TlsVerdict, ...]:
        client = self.client(edge)
        if isinstance(client, str):
            return (_unknown(client),)
        if edge.destination.kind is PeerKind.EXTERNAL:
            name = edge.destination.service or "the host"
            return (_unknown(f"{name} is outside of the mesh, where its mutual TLS does not reach."),)
        servers = self.servers(edge, client)
        if isinstance(servers, str):
            return (_unknown(servers),)
        host = self.host(edge, client, servers)
        verdicts = [v for server in servers for v in self.calls(client, server, host, edge.protocol)]
        return _folded(verdicts, several=len(servers) > 1)

    def client(self, edge: Edge) -> Party | str:
        """The calling party, or the reason why it is unknown; a caller outside of the mesh has no name."""
        source = edge.source
        if source.workload:
            return self._party(source)
        if source.kind is PeerKind.UNKNOWN and not source.app:
            if edge.sums.mtls_ratio:
                return "The caller is not known, though some of what it sends is seen as mutual TLS."
            return _STRANGER
        return "Telemetry does not name the calling workload."

    def _party(self, end: Peer | Target) -> Party | str:
        found = self.parties.find((end.cluster, end.namespace, end.workload))
        if found is not None:
            return found.unknown or found
        if end.cluster not in self.members:
            return f"Nothing is known about the cluster {end.cluster or 'of ' + end.workload}."
        silent = self.parties.silence(end.cluster, end.namespace)
        return silent or f"{end.namespace}/{end.workload} is not in the inventory of {end.cluster}."

    def servers(self, edge: Edge, client: Party) -> list[Party] | str:
        """The parties that may answer, or the reason why they are unknown."""
        target = edge.destination
        if target.workload:
            found = self._party(target)
            return found if isinstance(found, str) else [found]
        if not target.service:
            return "Telemetry names neither the responding workload nor its service."
        # Where no workload answered, the cluster of the destination is only assumed (istio#29373): what stands behind
        # the service anywhere in the mesh counts when nothing does there.
        home = target.cluster or client.cluster
        for cluster in self._meshes.get(home, ()):
            hosts = self._hosts.get(cluster)
            host = hosts.find(target.service, target.namespace) if hosts is not None else None
            if host is not None:
                if host.external:
                    return f"{target.service} is outside of the mesh, where its mutual TLS does not reach."
                near = self.parties.behind((home,), host.namespace, host.service)
                behind = near or self.parties.behind(self._meshes[home], host.namespace, host.service)
                silent = next((p.unknown for p in behind if p.unknown), None)
                if silent or behind:
                    return silent or behind
        return f"No workload behind {target.service} is known."

    def host(self, edge: Edge, client: Party, servers: Sequence[Party]) -> Host | None:
        """The requested host as the caller's cluster, or that of a server, knows it."""
        target = edge.destination
        if not target.service:
            return None
        for cluster in dict.fromkeys((client.cluster, *(server.cluster for server in servers))):
            hosts = self._hosts.get(cluster)
            found = hosts.find(target.service, target.namespace) if hosts is not None else None
            if found is not None:
                return found
        return None

    def calls(
        self,
        client: Party,
        server: Party,
        host: Host | None,
        protocol: str = "tcp",
        *,
        through: Sequence[str | None] | None = None,
    ) -> list[TlsVerdict]:
        """The verdict for each port of a host that fits the protocol, and each subset that routes lead to.

        `through` are the subsets (None: none) where a caller knows which one a route leads through.
        """
        policy = self.policy(server)
        if isinstance(policy, str):
            return [_unknown(policy)]
        ports = host.ports_for(protocol) if host is not None else ()
        found = []
        for port in ports or (None,):
            target = port.target if port is not None else None
            if port is not None and target is None and policy.ports:
                found.append(_unknown(f"Where port {port.number} of {host.name if host else ''} leads is not known."))
                continue
            for subset in self._subsets(client, server, host) if through is None else through:
                found.append(self._call(client, server, policy, host, port, subset))
        return found

    def _call(
        self,
        client: Party,
        server: Party,
        policy: ServerPolicy,
        host: Host | None,
        port: Port | None,
        subset: str | None,
    ) -> TlsVerdict:
        target = port.target if port is not None else None
        # Only sidecars read DestinationRules: a caller without a proxy sends plaintext, ztunnel decides by itself.
        sends: ClientTls | str = ClientTls(TlsMode.DISABLE, "no sidecar decides")
        rule = None
        if client.proxy is Proxy.SIDECAR:
            sends, rule = self._sends(client, server, host, port, subset)
        base = TlsVerdict(
            outcome=TlsOutcome.UNKNOWN,
            why="",
            port=port.number if port is not None else None,
            target=target,
            subset=subset,
            server_mode=policy.on_port(target),
            server=server,
            client=client,
            host=host,
            rule=rule,
            policy=policy,
        )
        if isinstance(sends, str):
            return structs.replace(base, why=sends)
        met = edge_outcome(
            client=sends, client_proxy=client.proxy, server=policy, server_proxy=server.proxy, port=target
        )
        met = self._trusted(client, server, met)
        mode = sends.mode if client.proxy is Proxy.SIDECAR else None
        return structs.replace(
            base, outcome=met.outcome, why=met.why, code=met.code, client_mode=mode, client_policy=sends.policy
        )

    def _sends(
        self, client: Party, server: Party, host: Host | None, port: Port | None, subset: str | None
    ) -> tuple[ClientTls | str, AppliedRule | None]:
        home = self.config_of(client.cluster)
        if isinstance(home, str):
            return home, None
        if home.no_rules:
            return home.no_rules, None
        if host is None:
            return "The requested service is unknown, and so is the rule that applies.", None
        rule = home.rule(
            host.name,
            client_namespace=client.namespace,
            client_labels=client.labels,
            service_namespace=host.namespace,
        )
        doubt = home.import_doubt(host.name, host.namespace, host.service, _as_client(client))
        if doubt is not None:
            return doubt, rule
        hidden = home.passed_through(host.name, host.namespace, host.service, _as_client(client))
        if hidden is not None:
            return ClientTls(TlsMode.DISABLE, hidden), None
        assumption = home.assumption(
            host.name,
            client_namespace=client.namespace,
            client_labels=client.labels,
            service_namespace=host.namespace,
        )
        if assumption is not None:
            return f"Which DestinationRule applies is not known: {assumption}.", rule
        if home.auto_mtls is None:
            given = client_tls(
                rule,
                port=port.number if port else None,
                subset=subset,
                auto_mtls=False,
                mesh_external=False,
                service_mode=Mode.UNKNOWN,
            )
            if given.policy is None:
                return f"Whether auto mTLS is on in {home.cluster} is not known: its MeshConfig was not read.", rule
        assumed = self._service_mode(home, client, host)
        if assumed is Mode.UNKNOWN and home.no_policies:
            return home.no_policies, rule
        sends = client_tls(
            rule,
            port=port.number if port is not None else None,
            subset=subset,
            auto_mtls=home.auto_mtls is not False,
            mesh_external=host.external,
            service_mode=assumed,
        )
        if sends.mode is TlsMode.AUTO and server.proxy is Proxy.SIDECAR and not server.tls:
            why = "auto mTLS finds no label security.istio.io/tlsMode=istio on the endpoint and sends plaintext"
            sends = ClientTls(TlsMode.DISABLE, why)
        return sends, rule

    def _service_mode(self, home: IstioConfig, client: Party, host: Host) -> Mode:
        """The mode that auto mTLS of the client's istiod assumes for a service."""
        if home.no_policies:
            return Mode.UNKNOWN
        key = (client.cluster, host.namespace, host.name)
        if key not in self._modes:
            behind: Sequence[Party] = ()
            if host.headless:
                behind = self.parties.behind(self._meshes.get(client.cluster, ()), host.namespace, host.service)
            self._modes[key] = service_mode(
                home.policies_of(host.namespace),
                namespace=host.namespace,
                root_namespace=home.root_namespace,
                mesh_external=host.external,
                headless=host.headless,
                endpoints_with_tls=[party.tls for party in behind],
            )
        return self._modes[key]

    def _subsets(self, client: Party, server: Party, host: Host | None) -> Sequence[str | None]:
        """The subsets through which routes lead a client to this server; only where a subset has TLS of its own."""
        home = self.config_of(client.cluster)
        if isinstance(home, str) or host is None or client.proxy is not Proxy.SIDECAR:
            return (None,)
        rule = home.rule(
            host.name,
            client_namespace=client.namespace,
            client_labels=client.labels,
            service_namespace=host.namespace,
        )
        if rule is None or not any(s.get("trafficPolicy") for s in rule.subsets):
            return (None,)
        routed = home.subsets.get(host.name, frozenset(("",)))
        chosen = [
            str(s["name"]) for s in rule.subsets if s.get("name") in routed and selects(_labels(s), server.labels)
        ]
        return (*((None,) if "" in routed or not chosen else ()), *chosen)

    def _trusted(self, client: Party, server: Party, met: EdgeTls) -> EdgeTls:
        """The outcome with trust considered: mutual TLS between two clusters needs a root that both trust."""
        if met.outcome is not TlsOutcome.MTLS or client.cluster == server.cluster:
            return met
        pair = self._trust.get(frozenset((client.cluster, server.cluster)))
        if pair is None or pair.trusted is Trusted.YES:
            return met
        if pair.trusted is Trusted.NO:
            return EdgeTls(TlsOutcome.BROKEN, f"{met.why} But {pair.left} and {pair.right}: {pair.why}", NO_TRUST)
        return EdgeTls(TlsOutcome.UNKNOWN, f"{met.why} But {pair.why[:1].lower()}{pair.why[1:]}")


def _knows_aliases(version: str) -> bool:
    """Whether an istiod takes a Service of type ExternalName for the one that it names: since 1.21."""
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    return not (major.isdigit() and minor.isdigit()) or (int(major), int(minor)) >= (1, 21)


def _labels(subset: Mapping[str, object]) -> dict[str, str]:
    return {str(k): str(v) for k, v in mapping(subset.get("labels")).items()}


def _folded(verdicts: Sequence[TlsVerdict], *, several: bool) -> tuple[TlsVerdict, ...]:
    """One verdict where all agree, else one for each port; unknown for a port whose servers disagree."""
    if len(verdicts) == 1:
        return tuple(verdicts)
    first = verdicts[0]
    if all(_same(first, v) for v in verdicts):
        one_port = len({v.port for v in verdicts}) == 1
        return (
            structs.replace(first, port=first.port if one_port else None, server=None if several else first.server),
        )
    ports: dict[int | None, list[TlsVerdict]] = {}
    for verdict in verdicts:
        ports.setdefault(verdict.port, []).append(verdict)
    if len(ports) == 1:
        reasons = " ".join(dict.fromkeys(v.why for v in verdicts))
        what = "which workload answers" if several else "the route that is taken"
        return (
            structs.replace(
                first, outcome=TlsOutcome.UNKNOWN, code=None, server=None, why=f"It depends on {what}: {reasons}"
            ),
        )
    return tuple(v for found in ports.values() for v in _folded(found, several=several))


def _same(left: TlsVerdict, right: TlsVerdict) -> bool:
    return (left.outcome, left.code, left.server_mode, left.client_mode) == (
        right.outcome,
        right.code,
        right.server_mode,
        right.client_mode,
    )
