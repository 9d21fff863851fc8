"""What the journal says of each cluster: the weights it was last known to have, and what is in doubt."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.journal.journal import Action, ActionState, Event
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.targets import Target, Weights

STAGE = "stage"


class Recorded(Struct, frozen=True, rename="camel", kw_only=True):
    """What the journal keeps of a shift: its plan and its targets, from which it can be finished or taken back."""

    plan: ShiftPlan
    targets: tuple[Target, ...]
    bound_ms: float | None = None


class Standing(Struct, frozen=True):
    """One cluster: `known` are the weights that were last confirmed, `doubtful` those intended and not yet answered."""

    known: Weights
    doubtful: Weights | None = None

    @property
    def may_be(self) -> tuple[Weights, ...]:
        """Every set of weights that may stand there."""
        return (self.known,) if self.doubtful is None else (self.doubtful, self.known)


def record(plan: ShiftPlan, targets: Sequence[Target], bound_ms: float | None) -> dict[str, object]:
    """A shift as the journal keeps it."""
    kept: dict[str, object] = msgspec.to_builtins(Recorded(plan=plan, targets=tuple(targets), bound_ms=bound_ms))
    return kept


def recorded(action: Action) -> Recorded:
    """The shift that an action is. Raises ActionError for another sort of action."""
    try:
        return msgspec.convert(action.plan, Recorded)
    except msgspec.ValidationError as error:
        raise ActionError(ErrorKind.USAGE, f"Action {action.id} is no shift that can be taken up again.") from error


def standings(action: Action, targets: Sequence[Target]) -> dict[str, Standing]:
    """Where each cluster stands by the journal alone."""
    found = {target.cluster: Standing(target.before) for target in targets}
    for entry in action.entries:
        standing = found.get(entry.cluster)
        if standing is None:
            continue
        if entry.event is Event.INTENDED:
            found[entry.cluster] = Standing(standing.known, tuple(entry.detail["to"]))
        elif entry.event is Event.DONE:
            found[entry.cluster] = Standing(tuple(entry.detail["weights"]))
        elif entry.event is Event.REFUSED:
            found[entry.cluster] = Standing(standing.known)
    return found


def last_stage(action: Action) -> tuple[int, int]:
    """The (wave, step) that was begun last; (0, 0) before any."""
    notes = [e.detail for e in action.entries if e.event is Event.NOTE and e.detail.get("note") == STAGE]
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
