"""How the Flow looks at every size and without colour; `pytest --snapshot-update` takes the pictures again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from meshtop.console.screens.flow_courses import FlowCourses
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.chart import ChartView
from meshtop.model.snapshot import Snapshot
from tests import worlds
from tests.console.flow.strolling import flow_screen, open_flow, open_tree, stroll
from tests.console.graph.test_snapshots import drawn
from tests.console.graph.walking import until
from tests.console.stage import stage
from tests.views.reports.test_flow import calling

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


def crowd() -> Snapshot:
    """A catalog that many call, some of them badly or in plaintext, and that calls some."""
    samples = [
        calling("reporting", "catalog", 1200.0),
        calling("reporting", "catalog", 26.0, "503"),
        calling("storefront", "catalog", 330.0),
        calling("storefront", "catalog", 6.0, "503"),
        calling("old-batch-importer", "catalog", 2.0, policy="none"),
        *(calling(f"team-{n:02}", "catalog", 20.0 - n) for n in range(14)),
        calling("gateway", "storefront", 400.0),
        calling("catalog", "pricing-engine", 551.0),
        calling("catalog", "inventory", 382.0),
        calling("inventory", "ledger", 40.0),
    ]
    return worlds.world(worlds.cluster("east", samples))


def after(*keys: str) -> Callable[[Pilot[int]], object]:
    """The Flow opened on a wide screen too, with these keys pressed, and everything drawn."""

    async def run(pilot: Pilot[int]) -> None:
        pilot.app.graph_canvas = False  # type: ignore[attr-defined]
        await open_flow(pilot)
        await stroll(pilot, *keys)
        courses = pilot.app.screen.query_one(FlowCourses)
        await until(pilot, lambda: not courses.display or all(map(drawn, courses.query(ChartView))))
        flow_screen(pilot).say("")
        await pilot.pause()

    return run


@pytest.mark.parametrize(
    ("look", "size"),
    [
        *(pytest.param(Look("meshtop-dark"), size, id=f"dark-{size[0]}x{size[1]}") for size in SIZES),
        pytest.param(Look("meshtop-ansi", colour=False), SIZES[0], id="plain-80x24"),
        pytest.param(Look("meshtop-dark", ascii=True), SIZES[1], id="ascii-120x40"),
    ],
)
def test_the_flow(snap_compare: Compare, look: Look, size: tuple[int, int]) -> None:
    assert snap_compare(stage(crowd(), look=look), terminal_size=size, run_before=after())


def test_further_out_and_the_centre_chosen(snap_compare: Compare) -> None:
    assert snap_compare(stage(crowd()), terminal_size=(120, 40), run_before=after("f", "right", "e"))


def test_the_tree(snap_compare: Compare) -> None:
    async def run(pilot: Pilot[int]) -> None:
        await after("left")(pilot)  # type: ignore[misc]
        await open_tree(pilot)

    assert snap_compare(stage(crowd()), terminal_size=(80, 24), run_before=run)
