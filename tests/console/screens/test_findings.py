"""The place of findings: codes that fold, findings that open, what was not asked, and how it looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from meshtop.console.picture_request import PictureRequest
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.findings import FindingsScreen
from meshtop.console.terminal.look import Look
from meshtop.console.widgets.line_widget import CellsLine
from meshtop.model.asked import Asked
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.views.picture.query import Query
from tests.analysis.security.mtls.objects import config, destination_rule
from tests.console.screens.test_requests import session_with_thread
from tests.console.screens.test_screens import keys_shown, press, settled, text_of
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.views.kinds.test_security import with_objects
from tests.worlds import REVIEWS_HOST, cluster, east, west, world

NOWHERE = {"hosts": [REVIEWS_HOST], "http": [{"route": [{"destination": {"host": "nowhere"}}]}]}
FAULTY = {
    "hosts": [REVIEWS_HOST],
    "http": [{"fault": {"abort": {"httpStatus": 503}}, "route": [{"destination": {"host": "reviews"}}]}],
}


def faulty_world() -> Snapshot:
    """East with a route to nowhere and a fault left behind, west with a subset that nobody has."""
    here = with_objects(
        east(), config("VirtualService", "shop", "nowhere", NOWHERE), config("VirtualService", "shop", "faulty", FAULTY)
    )
    there = with_objects(
        west(), destination_rule("shop", "v9", REVIEWS_HOST, subsets=[{"name": "v9", "labels": {"version": "v9"}}])
    )
    return world(here, there)


async def opened(app: StillApp, pilot: object) -> None:
    await press(pilot, "7")  # type: ignore[arg-type]
    assert isinstance(app.screen, FindingsScreen)


async def test_the_number_key_opens_codes_with_errors_unfolded() -> None:
    app = stage(faulty_world())
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(app, pilot)
        keys = keys_shown(app)
        errors = keys.index("error/IST0101")
        assert "nowhere" in keys[errors + 1], "errors are open"
        assert "warning/CONFIG-FAULT-LEFT" in keys
        assert not any("/CONFIG-FAULT-LEFT/" in key for key in keys), "warnings are folded"
        drawn = text_of(app.screen.query_one("LiveTable"))
        assert "✗ IST0101 ×" in drawn
        assert "VirtualService shop/nowhere in east" in drawn


async def test_enter_unfolds_a_code_and_opens_a_finding_with_its_fix_and_how_to_ignore_it() -> None:
    app = stage(faulty_world())
    async with app.run_test(size=(140, 60)) as pilot:
        await opened(app, pilot)
        screen = app.screen
        assert isinstance(screen, FindingsScreen)
        screen.rows.go_to("warning/CONFIG-FAULT-LEFT")
        await press(pilot, "enter")
        (finding,) = (key for key in keys_shown(app) if "/CONFIG-FAULT-LEFT/" in key)
        screen.rows.go_to(finding)
        await press(pilot, "enter")
        assert isinstance(app.screen, DetailScreen)
        facts = app.screen.query_one("#facts")
        said = " ".join(text_of(facts).split())
        assert "A route injects faults." in said
        assert "VirtualService shop/faulty in east" in said
        assert "docs/findings.md, CONFIG-FAULT-LEFT" in said
        assert (
            "kubectl --context east-admin annotate virtualservice -n shop faulty "
            "galley.istio.io/analyze-suppress=CONFIG-FAULT-LEFT" in said
        )
        assert 'findings: {ignore: ["CONFIG-FAULT-LEFT=VirtualService shop/faulty"]}' in said
        table = app.screen.query_one("#related")
        assert table.display, "the row of its namespace opens from here"


async def test_a_filter_shows_what_it_finds_unfolded_and_the_scope_narrows() -> None:
    app = stage(faulty_world())
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(app, pilot)
        await press(pilot, "slash", *"code:CONFIG-FAULT-LEFT", "enter")
        keys = keys_shown(app)
        assert keys[0] == "warning/CONFIG-FAULT-LEFT"
        assert len(keys) == 2
        await press(pilot, "escape")
        await press(pilot, "colon", *"cluster west", "enter")
        await opened(app, pilot)
        assert not any("east" in key.split("/") for key in keys_shown(app))


async def test_w_goes_to_the_most_important_one() -> None:
    app = stage(faulty_world())
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(app, pilot)
        await press(pilot, "minus", "w")
        screen = app.screen
        assert isinstance(screen, FindingsScreen)
        key = screen.rows.cursor_key or ""
        assert not key.startswith(("error/", "warning/")), "a finding, not its code"
        picture = app.picture
        assert picture is not None
        assert key == screen.kind_view.key(screen.kind_view.items(picture, Query())[0])


async def test_what_was_not_asked_is_said_and_is_not_said_to_be_missing() -> None:
    app = stage(faulty_world())
    async with app.run_test(size=(200, 40)) as pilot:
        await opened(app, pilot)
        (said,) = (line.render_line(0).text for line in app.screen.query(CellsLine) if line.id == "unread")
        assert "Not judged:" in said
        assert "was not read" in said
        assert "WasmPlugin" in said


def empty(name: str) -> ClusterSnapshot:
    made = cluster(name, ())
    assert made.inventory is not None
    calm = structs.replace(made.inventory, pods=(), controllers=(), services=(), namespaces=(), config_maps={})
    return structs.replace(made, inventory=calm)


async def test_an_empty_page_names_what_was_asked() -> None:
    app = stage(world(empty("one")))
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        picture = app.picture
        assert picture is not None
        await press(pilot, "7")
        screen = app.screen
        assert isinstance(screen, FindingsScreen)
        note = screen.why_empty(picture)
        if screen.kind_view.all_items(picture):
            pytest.fail(f"the world was to be calm: {screen.kind_view.all_items(picture)}")
        assert note.title == "No findings"
        assert "as far as it was read" in note.why
        assert note.todo.startswith("Asked: the objects of one; the traffic of")


def test_only_who_draws_findings_asks_for_what_only_they_need() -> None:
    told: list[Asked] = []
    session = session_with_thread(told)
    session.request = PictureRequest(kinds=frozenset({"clusters"}), attention=Query())
    session.request = PictureRequest(kinds=frozenset({"mtls", "findings"}), table=("mtls", Query()))
    session.request = PictureRequest(kinds=frozenset({"findings"}), table=("findings", Query()))
    session.request = PictureRequest(details=(("findings", "x"),))
    assert [asked.findings for asked in told] == [False, False, True, True]


async def test_the_place_and_a_finding_ask_for_it() -> None:
    app = stage(faulty_world())
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot)
        assert not session_of(app).request.attended().findings
        await opened(app, pilot)
        assert session_of(app).request.attended().findings


@pytest.fixture
def _truecolor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pictures wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.usefixtures("_truecolor")
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_how_it_looks(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = stage(faulty_world(), look=Look("meshtop-dark"))
    assert snap_compare(app, terminal_size=size, press=["7", "j"])


@pytest.mark.usefixtures("_truecolor")
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_how_a_finding_looks(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = stage(faulty_world(), look=Look("meshtop-dark"))
    assert snap_compare(app, terminal_size=size, press=["7", "j", "enter"])


async def test_a_world_without_configuration_still_has_its_findings() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(app, pilot)
        assert keys_shown(app)
