"""The canary's cockpit: pictures of the story of a bad canary, its keys, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from meshtop.analysis.canary.verdict import Comparison
from meshtop.console.places import CANARIES
from meshtop.console.screens.canaries import CanaryDetailScreen
from meshtop.console.screens.cockpit import CockpitScreen
from meshtop.console.screens.shift import ShiftScreen
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.chart import ChartView
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.versions import share_bar, version_table
from meshtop.model.snapshot import Snapshot
from meshtop.model.text import cell_width
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.view import attention
from meshtop.views.reports.cockpit import Cockpit, cockpit, version_charts
from tests.console.stage import StillApp, stage
from tests.judgement.simulated import a_minute_into, some_time_into

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(scope="module")
def turned_bad() -> Snapshot:
    """The clusters five minutes after the canary turned bad."""
    return some_time_into("bad-canary", 300.0)[1]


def reviews(picture: Picture) -> str:
    """The key of the bad canary's row in us-east."""
    from meshtop.views.frame.registry import view

    rows = view(CANARIES).all_items(picture)
    found: str = next(row.id for row in rows if (row.cluster, row.name) == ("us-east", "reviews"))
    return found


def seen(turned_bad: Snapshot) -> Cockpit:
    picture = Picture(turned_bad)
    found = cockpit(picture, reviews(picture))
    assert found is not None
    return found


def console(turned_bad: Snapshot) -> StillApp:
    app = stage(turned_bad, look=Look("meshtop-dark"))
    app.now = lambda: turned_bad.at + 2.0  # type: ignore[method-assign]
    return app


async def opened(pilot: Pilot[int], app: StillApp) -> CockpitScreen:
    await pilot.pause()
    assert app.picture is not None
    app.open_detail(CANARIES, reviews(app.picture))
    await pilot.pause()
    await pilot.pause()
    assert isinstance(app.screen, CockpitScreen)
    return app.screen


def bottom(app: StillApp) -> str:
    return app.screen.query_one(KeyHints).render_line(0).text.strip()


def cursor(screen: CockpitScreen) -> str:
    """The text of the version under the cursor."""
    width = screen.query_one("#versions", LineView).scrollable_content_region.width
    chosen = next(line for line in screen.version_lines(width) if line.ground == "cursor")
    return "".join(run.text for run in chosen.runs)


def course_of(screen: CockpitScreen) -> str:
    """The cluster whose courses are drawn."""
    return "".join(text.text for text in screen.query_one("#course-0", ChartView).make_lines(60, 8)[0].runs)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_story_of_a_bad_canary(
    snap_compare: Callable[..., bool], turned_bad: Snapshot, size: tuple[int, int]
) -> None:
    async def go(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, StillApp)
        await opened(pilot, app)

    assert snap_compare(console(turned_bad), terminal_size=size, run_before=go)


def test_every_cluster_of_the_mesh_with_the_worst_first_said(turned_bad: Snapshot) -> None:
    found = seen(turned_bad)
    assert [cluster.name for cluster in found.clusters] == ["us-east", "eu-west"]
    assert [version.name for version in found.clusters[0].versions] == ["v2", "v3"]
    assert found.candidate == "v3"
    assert found.headline.text.startswith("✗ v3 is worse than v2")
    bad = found.clusters[0].versions[1]
    assert bad.verdict.text.startswith("✗ worse")
    assert any(cell.text.startswith("✗ ") for cell in (bad.errors, bad.p99)), "the figure that makes it worse"
    assert not any(cell.text.startswith("✗ ") for cell in (found.clusters[0].versions[0].errors,))


def test_now_and_the_cockpit_say_the_same_while_the_count_lags_behind() -> None:
    """What was counted since the weights changed says for a minute that the canary is not worse: it was not."""
    picture = Picture(a_minute_into("bad-canary")[1])
    key = reviews(picture)
    (told,) = [item for item in attention(picture) if item.id == "canary/us-east/shop/reviews#weighted"]
    found = cockpit(picture, key)
    assert found is not None
    assert found.rows[0].verdict.verdict is Comparison.NOT_WORSE
    assert "v3 is ill, v2 is not" in told.title
    why = told.title.partition("v2 is not: ")[2].rstrip(".")
    assert why
    assert found.headline.text.startswith("▲ v3 is ill, v2 is not, in us-east")
    assert why in found.headline.text
    assert "Compared since the weights changed: v3 is not worse than v2" in found.headline.text
    assert found.candidate == "v3"
    bad = found.clusters[0].versions[1]
    assert bad.verdict.text.startswith("▲ ill · compared: not worse"), "the table says it too"


def test_a_route_that_is_gone_is_none(turned_bad: Snapshot) -> None:
    assert cockpit(Picture(turned_bad), "us-east/shop/VirtualService/nothing/0") is None


def test_each_version_has_a_line_of_its_own(turned_bad: Snapshot) -> None:
    row = seen(turned_bad).rows[0]
    errors, slow = version_charts(row, window_seconds=300.0)
    assert [line.name for line in errors.lines] == [line.name for line in slow.lines] == ["v2", "v3"]
    for version, line in zip(("v2", "v3"), slow.lines, strict=True):
        assert f'destination_version="{version}"' in line.expression
    assert errors.unit == "%"


async def test_no_word_of_the_verdict_is_lost_on_a_small_terminal(turned_bad: Snapshot) -> None:
    app = console(turned_bad)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        lines = ["".join(run.text for run in line.runs) for line in screen.version_lines(80)]
        assert " ".join(lines[: lines.index("")]) == seen(turned_bad).headline.text.strip()
        assert "✗ worse, certain" in cursor(screen)


@pytest.mark.parametrize("width", [20, 40, 75, 76, 80, 99, 100, 120, 200])
def test_no_line_is_wider_than_the_screen(turned_bad: Snapshot, width: int) -> None:
    found = seen(turned_bad)
    for line in version_table(found, ("us-east", "v3"), width):
        for run in line.runs:
            assert run.x + cell_width(run.text) <= width, line


@pytest.mark.parametrize(
    ("share", "actual", "expected"),
    [
        (0.5, 0.5, "█████░░░░░"),
        (0.2, 0.6, "██┃███░░░░"),
        (0.6, 0.2, "██░░░░┃░░░"),
        (1.0, 0.0, "░░░░░░░░░┃"),
        (0.3, None, "███░░░░░░░"),
        (0.0, 0.0, "░░░░░░░░░░"),
    ],
)
def test_a_bar_shows_what_is_seen_and_marks_what_is_set(share: float, actual: float | None, expected: str) -> None:
    assert "".join(text for text, _ in share_bar(share, actual, 10)) == expected


async def test_keys_walk_over_versions_and_clusters(turned_bad: Snapshot) -> None:
    app = console(turned_bad)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        assert "v3" in cursor(screen), "it opens on what the verdict is about"
        assert "us-east" in course_of(screen)
        await pilot.press("up")
        assert "v2" in cursor(screen)
        await pilot.press("up")
        assert "v2" in cursor(screen), "the first stays the first"
        await pilot.press("down", "tab")
        await pilot.pause()
        assert "eu-west" in course_of(screen)
        await pilot.press("tab")
        assert screen.reading, "after the last cluster come the plots"
        await pilot.press("tab")
        await pilot.pause()
        assert (screen.reading, "us-east" in course_of(screen)) == (False, True)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, CanaryDetailScreen)
        assert app.screen.key == reviews(Picture(turned_bad))


async def test_what_carries_most_is_not_taken_out_by_a_key(turned_bad: Snapshot) -> None:
    app = console(turned_bad)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("up", "0")
        assert bottom(app) == "v2 carries 80 %; S shifts so much."
        front: object = app.screen
        assert front is screen
        await pilot.press("down", "0")
        await pilot.pause()
        dialog: object = app.screen
        assert isinstance(dialog, ShiftScreen)
        assert dialog.form.values["weights"] == "v3=0"


async def test_a_key_typed_before_the_question_is_no_copy(turned_bad: Snapshot) -> None:
    app = console(turned_bad)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("0")
        await pilot.pause()
        shift = app.screen
        assert isinstance(shift, ShiftScreen)
        await pilot.press("y")
        await pilot.pause()
        assert app.screen is shift, "it belongs to the answer that is asked for next"
        assert app.clipboard == ""
