"""The graph as a Flow: one thing with its callers and callees, walked from thing to thing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.service_graph import Level
from meshtop.console.making import Made
from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import CANVAS, GRAPH, load_screen, place_title
from meshtop.console.screens.filtered import FilteredEdgesScreen
from meshtop.console.screens.flow_courses import FlowCourses
from meshtop.console.screens.flow_foot import FlowFoot
from meshtop.console.screens.flow_place import FlowAnswer, make_flow, why_no_flow
from meshtop.console.screens.flow_walk import FlowWalk
from meshtop.console.widgets.flow_rows import METRIC_TITLES
from meshtop.console.widgets.flow_view import FlowView
from meshtop.console.widgets.graph_cursor import GraphCursor
from meshtop.console.widgets.notes import Note
from meshtop.console.widgets.plot_memory import plots_of
from meshtop.model.text import clean
from meshtop.views.frame.detail import find_item
from meshtop.views.kinds.edges import VIEW
from meshtop.views.reports.flow import flow_index, level_of
from meshtop.views.reports.graph import Sight, caller_of_row, edges_between, path_of, place_of_row, row_of_node
from meshtop.views.reports.graph_words import edge_name, node_name

if TYPE_CHECKING:
    from meshtop.analysis.graph.service_graph import GraphNode
    from meshtop.views.picture.picture import Picture

_CHART_HEIGHT = 9
_CHROME = 3
"""Lines of the bars above and below."""


class FlowScreen(FlowWalk, FilteredEdgesScreen):
    """The Flow of one thing; esc goes back to what was centred before."""

    AUTO_FOCUS = "FlowView"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "open_call", "open edge", id="flow.open"),
        Binding("v", "canvas", "canvas", id="flow.canvas"),
        Binding("T", "tree", "tree", id="flow.tree"),
        Binding("s", "shaped", "shaped by", id="flow.shaped"),
        Binding("p", "plots", "plots", id="flow.plots", show=False),
        Binding("Y", "object", "object", id="flow.object", show=False),
    ]

    def __init__(
        self,
        at: str | None = None,
        level: Level = Level.SERVICES,
        *,
        on: str | None = None,
        by_key: bool = True,
    ) -> None:
        super().__init__(at, level, on=on)
        self._by_key = by_key

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(GRAPH)

    @property
    def is_place(self) -> bool:
        """False if it was opened around a row, and closes to it."""
        return self._by_key

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "One thing with who calls it and whom it calls, what hurts first, then by rate. ← → go to callers and "
            "callees, and from there on to theirs; esc goes back. Bars are each call's part, or what e chooses; a line "
            "that counts healthy calls is opened by enter. s goes to what shapes it, + and - choose the time of the "
            "plots. v draws the whole graph, T all calls from here as a tree."
        )

    def body(self) -> ComposeResult:
        """The pipe, courses of its centre, and what shapes it."""
        with Vertical(classes="flow"):
            yield FlowView(waiting=Note("Reading the mesh …", "The first cluster to answer is shown at once."))
            yield FlowCourses()
            yield FlowFoot()

    def kinds(self) -> frozenset[str]:
        """Edges."""
        return frozenset({"edges"})

    def request(self) -> PictureRequest:
        """What needs attention as well: it says what to look at first, and since when it is so."""
        return replace(super().request(), attention=self.host.scope.query)

    def lost(self, picture: Picture) -> list[str]:
        """What is missing of the lists, and of the graph."""
        return [*super().lost(picture), *([self.flow.lost] if self.flow is not None else [])]

    def crumbs(self) -> tuple[str, ...]:
        """Where the centre is, its name, and what the bars measure where that was chosen."""
        flow = self.flow
        if flow is None:
            return (self.shown.level.value,)
        where = tuple(map(clean, path_of(flow.centre))) or (node_name(flow.centre),)
        metric = self.view.metric
        chosen = () if metric is GraphMetric.RATE else (f"e: {METRIC_TITLES[metric]}",)
        unhealthy = ("u: only unhealthy",) if self.view.only_ill else ()
        return (*where, *chosen, *unhealthy, *(() if self.shown.idle else ("i: without idle",)))

    # Making and showing

    def refresh_picture(self, picture: Picture) -> None:
        """Make everything about the centre again, off this thread."""
        if self.host.graph_look.metric is not None:
            self.view.metric = self.host.graph_look.metric
        self._making.ask(partial(make_flow, picture, self.scope_query(), self.shown, self._came, plots_of(self).span))

    def on_chart_view_plot_left(self) -> None:
        """A plot gives the keyboard back, however it got it."""
        self.view.focus()

    def action_plots(self) -> None:
        """Read the plots by a cursor."""
        if not self.enter_plots():
            self.say("There is no plot in sight." if not self.reading else "esc leaves the plots.")

    def on_flow_courses_told(self) -> None:
        """Say in the box what became of the centre."""
        self.view.tell(self.query_one(FlowCourses).past)

    # What shapes the centre

    def action_shaped(self) -> None:
        """Go to what shapes the centre, to open it."""
        foot = self.query_one(FlowFoot)
        if foot.chosen is not None and foot.display:
            foot.focus()
        else:
            self.say("Nothing that could be opened shapes it.")

    def on_flow_view_below(self) -> None:
        """Past the last call comes what shapes the centre."""
        if self.query_one(FlowFoot).chosen is not None:
            self.action_shaped()

    def on_flow_foot_left(self) -> None:
        """Back to the pipe."""
        self.view.focus()

    def on_flow_foot_opened(self, message: FlowFoot.Opened) -> None:
        """Show the object in every cluster."""
        self.show_wanted(message.wanted)

    def on_made(self, message: Made) -> None:
        """Show what was made, unless one went elsewhere meanwhile."""
        # An answer that comes while the screen is closed finds nothing to show it.
        if not self._making.take(message) or not self.query(FlowFoot):
            return
        if message.error is not None:
            self._answer = None
            self.view.explain(Note("This Flow cannot be shown", str(message.error)))
            self.update_chrome()
            return
        answer = message.answer
        assert isinstance(answer, FlowAnswer)
        self._came = None
        self._take(answer)

    def _take(self, answer: FlowAnswer) -> None:
        self._answer = answer
        flow, courses = answer.flow, self.query_one(FlowCourses)
        self.shown = answer.place if flow is None else replace(answer.place, at=flow.centre.id)
        if flow is None:
            self.view.explain(why_no_flow(answer))
            courses.forget()
        else:
            if answer.detail.charts:
                courses.show(answer.detail, answer.marks, answer.picture.snapshot)
            thresholds = answer.picture.thresholds
            self.view.show(flow, answer.detail, thresholds, hops=answer.place.hops, side=self._side, on=self._left)
            self._side = self._left = None
            self.view.tell(courses.past)
        self.query_one(FlowFoot).show(answer.detail)
        self._arrange()
        self.update_chrome()

    def _arrange(self) -> None:
        """The pipe as high as it is; courses where there is room; what is left goes to both."""
        foot, courses, view = self.query_one(FlowFoot), self.query_one(FlowCourses), self.view
        room = max(1, self.size.height - _CHROME)
        about = foot.natural_height(self.size.width, room)
        wanted = view.natural_height(self.size.width, room - about - _CHART_HEIGHT)
        plots = bool(courses.charts) and room - min(wanted, room // 2) - about - 1 >= _CHART_HEIGHT
        courses.display = plots
        if self.flow is None:
            about, wanted = 0, room
        height = min(wanted, room - about - (_CHART_HEIGHT if plots else 0))
        foot.display = about > 0
        foot.styles.height = about
        plotted = room - height - about if plots else 0
        courses.styles.height = plotted
        view.styles.height = max(1, room - about - plotted)

    def on_resize(self) -> None:
        """More room shows more."""
        if self.query(FlowFoot):
            self._arrange()
        self.update()

    def tick(self) -> None:
        """Refresh the courses when they are old."""
        super().tick()
        # A tick may come before there is anything to refresh.
        for courses in self.query(FlowCourses):
            courses.tick()

    # Going elsewhere

    @property
    def _node(self) -> GraphNode | None:
        """The node under the cursor."""
        call = self.view.call
        if call is not None:
            return call.node
        return self.flow.centre if self.flow is not None else None

    def _row(self) -> tuple[str, str] | None:
        """The kind and key of the node under the cursor."""
        node, answer = self._node, self._answer
        if node is None or answer is None:
            return None
        row = row_of_node(answer.picture, node)
        if row is None:
            self.say(f"{node_name(node)} is known only from traffic.")
        return row

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The kind and key of the node under the cursor, for what is asked of it; None where traffic alone knows it."""
        node, answer = self._node, self._answer
        return None if node is None or answer is None else row_of_node(answer.picture, node)

    def on_flow_view_opened(self) -> None:
        """Open the centre's row."""
        if (row := self._row()) is not None:
            self.host.open_detail(*row)

    def action_open_call(self) -> None:
        """Open the call under the cursor; if it combines several, list them; on the centre, open that."""
        call, answer = self.view.call, self._answer
        if answer is None:
            return
        if call is None:
            self.on_flow_view_opened()
            return
        sight, edge = answer.place.sight, call.edge
        found = edges_between(answer.picture, answer.query, sight, source=edge.source, target=edge.target)
        if len(found) == 1:
            self.host.open_detail("edges", VIEW.key(found[0][1]))
        elif found:
            from meshtop.console.screens.graph_edges import GraphEdgesScreen

            name = edge_name(flow_index(answer.picture, answer.query, sight).lookup, edge)
            self.app.push_screen(GraphEdgesScreen(name, sight, edge.source, edge.target))

    def action_object(self) -> None:
        """Show the object under the cursor as YAML, in every cluster."""
        foot = self.query_one(FlowFoot)
        if foot.has_focus:
            foot.action_choose()
        elif (row := self._row()) is not None:
            self.show_object(*row)

    def action_narrow(self) -> None:
        """Narrow the scope to the place of the node under the cursor."""
        if (row := self._row()) is not None:
            self.narrow_to(*row)

    def action_tree(self) -> None:
        """Show the calls from the centre down as a tree; from the entry point where it calls nobody."""
        flow, answer = self.flow, self._answer
        if flow is None or answer is None:
            return
        from meshtop.console.screens.call_tree import CallTreeScreen

        root = flow.centre if flow.callees else flow.way.nodes[0]
        self.app.push_screen(CallTreeScreen(root.id, answer.place.level))

    def action_canvas(self) -> None:
        """Draw the whole graph instead, with the cursor on the centre; this is remembered."""
        self.host.graph_canvas = True
        place, flow = self.shown, self.flow
        canvas = load_screen(CANVAS)
        if flow is None:
            self.app.switch_screen(canvas(by_key=self._by_key))
            return
        sight = Sight(level=place.level, focus=None if self._by_key else flow.centre.id)
        self.app.switch_screen(canvas(sight, GraphCursor(flow.centre.id), by_key=self._by_key))

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """What the columns mean."""
        return (
            ("req/s", "Requests a second; bytes a second, both ways, of TCP."),
            ("err %", "Share of failed requests, with the sign of the call's health."),
            ("share", "Its part of all requests that the centre gets (or sends); of all bytes for TCP."),
            ("of errors", "Its part of all failed requests of that side."),
            ("p99", "99 of 100 answers are faster; bars compare with the slowest of the side."),
            ("mTLS", "Share of its traffic seen as mutual TLS; 🔓 where part of it was plaintext."),
        )


def flow_around(picture: Picture | None, kind: str, key: str) -> FlowScreen | None:
    """The Flow around a row of a kind; None if the row no longer exists, or the graph does not show its kind.

    Of a call the cursor is on who makes it.
    """
    item = find_item(picture, kind, key) if picture is not None else None
    place = place_of_row(kind, item, picture) if item is not None and picture is not None else None
    if place is None or picture is None:
        return None
    caller = caller_of_row(kind, item, picture)
    return FlowScreen(place[1], level_of(place[1], place[0]), on=caller, by_key=False)
