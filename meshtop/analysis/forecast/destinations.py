"""Where a destination of a route leads: the host, its subset, and the workloads with ready pods behind it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.authorization.waypoints import WaypointBindings
from meshtop.analysis.canary.backends import KnownHosts, service_of
from meshtop.analysis.canary.backing import Backing, MemberBacking
from meshtop.analysis.canary.routes import RouteDestination
from meshtop.analysis.forecast.calls import SeenCall, rate_of
from meshtop.analysis.forecast.departure import Departure
from meshtop.analysis.forecast.outcome import CallBranch, CallFate
from meshtop.analysis.forecast.paths import PathEnd
from meshtop.analysis.inventory.endpoints import ready_endpoints
from meshtop.analysis.inventory.untyped import mapping
from meshtop.analysis.security.mtls.client import AppliedRule, rule_tls
from meshtop.analysis.security.mtls.config import IstioConfig, MeshMember
from meshtop.analysis.security.mtls.hosts import Host
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.parties import Party
from meshtop.analysis.visibility.selection import title
from meshtop.model.kube import Inventory


class ReadyServer(Struct, frozen=True):
    """A workload with so many ready pods behind a destination."""

    party: Party
    pods: int


class ReachedServers(Struct, frozen=True):
    """The workloads behind a destination, each with its share (0 to 1) of what goes there."""

    host: Host
    servers: tuple[tuple[ReadyServer, float], ...]


class Destinations:
    """The hosts of all clusters under one configuration; `reference` is that in which calls were seen."""

    def __init__(self, mesh: MeshTls, members: Sequence[MeshMember], reference: Destinations | None = None) -> None:
        self._mesh = mesh
        self._reference = reference
        self._departure: Departure | None = None
        read = [(m, m.inventory) for m in members if m.inventory is not None]
        self._read = {m.name: m for m, _ in read}
        self._backing = {m.name: self._backing_of(m, inventory) for m, inventory in read}
        self._found: dict[tuple[str, str, frozenset[tuple[str, str]]], list[Backing]] = {}
        self._known = {
            m.name: KnownHosts(inventory, m.facts.cluster_domain if m.facts is not None else None)
            for m, inventory in read
        }
        self._inventories = {m.name: inventory for m, inventory in read}
        self._waypoints = {m.name: WaypointBindings(inventory, m.workloads, None) for m, inventory in read}

    def without(self, departure: Departure) -> Destinations:
        """The same hosts, where nothing in one cluster answers any more."""
        found = copy.copy(self)
        found._reference, found._departure = self, departure
        return found

    def gone(self, cluster: str) -> bool:
        """Whether nothing in a cluster answers any more."""
        return self._departure is not None and cluster == self._departure.cluster

    def _backing_of(self, member: MeshMember, inventory: Inventory) -> MemberBacking:
        """The workloads of a cluster; those of the reference where pods and Services are the same there."""
        before = self._reference._read.get(member.name) if self._reference is not None else None
        was = before.inventory if before is not None else None
        if self._reference is not None and before is not None and was is not None:
            parts = ("pods", "services", "controllers")
            same = all(getattr(was, part) is getattr(inventory, part) for part in parts)
            if (
                same
                and was.kinds == inventory.kinds
                and before.machines == member.machines
                and before.workloads == member.workloads
            ):
                return self._reference._backing[member.name]
        return MemberBacking(inventory, member.workloads, member.machines)

    def _backings(self, cluster: str, host: str, labels: Mapping[str, str]) -> Sequence[Backing]:
        """What is behind a host in a cluster with some labels; worked out once."""
        backing = self._backing.get(cluster)
        if backing is None:
            return ()
        reference = self._reference
        if reference is not None and backing is reference._backing.get(cluster):
            return reference._backings(cluster, host, labels)
        key = (cluster, host, frozenset(labels.items()))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = backing.behind(service_of(host), host, labels)
        return found

    def find(self, name: str, cluster: str, namespace: str = "") -> Host | None:
        """The host that a caller in a cluster means, in that cluster or another one of its mesh."""
        for one in self._mesh.mesh_of(cluster):
            hosts = self._mesh.hosts_of(one)
            found = hosts.find(name, namespace) if hosts is not None and name else None
            if found is not None:
                return found
        return None

    def resolves(self, host: Host, cluster: str) -> bool:
        """Whether a host is one in the cluster itself, so that its DNS knows it; hosts of ServiceEntries count too."""
        if service_of(host.name) is None or not self.services_known(cluster):
            return True
        hosts = self._mesh.hosts_of(cluster)
        return hosts is None or hosts.find(host.name, host.namespace) is not None

    def services_known(self, cluster: str) -> bool:
        """Whether the Services of a cluster were read."""
        inventory = self._inventories.get(cluster)
        return inventory is not None and inventory.evidence("Service").known

    def has_waypoint(self, host: Host, cluster: str) -> bool:
        """Whether calls of ambient workloads to a host go through a waypoint."""
        bindings = self._waypoints.get(cluster)
        bound = bindings.of(host.namespace, host.service, {}) if bindings is not None else None
        return bound is not None and bound.takes(service=True)

    def of(
        self,
        end: PathEnd,
        cluster: str,
        config: IstioConfig | None,
        client: Party | None,
        call: SeenCall,
        spread: SeenCall | None,
    ) -> ReachedServers | CallBranch:
        """The workloads of a destination, or the branch in which calls to it end before they reach one.

        `config` are the rules that the caller's proxy obeys, None for one without a proxy. `spread` are the calls in
        which it was seen how those to this destination spread over workloads, None where ready pods tell it.
        """
        host = self.find(end.host, cluster)
        if host is None:
            if not self.services_known(cluster):
                return _unread(end.host, f"The Services of {cluster or 'its cluster'} were not read.")
            return _branch(CallFate.NO_ENDPOINTS, end.host, f"{end.host or 'A host without a name'} does not exist.")
        if end.refused is not None:
            return _branch(CallFate.NO_ENDPOINTS, end.host, end.refused + ".")
        labels: Mapping[str, str] = {}
        rule = None
        if config is not None and client is not None:
            rule = config.rule(
                host.name,
                client_namespace=client.namespace,
                client_labels=client.labels,
                service_namespace=host.namespace,
            )
        if end.subset and config is not None:
            subset = self._subset(end.subset, rule, host, config, client)
            if isinstance(subset, CallBranch):
                return subset
            labels = subset
        return self._behind(host, labels, end, self._mesh.mesh_of(cluster), (call, spread), rule)

    def at_address(
        self, host: Host, cluster: str, call: SeenCall, spread: SeenCall | None
    ) -> ReachedServers | CallBranch:
        """The workloads behind the address of a host in the caller's own cluster, which no rule of Istio's changes."""
        return self._behind(host, {}, PathEnd(host=host.name), (cluster,), (call, spread), None)

    def _subset(
        self, name: str, rule: AppliedRule | None, host: Host, config: IstioConfig, client: Party | None
    ) -> Mapping[str, str] | CallBranch:
        """The labels of a subset, or the branch of calls to one that the caller's proxy does not know."""
        subset = rule.subset(name) if rule is not None else None
        if subset is not None:
            return {str(key): str(value) for key, value in mapping(subset.get("labels")).items()}
        if config.no_rules is not None:
            return _unread(host.name, config.no_rules)
        if client is not None:
            places: dict[str, Any] = {
                "client_namespace": client.namespace,
                "client_labels": client.labels,
                "service_namespace": host.namespace,
            }
            unsure = config.assumption(host.name, **places)
            if unsure is not None:
                return _unread(host.name, f"Which DestinationRule applies is not known: {unsure}.")
        if rule is not None:
            why = f"{rule.title} has no subset {name}, so that the proxy has nowhere to send to."
        else:
            why = f"No DestinationRule for {host.name} applies, and so there is no subset {name} to send to."
        return _branch(CallFate.NO_ENDPOINTS, f"{host.name} {name}", why)

    def _behind(
        self,
        host: Host,
        labels: Mapping[str, str],
        end: PathEnd,
        clusters: Sequence[str],
        calls: tuple[SeenCall, SeenCall | None],
        rule: AppliedRule | None,
    ) -> ReachedServers | CallBranch:
        service = service_of(host.name)
        destination = RouteDestination(name=host.service, host=host.name, subset=end.subset)
        shown = [self._known[one] for one in clusters if one in self._known]
        found, lost = self._ready(host, labels, clusters)
        if lost and self._departure is not None:
            ended = self._left(self._departure, host, labels, found, calls[0], clusters[0])
            if isinstance(ended, CallBranch):
                return ended
            found = ended
        if not found and not all(known.shows_endpoints(destination) for known in shown):
            if service is not None and self._departure is not None and self._only_there(service, clusters):
                gone = self._departure.cluster
                why = f"Its endpoints are written by hand in {gone}, and whether they go with it is not known."
                return _branch(CallFate.DEPENDS, host.name, why, f"Service {service[0]}/{service[1]}")
            return self._opaque(host, clusters[0] if clusters else "", rule)
        if not found and not all(self._backing[one].knows_pods(service) for one in clusters if one in self._backing):
            return _unread(host.name, f"The pods behind {host.name} were not read.")
        if not found:
            what = f"subset {end.subset} of {host.name}" if end.subset else host.name
            chosen = f" ({', '.join(f'{k}={v}' for k, v in sorted(labels.items()))})" if labels else ""
            why = f"No ready pod is behind {what}{chosen}."
            by = "" if end.subset or service is None else f"Service {service[0]}/{service[1]}"
            return _branch(CallFate.NO_ENDPOINTS, f"{host.name} {end.subset or ''}".rstrip(), why, by)
        return ReachedServers(host, _shares(found, *calls, clusters[0]))

    def _only_there(self, service: tuple[str, str], clusters: Sequence[str]) -> bool:
        """Whether endpoints of a Service are written in the cluster that leaves, and in no other."""
        having = {
            cluster
            for cluster in clusters
            if (inventory := self._inventories.get(cluster)) is not None
            and any((one.namespace, one.service) == service for one in ready_endpoints(inventory.endpoint_slices))
        }
        return bool(having) and all(map(self.gone, having))

    def _ready(
        self, host: Host, labels: Mapping[str, str], clusters: Sequence[str]
    ) -> tuple[list[ReadyServer], list[ReadyServer]]:
        """The workloads with ready pods behind a host, and those of them in the cluster that takes nothing any more."""
        found: list[ReadyServer] = []
        lost: list[ReadyServer] = []
        for cluster in clusters:
            for one in self._backings(cluster, host.name, labels):
                party = next(
                    (p for name in one.names if (p := self._mesh.parties.find((cluster, one.namespace, name)))), None
                )
                if party is not None and one.pods.ready:
                    (lost if self.gone(cluster) else found).append(ReadyServer(party, one.pods.ready))
        return found, lost

    def _left(
        self,
        departure: Departure,
        host: Host,
        labels: Mapping[str, str],
        found: Sequence[ReadyServer],
        call: SeenCall,
        near: str,
    ) -> list[ReadyServer] | CallBranch:
        """The workloads that a caller's cluster still reaches, of those that are left; else how its calls end."""
        gone = departure.cluster
        if not found:
            others = [one for one in sorted(departure.perhaps) if self._ready(host, labels, (one,))[0]]
            unsure = sorted({*others, *departure.unread} - {gone})
            if unsure:
                why = f"No ready pod is left behind {host.name}, unless {' or '.join(unsure)} has some (unknown)."
                return _unread(host.name, why)
            return _branch(CallFate.NO_ENDPOINTS, host.name, f"No ready pod is left behind {host.name}.")
        seen = {where[0] for where in call.by_server} | {near}
        reached = [one for one in found if one.party.cluster in seen]
        if not reached:
            # Nobody was seen to go there from here, so that the links between clusters have to tell whether one can.
            links = [(one, departure.reaches(near, one.party.cluster, host.name)) for one in found]
            reached = [one for one, up in links if up]
            places = " and ".join(sorted({one.party.cluster for one in found}))
            if not reached and any(up is None for _, up in links):
                why = f"Endpoints are left in {places}, and whether {near} reaches them is not known."
                return _unread(host.name, why)
            if not reached:
                why = f"Endpoints are left only in {places}, which {near} does not reach."
                return _branch(CallFate.UNREACHABLE, host.name, why)
        if near in departure.orphans:
            why = f"Proxies of {near} keep the endpoints of {gone} that they know: their control plane goes with it."
            return _branch(CallFate.DEPENDS, host.name, why)
        return reached

    def _opaque(self, host: Host, cluster: str, rule: AppliedRule | None) -> CallBranch:
        """A host whose endpoints are not seen: outside of the mesh, or behind addresses; it works as it did before."""
        if self._reference is not None:
            before = self._reference.written(host.name, cluster)
            if before is not None and before != self.written(host.name, cluster):
                entry = self._known[cluster].entry(host.name) if cluster in self._known else None
                by = title(entry) if entry is not None else ""
                why = f"{by or host.name} is another one, and what answers there is not seen."
                return _branch(CallFate.DEPENDS, host.name, why, by)
        mode, where = rule_tls(rule, port=None, subset=None)
        tls = f" with TLS {mode}" if mode is not None else ""
        return _branch(CallFate.WORKS, f"{host.name}{tls}", "", rule.title + where if rule is not None and tls else "")

    def written(self, host: str, cluster: str) -> object:
        """What defines a host whose endpoints are not seen, as it is written; None where nothing does."""
        known = self._known.get(cluster)
        entry = known.entry(host) if known is not None else None
        if entry is not None:
            return {key: value for key, value in entry.spec.items() if key != "exportTo"}
        service = known.services.get(service_of(host) or ("", "")) if known is not None else None
        return (service.external_name, service.ports) if service is not None else None


def _shares(
    found: Sequence[ReadyServer], call: SeenCall, spread: SeenCall | None, near: str
) -> tuple[tuple[ReadyServer, float], ...]:
    """How calls spread over workloads: as they were seen to (`spread`), else by ready pods.

    Workloads in clusters that no call was seen to go to count only where there is nothing else.
    """
    seen = {where: rate_of(edge) for where, edge in (spread.by_server if spread is not None else {}).items()}
    places = {where[0] for where in call.by_server} | {near}
    likely = [one for one in found if one.party.cluster in places] or list(found)
    rates = [seen.get(one.party.id, 0.0) for one in likely]
    weights = rates if all(rates) else [float(one.pods) for one in likely]
    total = sum(weights) or 1.0
    return tuple((one, weight / total) for one, weight in zip(likely, weights, strict=True))


def _branch(fate: CallFate, to: str, why: str, by: str = "") -> CallBranch:
    return CallBranch(share=1.0, fate=fate, to=to, why=why, by=by)


def _unread(to: str, why: str) -> CallBranch:
    return CallBranch(share=1.0, fate=CallFate.DEPENDS, to=to, why=why, blind=True)
