"""Localities: where a host's endpoints are, where its traffic goes, and the effect of losing one cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.fleet.links import Site, known_domains
from meshtop.analysis.inventory.endpoints import ready_endpoints
from meshtop.analysis.inventory.virtual_machines import split_locality
from meshtop.model.constants import CLUSTER_DOMAIN, ISTIO_NAMESPACE
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import Inventory
from meshtop.model.mesh import VirtualMachine
from meshtop.model.row_maker import RowMaker, all_or_none
from meshtop.model.traffic import Edge

Load = tuple[float | None, float | None]
"""Requests and TCP bytes per second; None where there are none."""
DOUBLE = 2.0
_ALL_BUT_ROUNDING = 0.999
_ENDPOINT_KINDS = ("EndpointSlice", "WorkloadEntry")
"""Kinds that locate endpoints: of pods, and of virtual machines."""
_SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease", ISTIO_NAMESPACE})


class LocalityEndpoints(Struct, frozen=True, rename="camel", kw_only=True):
    """Number of ready endpoints at one place; fields of the place are None where unknown."""

    cluster: str
    region: str | None
    zone: str | None
    endpoints: int


class ClusterFlow(Struct, frozen=True, rename="camel", kw_only=True):
    """A host's traffic from one cluster to another, per second."""

    source: str
    target: str
    requests_per_second: float | None = None
    bytes_per_second: float | None = None


class HostLocality(Struct, frozen=True, kw_only=True):
    """A host: where its endpoints are, its traffic between clusters, and the ratio that crosses clusters or regions.

    The ratios are of requests where there are any, else of bytes; None without traffic, and of regions also where a
    cluster's region is not known.
    """

    host: str
    namespace: str
    mesh: str
    stands: tuple[LocalityEndpoints, ...]
    flows: tuple[ClusterFlow, ...]
    cross_cluster: float | None
    cross_region: float | None

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters that have an endpoint."""
        return tuple(dict.fromkeys(stand.cluster for stand in self.stands))


class EvacuationEffect(StrEnum):
    """Effect on a host of evacuating a cluster."""

    GONE = "gone"
    DOUBLES = "doubles"
    UNKNOWN = "unknown"
    GROWS = "grows"
    IDLE = "idle"


class EvacuatedHost(Struct, frozen=True, kw_only=True):
    """A host with endpoints in the evacuated cluster: how many remain where, and how their load grows.

    `factor` is the load of the remaining endpoints, after divided by before; None without load before or endpoints.
    """

    host: str
    namespace: str
    fate: EvacuationEffect
    leaving: int
    staying: int
    stays_in: tuple[str, ...]
    moved: Load
    factor: float | None
    why: str


def locate(
    sites: Sequence[Site], machines: Iterable[VirtualMachine], edges: Iterable[Edge]
) -> tuple[HostLocality, ...]:
    """Every host of every mesh that has endpoints or traffic, by mesh and host."""
    regions = {site.name: site.facts.region for site in sites}
    named = known_domains(sites)
    domains = {site.name: f"svc.{named.get(site.name, CLUSTER_DOMAIN)}" for site in sites}
    meshes = {site.name: site.facts.mesh or f"cluster {site.name}" for site in sites}
    found: dict[_HostKey, list[_Endpoint]] = {}
    for endpoint in (
        *_endpoints([s for s in sites if not s.facts.outside], domains),
        *_machine_endpoints(machines, regions, domains),
    ):
        found.setdefault((meshes[endpoint.cluster], endpoint.host), []).append(endpoint)
    flows = _flows(edges, meshes)
    return tuple(_located(mesh, host, found[mesh, host], flows.get((mesh, host), {}), regions)
                 for mesh, host in sorted(found))  # fmt: skip


class _Endpoint(Struct, frozen=True, kw_only=True):
    """A ready endpoint of a host (a pod or a machine) with its place."""

    host: str
    namespace: str
    cluster: str
    region: str | None
    zone: str | None


_HostKey = tuple[str, str]
"""Mesh and host."""


def _endpoints(sites: Iterable[Site], domains: Mapping[str, str]) -> Iterable[_Endpoint]:
    """The ready endpoints of every Service."""
    for site in sites:
        nodes = {node.meta.name: node for node in site.inventory.nodes}
        for endpoint in ready_endpoints(site.inventory.endpoint_slices):
            node = nodes.get(endpoint.node or "")
            yield _Endpoint(
                host=f"{endpoint.service}.{endpoint.namespace}.{domains[site.name]}",
                namespace=endpoint.namespace,
                cluster=site.name,
                region=(node.region if node is not None else None) or site.facts.region,
                zone=endpoint.zone or (node.zone if node is not None else None),
            )


def _machine_endpoints(
    machines: Iterable[VirtualMachine], regions: Mapping[str, str | None], domains: Mapping[str, str]
) -> Iterable[_Endpoint]:
    """Virtual machines that are not unhealthy, one endpoint for each Service that selects them.

    A machine's place is known by its locality only; the cluster that registers it may be elsewhere.
    """
    for machine in machines:
        if machine.healthy is False or machine.cluster not in regions:
            continue
        region, zone, _ = split_locality(machine.locality)
        for service in machine.services:
            yield _Endpoint(
                host=service if "." in service else f"{service}.{machine.namespace}.{domains[machine.cluster]}",
                namespace=machine.namespace,
                cluster=machine.cluster,
                region=region,
                zone=zone,
            )


def _located(
    mesh: str,
    host: str,
    endpoints: Sequence[_Endpoint],
    flows: Mapping[tuple[str, str], Load],
    regions: Mapping[str, str | None],
) -> HostLocality:
    counts: dict[tuple[str, str | None, str | None], int] = {}
    for endpoint in endpoints:
        place = (endpoint.cluster, endpoint.region, endpoint.zone)
        counts[place] = counts.get(place, 0) + 1

    def crosses_region(source: str, target: str) -> bool | None:
        known = regions.get(source) is not None and regions.get(target) is not None
        return regions[source] != regions[target] if known else None

    return HostLocality(
        host=host,
        namespace=endpoints[-1].namespace,
        mesh=mesh,
        stands=tuple(
            LocalityEndpoints(cluster=cluster, region=region, zone=zone, endpoints=count)
            for (cluster, region, zone), count in sorted(counts.items(), key=str)
        ),
        flows=tuple(
            ClusterFlow(source=source, target=target, requests_per_second=load[0], bytes_per_second=load[1])
            for (source, target), load in sorted(flows.items())
        ),
        cross_cluster=_share(flows, lambda source, target: source != target),
        cross_region=_share(flows, crosses_region),
    )


def endpoints_unread(cluster: str, inventory: Inventory | None) -> tuple[Unknown, ...]:
    """What is unknown about the endpoints in a cluster; inventory None: nothing of the cluster was read."""
    if inventory is None:
        return (Unknown("every endpoint", cluster, WhyUnknown.UNREACHABLE),)
    return tuple(Unknown(kind, cluster, why) for kind, why in inventory.unread(*_ENDPOINT_KINDS))


def evacuation_effect(
    cluster: str,
    hosts: Sequence[HostLocality],
    unmeasured: Iterable[str] = (),
    *,
    perhaps: Iterable[str] = (),
    unread: Iterable[str] = (),
    losses: Mapping[str, tuple[float, str]] = {},
    rows: RowMaker = all_or_none,
) -> tuple[EvacuatedHost, ...]:
    """The effect on every host with endpoints in a cluster if that cluster takes no more traffic.

    Traffic that the cluster serves now goes to the remaining endpoints: that of its own callers as it comes in
    elsewhere, and that of others but for what the forecast of calls says would fail. `losses` tells this by host, in
    lower case: the share (0 to 1) of what others call there, and why.
    `unmeasured` names clusters without telemetry: the load of hosts there is unknown. `perhaps` names
    clusters that may belong to its mesh, and `unread` those, in its mesh or perhaps in it, whose endpoints are unknown:
    a host without endpoints in its mesh is gone only if none of those may have some. `rows` (kind whatif) makes the
    hosts' answers.
    """
    silent, unread = frozenset(unmeasured), frozenset(unread) - {cluster}
    elsewhere: dict[str, set[str]] = {}
    for host in hosts:
        elsewhere.setdefault(host.host, set()).update(host.clusters)
    found = rows(
        "whatif",
        [host for host in hosts if cluster in host.clusters],
        lambda host: _evacuated(
            cluster, host, silent, (frozenset(perhaps) & elsewhere[host.host]) | unread, losses.get(host.host.lower())
        ),
    )
    order = tuple(EvacuationEffect)
    wanted = [one for one in found if one.namespace not in _SYSTEM]
    return tuple(
        sorted(wanted, key=lambda e: (order.index(e.fate), -(e.moved[0] or 0.0), -(e.moved[1] or 0.0), e.host))
    )


def _evacuated(
    cluster: str,
    host: HostLocality,
    silent: frozenset[str],
    perhaps: frozenset[str],
    loss: tuple[float, str] | None = None,
) -> EvacuatedHost:
    """The effect on one host; `perhaps` are clusters that may belong to its mesh and have endpoints of it.

    `loss` is the share of what other clusters call there that would fail, with the reason.
    """
    leaving = sum(stand.endpoints for stand in host.stands if stand.cluster == cluster)
    staying = sum(stand.endpoints for stand in host.stands if stand.cluster != cluster)
    stays_in = tuple(name for name in host.clusters if name != cluster)
    moved = _total(flow for flow in host.flows if flow.target == cluster)
    kept = _total(flow for flow in host.flows if flow.target != cluster)
    unit = 0 if (moved[0] or kept[0]) else 1
    called = _total(flow for flow in host.flows if flow.target == cluster != flow.source)[unit] or 0.0
    lost, broken = loss if loss is not None else (0.0, "")
    amount, base = (moved[unit] or 0.0) - lost * called, kept[unit] or 0.0
    factor = (amount + base) / base if base else None
    if not staying and perhaps:
        fate = EvacuationEffect.UNKNOWN
        why = f"no endpoint is left, unless {' or '.join(sorted(perhaps))} has some (unknown)"
    elif not staying:
        fate, why = EvacuationEffect.GONE, "no endpoint is left"
    elif lost > _ALL_BUT_ROUNDING and called:
        fate, why = EvacuationEffect.GONE, f"what other clusters call there fails: {broken}"
    elif silent & {cluster, *stays_in}:
        fate, why = (
            EvacuationEffect.UNKNOWN,
            f"the traffic of {', '.join(sorted(silent & {cluster, *stays_in}))} is not known",
        )
    elif not amount:
        fate, why = EvacuationEffect.IDLE, f"it had no traffic in {cluster}"
    elif factor is None:
        fate, why = EvacuationEffect.DOUBLES, f"{', '.join(stays_in)} had no load and gets all of it"
    else:
        fate = EvacuationEffect.DOUBLES if factor >= DOUBLE else EvacuationEffect.GROWS
        why = f"the load in {', '.join(stays_in)} grows to {factor:.1f} times"
    return EvacuatedHost(
        host=host.host,
        namespace=host.namespace,
        fate=fate,
        leaving=leaving,
        staying=staying,
        stays_in=stays_in,
        moved=moved,
        factor=factor if staying else None,
        why=why,
    )


def _flows(edges: Iterable[Edge], meshes: Mapping[str, str]) -> dict[tuple[str, str], dict[tuple[str, str], Load]]:
    flows: dict[tuple[str, str], dict[tuple[str, str], Load]] = {}
    for edge in edges:
        source, target = edge.source.cluster or edge.destination.cluster, edge.destination.cluster
        if not edge.destination.service or target not in meshes:
            continue
        between = flows.setdefault((meshes[target], edge.destination.service.lower()), {})
        sums = edge.sums
        size = None if sums.sent is None and sums.received is None else (sums.sent or 0.0) + (sums.received or 0.0)
        before = between.get((source, target), (None, None))
        between[source, target] = (_plus(before[0], sums.requests), _plus(before[1], size))
    return flows


def _plus(left: float | None, right: float | None) -> float | None:
    return right if left is None else left if right is None else left + right


def _total(flows: Iterable[ClusterFlow]) -> Load:
    requests: float | None = None
    size: float | None = None
    for flow in flows:
        requests, size = _plus(requests, flow.requests_per_second), _plus(size, flow.bytes_per_second)
    return requests, size


def _share(known: Mapping[tuple[str, str], Load], crosses: Callable[[str, str], bool | None]) -> float | None:
    """The ratio of traffic that crosses, among traffic of which that is known."""
    unit = 0 if any(load[0] for load in known.values()) else 1
    judged = [(crosses(*pair), load[unit] or 0.0) for pair, load in known.items()]
    total = sum(amount for crossing, amount in judged if crossing is not None)
    return sum(amount for crossing, amount in judged if crossing) / total if total else None
