"""An action of the journal in words: its state, the state of each cluster, and each entry as a sentence."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from meshtop.actions.at_hand import written_clusters
from meshtop.actions.errors import ActionError
from meshtop.actions.journal.journal import PROPAGATE, Action, ActionState, Entry, EntryKind, Journal
from meshtop.actions.journal.lock import lock_holder
from meshtop.actions.propagate.undo import written_objects
from meshtop.actions.shift.apply import text_of
from meshtop.actions.shift.record import STAGE, KnownWeights, known_weights, last_stage, shift_record
from meshtop.actions.shift.targets import ShiftTarget


class Course(StrEnum):
    """The state of an action, which also depends on whether a running process holds it."""

    RUNNING = "running"
    PAUSED = "paused"
    TAKING_BACK = "taking-back"
    INTERRUPTED = "interrupted"
    HELD = "held"
    HALF_BACK = "half-back"
    DONE = "done"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"

    @property
    def unfinished(self) -> bool:
        """Whether it needs to be resumed or rolled back."""
        return self in (Course.INTERRUPTED, Course.HELD, Course.HALF_BACK)

    @property
    def alive(self) -> bool:
        """Whether a running process holds it."""
        return self in (Course.RUNNING, Course.PAUSED, Course.TAKING_BACK)


def course_of(action: Action, journal: Path) -> Course:
    """The course of an action of the journal at `journal`: an open action that no process runs was interrupted."""
    if not action.open or action.state is ActionState.HELD:
        return Course(action.state.value)
    if lock_holder(journal, action.id) is not None:
        return Course(action.state.value)
    return Course.HALF_BACK if action.state is ActionState.TAKING_BACK else Course.INTERRUPTED


def may_resume(action: Action, course: Course) -> bool:
    """Whether it can be resumed: a shift that stopped in the middle and is not being rolled back."""
    return action.kind != PROPAGATE and course in (Course.INTERRUPTED, Course.HELD)


def may_take_back(action: Action, course: Course) -> bool:
    """Whether it can be rolled back: no process runs it, and it is not rolled back yet."""
    return not course.alive and course is not Course.ROLLED_BACK


def unfinished(journal: Journal) -> list[tuple[Action, Course]]:
    """Every action that has to be resumed or rolled back, newest first; `Journal.damaged` says what may be missing."""
    courses = ((action, course_of(action, journal.path)) for action in journal.open_actions())
    return [(action, course) for action, course in courses if course.unfinished]


def unfinished_text(action: Action, course: Course) -> str:
    """An unfinished action in a sentence, with the commands that end it."""
    forward = f"meshtop resume {action.id}, or " if may_resume(action, course) else ""
    return f"{action.subject}: {action.kind} {course.value}; to finish it: {forward}meshtop rollback {action.id}."


def stopped_at(action: Action) -> str:
    """The last step of a shift, in words; empty for other actions, and before the first step."""
    try:
        plan = shift_record(action).plan
    except ActionError:
        return ""
    if not any(entry.detail.get("note") == STAGE for entry in action.entries):
        return ""
    wave, step = last_stage(action)
    waves = f", wave {wave + 1} of {len(plan.waves)}" if len(plan.waves) > 1 else ""
    return f"step {step + 1} of {len(plan.steps)}{waves}"


class WriteState(StrEnum):
    """State of an action's writes to one cluster by the journal; `NOT_RESTORED`: it was left alone by the rollback."""

    AS_BEFORE = "as-before"
    WRITTEN = "written"
    IN_DOUBT = "in-doubt"
    NOT_RESTORED = "left"


class ClusterState(Struct, frozen=True):
    """One cluster's state by the journal alone, with a sentence."""

    cluster: str
    state: WriteState
    message: str


def cluster_states(action: Action) -> tuple[ClusterState, ...]:
    """The state of each cluster of an action by the journal alone."""
    if action.kind == PROPAGATE:
        return _copied(action)
    try:
        shift = shift_record(action)
    except ActionError:
        return ()
    known = known_weights(action, shift.targets)
    return tuple(_shifted(action, target, known[target.cluster]) for target in shift.targets)


def _shifted(action: Action, target: ShiftTarget, known: KnownWeights) -> ClusterState:
    cluster, names, before = target.cluster, "/".join(target.names), text_of(target.before)
    if known.doubtful is not None:
        may = f"{text_of(known.confirmed)} or {text_of(known.doubtful)}"
        message = f"{names} {may}: a request was sent, its outcome is unknown"
        return ClusterState(cluster, WriteState.IN_DOUBT, message)
    left = _left(action, cluster)
    if left is not None:
        return ClusterState(cluster, WriteState.NOT_RESTORED, left)
    if known.confirmed == target.before:
        return ClusterState(cluster, WriteState.AS_BEFORE, f"{names} {before}, as before")
    return ClusterState(cluster, WriteState.WRITTEN, f"{names} {text_of(known.confirmed)}, before {before}")


def _left(action: Action, cluster: str) -> str | None:
    """Why the rollback left this cluster alone, if that was its last event."""
    for entry in reversed(action.entries):
        if entry.cluster == cluster:
            return str(entry.detail.get("why", "")) if entry.detail.get("note") == "left" else None
    return None


def _copied(action: Action) -> tuple[ClusterState, ...]:
    pending = written_objects(action)
    doubtful = {(entry.cluster, entry.object) for entry in action.unanswered()}
    found = []
    for cluster in written_clusters(action):
        written = [one.ref.title for one in pending if one.cluster == cluster]
        unsure = [title for title in written if (cluster, title) in doubtful]
        left = _left(action, cluster)
        if unsure:
            found.append(
                ClusterState(cluster, WriteState.IN_DOUBT, f"{unsure[0]}: a request was sent, its outcome is unknown")
            )
        elif left is not None:
            found.append(ClusterState(cluster, WriteState.NOT_RESTORED, left))
        elif written:
            found.append(ClusterState(cluster, WriteState.WRITTEN, f"{len(written)} written: {', '.join(written)}"))
        else:
            found.append(ClusterState(cluster, WriteState.AS_BEFORE, "as before"))
    return tuple(found)


def entry_text(entry: Entry) -> str:
    """An entry as a sentence, without its time and cluster."""
    detail, why = entry.detail, str(entry.detail.get("why") or "")
    if entry.event is EntryKind.NOTE:
        return _note(entry)
    if entry.event is EntryKind.INTENDED:
        return f"about to write {entry.object}{_change(entry)}"
    if entry.event is EntryKind.DONE:
        weights = f": {text_of(detail['weights'])}" if "weights" in detail else ""
        resolved = " (found out later)" if detail.get("resolved") else ""
        return f"wrote {entry.object}{weights}{resolved}"
    if entry.event is EntryKind.REFUSED:
        return f"did not write {entry.object}: {why}"
    return f"outcome unknown of writing {entry.object}: {why}"


def _change(entry: Entry) -> str:
    if "from" in entry.detail and "to" in entry.detail:
        return f": {text_of(entry.detail['from'])} → {text_of(entry.detail['to'])}"
    return ""


def _note(entry: Entry) -> str:
    detail = entry.detail
    note, why = str(detail.get("note", "")), str(detail.get("why") or "")
    if note == STAGE:
        return f"wave {int(detail.get('wave', 0)) + 1}, step {int(detail.get('step', 0)) + 1} begins"
    if note in ("rollback", "resumed"):
        word = "rollback" if note == "rollback" else "resumed"
        return f"{word} by {detail.get('who', 'somebody')} on {detail.get('origin', 'some machine')}"
    if "actual" in detail:
        seen = " ".join(f"{name} {share * 100:.1f} %" for name, share in dict(detail["actual"]).items())
        return f"split {note}: {seen}" if seen else f"split: {note}"
    words = f"{note} {entry.object}".rstrip() if note in ("left", "taken back") else note
    return f"{words}: {why}" if why else words
