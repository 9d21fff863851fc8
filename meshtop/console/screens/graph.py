"""The service graph: who calls whom, at any level, now or back then; walked with the arrow keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from meshtop.analysis.graph.select import worst_edges
from meshtop.analysis.graph.service_graph import Level, ServiceGraph
from meshtop.console.places import GRAPH, name_of
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.graph_panel import GraphPanel
from meshtop.console.screens.graph_search import GraphSearch
from meshtop.console.screens.graph_steps import GraphSteps
from meshtop.console.screens.graph_time import GraphTime
from meshtop.console.widgets.graph_cursor import Cursor
from meshtop.console.widgets.graph_view import GraphView
from meshtop.console.widgets.line_widget import CellsLine
from meshtop.console.widgets.notes import Note
from meshtop.model.state import HealthStatus
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.edges import VIEW
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import (
    GROUPINGS,
    Sight,
    is_group,
    members,
    place_of_row,
    readable_level,
    row_of_node,
    service_graph,
)
from meshtop.views.reports.graph_detail import edge_panel, node_panel
from meshtop.views.reports.graph_words import edge_line, edge_name, node_line, node_name

if TYPE_CHECKING:
    from meshtop.views.frame.facts import Detail
    from meshtop.views.picture.picture import Picture

WIDE = 140
"""From so many cells on, what is chosen is described beside the graph."""
PANEL_WIDTH = 62


def _without(*names: str) -> list[BindingType]:
    """The keys of every screen but these."""
    return [b for b in MeshScreen.BINDINGS if isinstance(b, Binding) and b.id not in names]


class GraphScreen(GraphSteps, GraphSearch, GraphTime, MeshScreen, inherit_bindings=False):
    """Levels, focus, paths, hiding: each a step that esc takes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "open_node", "level", id="graph.in", show=True, key_display="+ -"),
        Binding("minus,underscore", "close_node", "close the frame", id="graph.out", show=False),
        Binding("greater_than_sign", "level(1)", "finer level for everything", id="graph.finer", show=False),
        Binding("less_than_sign", "level(-1)", "coarser level for everything", id="graph.coarser", show=False),
        Binding("f", "around", "focus", id="graph.focus"),
        Binding("w", "worst", "worst", id="graph.worst"),
        Binding("x", "hide", "hide", id="graph.hide"),
        Binding("X", "only", "only this cluster or namespace", id="graph.only", show=False),
        Binding("t", "play", "time", id="graph.play"),
        Binding("p", "path", "path", id="graph.path"),
        Binding("u", "unhealthy", "unhealthy", id="graph.unhealthy"),
        Binding("i", "idle", "idle", id="graph.idle"),
        *_without("scope.narrow"),
        Binding("n", "find_next", "next that the search finds", id="graph.find_next", show=False),
        Binding("F", "find", "find by a filter", id="graph.find", show=False),
        Binding("a", "arrange", "frame by cluster, tenant, or neither", id="graph.arrange", show=False),
    ]

    def __init__(self, sight: Sight | None = None, at: Cursor | None = None) -> None:
        super().__init__()
        self.sight = sight or Sight()
        self._auto = self._opened_by_key = sight is None
        self._readable: tuple[object, Level] | None = None
        self._steps: list[tuple[Sight, bool]] = []
        self._at = at
        self._shown_for: tuple[Sight, Query] | None = None

    @property
    def place(self) -> str:
        """Its name."""
        return name_of(GRAPH)

    @property
    def is_place(self) -> bool:
        """Around a row it was opened from a table, and closes to it."""
        return self._opened_by_key

    @property
    def about(self) -> str:
        """What it is for."""
        return (
            "Who calls whom, how much and how well. A box is a cluster, tenant, namespace, service or workload; "
            "a frame is what it belongs to. An edge says its rate, its verdict with the share of errors, p95 and "
            "whether it is mutual TLS. Arrow keys walk along edges, tab goes through the edges of a node, esc takes "
            "the last step back."
        )

    def body(self) -> ComposeResult:
        """The drawing, what is chosen beside it, and in one line below."""
        with Horizontal(classes="graph"):
            yield GraphView(waiting=Note("Reading the mesh …", "The first cluster to answer is shown at once."))
            yield GraphPanel(id="panel")
        yield CellsLine(id="chosen")

    @property
    def view(self) -> GraphView:
        """The drawing."""
        return self.query_one(GraphView)

    def kinds(self) -> frozenset[str]:
        """Edges."""
        return frozenset({"edges"})

    def crumbs(self) -> tuple[str, ...]:
        """The level and every step that narrows what is shown."""
        sight, graph = self.sight, self.view.graph
        parts = [sight.level.value]
        grouping = next((name for name, kinds in GROUPINGS if kinds == sight.grouping), "")
        if grouping and sight.grouping != GROUPINGS[0][1]:
            parts.append(grouping)
        if sight.focus is not None:
            parts.append(f"{self._called(sight.focus, graph)} ±{sight.hops}")
        if sight.path is not None:
            parts.append(" to ".join(self._called(end, graph) for end in sight.path))
        said = (
            (sight.unhealthy, "unhealthy"),
            (not sight.idle, "no idle"),
            (sight.hidden, f"{len(sight.hidden)} hidden"),
        )
        parts += [text for holds, text in said if holds]
        if self.playing:
            parts.append("playing")
        return tuple(parts)

    def _called(self, node: str, graph: ServiceGraph | None) -> str:
        found = graph.node(node) if graph is not None else None
        return node_name(found) if found is not None else node.rpartition("/")[2]

    def refresh_picture(self, picture: Picture) -> None:
        """Draw what is new; places stay unless something else is looked at."""
        query = self.scope_query()
        afresh = self._shown_for is not None and self._shown_for != (self.sight, query)
        opened = afresh and self._shown_for is not None and _only_opened(self._shown_for, (self.sight, query))
        self._shown_for = (self.sight, query)
        self.query_one(GraphPanel).display = self.size.width >= WIDE
        self.view.explain_empty(self._why_empty(picture, query))
        self.view.show(self._maker(picture, query), afresh=afresh and not opened, at=self._at)
        self._at = None
        self.play_on(picture)

    def scope_query(self) -> Query:
        """The scope; a filter for columns that edges do not have is said and not used."""
        query = self.host.scope.for_kind("edges")
        try:
            VIEW.check(query)
        except FilterError as error:
            self.say(f"The filter is not used here: {error}", Tone.DEGRADED)
            query = self.host.scope.filtered("").for_kind("edges")
        return query

    def _maker(self, picture: Picture, query: Query) -> Callable[[], ServiceGraph]:
        """What the worker thread makes the graph with; it finds a readable level where nobody chose one."""
        sight, size = self.sight, self.size
        if not self._auto:
            return lambda: service_graph(picture, query, sight)
        key = (query, size, picture.snapshot.settled)

        def make() -> ServiceGraph:
            if self._readable is None or self._readable[0] != key:
                width = size.width - PANEL_WIDTH * (size.width >= WIDE)
                level = readable_level(picture, query, sight, width=width, height=size.height)
                self._readable = (key, level)
            return service_graph(picture, query, replace(sight, level=self._readable[1]))

        return make

    def _why_empty(self, picture: Picture, query: Query) -> Note:
        if not picture.edges:
            if not picture.snapshot.settled:
                return Note("Reading the mesh …", "No cluster has answered yet.")
            errors = [c.prometheus.error for c in picture.snapshot.clusters if c.prometheus.error]
            return Note("No traffic was seen", errors[0] if errors else VIEW.empty, "1 shows every cluster")
        if self.sight.path is not None:
            return Note(
                "No way leads there", "Nothing calls from the one to the other, at this level.", "esc goes back"
            )
        if self.sight.focus is not None:
            return Note(
                "No traffic around it", "Nobody called it, and it called nobody, in this window.", "esc goes back"
            )
        if self.sight.unhealthy:
            return Note("Nothing is unhealthy", "Every edge in this scope is healthy or idle.", "u shows all of them")
        return Note("Nothing in this scope", "The filter or the scope leaves no edge over.", "esc widens it by a step")

    def on_graph_view_shown(self) -> None:
        """Another graph is on screen: the words about it follow."""
        if self._auto and self._readable is not None and self._shown_for is not None:
            self.sight = replace(self.sight, level=self._readable[1])
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
        """The chosen thing in one line, and beside the graph where there is room."""
        view, line, picture = self.view, self.query_one(CellsLine), self.host.picture
        graph, node, edge = view.graph, view.node, view.edge
        if graph is None or node is None or picture is None:
            line.show([])
            return
        line.show(edge_line(graph, edge) if edge is not None else node_line(node))
        panel = self.query_one(GraphPanel)
        if not panel.display:
            return
        query, sight = self.scope_query(), self.sight

        def make() -> Detail:
            if edge is not None:
                return edge_panel(picture, query, sight, graph, edge)
            return node_panel(picture, query, sight, node)

        panel.show(make, self.host.session, picture.snapshot.moment or self.host.now())

    def on_resize(self) -> None:
        """More room shows more."""
        self.update()

    def look(self, sight: Sight, at: Cursor | None = None, *, auto: bool = False) -> None:
        """Look at something else; esc comes back."""
        if sight == self.sight:
            return
        self._steps.append((self.sight, self._auto))
        self.sight, self._auto, self._at = sight, auto, at
        self.update()

    def action_back(self) -> None:
        """Take the last step back; without one, widen the scope or leave."""
        if self.path_from is not None:
            self.path_from = None
            self.say("")
        elif self._steps:
            self.sight, self._auto = self._steps.pop()
            self.update()
        else:
            super().action_back()

    def action_worst(self) -> None:
        """Go to the worst edge; again: to the next."""
        graph = self.view.graph
        bad = [e for e in worst_edges(graph) if e.health.status in _BAD] if graph is not None else []
        if not bad:
            self.say("Nothing here is degraded or failing.", Tone.GOOD)
            return
        ids = [e.id for e in bad]
        current = self.view.cursor.edge
        self.view.go_to_edge(bad[(ids.index(current) + 1) % len(bad) if current in ids else 0])

    def on_graph_view_node_chosen(self) -> None:
        """Open the node's row; what has none is opened by a level."""
        picture, node = self.host.picture, self.view.node
        if picture is None or node is None:
            return
        row = row_of_node(picture, node)
        if row is not None:
            self.host.open_detail(*row)
        elif is_group(node) and node.expandable:
            self.action_open_node()
        else:
            self.say(f"{node_name(node)} is known from its traffic only; tab goes through its edges.")

    def on_graph_view_edge_chosen(self) -> None:
        """Open the edge; where it adds up several, list them."""
        picture, graph, edge = self.host.picture, self.view.graph, self.view.edge
        if picture is None or graph is None or edge is None:
            return
        found = members(picture, self.scope_query(), self.sight, source=edge.source, target=edge.target)
        if len(found) == 1:
            self.host.open_detail("edges", VIEW.key(found[0][1]))
        elif found:
            from meshtop.console.screens.graph_edges import GraphEdgesScreen

            name = edge_name(graph, edge)
            self.app.push_screen(GraphEdgesScreen(name, self.sight, edge.source, edge.target))

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """What can be filtered by."""
        return tuple((column.name, column.help) for column in VIEW.columns)


_BAD = (HealthStatus.FAILING, HealthStatus.DEGRADED)


def _only_opened(before: tuple[Sight, Query], after: tuple[Sight, Query]) -> bool:
    """Whether only something was opened, closed or hidden: what stays then stays where it is."""
    (old, query), (new, same) = before, after
    return query == same and replace(old, expanded=new.expanded, collapsed=new.collapsed, hidden=new.hidden) == new


def graph_around(picture: Picture | None, kind: str, key: str) -> GraphScreen | None:
    """The graph around a row of a kind; None where the row is gone, or the graph does not show its kind."""
    of_kind = view(kind)
    items = of_kind.all_items(picture) if picture is not None else []
    item = next((item for item in items if of_kind.key(item) == key), None)
    place = place_of_row(kind, item, picture) if item is not None and picture is not None else None
    return None if place is None else GraphScreen(Sight(level=place[0], focus=place[1]), Cursor(place[1]))
