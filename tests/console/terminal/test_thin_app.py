"""One script, played with the diff and without it: after each step both terminals show the same screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual import events
from textual.app import ComposeResult
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import DataTable, Input, Label, Static

from meshtop.console.terminal.look import Look
from meshtop.console.terminal.shell import Shell
from meshtop.console.terminal.thin_driver import is_harmless
from meshtop.console.widgets.notes import TooSmallScreen, is_too_small
from tests.console.terminal.emulator import EmulatorDriver, Shown, Terminal
from tests.console.widgets.sample import until


class Question(ModalScreen[None]):
    CSS = "Question { align: center middle; } Question Label { border: round $accent; padding: 1 2; }"

    def compose(self) -> ComposeResult:
        yield Label("Shift 20 % to v3? 한국어")


class Script(Shell):
    CSS = "DataTable { height: 1fr; } #note { height: 1; }"

    def __init__(self, look: Look, *, cell_diff: bool, size: tuple[int, int]) -> None:
        self.terminal = Terminal(*size)
        self.last: Shown = []
        super().__init__(look, cell_diff=cell_diff)

    def compose(self) -> ComposeResult:
        yield Static("meshtop  🔒 all clusters", id="note")
        yield DataTable(id="rows")
        line = Input(placeholder="filter")
        line.cursor_blink = False  # a cursor that blinks is another screen every half second
        yield line

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("workload", "req/s", "err %")
        for number in range(40):
            table.add_row(f"reviews-v{number}", str(number * 7), "한국" if number % 3 else "0.1", key=str(number))
        table.focus()


Play = Callable[[Pilot[int]], Awaitable[None]]


def table(pilot: Pilot[int]) -> DataTable[str]:
    return pilot.app.query_one(DataTable)


async def change_cells(pilot: Pilot[int]) -> None:
    for number in (1, 4, 9):
        table(pilot).update_cell_at((number, 1), "9999")  # type: ignore[arg-type]


async def open_modal(pilot: Pilot[int]) -> None:
    await pilot.app.push_screen(Question())


async def close_modal(pilot: Pilot[int]) -> None:
    pilot.app.pop_screen()


def resize(width: int, height: int) -> Play:
    async def play(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, Script)
        driver = app._driver
        assert isinstance(driver, HeadlessDriver)
        app.terminal.resize(width, height)
        driver._size = (width, height)
        await app._post_message(events.Resize(Size(width, height), Size(width, height)))
        small = is_too_small(width, height)  # Textual gathers resizes for 1/120 s
        await until(
            pilot, lambda: app.screen.size == (width, height) and isinstance(app.screen, TooSmallScreen) is small
        )

    return play


def write(data: str) -> Play:
    async def play(pilot: Pilot[int]) -> None:
        assert pilot.app._driver is not None
        pilot.app._driver.write(data)

    return play


async def suspend(pilot: Pilot[int]) -> None:
    with pilot.app.suspend():
        pass


async def switch_theme(pilot: Pilot[int]) -> None:
    pilot.app.theme = "meshtop-light"


async def wide_note(pilot: Pilot[int]) -> None:
    pilot.app.query_one("#note", Static).update("🚀 한국어 e\u0301 tail")


async def short_note(pilot: Pilot[int]) -> None:
    pilot.app.query_one("#note", Static).update("한 국어 e tail")


async def notify(pilot: Pilot[int]) -> None:
    pilot.app.notify("eu-west: Prometheus does not answer", timeout=3600)


def press(*keys: str) -> Play:
    async def play(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)

    return play


STEPS: list[tuple[str, Play]] = [
    ("cells", change_cells),
    ("down", press("down", "down", "down")),
    ("page", press("pagedown", "pagedown")),
    ("top", press("ctrl+home")),
    ("wide", wide_note),
    ("narrow", short_note),
    ("modal", open_modal),
    ("modal cells", change_cells),
    ("modal gone", close_modal),
    ("wider", resize(100, 30)),
    ("narrower", resize(50, 12)),
    ("back", resize(70, 20)),
    ("clipboard", write("\x1b]52;c;aGVsbG8=\x07")),
    ("title and bell", write("\x1b]2;meshtop\x1b\\\x07")),
    ("mouse modes", write("\x1b[?1000h\x1b[?1006h\x1b[?2026$p")),
    ("foreign text", write("\x1b[1;1Hforeign\x1b[31m")),
    ("clear", write("\x1b[0m\x1b[2J")),
    ("typing", press("tab", "s", "h", "o", "p", "left", "x")),
    ("suspend", suspend),
    ("theme", switch_theme),
    ("redraw", press("ctrl+l")),
    ("notice", notify),
]


async def play_script(monkeypatch: pytest.MonkeyPatch, look: Look, *, cell_diff: bool) -> dict[str, tuple[Shown, int]]:
    """The screen after each step, and the bytes that were sent by then."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    app = Script(look, cell_diff=cell_diff, size=(70, 20))
    app.driver_class = EmulatorDriver
    seen: dict[str, tuple[Shown, int]] = {}

    async def pilot_script(pilot: Pilot[int]) -> None:
        await pilot.pause()
        seen["start"] = (app.terminal.shown(), app.terminal.bytes)
        for name, play in STEPS:
            await play(pilot)
            if name in {"clear", "foreign text"}:
                app.screen.refresh()
            sent = -1
            while sent != app.terminal.bytes:
                sent = app.terminal.bytes
                await pilot.pause()
                await pilot.pause()
            seen[name] = (app.terminal.shown(), app.terminal.bytes)
        app.exit()

    await app.run_async(headless=False, size=(70, 20), auto_pilot=pilot_script)  # type: ignore[arg-type]
    assert app.return_code == 0
    return seen


@pytest.mark.parametrize(
    "look", [Look("meshtop-dark"), Look("meshtop-ansi", colour=False, ascii=True)], ids=["dark", "plain"]
)
async def test_the_same_screen_with_and_without_the_diff(monkeypatch: pytest.MonkeyPatch, look: Look) -> None:
    whole = await play_script(monkeypatch, look, cell_diff=False)
    thin = await play_script(monkeypatch, look, cell_diff=True)
    assert list(whole) == list(thin) == ["start", *(name for name, _ in STEPS)]
    for step, (shown, _) in whole.items():
        assert thin[step][0] == shown, step
    assert thin["notice"][1] < whole["notice"][1] * 0.7


async def test_what_follows_an_emoji_that_the_terminal_draws_wider_stands_where_it_belongs() -> None:
    app = Script(Look("meshtop-dark"), cell_diff=True, size=(70, 20))
    app.driver_class = EmulatorDriver

    async def script(pilot: Pilot[int]) -> None:
        await pilot.pause()
        app.query_one("#note", Static).update("👩\u200d🚀|tail")  # two cells for Textual, four for pyte
        await pilot.pause()
        app.last = app.terminal.shown()
        app.exit()

    await app.run_async(headless=False, size=(70, 20), auto_pilot=script)  # type: ignore[arg-type]
    assert [cell[0] for cell in app.last[0][2:7]] == list("|tail")


async def test_a_refresh_without_change_sends_no_byte() -> None:
    app = Script(Look("meshtop-dark"), cell_diff=True, size=(70, 20))
    app.driver_class = EmulatorDriver
    counts: list[int] = []

    async def script(pilot: Pilot[int]) -> None:
        await pilot.pause()
        counts.append(app.terminal.bytes)
        app.screen.refresh()
        await pilot.pause()
        table(pilot).refresh()
        await pilot.pause()
        counts.append(app.terminal.bytes)
        app.exit()

    await app.run_async(headless=False, size=(70, 20), auto_pilot=script)  # type: ignore[arg-type]
    assert counts[0] > 0
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("data", "harmless"),
    [
        ("\x07", True),
        ("\x1b]52;c;QUJD\x07", True),
        ("\x1b]2;title\x1b\\", True),
        ("\x1b]22;pointer\x1b\\", True),
        ("\x1bPtmux;\x1b\x1b]52;c;QUJD\x07\x1b\\", True),
        ("\x1b[?1000h\x1b[?1003h", True),
        ("\x1b[?2026h", True),
        ("\x1b[?2026$p", True),
        ("\x1b[>25u", True),
        ("\x1b[<u", True),
        ("\x1b[?25l", True),
        ("\x1b[6n", True),
        ("\x1b[?1049h", False),
        ("\x1b[?3h", False),
        ("\x1b[2J", False),
        ("\x1b[3;4H", False),
        ("\x1b[31m", False),
        ("\x1bc", False),
        ("hello", False),
        ("\x1b]2;title\x07hello", False),
    ],
)
def test_what_could_change_a_cell_is_known(data: str, harmless: bool) -> None:
    assert is_harmless(data) is harmless
