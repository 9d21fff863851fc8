"""The canary's cockpit: versions side by side, their courses, and the shift of the route while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from meshtop.console.places import CANARIES, place_title
from meshtop.console.screens.canaries import CanaryDetailScreen, ShiftingScreen, shift_permissions
from meshtop.console.screens.courses import LinesArrived, PlotCourses, course
from meshtop.console.screens.facts import BLANK, section_lines
from meshtop.console.screens.plotted import PlottedScreen
from meshtop.console.screens.run import STEERING, RunScreen
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.line_widget import LineView, wrapped_lines
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.shift_status import status_lines
from meshtop.console.widgets.versions import version_table
from meshtop.model.numbers import weight
from meshtop.model.text import clean, cut
from meshtop.views.frame.facts import Section, fact
from meshtop.views.frame.moments import ago
from meshtop.views.frame.owners import tenant_text
from meshtop.views.frame.rules import held_object, selected_rule_section
from meshtop.views.frame.table import Tone
from meshtop.views.reports.cockpit import Cockpit, cockpit, version_charts
from meshtop.views.reports.rights import rights_section

if TYPE_CHECKING:
    from meshtop.analysis.canary.board import CanaryRow
    from meshtop.console.desk.rights import RightsArrived
    from meshtop.console.picture_request import PictureRequest
    from meshtop.views.picture.picture import Picture

CHARTS = 2
_CHART_HEIGHT = 9
_LEAST_BELOW = 5
"""Lines that are kept for what is below the charts: findings, callers, permissions."""
_STATUS_LINES = 6
_TOLD = frozenset({"CANARY-WORSE", "CANARY-NOT-HONOURED"})
"""Findings that the table and the headline say already."""
_MOST_TAKEN_OUT = 0.5
"""A version with more than half of the traffic is not taken out by one key."""


class CockpitScreen(PlottedScreen, ShiftingScreen):
    """A weighted route in every cluster of its mesh, to decide about and to act on."""

    AUTO_FOCUS = "#more"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("0", "take_out", "take out", id="canary.take_out"),
        Binding("p", "pause", "pause/resume", id="shift.pause"),
        Binding("H", "hold", "hold", id="shift.hold"),
        Binding("A", "abort", "abort, roll back", id="shift.abort"),
        Binding("j,down", "choose(1)", "next version", id="cockpit.down", show=False, priority=True),
        Binding("k,up", "choose(-1)", "previous version", id="cockpit.up", show=False, priority=True),
        Binding("tab", "cluster(1)", "next cluster", id="cockpit.cluster"),
        Binding("shift+tab", "cluster(-1)", "previous cluster", id="cockpit.cluster_back", show=False),
        Binding("enter,d", "details", "all facts", id="cockpit.details"),
        Binding("g", "graph", "graph", id="detail.graph"),
        Binding("y", "evidence", "copy", id="detail.text", show=False),
        Binding("Y", "object", "object", id="detail.object", show=False),
    ]

    def __init__(self, kind: str, key: str) -> None:
        super().__init__()
        self.kind = kind
        self.key = key
        self._cockpit: Cockpit | None = None
        self._chosen: tuple[str, str] | None = None
        self._gone = False
        self._courses = PlotCourses(self)

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(CANARIES)

    @property
    def is_place(self) -> bool:
        """False: it was opened from a place, and closes to it."""
        return False

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            f"{self.key}: its versions beside each other, wherever it is obeyed. ↑ ↓ choose a version, tab another "
            "cluster's; 0 takes the chosen version out everywhere, S shifts weights, R takes the last shift back. A "
            "shift that runs is shown here; it goes on when you leave."
        )

    @property
    def route_key(self) -> str | None:
        """The route that a shift is of."""
        return self.key

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb after the place."""
        return (self._cockpit.label if self._cockpit is not None else self.key,)

    def kinds(self) -> frozenset[str]:
        """Canaries."""
        return frozenset({CANARIES})

    def request(self) -> PictureRequest:
        """Canaries, and what the versions beside each other take besides: whether their workloads are ill."""
        return replace(super().request(), cockpit=self.key)

    def body(self) -> ComposeResult:
        """The versions, their courses, and what else is known."""
        with Vertical(classes="cockpit"):
            versions = LineView(id="versions")
            versions.can_focus = False
            yield versions
            with Horizontal(id="courses"):
                for index in range(CHARTS):
                    yield ChartView(id=f"course-{index}")
            yield LineView(id="more")

    # What is shown

    def refresh_picture(self, picture: Picture) -> None:
        """Show the route as it is now, or that it no longer exists."""
        found = cockpit(picture, self.key)
        self._gone = found is None
        if found is not None:
            self._cockpit = found
            self._keep_choice(found)
        self.judge(picture)
        self._show(picture)
        snapshot = picture.snapshot
        row = self._row()
        cluster = row.cluster if row is not None else None
        if self._courses.wanted((snapshot.moment, snapshot.window_seconds, self.span, cluster)):
            self._ask_courses(picture)

    def _keep_choice(self, found: Cockpit) -> None:
        """Keep the cursor where it is while that is there; else put it on the version that the verdict is about."""
        every = [(version.cluster, version.name) for cluster in found.clusters for version in cluster.versions]
        if self._chosen not in every:
            self._chosen = next((one for one in every if one[1] == found.candidate), every[0] if every else None)

    def _show(self, picture: Picture) -> None:
        self.query_one("#versions", LineView).show(self.version_lines)
        self.query_one("#more", LineView).show(lambda width: section_lines(self._sections(picture), width))
        self._arrange()
        if self.focused is None:
            self.query_one("#more", LineView).focus()

    def version_lines(self, width: int) -> list[TextLine]:
        """The verdict, the versions, and what runs, as lines of a width."""
        shown = self._cockpit
        if shown is None or self._gone:
            return [BLANK, TextLine("plain", (TextRun(2, cut("It is gone.", max(0, width - 2)), Tone.DIM),))]
        headline = shown.headline
        rows = wrapped_lines(headline.text.strip(), max(1, width - 4))
        lines = [TextLine("plain", (TextRun(2, row, headline.tone),)) for row in rows]
        lines.append(BLANK)
        lines += version_table(shown, self._chosen, width)
        run = self._run_of_route()
        if run is not None and run.status.progress is not None:
            lines.append(BLANK)
            lines += status_lines(run.status.progress, self.host.now(), width, _STATUS_LINES)
        return lines

    def _sections(self, picture: Picture) -> list[Section]:
        row = self._row()
        shown = self._cockpit
        if row is None or shown is None:
            return []
        change, at = row.last_change, picture.snapshot.at
        who = None if change is None else f"{change.who}, {ago(change.time.timestamp(), at)}"
        owner = row.owner.controller if row.owner.name is None else f"{row.owner.controller} ({row.owner.name})"
        findings = {(f.code, f.message): f for one in shown.rows for f in one.findings if f.code not in _TOLD}
        tenants = tenant_text(picture.tenants(row.cluster, row.namespace))
        about = [
            *([fact("tenant", tenants)] if tenants else []),
            fact("object", f"{row.kind} {row.namespace}/{row.name}#{row.route}"),
            fact("changed by", who),
        ]
        if owner != "none":
            about.append(fact("owner", owner))
        if shown.others:
            about.append(fact("other meshes", ", ".join(shown.others)))
        callers = tuple(
            fact(c.cluster, " · ".join(f"{clean(name)} {weight(share)} %" for name, share in c.shares.items()))
            for c in row.callers
        )
        obj = held_object(picture, row.cluster, row.kind, row.namespace, row.name)
        denied = [one for one in self.permissions if one.denied]
        return [
            Section("Findings", tuple(fact(f.code, f"{f.message} {f.fix}") for f in findings.values())),
            *([rights_section(self.permissions)] if denied else []),
            *([] if obj is None else [selected_rule_section(obj, row.route)]),
            Section("Calling clusters, seen", callers),
            Section("About", tuple(about)),
        ]

    def _arrange(self) -> None:
        """The versions as high as they are; the charts where there is room."""
        picture = self.host.picture
        versions, courses = self.query_one("#versions", LineView), self.query_one("#courses")
        height = len(self.version_lines(max(1, self.size.width)))
        room = self.size.height - 5
        versions.styles.height = max(3, min(height + 1, room - _LEAST_BELOW))
        more = self.query_one("#more", LineView)
        rows = len(section_lines(self._sections(picture), max(1, self.size.width))) if picture is not None else 0
        courses.display = bool(self._courses.charts) and room - height - _LEAST_BELOW >= _CHART_HEIGHT
        # As high as it is: the courses have what remains.
        below = min(rows, room - height - _CHART_HEIGHT - 1)
        more.styles.height = max(_LEAST_BELOW, below) if courses.display else "1fr"

    def on_resize(self) -> None:
        """More room shows more."""
        self.update()

    def tick(self) -> None:
        """Refresh the courses when they are old, and the status of what runs."""
        super().tick()
        if self.host.picture is None:
            return
        if self._run_of_route() is not None:
            self._show(self.host.picture)
            self.refresh_bindings()
        if self._courses.is_due:
            self._ask_courses(self.host.picture)

    # The courses

    def _ask_courses(self, picture: Picture) -> None:
        row = self._row()
        if row is None:
            return
        charts = version_charts(row, window_seconds=picture.snapshot.window_seconds)[:CHARTS]
        if charts != self._courses.charts:
            self._courses.choose(charts)
            self._courses.forget()
        self._courses.ask(picture.snapshot.moment, picture.snapshot.window_seconds)
        for index in range(len(charts)):
            self._show_course(index)
        self._arrange()

    def plots_changed(self) -> None:
        """Ask for the time that was chosen."""
        self._courses.forget()
        super().plots_changed()

    def on_lines_arrived(self, message: LinesArrived) -> None:
        """Draw a chart."""
        if self._courses.take(message):
            self._show_course(message.index)

    def _show_course(self, index: int) -> None:
        moment = self.host.picture.snapshot.moment if self.host.picture is not None else None
        shown = course(
            self._courses.charts[index], self._courses.lines(index), self._marks(), span=self.span, moment=moment
        )
        self.query_one(f"#course-{index}", ChartView).show(shown)

    def _marks(self) -> tuple[float, ...]:
        """Where changes of the route, and of what it leads to, stand in the time of its charts."""
        from meshtop.views.reports.changes.plot_marks import marks_of_item

        picture = self.host.picture
        if picture is None:
            return ()
        return marks_of_item(picture, CANARIES, self.key, *self._courses.window(picture.snapshot.moment))

    def action_object(self) -> None:
        """Show the route's object as YAML, in every cluster."""
        self.show_object(CANARIES, self.key)

    # Choosing

    def _row(self) -> CanaryRow | None:
        """The row of the chosen cluster."""
        if self._cockpit is None or self._gone:
            return None
        rows = self._cockpit.rows
        return next((row for row in rows if self._chosen and row.cluster == self._chosen[0]), rows[0] if rows else None)

    def action_choose(self, step: int) -> None:
        """Move the cursor over the versions."""
        shown = self._cockpit
        if shown is None or self._chosen is None:
            return
        every = [(version.cluster, version.name) for cluster in shown.clusters for version in cluster.versions]
        number = every.index(self._chosen) + step
        if 0 <= number < len(every):
            self._choose(every[number])

    def action_cluster(self, step: int) -> None:
        """Go to the same version in another cluster; after the last one into the plots, and from there to the first."""
        shown = self._cockpit
        if shown is None or self._chosen is None:
            return
        names = [cluster.name for cluster in shown.clusters]
        if step > 0 and self._chosen[0] == names[-1] and self.enter_plots():
            return
        if self.reading:
            self.leave_plots()
        name = names[(names.index(self._chosen[0]) + step) % len(names)]
        versions = next(cluster.versions for cluster in shown.clusters if cluster.name == name)
        same = next((one for one in versions if one.name == self._chosen[1]), versions[0] if versions else None)
        if same is not None:
            self._choose((name, same.name))

    def _choose(self, chosen: tuple[str, str]) -> None:
        self._chosen = chosen
        self.update()
        self.refresh_bindings()

    # Acting

    def _run_of_route(self) -> RunScreen | None:
        """The screen in which a shift of this route runs."""
        shown = self._cockpit
        runs = (run for run in self.host.runs.running if isinstance(run, RunScreen))
        return next((run for run in runs if shown is not None and run.subject == shown.label), None)

    def action_take_out(self) -> None:
        """Check taking the chosen version out everywhere, and ask whether to."""
        from meshtop.console.screens.shift import ShiftScreen

        picture, row = self.host.picture, self._row()
        if picture is None or row is None or self._chosen is None:
            return
        name = self._chosen[1]
        share = next((d.share for d in row.destinations if d.name == name), 0.0)
        if share == 0:
            self.say(f"{clean(name)} has no weight in {clean(row.cluster)} already; S shifts weights.", Tone.DEGRADED)
            return
        if share > _MOST_TAKEN_OUT:
            # That would be no way back: everything would go to the others.
            self.say(f"{clean(name)} carries {weight(share)} %; S shifts so much.", Tone.DEGRADED)
            return
        self.app.push_screen(ShiftScreen(row, picture, take_out=name))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer steering while a shift of the route runs, and taking out as `S` is offered."""
        if action in STEERING:
            return self._run_of_route() is not None
        if action == "take_out":
            if self._run_of_route() is not None:
                return False
            return super().check_action("shift", parameters)
        return super().check_action(action, parameters)

    def why_disabled(self, action: str) -> str | None:
        """Why an action that writes is disabled."""
        return super().why_disabled("shift" if action == "take_out" else action)

    def hint_text(self, action: str, description: str) -> str | None:
        """Name the version that `0` takes out."""
        if action == "take_out" and self._chosen is not None:
            return f"take {clean(self._chosen[1])} out"
        return super().hint_text(action, description)

    def action_pause(self) -> None:
        """Stay at this step of the running shift, or resume."""
        if (run := self._run_of_route()) is not None:
            run.action_pause()

    def action_hold(self) -> None:
        """End the running shift with the weights as they are."""
        if (run := self._run_of_route()) is not None:
            run.action_hold()

    def action_abort(self) -> None:
        """Roll the running shift back."""
        if (run := self._run_of_route()) is not None:
            run.action_abort()

    # Going elsewhere

    def action_details(self) -> None:
        """Open the page with every fact, and the calls."""
        row = self._row()
        if row is not None:
            self.app.push_screen(CanaryDetailScreen(CANARIES, row.id))

    def action_graph(self) -> None:
        """Open the graph around the route."""
        row = self._row()
        if row is not None:
            self.host.open_graph(CANARIES, row.id)

    def told_item(self) -> object:
        """The rows of the route in the chosen cluster."""
        return self._row()

    def action_narrow(self) -> None:
        """Narrow the scope to the route's place."""
        row = self._row()
        if row is not None:
            self.narrow_to(CANARIES, row.id)

    def on_rights_arrived(self, message: RightsArrived) -> None:
        """Update the permissions."""
        if self.host.picture is not None:
            self.permissions = shift_permissions(self, self.host.picture, self.key)
        self.update()

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """What the columns mean."""
        return (
            ("SET %", "The weight, as a share."),
            ("SEEN %", "The share of the calls that were counted since the weights last changed."),
            ("REQ/S", "Requests a second."),
            ("ERR %", "Share of failed requests; ✗ where the version is worse in it than its baseline."),
            ("P99 ms", "99 of 100 answers are faster; ✗ where the version is slower than its baseline."),
            ("READY", "Ready pods in this cluster."),
            ("VERDICT", "Whether the version is worse than its baseline, and by how much."),
        )
