"""Shifts on the demo company: one that arrives, one that its guard takes back, and the command as users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshtop.actions.errors import ActionError
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, SplitStatus
from meshtop.actions.fleet import Fleet, open_fleet
from meshtop.actions.journal.journal import Journal
from meshtop.actions.shift.controls import Controls
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.recover import find_action, rollback
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.analysis.canary.judging import Judging
from meshtop.demo.world.plan import Options
from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from meshtop.views.picture.picture import Picture
from tests.e2e.serving import Clock, Served, forked, served
from tests.e2e.test_shift_in_a_terminal import ROOT, SEEN
from tests.e2e.test_shift_in_a_terminal import demo as demo_process

ROUTE = "shop/reviews"
SMALL = Options(services=12)
"""The company's first services, reviews among them."""
pytestmark = pytest.mark.xdist_group("shift")


class Ahead(Controls):
    """Waiting moves the demo's clock on."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    async def wait(self, seconds: float) -> None:
        self.clock.ahead += seconds


@asynccontextmanager
async def fleet(demo: Served) -> AsyncIterator[Fleet]:
    """What the front doors build before a shift."""
    observatory = open_observatory(Settings(timeout=30.0), kubeconfig=str(demo.kubeconfig), clock=demo.clock)
    try:
        snapshot = await observatory.once()
        made = open_fleet(
            observatory.feeds,
            snapshot,
            Picture(snapshot).canaries.survey,
            judging=Judging(),
            access=None,
            timeout_seconds=30.0,
            clock=demo.clock,
        )
        try:
            yield made
        finally:
            await made.close()
    finally:
        await observatory.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A calm demo, whose kubeconfig lies in a folder that is the user's home."""
    with served(tmp_path_factory.mktemp("home"), "calm", options=SMALL) as found:
        yield found


async def weights(made: Fleet) -> Mapping[str, list[int]]:
    """What the clusters' own objects say."""
    found = {}
    for cluster in ("us-east", "eu-west"):
        path = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"
        answer = await made.members[cluster].api.send("GET", path, what="read it")
        found[cluster] = [route["weight"] for route in json.loads(answer.content)["spec"]["http"][0]["route"]]
    return found


async def run(demo: Served, plan: ShiftPlan, made: Fleet, journal: Journal) -> list[ActionEvent]:
    async def sleep(seconds: float) -> None:
        demo.clock.ahead += seconds

    found = await preflight(plan, made)
    runner = ShiftRunner.begin(found, made, journal, controls=Ahead(demo.clock), sleep=sleep)
    return [event async for event in runner.run()]


async def test_a_shift_of_the_demo_company_arrives_and_can_be_taken_back(tmp_path: Path) -> None:
    with served(tmp_path, "calm", options=SMALL) as demo:
        async with fleet(demo) as made:
            journal = Journal(tmp_path / "journal.db")
            events = await run(demo, ShiftPlan(route=ROUTE, steps=({"v3": 10},), every_seconds=60.0), made, journal)
            assert events[-1].outcome is ActionOutcome.DONE, events[-1].message
            assert await weights(made) == {"us-east": [90, 10], "eu-west": [90, 10]}
            watched = [e for e in events if e.kind is EventKind.OBSERVED][-1]
            assert {o.cluster: o.status for o in watched.observed} == {
                "us-east": SplitStatus.FOLLOWS,
                "eu-west": SplitStatus.FOLLOWS,
            }
            for one in watched.observed:
                assert one.actual["v3"] == pytest.approx(0.10, abs=0.02)
            action = find_action(journal, None)
            back = [event async for event in rollback(action, made, journal)]
            assert back[-1].restored
            assert await weights(made) == {"us-east": [80, 20], "eu-west": [80, 20]}


async def test_the_guard_takes_a_bad_canary_back_by_itself(tmp_path: Path) -> None:
    with served(tmp_path, "bad-canary", options=SMALL) as demo:
        demo.clock.ahead += 400.0
        async with fleet(demo) as made:
            journal = Journal(tmp_path / "journal.db")
            plan = ShiftPlan(route=ROUTE, steps=({"v3": 30}, {"v3": 100}), every_seconds=120.0)
            events = await run(demo, plan, made, journal)
            assert (events[-1].outcome, events[-1].restored) == (ActionOutcome.GUARD_FAILED, True), events[-1].message
            assert max(event.step for event in events) == 1
            assert await weights(made) == {"us-east": [80, 20], "eu-west": [80, 20]}


async def test_a_route_in_no_cluster_is_said(tmp_path: Path) -> None:
    with served(tmp_path, "calm", options=SMALL) as demo:
        async with fleet(demo) as made:
            with pytest.raises(ActionError, match="there are checkout/checkout#weighted"):
                await preflight(ShiftPlan(route="shop/nope", steps=({"v3": 10},)), made)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("shift", ROUTE, "--to", "v3=10", "--dry-run"), 0, "no other shift is running"),
        (("shift", ROUTE, "--to", "v3=10"), 2, "add --yes"),
        (("shift", ROUTE, "--to", "v3"), 2, "write DEST=WEIGHT"),
        (("shift", ROUTE, "--to", "v3", "--plan", "5,25", "--no-wait"), 2, "--no-wait writes one step"),
        (("shift", ROUTE, "--to", "v3=10", "--yes", "--read-only"), 4, "is read-only: drop --read-only"),
        (("rollback",), 2, "no shift"),
        (("resume", "nope"), 2, "no single action nope"),
        (("shift", ROUTE, "--to", "v3=10", "--yes", "--no-wait", "--cluster", "us-east"), 0, "Done: us-east 90/10"),
        (("rollback",), 2, "add --yes"),
        (("rollback", "--yes"), 0, "Everything is as before."),
        (("journal",), 0, ""),
    ],
)
def test_exit_codes(demo: Served, arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    done = meshtop(demo.kubeconfig.parent, *arguments)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    if "--dry-run" in arguments:
        assert "-    weight: 80" in done.stdout
    if arguments == ("journal",):
        assert "rolled-back" in done.stdout


def test_what_is_shifted_in_a_demo_is_no_part_of_the_user_s_journal(tmp_path: Path) -> None:
    command = ("demo", "--clusters", "1", "--", "shift", ROUTE, "--to", "v3=10", "--yes", "--no-wait")
    done = subprocess.run(
        [sys.executable, "-m", "meshtop", *command],
        env=surroundings(tmp_path), capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert (done.returncode, "Done: us-east 90/10" in done.stderr) == (0, True), done.stderr
    assert not (tmp_path / "state").exists()


def test_the_access_policy_refuses_before_anything_is_sent(demo: Served, tmp_path: Path) -> None:
    (tmp_path / "tenancy.yaml").write_text(
        "organization: acme\nbindings: [{role: reader, subjects: ['user:maria'], on: organization/acme}]\n"
    )
    settings = tmp_path / "meshtop.yaml"
    settings.write_text("tenancy: tenancy.yaml\naccess: {user: maria}\n")
    done = meshtop(demo.kubeconfig.parent, "shift", ROUTE, "--to", "v3=10", "--yes", "--config", str(settings))
    assert (done.returncode, "access policy" in done.stderr) == (4, True), done.stderr


def test_the_command_takes_a_bad_canary_back_and_says_so(tmp_path: Path) -> None:
    with demo_process(tmp_path, "bad-canary") as bad:
        said = []
        shift = ("shift", ROUTE, "--to", "v3=30", "--yes", "--reason", "a test", "--kubeconfig", str(bad.kubeconfig))
        with subprocess.Popen(
            [*bad.clock.command("meshtop"), *shift, "--timeout", "20s"],
            stderr=subprocess.PIPE, text=True, cwd=ROOT, env=surroundings(tmp_path),
        ) as command:  # fmt: skip
            assert command.stderr is not None
            for line in command.stderr:
                said.append(line)
                if "Waiting about" in line:
                    bad.clock.move(SEEN)
        told = "".join(said)
        assert command.returncode == 1, told
        assert "v3 SetWeight 30 ActualWeight" in told
        assert "v3 is worse than v2, certain: " in told
        assert "; worse from " in told
        assert "Everything is as before." in told
        (action,) = bad.journal(tmp_path / "state")
        assert (action["state"], action["reason"], action["unanswered"]) == ("rolled-back", "a test", [])
        assert set(map(tuple, bad.weights.values())) == {(80, 20)}


def meshtop(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, with its journal in the test's folder."""
    return forked([*arguments, "--kubeconfig", str(folder / "kubeconfig"), "--timeout", "20s"], surroundings(folder))


def surroundings(folder: Path) -> dict[str, str]:
    """An environment whose home and state are the test's."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
