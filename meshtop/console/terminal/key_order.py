"""Keys keep their order, however fast they come: the next one waits until all that the one before brings up is there.

Textual forwards a key to what has the keyboard when it arrives, and acts on it when it has bubbled up: of keys in one
read, all go to the first one's widget. So keys are held back while one is under way. What follows it is a baton, a
callback that goes through the queues of the same widgets up to the app: each queue keeps its order, so that where the
baton is, the key and its messages have been.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from weakref import ref

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.widgets import Input

ROUNDS = 5
"""A key, the message it makes (such as a line that is entered), and what that makes (such as a focus that moves)."""
HANDLED = 2
"""Of these so many: then what the key changes is known, and can be painted."""
PATIENCE_SECONDS = 1.0
"""Whoever works on a key for longer does not hold up the next one."""
NEVER_HELD = frozenset({"ctrl+c", "ctrl+z", "ctrl+l"})
InputDispatch = Callable[[events.Event], Awaitable[None]]


class _Baton(NamedTuple):
    """What follows a key, for the last `rounds` times, along a path; `done` is called at its end."""

    number: int
    path: tuple[DOMNode, ...]
    rounds: int
    done: Callable[[], object]


class KeyOrder:
    """Holds keys back while one is under way; `dispatch` is what Textual does with one."""

    def __init__(self, app: App[Any], dispatch: InputDispatch) -> None:
        self._mesh_app = app
        self._dispatch = dispatch
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._under_way = 0
        """The number of the key that is under way; 0 if none is."""
        self._count = 0
        self._handled: asyncio.Future[None] | None = None
        """Done when the key under way, and the messages that it made, were handled."""
        self._last_line: ref[Input] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    @property
    def unhandled(self) -> asyncio.Future[None] | None:
        """Done when the key under way and the messages that it made were handled; None if they were."""
        return None if self._handled is None or self._handled.done() else self._handled

    async def take(self, event: events.Key | events.Paste) -> None:
        """Dispatch a key or a paste at once, or after those before it."""
        if isinstance(event, events.Key) and event.key in NEVER_HELD:
            await self._dispatch(event)
        elif self._under_way and (self._waiting or not self._is_typing(event)):
            self._waiting.append(event)
        elif self._under_way:
            await self._dispatch(event)
        else:
            await self._begin(event)

    def _is_typing(self, event: events.Key | events.Paste) -> bool:
        """Whether a letter follows a letter in the same line, whose queue keeps them in order anyway."""
        line = self._mesh_app.focused
        follows = self._last_line is not None and self._last_line() is line and isinstance(line, Input)
        return follows and isinstance(event, events.Key) and event.is_printable

    async def _begin(self, event: events.Key | events.Paste) -> None:
        self._count += 1
        number = self._under_way = self._count
        self._handled = asyncio.get_running_loop().create_future()
        target = self._target()
        typed = isinstance(event, events.Key) and event.is_printable
        self._last_line = ref(target) if typed and isinstance(target, Input) else None
        # Whoever waits for a key inside of a key's action must get it.
        timer = (
            self._mesh_app.set_timer(PATIENCE_SECONDS, lambda: self._finish(number))
            if self._mesh_app.is_running
            else None
        )
        await self._dispatch(event)
        self._follow(number, target, ROUNDS, timer.stop if timer is not None else lambda: None)

    def _target(self) -> DOMNode:
        return self._mesh_app.focused or (self._mesh_app.screen if self._mesh_app.screen_stack else self._mesh_app)

    def _follow(self, number: int, target: DOMNode, rounds: int, done: Callable[[], object]) -> None:
        """Send the baton from a widget up to the app, and then from what has the keyboard by then."""
        self._mesh_app.call_later(self._go, _Baton(number, tuple(target.ancestors_with_self), rounds, done), 0)

    async def _go(self, baton: _Baton, step: int) -> None:
        while step < len(baton.path):
            if baton.path[step].call_later(self._go, baton, step + 1):
                return
            step += 1
        if baton.rounds == ROUNDS - HANDLED + 1:
            self._is_handled(baton.number)
        if baton.rounds > 1 and self._under_way == baton.number:
            self._follow(baton.number, self._target(), baton.rounds - 1, baton.done)
        else:
            baton.done()
            await self._finish(baton.number)

    def _is_handled(self, number: int) -> None:
        if self._under_way == number and self._handled is not None and not self._handled.done():
            self._handled.set_result(None)

    async def _finish(self, number: int) -> None:
        if self._under_way != number:
            return
        self._is_handled(number)
        self._under_way = 0
        if self._waiting:
            await self._begin(self._waiting.popleft())
        while self._waiting and self._is_typing(self._waiting[0]):
            await self._dispatch(self._waiting.popleft())
