"""Says what a share of failures amounts to: on proof, and taking back later than it was said.

A status is said when what was counted proves its bound (`bounds.proves`). It is taken back when the share is well below
that bound (`release`) and the proof is a while old: a workload that hovers around a bound would otherwise be amber and
green in turn, and an alarm that flickers is not read.
"""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct

from meshtop.analysis.traffic.bounds import at_least, proves
from meshtop.analysis.traffic.figures import InTurns
from meshtop.model.constants import DEFAULT_WINDOW_SECONDS
from meshtop.model.state import HealthStatus
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds

HOLD_SECONDS = 120.0
"""What was proven is not taken back before it is so old."""
FORGET_SECONDS = 3600.0
"""What nobody asked about for so long is forgotten."""

FailureKind = tuple[str, float, float]
"""A kind of failure in words, and the shares at which it degrades and fails."""

_RANK = {HealthStatus.HEALTHY: 0, HealthStatus.DEGRADED: 1, HealthStatus.FAILING: 2}


class Said(Struct, gc=False):
    """What was said last in answer to a question, when it was last proven, and when it was last asked."""

    status: HealthStatus
    proven_at: float
    asked_at: float


class Proof(Struct, frozen=True, kw_only=True, gc=False):
    """A verdict on counts: `failed` of `total` within `seconds`; `held` where it is only not yet taken back."""

    status: HealthStatus
    failed: float
    total: float
    seconds: float
    bound: float
    held: bool = False

    @property
    def share(self) -> float:
        """The share that failed."""
        return self.failed / self.total if self.total > 0 else 0.0


class HealthJudge:
    """Judges the shares of one moment.

    `said` holds what was said before and is kept up to date: it outlives the judge from refresh to refresh. Without it,
    or without a moment (`at`, Unix seconds), every verdict stands alone, as in a command that reads once. Asking the
    same question twice at one moment gives the same answer.
    """

    def __init__(
        self,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
        *,
        window_seconds: float = DEFAULT_WINDOW_SECONDS,
        at: float | None = None,
        said: dict[Hashable, Said] | None = None,
    ) -> None:
        self.thresholds = thresholds
        self.window_seconds = window_seconds
        self._kinds: dict[str, dict[str, FailureKind | None]] = {}
        self._at = at
        self._said = said if said is not None and at is not None else None

    def kinds_of(self, protocol: str) -> dict[str, FailureKind | None]:
        """What each code of a protocol that was met so far is a failure of, to be filled in; None of what is none."""
        return self._kinds.setdefault(protocol, {})

    def share(
        self,
        failed_per_second: float,
        per_second: float,
        degraded: float,
        failing: float,
        question: Hashable = None,
        *,
        seconds: float | None = None,
    ) -> Proof:
        """What so many failures a second of so many prove about the two bounds, over `seconds` (the window).

        `question` is what is asked, the same at every refresh; None is not remembered.
        """
        over = self.window_seconds if seconds is None else seconds
        failed, total = min(failed_per_second, per_second) * over, per_second * over
        status, bound = self._proven(failed, total, degraded, failing)
        held = False
        if question is not None and self._said is not None and self._at is not None:
            status, held = self._remembered(question, status, failed, total, (degraded, failing))
            if held:
                bound = failing if status is HealthStatus.FAILING else degraded
        return Proof(status=status, failed=failed, total=total, seconds=over, bound=bound, held=held)

    def _proven(self, failed: float, total: float, degraded: float, failing: float) -> tuple[HealthStatus, float]:
        if failed <= 0:
            return HealthStatus.HEALTHY, degraded
        alpha = self.thresholds.alpha
        # A bound of 0 is reached above it: one failure proves that.
        if proves(failed, total, failing, alpha):
            return HealthStatus.FAILING, failing
        if proves(failed, total, degraded, alpha):
            return HealthStatus.DEGRADED, degraded
        return HealthStatus.HEALTHY, degraded

    def _remembered(
        self, question: Hashable, proven: HealthStatus, failed: float, total: float, bounds: tuple[float, float]
    ) -> tuple[HealthStatus, bool]:
        said, now = self._said, self._at
        assert said is not None
        assert now is not None
        before = said.get(question)
        if before is not None and now - before.asked_at > FORGET_SECONDS:
            before = None
        if before is None or _RANK[proven] >= _RANK[before.status] or before.asked_at > now:
            if proven is HealthStatus.HEALTHY:
                if before is not None:
                    said.pop(question, None)
            elif before is None:
                said[question] = Said(proven, now, now)
            else:
                before.status, before.proven_at, before.asked_at = proven, now, now
            return proven, False
        bound = bounds[1] if before.status is HealthStatus.FAILING else bounds[0]
        share = failed / total if total > 0 else 0.0
        if (share > 0 and share >= self.thresholds.release * bound) or now - before.proven_at < HOLD_SECONDS:
            before.asked_at = now
            return before.status, True
        if proven is HealthStatus.HEALTHY and share > 0 and share >= self.thresholds.release * bounds[0]:
            # From failing to well only by way of degraded, where the share is not yet well below that either.
            said[question] = Said(HealthStatus.DEGRADED, before.proven_at, now)
            return HealthStatus.DEGRADED, True
        if proven is HealthStatus.HEALTHY:
            said.pop(question, None)
        else:
            said[question] = Said(proven, now, now)
        return proven, False


def least_share(counted: Proof, alpha: float) -> float:
    """The share of failures that at least stands behind what was counted."""
    return at_least(counted.failed, counted.total, alpha)


def forget(said: dict[Hashable, Said], now: float, in_turns: InTurns = iter) -> None:
    """Free what nobody asked about for an hour: workloads come and go. No verdict rests on it any more."""
    # Copied first: while others take their turns, they may say something of their own.
    for question in in_turns(tuple(said)):
        one = said.get(question)
        if one is not None and now - one.asked_at > FORGET_SECONDS:
            said.pop(question, None)
