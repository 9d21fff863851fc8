"""A running shift as lines on stderr, in the words of Argo Rollouts, and the keys that steer it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from meshtop.cli.exits import Exit, say

if TYPE_CHECKING:
    from meshtop.actions.events import Controls, Outcome, ShiftEvent
    from meshtop.actions.verify import Observed

KEYS = "p pause, s skip, h hold, a abort (take everything back)"


def line_of(event: ShiftEvent) -> str:
    """One event as one line."""
    from meshtop.actions.events import Sort

    place = f"Step {event.step}/{event.steps}" + (f", wave {event.wave}/{event.waves}" if event.waves > 1 else "")
    if event.sort is Sort.STEP:
        return f"{place}: {event.message}"
    if event.sort is Sort.WATCHED:
        left = "" if not event.seconds_left else f", {event.seconds_left:.0f} s left"
        splits = "; ".join(_split(one) for one in event.observed)
        return f"  {splits}; guard: {_guard(event)}{left}"
    if event.sort in (Sort.SET, Sort.CONFIRMED, Sort.RESTORED, Sort.LEFT, Sort.PAUSED, Sort.GOES_ON, Sort.NOTE):
        return f"  {event.message}"
    return event.message


def _split(one: Observed) -> str:
    weights = " ".join(
        f"{name} SetWeight {weight} ActualWeight {one.actual[name] * 100:.1f}"
        if name in one.actual
        else f"{name} SetWeight {weight} ActualWeight -"
        for name, weight in one.set.items()
    )
    return f"{one.cluster}: {weights} ({one.follows.value}, {one.requests or 0:.0f} requests)"


def _guard(event: ShiftEvent) -> str:
    verdict = event.verdict
    if verdict is None:
        return "off"
    shown = "" if verdict.e_value is None else f", E {verdict.e_value:.3g}"
    to_go = f", about {verdict.requests_to_go} requests to go" if verdict.requests_to_go else ""
    return f"{verdict.verdict.value}{shown}{to_go}"


def exit_of(outcome: Outcome | None) -> Exit:
    """The exit code of an end."""
    from meshtop.actions.events import Outcome

    codes = {
        Outcome.DONE: Exit.FINE,
        Outcome.ROLLED_BACK: Exit.FINE,
        Outcome.CONFLICT: Exit.CONFLICT,
        Outcome.LOST: Exit.UNREACHABLE,
        Outcome.REFUSED: Exit.REFUSED,
        Outcome.ABORTED: Exit.INTERRUPTED,
    }
    return codes.get(outcome, Exit.BAD) if outcome is not None else Exit.BAD


async def follow(events: AsyncIterator[ShiftEvent], controls: Controls) -> int:
    """Show a shift to its end; the exit code. ctrl-c takes everything back, a lost terminal holds."""
    outcome: Outcome | None = None
    with _steering(controls):
        async for event in events:
            say(line_of(event))
            outcome = event.outcome or outcome
    return exit_of(outcome)


@contextlib.contextmanager
def _steering(controls: Controls) -> Iterator[None]:
    """Signals and keys become wishes; a terminal is given back as it was."""
    loop = asyncio.get_running_loop()
    wishes = {signal.SIGINT: controls.abort, signal.SIGTERM: controls.hold, signal.SIGHUP: controls.hold}
    for number, wish in wishes.items():
        loop.add_signal_handler(number, wish)
    try:
        with _keys(controls, loop):
            yield
    finally:
        for number in wishes:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _keys(controls: Controls, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def pressed() -> None:
        key = os.read(descriptor, 1).decode(errors="replace").lower()
        if key == "p":
            (controls.go_on if controls.paused else controls.pause)()
        elif key == "s":
            controls.skip()
        elif key == "h":
            controls.hold()
        elif key == "a":
            controls.abort()

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, pressed)
    say(f"Keys: {KEYS}.")
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
