"""Keys mean the same on every screen, the hints tell the truth, and esc always leads back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import structs

from meshtop.actions.attention import AttentionStore
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.flow import FlowScreen
from meshtop.console.screens.matrix import MatrixScreen
from meshtop.console.screens.now_rows import who_text
from meshtop.console.screens.subject import ASKED_ABOUT, DESCRIBED
from meshtop.console.screens.table import TableScreen
from meshtop.console.screens.text import TextScreen
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.help_screen import HelpScreen
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.prompts import CommandBar
from meshtop.console.widgets.top_bar import TopBar
from meshtop.model.attention import Sighting
from meshtop.model.state import Severity
from meshtop.views.frame.registry import view
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.describe import wanted_description
from meshtop.views.reports.questions import questions_about
from tests.console.screens.test_screens import go, keys_shown, press, settled, text_of
from tests.console.stage import StillApp, busy_world, session_of, stage

SICK = "workload/east/shop/reviews-v2"
EAST = "https://east.example:6443"
NARROW, WIDE = (80, 24), (200, 60)


@pytest.fixture
def app() -> StillApp:
    return stage(busy_world())


def hints(app: StillApp) -> str:
    shown = app.screen.query_one(BottomBar).hints.render_line(0).text.strip()
    return re.sub(r"  +[0-9/]+( of [0-9]+)?$", "", shown)


async def test_the_hints_name_what_matters_first_and_how_to_leave(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        assert hints(app).startswith("enter open · n attention · w worst · g graph")
        assert hints(app).endswith("? help · q quit")
        await go(pilot, "workloads")
        await press(pilot, "x")
        assert hints(app).endswith("? help · esc widen · q quit")
        await press(pilot, "enter")
        assert "g graph" in hints(app)
        assert hints(app).endswith("? help · esc back")


async def test_the_hints_name_what_can_be_asked_of_what_is_meant() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(160, 40)) as pilot:
        await go(pilot, "workloads")
        assert "W what if · D describe · y copy · : go to" in hints(app)
        await go(pilot, "certificates")
        assert "W what if" not in hints(app)
        assert "D describe" not in hints(app)
        assert "y copy" in hints(app)
        await go(pilot, "tenants")
        assert "D describe" not in hints(app)


@pytest.mark.parametrize("kind", sorted(ASKED_ABOUT))
def test_what_the_hints_say_can_be_asked_is_answered(kind: str) -> None:
    picture = Picture(busy_world())
    items = view(kind).all_items(picture)
    if items:
        assert any(questions_about(picture, kind, item) for item in items)
        described = any(wanted_description(picture, kind, item) is not None for item in items)
        assert described or kind not in DESCRIBED


async def test_at_80_columns_now_says_since_when_and_what_it_costs(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        heading = text_of(app.screen.query_one("#needs", LiveTable)).splitlines()[0]
        assert re.search(r"NOW \d+ +SINCE +HIT", heading), heading
        await pilot.resize_terminal(120, 40)
        await settled(pilot)
        assert "WHO IS AFFECTED" in text_of(app.screen.query_one("#needs", LiveTable)).splitlines()[0]


def test_of_many_who_are_affected_their_number_comes_first() -> None:
    assert who_text(("a", "b")) == "a, b"
    assert who_text(("a", "b", "c")) == "3 tenants: a, b, c"
    assert who_text(()) == ""


async def test_a_key_that_does_nothing_here_is_answered(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await go(pilot, "services")
        await press(pilot, "S")
        assert hints(app) == "S does nothing here: ? lists the keys of this screen."
        await press(pilot, "j")
        assert hints(app).startswith("enter open"), "and the next key takes the sentence away"
        await press(pilot, "slash", "S")
        assert "does nothing" not in hints(app), "what is typed into a line is not meant for the screen"


async def test_a_notice_longer_than_the_screen_is_wide_is_read_whole(app: StillApp) -> None:
    said = "1 what is wrong, where it is and since when, " * 3 + "and at last what to do about it."
    async with app.run_test(size=NARROW) as pilot:
        await go(pilot, "services")
        app.screen.query_one(BottomBar).say(said)
        await settled(pilot)
        bar = app.screen.query_one(BottomBar).hints
        assert " ".join(bar.render_line(y).text.strip() for y in range(bar.size.height)) == said
        assert bar.region.bottom == 24
        await press(pilot, "j")
        assert bar.size.height == 1
        assert bar.region.y == 23
        app.screen.query_one(BottomBar).say("x" * 1000)
        await press(pilot, "slash")
        assert app.screen.query_one(BottomBar).size.height == 1, "a prompt has one line"


async def test_g_opens_the_graph_around_what_is_opened(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await go(pilot, "services")
        await press(pilot, "enter", "g")
        assert isinstance(app.screen, FlowScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, DetailScreen)


async def test_g_and_x_mean_the_row_of_a_relation_where_the_cursor_is_in_it(app: StillApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await go(pilot, "services")
        await press(pilot, "enter")
        related = app.screen.query_one("#related", LiveTable)
        assert related.has_focus, "where there is room for all, the keyboard is where something can be chosen"
        key = related.cursor_key
        assert key is not None
        await press(pilot, "x")
        assert app.scope.query.clusters == (key.split("/")[0],)


async def test_keys_mean_what_needs_somebody_where_the_cursor_is_in_it(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, FleetScreen)
        needs = app.screen.query_one("#needs", LiveTable)
        await press(pilot, "n", "down")
        assert needs.has_focus
        assert needs.cursor_key == SICK
        assert app.screen.chosen == ("workloads", "east/shop/reviews-v2/Deployment")
        await press(pilot, "x")
        assert app.scope.query.clusters


async def test_a_acknowledges_what_the_cursor_is_on_and_takes_that_back(app: StillApp, tmp_path: Path) -> None:
    store = AttentionStore(tmp_path / "attention.db")
    sick = Sighting(id=SICK, severity=Severity.WARNING, title="…", since=None, clusters=("east",), scope=EAST)
    store.see([sick, structs.replace(sick, scope="https://another-fleets-east")], 1.0, read={})
    app.session._attention = store
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        await press(pilot, "a")
        assert acknowledged(store) == set(), "the cursor is on a cluster"
        await press(pilot, "n", "down", "a")
        assert acknowledged(store) == {(SICK, EAST)}, "and not the other fleet's"
        await press(pilot, "a")
        assert acknowledged(store) == set()


async def test_a_pressed_twice_takes_back_what_it_acknowledged(tmp_path: Path) -> None:
    store = AttentionStore(tmp_path / "attention.db")
    app = stage(busy_world(), make=lambda snapshot: Picture(snapshot, attention_log=store))
    app.session._attention = store
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        needs = app.screen.query_one("#needs", LiveTable)

        async def look_again() -> None:
            session_of(app).publish(busy_world())
            await settled(pilot)

        await press(pilot, "n", "down")
        assert needs.cursor_key == SICK
        await press(pilot, "a")
        await look_again()
        assert {id_ for id_, _ in acknowledged(store)} == {SICK}
        assert needs.cursor_key == SICK, "it stays there while the cursor is on it"
        assert "✓ shop/reviews-v2 in east" in text_of(needs), "it has a sign of its own, besides its colour"
        assert "1 known" in text_of(needs)
        await press(pilot, "a")
        assert acknowledged(store) == set()
        await look_again()
        assert "✓" not in text_of(needs)
        await press(pilot, "a")
        await look_again()
        await press(pilot, "up")
        await look_again()
        assert SICK not in keys_shown(app, "#needs"), "it steps back once the cursor has left it"
        await press(pilot, "A")
        assert "✓ shop/reviews-v2 in east" in text_of(needs)


def acknowledged(store: AttentionStore) -> set[tuple[str, str]]:
    return {(one.id, one.scope) for one in store.items() if one.acknowledged is not None}


async def test_only_the_table_with_the_keyboard_has_the_cursor_sign(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        assert "▸" not in text_of(app.screen.query_one("#needs"))
        assert "▸" in text_of(app.screen.query_one("#rows"))
        await press(pilot, "n")
        assert "▸" in text_of(app.screen.query_one("#needs"))
        assert "▸" not in text_of(app.screen.query_one("#rows"))


async def test_what_has_no_order_to_change_takes_no_sort_and_a_relation_is_sorted(app: StillApp) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        needs = app.screen.query_one("#needs", LiveTable)
        await press(pilot, "n", "s")
        assert not needs.picking
        needs.sort_by(0)
        await go(pilot, "services")
        await press(pilot, "enter")
        related = app.screen.query_one("#related", LiveTable)
        before = keys_shown(app, "#related")
        assert len(before) > 1
        related.post_message(LiveTable.SortChanged(related, "name", True))
        await settled(pilot)
        assert related.sorting == ("name", True)
        related.post_message(LiveTable.SortChanged(related, "name", False))
        await settled(pilot)
        assert sorted(keys_shown(app, "#related")) == sorted(before)
        assert related.sorting == ("name", False)


async def test_a_matrix_that_does_not_fit_is_a_list_and_takes_no_sort_itself(
    app: StillApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshtop.console.screens.matrix.least_width", lambda columns: 120)
    async with app.run_test(size=NARROW) as pilot:
        await go(pilot, "mtlsmatrix")
        screen = app.screen
        assert isinstance(screen, MatrixScreen)

        def drawn() -> tuple[bool, bool]:
            return screen.as_matrix, screen.rows.sortable

        assert drawn() == (False, True)
        await press(pilot, "m")
        assert drawn() == (True, False)
        screen.rows.sort_by(1)
        await press(pilot, "m")
        assert drawn() == (False, True)
        await pilot.resize_terminal(400, 24)
        await settled(pilot)
        assert drawn() == (False, True), "what was asked for by key stays"


async def test_without_a_wish_the_matrix_is_drawn_where_all_of_it_fits(app: StillApp) -> None:
    async with app.run_test(size=(300, 24)) as pilot:
        await go(pilot, "mtlsmatrix")
        assert isinstance(app.screen, MatrixScreen)
        assert app.screen.as_matrix
        await press(pilot, "enter")
        assert app.screen.as_matrix is False, "a row of a matrix is many pairs: they are listed"


async def test_x_on_what_stands_in_several_places_says_so(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await go(pilot, "discovery")
        assert isinstance(app.screen, TableScreen)
        table = app.screen.rows
        assert app.picture is not None
        both = next(i for i in app.screen.kind_view.all_items(app.picture) if len(i.clusters) > 1)
        assert table.go_to(app.screen.kind_view.key(both))
        await press(pilot, "x")
        assert app.scope.query.clusters == ()
        assert app.scope.query.namespaces == (both.namespace,)


async def test_a_filter_that_leaves_nothing_is_named_and_esc_takes_it_away(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await go(pilot, "services")
        await press(pilot, "slash", *"zzz", "enter")
        assert "Nothing matches /zzz" in text_of(app.screen.query_one(LiveTable))
        await press(pilot, "escape")
        assert keys_shown(app)


async def test_the_command_bar_says_what_a_command_does(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"wind")
        bar = app.screen.query_one(CommandBar)
        assert "rates over this long" in bar.proposals.render_line(0).text


async def test_help_has_this_screens_keys_before_all_others_and_every_command(app: StillApp) -> None:
    async with app.run_test(size=(100, 200)) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app.screen.query_one(LineView))
        parts = ["HERE", "COLUMNS", "SIGNS", "GETTING ABOUT", "EVERYWHERE", "COMMANDS"]
        assert [shown.index(part) for part in parts] == sorted(shown.index(part) for part in parts)
        assert shown.index("worst") < shown.index("next row")
        assert ":window" in shown


async def test_every_place_stays_in_sight_where_something_long_is_opened(app: StillApp) -> None:
    async with app.run_test(size=NARROW) as pilot:
        await go(pilot, "edges")
        await press(pilot, "enter")
        top = app.screen.query_one(TopBar).render_line(0).text
        assert all(f" {key}" in top for key in "123456")
        assert "shop/web-v1" in app.screen.query_one(TopBar).render_line(1).text


async def test_figures_without_a_cluster_that_is_lost_say_so(app: StillApp) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        assert "? without north" in app.screen.query_one("Headline").render_line(0).text
        await press(pilot, "colon", *"cluster east", "enter")
        assert "without" not in app.screen.query_one("Headline").render_line(0).text


async def test_a_chart_tells_waiting_from_no_answer(app: StillApp) -> None:
    session = session_of(app)
    asked = []
    session.lines = lambda chart, *, start, end, step, done: asked.append(done)  # type: ignore[method-assign]
    async with app.run_test(size=WIDE) as pilot:
        await go(pilot, "services")
        # On a wide screen the row's plots were asked for too.
        asked.clear()
        await press(pilot, "enter")

        def drawn() -> str:
            chart = app.screen.query_one("#chart-0")
            return "\n".join(chart.render_line(y).text for y in range(chart.size.height))

        assert "asking Prometheus" in drawn()
        asked[0](())
        for _ in range(100):
            await pilot.pause(0.01)
            if "no answer" in drawn():
                break
        assert "Prometheus gave no answer" in drawn()


async def test_y_shows_every_marked_row(app: StillApp) -> None:
    async with app.run_test(size=(100, 400)) as pilot:
        await go(pilot, "workloads")
        keys = keys_shown(app)
        await press(pilot, "space", "space", "y")
        assert isinstance(app.screen, TextScreen)
        assert all(key.split("/")[2] in app.clipboard for key in keys[:2])
        assert "west " not in app.clipboard.partition("\n\n")[2], "the third row is not marked"
        await press(pilot, "j")
        shown = text_of(app.screen.query_one(LineView))
        assert all(f'"name": "{key.split("/")[2]}"' in shown for key in keys[:2])
        assert '"cluster": "west"' not in shown, "the third row is not marked"
