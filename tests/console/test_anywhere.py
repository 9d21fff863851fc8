"""Going anywhere: `:` and ctrl+p find commands, places and the names of things."""

from __future__ import annotations

from collections import Counter

import pytest

from meshtop.console.anywhere import Anywhere
from meshtop.console.commands import COMMANDS, described
from meshtop.console.screens.base import MeshScreen
from meshtop.console.screens.detail import DetailScreen
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.prompts import CommandBar
from meshtop.views.picture.picture import Picture
from tests.console.screens.test_screens import press, settled
from tests.console.stage import StillApp, busy_world, stage


@pytest.fixture(scope="module")
def anywhere() -> Anywhere:
    found = Anywhere(COMMANDS, described)
    found.learn(Picture(busy_world()))
    return found


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("", "now"),
        ("fleet", "now"),
        ("graph", "graph"),
        ("svc", "services"),
        (":svc rev", "services east/shop/reviews"),
        ("svc shop", "services shop"),
        ("svc all", "services all"),
        ("svc nothing-so", "services nothing-so"),
        ("services west/shop/reviews", "services west/shop/reviews"),
        ("wl rv2", "workloads east/shop/reviews-v2"),
        ("ns sho", "namespaces shop"),
        ("cluster wes", "clusters west"),
        ("cluster mars", "clusters mars"),
        ("window 1h", "window 1h"),
        ("theme li", "theme light"),
        ("q", "quit"),
        ("control", "controlplanes"),
        ("vms", "virtualmachines"),
        ("reviews-v2", "workloads east/shop/reviews-v2"),
        ("zzzzz", None),
    ],
)
def test_what_is_typed_finds(anywhere: Anywhere, typed: str, first: str | None) -> None:
    found = anywhere.find(typed, 10)
    assert (found[0].typed if found else None) == first
    assert len(found) <= 10
    assert all(one.about for one in found), "each is described"


def test_before_anything_is_read_commands_are_found() -> None:
    assert Anywhere(COMMANDS, described).find("svc shop/reviews", 10)[0].typed == "services shop/reviews"


def test_names_are_read_again_only_where_something_changed() -> None:
    world = busy_world()
    anywhere = Anywhere(COMMANDS, described)
    assert not anywhere.is_known(Picture(world))
    anywhere.learn(Picture(world))
    assert anywhere.is_known(Picture(world))
    assert not anywhere.is_known(Picture(busy_world()))


def test_no_word_means_two_commands() -> None:
    words = Counter(word for command in COMMANDS for word in {command.name, *command.aliases})
    assert [word for word, count in words.items() if count > 1] == []


async def test_ctrl_p_is_the_same_list_and_esc_takes_it_away() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        for key in ("colon", "ctrl+p"):
            await pilot.press(key)
            bar = app.screen.query_one(CommandBar)
            assert bar.proposals.display
            assert app.focused is bar.input
            await pilot.press("escape")
            assert not bar.proposals.display


async def learned(app: StillApp) -> None:
    """Wait until the names were read on their thread."""
    await app.workers.wait_for_complete()


async def test_a_thing_is_opened_by_some_letters_of_its_name() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("colon")
        await learned(app)
        await press(pilot, *"svc rev", "down", "enter")
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        assert (app.screen.kind, app.screen.key) == ("services", "west/shop/reviews")


async def test_tab_writes_the_selected_name_into_the_line() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await pilot.press("colon")
        await learned(app)
        await press(pilot, *"wl rev", "down", "tab")
        bar = app.screen.query_one(CommandBar)
        assert bar.input.value == "workloads east/shop/reviews-v2"
        assert bar.proposals.chosen is not None
        assert bar.proposals.chosen.argument == "workloads/east/shop/reviews-v2"


async def test_a_click_goes_there() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"controlp")
        await pilot.click("ProposalList", offset=(5, 0))
        await settled(pilot)
        assert isinstance(app.screen, MeshScreen)
        assert app.screen.kinds() == {"controlplanes"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cluster mars", "there is no cluster mars; there are east, west, north"),
        ("cluster wst", "there is no cluster wst; did you mean west?"),
        ("open something", "names nothing to open"),
        ("open service/shop/nothing", "there is no service shop/nothing"),
    ],
)
async def test_what_there_is_not_is_said(line: str, said: str) -> None:
    app = stage(busy_world())
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot)
        name, _, argument = line.partition(" ")
        app.run_command({"cluster": "clusters"}.get(name, name), argument)
        await settled(pilot)
        shown = app.screen.query_one(KeyHints).render_line(0).text
        assert said in shown


async def test_a_name_typed_before_anything_was_read_of_names_is_opened_too() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        app.run_command("services", "east/shop/reviews")
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)


async def test_a_tenant_narrows_the_scope_to_the_tenant() -> None:
    app = stage(busy_world())
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await press(pilot, "colon", *"tenant storefront", "enter")
        await settled(pilot)
        assert app.scope.query.tenant == "storefront"
        assert app.scope.query.namespaces == ()
        await press(pilot, "colon", *"tenant all", "enter")
        await settled(pilot)
        assert app.scope.query.tenant is None


def test_a_route_is_found_by_its_command() -> None:
    assert Anywhere(COMMANDS, described).find("route", 10)[0].typed == "canaries"
