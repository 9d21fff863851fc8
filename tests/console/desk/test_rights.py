"""Keys that write, for users who may not: what is asked, when, and what is said, on a served world."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.message import Message
from textual.message_pump import MessagePump
from textual.pilot import Pilot

from meshtop.actions.cluster_identity import ClusterIdentity
from meshtop.actions.journal.journal import Journal, journal_path
from meshtop.actions.kube import RouteObject
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.record import ShiftRecord
from meshtop.actions.shift.targets import ShiftTarget
from meshtop.analysis.tenancy.access.rbac import SubjectRules
from meshtop.console.app import MeshtopApp
from meshtop.console.desk.rights import KEPT_SECONDS, Rights, RightsArrived
from meshtop.console.screens.canaries import CanaryDetailScreen, CanaryScreen
from meshtop.console.screens.cockpit import CockpitScreen
from meshtop.console.screens.explain import ExplainScreen
from meshtop.console.screens.journal import JournalScreen
from meshtop.console.screens.shift import ShiftScreen
from meshtop.console.session import ConsoleOptions, ConsoleSession
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.console.widgets.line_widget import LineView
from meshtop.demo.world.plan import Options
from meshtop.model.snapshot import Snapshot
from meshtop.settings.schema import Settings
from tests import worlds
from tests.console.desk.test_shift import front, open_board, until
from tests.e2e.serving import Served, served

pytestmark = pytest.mark.xdist_group("console-shift")
PLACES = (("us-east", "shop"), ("eu-west", "shop"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("world"), options=Options(services=12)) as here:
        yield here


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def console(world: Served, users: Mapping[str, str], **more: Any) -> MeshtopApp:
    """The console on clusters that it reads as `admin` or as `viewer`."""
    suffix = {"admin": "", "viewer": "-viewer"}
    clusters = [{"name": name, "context": f"{name}{suffix[user]}"} for name, user in users.items()]
    settings = Settings.model_validate({"clusters": clusters, **more})
    return MeshtopApp(ConsoleOptions(settings=lambda: settings, kubeconfig=str(world.kubeconfig)))


async def told(pilot: Pilot[int], app: MeshtopApp) -> CanaryScreen:
    """The board, once both clusters have said what the user may do with the route under the cursor."""
    board = await open_board(pilot, app)
    await until(pilot, lambda: all(app.rights.of(*place) is not None for place in PLACES), "the rights")
    await until(
        pilot,
        lambda: {one.write.place for one in board.permissions if one.kubernetes is not None} == {*PLACES},
        "the board to know them",
    )
    return board


def bottom(app: MeshtopApp) -> str:
    return app.screen.query_one(KeyHints).render_line(0).text


def took_part(*clusters: str) -> None:
    """A shift of reviews in these clusters, in the journal."""
    targets = tuple(
        ShiftTarget(
            where=RouteObject(
                cluster=cluster, group="networking.istio.io", version="v1", kind="VirtualService",
                namespace="shop", name="reviews", index=0,
            ),
            label="shop/reviews#0", names=("v2", "v3"), hosts=("reviews", "reviews"), before=(80, 20),
            steps=((70, 30),),
        )
        for cluster in clusters
    )  # fmt: skip
    plan = msgspec.to_builtins(ShiftRecord(plan=ShiftPlan(route="shop/reviews", steps=({"v3": 30},)), targets=targets))
    with contextlib.closing(Journal(journal_path())) as journal:
        journal.begin(kind="shift", who="me", origin="here", reason="", subject="shop/reviews", plan=plan,
                      clusters=dict.fromkeys(clusters, ClusterIdentity()))  # fmt: skip


async def test_a_shift_that_every_cluster_refuses_is_off_and_says_why(world: Served) -> None:
    app = console(world, {"us-east": "viewer", "eu-west": "viewer"})
    async with app.run_test(size=(80, 24)) as pilot:
        board = await told(pilot, app)
        assert board.check_action("shift", ()) is None
        await pilot.press("S")
        why = "us-east and eu-west do not let you patch virtualservices in shop."
        await until(pilot, lambda: bottom(app).strip() == why, "the reason")
        assert app.screen is board
        await pilot.press("down")
        await until(pilot, lambda: "S shift" in bottom(app), "the keys")


async def test_a_shift_that_one_cluster_refuses_is_on_and_names_the_cluster(world: Served) -> None:
    took_part("us-east", "eu-west")
    app = console(world, {"us-east": "admin", "eu-west": "viewer"})
    async with app.run_test(size=(120, 40)) as pilot:
        board = await told(pilot, app)
        assert board.check_action("shift", ()) is True
        refused = "eu-west does not let you patch virtualservices in shop."
        assert board.check_action("roll_back", ()) is None, "taking back needs every cluster that took part"
        assert board.why_disabled("roll_back") == refused
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ShiftScreen) and bool(app.screen.log_entries), "the dialog")
        assert isinstance(app.screen, ShiftScreen)
        assert f"▲ {refused} Name the others as waves: us-east" in [line[0] for line in app.screen.log_entries]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is board, "the board")

        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen), "the route")
        cockpit = front(app)
        assert isinstance(cockpit, CockpitScreen)
        assert cockpit.why_disabled("take_out") == cockpit.why_disabled("shift")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, CanaryDetailScreen), "every fact of the route")
        await pilot.pause()
        facts = app.screen.query_one("#facts", LineView)
        text = " ".join(" ".join(facts.render_line(y).text for y in range(facts.size.height)).split())
        assert "PERMISSIONS" in text
        assert "us-east Kubernetes: ✓ you may patch virtualservices in shop" in text
        assert "eu-west Kubernetes: ✗ you may not patch virtualservices in shop" in text

        route = app.screen
        assert isinstance(route, CanaryDetailScreen)
        assert "S shift" in bottom(app), "a route that is opened takes the same keys as on the board"
        assert (route.why_disabled("shift"), route.why_disabled("roll_back")) == (None, refused)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ShiftScreen) and bool(app.screen.log_entries), "the dialog")
        dialog: object = app.screen
        assert isinstance(dialog, ShiftScreen)
        assert f"▲ {refused} Name the others as waves: us-east" in [line[0] for line in dialog.log_entries]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is route, "the route again")
        await pilot.press("J")
        await until(pilot, lambda: isinstance(app.screen, JournalScreen), "the journal")


async def test_the_journal_takes_back_only_what_every_cluster_allows(world: Served) -> None:
    took_part("us-east", "eu-west")
    app = console(world, {"us-east": "admin", "eu-west": "viewer"})
    async with app.run_test(size=(120, 40)) as pilot:
        board = await told(pilot, app)
        await pilot.press("J")
        await until(pilot, lambda: isinstance(app.screen, JournalScreen), "the journal")
        journal = app.screen
        assert isinstance(journal, JournalScreen)
        await until(pilot, lambda: journal.selected is not None, "the shift")
        refused = "eu-west does not let you patch virtualservices in shop."
        await until(pilot, lambda: journal.why_disabled("roll_back") == refused, "the refusal")
        await pilot.press("R")
        await until(pilot, lambda: refused in bottom(app), "the reason")
        assert app.screen is journal
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is board, "the board")


async def test_whoever_may_shift_finds_every_lever_on(world: Served) -> None:
    took_part("us-east")
    app = console(world, {"us-east": "admin", "eu-west": "viewer"})
    async with app.run_test(size=(120, 40)) as pilot:
        board = await told(pilot, app)
        assert board.check_action("shift", ()) is True
        assert board.check_action("roll_back", ()) is True


async def test_the_policy_takes_a_lever_away_where_kubernetes_would_not(world: Served) -> None:
    tenancy = {
        "tenants": [{"name": "storefront", "workspaces": [{"name": "web", "namespaces": ["*/shop"]}]}],
        "bindings": [{"role": "reader", "subjects": ["user:admin"], "on": "tenant/storefront"}],
    }
    app = console(world, {"us-east": "admin", "eu-west": "admin"}, tenancy=tenancy)
    async with app.run_test(size=(120, 40)) as pilot:
        board = await told(pilot, app)
        why = "The access policy does not let admin shift in shop of us-east and eu-west."
        assert board.why_disabled("shift") == why
        await pilot.press("S")
        await until(pilot, lambda: bottom(app).strip() == why, "the reason")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen), "the route")
        cockpit = front(app)
        assert isinstance(cockpit, CockpitScreen)
        assert cockpit.why_disabled("take_out") == cockpit.why_disabled("shift")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, CanaryDetailScreen), "every fact of the route")
        await pilot.pause()
        facts = app.screen.query_one("#facts", LineView)
        text = " ".join(" ".join(facts.render_line(y).text for y in range(facts.size.height)).split())
        assert "us-east policy: ✗ admin may not shift namespace:us-east/shop" in text
        route = app.screen
        assert isinstance(route, CanaryDetailScreen)
        assert route.why_disabled("shift") == why
        await pilot.press("S")
        await until(pilot, lambda: bottom(app).strip() == why, "the reason in the route")
        assert app.screen is route
        assert "Kubernetes: ✓ you may patch virtualservices in shop" in text


async def test_the_explainer_shows_kubernetes_beside_the_policy(world: Served) -> None:
    tenancy = {
        "tenants": [{"name": "storefront", "workspaces": [{"name": "web", "namespaces": ["*/shop"]}]}],
        "bindings": [{"role": "writer", "subjects": ["user:viewer"], "on": "tenant/storefront"}],
    }
    app = console(world, {"us-east": "viewer"}, tenancy=tenancy)
    async with app.run_test(size=(80, 40)) as pilot:
        await until(pilot, lambda: app.picture is not None and app.picture.snapshot.settled, "the first picture")
        await pilot.press("colon", *"explain shift namespace:us-east/shop", "enter")
        await until(pilot, lambda: isinstance(app.screen, ExplainScreen), "the explainer")
        text = app.screen.query_one("#text", LineView)

        def shown() -> str:
            return " ".join(" ".join(text.render_line(y).text for y in range(text.size.height)).split())

        await until(pilot, lambda: "✗ patch virtualservices.networking.istio.io" in shown(), "what Kubernetes says")
        assert "✓ meshtop: granted by" in shown()


class Desk(ConsoleSession):
    """A session whose clusters answer when a test says so."""

    def __init__(self) -> None:
        self.asked: list[Future[Any]] = []

    def ask(self, question: Callable[[Any], Coroutine[Any, Any, Any]]) -> Future[Any] | None:
        self.asked.append(Future())
        return self.asked[-1]


class Screen(MessagePump):
    """Whoever wants to know."""

    def __init__(self) -> None:
        super().__init__()
        self.came = 0

    def post_message(self, message: Message) -> bool:
        assert isinstance(message, RightsArrived)
        self.came += 1
        return True


RULES = SubjectRules("shop")


@pytest.fixture
def snapshot() -> Snapshot:
    return worlds.world()


async def test_rights_are_asked_once_and_again_after_some_minutes(snapshot: Snapshot) -> None:
    desk, screen, now = Desk(), Screen(), [0.0]
    rights = Rights(desk, lambda: now[0])
    for _ in range(3):
        rights.want(snapshot, [("east", "shop")], screen)
    assert len(desk.asked) == 1
    assert rights.of("east", "shop") is None
    desk.asked[0].set_result({"shop": RULES})
    assert rights.of("east", "shop") is RULES
    assert screen.came == 3
    now[0] = KEPT_SECONDS - 1
    rights.want(snapshot, [("east", "shop")], screen)
    assert len(desk.asked) == 1
    now[0] = KEPT_SECONDS + 1
    rights.want(snapshot, [("east", "shop")], screen)
    assert len(desk.asked) == 2
    assert rights.of("east", "shop") is RULES, "the last answer holds until the next"


async def test_what_was_forgotten_is_asked_again_even_when_its_answer_was_under_way(snapshot: Snapshot) -> None:
    desk, screen = Desk(), Screen()
    rights = Rights(desk, lambda: 0.0)
    rights.want(snapshot, [("east", "shop")], screen)
    rights.forget()
    desk.asked[0].set_result({"shop": RULES})
    rights.want(snapshot, [("east", "shop")], screen)
    assert len(desk.asked) == 2


async def test_a_dead_cluster_is_not_asked_and_one_that_breaks_speaks_against_nothing(snapshot: Snapshot) -> None:
    desk, screen = Desk(), Screen()
    rights = Rights(desk, lambda: 0.0)
    rights.want(snapshot, [("north", "shop"), ("east", "shop"), ("west", "shop"), ("west", "tools")], screen)
    assert len(desk.asked) == 2, "one question for each cluster that answers"
    desk.asked[0].set_exception(OSError("gone"))
    desk.asked[1].set_result({"shop": RULES})
    assert rights.of("east", "shop") is None
    assert rights.of("west", "shop") is RULES
    assert rights.of("west", "tools") is None
    rights.want(snapshot, [("east", "shop"), ("west", "tools")], screen)
    assert len(desk.asked) == 2
    assert screen.came == 2


async def test_a_question_that_failed_is_asked_again_with_the_next_snapshot(snapshot: Snapshot) -> None:
    desk, screen = Desk(), Screen()
    rights = Rights(desk, lambda: 0.0)
    wanted = [("east", "shop"), ("east", "tools")]
    rights.want(snapshot, wanted, screen)
    desk.asked[0].set_result({"shop": RULES})
    rights.want(snapshot, wanted, screen)
    assert len(desk.asked) == 1, "the same picture asks nothing anew"
    later = msgspec.structs.replace(snapshot, sequence=snapshot.sequence + 1)
    rights.want(later, wanted, screen)
    assert len(desk.asked) == 2, "the review of tools failed"
    desk.asked[1].set_exception(OSError("gone"))
    assert rights.of("east", "shop") is RULES
    rights.want(later, wanted, screen)
    assert len(desk.asked) == 2
    latest = msgspec.structs.replace(snapshot, sequence=later.sequence + 1)
    rights.want(latest, [("east", "shop")], screen)
    assert len(desk.asked) == 2, "what was answered holds, whatever failed beside it"
    rights.want(latest, wanted, screen)
    desk.asked[2].set_result({"tools": RULES})
    assert rights.of("east", "tools") is RULES
    rights.want(msgspec.structs.replace(snapshot, sequence=latest.sequence + 1), wanted, screen)
    assert len(desk.asked) == 3


async def test_what_is_kept_has_a_bound_and_goes_with_its_cluster(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshtop.console.desk.rights.MOST_PLACES", 10)
    desk, screen = Desk(), Screen()
    rights = Rights(desk, lambda: 0.0)
    for number in range(30):
        rights.want(snapshot, [("east", f"made-{number}")], screen)
        desk.asked[-1].set_result({f"made-{number}": RULES})
    assert len(rights._known) == 10
    assert rights.of("east", "made-29") is RULES
    assert rights.of("east", "made-0") is None
    alone = msgspec.structs.replace(snapshot, clusters=tuple(c for c in snapshot.clusters if c.name != "east"))
    rights.want(alone, [("west", "shop")], screen)
    assert rights.of("east", "made-29") is None
