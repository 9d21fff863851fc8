"""The journal screen: what was written from this machine, what is in progress, and what is unfinished."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtop.console.desk.journaling import MOST, JournalRead, JournalRow, read_journal
from meshtop.console.desk.permissions import denial_of
from meshtop.console.desk.rights import RightsArrived
from meshtop.console.places import CANARIES, place_title
from meshtop.console.screens.action import ENDINGS, SIGNS_OF_COURSE, disabled_reasons, state_lines
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.run import LogLine, log_lines
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.console.workers import work_on_thread
from meshtop.views.frame.columns import Columns, text_cell
from meshtop.views.frame.filter import FilterError, find_column, parse_filter
from meshtop.views.frame.sort import SortKey, parse_sort, sort_items
from meshtop.views.frame.table import Column, Table, Tone

if TYPE_CHECKING:
    from meshtop.console.widgets.prompts import FilterLine


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m-%d %H:%M:%S")


def _course_cell(row: JournalRow) -> Any:
    sign, tone = SIGNS_OF_COURSE[row.course.value]
    return text_cell(f"{sign}{row.course.value}", tone)


c = Columns(JournalRow)
COLUMNS: tuple[Column[JournalRow], ...] = (
    Column(
        name="when",
        title="BEGUN (UTC)",
        help="When it was begun.",
        value=lambda t: t.action.created,
        cell=lambda t: text_cell(_when(t.action.created)),
        numeric=True,
        priority=2,
        min_width=14,
    ),
    Column(
        name="state",
        title="STATE",
        help="interrupted: its process ended; held: stopped on purpose; running: a meshtop process runs it.",
        value=lambda t: t.course.value,
        cell=_course_cell,
        priority=0,
        min_width=13,
    ),
    c.text("kind", "KIND", "shift or propagate.", lambda t: t.action.kind, priority=4, max_width=10),
    c.text("what", "WHAT", "The route, or what was copied.", lambda t: t.action.subject, priority=0, min_width=16,
           max_width=48),
    c.text("clusters", "CLUSTERS", "The clusters that it writes to.", lambda t: ", ".join(t.clusters), priority=1,
           max_width=40),
    c.text("who", "WHO", "Who began it.", lambda t: t.action.who, priority=3, max_width=20),
    c.text("reason", "REASON", "Why.", lambda t: t.action.reason, priority=5, max_width=60),
    c.text("id", "ID", "Its id for the command line.", lambda t: t.action.id, priority=6, min_width=20),
)  # fmt: skip


class JournalScreen(MeshScreen):
    """The latest actions; the selected one is shown below, and can be resumed or rolled back."""

    AUTO_FOCUS = "LiveTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("U", "resume", "resume", id="journal.resume"),
        Binding("R", "roll_back", "roll back", id="journal.rollback"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._actions: tuple[JournalRow, ...] = ()
        self._filter = ""
        self._sort = "when"
        self._problem = ""
        self._wrong: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(CANARIES)

    @property
    def is_place(self) -> bool:
        """False: it is opened over any screen."""
        return False

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "What meshtop wrote from this machine: each intention before its request, each outcome after it. "
            "Interrupted and held actions can be resumed at their step, or rolled back to the exact weights before."
        )

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """Columns and their meanings, for the help."""
        return tuple((column.title, column.help) for column in COLUMNS)

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb after the place."""
        return ("journal", f"/{self._filter}") if self._filter else ("journal",)

    def body(self) -> ComposeResult:
        """The actions, and the one under the cursor."""
        with Vertical(classes="journal"):
            yield LineView(id="wrong")
            yield LiveTable(id="actions", waiting=Note("Reading the journal …"))
            yield LineView(id="summary")

    def tick(self) -> None:
        """Read the journal again, as another process may have written to it."""
        super().tick()
        self.read_again()

    def on_screen_resume(self) -> None:
        """Read the journal again, as another screen may have written to it."""
        self.read_again()

    def read_again(self) -> None:
        """Read the journal on a worker thread."""
        if self.is_current:
            work_on_thread(self, self._read, exclusive=True, group="journal")

    def _read(self) -> None:
        self.post_message(read_journal(MOST))

    def on_journal_read(self, message: JournalRead) -> None:
        """Show it."""
        message.stop()
        self._actions, self._problem = message.actions, message.problem
        self._wrong = (*message.damaged, *message.notes)
        self._show()

    @property
    def rows(self) -> LiveTable:
        """The table."""
        return self.query_one("#actions", LiveTable)

    def _show(self) -> None:
        passes = parse_filter(self._filter, COLUMNS).matches
        if self._problem:
            self.rows.explain_empty(Note("The journal cannot be read", self._problem))
        elif self._actions:
            self.rows.explain_empty(Note("Nothing passes the filter", "", "esc shows everything again"))
        else:
            self.rows.explain_empty(Note("Nothing was written from here yet", "", "6, then S shifts a route"))
        wrong = self.query_one("#wrong", LineView)
        wrong.display = bool(self._wrong)
        said = [LogLine(f"▲ {one}", Tone.DEGRADED, hang=2) for one in self._wrong]
        wrong.show(lambda width: log_lines(said, width))
        keys = parse_sort(self._sort, COLUMNS)
        rows = sort_items([row for row in self._actions if passes(row)], keys)
        self.rows.show(Table(COLUMNS, rows, lambda row: row.action.id), (keys[0].column.name, keys[0].descending))
        self._show_selected()

    @property
    def selected(self) -> JournalRow | None:
        """The action under the cursor."""
        key = self.rows.cursor_key
        return next((row for row in self._actions if row.action.id == key), None)

    def _show_selected(self) -> None:
        row = self.selected
        view = self.query_one("#summary", LineView)
        view.display = row is not None
        if row is not None:
            view.show(lambda width: state_lines(row, width))
        self.refresh_bindings()

    def on_live_table_row_highlighted(self, event: LiveTable.RowHighlighted) -> None:
        """Show another one below."""
        self._show_selected()

    def on_live_table_row_chosen(self, event: LiveTable.RowChosen) -> None:
        """Open the action."""
        self._open("")

    def on_live_table_sort_changed(self, event: LiveTable.SortChanged) -> None:
        """Put the actions in another order."""
        turned = SortKey(find_column(event.column, COLUMNS)).descending != event.descending
        self._sort = ("-" if turned else "") + event.column
        self._show()

    def _open(self, ask: str) -> None:
        row = self.selected
        if row is not None:
            self.host.open_action(row, ask)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable keys that do not apply to the selected action."""
        if action in ENDINGS:
            return None if self.why_disabled(action) is not None else True
        return super().check_action(action, parameters)

    def why_disabled(self, action: str) -> str | None:
        """Why it is disabled."""
        row = self.selected
        why = disabled_reasons(row, read_only=self.host.read_only).get(action)
        if why is None and row is not None and action in ENDINGS:
            return denial_of(self.host.picture, self.host.rights, row.action, self)
        return why

    def on_rights_arrived(self, message: RightsArrived) -> None:
        """Update disabled keys."""
        self.refresh_bindings()

    def action_resume(self) -> None:
        """Resume it."""
        self._open("resume")

    def action_roll_back(self) -> None:
        """Roll it back."""
        self._open("roll_back")

    async def action_filter(self) -> None:
        """Type a filter."""
        await self.query_one(BottomBar).open_filter(self._filter)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter while typing."""
        try:
            parse_filter(event.text, COLUMNS)
        except FilterError as error:
            if not event.final:
                event.prompt.show_message(str(error), wrong=True)
                return
            self.say(f"The filter stays as it was: {error}", Tone.DEGRADED)
            self._filter = event.before
        else:
            self._filter = event.text
        self._show()
        self.update_chrome()

    def action_back(self) -> None:
        """Remove the filter, else close the screen."""
        if self._filter:
            self._filter = ""
            self._show()
            self.update_chrome()
            return
        super().action_back()

    def action_worst(self) -> None:
        """Go to the first unfinished action."""
        waiting = next((row for row in self._actions if row.course.unfinished), None)
        if waiting is None:
            self.say("Nothing is unfinished.", Tone.GOOD)
        else:
            self.rows.go_to(waiting.action.id)
