"""The base class of errors that are reported to the user: a message, a remedy, and an exit code."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the process (INTERFACE.md, "Exit codes").

    `DEFECT` means a bug in meshtop; no other result uses this code.
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
    """An operation failed for a reason that can be explained to the user.

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
        """The message, followed by the remedy if there is one."""
        return f"{self.message} {self.remedy}".rstrip()
