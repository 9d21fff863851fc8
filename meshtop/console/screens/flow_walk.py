"""The ways from one Flow to the next: along calls, to the worst, to another cluster or level, further out, and back."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType

from meshtop.analysis.graph.service_graph import Level
from meshtop.console.making import Making
from meshtop.console.screens.flow_place import FlowAnswer, FlowPlace
from meshtop.console.screens.inner_steps import InnerSteps
from meshtop.console.screens.plotted import PlottedScreen
from meshtop.console.trail import InnerWay
from meshtop.console.widgets.flow_sheet import CALLERS
from meshtop.console.widgets.flow_view import FlowView
from meshtop.views.frame.table import Tone
from meshtop.views.reports.flow import MOST_HOPS, Flow, flow_index, flow_of
from meshtop.views.reports.flow_detail import FlowDetail


class FlowWalk(PlottedScreen):
    """A screen that centres on one thing after another, and remembers the way."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "worst", "worst", id="flow.worst"),
        Binding("e", "metric", "metric", id="flow.metric"),
        Binding("f", "further", "further out", id="flow.further", show=False),
        Binding("u", "ill", "only unhealthy", id="flow.ill", show=False),
        Binding("i", "idle", "idle calls", id="flow.idle", show=False),
        Binding("greater_than_sign", "level(1)", "finer", id="flow.finer", show=False),
        Binding("less_than_sign", "level(-1)", "coarser", id="flow.coarser", show=False),
        Binding("tab", "twin(1)", "next cluster", id="flow.twin", show=False, priority=True),
        Binding("shift+tab", "twin(-1)", "previous cluster", id="flow.twin_back", show=False, priority=True),
    ]

    def __init__(self, at: str | None = None, level: Level = Level.SERVICES, *, on: str | None = None) -> None:
        super().__init__()
        self.shown = FlowPlace(at, level)
        """Where one is; until the first answer, what was asked for."""
        self._steps: InnerSteps[FlowPlace] = InnerSteps()
        self._answer: FlowAnswer | None = None
        self._making = Making(self)
        self._came: FlowPlace | None = None
        self._side: int | None = CALLERS
        self._left = on

    @property
    def view(self) -> FlowView:
        """The pipe."""
        return self.query_one(FlowView)

    @property
    def working(self) -> bool:
        """Whether something newer than what is shown is being made."""
        return self._making.busy

    @property
    def flow(self) -> Flow | None:
        """What is shown; None before the first answer, and where there are no calls."""
        return self._answer.flow if self._answer is not None else None

    @property
    def inner_way(self) -> InnerWay | None:
        """What is centred, at which level and how far, and the way there."""
        return self._steps.way(self.shown)

    def return_inside(self, way: InnerWay) -> None:
        """Begin where one was before."""
        self.shown = self._steps.resume(way, FlowPlace) or self.shown

    def step_forward(self) -> bool:
        """Centre again on what esc came back from."""
        place = self._steps.forward(self.shown)
        if place is not None:
            self._show_place(place, side=CALLERS)
        return place is not None

    @abstractmethod
    def _take(self, answer: FlowAnswer) -> None:
        """Show an answer."""

    def go(self, place: FlowPlace, *, side: int | None = None, came: FlowPlace | None = None) -> None:
        """Centre on something else; esc goes back. `side` is where the cursor goes, `came` the place at another level.

        Within what is shown this is immediate; only what is said of the centre besides its calls comes later.
        """
        if place == self.shown:
            return
        self._steps.leaving(self.shown)
        self._show_place(place, side=side, came=came)

    def _show_place(self, place: FlowPlace, *, side: int | None, came: FlowPlace | None = None) -> None:
        answer, self._side, self._came = self._answer, side, came
        self.shown = place
        self._making.forget()
        if answer is not None and came is None and place.level is answer.place.level and place.at is not None:
            flow = flow_of(answer.picture, answer.query, place.sight, place.at, hops=place.hops)
            if flow is not None:
                same = answer.flow is not None and flow.centre.id == answer.flow.centre.id
                self._take(answer._replace(place=place, flow=flow, detail=answer.detail if same else FlowDetail()))
        self.update()

    def on_flow_view_centred(self, message: FlowView.Centred) -> None:
        """Walk there."""
        self.go(replace(self.shown, at=message.node), side=message.side)

    def action_back(self) -> None:
        """Back to what was centred before; else widen the scope or leave."""
        place = self._steps.back(self.shown)
        if place is not None:
            self._left = self.shown.at
            self._show_place(place, side=CALLERS)
        else:
            super().action_back()

    def action_worst(self) -> None:
        """Go to the worst by impact; again: to the next."""
        answer = self._answer
        if answer is None:
            return
        worst = flow_index(answer.picture, answer.query, answer.place.sight).worst
        if not worst:
            self.say("Nothing here is degraded or failing.", Tone.GOOD)
            return
        at = (worst.index(self.shown.at) + 1) % len(worst) if self.shown.at in worst else 0
        if worst[at] == self.shown.at:
            self.say("This is the only one that is degraded or failing.")
        self.go(replace(self.shown, at=worst[at]), side=CALLERS)

    def action_twin(self, step: int) -> None:
        """Go to the same service in another cluster."""
        flow = self.flow
        if flow is None or not flow.twins:
            self.say("No other cluster serves this.")
            return
        every = sorted((flow.centre, *flow.twins), key=lambda node: node.id)
        at = [node.id for node in every].index(flow.centre.id) + step
        self.go(replace(self.shown, at=every[at % len(every)].id), side=CALLERS)

    def action_further(self) -> None:
        """Show calls one hop further out; from the furthest on, its own alone."""
        hops = self.shown.hops % MOST_HOPS + 1
        self.go(replace(self.shown, hops=hops))
        own = "Its own calls alone; f shows those one hop further out."
        most = "; v draws the whole graph" if hops == MOST_HOPS else ""
        self.say(own if hops == 1 else f"Calls up to {hops} hops away are shown{most}.")

    def action_ill(self) -> None:
        """Show only calls that are not healthy, and count the others; or show these again."""
        self.view.leave_out_healthy(not self.view.only_ill)
        self.update_chrome()
        self.say("Healthy calls are counted; u shows them again." if self.view.only_ill else "All calls are shown.")

    def action_idle(self) -> None:
        """Leave out calls without traffic in this window, or show them too."""
        self.go(replace(self.shown, idle=not self.shown.idle))
        self.say("Idle calls are shown too." if self.shown.idle else "Idle calls are left out; i shows them again.")

    def action_level(self, step: int) -> None:
        """Go to what the centre is in, or to the worst part of it."""
        levels = self.shown.sight.levels
        index = levels.index(self.shown.level) + step
        if not 0 <= index < len(levels):
            last, word = (levels[-1], "finest") if step > 0 else (levels[0], "coarsest")
            self.say(f"{last.value} is the {word} level.")
            return
        self.go(replace(self.shown, level=levels[index]), side=CALLERS, came=self.shown)

    def action_metric(self) -> None:
        """Let the bars measure something else."""
        metric = self.host.graph_look.metric = self.view.metric.following
        self.view.measure(metric)
        self.update_chrome()
        self.say(f"The bars measure {metric.value}.")
