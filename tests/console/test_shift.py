"""A shift from the console, on a served world: checked, confirmed by name, steered, and taken back by the journal."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from meshtop.console.app import MeshtopApp
from meshtop.console.options import ConsoleOptions
from meshtop.console.places import CANARIES
from meshtop.console.screens.canaries import CanaryScreen
from meshtop.console.screens.journal import JournalScreen
from meshtop.console.screens.shift import Phase, ShiftScreen
from meshtop.settings.schema import Settings
from meshtop.views.detail import find_item
from tests.e2e.serving import LIMIT, Served, served

pytestmark = pytest.mark.xdist_group("console-shift")
ROUTE = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with served(tmp_path) as here:
        yield here


def weights(world: Served, cluster: str) -> list[int]:
    with urllib.request.urlopen(world.servers[cluster] + ROUTE, timeout=LIMIT) as answer:
        spec = json.load(answer)["spec"]
    return next([d["weight"] for d in rule["route"]] for rule in spec["http"] if len(rule["route"]) > 1)


async def until(pilot: Pilot[int], reached: Callable[[], bool], what: str) -> None:
    for _ in range(300):
        if reached():
            return
        await pilot.pause(0.05)
    raise AssertionError(f"waited in vain for {what}")


def console(world: Served, *, read_only: bool = False) -> MeshtopApp:
    settings = Settings(read_only=read_only)
    return MeshtopApp(ConsoleOptions(settings=lambda: settings, kubeconfig=str(world.kubeconfig), read_only=read_only))


async def open_board(pilot: Pilot[int], app: MeshtopApp) -> CanaryScreen:
    """The board with the cursor on reviews in us-east."""
    await until(pilot, lambda: app.picture is not None and app.picture.snapshot.settled, "the first picture")
    app.open_place(CANARIES)
    await until(pilot, lambda: isinstance(app.screen, CanaryScreen) and app.screen.shown is not None, "the board")
    board = app.screen
    assert isinstance(board, CanaryScreen)
    model = board.rows.model
    assert model is not None
    keys = [model.key(index) for index in range(len(model))]
    picture = app.picture
    assert picture is not None
    rows = {key: find_item(picture, CANARIES, key) for key in keys}
    wanted = next(
        k for k, r in rows.items() if r and (r.cluster, r.namespace, r.name) == ("us-east", "shop", "reviews")
    )
    board.rows.go_to(wanted)
    await pilot.pause()
    return board


async def test_a_shift_is_checked_confirmed_held_and_taken_back(world: Served) -> None:
    before = {cluster: weights(world, cluster) for cluster in ("us-east", "eu-west")}
    app = console(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_board(pilot, app)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ShiftScreen), "the dialog")
        dialog = app.screen
        assert isinstance(dialog, ShiftScreen)
        await pilot.pause()

        await pilot.press("3", "0", "enter")
        await until(pilot, lambda: dialog.phase is Phase.CHECKED, "the checks")
        assert any("weight: 30" in text for text, _ in dialog.said), "every cluster's diff is shown"
        assert weights(world, "us-east") == before["us-east"], "nothing is written before the name is typed"

        await pilot.press(*"elsewhere", "enter")
        await until(pilot, lambda: any("another name" in text for text, _ in dialog.said), "the refusal")
        assert weights(world, "us-east") == before["us-east"]

        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"shop", "enter")
        await until(pilot, lambda: weights(world, "eu-west")[-1] == 30, "the weights")
        await pilot.press("escape")
        assert app.screen is dialog, "a running shift is not left by accident"
        await pilot.press("H")
        await until(pilot, lambda: dialog.phase is Phase.ENDED, "the end")
        assert weights(world, "us-east")[-1] == 30

        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CanaryScreen), "the board")
        await pilot.press("J")
        await until(pilot, lambda: isinstance(app.screen, JournalScreen), "the journal")
        journal = app.screen
        assert isinstance(journal, JournalScreen)
        await until(pilot, lambda: any("held" in text for text, _ in journal.said), "the held shift")
        await pilot.press("R")
        await until(pilot, lambda: app.focused is journal.query_one("#confirm"), "the question")
        await pilot.press("enter")
        await until(pilot, lambda: journal.ended, f"the end of taking back: {journal.said}")
        assert {cluster: weights(world, cluster) for cluster in before} == before, journal.said


async def test_read_only_takes_the_levers_away(world: Served) -> None:
    app = console(world, read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        board = await open_board(pilot, app)
        assert board.check_action("shift", ()) is None
        assert board.why_off("shift") == "read-only"
        await pilot.press("S")
        await pilot.pause()
        assert app.screen is board
