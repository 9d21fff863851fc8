"""States of sources, health verdicts, and findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """Freshness of the last answer of one source of one cluster."""

    FRESH = "fresh"
    STALE = "stale"
    PARTIAL = "partial"
    UNREACHABLE = "unreachable"
    DENIED = "denied"
    NONE = "none"


class SourceStatus(Struct, frozen=True, kw_only=True):
    """The state of one source (Kubernetes or Prometheus) of one cluster.

    `answered_at` is the Unix time (seconds) of the last good answer, None before the first.
    `error` is one sentence for people; `remedy` is what to do about it (a command, a right to ask for).
    `notes` are remarks that are not errors: a kind that is missing, a narrowed query.
    `unasked`: the login failed before the server was asked anything (a credential plugin is not installed), so that it
    is not the server that denies.
    """

    state: State = State.NONE
    answered_at: float | None = None
    error: str | None = None
    remedy: str | None = None
    notes: tuple[str, ...] = ()
    endpoint: str | None = None
    unasked: bool = False

    @property
    def reached(self) -> bool:
        """Whether the server gave an answer at all, if only a refusal."""
        return self.state not in (State.UNREACHABLE, State.NONE) and not self.unasked

    def age_seconds(self, now: float) -> float | None:
        """Seconds since the last good answer; None when there was none."""
        return None if self.answered_at is None else max(0.0, now - self.answered_at)


class Cost(Struct, frozen=True, kw_only=True):
    """What one source cost at its last refresh: wall seconds, bytes on the wire (decompressed), requests."""

    seconds: float = 0.0
    bytes: int = 0
    requests: int = 0


class HealthStatus(StrEnum):
    """A verdict on traffic or readiness; idle and unknown are never healthy."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    FAILING = "failing"
    IDLE = "idle"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Health:
    """A health verdict and its reasons in words.

    No Struct, as reasons may be put into words late (`LateHealth`): a Struct's fields are read past its properties.
    """

    status: HealthStatus = HealthStatus.UNKNOWN
    reasons: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Health):
            return NotImplemented
        return self.status is other.status and self.reasons == other.reasons

    def __hash__(self) -> int:
        return hash((self.status, self.reasons))


class LateHealth(Health):
    """A verdict whose reasons are put into words when somebody reads them, and then kept.

    Thousands of workloads are judged at every refresh, and the words of the few on screen are read. `tell` must say the
    same whenever it is called.
    """

    __slots__ = ("_tell", "_told")
    _tell: Callable[[], tuple[str, ...]]
    _told: tuple[str, ...]
    """Not there before somebody reads it."""

    def __init__(self, status: HealthStatus, tell: Callable[[], tuple[str, ...]]) -> None:
        # The class is frozen for everybody else; these do not pass its `__setattr__`, which costs as much as judging.
        _set_status(self, status)
        _set_tell(self, tell)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, one sentence each."""
        try:
            return self._told
        except AttributeError:
            told = self._tell()
        _set_told(self, told)
        return told


_set_status, _set_tell, _set_told = (
    vars(owner)[name].__set__ for owner, name in ((Health, "status"), (LateHealth, "_tell"), (LateHealth, "_told"))
)


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Finding(Struct, frozen=True, rename="camel", kw_only=True):
    """Something that is wrong or worth knowing, with a code that keeps its meaning (docs/findings.md).

    `fix` says what to do, in words or as the YAML to apply; it is shown, never applied.
    """

    code: str
    severity: Severity
    message: str
    fix: str | None = None
