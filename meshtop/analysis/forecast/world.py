"""All clusters under one configuration, and what becomes of a call in them.

A call goes from the caller's proxy, which knows a host or not, by the rule that takes it, to a subset with ready pods,
over a connection on whose security both ends agree, past the policies at its end.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from meshtop.analysis.authorization.observed import ObservedAccess
from meshtop.analysis.canary.backends import service_of
from meshtop.analysis.canary.callers import Callers
from meshtop.analysis.forecast.arrival import Arrivals
from meshtop.analysis.forecast.calls import SeenCall
from meshtop.analysis.forecast.departure import Departure
from meshtop.analysis.forecast.destinations import Destinations, ReadyServer
from meshtop.analysis.forecast.matching import RequestClass
from meshtop.analysis.forecast.outcome import CallBranch, CallFate, CallOutcome, one, unread_outcome
from meshtop.analysis.forecast.paths import PathEnd, RoutePath, RouteTable, classes, walk
from meshtop.analysis.identity.mesh import mesh_config
from meshtop.analysis.inventory.untyped import mapping, text
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember
from meshtop.analysis.security.mtls.hosts import Host
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.parties import Party
from meshtop.analysis.security.trust import TrustPair
from meshtop.analysis.traffic.naming import BLACK_HOLE, PASSTHROUGH
from meshtop.analysis.visibility.clients import Client
from meshtop.analysis.visibility.selection import title
from meshtop.model.mesh import Proxy

ANY = RequestClass()
End = tuple[str, str | None]
"""A host and a subset, None for none."""


class _Caller(Struct, frozen=True):
    """Who calls: the party or a sentence why it is not known, as a client of routes, and the configuration it obeys."""

    cluster: str
    party: Party | str
    client: Client | None
    config: IstioConfig | str
    seen: frozenset[End] | None = None

    @property
    def has_proxy(self) -> bool:
        """Whether a proxy decides where its calls go."""
        party = self.party
        return not isinstance(party, str) and (party.proxy is not Proxy.NONE or party.gateway)


class ForecastWorld:
    """All clusters under one configuration; `reference` is that in which the calls were seen, None for itself."""

    def __init__(
        self,
        members: Sequence[MeshMember],
        trust: Sequence[TrustPair] = (),
        *,
        reference: ForecastWorld | None = None,
    ) -> None:
        self.mesh = MeshTls(members, trust)
        self.access = ObservedAccess(self.mesh)
        self._members = {member.name: member for member in members}
        self._arrivals: Arrivals = Arrivals(
            self.mesh, self.access, reference._arrivals if reference is not None else None
        )
        self._destinations: Destinations = Destinations(
            self.mesh, members, reference._destinations if reference is not None else None
        )
        self._callers = {m.name: Callers(m.workloads, m.machines, m.inventory) for m in members if m.inventory}
        self._tables: dict[str, RouteTable] = {}
        self._known_callers: dict[tuple[object, ...], _Caller] = {}

    def without(self, departure: Departure) -> ForecastWorld:
        """The same configuration, where nothing in one cluster answers any more; this one is its reference."""
        found = copy.copy(self)
        found._arrivals = Arrivals(self.mesh, self.access, self._arrivals)
        found._destinations = self._destinations.without(departure)
        return found

    def asked(self, call: SeenCall) -> tuple[str, ...]:
        """The hosts for which these calls may have been: telemetry names the one that a route leads to."""
        caller = self._caller(call)
        host = self._host(call, call.service, caller)
        name = host.name if host is not None else call.service
        if caller.client is None or isinstance(caller.config, str) or not name:
            return (name,)
        table = self._table(caller.config)
        if caller.client.is_gateway:
            return table.asked_at_gateway(name, caller.client, call.protocol) or (name,)
        if not self._obeys_routes(caller, host):
            return (name,)
        others = table.asked_for(name, caller.client, call.protocol)
        return (*others, name)

    def request_classes(self, call: SeenCall, host: str) -> tuple[tuple[str, RequestClass], ...]:
        """The kinds of requests that rules for a host tell apart, each with the rule that takes it; "" for no rule."""
        paths = self._paths(call, host, self._caller(call))
        if not paths:
            return (("", ANY),)
        return tuple((path.title, requests) for path, requests in classes(paths)) or (("", ANY),)

    def outcome(
        self, call: SeenCall, asked: str, requests: RequestClass = ANY, seen: frozenset[End] | None = None
    ) -> CallOutcome:
        """What becomes of calls for a host whose requests are of a class.

        `seen` are the destinations at which it was seen how calls spread over workloads; None stands for all.
        """
        caller = structs.replace(self._caller(call), seen=seen)
        if not asked:
            return self._direct(call, caller)
        host = self._host(call, asked, caller)
        if caller.client is not None and caller.client.is_gateway and not isinstance(caller.config, str):
            paths = self._table(caller.config).at_gateway(asked, caller.client, call.protocol)
            if paths is not None:
                return self._by_rules(call, caller, paths, requests, f"the route of {asked}")
            if host is None:
                return one(CallFate.NO_ENDPOINTS, asked, f"No route at the gateway is for {asked} any more.")
        if host is None:
            return self._unknown(call, asked, caller)
        if not caller.has_proxy:
            if not self._destinations.resolves(host, caller.cluster):
                return _unresolved(host.name, caller.cluster)
            return CallOutcome(tuple(self._end(call, caller, PathEnd(host=host.name), ())))
        return self._known(call, caller, host, requests)

    def _known(self, call: SeenCall, caller: _Caller, host: Host, requests: RequestClass) -> CallOutcome:
        """The outcome where the host exists in the mesh, and a proxy decides."""
        config, client = caller.config, caller.client
        if isinstance(config, str):
            return unread_outcome(host.name, config)
        if not self._destinations.resolves(host, caller.cluster) and not self._captures_dns(caller):
            return _unresolved(host.name, caller.cluster)
        if client is not None and client.has_sidecar and not client.is_gateway and config.no_sidecars is None:
            doubt = config.import_doubt(host.name, host.namespace, host.service, client)
            if doubt is not None:
                return unread_outcome(host.name, doubt)
            hidden = config.passed_through(host.name, host.namespace, host.service, client)
            if hidden is not None:
                return self._passed(call, caller, host, hidden)
        paths = self._table(config).of(host.name, client, call.protocol, _ports(host, call)) if (
            client is not None and self._obeys_routes(caller, host)
        ) else None  # fmt: skip
        if paths is None:
            return CallOutcome(tuple(self._end(call, caller, PathEnd(host=host.name), ())))
        return self._by_rules(call, caller, paths, requests, f"the route of {host.name}")

    def _paths(self, call: SeenCall, asked: str, caller: _Caller) -> tuple[RoutePath, ...]:
        if caller.client is None or isinstance(caller.config, str):
            return ()
        table = self._table(caller.config)
        if caller.client.is_gateway:
            return table.at_gateway(asked, caller.client, call.protocol) or ()
        host = self._host(call, asked, caller)
        if host is None or not self._obeys_routes(caller, host):
            return ()
        return table.of(host.name, caller.client, call.protocol, _ports(host, call)) or ()

    def _by_rules(
        self, call: SeenCall, caller: _Caller, paths: Sequence[RoutePath], requests: RequestClass, route: str
    ) -> CallOutcome:
        found = [
            (path.title if path is not None else "no rule", self._by_path(call, caller, path, route))
            for path in walk(paths, requests)
        ]
        return _alternatives(found)

    def _by_path(self, call: SeenCall, caller: _Caller, path: RoutePath | None, route: str) -> CallOutcome:
        """What becomes of requests that a rule takes; None is for requests that none takes."""
        if path is None:
            return one(CallFate.NO_ENDPOINTS, "nowhere", f"No rule of {route} takes it, and the proxy answers 404.")
        if path.answer:
            fate = CallFate.FAULT if path.answer_fails else CallFate.WORKS
            return one(fate, path.answer, f"{path.title} answers it with {path.answer}.", path.by)
        branches = []
        if path.aborted:
            why = f"{path.title}: {path.aborts}."
            branches.append(CallBranch(share=path.aborted, fate=CallFate.FAULT, to="nowhere", why=why, by=path.by))
        left = 1.0 - path.aborted
        ends = [end for end in path.ends if end.share > 0]
        if left > 0 and not ends:
            why = f"{path.title} sends nowhere: it has no destination with a weight."
            branches.append(CallBranch(share=left, fate=CallFate.NO_ENDPOINTS, to="nowhere", why=why, by=path.by))
        for end in ends if left > 0 else ():
            branches += self._end(call, caller, end, (left,), path.by)
        return CallOutcome(tuple(branches))

    def _end(
        self, call: SeenCall, caller: _Caller, end: PathEnd, left: Sequence[float], by: str = ""
    ) -> Iterable[CallBranch]:
        """The branches of one destination; `left` is the share that a fault lets pass."""
        share = end.share * (left[0] if left else 1.0)
        config = caller.config if isinstance(caller.config, IstioConfig) else None
        # Without a proxy there are no subsets, and with a route's the caller's own rules.
        party = None if isinstance(caller.party, str) else caller.party
        place = (end.host, end.subset)
        spread = call if caller.seen is None or place in caller.seen else None
        found = self._destinations.of(end, caller.cluster, config if caller.has_proxy else None, party, call, spread)
        if isinstance(found, CallBranch):
            yield _scaled(found, share, by)
            return
        for server, part in found.servers:
            yield structs.replace(
                self._arrives(call, caller, server, found.host, end.subset, share * part, by), end=place
            )

    def _arrives(
        self,
        call: SeenCall,
        caller: _Caller,
        server: ReadyServer,
        host: Host | None,
        subset: str | None,
        share: float,
        by: str = "",
    ) -> CallBranch:
        arrival = self._arrivals.of(call, caller.party, server.party, host, subset)
        return CallBranch(
            share=share,
            fate=arrival.fate,
            to=_place(server.party, caller.cluster),
            server=server.party.id,
            why=arrival.why,
            by=arrival.by or (by if arrival.fate is CallFate.WORKS else ""),
            blind=arrival.blind,
        )

    def _direct(self, call: SeenCall, caller: _Caller) -> CallOutcome:
        """Calls to a workload for which telemetry names no host."""
        servers = [(self.mesh.parties.find(where), edge) for where, edge in call.by_server.items()]
        known = [party for party, _ in servers if party is not None]
        if not known:
            return one(CallFate.DEPENDS, call.service or "unknown", "Telemetry names no host, and nobody that answers.")
        left = [party for party in known if not self._destinations.gone(party.cluster)]
        if not left:
            where = _place(known[0], caller.cluster)
            why = f"{where} is gone, and telemetry names no host under which others could answer."
            return one(CallFate.NO_ENDPOINTS, where, why)
        return CallOutcome(
            tuple(self._arrives(call, caller, ReadyServer(party, 1), None, None, 1 / len(left)) for party in left)
        )

    def _passed(self, call: SeenCall, caller: _Caller, host: Host, hidden: str) -> CallOutcome:
        """Calls to a host that the caller's sidecar does not know: stopped, or passed to the address as they are."""
        stop = self._outbound(caller)
        if stop is None:
            return unread_outcome(host.name, f"{hidden}, unless outboundTrafficPolicy stops them, which was not read.")
        if stop == "REGISTRY_ONLY":
            why = f"{hidden.partition(':')[0]}, and outboundTrafficPolicy is REGISTRY_ONLY."
            return one(CallFate.UNREACHABLE, BLACK_HOLE, why, self._sidecar(caller))
        found = self._destinations.at_address(host, caller.cluster, call, None if caller.seen is not None else call)
        if isinstance(found, CallBranch):
            return CallOutcome((_scaled(found, 1.0, self._sidecar(caller)),))
        branches = []
        for server, part in found.servers:
            arrived = self._arrives(call, caller, server, host, None, part)
            branches.append(
                CallBranch(
                    share=arrived.share,
                    fate=arrived.fate,
                    to=PASSTHROUGH,
                    server=arrived.server,
                    why=arrived.why or f"{hidden}.",
                    by=arrived.by or self._sidecar(caller),
                    blind=arrived.blind,
                )
            )
        return CallOutcome(tuple(branches))

    def _unknown(self, call: SeenCall, asked: str, caller: _Caller) -> CallOutcome:
        """Calls to a host that nothing in the mesh defines."""
        if service_of(asked) is not None or (asked and "." not in asked and asked not in (PASSTHROUGH, BLACK_HOLE)):
            if not self._destinations.services_known(caller.cluster):
                return unread_outcome(asked, f"The Services of {caller.cluster or 'its cluster'} were not read.")
            return _unresolved(asked, caller.cluster)
        if not caller.has_proxy:
            return one(CallFate.WORKS, asked, "")
        stop = self._outbound(caller)
        if stop is None:
            return unread_outcome(PASSTHROUGH, "Whether unknown hosts may be called was not read.")
        if stop == "REGISTRY_ONLY" or asked == BLACK_HOLE:
            name = "The host" if asked in (PASSTHROUGH, BLACK_HOLE) else asked
            why = f"{name} is none of the mesh, and outboundTrafficPolicy is REGISTRY_ONLY."
            return one(CallFate.UNREACHABLE, BLACK_HOLE, why, self._sidecar(caller))
        return one(CallFate.WORKS, PASSTHROUGH, f"{asked} is none of the mesh: calls pass through.")

    def _outbound(self, caller: _Caller) -> str | None:
        """What becomes of calls to unknown hosts: ALLOW_ANY or REGISTRY_ONLY; None where that was not read."""
        config, client = caller.config, caller.client
        if isinstance(config, str):
            return None
        if client is not None and client.has_sidecar and not client.is_gateway:
            sidecar = config.visibility.sidecars.of(client.namespace, client.labels or {})
            mode = text(mapping(sidecar.spec.get("outboundTrafficPolicy")).get("mode")) if sidecar is not None else None
            if mode is not None:
                return mode
        member = self._members.get(config.cluster)
        if member is None or member.inventory is None or config.auto_mtls is None:
            return None
        return text(mapping(mesh_config(member.inventory).get("outboundTrafficPolicy")).get("mode")) or "ALLOW_ANY"

    def _captures_dns(self, caller: _Caller) -> bool:
        """Whether the caller's proxy answers DNS for hosts of other clusters."""
        config = caller.config
        member = self._members.get(config.cluster) if isinstance(config, IstioConfig) else None
        if member is None or member.inventory is None:
            return False
        written = mapping(mapping(mesh_config(member.inventory).get("defaultConfig")).get("proxyMetadata"))
        return str(written.get("ISTIO_META_DNS_CAPTURE", "")).lower() == "true"

    def _sidecar(self, caller: _Caller) -> str:
        config, client = caller.config, caller.client
        if isinstance(config, str) or client is None:
            return ""
        found = config.visibility.sidecars.of(client.namespace, client.labels or {})
        return title(found) if found is not None else ""

    def _obeys_routes(self, caller: _Caller, host: Host | None) -> bool:
        """Whether routes apply to a caller's requests for a host: ztunnel knows none, a waypoint does."""
        party = caller.party
        if isinstance(party, str) or not caller.has_proxy:
            return False
        if party.gateway or party.proxy is Proxy.SIDECAR:
            return True
        return host is not None and self._destinations.has_waypoint(host, caller.cluster)

    def _caller(self, call: SeenCall) -> _Caller:
        source, edge = call.source, call.edges[0]
        cluster = source.cluster or edge.destination.cluster
        key = (source, cluster, bool(edge.sums.mtls_ratio))
        if key not in self._known_callers:
            self._known_callers[key] = self._new_caller(call, cluster)
        return self._known_callers[key]

    def _new_caller(self, call: SeenCall, cluster: str) -> _Caller:
        source = call.source
        party = self.mesh.client(call.edges[0])
        config = self.mesh.config_of(cluster)
        client = None
        if source.workload and cluster in self._callers and isinstance(config, IstioConfig):
            member = self._members.get(config.cluster)
            objects = member.inventory.config if member is not None and member.inventory is not None else {}
            client = self._callers[cluster].client((source.namespace, source.workload), objects)
        return _Caller(cluster, party, client, config)

    def _host(self, call: SeenCall, name: str, caller: _Caller) -> Host | None:
        return self._destinations.find(name, caller.cluster, call.namespace)

    def _table(self, config: IstioConfig) -> RouteTable:
        if config.cluster not in self._tables:
            member = self._members.get(config.cluster)
            objects: Mapping[str, Sequence[object]] = {}
            if member is not None and member.inventory is not None:
                objects = member.inventory.config
            self._tables[config.cluster] = RouteTable(objects, config.visibility)  # type: ignore[arg-type]
        return self._tables[config.cluster]


def _place(party: Party, near: str) -> str:
    """A workload in words, with its cluster where that is another one than the caller's."""
    name = f"{party.namespace}/{party.name}"
    return name if party.cluster == near else f"{name} in {party.cluster}"


def _ports(host: Host, call: SeenCall) -> tuple[int, ...]:
    return tuple(port.number for port in host.ports_for(call.protocol))


def _unresolved(host: str, cluster: str) -> CallOutcome:
    return one(CallFate.UNREACHABLE, host, f"No Service {host} is in {cluster}: the name does not resolve there.")


def _scaled(branch: CallBranch, share: float, by: str) -> CallBranch:
    return structs.replace(branch, share=share, by=branch.by or by)


def _alternatives(found: Sequence[tuple[str, CallOutcome]]) -> CallOutcome:
    """The outcome where requests may take one of several rules: theirs if it is the same for all, else open."""
    first = found[0][1]
    if all(_alike(first, outcome) for _, outcome in found):
        return first
    if all(outcome.share(CallFate.WORKS, CallFate.DEPENDS) == 0 for _, outcome in found):
        return first
    told = " ".join(f"By {title_}: {_summary(outcome)}." for title_, outcome in found[:3])
    return one(CallFate.DEPENDS, first.branches[0].to if first.branches else "", f"It depends on the request. {told}")


def _alike(left: CallOutcome, right: CallOutcome) -> bool:
    def shape(outcome: CallOutcome) -> list[tuple[str, str, float]]:
        return sorted((b.to, b.fate.value, round(b.share, 6)) for b in outcome.branches)

    return shape(left) == shape(right)


def _summary(outcome: CallOutcome) -> str:
    parts = [f"{round(100 * b.share)} % to {b.to}" + ("" if b.fate is CallFate.WORKS else f" ({b.fate.value})") for b in
             outcome.branches[:3]]  # fmt: skip
    return ", ".join(parts) or "nowhere"
