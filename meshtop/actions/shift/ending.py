"""How a step can end a shift: the split that does not follow, the guard that fails, somebody who says so."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.actions.events import ActionOutcome, ObservedSplit, SplitStatus
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.verdict import Comparison


class End(Exception):
    """The shift ends here; `back` says that everything is taken back first."""

    def __init__(self, outcome: ActionOutcome, message: str, *, back: bool) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.back = back


def require_good(observed: Sequence[ObservedSplit], verdict: CanaryVerdict | None) -> None:
    """Raise End, with everything to be taken back, when the guard fails or a split does not follow."""
    if verdict is not None and verdict.verdict is Comparison.WORSE:
        worse = [
            name
            for name, one in (("errors", verdict.errors), ("latency", verdict.latency))
            if one is not None and one.verdict is Comparison.WORSE
        ]
        message = (
            f"{verdict.canary} is worse than {verdict.baseline} in {' and '.join(worse)} (E {verdict.e_value:.3g})."
        )
        raise End(ActionOutcome.GUARD_FAILED, message, back=True)
    lying = [one.cluster for one in observed if one.status is SplitStatus.DOES_NOT_FOLLOW]
    if lying:
        message = f"The split does not follow the weights in {', '.join(lying)}."
        raise End(ActionOutcome.NOT_FOLLOWED, message, back=True)


def followed(one: ObservedSplit) -> str:
    """What telemetry says of one cluster's split, in a sentence."""
    return {
        SplitStatus.FOLLOWS: f"{one.cluster}: the mesh sends what the weights say.",
        SplitStatus.DOES_NOT_FOLLOW: f"{one.cluster}: the mesh does not send what the weights say.",
        SplitStatus.NO_TRAFFIC: f"{one.cluster}: no traffic, so nothing confirms it.",
    }.get(one.status, f"{one.cluster}: telemetry cannot tell.")
