"""The watch of one step: when to query telemetry, what was observed, and whether the step may end.

There is no clock and no waiting here: the runner passes the current time, so that every decision can be tested by
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtop.actions.events import ActionOutcome, ObservedSplit, SplitStatus
from meshtop.actions.shift.measure import Measures, Reference
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.targets import ShiftTarget, Weights
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.verdict import Comparison
from meshtop.sources.prometheus.counts import SHORTEST_SECONDS

EXTENSIONS = 3.0
"""Factor by which a step that cannot be judged yet may last longer before the user is asked."""


class ShiftEnded(Exception):
    """Raised to end the shift with an outcome; `back`: everything is rolled back first."""

    def __init__(self, outcome: ActionOutcome, message: str, *, back: bool) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.back = back


class StepWatch:
    """The watch over one step, from the moment `begun` at which its weights stood. Times are Unix seconds.

    `before` are the weights before the step, `reference` the baseline's tallies then, `bound_ms` the latency bound.
    After the `last` stage no weight rises any more, so it may end without a verdict.
    A `blind` step has no telemetry to wait for: it is measured once, and lasts as long as planned.
    """

    def __init__(
        self,
        measures: Measures,
        plan: ShiftPlan,
        targets: Sequence[ShiftTarget],
        step: int,
        *,
        before: Mapping[str, Weights],
        reference: Reference,
        bound_ms: float | None,
        begun: float,
        last: bool,
        blind: bool = False,
    ) -> None:
        self._measures = measures
        self._pace = plan.pace
        self._every_seconds = plan.every_seconds
        self._targets = targets
        self._step = step
        self._before = before
        self._reference = reference
        self._bound_ms = bound_ms
        self._begun = begun
        self._last = last
        self._blind = blind
        # Until the push has reached every proxy, requests still go by the old weights: they are not counted.
        self._settle = measures.push_seconds(targets)
        self._since = begun + self._settle
        self._ask_at = begun + (1.0 if blind else EXTENSIONS) * plan.every_seconds
        self._confirmed: set[str] = set()
        self.observed: tuple[ObservedSplit, ...] = ()
        self.verdict: CanaryVerdict | None = None

    @property
    def until(self) -> float:
        """The earliest end of the step."""
        return self._begun + self._every_seconds

    @property
    def first_look_seconds(self) -> float:
        """How long after its beginning the step can be looked at."""
        return self._settle + SHORTEST_SECONDS

    def due(self, now: float) -> bool:
        """Whether a measurement is due: two scrapes have passed, or patience is over."""
        if self._blind:
            return not self.observed
        return now - self._since >= SHORTEST_SECONDS or self._late(now)

    def _late(self, now: float) -> bool:
        return self._blind or now - self._begun >= self._pace.patience + self._settle - self._pace.settle

    async def look(self, now: float) -> None:
        """Query telemetry; sets `observed` and `verdict` for the time since the weights settled."""
        self.observed, self.verdict = await self._measures.look(
            self._targets,
            self._step,
            self._before,
            self._reference,
            self._bound_ms,
            since=self._since,
            now=now,
            late=self._late(now),
        )

    def newly_confirmed(self) -> list[ObservedSplit]:
        """The clusters whose split the last measurement decided; each is returned once per step."""
        found = [
            one for one in self.observed if one.status is not SplitStatus.WAITING and one.cluster not in self._confirmed
        ]
        self._confirmed.update(one.cluster for one in found)
        return found

    def require_good(self) -> None:
        """Raise ShiftEnded, with a rollback, when the guard fails or a split does not follow."""
        verdict = self.verdict
        if verdict is not None and verdict.verdict is Comparison.WORSE:
            raise ShiftEnded(ActionOutcome.GUARD_FAILED, f"{verdict.summary}{_because(verdict)}.", back=True)
        differ = [one.cluster for one in self.observed if one.status is SplitStatus.DOES_NOT_FOLLOW]
        if differ:
            message = f"The split does not follow the weights in {', '.join(differ)}."
            raise ShiftEnded(ActionOutcome.NOT_FOLLOWED, message, back=True)

    @property
    def report(self) -> str | None:
        """What the guard made of the step, and how much it would have taken to take it back.

        None where it saw nothing.
        """
        verdict = self.verdict
        if verdict is None or not verdict.questions:
            return None
        return f"Guard: {verdict.summary}{_because(verdict)}."

    def may_end(self, now: float) -> bool:
        """Whether the step's time is over, every split is decided, and the guard has enough data."""
        return self._lasted(now) and self._judged()

    def must_ask(self, now: float) -> bool:
        """Whether only a verdict is missing, and for so long that the user has to decide."""
        return self._lasted(now) and not self._judged() and now >= self._ask_at

    def asked(self, now: float) -> None:
        """Note that the user was asked; the next question comes after another step's time."""
        self._ask_at = now + self._every_seconds

    def _lasted(self, now: float) -> bool:
        return now >= self.until and all(one.status is not SplitStatus.WAITING for one in self.observed)

    def _judged(self) -> bool:
        undecided = self.verdict is not None and self.verdict.verdict is Comparison.NOT_ENOUGH_DATA
        return self._last or not undecided


def _because(verdict: CanaryVerdict) -> str:
    """What was counted, and what would have been enough, in brackets."""
    return f" ({verdict.explanation})" if verdict.explanation else ""


_CONFIRMATIONS = {
    SplitStatus.FOLLOWS: "observed split matches the weights.",
    SplitStatus.DOES_NOT_FOLLOW: "observed split does not match the weights.",
    SplitStatus.NO_TRAFFIC: "no traffic, split not confirmed.",
}


def confirmation(one: ObservedSplit) -> str:
    """A sentence about one cluster's split, by telemetry."""
    return f"{one.cluster}: {_CONFIRMATIONS.get(one.status, 'telemetry is incomplete, split not confirmed.')}"
