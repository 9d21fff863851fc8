"""Events of running actions, common to shifts and propagations, for the command line and the console."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.analysis.canary.evidence import Interval
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.verdict import Honesty, HonestyVerdict


class EventKind(StrEnum):
    """What an event reports.

    `STARTED`, `STEP` (of a shift) and `WRITTEN` (an object of a cluster) are progress; `OBSERVED` is a look at
    telemetry, `CONFIRMED` the first look that settles a cluster's split. `TAKING_BACK` is followed by `RESTORED` or
    `NOT_RESTORED` for each cluster or object. `ENDED` comes last, always once.
    """

    STARTED = "started"
    STEP = "step"
    WRITTEN = "written"
    OBSERVED = "observed"
    CONFIRMED = "confirmed"
    NOTE = "note"
    PAUSED = "paused"
    RESUMED = "resumed"
    TAKING_BACK = "taking-back"
    RESTORED = "restored"
    NOT_RESTORED = "not-restored"
    ENDED = "ended"


class ActionOutcome(StrEnum):
    """How an action ended.

    The guard and the split end shifts only. `CONFLICT`: others changed or hold an object; `LOST`: a cluster
    gave no answer; `REFUSED`: a server or a rule did not allow it; `HELD`: left as it is, for `resume` or `rollback`.
    """

    DONE = "done"
    GUARD_FAILED = "guard-failed"
    NOT_FOLLOWED = "not-followed"
    ABORTED = "aborted"
    HELD = "held"
    CONFLICT = "conflict"
    LOST = "lost"
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"


_OUTCOMES = {
    ErrorKind.CONFLICT: ActionOutcome.CONFLICT,
    ErrorKind.LOGIN: ActionOutcome.LOST,
    ErrorKind.UNREACHABLE: ActionOutcome.LOST,
}


def outcome_of(error: ActionError) -> ActionOutcome:
    """The outcome of an action that an error ended."""
    return _OUTCOMES.get(error.kind, ActionOutcome.REFUSED)


class SplitStatus(StrEnum):
    """What telemetry says of one cluster's split, held against the weights that were set."""

    FOLLOWS = "follows"
    DOES_NOT_FOLLOW = "does-not-follow"
    WAITING = "waiting"
    NO_TRAFFIC = "no-traffic"
    UNKNOWN = "unknown"


class ObservedSplit(Struct, frozen=True, kw_only=True, rename="camel"):
    """One cluster's split: weights set (percent), shares seen (0 to 1) with their 95 % intervals, requests counted.

    `actual` and `intervals` are empty where nothing was seen: no traffic is never a share of 0.
    """

    cluster: str
    status: SplitStatus
    set: dict[str, int]
    actual: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    requests: float | None = None
    honesty: HonestyVerdict = HonestyVerdict(Honesty.NO_TRAFFIC)


class ActionEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that happened; `message` is a sentence for people.

    Waves and steps count from 1 and are 0 where an action has none. `weights` by destination (None: not written) come
    with what was written or restored in `cluster`; `observed` and `verdict` with a look at telemetry; `seconds_left` is
    the time until the step may end. The last event is `ENDED`: `outcome` says how, `restored` whether everything is as
    it was before the action, and `error` what a command ends with where the message alone does not say it.
    """

    kind: EventKind
    action: str
    message: str
    cluster: str = ""
    wave: int = 0
    waves: int = 0
    step: int = 0
    steps: int = 0
    weights: dict[str, int | None] | None = None
    observed: tuple[ObservedSplit, ...] = ()
    verdict: CanaryVerdict | None = None
    seconds_left: float | None = None
    outcome: ActionOutcome | None = None
    restored: bool = False
    error: ActionError | None = None
