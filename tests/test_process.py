from __future__ import annotations

import gc
import platform
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meshtop.process import (
    KEYS,
    QUIET_SECONDS,
    IdleCollector,
    RightOfWay,
    collect_all,
    collector_paused,
    in_turns,
    sorted_in_turns,
)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives each thread a heap of its own")
@pytest.mark.parametrize(("call", "one"), [("share_one_heap()", True), ("None", False)], ids=["told to", "by itself"])
def test_threads_allocate_from_one_heap(call: str, one: bool, tmp_path: Path) -> None:
    code = f"""
import ctypes, sys, threading
from meshtop.process import share_one_heap
{call}
kept = []
barrier = threading.Barrier(4)
def allocate():
    barrier.wait()
    kept.extend(bytes(2_000) for _ in range(100))
threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""
    told = tmp_path / "heaps.xml"
    subprocess.run([sys.executable, "-c", code, str(told)], check=True)
    assert (told.read_text().count("<heap nr=") == 1) is one


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told so")
def test_what_was_freed_between_what_stays_is_given_back() -> None:
    code = """
import os
from meshtop.process import collect_all, share_one_heap
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
share_one_heap()
kept = [bytes(2_000) for _ in range(20_000)]
kept = kept[::100]
before = resident()
collect_all()
print(before - resident())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 20_000_000


def test_the_limit_of_open_files_is_raised_as_far_as_allowed() -> None:
    code = (
        "import resource as r; from meshtop.process import raise_open_file_limit;"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; hard = 4096 if hard < 0 else min(hard, 4096);"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, hard)); raise_open_file_limit();"
        "print(r.getrlimit(r.RLIMIT_NOFILE)[0] == hard)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_collector_rests_until_the_last_one_is_done() -> None:
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


class Dead:
    """Something that only the collector can free."""

    alive = 0

    def __init__(self) -> None:
        self.me = self
        Dead.alive += 1

    def __del__(self) -> None:
        Dead.alive -= 1


def test_dead_objects_that_were_hidden_from_the_collector_are_freed() -> None:
    Dead.alive = 0
    kept = [Dead() for _ in range(10)]
    gc.freeze()
    kept.clear()
    gc.collect()
    assert Dead.alive == 10, "what is hidden is not found"
    collect_all()
    assert Dead.alive == 0


def test_nothing_is_collected_while_thousands_of_objects_are_made() -> None:
    Dead.alive = 0
    with collector_paused():
        Dead()
        assert not collect_all()
        assert Dead.alive == 1
        assert collect_all(though_busy=True), "too late to wait for it"
        assert Dead.alive == 0
        Dead()
    collect_all()
    assert Dead.alive == 0


def test_full_collections_wait_for_a_quiet_moment_and_take_a_small_share() -> None:
    class Time:
        now = 0.0
        spent = 0.0
        costs = 0.1

    done: list[float] = []

    def collect(*, though_busy: bool) -> bool:
        assert not though_busy
        done.append(Time.now)
        Time.spent += Time.costs
        # On a busy machine it takes long, and costs what it costs.
        Time.now += 10 * Time.costs
        return True

    idle = IdleCollector(lambda: Time.now, collect, lambda: Time.spent)
    idle.touched()
    assert not idle.look()
    Time.now = QUIET_SECONDS
    assert idle.look()
    Time.now += 30
    assert not idle.look(), "not so soon again"
    Time.now += 40
    idle.touched()
    assert not idle.look(), "somebody is typing"
    Time.now += QUIET_SECONDS
    Time.costs = 2.0
    assert idle.look()
    Time.now += 300
    assert not idle.look(), "a long one is a rare one"
    Time.now += 101
    assert idle.look()
    assert len(done) == 3


def test_somebody_who_types_without_a_pause_does_not_keep_all_closed_screens() -> None:
    now, possible, done = [100.0], [False], []

    def collect(*, though_busy: bool) -> bool:
        done.append(now[0])
        return possible[0] or though_busy

    idle = IdleCollector(lambda: now[0], collect, lambda: 0.0)
    while now[0] < 119.0:
        idle.touched()
        now[0] += 1.0
        assert not idle.look(), "a second is no pause yet"
    now[0] = 116.0
    idle.touched()
    now[0] += QUIET_SECONDS
    assert not idle.look(), "a picture is being made"
    assert done == [119.0]
    now[0] = 121.0
    idle.touched()
    now[0] += 0.4
    assert not idle.look()
    now[0] += 0.1
    assert idle.look(), "on a busy machine there is always one in the making"
    possible[0] = True
    idle.touched()
    now[0] += 60 + 119
    idle.touched()
    assert not idle.look()
    now[0] += 1
    idle.touched()
    assert idle.look(), "after two minutes it waits for nobody"


def test_no_garbage_is_looked_for_among_what_is_imported() -> None:
    """Tens of thousands of objects, all of them of use: looking through them takes a twentieth of a short command."""
    code = (
        "import gc; from meshtop.process import prepare_process; prepare_process()\n"
        "before = sum(generation['collections'] for generation in gc.get_stats())\n"
        "import meshtop.cli.main, meshtop.cli.get, meshtop.observatory.build, meshtop.views.kinds.clusters\n"
        "assert sum(generation['collections'] for generation in gc.get_stats()) == before\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_computing_stands_aside_until_the_loop_is_done() -> None:
    way, done = RightOfWay(most_seconds=60.0), threading.Event()
    way.take()

    def compute() -> None:
        way.give_way()
        done.set()

    thread = threading.Thread(target=compute)
    thread.start()
    assert not done.wait(0.01), "the loop has something to do"
    way.leave()
    assert done.wait(30)
    thread.join()
    way.give_way()


def test_a_loop_that_never_rests_stops_nobody() -> None:
    moments = iter([10.0, 10.04, 10.05, 10.061, 10.062])
    asked: list[float] = []

    def clock() -> float:
        asked.append(next(moments))
        return asked[-1]

    way = RightOfWay(most_seconds=0.0, clock=clock)
    taker = threading.Thread(target=way.take)
    taker.start()
    taker.join()
    way.give_way()
    assert asked == [10.0, 10.04], "it waits, and measures how long"
    way.give_way()
    assert asked[2:] == [10.05], "until 10.06 it goes on without waiting again"
    way.give_way()
    assert asked[3:] == [10.061, 10.062]


def test_the_loop_does_not_wait_for_itself() -> None:
    """Of a small fleet a screen makes its rows on the loop's own thread."""

    def clock() -> float:
        raise AssertionError("it looks at the clock, and so it waits")

    way = RightOfWay(clock=clock)
    way.take()
    way.give_way()


class _Counted:
    """In place of the event that says whether the way is free: how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return True


def test_long_loops_and_sorts_ask_whether_to_stand_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KEYS, "_free", free := _Counted())
    assert list(in_turns(range(2_000))) == list(range(2_000))
    assert free.asked == 20
    free.asked = 0
    assert sorted_in_turns(range(5_000), lambda number: -number)[:2] == [4_999, 4_998]
    assert free.asked > 50


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", [0, 1, 999, 1_000, 1_001, 4_321])
def test_a_sort_in_turns_is_a_sort(size: int, reverse: bool) -> None:
    """Equal things keep their order, whichever piece they were in."""
    things = [(number * 7919 % 37, number) for number in range(size)]
    by_first = sorted_in_turns(iter(things), lambda thing: thing[0], reverse=reverse)
    assert by_first == sorted(things, key=lambda thing: thing[0], reverse=reverse)


def test_no_step_of_a_sort_in_turns_compares_everything_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = [0]

    class Place:
        def __init__(self, number: int) -> None:
            self.number = number

        def __lt__(self, other: Place) -> bool:
            compared[-1] += 1
            return self.number < other.number

    class Steps:
        def is_set(self) -> bool:
            compared.append(0)
            return True

    monkeypatch.setattr(KEYS, "_free", Steps())
    numbers = [number * 7919 % 20_011 for number in range(20_000)]
    assert sorted_in_turns(numbers, Place) == sorted(numbers)
    assert max(compared) <= 2 * len(numbers), "the last step goes through two halves that are in order"


def test_a_console_that_nobody_touched_is_looked_through_rarely() -> None:
    class Time:
        now = QUIET_SECONDS

    idle = IdleCollector(lambda: Time.now, lambda *, though_busy: not though_busy)
    Time.now *= 2
    assert idle.look()
    Time.now += 290
    assert not idle.look(), "nothing was closed since"
    Time.now += 11
    assert idle.look()
    Time.now += 61
    idle.touched()
    Time.now += QUIET_SECONDS
    assert idle.look(), "a screen may have been closed"
    Time.now += 250
    idle.touched()
    Time.now += QUIET_SECONDS / 2
    assert not idle.look(), "nobody waited for it while nobody was there, so it waits for a quiet moment"
