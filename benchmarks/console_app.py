"""What the console's benchmarks run: the live table and DataTable with the same rows, on a counting driver."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace
from textual.app import ComposeResult
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot
from textual.widgets import DataTable

from meshtop.console.terminal.look import Look
from meshtop.console.terminal.shell import Shell, stylesheets
from meshtop.console.terminal.thin_driver import WatchfulDriver
from meshtop.console.widgets.live_table import LiveTable
from meshtop.views.frame.table import Align, Cell, Column, Table, Tone

SIZE = (200, 50)
VISIBLE_ROWS = SIZE[1] - 1
NUMBERS = 10


class Row(Struct, frozen=True):
    """A name and some numbers."""

    name: str
    numbers: tuple[float, ...]


def _number_column(index: int) -> Column[Row]:
    return Column(
        name=f"n{index}", title=f"RATE {index}", help="A rate.", value=lambda row: row.numbers[index],
        cell=lambda row: Cell(f"{row.numbers[index]:.1f}"), align=Align.RIGHT, numeric=True, min_width=9,
    )  # fmt: skip


COLUMNS: tuple[Column[Row], ...] = (
    Column(
        name="name", title="WORKLOAD", help="Its name.", value=lambda row: row.name,
        cell=lambda row: Cell(row.name, Tone.STRONG), priority=0,
    ),
    *(_number_column(index) for index in range(NUMBERS)),
)  # fmt: skip


def make_rows(count: int, seed: int = 7) -> list[Row]:
    """Rows of rates."""
    rng = random.Random(seed)
    return [Row(f"workload-{n}", tuple(rng.uniform(100, 999) for _ in range(NUMBERS))) for n in range(count)]


def change(rows: list[Row], share: float, rng: random.Random) -> list[tuple[int, int]]:
    """Change this share of the visible cells; which ones."""
    cells = [(row, column) for row in range(VISIBLE_ROWS) for column in range(NUMBERS)]
    chosen = rng.sample(cells, round(len(cells) * share))
    for row, column in chosen:
        numbers = list(rows[row].numbers)
        numbers[column] = rng.uniform(100, 999)
        rows[row] = replace(rows[row], numbers=tuple(numbers))
    return chosen


class CountingDriver(WatchfulDriver, HeadlessDriver):
    """A driver that counts the bytes it is given."""

    written = 0

    @property
    def is_headless(self) -> bool:
        """Textual draws nothing for a headless driver."""
        return False

    def write(self, data: str) -> None:
        """Count."""
        super().write(data)
        CountingDriver.written += len(data.encode())


class LiveApp(Shell):
    """The live table."""

    CSS_PATH = stylesheets("app", "widgets")

    def __init__(self, *, cell_diff: bool) -> None:
        super().__init__(Look("meshtop-dark"), cell_diff=cell_diff)
        self.driver_class = CountingDriver
        self.table = LiveTable()

    def compose(self) -> ComposeResult:
        """Nothing else."""
        yield self.table

    def load(self, rows: list[Row]) -> None:
        """Show rows."""
        self.table.show(Table(COLUMNS, rows, lambda row: row.name))

    def update(self, rows: list[Row], changed: list[tuple[int, int]]) -> None:
        """Show the next state of them."""
        self.load(rows)


class PeerApp(Shell):
    """Textual's DataTable."""

    def __init__(self, *, cell_diff: bool) -> None:
        super().__init__(Look("meshtop-dark"), cell_diff=cell_diff)
        self.driver_class = CountingDriver
        self.table: DataTable[str] = DataTable()

    def compose(self) -> ComposeResult:
        """Nothing else."""
        yield self.table

    def load(self, rows: list[Row]) -> None:
        """Show rows."""
        for column in COLUMNS:
            self.table.add_column(column.title, width=max(9, len(rows[-1].name)))
        for row in rows:
            self.table.add_row(*(column.cell(row).text for column in COLUMNS), key=row.name)

    def update(self, rows: list[Row], changed: list[tuple[int, int]]) -> None:
        """Show the next state of them."""
        for row, column in changed:
            self.table.update_cell_at((row, column + 1), COLUMNS[column + 1].cell(rows[row]).text)  # type: ignore[arg-type]


Console = LiveApp | PeerApp


async def play(app: Console, script: Callable[[Pilot[int]], Awaitable[None]]) -> None:
    """Run an app with a script."""

    async def pilot_script(pilot: Pilot[int]) -> None:
        await pilot.pause()
        await script(pilot)
        app.exit()

    await app.run_async(headless=False, size=SIZE, auto_pilot=pilot_script)  # type: ignore[arg-type]
