"""Logic of the graph screen: effects of its keys, breadcrumbs, search, and playback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from meshtop.analysis.graph.fold import folds_of, is_fold
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.select import worst_edges
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, NodeKind, ServiceGraph
from meshtop.console.widgets.graph_cursor import GraphCursor
from meshtop.console.widgets.notes import Note
from meshtop.model.state import HealthStatus
from meshtop.views.frame.unknowns import told, unknowns_of
from meshtop.views.kinds.edges import VIEW
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import GROUPINGS, Sight, groups_around, service_graph, tenants
from meshtop.views.reports.graph_words import node_name

PLAY_SECONDS = 1.0
"""Seconds that a moment is shown during playback."""
PLAY_FROM_STEPS = 30
"""Playback starts this many one-minute steps before the present."""


class CanvasPlace(Struct, frozen=True):
    """What the canvas shows, whether its level was left to it, and where the cursor was."""

    sight: Sight
    auto: bool
    at: GraphCursor | None = None


class GraphStep(NamedTuple):
    """The next sight and cursor; without a sight, `why` is the reason why the step is not possible."""

    sight: Sight | None = None
    at: GraphCursor | None = None
    why: str = ""


def open_node(sight: Sight, node: GraphNode) -> GraphStep:
    """Open a node by a level, or a fold."""
    if not node.expandable:
        return GraphStep(why=f"{node_name(node)} has nothing finer to open; > makes the whole graph finer.")
    return GraphStep(replace(sight, expanded=sight.expanded | {node.id}, collapsed=sight.collapsed - {node.id}))


def close_frame(sight: Sight, graph: ServiceGraph, node: GraphNode) -> GraphStep:
    """Close the frame around a node to one node; without a frame, make the whole graph coarser.

    Where a fold of the frame was opened, that is closed first.
    """
    group = next(iter(groups_around(graph, node)), None)
    opened = sight.expanded.intersection(folds_of(group))
    if opened:
        return GraphStep(replace(sight, expanded=sight.expanded - opened), GraphCursor(min(opened)))
    if group is None:
        return change_level(sight, node, -1)
    closed = replace(sight, expanded=sight.expanded - {group}, collapsed=sight.collapsed | {group})
    if sight.focus == node.id:
        closed = replace(closed, focus=group)
    return GraphStep(closed, GraphCursor(group))


def change_level(sight: Sight, node: GraphNode | None, step: int, *, is_folded: bool = False) -> GraphStep:
    """Change the level of all nodes, also of those opened or closed individually; finer than folded is unfolded."""
    if is_folded and step > 0:
        return GraphStep(replace(sight, whole=True), None if node is None else GraphCursor(node.id))
    levels = sight.levels
    index = levels.index(sight.level) + step if sight.level in levels else 0
    if not 0 <= index < len(levels):
        last, word = (levels[-1], "finest") if step > 0 else (levels[0], "coarsest")
        return GraphStep(why=f"{last.value} is the {word} level.")
    changed = replace(sight, level=levels[index], expanded=frozenset(), collapsed=frozenset())
    return GraphStep(changed, None if node is None else GraphCursor(node.id))


def focus_on(sight: Sight, node: GraphNode) -> GraphStep:
    """Focus on a node and its neighbours; on the focused node, add a hop."""
    if node.kind is NodeKind.FOLD:
        return GraphStep(why=f"{node_name(node)} are several: + opens them.")
    hops = sight.hops + 1 if sight.focus == node.id else 1
    return GraphStep(replace(sight, focus=node.id, hops=hops, path=None), GraphCursor(node.id))


def change_grouping(sight: Sight, picture: Picture | None) -> GraphStep:
    """Switch to the next grouping of cluster, tenant, both and none; by tenant only if there are tenants."""
    groupings = [grouping for _, grouping in GROUPINGS]
    if picture is None or not tenants(picture):
        groupings = [grouping for grouping in groupings if "tenant" not in grouping]
    index = groupings.index(sight.grouping) + 1 if sight.grouping in groupings else 0
    changed = Sight(
        level=sight.level,
        grouping=groupings[index % len(groupings)],
        idle=sight.idle,
        unhealthy=sight.unhealthy,
        whole=sight.whole,
    )
    return GraphStep(changed if changed.level in changed.levels else replace(changed, level=changed.levels[0]))


def fold_or_not(sight: Sight, count: int) -> GraphStep:
    """Draw everything where `count` nodes are folded ones, else fold what is healthy if the drawing does not fit."""
    if count:
        return GraphStep(replace(sight, whole=True))
    if not sight.whole:
        return GraphStep(why="Everything fits: nothing is folded.")
    folds = frozenset(name for name in sight.expanded if is_fold(name))
    return GraphStep(replace(sight, whole=False, expanded=sight.expanded - folds))


def only_opened(before: tuple[Sight, Query], after: tuple[Sight, Query]) -> bool:
    """Whether nodes were only opened, closed or hidden, so that the others keep their places."""
    (old, query), (new, same) = before, after
    return query == same and replace(old, expanded=new.expanded, collapsed=new.collapsed, hidden=new.hidden) == new


def bad_edges(lookup: GraphLookup) -> list[GraphEdge]:
    """The failing and degraded edges, the worst first."""
    return [edge for edge in lookup.worst if edge.health.status in (HealthStatus.FAILING, HealthStatus.DEGRADED)]


def edge_after(edges: Sequence[GraphEdge], current: str | None) -> GraphEdge:
    """The edge after the current one, cyclically; the first if the current one is not among them."""
    ids = [edge.id for edge in edges]
    return edges[(ids.index(current) + 1) % len(ids) if current in ids else 0]


class EdgeSearch:
    """The shown edges that a filter finds, the worst first; nothing is left out of the graph."""

    def __init__(self) -> None:
        self.found: tuple[str, ...] = ()

    def find(self, picture: Picture, query: Query, sight: Sight, graph: ServiceGraph) -> None:
        """Find the edges of a graph that pass a query's filter."""
        passing = {edge.id for edge in service_graph(picture, query, sight).edges}
        self.found = tuple(edge.id for edge in worst_edges(graph) if edge.id in passing)

    def next_edge(self, graph: ServiceGraph | None, current: str | None) -> GraphEdge | None:
        """The match after the current edge; None if there is none (any more)."""
        there = {edge.id: edge for edge in graph.edges} if graph is not None else {}
        edges = [there[name] for name in self.found if name in there]
        return edge_after(edges, current) if edges else None


class Playback:
    """Playback of the past: a step after each moment was shown for a while; ends at the present."""

    def __init__(self) -> None:
        self.playing = False
        self._shown: float | None = None

    def toggle(self) -> None:
        """Play, or pause."""
        self.playing = not self.playing
        self._shown = None

    def on_shown(self, moment: float | None) -> bool:
        """Note the shown moment (None: the present); returns whether the next one should follow."""
        if not self.playing or moment == self._shown:
            return False
        if moment is None:
            self.playing = self._shown is None
            return False
        self._shown = moment
        return True


def crumbs_of(sight: Sight, graph: ServiceGraph | None) -> tuple[str, ...]:
    """The level, and every step that narrows what is shown."""

    def called(node: str) -> str:
        found = graph.node(node) if graph is not None else None
        return node_name(found) if found is not None else node.rpartition("/")[2]

    parts = [sight.level.value]
    grouping = next((name for name, kinds in GROUPINGS if kinds == sight.grouping), "")
    if grouping and sight.grouping != GROUPINGS[0][1]:
        parts.append(grouping)
    if sight.focus is not None:
        parts.append(f"{called(sight.focus)} ±{sight.hops}")
    if sight.path is not None:
        parts.append(" to ".join(map(called, sight.path)))
    narrowed = (
        (sight.unhealthy, "unhealthy"),
        (not sight.idle, "no idle"),
        (bool(sight.hidden), f"{len(sight.hidden)} hidden"),
    )
    return (*parts, *(text for holds, text in narrowed if holds))


def why_empty(picture: Picture, sight: Sight) -> Note:
    """The note for a graph without nodes: no traffic, as far as known."""
    if not picture.edges and not picture.snapshot.settled:
        return Note("Reading the mesh …", "No cluster has answered yet.")
    if not picture.edges:
        errors = [c.prometheus.error for c in picture.snapshot.clusters if c.prometheus.error]
        title, claim, way = "No traffic was seen", VIEW.empty, "1 shows every cluster"
        if errors:
            return Note(title, errors[0], way)
    elif sight.path is not None:
        title, claim, way = "No path leads there", "No call path between these nodes at this level.", "esc goes back"
    elif sight.focus is not None:
        title, claim, way = "No traffic around it", "No calls from it or to it in this window.", "esc goes back"
    elif sight.unhealthy:
        title, claim, way = (
            "Nothing is unhealthy",
            "Every edge in this scope is healthy or idle.",
            "u shows all of them",
        )
    else:
        title, claim, way = (
            "Nothing in this scope",
            "No edge matches the filter or the scope.",
            "esc widens it by a step",
        )
    return Note(title, told(claim, unknowns_of(picture.snapshot, VIEW.needs, states=picture.telemetry_states)), way)
