"""A shift as the journal keeps it, and what the journal knows of each cluster's weights."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.journal.journal import Action, ActionState, EntryKind
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.targets import ShiftTarget, Weights

STAGE = "stage"
"""The note that a (wave, step) begins."""


class ShiftRecord(Struct, frozen=True, rename="camel", kw_only=True):
    """What the journal keeps of a shift: its plan and its targets, from which it can be finished or taken back.

    `bound_ms` is what counts as slow, fixed before the first step.
    """

    plan: ShiftPlan
    targets: tuple[ShiftTarget, ...]
    bound_ms: float | None = None


class KnownWeights(Struct, frozen=True):
    """One cluster by the journal: the weights last `confirmed`, and those sent whose outcome is `doubtful`."""

    confirmed: Weights
    doubtful: Weights | None = None

    @property
    def may_be(self) -> tuple[Weights, ...]:
        """Every set of weights that may stand there, the one intended last first."""
        return (self.confirmed,) if self.doubtful is None else (self.doubtful, self.confirmed)


def encode_record(plan: ShiftPlan, targets: Sequence[ShiftTarget], bound_ms: float | None) -> dict[str, object]:
    """A shift as the `plan` of a journal's action."""
    encoded: dict[str, object] = msgspec.to_builtins(ShiftRecord(plan=plan, targets=tuple(targets), bound_ms=bound_ms))
    return encoded


def shift_record(action: Action) -> ShiftRecord:
    """The shift that an action of the journal is. Raises ActionError for another kind of action."""
    try:
        return msgspec.convert(action.plan, ShiftRecord)
    except msgspec.ValidationError as error:
        message = f"Action {action.id} is no shift that can be resumed or rolled back."
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
    """The (wave, step), counted from 0, that was begun last; (0, 0) before any."""
    notes = [e.detail for e in action.entries if e.event is EntryKind.NOTE and e.detail.get("note") == STAGE]
    return (int(notes[-1]["wave"]), int(notes[-1]["step"])) if notes else (0, 0)


def require_resumable(action: Action | None, identity: str) -> Action:
    """The action, if there is something in it to go on with. Raises ActionError."""
    if action is None:
        raise ActionError(ErrorKind.USAGE, f"The journal has no action {identity}; meshtop journal lists them.")
    if not action.open:
        raise ActionError(ErrorKind.USAGE, f"Action {identity} is {action.state.value}; there is nothing to resume.")
    if action.state is ActionState.TAKING_BACK:
        message = (
            f"Action {identity} was being taken back; rollback finishes that, and nothing goes forward from there."
        )
        raise ActionError(ErrorKind.USAGE, message)
    return action
