"""The journal's record of a shift, and each cluster's weights according to the journal."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.journal.journal import Action, ActionState, EntryKind
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.targets import ShiftTarget, Weights

STAGE = "stage"
"""Journal note: a (wave, step) begins."""


class ShiftRecord(Struct, frozen=True, rename="camel", kw_only=True):
    """The stored shift: its plan and targets, from which it can be finished or rolled back.

    `bound_ms` is the latency bound, fixed before the first step.
    """

    plan: ShiftPlan
    targets: tuple[ShiftTarget, ...]
    bound_ms: float | None = None


class KnownWeights(Struct, frozen=True):
    """One cluster's weights by the journal: last `confirmed`, and sent ones whose outcome is `doubtful`."""

    confirmed: Weights
    doubtful: Weights | None = None

    @property
    def may_be(self) -> tuple[Weights, ...]:
        """All weights that may be set there, the last intended first."""
        return (self.confirmed,) if self.doubtful is None else (self.doubtful, self.confirmed)


def encode_record(plan: ShiftPlan, targets: Sequence[ShiftTarget], bound_ms: float | None) -> dict[str, object]:
    """A shift as the `plan` of a journal's action."""
    encoded: dict[str, object] = msgspec.to_builtins(ShiftRecord(plan=plan, targets=tuple(targets), bound_ms=bound_ms))
    return encoded


def shift_record(action: Action) -> ShiftRecord:
    """The shift of an action in the journal. Raises ActionError for another kind of action."""
    try:
        return msgspec.convert(action.plan, ShiftRecord)
    except msgspec.ValidationError as error:
        message = f"Action {action.id} is not a shift, so it cannot be resumed or rolled back as one."
        raise ActionError(ErrorKind.USAGE, message) from error


def known_weights(action: Action, targets: Sequence[ShiftTarget]) -> dict[str, KnownWeights]:
    """The weights of each cluster by the journal alone."""
    found = {target.cluster: KnownWeights(target.before) for target in targets}
    for entry in action.entries:
        known = found.get(entry.cluster)
        if known is None:
            continue
        if entry.event is EntryKind.INTENDED:
            found[entry.cluster] = KnownWeights(known.confirmed, tuple(entry.detail["to"]))
        elif entry.event is EntryKind.DONE:
            found[entry.cluster] = KnownWeights(tuple(entry.detail["weights"]))
        elif entry.event is EntryKind.REFUSED:
            found[entry.cluster] = KnownWeights(known.confirmed)
    return found


def last_stage(action: Action) -> tuple[int, int]:
    """The last (wave, step) that was started, counted from 0; (0, 0) before any."""
    notes = [e.detail for e in action.entries if e.event is EntryKind.NOTE and e.detail.get("note") == STAGE]
    return (int(notes[-1]["wave"]), int(notes[-1]["step"])) if notes else (0, 0)


def require_resumable(action: Action | None, identity: str) -> Action:
    """The action, if it can be resumed. Raises ActionError otherwise."""
    if action is None:
        raise ActionError(ErrorKind.USAGE, f"The journal has no action {identity}; meshtop journal lists them.")
    if not action.open:
        raise ActionError(ErrorKind.USAGE, f"Action {identity} is {action.state.value}; there is nothing to resume.")
    if action.state is ActionState.TAKING_BACK:
        message = f"Action {identity} was being rolled back; finish that with rollback, it cannot be resumed."
        raise ActionError(ErrorKind.USAGE, message)
    return action
