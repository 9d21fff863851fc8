"""The service graph of a Picture: selection, level, and lookup of nodes by name.

The console and `meshtop graph` share this; the graph itself is pure (meshtop.analysis.graph).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from meshtop.analysis.graph.build import GraphOptions, build_graph, ends_of, has_more_nodes, make_id
from meshtop.analysis.graph.fold import FoldPlan, fold_graph
from meshtop.analysis.graph.geometry import LayoutOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.select import focus, paths_between, restrict
from meshtop.analysis.graph.service_graph import GraphNode, Level, NodeKind, ServiceGraph
from meshtop.model.errors import MeshtopError
from meshtop.model.row_maker import RowMaker
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Edge
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import view
from meshtop.views.kinds.edges import VIEW, CallId, EdgeItem, identity
from meshtop.views.kinds.services import health_of_service
from meshtop.views.picture.memory import Key
from meshtop.views.picture.query import Query, name_matches

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

Grouping = tuple[NodeKind, ...]
BY_CLUSTER: Grouping = (NodeKind.CLUSTER, NodeKind.NAMESPACE)
GROUPINGS: tuple[tuple[str, Grouping], ...] = (
    ("by cluster", BY_CLUSTER),
    ("by cluster and tenant", (NodeKind.CLUSTER, NodeKind.TENANT, NodeKind.NAMESPACE)),
    ("by tenant", (NodeKind.TENANT, NodeKind.NAMESPACE)),
    ("clusters as one", (NodeKind.NAMESPACE,)),
)
"""Groupings of nodes into frames, from the outside in, with their names."""

_LEVEL_OF = {NodeKind.CLUSTER: Level.CLUSTERS, NodeKind.TENANT: Level.TENANTS, NodeKind.NAMESPACE: Level.NAMESPACES}
GROUP_KINDS = tuple(_LEVEL_OF)
_ROW_KINDS = {"cluster": "clusters", "namespace": "namespaces", "service": "services", "workload": "workloads"}


MOST_READABLE = 60
"""Maximum number of boxes of an initial drawing, for readability."""
_CELLS_PER_NODE = 60
_OVER = 1.25
"""Maximum size of an initial drawing relative to the screen."""


_GRAPH: Key[ServiceGraph] = Key("the graph")
_TENANTS: Key[dict[tuple[str, str], str]] = Key("the graph's tenants")
_BEHIND: Key[_Behind] = Key("the edges behind the graph")
_KIND = "graph"
"""Under which the picture keeps what a defect kept out of the graph."""
UNTOLD = Health(HealthStatus.UNKNOWN, ("A defect of meshtop: its health could not be told. The log has it.",))

Thing = TypeVar("Thing")
Result = TypeVar("Result")
Verdict = TypeVar("Verdict", Health, Health | None)


class Sight(Struct, frozen=True, kw_only=True):
    """The view of the graph besides the scope: the level, and nodes that are opened, closed, hidden or focused.

    `hidden` are ids of nodes and groups; `focus` shows a node with `hops` hops around it; `path` shows the paths from
    one node to another. Both hold at every level: at a finer one for all in the frame of that id, and at a coarser one
    that node alone stays as fine as it is. Without `whole`, what is healthy may be folded so that the rest fits a
    window; `folds` are the folds of a drawing, which `graph_fold` chooses.
    """

    level: Level = Level.NAMESPACES
    grouping: Grouping = BY_CLUSTER
    expanded: frozenset[str] = frozenset()
    collapsed: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    idle: bool = True
    unhealthy: bool = False
    focus: str | None = None
    hops: int = 1
    path: tuple[str, str] | None = None
    whole: bool = True
    folds: FoldPlan | None = None

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that this grouping has, from coarse to fine."""
        return (*(_LEVEL_OF[kind] for kind in self.grouping), Level.SERVICES, Level.WORKLOADS)


def service_graph(picture: Picture, query: Query, sight: Sight) -> ServiceGraph:
    """The graph of the scope; the query's filter applies to edges. Raises FilterError.

    An edge or a node that a defect concerns is missing, or of unknown health; `lost_in_graph` says so.
    """
    return picture.cached(_GRAPH.at(query, sight), lambda: _service_graph(picture, query, sight))


def _service_graph(picture: Picture, query: Query, sight: Sight) -> ServiceGraph:
    if sight.folds is not None:
        graph = fold_graph(service_graph(picture, query, replace(sight, folds=None)), sight.folds)
        return _without(_judged_as_listed(picture, graph, sight.folds.folds), sight.hidden)
    kept = _kept(picture, query)
    options = GraphOptions(
        level=sight.level,
        grouping=sight.grouping,
        expanded=sight.expanded,
        collapsed=sight.collapsed,
        tenants=tenants(picture),
        pinned=frozenset({*(sight.path or ()), *((sight.focus,) if sight.focus is not None else ())}),
        idle=sight.idle,
        only_unhealthy=sight.unhealthy,
        keep=None if kept is None else lambda edge: identity(edge) in kept,
    )
    graph = build_graph(
        picture.edges,
        _told(picture, picture.edge_health),
        options,
        _told(picture, picture.calls_health),
        _rows(picture),
    )
    graph = _without(_judged_as_listed(picture, graph), sight.hidden)
    if sight.path is not None:
        graph = paths_between(graph, *sight.path)
    if sight.focus is not None:
        graph = focus(graph, sight.focus, sight.hops, sight.hops)
    return graph


def lost_in_graph(picture: Picture) -> str:
    """What a defect kept out of the graph, in a sentence; empty where it is whole. Asked after the graph."""
    return picture.lost.sentence(_KIND, "part of the graph")


def _rows(picture: Picture) -> RowMaker:
    """The guard of the graph's edges and nodes."""

    def make(kind: str, things: Iterable[Thing], made: Callable[[Thing], Result], /) -> list[Result]:
        return picture.rows(kind, things, made, _name)

    return make


def _name(thing: object) -> object:
    """What carries the name of a part of the graph: a node under way, or the ends of an edge with its members."""
    if isinstance(thing, tuple):
        return " → ".join(thing[0])
    return getattr(thing, "id", None) or thing


def _told(picture: Picture, judge: Callable[[Thing], Verdict]) -> Callable[[Thing], Verdict]:
    """A judge of calls that says unknown where it meets a defect: the calls are there all the same."""

    def judged(calls: Thing) -> Verdict:
        try:
            return judge(calls)
        except MeshtopError:
            raise
        except Exception as error:  # noqa: BLE001 - noted, logged, and told with the graph
            picture.lost.note(_KIND, calls[0] if isinstance(calls, Sequence) else calls, error)
            return UNTOLD

    return judged


def _judged_as_listed(picture: Picture, graph: ServiceGraph, only: frozenset[str] | None = None) -> ServiceGraph:
    """Give each node (or `only` some) its health from the list of its kind; others keep the health of their calls.

    A node that only calls also keeps it, as "idle" from a list would be misleading.
    """
    nodes = []
    for node in graph.nodes:
        if only is not None and node.id not in only:
            nodes.append(node)
            continue
        listed = _told(picture, partial(_listed_health, picture))(node)
        idle = listed is not None and listed.status is HealthStatus.IDLE
        nodes.append(node if listed is None or (idle and node.health is None) else replace(node, health=listed))
    return replace(graph, nodes=tuple(nodes))


def _listed_health(picture: Picture, node: GraphNode) -> Health | None:
    kind, _, _ = node.id.partition("/")
    if not node.cluster or node.kind in (NodeKind.EXTERNAL, NodeKind.UNKNOWN, NodeKind.TENANT):
        return None
    if kind == NodeKind.CLUSTER:
        workloads = picture.workloads_in(node.cluster)
        return picture.group_health(workloads) if workloads else None
    if not node.namespace:
        return None
    if kind == NodeKind.NAMESPACE:
        workloads = picture.workloads_in(node.cluster, node.namespace)
        return picture.group_health(workloads) if workloads else None
    name = unquote(node.id.rsplit("/", 1)[1])
    if kind == NodeKind.SERVICE:
        return health_of_service(picture, node.cluster, node.namespace, name)
    workload = picture.workload(node.cluster, node.namespace, name)
    return picture.workload_health(workload) if workload is not None else None


def _kept(picture: Picture, query: Query) -> set[CallId] | None:
    """The edges that match the query's filter; None where it has none."""
    if not (query.clusters or query.namespaces or query.tenant or query.filter):
        return None
    return {identity(item) for item in VIEW.items(picture, query)}


def _without(graph: ServiceGraph, hidden: frozenset[str]) -> ServiceGraph:
    if not hidden:
        return graph
    parents = {g.id: g.parent for g in graph.groups}
    gone = set(hidden)
    for group in parents:
        if hidden.intersection(_upward(group, parents)):
            gone.add(group)
    return restrict(graph, {n.id for n in graph.nodes if n.id not in gone and n.group not in gone})


def _upward(group: str | None, parents: dict[str, str | None]) -> Iterable[str]:
    while group is not None:
        yield group
        group = parents.get(group)


def groups_around(graph: ServiceGraph, node: GraphNode) -> tuple[str, ...]:
    """The frames around a node, from the inside out."""
    return tuple(_upward(node.group, {g.id: g.parent for g in graph.groups}))


def tenants(picture: Picture) -> dict[tuple[str, str], str]:
    """The tenant of each (cluster, namespace) that has one; of several the first."""
    return picture.cached(_TENANTS, lambda: _tenants_of(picture))


def _tenants_of(picture: Picture) -> dict[tuple[str, str], str]:
    places = {(end.cluster, end.namespace) for edge in picture.edges for end in (edge.source, edge.destination)}
    found = {place: picture.tenants(*place) for place in sorted(places)}
    return {place: names[0] for place, names in found.items() if names}


def readable_level(picture: Picture, query: Query, sight: Sight, *, width: int, height: int | None = None) -> Level:
    """The finest level, at most services, whose drawing roughly fits into the given cells, else the coarsest.

    Raises FilterError.
    """
    edges = edges_in(picture, query)
    most = MOST_READABLE if height is None else most_readable(width, height)
    for level in reversed(sight.levels[:-1]):
        options = GraphOptions(level=level, grouping=sight.grouping, tenants=tenants(picture))
        if has_more_nodes(edges, options, most):
            continue
        placed = layout(service_graph(picture, query, replace(sight, level=level)), LayoutOptions(width=width))
        if placed.width <= _OVER * width and (height is None or placed.height <= _OVER * height):
            return level
    return sight.levels[0]


def most_readable(width: int, height: int) -> int:
    """How many nodes can be read in so many cells, whatever their layout is."""
    return min(MOST_READABLE, width * height // _CELLS_PER_NODE)


def edges_in(picture: Picture, query: Query) -> Sequence[Edge]:
    """The observed edges of the scope. Raises FilterError."""
    kept = _kept(picture, query)
    return picture.edges if kept is None else [edge for edge in picture.edges if identity(edge) in kept]


class _Behind(NamedTuple):
    """The observed edges behind the nodes of a graph: those that leave each and that enter it, with the far end."""

    leaving: dict[str, list[tuple[str, tuple[Edge, EdgeItem]]]]
    entering: dict[str, list[tuple[str, tuple[Edge, EdgeItem]]]]


def edges_between(
    picture: Picture, query: Query, sight: Sight, *, source: str | None = None, target: str | None = None
) -> list[tuple[Edge, EdgeItem]]:
    """The observed edges behind an edge of the graph, or, with one end only, all that leave or enter a node.

    They are sorted into their nodes once for a picture, so that a step of a cursor does not look at every edge.
    """
    placed = (sight.level, sight.grouping, sight.expanded, sight.collapsed, sight.folds)
    behind = picture.cached(_BEHIND.at(query, *placed), lambda: _behind(picture, query, sight))
    if source is not None:
        return [one for end, one in behind.leaving.get(source, ()) if target in (None, end)]
    if target is not None:
        return [one for _, one in behind.entering.get(target, ())]
    return [one for ends in behind.leaving.values() for _, one in ends]


def _behind(picture: Picture, query: Query, sight: Sight) -> _Behind:
    kept = _kept(picture, query)
    options = GraphOptions(
        level=sight.level,
        grouping=sight.grouping,
        expanded=sight.expanded,
        collapsed=sight.collapsed,
        tenants=tenants(picture),
    )
    behind = _Behind({}, {})
    found = zip(picture.edges, VIEW.all_items(picture), ends_of(picture.edges, options), strict=True)
    for edge, item, (a, b) in found:
        if kept is None or identity(edge) in kept:
            if sight.folds is not None:
                a, b = sight.folds.of(a), sight.folds.of(b)
            behind.leaving.setdefault(a, []).append((b, (edge, item)))
            behind.entering.setdefault(b, []).append((a, (edge, item)))
    return behind


def resolve(graph: ServiceGraph, text: str) -> GraphNode:
    """The node for a user's text: by id, by name, or by the end of its place (`shop/reviews`).

    Raises FilterError with the candidates.
    """
    exact = graph.node(text)
    if exact is not None:
        return exact
    named = [n for n in graph.nodes if n.label.casefold() == text.casefold() or name_matches(text, path_of(n))]
    if len(named) == 1:
        return named[0]
    if named:
        raise FilterError(f"{text} could be {_listed('/'.join(path_of(n)) for n in named)}; say which.")
    close = get_close_matches(text, [n.label for n in graph.nodes], n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else "there are " + _listed(n.label for n in graph.nodes) + "."
    raise FilterError(f"The graph has no node {text} at this level; {hint}")


def _listed(names: Iterable[str], most: int = 12) -> str:
    unique = list(dict.fromkeys(names))
    shown = ", ".join(unique[:most])
    return f"{shown} and {len(unique) - most} more" if len(unique) > most else shown or "none"


def path_of(node: GraphNode) -> tuple[str, ...]:
    """A node's place and name from the outside in."""
    return tuple(unquote(part) for part in node.id.split("/")[1:])


def place_of_row(kind: str, item: Any, picture: Picture) -> tuple[Level, str] | None:
    """The level and the node's id of a row of a kind; None for a kind that has no place in the graph.

    An edge's place is its destination, a weighted route's is the service that it routes.
    """
    if kind == "clusters":
        return Level.CLUSTERS, make_id(NodeKind.CLUSTER, item.name)
    if kind == "namespaces":
        return Level.NAMESPACES, make_id(NodeKind.NAMESPACE, item.cluster, item.name)
    if kind == "services":
        return Level.SERVICES, make_id(NodeKind.SERVICE, item.cluster, item.namespace, item.name)
    if kind == "workloads":
        return Level.WORKLOADS, make_id(NodeKind.WORKLOAD, item.cluster, item.namespace, item.name)
    if kind == "mtls":
        return Level.WORKLOADS, make_id(NodeKind.WORKLOAD, item.cluster, item.namespace, item.workload)
    if kind == "findings" and item.cluster:
        if item.workload:
            return Level.WORKLOADS, make_id(NodeKind.WORKLOAD, item.cluster, item.namespace, item.workload)
        if item.namespace:
            return Level.NAMESPACES, make_id(NodeKind.NAMESPACE, item.cluster, item.namespace)
        return Level.CLUSTERS, make_id(NodeKind.CLUSTER, item.cluster)
    if kind == "canaries":
        name, _, rest = item.host.partition(".")
        namespace = rest.partition(".")[0] or item.namespace
        return Level.SERVICES, make_id(NodeKind.SERVICE, item.cluster, namespace, name)
    if kind in ("controlplanes", "certificates"):
        return Level.CLUSTERS, make_id(NodeKind.CLUSTER, item.cluster)
    if kind == "virtualmachines":
        where = (item.cluster, item.namespace, item.name)
        machine = next((m for m in picture.machines if (m.cluster, m.namespace, m.name) == where), None)
        return Level.WORKLOADS, make_id(NodeKind.WORKLOAD, *(picture.machine_id(machine) if machine else where))
    if kind == "edges":
        ends = _ends_of_row(item, picture)
        return None if ends is None else (Level.SERVICES, ends[1])
    return None


def caller_of_row(kind: str, item: Any, picture: Picture) -> str | None:
    """The id of the node that makes a call; None for a row that is no call."""
    ends = _ends_of_row(item, picture) if kind == "edges" else None
    return None if ends is None else ends[0]


def _ends_of_row(item: EdgeItem, picture: Picture) -> tuple[str, str] | None:
    at = next((n for n, edge in enumerate(picture.edges) if identity(edge) == identity(item)), None)
    if at is None:
        return None
    return ends_of(picture.edges, GraphOptions(level=Level.SERVICES, tenants=tenants(picture)))[at]


def row_of_node(picture: Picture, node: GraphNode) -> tuple[str, str] | None:
    """The kind and key of a node's row, to open it; None where there is no such row."""
    parts = path_of(node)
    step = node.id.split("/", 1)[0]
    if node.kind is NodeKind.VIRTUAL_MACHINE:
        found = next((m for m in picture.machines if picture.machine_id(m) == parts), None)
        if found is not None:
            return "virtualmachines", "/".join((found.cluster, found.namespace, found.name))
    kind = _ROW_KINDS.get(step)
    if kind is None:
        return None
    of_kind = view(kind)
    item = next((i for i in of_kind.all_items(picture) if of_kind.path(i) == parts), None)
    return None if item is None else (kind, of_kind.key(item))


def is_group(node: GraphNode) -> bool:
    """Whether a node represents a cluster, tenant or namespace."""
    return node.kind in GROUP_KINDS
