"""One step while it stands: when to look at telemetry, what was seen, and whether the step may end.

No clock and no waiting in here: whoever runs the shift brings the present, so that every decision can be read, and
tested, by itself.
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
"""A step that cannot be judged yet may last so many times as long before somebody is asked."""


class ShiftEnded(Exception):
    """The shift ends here, with this outcome; `back` says that everything is taken back first."""

    def __init__(self, outcome: ActionOutcome, message: str, *, back: bool) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.back = back


class StepWatch:
    """The watch over one step, from the moment `begun` at which its weights stood. Times are Unix seconds.

    `before` are the weights from before the step, `reference` what the baseline did then, `bound_ms` what counts as
    slow. After the `last` stage nothing gets more weight, so it may end without a verdict.
    A `blind` step has no telemetry to wait for: one look says so, and it lasts as long as the plan says.
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
        """The moment from which the step may end."""
        return self._begun + self._every_seconds

    @property
    def first_look_seconds(self) -> float:
        """How long after its beginning the step can be looked at."""
        return self._settle + SHORTEST_SECONDS

    def due(self, now: float) -> bool:
        """Whether a look can say anything: two scrapes lie behind, or patience is over and it has to be said."""
        if self._blind:
            return not self.observed
        return now - self._since >= SHORTEST_SECONDS or self._late(now)

    def _late(self, now: float) -> bool:
        return self._blind or now - self._begun >= self._pace.patience + self._settle - self._pace.settle

    async def look(self, now: float) -> None:
        """Ask telemetry; afterwards `observed` and `verdict` say what was seen since the weights had settled."""
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
        """The clusters whose split the last look settled, one way or the other; each is named once a step."""
        found = [
            one for one in self.observed if one.status is not SplitStatus.WAITING and one.cluster not in self._confirmed
        ]
        self._confirmed.update(one.cluster for one in found)
        return found

    def require_good(self) -> None:
        """Raise ShiftEnded, with everything to be taken back, when the guard fails or a split does not follow."""
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
        """Whether the step has lasted, every split is settled, and the guard has seen enough."""
        return self._lasted(now) and self._judged()

    def must_ask(self, now: float) -> bool:
        """Whether only a verdict is missing, and has been for so long that somebody has to decide."""
        return self._lasted(now) and not self._judged() and now >= self._ask_at

    def asked(self, now: float) -> None:
        """Somebody was asked; the next question comes after another step's time."""
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
    """What telemetry says of one cluster's split, in a sentence."""
    return f"{one.cluster}: {_CONFIRMATIONS.get(one.status, 'telemetry is incomplete, split not confirmed.')}"
