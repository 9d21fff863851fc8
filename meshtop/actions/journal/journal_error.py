"""What is wrong with the journal as a whole, and with single rows of it."""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.errors import MeshtopError


class JournalError(MeshtopError):
    """The journal cannot be read or written, in one sentence; nothing may be sent without it."""


class DamagedRow(Struct, frozen=True):
    """Something of the journal that cannot be read: which, and why.

    `action` is the action's id where that can be read, and `created` when it was begun (Unix seconds).
    """

    where: str
    why: str
    action: str = ""
    created: float | None = None

    @property
    def sentence(self) -> str:
        """Both in one sentence."""
        return f"{self.where[:1].upper()}{self.where[1:]} cannot be read: {self.why}."
