"""Progress of a running shift, computed from its events: step, set weight, actual weight, guard, time left."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs

from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, ObservedSplit
from meshtop.actions.shift.record import KnownWeights, ShiftRecord
from meshtop.analysis.canary.judging import CanaryVerdict


class ClusterProgress(Struct, frozen=True, kw_only=True):
    """One cluster: its wave (from 1), the weights last set, the observed split, and why it was left out."""

    cluster: str
    wave: int
    weights: dict[str, int | None]
    observed: ObservedSplit | None = None
    left: str = ""


class Progress(Struct, frozen=True, kw_only=True):
    """A shift at one moment. `step` and `wave` count from 1 and are 0 before the first; `until` is the earliest end of
    the step (Unix seconds), None outside of one; `wanted` are the step's weights in percent.
    """

    action: str
    step: int
    steps: int
    wave: int
    waves: int
    every_seconds: float
    guarded: bool
    plan: tuple[dict[str, int], ...]
    clusters: tuple[ClusterProgress, ...]
    verdict: CanaryVerdict | None = None
    until: float | None = None
    paused: bool = False
    taking_back: bool = False
    outcome: ActionOutcome | None = None
    restored: bool = False
    message: str = ""

    @property
    def wanted(self) -> dict[str, int]:
        """The weights of the current step in percent; before the start, those of the first step."""
        return self.plan[max(0, self.step - 1)] if self.plan else {}


def progress_of(shift: ShiftRecord, action: str = "", known: Mapping[str, KnownWeights] | None = None) -> Progress:
    """The initial progress of a new shift, or of one to be resumed from the weights in `known`."""
    plan = shift.plan
    waves = {cluster: number for number, wave in enumerate(plan.waves, start=1) for cluster in wave}
    known = known or {}
    clusters = [
        ClusterProgress(
            cluster=target.cluster,
            wave=waves.get(target.cluster, 1),
            weights=target.named(known[target.cluster].confirmed if target.cluster in known else target.before),
        )
        for target in shift.targets
    ]
    return Progress(
        action=action,
        step=0,
        steps=len(plan.steps),
        wave=0,
        waves=len(plan.waves),
        every_seconds=plan.every_seconds,
        guarded=plan.guard.on and plan.wait,
        plan=plan.steps,
        clusters=tuple(clusters),
    )


def after(progress: Progress, event: ActionEvent, now: float) -> Progress:
    """The progress after an event at `now` (Unix seconds)."""
    until = None if event.seconds_left is None else now + event.seconds_left
    found = structs.replace(progress, action=event.action, until=until)
    if event.kind is EventKind.STEP:
        return structs.replace(
            found, step=event.step, wave=event.wave, verdict=None, clusters=_each(found, event.wave, observed=None)
        )
    if event.kind is EventKind.WRITTEN:
        return structs.replace(found, clusters=_one(found, event.cluster, weights=event.weights or {}))
    if event.kind is EventKind.OBSERVED:
        clusters = found.clusters
        for seen in event.observed:
            clusters = _one(structs.replace(found, clusters=clusters), seen.cluster, observed=seen)
        return structs.replace(found, clusters=clusters, verdict=event.verdict)
    if event.kind in (EventKind.PAUSED, EventKind.RESUMED):
        return structs.replace(found, paused=event.kind is EventKind.PAUSED)
    if event.kind is EventKind.TAKING_BACK:
        return structs.replace(found, taking_back=True, paused=False)
    if event.kind is EventKind.RESTORED:
        return structs.replace(found, clusters=_one(found, event.cluster, weights=event.weights or {}, observed=None))
    if event.kind is EventKind.NOT_RESTORED:
        return structs.replace(found, clusters=_one(found, event.cluster, left=event.message, observed=None))
    if event.kind is EventKind.ENDED:
        return structs.replace(
            found,
            outcome=event.outcome,
            restored=event.restored,
            message=event.message,
            paused=False,
            taking_back=False,
        )
    return found


def _one(progress: Progress, cluster: str, **changes: object) -> tuple[ClusterProgress, ...]:
    return tuple(structs.replace(c, **changes) if c.cluster == cluster else c for c in progress.clusters)


def _each(progress: Progress, wave: int, **changes: object) -> tuple[ClusterProgress, ...]:
    return tuple(structs.replace(c, **changes) if c.wave == wave else c for c in progress.clusters)
