"""How the widgets look, at every size and without colour; `pytest --snapshot-update` takes the pictures again."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App
from textual.pilot import Pilot

from meshtop.console.terminal.look import Look
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.chart_model import ChartModel, ChartSeries
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from tests.console.widgets.sample import FrameApp, TableApp, table_of, workloads
from tests.console.widgets.test_chart import ChartApp

Compare = Callable[..., bool]
Before = Callable[[Pilot[int]], Awaitable[None]]

LOOKS = {
    "dark": Look("meshtop-dark"),
    "light": Look("meshtop-light"),
    "plain": Look("meshtop-ansi", colour=False),
}
SIZES = [(80, 24), (120, 40), (200, 60)]
LOOKS_AND_SIZES = [*(("dark", size) for size in SIZES), ("light", SIZES[0]), ("plain", SIZES[0])]
"""Every size once, and every look once: what a theme colours is the same at each size."""


@pytest.fixture(autouse=True)
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize(
    ("look", "size"), LOOKS_AND_SIZES, ids=[f"{look}-{size[0]}x{size[1]}" for look, size in LOOKS_AND_SIZES]
)
def test_a_whole_screen(snap_compare: Compare, look: str, size: tuple[int, int]) -> None:
    app = FrameApp(LOOKS[look], workloads(45))
    assert snap_compare(app, terminal_size=size, press=["j", "j", "space"])


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("filter", ["slash"]),
        ("wrong filter", ["slash", "home", "!"]),
        ("command", ["colon", "n"]),
        ("help", ["question_mark"]),
        ("sort", ["s", "right"]),
        ("sideways", ["right", "right"]),
    ],
)
def test_what_keys_bring_up(snap_compare: Compare, name: str, keys: list[str]) -> None:
    app = FrameApp(LOOKS["dark"], workloads(45))
    assert snap_compare(app, terminal_size=(80, 24), press=keys)


def test_ascii(snap_compare: Compare) -> None:
    app = FrameApp(Look("meshtop-ansi", colour=False, ascii=True), workloads(45))
    assert snap_compare(app, terminal_size=(120, 24), press=["j"])


@pytest.mark.parametrize("theme", ["colour-blind", "high-contrast", "ansi"])
def test_themes(snap_compare: Compare, theme: str) -> None:
    assert snap_compare(FrameApp(Look(f"meshtop-{theme}"), workloads(45)), terminal_size=(80, 24), press=["j"])


@pytest.mark.parametrize("state", ["waiting", "empty"])
def test_nothing_to_show(snap_compare: Compare, state: str) -> None:
    async def before(pilot: Pilot[int]) -> None:
        table = pilot.app.query_one(LiveTable)
        if state == "waiting":
            table.wait(Note("Reading 3 clusters…", "east and west have not answered yet."))
        else:
            table.explain_empty(
                Note("No workloads", "The filter status:failing hides all 42.", "esc clears the filter")
            )
            table.show(table_of([]))
        await pilot.pause()

    assert snap_compare(TableApp(LOOKS["dark"]), terminal_size=(80, 24), run_before=before)


def test_too_small(snap_compare: Compare) -> None:
    assert snap_compare(FrameApp(LOOKS["dark"], workloads()), terminal_size=(40, 10))


@pytest.mark.parametrize("look", ["dark", "plain"])
def test_a_chart(snap_compare: Compare, look: str) -> None:
    requests = tuple(None if 40 < i < 50 else 400 + 200 * math.sin(i / 6) for i in range(120))
    errors = tuple(30 + 20 * math.sin(i / 3) for i in range(120))
    model = ChartModel(
        "Requests", "/s", (ChartSeries("requests", requests), ChartSeries("errors", errors)), start="-30 min"
    )

    async def before(pilot: Pilot[int]) -> None:
        pilot.app.query_one(ChartView).show(model)
        await pilot.pause()

    app: App[int] = ChartApp(LOOKS[look])
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
