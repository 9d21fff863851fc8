"""What lives on when one of its handlers raises: Textual ends the widget, and with it the app.

Beside `terminal/textual_hooks.py` this is the only file that names a private part of Textual's, because screens and
widgets inherit from it; the part is among those that the tests look for.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from textual.message import Message
from textual.message_pump import MessagePump


@runtime_checkable
class Survivor(Protocol):
    """An app that may go on after a defect."""

    def survives(self, error: Exception) -> bool:
        """Whether the app goes on, having logged and shown the defect."""


def survived(pump: MessagePump, error: Exception) -> bool:
    """Whether the app of a widget or screen goes on after a defect in it, which is logged and shown then."""
    app = pump.app
    return isinstance(app, Survivor) and app.survives(error)


class Guarded(MessagePump):
    """A screen, a widget or an app whose handlers may raise without ending it, where its app wants that."""

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if not survived(self, error):
                raise
