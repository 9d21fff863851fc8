"""The one family of errors that end something for the user: a sentence, what to do, and the exit code it means."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process ends with (INTERFACE.md, "Exit codes").

    `DEFECT` is meshtop's own fault, told apart from every answer.
    """

    FINE = 0
    BAD = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    CONFLICT = 5
    DEFECT = 70
    INTERRUPTED = 130


class MeshtopError(Exception):
    """Something that cannot go on, for a reason that a user can understand.

    `message` is one sentence that says what happened and where (the file, cluster or field); `remedy` is one sentence
    that says what to do about it, or empty; `exit_code` is what a command ends with when nothing catches it.
    """

    exit_code: Exit = Exit.USAGE

    def __init__(self, message: str, *, remedy: str = "", exit_code: Exit | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if exit_code is not None:
            self.exit_code = exit_code

    @property
    def sentences(self) -> str:
        """The message and, behind it, the remedy."""
        return f"{self.message} {self.remedy}".rstrip()
