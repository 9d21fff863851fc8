"""Where one is in the Flow, and what a worker thread makes of that place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from meshtop.analysis.graph.service_graph import Level
from meshtop.console.widgets.notes import Note
from meshtop.console.widgets.plot_memory import PlotSpan
from meshtop.model.text import clean
from meshtop.views.frame.unknowns import told, unknowns_of
from meshtop.views.kinds.edges import VIEW
from meshtop.views.picture.query import Query
from meshtop.views.reports.flow import Flow, at_level, flow_of, flow_sight
from meshtop.views.reports.flow_detail import FlowDetail, flow_detail
from meshtop.views.reports.graph import Sight
from meshtop.views.reports.graph_detail import node_marks

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture


class FlowPlace(Struct, frozen=True):
    """What is centred: a node (None: what to look at first), at a level, seen so many calls far.

    `idle` is whether calls without traffic are among them.
    """

    at: str | None = None
    level: Level = Level.SERVICES
    hops: int = 1
    idle: bool = True

    @property
    def sight(self) -> Sight:
        """The graph that it is a part of."""
        return flow_sight(self.level, idle=self.idle)


class FlowAnswer(NamedTuple):
    """What a worker thread made: of a picture, for a place; without a Flow nothing calls it or is called by it."""

    picture: Picture
    query: Query
    place: FlowPlace
    flow: Flow | None
    detail: FlowDetail
    marks: tuple[float, ...] = ()


def make_flow(picture: Picture, query: Query, place: FlowPlace, came: FlowPlace | None, span: PlotSpan) -> FlowAnswer:
    """Everything about a place; `came` is where one comes from to another level, `span` what its plots show."""
    if came is not None and came.at is not None:
        at = at_level(picture, query, came.sight, came.at, place.sight)
        place = replace(place, at=at or place.at)
    flow = flow_of(picture, query, place.sight, place.at, hops=place.hops)
    if flow is None:
        return FlowAnswer(picture, query, place, flow, FlowDetail())
    detail = flow_detail(picture, query, place.sight, flow)
    window = span.window(picture.snapshot.moment or picture.snapshot.at)
    marks = node_marks(picture, query, place.sight, flow.centre, *window)
    return FlowAnswer(picture, query, place, flow, detail, marks)


def why_no_flow(answer: FlowAnswer) -> Note:
    """The note where nothing is shown: no traffic, as far as known."""
    picture, at = answer.picture, answer.place.at
    if not picture.edges and not picture.snapshot.settled:
        return Note("Reading the mesh …", "No cluster has answered yet.")
    unknowns = unknowns_of(picture.snapshot, VIEW.needs, states=picture.telemetry_states)
    if at is None or not picture.edges:
        return Note("No traffic was seen", told(VIEW.empty, unknowns), "1 shows every cluster")
    name = at.rpartition("/")[2]
    if answer.query.filter:
        return Note("No calls match the filter", f"/{answer.query.filter} leaves none of {clean(name)}.", "esc")
    said = told(f"Nobody calls {clean(name)}, and it calls nobody, in this window.", unknowns)
    return Note("No traffic around it", said, "w goes to the worst of the graph, esc goes back")
