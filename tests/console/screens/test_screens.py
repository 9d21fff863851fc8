"""The console's screens, by keys: where one gets, what travels, what is said."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from meshtop.analysis.tenancy.access.policy import Association, Policy, PolicyNodeKind
from meshtop.analysis.tenancy.access.rights import Access
from meshtop.analysis.tenancy.ownership import owners_of
from meshtop.console.app import MeshtopApp
from meshtop.console.places import pages_of
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.row_plots import RowPlots
from meshtop.console.screens.table import TableScreen
from meshtop.console.screens.text import TextScreen
from meshtop.console.session import SessionFailed
from meshtop.console.widgets.help_screen import HelpScreen
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.prompts import FilterLine
from meshtop.console.widgets.top_bar import TopBar
from meshtop.model.kube import Identity
from meshtop.model.state import State
from meshtop.settings.document import ConfigError
from meshtop.views.picture.query import Query
from tests.console.stage import StillApp, busy_world, session_of, stage
from tests.worlds import AT, east, north, world

SIZE = (100, 30)


def text_of(widget: object) -> str:
    """What a line widget or table has drawn."""
    assert isinstance(widget, LiveTable | LineView | TopBar)
    return "\n".join(widget.render_line(y).text for y in range(widget.size.height))


def keys_shown(app: MeshtopApp, selector: str = "LiveTable") -> list[str]:
    table = app.screen.query(selector).first()
    assert isinstance(table, LiveTable)
    model = table.model
    return [] if model is None else [model.key(index) for index in range(len(model))]


def is_asked_once_the_cursor_rests(app: StillApp) -> bool:
    """Whether plots of the row under the cursor are still without their lines."""
    return any(
        plots.display and any(plots._courses.lines(number) is None for number in range(len(plots._courses.charts)))
        for plots in app.screen.query(RowPlots)
    )


async def settled(pilot: Pilot[int]) -> None:
    """Wait until what has arrived is on screen: the picture first, then every table that is shown."""
    app = pilot.app
    assert isinstance(app, StillApp)
    calm = 0
    for _ in range(300):
        await pilot.pause(0.01)
        # What is hidden, or inside of something hidden, is given nothing.
        tables = [
            table
            for table in app.screen.query(LiveTable)
            if all(node.display for node in table.ancestors_with_self if isinstance(node, Widget))
        ]
        waiting = session_of(app).snapshot is not None and (
            app.picture is None or any(table.model is None for table in tables) or is_asked_once_the_cursor_rests(app)
        )
        calm = 0 if waiting else calm + 1
        if calm >= 3:
            return


async def go(pilot: Pilot[int], kind: str) -> None:
    """Go to a kind's page."""
    assert isinstance(pilot.app, StillApp)
    await settled(pilot)
    pilot.app.open_place(kind)
    await settled(pilot)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys one after the other, each on what the one before has brought up."""
    for key in keys:
        await settled(pilot)
        await pilot.press(key)
    await settled(pilot)


@pytest.fixture
def app() -> StillApp:
    return stage(busy_world())


async def test_the_fleet_shows_every_cluster_and_what_needs_somebody(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, FleetScreen)
        assert sorted(keys_shown(app, "#rows")) == ["east", "north", "west"]
        needs = text_of(app.screen.query_one("#needs"))
        assert "north" in needs.splitlines()[1], "the cluster that is lost comes first"
        assert "shop/reviews-v2 in east" in needs
        assert "live · 2s ago" in text_of(app.screen.query_one(TopBar))


async def test_before_the_first_answer_the_screen_says_what_it_waits_for() -> None:
    app = stage(None)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert "Reading the kubeconfig" in text_of(app.screen.query_one("#rows"))
        assert "starting" in text_of(app.screen.query_one(TopBar))


async def test_number_keys_open_places_and_esc_leads_back_to_the_fleet(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        for kind in ("services", "workloads", "edges", "namespaces"):
            await go(pilot, kind)
            assert isinstance(app.screen, TableScreen)
            assert app.screen.kind == kind
            assert keys_shown(app), kind
        await press(pilot, "escape")
        assert isinstance(app.screen, FleetScreen)


async def test_tab_goes_through_the_pages_of_a_place(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await press(pilot, "2")
        seen = []
        for _ in pages_of("services"):
            assert isinstance(app.screen, TableScreen)
            seen.append(app.screen.kind)
            await press(pilot, "tab")
        assert tuple(seen) == pages_of("services")
        assert isinstance(app.screen, TableScreen)
        assert app.screen.kind == "services"


async def test_enter_opens_one_thing_and_esc_closes_it(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "enter")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.key.startswith("east/shop/reviews-v2"), "the worst stands on top"
        assert "ABOUT" in text_of(app.screen.query_one("#facts"))
        await press(pilot, "escape")
        assert isinstance(app.screen, TableScreen)


async def test_tab_goes_through_a_details_pages_and_enter_follows_a_relation(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "enter", "tab")
        assert app.screen.query_one("#charts").display
        await press(pilot, "tab")
        table = app.screen.query_one("#related", LiveTable)
        assert table.display
        await press(pilot, "enter")
        assert isinstance(app.screen, DetailScreen)
        assert app.screen.kind == "edges"


async def test_w_opens_the_worst(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "w")
        assert isinstance(app.screen, DetailScreen)
        assert (app.screen.kind, app.screen.key) == ("clusters", "north")


async def test_the_filter_travels_and_esc_takes_it_away(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        everything = len(keys_shown(app))
        await press(pilot, "slash", *"reviews", "enter")
        assert 0 < len(keys_shown(app)) < everything
        assert all("reviews" in key for key in keys_shown(app))
        await go(pilot, "services")
        assert all("reviews" in key for key in keys_shown(app))
        assert "/reviews" in text_of(app.screen.query_one(TopBar))
        await press(pilot, "escape")
        assert app.scope.query.filter == ""
        assert len(keys_shown(app)) > 2


async def test_a_filter_that_is_none_is_said_while_the_rows_stay(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        before = keys_shown(app)
        await press(pilot, "slash", *"nocolumn:x")
        message = app.screen.query_one(FilterLine).query_one(".message")
        assert "nocolumn" in str(message.render())
        assert keys_shown(app) == before or keys_shown(app) == []


async def test_a_filter_that_another_kind_does_not_know_is_not_used_there(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "slash", *"pods:>0", "enter")
        await go(pilot, "edges")
        assert isinstance(app.screen, TableScreen)
        assert keys_shown(app)


async def test_commands_narrow_the_scope(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"cluster east", "enter")
        assert app.scope.query.clusters == ("east",)
        assert keys_shown(app, "#rows") == ["east"]
        await press(pilot, "colon", *"cluster all", "enter")
        assert len(keys_shown(app, "#rows")) == 3
        await press(pilot, "colon", *"svc shop", "enter")
        assert app.scope.query.namespaces == ("shop",)
        assert isinstance(app.screen, TableScreen)


async def test_a_command_that_makes_no_sense_is_said(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"cluster mars", "enter")
        assert app.scope.query.clusters == ()
        assert isinstance(app.screen, MeshScreen)


@pytest.mark.parametrize("span", ["0s", "400d"])
async def test_a_window_of_nothing_or_of_more_than_a_year_is_not_asked_for(app: StillApp, span: str) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *f"window {span}", "enter")
        assert [asked for asked in session_of(app).asked if asked[0] == "change"] == []


async def test_x_narrows_to_the_row(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "x")
        assert app.scope.query.clusters == ("east",)
        assert app.scope.query.namespaces == ("shop",)


async def test_sorting_is_kept_for_the_kind(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        table = app.screen.query_one(LiveTable)
        table.post_message(LiveTable.SortChanged(table, "name", True))
        await settled(pilot)
        names = [key.split("/")[2] for key in keys_shown(app)]
        assert names == sorted(names, reverse=True)
        assert table.sorting == ("name", True)


async def test_time_travel_asks_the_observatory(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "left_square_bracket")
        (_, asked) = session_of(app).asked[-1]
        assert asked == (None, AT + 2.0 - 60.0, False)
        await press(pilot, "full_stop")
        assert session_of(app).asked[-1] == ("change", (None, None, True))
        await press(pilot, "r")
        assert session_of(app).asked[-1] == ("refresh", None)
        await press(pilot, "colon", *"window 1h", "enter")
        assert session_of(app).asked[-1] == ("change", (3600.0, None, False))


async def test_a_past_moment_is_always_visible() -> None:
    app = stage(None)
    async with app.run_test(size=SIZE) as pilot:
        import msgspec

        session_of(app).publish(msgspec.structs.replace(busy_world(), moment=AT - 3600))
        await settled(pilot)
        assert "at 2026-08-01 13:00:00 UTC" in text_of(app.screen.query_one(TopBar))


async def test_help_explains_keys_and_columns(app: StillApp) -> None:
    async with app.run_test(size=(100, 60)) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app.screen.query_one(LineView))
        assert "HERE" in shown
        await press(pilot, "escape")
        assert isinstance(app.screen, TableScreen)


async def test_a_row_as_text_is_the_json_that_get_prints(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "y", "j")
        assert isinstance(app.screen, TextScreen)
        assert '"name": "reviews-v2"' in text_of(app.screen.query_one(LineView))


async def test_the_cursor_stays_on_its_row_while_rows_move(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        table = app.screen.query_one(LiveTable)
        web = next(key for key in keys_shown(app) if key.startswith("west/shop/web-v1"))
        assert table.go_to(web)
        healed = world(east(), north(), sequence=2)
        session_of(app).publish(busy_world())
        await settled(pilot)
        assert table.cursor_key == web
        session_of(app).publish(healed)
        await settled(pilot)
        assert table.cursor_key in keys_shown(app)


async def test_an_older_picture_never_replaces_a_newer_one(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        session_of(app).publish(world(east(), sequence=9))
        await settled(pilot)
        session_of(app).publish(world(east(), north(), sequence=3))
        await settled(pilot)
        assert keys_shown(app, "#rows") == ["east"]


async def test_what_is_gone_says_so(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "enter")
        session_of(app).publish(world(north(), sequence=5))
        await settled(pilot)
        assert "It is gone." in text_of(app.screen.query_one("#facts"))


@pytest.mark.parametrize("state", [State.UNREACHABLE, State.DENIED])
async def test_with_no_cluster_to_read_every_screen_says_why(state: State) -> None:
    app = stage(world(north(state)))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert "no cluster answers" in text_of(app.screen.query_one(TopBar))
        for kind in ("services", "workloads", "edges", "namespaces", "virtualmachines"):
            await go(pilot, kind)
            assert "Nothing was read" in text_of(app.screen.query_one(LiveTable)), kind


async def test_an_empty_scope_says_how_to_widen_it() -> None:
    app = stage(busy_world(), query=Query(namespaces=("nowhere",)))
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        assert "Nothing in this scope" in text_of(app.screen.query_one(LiveTable))


async def test_too_small_a_terminal_says_what_it_needs_and_recovers(app: StillApp) -> None:
    async with app.run_test(size=(20, 5)) as pilot:
        await settled(pilot)
        assert not isinstance(app.screen, MeshScreen)
        await pilot.resize_terminal(100, 30)
        await settled(pilot)
        assert isinstance(app.screen, FleetScreen)


async def test_q_quits_with_0(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "q")
    assert app.return_code == 0
    assert session_of(app).asked[-1] == ("stop", None)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(ConfigError("meshtop.yaml, line 3: no."), 2, "line 3"), (KeyError("x"), 70, "internal error")],
)
async def test_a_session_that_cannot_begin_ends_the_console_with_a_sentence(
    error: Exception, code: int, words: str
) -> None:
    app = stage(None)
    async with app.run_test(size=SIZE) as pilot:
        app.post_message(SessionFailed(error))
        await settled(pilot)
    assert app.return_code == code
    assert words in app.exit_message


async def test_without_a_policy_the_explainer_says_so(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"explain shift tenant:storefront", "enter")
        assert isinstance(app.screen, FleetScreen)
        await press(pilot, "colon", *"explain shift namespace:east/shop", "enter")
        assert isinstance(app.screen, TextScreen)
        assert "Kubernetes alone decides" in text_of(app.screen.query_one(LineView))


async def test_the_explainer_shows_the_paths_of_the_policy() -> None:
    kinds = {
        "pc": PolicyNodeKind.POLICY_CLASS,
        "oncall": PolicyNodeKind.USER_ATTRIBUTE,
        "maria": PolicyNodeKind.USER,
        "all": PolicyNodeKind.OBJECT_ATTRIBUTE,
        "o1": PolicyNodeKind.OBJECT,
    }
    parents = {"oncall": ["pc"], "maria": ["oncall"], "all": ["pc"], "o1": ["all"]}
    policy = Policy(kinds, parents, [Association("oncall", frozenset({"read"}), "all")])
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert app.picture is not None
        app.picture.access = Access({"east": (Identity("maria"), policy)}, owners_of(busy_world(), None, None))
        await press(pilot, "colon", *"explain read o1", "enter")
        assert isinstance(app.screen, TextScreen)
        assert "maria → oncall" in text_of(app.screen.query_one(LineView))


async def test_what_a_policy_hides_is_said_in_the_scope() -> None:
    app = stage(None)
    async with app.run_test(size=SIZE) as pilot:
        import msgspec

        session_of(app).publish(msgspec.structs.replace(busy_world(), hidden="2 tenants are hidden."))
        await settled(pilot)
        assert "some is hidden" in text_of(app.screen.query_one(TopBar))


async def test_entering_what_is_no_filter_keeps_the_one_before(app: StillApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "slash", *"reviews", "enter")
        before = keys_shown(app)
        await press(pilot, "slash", *(["backspace"] * len("reviews")), *"web nocolumn:x", "enter")
        assert app.scope.query.filter == "reviews", "not the half of it that was one on the way"
        assert keys_shown(app) == before
        told = app.screen.query_one(KeyHints).render_line(0).text
        assert "nocolumn" in told
        assert "The filter stays as it was" in told
