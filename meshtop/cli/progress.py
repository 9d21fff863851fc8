"""A running action as lines on stderr (a shift in Argo Rollouts' terms), and the keys that control it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from meshtop.cli.exits import say
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.actions.events import ActionEvent, ActionOutcome
    from meshtop.actions.shift.controls import Controls

KEYS = "p pause/resume, s skip, h hold, a abort (roll back all)"


def exit_of(outcome: ActionOutcome | None) -> Exit:
    """The exit code of an outcome (INTERFACE.md, "Exit codes"); None: the action ended without one."""
    from meshtop.actions.events import ActionOutcome

    codes = {
        ActionOutcome.DONE: Exit.FINE,
        ActionOutcome.ROLLED_BACK: Exit.FINE,
        ActionOutcome.CONFLICT: Exit.CONFLICT,
        ActionOutcome.LOST: Exit.UNREACHABLE,
        ActionOutcome.REFUSED: Exit.REFUSED,
        ActionOutcome.ABORTED: Exit.INTERRUPTED,
    }
    return codes.get(outcome, Exit.BAD) if outcome is not None else Exit.BAD


async def follow_shift(events: AsyncIterator[ActionEvent], controls: Controls) -> int:
    """Show a shift to its end and return the exit code. ctrl-c rolls everything back, a lost terminal holds."""
    from meshtop.actions.shift.narration import line_of

    with _steering(controls):
        return await _show(events, line_of)


async def follow_copies(events: AsyncIterator[ActionEvent], controls: Controls) -> int:
    """Show a propagation, or its undoing, to its end; the exit code. ctrl-c takes back, a lost terminal holds.

    Raises the ActionError that ended it early.
    """
    with _signals(controls):
        return await _show(events, lambda event: event.message)


async def _show(events: AsyncIterator[ActionEvent], line: Callable[[ActionEvent], str]) -> int:
    last: ActionEvent | None = None
    async for event in events:
        say(line(event))
        last = event
    if last is not None and last.error is not None:
        raise last.error
    return exit_of(last.outcome if last is not None else None)


@contextlib.contextmanager
def _steering(controls: Controls) -> Iterator[None]:
    """Turn signals and keys into requests; the terminal's modes are restored at the end."""
    with _signals(controls), _keys(controls, asyncio.get_running_loop()):
        yield


@contextlib.contextmanager
def _signals(controls: Controls) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    requests = {signal.SIGINT: controls.abort, signal.SIGTERM: controls.hold, signal.SIGHUP: controls.hold}
    for number, request in requests.items():
        loop.add_signal_handler(number, request)
    try:
        yield
    finally:
        for number in requests:
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
        try:
            key = os.read(descriptor, 1).decode(errors="replace").lower()
        except OSError:
            key = ""
        if not key:
            # The terminal is gone. SIGHUP says so only where it controls the process, as it does not under nohup or in
            # some containers, and the reader would be called in circles.
            loop.remove_reader(descriptor)
            controls.hold()
        elif key == "p":
            (controls.resume if controls.paused else controls.pause)()
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
        with contextlib.suppress(termios.error):  # a terminal that is gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
