"""The errors that end an action early: one sentence, the kind of error, and with it the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from meshtop.model.errors import Exit, MeshtopError


class ErrorKind(StrEnum):
    """Why an action ended: wrong usage, not allowed, others changed it, no login, no answer, or rejected by it.

    Without a login nothing was sent; without an answer that is not known.
    """

    USAGE = "usage"
    REFUSED = "refused"
    CONFLICT = "conflict"
    LOGIN = "login"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"

    @property
    def unanswered(self) -> bool:
        """Whether the cluster said nothing, so that what was to be done is still to be done."""
        return self in (ErrorKind.LOGIN, ErrorKind.UNREACHABLE)


_EXIT = {
    ErrorKind.USAGE: Exit.USAGE,
    ErrorKind.REFUSED: Exit.REFUSED,
    ErrorKind.CONFLICT: Exit.CONFLICT,
    ErrorKind.LOGIN: Exit.UNREACHABLE,
    ErrorKind.UNREACHABLE: Exit.UNREACHABLE,
    ErrorKind.REJECTED: Exit.BAD,
}


class ActionError(MeshtopError):
    """An action that cannot go on: what happened, of which kind, in which cluster (empty: in none), and what to do."""

    def __init__(self, kind: ErrorKind, message: str, *, cluster: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy, exit_code=_EXIT[kind])
        self.kind = kind
        self.cluster = cluster


def worst_error(errors: Iterable[ActionError]) -> ActionError | None:
    """Of several clusters' errors the one to end with: what gave no answer first, for it is still to be finished."""
    found = list(errors)
    return next((error for error in found if error.kind.unanswered), found[0] if found else None)


class PatchTestFailed(ActionError):
    """A JSON Patch whose `test` did not hold, as the server says it; whatever else it may mean by 422 is not told."""

    def __init__(self, message: str, *, cluster: str) -> None:
        super().__init__(ErrorKind.CONFLICT, message, cluster=cluster)


class AnswerLost(ActionError):
    """A request was sent and no usable answer came: whether it took effect is unknown."""

    def __init__(self, message: str, *, cluster: str) -> None:
        super().__init__(ErrorKind.UNREACHABLE, message, cluster=cluster)
