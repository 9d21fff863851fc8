"""The service graph screen: calls at any level, now or at a past moment, navigated with the arrow keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.service_graph import GraphNode, Level, NodeKind, ServiceGraph
from meshtop.console.places import FLOW, GRAPH, load_screen, place_title
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.canvas_walk import CanvasWalk
from meshtop.console.screens.graph_panel import GraphPanel
from meshtop.console.screens.graph_steps import (
    PLAY_FROM_STEPS,
    PLAY_SECONDS,
    GraphStep,
    Playback,
    bad_edges,
    change_grouping,
    change_level,
    close_frame,
    crumbs_of,
    edge_after,
    focus_on,
    fold_or_not,
    only_opened,
    open_node,
    why_empty,
)
from meshtop.console.widgets.graph_cursor import GraphCursor
from meshtop.console.widgets.graph_view import GraphView
from meshtop.console.widgets.line_widget import CellsLine
from meshtop.console.widgets.notes import Note
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.edges import VIEW
from meshtop.views.picture.query import Query
from meshtop.views.reports.flow import level_of
from meshtop.views.reports.graph import (
    Sight,
    edges_between,
    is_group,
    lost_in_graph,
    place_of_row,
    row_of_node,
    service_graph,
)
from meshtop.views.reports.graph_detail import edge_marks, edge_panel, node_marks, node_panel
from meshtop.views.reports.graph_fold import FoldRoom, GraphFolding
from meshtop.views.reports.graph_words import edge_line, edge_name, node_line, node_name

if TYPE_CHECKING:
    from meshtop.views.frame.facts import Detail
    from meshtop.views.picture.picture import Picture

WIDE = 160
"""Width in cells from which the selection is described beside the graph."""
PANEL_WIDTH = 62
CHROME = 4
"""Lines of the screen besides the drawing: two above, two below."""


def _without(*names: str) -> list[BindingType]:
    """The bindings of every screen without the given ones."""
    return [b for b in MeshScreen.BINDINGS if isinstance(b, Binding) and b.id not in names]


class GraphScreen(CanvasWalk, inherit_bindings=False):
    """The graph with levels, focus, paths and hiding; esc undoes the last step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "open_node", "level", id="graph.in", show=True, key_display="+ -"),
        Binding("minus,underscore", "close_node", "close the frame", id="graph.out", show=False),
        Binding("greater_than_sign", "level(1)", "finer level for everything", id="graph.finer", show=False),
        Binding("less_than_sign", "level(-1)", "coarser level for everything", id="graph.coarser", show=False),
        Binding("e", "metric", "metric", id="graph.metric"),
        Binding("f", "around", "focus", id="graph.focus"),
        Binding("w", "worst", "worst", id="graph.worst"),
        Binding("v", "flow", "flow", id="graph.flow"),
        Binding("T", "tree", "tree", id="graph.tree", show=False),
        Binding("x", "hide", "hide", id="graph.hide"),
        Binding("X", "only", "only this cluster or namespace", id="graph.only", show=False),
        Binding("t", "play", "time", id="graph.play"),
        Binding("p", "path", "path", id="graph.path"),
        Binding("u", "unhealthy", "unhealthy", id="graph.unhealthy"),
        Binding("i", "idle", "idle", id="graph.idle"),
        *_without("scope.narrow"),
        Binding("n", "find_next", "next that the search finds", id="graph.find_next", show=False),
        Binding("F", "find", "find by a filter", id="graph.find", show=False),
        Binding("m", "map", "small map", id="graph.map", show=False),
        Binding("z", "fold", "fold what is healthy, or unfold everything", id="graph.fold", show=False),
        Binding("a", "arrange", "frame by cluster, tenant, or neither", id="graph.arrange", show=False),
    ]

    def __init__(
        self, sight: Sight | None = None, at: GraphCursor | None = None, *, by_key: bool | None = None
    ) -> None:
        super().__init__(sight, at)
        self._opened_by_key = self._auto if by_key is None else by_key
        self._shown_for: tuple[Sight, Query] | None = None
        self._playback = Playback()
        self._folding = GraphFolding()

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(GRAPH)

    @property
    def is_place(self) -> bool:
        """False if it was opened from a table around a row, and closes to it."""
        return self._opened_by_key

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "Calls, with their health and one metric, which e changes: rate, errors, p99 or mutual TLS. A line in "
            "brackets is a cluster, tenant, namespace, service or workload with its number; a dotted frame is what it "
            "belongs to. The callers and callees of the selected node are traced. What is healthy is counted "
            "(+ 14 healthy) where all of it does not fit: enter opens it, z unfolds everything. Arrow keys walk along "
            "edges, tab goes through the edges of a node, esc undoes the last step."
        )

    def body(self) -> ComposeResult:
        """The drawing, with the selection beside it and in one line below."""
        with Horizontal(classes="graph"):
            yield GraphView(waiting=Note("Reading the mesh …", "The first cluster to answer is shown at once."))
            yield GraphPanel(id="panel")
        yield CellsLine(id="chosen")

    def kinds(self) -> frozenset[str]:
        """Edges."""
        return frozenset({"edges"})

    def lost(self, picture: Picture) -> Iterable[str]:
        """What is missing of the lists, and of the graph."""
        return [*super().lost(picture), lost_in_graph(picture)]

    @property
    def drawn_sight(self) -> Sight:
        """The sight with what is folded because the graph is big."""
        return self._folding.of(self.sight)

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb after the place."""
        folded = self._folding.count(self.sight)
        crumbs = (*crumbs_of(self.sight, self.view.graph), *((f"{folded} folded",) if folded else ()))
        return (*crumbs, "playing") if self._playback.playing else crumbs

    def scope_notes(self) -> tuple[str, ...]:
        """The metric of the numbers, with its key."""
        return (f"metric e: {self.metric.value}",)

    @property
    def metric(self) -> GraphMetric:
        """What the numbers are."""
        return self.host.graph_look.metric or GraphMetric.RATE

    def refresh_picture(self, picture: Picture) -> None:
        """Show a new picture; boxes keep their places unless the selection changes."""
        query = self.scope_query()
        afresh = self._shown_for is not None and self._shown_for != (self.sight, query)
        opened = afresh and self._shown_for is not None and only_opened(self._shown_for, (self.sight, query))
        self._shown_for = (self.sight, query)
        self.query_one(GraphPanel).display = self.size.width >= WIDE
        self._look()
        self.view.explain_empty(why_empty(picture, self.sight))
        self.view.show(
            self._maker(picture, query),
            afresh=afresh and not opened,
            at=self._at,
            placed=lambda: self._folding.placed,
        )
        self._at = None
        self._play_on(picture)

    def _maker(self, picture: Picture, query: Query) -> Callable[[], ServiceGraph]:
        """A function for the worker thread that builds the graph, at a readable level if none was chosen."""
        sight, auto, size = self.sight, self._auto, self.size
        at = (self._at or self.view.cursor).node
        room = FoldRoom(size.width - PANEL_WIDTH * (size.width >= WIDE), max(1, size.height - CHROME))

        def make() -> ServiceGraph:
            drawn = self._folding.apply(picture, query, sight, at, room, any_level=auto)
            return service_graph(picture, query, drawn)

        return make

    def on_graph_view_shown(self) -> None:
        """Update the description for the new graph."""
        level = self._folding.level
        if self._auto and level is not None and self._shown_for is not None:
            self.sight = replace(self.sight, level=level)
            self._shown_for = (self.sight, self._shown_for[1])
        self.update_chrome()
        self._describe()

    def on_graph_view_node_highlighted(self) -> None:
        """The words follow the cursor."""
        self._describe()

    def on_graph_view_edge_highlighted(self) -> None:
        """The words follow the cursor."""
        self._describe()

    def _describe(self) -> None:
        """Describe the selection in one line, and beside the graph if there is room."""
        view, line, picture = self.view, self.query_one(CellsLine), self.host.picture
        scene, node, edge = view.scene, view.node, view.edge
        if scene is None or node is None or picture is None:
            line.show([])
            return
        bounds = picture.thresholds
        line.show(edge_line(scene.lookup, edge, bounds) if edge is not None else node_line(node, bounds))
        panel = self.query_one(GraphPanel)
        if not panel.display:
            return
        query, sight = self.scope_query(), self.drawn_sight
        make: Callable[[], Detail] = partial(node_panel, picture, query, sight, node)
        marks = partial(node_marks, picture, query, sight, node)
        if edge is not None:
            make = partial(edge_panel, picture, query, sight, scene.lookup, edge)
            marks = partial(edge_marks, picture, query, sight, edge)
        moment = picture.snapshot.moment
        panel.show(make, moment or self.host.now(), marks, past=moment is not None)

    def on_resize(self) -> None:
        """More room shows more."""
        self.update()

    def action_worst(self) -> None:
        """Go to the worst edge; again: to the next."""
        scene = self.view.scene
        bad = bad_edges(scene.lookup) if scene is not None else []
        if not bad:
            self.say("Nothing here is degraded or failing.", Tone.GOOD)
            return
        self.view.go_to_edge(edge_after(bad, self.view.cursor.edge))

    def _take(self, step: GraphStep) -> None:
        """Apply a step, or show why it is not possible."""
        if step.sight is None:
            self.say(step.why)
        else:
            self.look(step.sight, step.at)

    def action_open_node(self) -> None:
        """Open the node under the cursor by a level."""
        node = self.view.node
        if node is not None:
            self._take(open_node(self.sight, node))

    def action_close_node(self) -> None:
        """Close the frame around the node under the cursor to one node."""
        node, graph = self.view.node, self.view.graph
        if node is not None and graph is not None:
            self._take(close_frame(self.sight, graph, node))

    def action_level(self, step: int) -> None:
        """Change the level of all nodes."""
        is_folded = self._folding.count(self.sight) > 0
        self._take(change_level(self.sight, self.view.node, step, is_folded=is_folded))

    def _look(self) -> None:
        """Show the metric and the map as they were chosen."""
        self.view.look_at(self.metric, map_shown=self.host.graph_look.map)

    def action_metric(self) -> None:
        """Show another metric on edges and nodes."""
        self.host.graph_look.metric = self.metric.following
        self._look()
        self.update_chrome()

    def action_map(self) -> None:
        """Show or hide the map of a drawing that is larger than the window."""
        look = self.host.graph_look
        look.map = not look.map
        self._look()
        if not look.map:
            self.say("The map is off: m shows it where a drawing is larger than the window.")

    def action_fold(self) -> None:
        """Unfold everything that was folded, or fold what is healthy until the rest fits."""
        self._take(fold_or_not(self.sight, self._folding.count(self.sight)))

    def action_around(self) -> None:
        """Show only this node and its neighbours; each further press adds a hop."""
        node = self.view.node
        if node is not None:
            self._take(focus_on(self.sight, node))

    def action_flow(self) -> None:
        """Show the Flow of the node under the cursor instead; this is remembered."""
        node = self.view.node
        if node is not None and self._is_several(node):
            return
        self.host.graph_canvas = False
        at, level = (None, Level.SERVICES) if node is None else (node.id, level_of(node.id, self.sight.level))
        self.app.switch_screen(load_screen(FLOW)(at, level, by_key=self.is_place))

    def action_tree(self) -> None:
        """Show all calls from the node under the cursor as a tree."""
        node = self.view.node
        if node is not None and not self._is_several(node):
            from meshtop.console.screens.call_tree import CallTreeScreen

            self.app.push_screen(CallTreeScreen(node.id, level_of(node.id, self.sight.level)))

    def _is_several(self, node: GraphNode) -> bool:
        """Whether a node stands for several, which is said."""
        if node.kind is NodeKind.FOLD:
            self.say(focus_on(self.sight, node).why)
        return node.kind is NodeKind.FOLD

    def action_hide(self) -> None:
        """Hide the node under the cursor; esc shows it again."""
        node = self.view.node
        if node is not None:
            self.look(replace(self.sight, hidden=self.sight.hidden | {node.id}))

    def action_only(self) -> None:
        """Narrow the scope to the node's cluster and namespace; it holds on every screen."""
        node = self.view.node
        if node is not None and (node.cluster or node.namespace):
            scope = self.host.scope.narrowed(cluster=node.cluster or None, namespace=node.namespace or None)
            self.host.set_scope(scope)

    def action_unhealthy(self) -> None:
        """Toggle between all edges and only degraded, failing or unknown ones."""
        self.look(replace(self.sight, unhealthy=not self.sight.unhealthy))

    def action_idle(self) -> None:
        """Show or hide idle edges."""
        self.look(replace(self.sight, idle=not self.sight.idle))

    def action_arrange(self) -> None:
        """Change the grouping: by cluster, by tenant, by both, or with all clusters merged."""
        self._take(change_grouping(self.sight, self.host.picture))

    def action_path(self) -> None:
        """Mark the start of a path; on another node, show the paths from the start to it."""
        node = self.view.node
        if node is None or self._is_several(node):
            return
        if self.path_from is None or self.path_from == node.id:
            self.path_from = node.id
            self.say(f"A path from {node_name(node)}: walk to its end and press p.", Tone.ACCENT)
        else:
            path, self.path_from = (self.path_from, node.id), None
            self.look(replace(self.sight, path=path, focus=None), GraphCursor(node.id))

    def action_play(self) -> None:
        """Play the past forward, a step each second, or pause; from the present, start half an hour ago."""
        picture = self.host.picture
        if picture is None:
            return
        self._playback.toggle()
        if self._playback.playing and picture.snapshot.moment is None:
            self.host.travel(-PLAY_FROM_STEPS)
            self.say("Playing from half an hour ago: t pauses, [ ] step, . goes back to now.", Tone.ACCENT)
        else:
            self._play_on(picture)
        self.update_chrome()

    def _play_on(self, picture: Picture) -> None:
        """Schedule the next moment once this one is shown."""
        moment = picture.snapshot.moment
        if self._playback.on_shown(moment):
            self.set_timer(PLAY_SECONDS, lambda: self._advance(moment))

    def _advance(self, moment: float | None) -> None:
        picture = self.host.picture
        if self._playback.playing and picture is not None and picture.snapshot.moment == moment and self.is_current:
            self.host.travel(1)

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The kind and key of the node under the cursor, for what is asked of it; None where traffic alone knows it."""
        picture, node = self.host.picture, self.view.node
        return None if picture is None or node is None else row_of_node(picture, node)

    def on_graph_view_node_chosen(self) -> None:
        """Open the node's row; a node without one is opened by a level."""
        picture, node = self.host.picture, self.view.node
        if picture is None or node is None:
            return
        row = row_of_node(picture, node)
        if row is not None:
            self.host.open_detail(*row)
        elif (is_group(node) or node.kind is NodeKind.FOLD) and node.expandable:
            self.action_open_node()
        else:
            self.say(f"{node_name(node)} is known only from traffic; tab goes through its edges.")

    def on_graph_view_edge_chosen(self) -> None:
        """Open the edge; if it combines several, list them."""
        picture, scene, edge = self.host.picture, self.view.scene, self.view.edge
        if picture is None or scene is None or edge is None:
            return
        found = edges_between(picture, self.scope_query(), self.drawn_sight, source=edge.source, target=edge.target)
        if len(found) == 1:
            self.host.open_detail("edges", VIEW.key(found[0][1]))
        elif found:
            from meshtop.console.screens.graph_edges import GraphEdgesScreen

            name = edge_name(scene.lookup, edge)
            self.app.push_screen(GraphEdgesScreen(name, self.drawn_sight, edge.source, edge.target))

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """Columns and their meanings, for the help."""
        return tuple((column.name, column.help) for column in VIEW.columns)


def graph_around(picture: Picture | None, kind: str, key: str) -> GraphScreen | None:
    """The graph around a row of a kind; None if the row no longer exists, or the graph does not show its kind."""
    item = find_item(picture, kind, key) if picture is not None else None
    place = place_of_row(kind, item, picture) if item is not None and picture is not None else None
    return None if place is None else GraphScreen(Sight(level=place[0], focus=place[1]), GraphCursor(place[1]))
