"""Who computes stands aside while the console's loop has something to do, and at no other time."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from textual import events
from textual.drivers.linux_driver import LinuxDriver

from meshtop.console.terminal import thin_driver
from meshtop.console.terminal.keys_first import LOOK_SECONDS, KeysFirstSelector, run_keys_first
from meshtop.process import KEYS, RightOfWay


class Watched(RightOfWay):
    """Notes what the loop says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def take(self) -> None:
        """Only noted."""
        self.said.append("take")

    def leave(self) -> None:
        """Only noted."""
        self.said.append("leave")


def run_on(way: RightOfWay, *steps: float) -> None:
    """A loop that sleeps for so many seconds one after the other."""

    async def main() -> None:
        for seconds in steps:
            await asyncio.sleep(seconds)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(KeysFirstSelector(way))) as runner:
        runner.run(main())


def test_the_way_is_left_only_while_the_loop_waits() -> None:
    way = Watched()
    run_on(way, 0.0, 0.0, 0.0)
    busy = way.said.count("take")
    way.said.clear()
    run_on(way, 0.001, 0.001, 0.001)
    assert way.said.count("take") == busy + 3, "steps without a wait are one stretch"
    assert way.said[-1] == "leave", "a loop that has ended stands in nobody's way"


def test_a_thread_goes_on_while_the_loop_waits_for_it() -> None:
    """Were the way not left, it would wait for a loop that waits for it."""
    way = RightOfWay(most_seconds=60.0)

    async def main() -> None:
        await asyncio.to_thread(way.give_way)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(KeysFirstSelector(way))) as runner:
        runner.run(asyncio.wait_for(main(), 30))


def test_the_console_s_loop_leaves_the_way_when_it_ends() -> None:
    async def main() -> int:
        await asyncio.sleep(0.001)
        return 7

    assert run_keys_first(main()) == 7
    gone_on = threading.Event()

    def go_on() -> None:
        KEYS.give_way()
        gone_on.set()

    threading.Thread(target=go_on, daemon=True).start()
    assert gone_on.wait(30)


def test_a_loop_that_has_more_to_do_looks_rarely_for_what_came() -> None:
    class Time:
        now = 10.0

    ours, theirs = socket.socketpair()
    selector = KeysFirstSelector(RightOfWay(), lambda: Time.now)
    try:
        selector.register(ours, 1)
        theirs.send(b"x")
        assert selector.select(0), "nobody has looked yet"
        assert not selector.select(0)
        Time.now += LOOK_SECONDS
        assert selector.select(0)
        assert not selector.select(0)
        assert selector.select(None), "who waits looks at once"
    finally:
        selector.close()
        ours.close()
        theirs.close()


def test_who_computes_stands_aside_as_soon_as_a_key_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop, which has to wake up first, would find them at work."""
    asked: list[float] = []

    def clock() -> float:
        asked.append(0.0)
        return float(len(asked))

    way, handed = RightOfWay(0.0, clock), list[events.Key]()
    monkeypatch.setattr(thin_driver, "KEYS", way)
    monkeypatch.setattr(LinuxDriver, "process_message", lambda _, message: handed.append(message))
    way.give_way()
    assert not asked, "nobody is in the way"
    key = events.Key("j", "j")
    thin_driver.ThinDriver.process_message(object.__new__(thin_driver.ThinDriver), key)
    assert handed == [key]
    way.give_way()
    assert asked, "it has waited"
    asked.clear()
    way.leave()
    way.give_way()
    assert not asked
