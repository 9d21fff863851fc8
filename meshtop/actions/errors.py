"""What ends an action early, in one sentence, and which kind of end it is."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Why an action ended; the front doors turn it into exit codes (INTERFACE.md)."""

    USAGE = "usage"
    REFUSED = "refused"
    CONFLICT = "conflict"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"


class ActionError(Exception):
    """An action that cannot go on: what happened, of which kind, in which cluster, and what to do."""

    def __init__(self, kind: Kind, message: str, *, cluster: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.cluster = cluster
        self.remedy = remedy


class AnswerLost(ActionError):
    """A request was sent and no usable answer came: whether it took effect is not known."""

    def __init__(self, message: str, *, cluster: str) -> None:
        super().__init__(Kind.UNREACHABLE, message, cluster=cluster)
