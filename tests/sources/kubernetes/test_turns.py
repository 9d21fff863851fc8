"""Many clusters take turns at their first reading; dead and slow ones keep nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from meshtop.model.state import State
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.turns import Turns
from tests.sources.kubernetes.api import PODS, Api, object_named
from tests.sources.kubernetes.conftest import QUICK, following, names, ref_to, until, write_kubeconfig

LONG = 1000.0


async def test_no_more_than_a_few_hold_a_turn() -> None:
    turns, inside, most = Turns(at_once=2, longest_seconds=LONG), 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with turns.take():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(7)))
    assert (most, inside) == (2, 0)


async def test_a_turn_is_given_on_once_when_it_lasts_too_long() -> None:
    turns, done = Turns(at_once=1, longest_seconds=0.0), asyncio.Event()

    async def hold() -> None:
        async with turns.take():
            await done.wait()

    holding = asyncio.create_task(hold())
    async with asyncio.timeout(30), turns.take():
        done.set()
        await holding
    assert turns._free._value == 1, "what was given on is not given a second time"


async def test_following_begins_when_it_is_ones_turn(api: Api, connection: Connection) -> None:
    api.objects[PODS] = [object_named("a")]
    turns = Turns(at_once=1, longest_seconds=LONG)
    source = KubernetesSource(connection, pace=QUICK, turns=turns)
    async with contextlib.AsyncExitStack() as held:
        await held.enter_async_context(turns.take())
        async with following(source):
            await until(lambda: source.waited_seconds > 0.0)
            assert api.asked_for("/version")
            assert not api.asked_for(PODS)
            await held.aclose()
            await until(lambda: names(source, "pods") == ["a"])


async def test_one_reading_waits_for_its_turn(api: Api, connection: Connection) -> None:
    api.objects[PODS] = [object_named("a")]
    turns = Turns(at_once=1, longest_seconds=LONG)
    source = KubernetesSource(connection, pace=QUICK, turns=turns)
    async with turns.take():
        reading = asyncio.create_task(source.list_all())
        await until(lambda: source.waited_seconds > 0.0)
        assert not api.asked_for(PODS)
    await reading
    assert names(source, "pods") == ["a"]
    waited = source.waited_seconds
    assert waited > 0.0
    await asyncio.sleep(0)
    assert source.waited_seconds == waited


async def test_the_dead_take_no_turn_and_say_so(tmp_path: Path) -> None:
    turns = Turns(at_once=1, longest_seconds=LONG)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        ref = ref_to(write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        await _cannot_be_read(ref, turns)


async def _cannot_be_read(ref: ClusterRef, turns: Turns) -> None:
    async with turns.take():
        for read in ("once", "follow"):
            connection = Connection(ref)
            source = KubernetesSource(connection, pace=QUICK, turns=turns)
            if read == "once":
                await source.list_all()
            else:
                async with following(source):
                    await source.services_known.wait()
            assert source.status.state is State.UNREACHABLE
            assert source.services_known.is_set()
            assert source.waited_seconds == 0.0
            await connection.close()
