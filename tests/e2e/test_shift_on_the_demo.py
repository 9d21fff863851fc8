"""Shifts on the demo company: one that arrives, one that its guard takes back, and the command as users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshtop.actions.errors import ActionError
from meshtop.actions.events import Controls, Outcome, ShiftEvent, Sort
from meshtop.actions.fleet import Fleet, Part, open_members
from meshtop.actions.journal import Journal
from meshtop.actions.plan import ShiftPlan
from meshtop.actions.preflight import preflight
from meshtop.actions.recover import find_action, rollback
from meshtop.actions.runner import ShiftRunner
from meshtop.actions.verify import Follows
from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from meshtop.views.picture import Picture
from tests.e2e.serving import Clock, Served, served

ROUTE = "shop/reviews"


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
        parts = [Part(feed.ref, feed.prometheus, read_only=False) for feed in observatory.feeds if feed.ref is not None]
        members = open_members(parts, timeout_seconds=30.0)
        made = Fleet(members, Picture(snapshot).canaries.survey, who="maria", origin="laptop", clock=demo.clock)
        try:
            yield made
        finally:
            await made.close()
    finally:
        await observatory.close()


async def weights(made: Fleet) -> Mapping[str, list[int]]:
    """What the clusters' own objects say."""
    found = {}
    for cluster in ("us-east", "eu-west"):
        path = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"
        answer = await made.members[cluster].api.send("GET", path, what="read it")
        found[cluster] = [route["weight"] for route in json.loads(answer.content)["spec"]["http"][0]["route"]]
    return found


async def run(demo: Served, plan: ShiftPlan, made: Fleet, journal: Journal) -> list[ShiftEvent]:
    async def sleep(seconds: float) -> None:
        demo.clock.ahead += seconds

    found = await preflight(plan, made)
    runner = ShiftRunner.begin(found, made, journal, controls=Ahead(demo.clock), sleep=sleep)
    return [event async for event in runner.run()]


async def test_a_shift_of_the_demo_company_arrives_and_can_be_taken_back(tmp_path: Path) -> None:
    with served(tmp_path, "calm") as demo:
        async with fleet(demo) as made:
            journal = Journal(tmp_path / "journal.db")
            events = await run(demo, ShiftPlan(route=ROUTE, steps=({"v3": 10},), every_seconds=60.0), made, journal)
            assert events[-1].outcome is Outcome.DONE, events[-1].message
            assert await weights(made) == {"us-east": [90, 10], "eu-west": [90, 10]}
            watched = [e for e in events if e.sort is Sort.WATCHED][-1]
            assert {o.cluster: o.follows for o in watched.observed} == {
                "us-east": Follows.YES,
                "eu-west": Follows.YES,
            }
            for one in watched.observed:
                assert one.actual["v3"] == pytest.approx(0.10, abs=0.02)
            action = find_action(journal, None)
            back = [event async for event in rollback(action, made, journal)]
            assert back[-1].restored
            assert await weights(made) == {"us-east": [80, 20], "eu-west": [80, 20]}


async def test_the_guard_takes_a_bad_canary_back_by_itself(tmp_path: Path) -> None:
    with served(tmp_path, "bad-canary") as demo:
        demo.clock.ahead += 400.0
        async with fleet(demo) as made:
            journal = Journal(tmp_path / "journal.db")
            plan = ShiftPlan(route=ROUTE, steps=({"v3": 30}, {"v3": 100}), every_seconds=120.0)
            events = await run(demo, plan, made, journal)
            assert (events[-1].outcome, events[-1].restored) == (Outcome.GUARD_FAILED, True), events[-1].message
            assert max(event.step for event in events) == 1
            assert await weights(made) == {"us-east": [80, 20], "eu-west": [80, 20]}


async def test_a_route_in_no_cluster_is_said(tmp_path: Path) -> None:
    with served(tmp_path, "calm") as demo:
        async with fleet(demo) as made:
            with pytest.raises(ActionError, match="there are checkout/checkout#weighted"):
                await preflight(ShiftPlan(route="shop/nope", steps=({"v3": 10},)), made)


@pytest.mark.xdist_group("real-time")
def test_the_command_takes_a_bad_canary_back_and_says_so(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    options = ["--scenario", "bad-canary", "--begins", "-300", "--write-kubeconfig", str(kubeconfig)]
    demo = subprocess.Popen(
        [sys.executable, "-m", "meshtop.demo", *options, "--parent-pid", str(os.getpid())],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        assert json.loads(demo.stdout.readline())["ready"]
        done = meshtop(tmp_path, "shift", ROUTE, "--to", "v3=30", "--yes", "--reason", "a test")
        assert done.returncode == 1, done.stderr
        assert "v3 SetWeight 30 ActualWeight" in done.stderr
        assert "is worse than v2 in errors" in done.stderr
        assert "Everything is as before." in done.stderr
        journal: dict[str, Any] = json.loads(meshtop(tmp_path, "journal", "-o", "json").stdout)
        (action,) = journal["items"]
        assert (action["state"], action["reason"], action["unanswered"]) == ("rolled-back", "a test", [])
        board = json.loads(meshtop(tmp_path, "get", "canaries", "shop/reviews*", "-o", "json").stdout)
        assert {tuple(d["weight"] for d in row["destinations"]) for row in board["items"]} == {(80, 20)}
    finally:
        demo.terminate()
        demo.wait(30)
        assert demo.stdout is not None
        demo.stdout.close()


def meshtop(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, with its journal in the test's folder."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.run(
        [sys.executable, "-m", "meshtop", *arguments, "--kubeconfig", str(folder / "kubeconfig"), "--timeout", "20s"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
