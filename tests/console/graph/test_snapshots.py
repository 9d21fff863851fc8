"""How the graph looks at every size and without colour; `pytest --snapshot-update` takes the pictures again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from meshtop.console.screens.graph import WIDE
from meshtop.console.screens.graph_panel import GraphPanel
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.chart import ChartView
from tests import worlds
from tests.console.graph.test_graph_screen import teams
from tests.console.graph.walking import open_graph, press, screen_of, until
from tests.console.stage import stage

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


def drawn(chart: ChartView) -> bool:
    """Whether a chart that is shown has its lines."""
    text = "\n".join(chart.render_line(y).text for y in range(chart.size.height))
    return not chart.display or (bool(text.strip()) and "asking Prometheus" not in text)


def after(*keys: str) -> Callable[[Pilot[int]], object]:
    """The graph opened, with these keys pressed, and everything drawn."""

    async def run(pilot: Pilot[int]) -> None:
        view = await open_graph(pilot)
        await press(pilot, *keys)
        if pilot.app.size.width >= WIDE:
            panel = pilot.app.screen.query_one(GraphPanel)
            key = view.cursor.edge or view.cursor.node
            await until(
                pilot,
                lambda: (
                    panel.detail is not None and panel.detail.key == key and all(map(drawn, panel.query(ChartView)))
                ),
            )
        screen_of(pilot).say("")
        await pilot.pause()

    return run


@pytest.mark.parametrize(
    ("look", "size"),
    [
        *(pytest.param(Look("meshtop-dark"), size, id=f"dark-{size[0]}x{size[1]}") for size in SIZES),
        pytest.param(Look("meshtop-ansi", colour=False), SIZES[0], id="plain-80x24"),
    ],
)
def test_the_worst_edge(snap_compare: Compare, look: Look, size: tuple[int, int]) -> None:
    assert snap_compare(stage(worlds.world(), look=look), terminal_size=size, run_before=after())


@pytest.mark.parametrize(
    ("name", "keys"),
    [("node", ("left",)), ("clusters", ("less_than_sign",) * 2), ("workloads", ("greater_than_sign", "home"))],
)
def test_nodes_and_levels(snap_compare: Compare, name: str, keys: tuple[str, ...]) -> None:
    assert snap_compare(stage(worlds.world()), terminal_size=(100, 30), run_before=after(*keys))


def test_ascii(snap_compare: Compare) -> None:
    look = Look("meshtop-dark", ascii=True)
    assert snap_compare(stage(worlds.world(), look=look), terminal_size=(80, 24), run_before=after())


@pytest.mark.parametrize(
    ("look", "size", "keys"),
    [
        *(pytest.param(Look("meshtop-dark"), size, (), id=f"folded-{size[0]}x{size[1]}") for size in SIZES),
        pytest.param(Look("meshtop-dark"), (120, 30), ("z",), id="unfolded-with-map"),
        pytest.param(Look("meshtop-ansi"), (120, 30), ("left", "e"), id="traced-16-colours"),
        pytest.param(Look("meshtop-dark", ascii=True), (120, 30), ("z", "home"), id="ascii-with-map"),
        pytest.param(Look("meshtop-ansi", colour=False), (120, 30), ("left",), id="traced-plain"),
    ],
)
def test_what_does_not_fit(snap_compare: Compare, look: Look, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    assert snap_compare(stage(teams(), look=look), terminal_size=size, run_before=after(*keys))
