"""A shift from the console, on a served world: checked, confirmed by name, steered, and taken back by the journal."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Label

from meshtop.console.app import MeshtopApp
from meshtop.console.places import CANARIES
from meshtop.console.screens.action import ActionScreen
from meshtop.console.screens.canaries import CanaryScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.journal import JournalScreen
from meshtop.console.screens.run import Phase, RunScreen
from meshtop.console.screens.shift import ShiftScreen
from meshtop.console.session import ConsoleOptions
from meshtop.console.widgets.choice import Choice
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.top_bar import TopBar
from meshtop.demo.world.plan import Options
from meshtop.settings.schema import Settings
from meshtop.views.frame.detail import find_item
from tests.e2e.serving import LIMIT, Served, served

pytestmark = pytest.mark.xdist_group("console-shift")
ROUTE = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("world"), options=Options(clusters=2, services=12)) as here:
        yield here


@pytest.fixture
def world(shared: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The shared world with nobody's marks on the route, and a journal of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for cluster in shared.servers:
        patch(shared, cluster, [80, 20], {"labels": {}})
    return shared


def weights(world: Served, cluster: str) -> list[int]:
    with urllib.request.urlopen(world.servers[cluster] + ROUTE, timeout=LIMIT) as answer:
        spec = json.load(answer)["spec"]
    return next([d["weight"] for d in rule["route"]] for rule in spec["http"] if len(rule["route"]) > 1)


def patch(world: Served, cluster: str, values: list[int], metadata: dict[str, object] | None = None) -> None:
    """What somebody else writes with kubectl."""
    changes: list[dict[str, object]] = [
        {"op": "replace", "path": f"/spec/http/0/route/{i}/weight", "value": value} for i, value in enumerate(values)
    ]
    changes += [{"op": "add", "path": f"/metadata/{key}", "value": value} for key, value in (metadata or {}).items()]
    request = urllib.request.Request(
        f"{world.servers[cluster]}{ROUTE}?fieldManager=kubectl-edit",
        data=json.dumps(changes).encode(),
        headers={"Content-Type": "application/json-patch+json"},
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=LIMIT) as answer:
        assert answer.status == 200


async def until(pilot: Pilot[int], reached: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + LIMIT
    while not reached():
        screen = pilot.app.screen
        told = said(screen) if isinstance(screen, RunScreen) else ""
        assert time.monotonic() < limit, f"waited in vain for {what}; on {screen}: {told}"
        await pilot.pause(0.02)


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


def front(app: MeshtopApp) -> object:
    """The screen in front."""
    return app.screen


def bottom(app: MeshtopApp) -> str:
    """The sentence in the bottom line."""
    return app.screen.query_one(KeyHints).render_line(0).text.strip()


def chip(app: MeshtopApp) -> str:
    """What the top bar of the screen in front says of what runs in the background."""
    return next(iter(app.runs.chip(app.now())[0]), "")


def said(screen: RunScreen) -> str:
    return "\n".join(one.text for one in screen.log_entries)


async def open_dialog(pilot: Pilot[int], app: MeshtopApp) -> ShiftScreen:
    """The dialog for reviews, its form filled in with what stands."""
    await open_board(pilot, app)
    await pilot.press("S")
    await until(pilot, lambda: isinstance(app.screen, ShiftScreen) and app.focused is not None, "the dialog")
    dialog = app.screen
    assert isinstance(dialog, ShiftScreen)
    await until(pilot, lambda: app.focused is dialog.query_one("#field-weights"), "the first field")
    effect = dialog.form.query_one("#effect", Label)
    await until(pilot, lambda: "us-east, eu-west:" in str(effect.content), "both clusters known to be of one mesh")
    return dialog


async def test_a_shift_is_checked_confirmed_held_and_taken_back(world: Served) -> None:
    before = {cluster: weights(world, cluster) for cluster in ("us-east", "eu-west")}
    app = console(world)
    async with app.run_test(size=(120, 40)) as pilot:
        dialog = await open_dialog(pilot, app)
        assert dialog.form.values["weights"] == "v3=20"
        await pilot.press("3", "0", "enter")
        await until(pilot, lambda: dialog.phase is Phase.ASKING, "the checks")
        assert "weight: 30" in said(dialog), "every cluster's diff is shown"
        assert weights(world, "us-east") == before["us-east"], "nothing is written before the name is typed"

        await pilot.press(*"elsewhere", "enter")
        await until(pilot, lambda: "does not match" in said(dialog), "the refusal")
        assert weights(world, "us-east") == before["us-east"]
        assert dialog.form.display, "back at the form, as it was filled in"

        await pilot.press("enter")
        await until(pilot, lambda: dialog.phase is Phase.ASKING, "the checks again")
        await pilot.press("escape")
        assert (front(app), dialog.phase) == (dialog, Phase.IDLE), "esc goes one step back"
        await pilot.press("enter")
        await until(pilot, lambda: dialog.phase is Phase.ASKING, "the checks once more")
        await pilot.press(*"shop", "enter")
        await until(pilot, lambda: weights(world, "eu-west")[-1] == 30, "the weights")
        assert not chip(app), "the screen itself says what runs"
        await pilot.press("escape")
        assert isinstance(front(app), CanaryScreen), "a running shift locks nobody in"
        assert re.search(r"⟳ shop/reviews#weighted step 1/1.*: J", chip(app))
        await pilot.press("1")
        assert isinstance(front(app), FleetScreen)
        assert chip(app), "it is said on every screen"
        await pilot.press("q")
        assert bottom(app) == "shop/reviews#weighted is in progress (J). ctrl-c or q again leaves it held."
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app, "exit", lambda **_: None)
            await pilot.press("q")
        assert app.exit_message == (
            "meshtop: shop/reviews#weighted is left held; meshtop journal says how to finish it or take it back."
        ), "and once more on the terminal, when no screen says it any more"
        await pilot.press("J")
        assert front(app) is dialog, "J comes back"
        await pilot.press("J")
        await until(pilot, lambda: isinstance(front(app), JournalScreen), "the journal, from there")
        await until(pilot, lambda: front(app).selected is not None, "the running shift")  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert front(app) is dialog, "its row opens what runs here"
        assert app.screen_stack.count(dialog) == 1
        await pilot.press("H")
        await until(pilot, lambda: dialog.phase is Phase.ENDED, "the end")
        assert weights(world, "us-east")[-1] == 30
        status = dialog.status.progress
        assert status is not None
        assert [one.weights["v3"] for one in status.clusters] == [30, 30]

        await pilot.press("J")
        await until(pilot, lambda: isinstance(front(app), JournalScreen), "the journal over what has ended")
        await until(pilot, lambda: front(app).selected is not None, "the held shift")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(front(app), ActionScreen), "its history")
        await pilot.press("escape", "escape", "escape")
        await until(pilot, lambda: isinstance(front(app), FleetScreen), "what was in front before")
        await until(pilot, lambda: not dialog.is_attached, "nothing kept of what was left after its end")
        assert not app.runs.all
        await until(pilot, lambda: bool(app.journal.notice), "the notice")
        assert app.journal.notice == "▲ shop/reviews#weighted held: J"
        await pilot.press("1")
        fleet = front(app)
        assert isinstance(fleet, FleetScreen)
        needs = fleet.query_one("#needs", LiveTable)
        await until(pilot, lambda: needs.model is not None and needs.model.key(0).startswith("journal:"), "the fleet")
        await pilot.press("J")
        await until(pilot, lambda: isinstance(front(app), JournalScreen), "the journal")
        journal = front(app)
        assert isinstance(journal, JournalScreen)
        await until(pilot, lambda: journal.selected is not None, "the held shift")
        assert journal.why_disabled("resume") is None
        await pilot.press("R")
        await until(pilot, lambda: isinstance(front(app), ActionScreen), "the action")
        action: object = front(app)
        assert isinstance(action, ActionScreen)
        await until(pilot, lambda: action.phase is Phase.ASKING, "the question")
        await pilot.press("enter")
        await until(pilot, lambda: action.phase is Phase.ENDED, f"the end of taking back: {said(action)}")
        assert {cluster: weights(world, cluster) for cluster in before} == before, said(action)
        await pilot.press("escape")
        assert front(app) is journal
        await until(pilot, lambda: journal.why_disabled("roll_back") == "it is rolled-back", "the journal read again")
        await until(pilot, lambda: not app.journal.notice, "nothing that waits")


async def test_a_shift_that_ends_in_the_background_says_so_until_it_was_looked_at(world: Served) -> None:
    app = console(world)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await open_dialog(pilot, app)
        await pilot.press("3", "0", "enter")
        await until(pilot, lambda: dialog.phase is Phase.ASKING, "the checks")
        await pilot.press(*"shop", "enter")
        await until(pilot, lambda: weights(world, "eu-west")[-1] == 30, "the weights")
        await pilot.press("escape", "2")
        dialog.action_hold()
        await until(pilot, lambda: dialog.phase is Phase.ENDED, "the end")
        top = app.screen.query_one(TopBar)
        await until(pilot, lambda: re.search("▲.* held: J", top.render_line(0).text), "the end in the bar")
        assert "1  2 Services  3  4  5  6  7" in top.render_line(0).text, "and every place keeps its key"
        await pilot.press("J")
        assert front(app) is dialog
        await pilot.press("escape")
        await until(pilot, lambda: not dialog.is_attached, "nothing kept of it")
        assert not chip(app)


async def test_somebody_else_s_change_is_named_and_asked_about_again(world: Served) -> None:
    app = console(world)
    async with app.run_test(size=(120, 40)) as pilot:
        dialog = await open_dialog(pilot, app)
        await pilot.press("3", "0", "enter")
        await until(pilot, lambda: dialog.phase is Phase.ASKING, "the checks")
        patch(world, "eu-west", [60, 40])
        await pilot.press(*"shop", "enter")
        await until(pilot, lambda: dialog.phase is Phase.ENDED, "the conflict")
        assert "it says 60/40 where 80/20 was expected" in said(dialog)
        assert "kubectl-edit wrote it last" in said(dialog)
        assert (weights(world, "us-east"), weights(world, "eu-west")) == ([80, 20], [60, 40]), "nothing is overwritten"

        await pilot.press("enter")
        await until(pilot, lambda: dialog.phase is Phase.ASKING, f"asked again: {said(dialog)}")
        assert "60/40 → 70/30" in said(dialog), "the diff is from what stands there by now"
        await pilot.press(*"shop", "enter")
        await until(pilot, lambda: weights(world, "eu-west") == [70, 30], "the weights")
        await pilot.press("A")
        await until(pilot, lambda: dialog.phase is Phase.ENDED, "the end")
        assert (weights(world, "us-east"), weights(world, "eu-west")) == ([80, 20], [60, 40]), "each as it was"


async def test_a_wrong_field_says_so_beneath_it(world: Served) -> None:
    app = console(world)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = await open_dialog(pilot, app)
        await pilot.press("2", "0", "0")
        wrong = dialog.form.query_one("#wrong-weights", Label)
        await until(pilot, lambda: wrong.display, "the complaint")
        assert "from 0 to 100" in str(wrong.content)
        await pilot.press("enter")
        await pilot.pause()
        assert dialog.phase is Phase.IDLE, "nothing is asked of any cluster"
        await pilot.press("backspace")
        await until(pilot, lambda: not wrong.display, "the complaint taken away")
        assert "us-east, eu-west: v2 80 → 80 · v3 20 → 20" in str(dialog.form.query_one("#effect", Label).content)
        await pilot.press("tab", "tab", "tab")
        guard = dialog.form.query_one("#field-guard", Choice)
        assert app.focused is guard
        await pilot.press("right", "right", "right")
        assert guard.value == "none"


async def test_an_owner_is_named_beneath_the_field_that_overrides_it(world: Served) -> None:
    patch(world, "us-east", [80, 20], {"labels": {"argo-rollouts.argoproj.io/managed-by-rollouts": "reviews"}})
    app = console(world)
    async with app.run_test(size=(120, 40)) as pilot:
        dialog = await open_dialog(pilot, app)
        await pilot.press("3", "0", "enter")
        override = dialog.form.query_one("#field-owner")
        await until(pilot, lambda: app.focused is override, "the field to mend it in")
        assert "argo-rollouts" in str(dialog.form.query_one("#wrong-owner", Label).content)
        assert "Nothing was written" in said(dialog)
        await pilot.press(*"argo rollouts owns it", "enter")
        await until(pilot, lambda: dialog.phase is Phase.ASKING, f"the checks: {said(dialog)}")


async def test_read_only_takes_the_levers_away(world: Served) -> None:
    app = console(world, read_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        board = await open_board(pilot, app)
        assert board.check_action("shift", ()) is None
        assert board.why_disabled("shift") == "read-only"
        await pilot.press("S")
        await pilot.pause()
        assert front(app) is board
