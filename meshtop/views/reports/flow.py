"""The flow through one thing of the graph: its callers, itself, and whom it calls, as the console's Flow shows them.

What is asked for every node (neighbours, who serves the same, since when it is ill) is worked out once for a picture,
so that a walk from node to node costs the same in a mesh of ten thousand services as in one of a hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from meshtop.analysis.graph.build import GraphOptions, ends_of
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.pipe import CallShare, PassingWay, call_share, calls_into, calls_out_of, passing_way
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, Level, NodeKind
from meshtop.analysis.traffic.health import SEVERITY
from meshtop.model.state import HealthStatus
from meshtop.model.traffic import Peer, Sums, Target
from meshtop.views.frame.detail import find_item
from meshtop.views.kinds.edges import VIEW
from meshtop.views.picture.memory import Key
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.item import AttentionItem
from meshtop.views.reports.attention.view import attention
from meshtop.views.reports.graph import (
    GROUPINGS,
    Sight,
    is_group,
    lost_in_graph,
    path_of,
    place_of_row,
    service_graph,
    tenants,
)

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

MOST_HOPS = 3
MOST_BEYOND = 4
"""Calls of a caller's callers (or a callee's callees) that are shown below it; the others are counted."""
_BAD = (HealthStatus.FAILING, HealthStatus.DEGRADED)
_LEVELS = {
    NodeKind.CLUSTER: Level.CLUSTERS,
    NodeKind.TENANT: Level.TENANTS,
    NodeKind.NAMESPACE: Level.NAMESPACES,
    NodeKind.SERVICE: Level.SERVICES,
    NodeKind.WORKLOAD: Level.WORKLOADS,
}

EndName = tuple[str, str, str]
"""Cluster, namespace, and workload, or the service that was asked for where no workload is known."""


class FlowCall(Struct, frozen=True, kw_only=True):
    """One call of a side: the node at its far end, and what part it is of all that enters or leaves its near end.

    `beyond` are the calls one hop further out, the important ones first, of which `more` are not among them.
    """

    node: GraphNode
    edge: GraphEdge
    share: CallShare
    beyond: tuple[FlowCall, ...] = ()
    more: int = 0


class FlowWay(Struct, frozen=True):
    """The way through the centre: nodes from the first caller to the last callee, and the centre's place."""

    nodes: tuple[GraphNode, ...]
    at: int


class Flow(Struct, frozen=True, kw_only=True):
    """One thing with its callers and callees, the important ones first: what hurts, then by rate.

    A call to itself is among the callees. `twins` are the same service in other clusters, `ill` is the item of
    attention that is about it, None where nothing is known to be wrong. `lost` says what a defect keeps out.
    """

    centre: GraphNode
    level: Level
    callers: tuple[FlowCall, ...]
    callees: tuple[FlowCall, ...]
    way: FlowWay
    twins: tuple[GraphNode, ...] = ()
    ill: AttentionItem | None = None
    lost: str = ""


class FlowIndex(Struct, frozen=True, kw_only=True):
    """What is worked out once for a picture, a scope and a level.

    `homes` is the node of each end of a call, `twins` are nodes of one name by their path without the cluster, `ill` is
    what attention says of nodes, and `worst` the nodes to look at first, the worst by impact.
    """

    lookup: GraphLookup
    homes: Mapping[EndName, str]
    twins: Mapping[tuple[str, ...], tuple[str, ...]]
    ill: Mapping[str, AttentionItem]
    worst: tuple[str, ...]


_FLOWS: Key[FlowIndex] = Key("the index of flows")


def flow_sight(level: Level, *, idle: bool = True) -> Sight:
    """The sight of the whole graph at a level, with nothing opened, closed or focused."""
    grouping = GROUPINGS[1][1] if level is Level.TENANTS else Sight().grouping
    return Sight(level=level, grouping=grouping, idle=idle)


def level_of(node_id: str, fallback: Level) -> Level:
    """The level at which a node of that id stands; what is outside of the mesh stands at every level."""
    kind = node_id.partition("/")[0]
    return next((level for of, level in _LEVELS.items() if of.value == kind), fallback)


def flow_index(picture: Picture, query: Query, sight: Sight) -> FlowIndex:
    """The index of a picture for a scope and a level, made at the first call. Raises FilterError."""
    return picture.cached(_FLOWS.at(query, sight), lambda: _index(picture, query, sight))


def _index(picture: Picture, query: Query, sight: Sight) -> FlowIndex:
    lookup = GraphLookup(service_graph(picture, query, sight))
    homes: dict[EndName, str] = {}
    ends = ends_of(picture.edges, GraphOptions(level=sight.level, grouping=sight.grouping, tenants=tenants(picture)))
    for edge, (source, target) in zip(picture.edges, ends, strict=True):
        homes.setdefault(_end_name(edge.source), source)
        homes[_end_name(edge.destination)] = target
    twins: dict[tuple[str, ...], list[str]] = {}
    for node in lookup.nodes.values():
        if node.cluster and not is_group(node) and len(path_of(node)) > 1:
            twins.setdefault(_without_cluster(node), []).append(node.id)
    ill, looked_at = _ill(picture, query, homes, ends, lookup)
    hurt = [edge.target for edge in lookup.worst if edge.health.status in _BAD]
    return FlowIndex(
        lookup=lookup,
        homes=homes,
        twins={name: tuple(found) for name, found in twins.items() if len(found) > 1},
        ill=ill,
        worst=tuple(dict.fromkeys((*looked_at, *hurt))),
    )


def _end_name(end: Peer | Target) -> EndName:
    asked = end.service if isinstance(end, Target) else ""
    return end.cluster, end.namespace, end.workload or asked or end.app


def _without_cluster(node: GraphNode) -> tuple[str, ...]:
    return (node.id.partition("/")[0], *path_of(node)[1:])


def _ill(
    picture: Picture, query: Query, homes: Mapping[EndName, str], ends: Sequence[tuple[str, str]], lookup: GraphLookup
) -> tuple[dict[str, AttentionItem], list[str]]:
    """What attention says of each node, and the nodes of what nobody acknowledged, the worst first."""
    targets: dict[str, str] | None = None
    found: dict[str, AttentionItem] = {}
    order: list[str] = []
    for item in attention(picture, query):
        for thing in item.about:
            if thing.kind == "edges":
                if targets is None:
                    keys = map(VIEW.key, VIEW.all_items(picture))
                    targets = {key: target for key, (_, target) in zip(keys, ends, strict=True)}
                node = targets.get(thing.key)
            else:
                node = _node_of_row(picture, thing.kind, thing.key, homes, lookup)
            if node is None or node not in lookup.nodes:
                continue
            found.setdefault(node, item)
            if item.acknowledged is None:
                order.append(node)
    return found, order


def _node_of_row(
    picture: Picture, kind: str, key: str, homes: Mapping[EndName, str], lookup: GraphLookup
) -> str | None:
    item = find_item(picture, kind, key)
    place = place_of_row(kind, item, picture) if item is not None else None
    if place is None or place[1] in lookup.nodes:
        return None if place is None else place[1]
    return _home(place[1], homes)


def _home(node_id: str, homes: Mapping[EndName, str]) -> str | None:
    """The node in which a workload of a finer level is drawn."""
    parts = [unquote(part) for part in node_id.split("/")[1:]]
    return homes.get((parts[0], parts[1], parts[2])) if len(parts) == 3 else None


def first_centre(index: FlowIndex) -> str | None:
    """What to look at first: the worst by impact, else what is asked most; None for an empty graph."""
    if index.worst:
        return index.worst[0]
    nodes = index.lookup.nodes.values()
    busiest = max(nodes, key=lambda n: (n.inbound.requests or 0.0, n.outbound.requests or 0.0, n.id), default=None)
    return None if busiest is None else busiest.id


def flow_of(picture: Picture, query: Query, sight: Sight, at: str | None, *, hops: int = 1) -> Flow | None:
    """The flow through the node `at` (None: what to look at first), seen `hops` calls far; None if it has no calls.

    A workload stands for the service that it is drawn in where the level is coarser. Raises FilterError.
    """
    index = flow_index(picture, query, sight)
    found = flow_in(index, first_centre(index) if at is None else at, hops=hops)
    return None if found is None else replace(found, level=sight.level, lost=lost_in_graph(picture))


def flow_in(index: FlowIndex, at: str | None, *, hops: int = 1) -> Flow | None:
    """The flow through a node of an index; None if it has no calls. Its costs are those of the calls that it shows."""
    lookup = index.lookup
    if at is not None and at not in lookup.nodes:
        at = _home(at, index.homes)
    centre = lookup.node(at)
    if centre is None:
        return None
    return Flow(
        centre=centre,
        level=level_of(centre.id, Level.SERVICES),
        callers=_side(lookup, centre, hops, {centre.id}, forward=False)[0],
        callees=_side(lookup, centre, hops, {centre.id}, forward=True)[0],
        way=_named_way(lookup, passing_way(lookup, centre.id)),
        twins=tuple(lookup.nodes[name] for name in _twins(index, centre) if name != centre.id),
        ill=index.ill.get(centre.id),
    )


def _named_way(lookup: GraphLookup, way: PassingWay) -> FlowWay:
    return FlowWay(tuple(lookup.nodes[name] for name in way.nodes), way.at)


def _twins(index: FlowIndex, centre: GraphNode) -> tuple[str, ...]:
    if is_group(centre) or not centre.cluster or len(path_of(centre)) < 2:
        return ()
    return index.twins.get(_without_cluster(centre), ())


def _side(
    lookup: GraphLookup, node: GraphNode, hops: int, above: Iterable[str], *, forward: bool, most: int | None = None
) -> tuple[tuple[FlowCall, ...], int]:
    """The calls of one side of a node, with what is beyond them; and how many were left out."""
    edges = calls_out_of(lookup, node.id) if forward else calls_into(lookup, node.id)
    whole = _counted(edges)
    shown = edges if most is None else edges[:most]
    return tuple(_call(lookup, edge, whole, hops, above, forward=forward) for edge in shown), len(edges) - len(shown)


def _counted(edges: Iterable[GraphEdge]) -> Sums:
    """What of the sums of calls is needed to tell shares; adding histograms, too, would be most of a step's work."""
    requests = errors = sent = received = None
    for edge in edges:
        sums = edge.sums
        requests = _plus(requests, sums.requests)
        errors = _plus(errors, sums.errors)
        sent = _plus(sent, sums.sent if sums.requests is None else None)
        received = _plus(received, sums.received if sums.requests is None else None)
    return Sums(requests=requests, errors=errors, sent=sent, received=received)


def _plus(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else a + b


def _call(
    lookup: GraphLookup, edge: GraphEdge, whole: Sums, hops: int, above: Iterable[str], *, forward: bool
) -> FlowCall:
    far = lookup.nodes[edge.target if forward else edge.source]
    share = call_share(edge.sums, whole)
    if hops <= 1 or far.id in above:
        return FlowCall(node=far, edge=edge, share=share)
    beyond, more = _side(lookup, far, hops - 1, {*above, far.id}, forward=forward, most=MOST_BEYOND)
    return FlowCall(node=far, edge=edge, share=share, beyond=beyond, more=more)


def at_level(picture: Picture, query: Query, before: Sight, at: str, after: Sight) -> str | None:
    """The node at another level that stands for `at`: what it is in, or the worst, then busiest, of what is in it."""
    old, new = flow_index(picture, query, before), flow_index(picture, query, after)
    if at in new.lookup.nodes:
        return at
    inside = {new.homes[end] for end, home in old.homes.items() if home == at and end in new.homes}
    nodes = [new.lookup.nodes[name] for name in inside if name in new.lookup.nodes]
    return max(nodes, key=_standing).id if nodes else None


def _standing(node: GraphNode) -> tuple[int, float, str]:
    severity = SEVERITY[node.health.status] if node.health is not None else 0
    return severity, (node.inbound.requests or 0.0) + (node.outbound.requests or 0.0), node.id
