"""A cluster that stops answering: the others stay fresh, and what is said of it is that it does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from meshtop.demo.world.plan import Options
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import State
from meshtop.observatory.build import open_observatory
from meshtop.settings.schema import Settings
from tests.e2e.serving import LIMIT, meshtop, served

pytestmark = pytest.mark.xdist_group("e2e-dead")

DEAD = "eu-west"
SMALL = Options(clusters=3, services=10)
SETTINGS = {"refresh": "1s", "timeout": "2s"}


def engines(snapshot: Snapshot) -> dict[str, State]:
    return {one.name: one.prometheus.state for one in snapshot.clusters}


async def test_the_others_stay_fresh(tmp_path: Path) -> None:
    with served(tmp_path, options=SMALL) as world:
        observatory = open_observatory(Settings.model_validate(SETTINGS), kubeconfig=str(world.kubeconfig))
        snapshots = observatory.follow()

        async def seen(condition: object) -> Snapshot:
            assert callable(condition)
            async with asyncio.timeout(LIMIT):
                async for snapshot in snapshots:
                    if condition(snapshot):
                        return snapshot
            raise AssertionError("no more snapshots")

        try:
            before = await seen(lambda s: s.settled and set(engines(s).values()) == {State.FRESH})
            world.kill(DEAD)
            down = await seen(lambda s: engines(s)[DEAD] is not State.FRESH)
            others = [one for one in down.clusters if one.name != DEAD]
            assert {one.name for one in others} == {"us-east", "on-prem"}
            later = await seen(
                lambda s: (
                    all(
                        (one.prometheus.answered_at or 0) > down.at and one.kubernetes.state is State.FRESH
                        for one in s.clusters
                        if one.name != DEAD
                    )
                    # What it answered of a refresh in which it died is a part first.
                    and engines(s)[DEAD] is not State.PARTIAL
                )
            )
            dead = next(one for one in later.clusters if one.name == DEAD)
            assert dead.prometheus.state in (State.STALE, State.UNREACHABLE)
            assert dead.prometheus.error
            assert dead.inventory is not None, "the last good answer is kept"
            assert before.sequence < down.sequence < later.sequence
        finally:
            with contextlib.suppress(RuntimeError):
                await snapshots.aclose()
            await observatory.close()


def test_the_command_says_which_one_is_missing(tmp_path: Path) -> None:
    with served(tmp_path, options=SMALL) as world:
        world.kill(DEAD)
        done = meshtop(
            "get", "clusters", "--kubeconfig", str(world.kubeconfig), "--context", "us-east", "--context", DEAD,
            "--context", "on-prem", "--timeout", "6s", "-o", "json",
        )  # fmt: skip
        assert done.returncode == 0
        document = json.loads(done.stdout)
        states = {one["cluster"]: one["kubernetes"]["state"] for one in document["sources"]}
        assert states.pop(DEAD) == "unreachable"
        assert set(states) == {"us-east", "on-prem"}
        assert set(states.values()) <= {"fresh", "partial"}
        assert all(item["pods"]["total"] > 0 for item in document["items"] if item["name"] != DEAD)
        unknown = next(item for item in document["items"] if item["name"] == DEAD)
        assert (unknown["kubernetesVersion"], unknown["nodes"], unknown["pods"], unknown["services"]) == (None,) * 4
        assert DEAD in done.stderr
        only = meshtop("get", "clusters", "--kubeconfig", str(world.kubeconfig), "--context", DEAD, "--timeout", "1s")
        assert only.returncode == 3
