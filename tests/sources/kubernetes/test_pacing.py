"""Common ticks, and turns at the first reading: dead and slow clusters keep nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.model.state import State
from meshtop.sources.auth.kubeconfig import ClusterRef
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.pacing import ListingQueue, seconds_to_next_tick, wait_at_most
from tests.patience import PATIENCE_SECONDS
from tests.sources.api import PODS, Api, object_named
from tests.sources.conftest import QUICK, following, names, ref_to, until, write_kubeconfig

LONG = 1000.0


async def test_no_more_than_a_few_hold_a_turn() -> None:
    turns, inside, most = ListingQueue(parallel=2, longest_seconds=LONG), 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with turns.turn():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(7)))
    assert (most, inside) == (2, 0)


async def test_a_turn_is_given_on_once_when_it_lasts_too_long() -> None:
    turns, done = ListingQueue(parallel=1, longest_seconds=0.0), asyncio.Event()

    async def hold() -> None:
        async with turns.turn():
            await done.wait()

    holding = asyncio.create_task(hold())
    async with asyncio.timeout(PATIENCE_SECONDS), turns.turn():
        done.set()
        await holding
    assert turns._free._value == 1, "what was given on is not given a second time"


async def test_following_begins_when_it_is_ones_turn(api: Api, connection: Connection) -> None:
    api.objects[PODS] = [object_named("a")]
    turns = ListingQueue(parallel=1, longest_seconds=LONG)
    source = KubernetesSource(connection, pace=QUICK, queue=turns)
    async with contextlib.AsyncExitStack() as held:
        await held.enter_async_context(turns.turn())
        async with following(source):
            await until(lambda: source.waited_seconds > 0.0)
            assert api.asked_for("/version")
            assert not api.asked_for(PODS)
            await held.aclose()
            await until(lambda: names(source, "pods") == ["a"])


async def test_it_is_quiet_while_nobody_has_a_turn_or_waits_for_one() -> None:
    turns = ListingQueue(parallel=1, longest_seconds=LONG)
    assert turns.quiet.is_set()
    async with turns.turn():
        waiting = asyncio.create_task(turns.turn().__aenter__())
        await asyncio.sleep(0)
        assert not turns.quiet.is_set()
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        assert not turns.quiet.is_set()
    assert turns.quiet.is_set()


async def test_watches_begin_when_no_cluster_waits_for_its_first_lists(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.objects[PODS] = [object_named("a")]
    monkeypatch.setattr("random.uniform", lambda least, _most: least)
    turns = ListingQueue(parallel=2, longest_seconds=LONG)
    source = KubernetesSource(connection, pace=structs.replace(QUICK, refresh=LONG), queue=turns)
    async with contextlib.AsyncExitStack() as held:
        await held.enter_async_context(turns.turn())
        async with following(source):
            await until(lambda: source.settled)
            assert not any("watch" in query for _, _, query, _ in api.asked)
            event = {"type": "ADDED", "object": object_named("b", version="200")}
            await held.aclose()
            await until(lambda: api.watches.get(PODS))
            await asyncio.to_thread(api.send, PODS, event)
            await until(lambda: names(source, "pods") == ["a", "b"])


async def test_watches_do_not_wait_for_a_slow_cluster_until_what_was_listed_is_old(
    api: Api, connection: Connection
) -> None:
    turns = ListingQueue(parallel=2, longest_seconds=LONG)
    source = KubernetesSource(connection, pace=QUICK, queue=turns)
    async with turns.turn(), following(source):
        await until(lambda: api.watches.get(PODS))
        assert not turns.quiet.is_set()


async def test_one_reading_waits_for_its_turn(api: Api, connection: Connection) -> None:
    api.objects[PODS] = [object_named("a")]
    turns = ListingQueue(parallel=1, longest_seconds=LONG)
    source = KubernetesSource(connection, pace=QUICK, queue=turns)
    async with turns.turn():
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
    turns = ListingQueue(parallel=1, longest_seconds=LONG)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        ref = ref_to(write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{deaf.getsockname()[1]}"))
        await _cannot_be_read(ref, turns)


async def _cannot_be_read(ref: ClusterRef, turns: ListingQueue) -> None:
    async with turns.turn():
        for read in ("once", "follow"):
            connection = Connection(ref)
            source = KubernetesSource(connection, pace=QUICK, queue=turns)
            if read == "once":
                await source.list_all()
            else:
                async with following(source):
                    await source.services_known.wait()
            assert source.status.state is State.UNREACHABLE
            assert source.services_known.is_set()
            assert source.waited_seconds == 0.0
            await connection.close()


@pytest.mark.parametrize(
    ("now", "period", "least", "seconds"),
    [
        (0.0, 5.0, 0.0, 5.0),
        (3.0, 5.0, 0.0, 2.0),
        (3.0, 5.0, 2.5, 7.0),
        (5.0, 5.0, 2.5, 5.0),
        (5.4, 5.0, 2.5, 4.6),
        (7.0, 0.0, 1.0, 1.0),
    ],
)
def test_the_next_tick(now: float, period: float, least: float, seconds: float) -> None:
    assert seconds_to_next_tick(now, period, least=least) == pytest.approx(seconds)


@given(st.floats(0, 1e6), st.floats(0.05, 3600), st.floats(0, 7200))
def test_a_tick_is_far_enough_away_and_not_further_than_it_must_be(now: float, period: float, least: float) -> None:
    seconds = seconds_to_next_tick(now, period, least=least)
    assert least <= seconds <= least + period + 1e-6
    tick = (now + seconds) / period
    assert tick == pytest.approx(round(tick), abs=1e-6) or seconds == least


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_comes_with_the_event_is_not_lost(turns: int) -> None:
    """`asyncio.wait_for` loses it before Python 3.12: a reader that was told to end then waits for ever."""
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_at_most(60.0, event))
    await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    taken = waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled() is taken


async def test_a_wait_ends_with_the_event_or_with_its_time() -> None:
    event = asyncio.Event()
    await wait_at_most(0.0, event)
    await wait_at_most(-1.0, event)
    event.set()
    await wait_at_most(3600.0, event)
