"""A small fixed model to draw: what snapshots, benchmarks and tests of the widgets show."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot

from meshtop.console.terminal.look import Look
from meshtop.console.terminal.shell import Shell, stylesheets
from meshtop.console.themes import theme_names
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.commands import Command
from meshtop.console.widgets.help_screen import HelpScreen, HelpText, key_groups
from meshtop.console.widgets.lines import TextLine
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.prompts import CommandBar, FilterLine
from meshtop.console.widgets.top_bar import PlaceTab, TopBar, TopBarState
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Align, Cell, Column, Table, Tone


class Workload(Struct, frozen=True, kw_only=True):
    """A row."""

    cluster: str
    namespace: str
    name: str
    status: str = "healthy"
    requests: float | None = None
    errors: float | None = None
    p99: float | None = None
    trend: str = ""


_SIGNS = {
    "healthy": ("", Tone.PLAIN),
    "degraded": ("▲ degraded", Tone.DEGRADED),
    "failing": ("✗ failing", Tone.FAILING),
    "unknown": ("? stale", Tone.UNKNOWN),
}


def _number(value: float | None, digits: int = 0) -> Cell:
    return Cell("–", Tone.DIM) if value is None else Cell(f"{value:.{digits}f}")


COLUMNS: tuple[Column[Workload], ...] = (
    Column(
        name="name", title="WORKLOAD", help="The workload's name.", value=lambda w: w.name,
        cell=lambda w: Cell(w.name, Tone.STRONG), priority=0, min_width=10,
    ),
    Column(
        name="status", title="STATE", help="How it does.", value=lambda w: w.status,
        cell=lambda w: Cell(*_SIGNS[w.status]), priority=0, min_width=10,
    ),
    Column(
        name="namespace", title="NAMESPACE", help="Its namespace.", value=lambda w: w.namespace,
        cell=lambda w: Cell(w.namespace), priority=2,
    ),
    Column(
        name="cluster", title="CLUSTER", help="Its cluster.", value=lambda w: w.cluster,
        cell=lambda w: Cell(w.cluster), priority=1,
    ),
    Column(
        name="requestsPerSecond", title="REQ/S", numeric=True, help="Requests each second.", value=lambda w: w.requests,
        cell=lambda w: _number(w.requests), align=Align.RIGHT, priority=0,
    ),
    Column(
        name="errorRatio", title="ERR %", numeric=True, help="Share of requests that failed.", value=lambda w: w.errors,
        cell=lambda w: _number(w.errors, 2), align=Align.RIGHT, priority=0,
    ),
    Column(
        name="p99", title="P99 ms", numeric=True, help="99 % of requests are faster.", value=lambda w: w.p99,
        cell=lambda w: _number(w.p99), align=Align.RIGHT, priority=1,
    ),
    Column(
        name="secret", title="NEVER DRAWN", help="Only filtered by.", value=lambda w: w.name,
        cell=lambda w: Cell("never"), hidden=True,
    ),
    Column(
        name="trend", title="LAST 30 MIN", help="Requests over time.", value=lambda w: w.requests,
        cell=lambda w: Cell(w.trend, Tone.DIM), wide=True, min_width=10,
    ),
)  # fmt: skip

_NAMES = ("storefront", "reviews", "ratings", "catalog", "inventory", "gateway", "payments", "한국어-svc", "cafe\u0301")
_STATES = ("failing", "degraded", "healthy", "unknown")


def workloads(count: int = 12) -> list[Workload]:
    """The same rows every time."""
    return [
        Workload(
            cluster=("us-east", "eu-west", "on-prem")[n % 3],
            namespace=("shop", "payments", "platform")[n % 3],
            name=_NAMES[n % len(_NAMES)] + (f"-{n}" if n >= len(_NAMES) else ""),
            status=_STATES[n] if n < 4 else "healthy",
            requests=None if n == 3 else 7100 / (n + 1),
            errors=None if n == 3 else (n * 37 % 100) / 20,
            p99=None if n == 3 else 80 + n * 53 % 400,
            trend="".join("▁▂▃▄▅▆▇█"[(n * 3 + i * i) % 8] for i in range(10)),
        )
        for n in range(count)
    ]


def table_of(rows: list[Workload]) -> Table[Workload]:
    """The model."""
    return Table(COLUMNS, rows, lambda w: f"{w.cluster}/{w.namespace}/{w.name}")


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    """Wait until something is so; as long as a slow machine may need."""
    for _ in range(1500):
        await pilot.pause(0.01)
        if condition():
            await pilot.pause()
            return
    raise AssertionError("waited in vain")


def written(line: TextLine) -> str:
    """A line as one text, its runs where they stand."""
    text = ""
    for run in line.runs:
        text += " " * (run.x - cell_width(text)) + run.text
    return text


class TableApp(Shell):
    """Nothing but a table."""

    CSS_PATH = stylesheets("app", "widgets")

    def __init__(self, look: Look | None = None, rows: list[Workload] | None = None, *, cell_diff: bool = True) -> None:
        super().__init__(look, cell_diff=cell_diff)
        self.table = LiveTable()
        self.rows = rows
        self.posted: list[object] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()
        if self.rows is not None:
            self.table.show(table_of(self.rows), ("errorRatio", True))

    def on_live_table_row_highlighted(self, message: LiveTable.RowHighlighted) -> None:
        self.posted.append(("highlighted", message.key))

    def on_live_table_row_chosen(self, message: LiveTable.RowChosen) -> None:
        self.posted.append(("chosen", message.key))

    def on_live_table_sort_changed(self, message: LiveTable.SortChanged) -> None:
        self.posted.append(("sort", message.column, message.descending))

    def on_live_table_marks_changed(self, message: LiveTable.MarksChanged) -> None:
        self.posted.append(("marks", message.keys))


COMMANDS = (
    Command("workloads", "Go to the workloads.", aliases=("wl",)),
    Command("namespace", "Choose a namespace.", aliases=("ns",), values=lambda: ("shop", "payments", "platform")),
    Command("theme", "Switch the theme.", values=theme_names),
    Command("quit", "Leave.", aliases=("q",)),
)
TOP = TopBarState(
    tabs=tuple(PlaceTab(str(n), name) for n, name in enumerate(("Fleet", "Namespaces", "Services", "Workloads"), 1)),
    current="Workloads",
    crumbs=("shop",),
    scope=("all clusters", "all tenants", "last 5m", "status:failing"),
    state="live · 2 s ago",
    read_only=True,
)


class FrameApp(TableApp):
    """A whole screen: the two lines on top, a table and the line at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="app.filter", key_display="/"),
        Binding("colon", "command", "command", id="app.command", key_display=":"),
        Binding("w", "write", "shift", id="app.shift"),
        Binding("question_mark", "help", "help", id="app.help", key_display="?"),
        Binding("q", "quit", "quit", id="app.quit"),
    ]

    def compose(self) -> ComposeResult:
        yield TopBar(TOP)
        yield self.table
        yield BottomBar(COMMANDS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "write" else True

    def why_disabled(self, action: str) -> str | None:
        return "read-only" if action == "write" else None

    async def action_filter(self) -> None:
        await self.query_one(BottomBar).open_filter("status:failing")

    async def action_command(self) -> None:
        await self.query_one(BottomBar).open_commands()

    def action_help(self) -> None:
        columns = tuple((column.title, column.help) for column in COLUMNS if not column.hidden)
        keys = key_groups(self.screen)
        help_ = HelpText("Workloads", "What runs, and how it does.", keys.own, columns, keys.moving, keys.everywhere)
        self.push_screen(HelpScreen(help_))

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        self.posted.append(("filter", message.text, message.final))
        if message.text.startswith("!"):
            message.prompt.show_message("after ! comes a term, such as !status:healthy", wrong=True)
        elif not message.final:
            message.prompt.show_message("12 of 310")

    def on_command_bar_given(self, message: CommandBar.Given) -> None:
        self.posted.append(("command", message.command.name, message.argument))

    def on_top_bar_place_chosen(self, message: TopBar.PlaceChosen) -> None:
        self.posted.append(("view", message.key))
