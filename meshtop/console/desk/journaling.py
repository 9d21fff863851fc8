"""The journal in the console: read on a worker thread, with its unfinished actions."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from textual.message import Message

from meshtop.console.workers import work_on_thread
from meshtop.model.numbers import age

if TYPE_CHECKING:
    from textual.app import App

    from meshtop.actions.cluster_identity import ClusterIdentity
    from meshtop.actions.journal.journal import Action
    from meshtop.actions.story import ClusterState, Course
    from meshtop.model.snapshot import ClusterSnapshot

    Known = dict[str, ClusterIdentity]

_log = logging.getLogger(__name__)
MOST = 200
"""Number of latest actions listed on the screen."""
Stamp = tuple[tuple[int, int], ...]


class JournalRow(Struct, frozen=True):
    """An action with its course and each cluster's current state; `process` is the number of the running process."""

    action: Action
    course: Course
    states: tuple[ClusterState, ...]
    clusters: tuple[str, ...]
    stopped_at: str
    process: int | None


class JournalRead(Message):
    """Message: the journal was read. It has the latest actions, and in `opened` all that have not ended.

    `problem` is why nothing of it can be read; `damaged` are sentences about what is missing, `notes` about odd
    permissions.
    """

    def __init__(
        self,
        actions: tuple[JournalRow, ...],
        opened: tuple[JournalRow, ...],
        problem: str = "",
        *,
        damaged: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.damaged = damaged
        self.notes = notes
        self.actions = actions
        self.opened = opened
        self.problem = problem

    def can_replace(self, message: Message) -> bool:
        """A pending older message is dropped."""
        return isinstance(message, JournalRead)


def clusters_at_hand(clusters: Iterable[ClusterSnapshot]) -> Known:
    """The shown clusters by name, to match the journal's actions with."""
    from meshtop.actions.cluster_identity import ClusterIdentity
    from meshtop.analysis.fleet.members import kube_system

    return {one.name: ClusterIdentity(kube_system(one.inventory) or "", one.server) for one in clusters}


def rows_at_hand(rows: Iterable[JournalRow], known: Known) -> tuple[JournalRow, ...]:
    """The rows of actions that wrote to a shown cluster; the journal may have actions of other clusters too."""
    from meshtop.actions.at_hand import actions_at_hand

    found = tuple(rows)
    kept = {action.id for action in actions_at_hand([row.action for row in found], known)}
    return tuple(row for row in found if row.action.id in kept)


def read_journal(limit: int = 0) -> JournalRead:
    """The latest actions, at most `limit`, and all that have not ended. Runs on a worker thread."""
    from meshtop.actions.journal.journal import Journal, journal_path
    from meshtop.actions.journal.journal_error import JournalError
    from meshtop.actions.journal.place import require_place

    path = journal_path()
    try:
        require_place(path)
        with contextlib.closing(Journal(path, reading=True)) as journal:
            wrong: dict[str, str] = {}
            listed = journal.actions(limit=limit) if limit else []
            actions = tuple(_row_of(action, path, wrong) for action in listed)
            opened = tuple(_row_of(action, path, wrong) for action in journal.open_actions())
            damaged = (*(row.sentence for row in journal.damaged), *wrong.values())
            return JournalRead(actions, opened, damaged=damaged, notes=journal.notes)
    except JournalError as error:
        return JournalRead((), (), error.sentences)
    except Exception as error:  # noqa: BLE001 - told and logged here
        # Whoever waits for it must not wait for ever; the log has the traceback.
        _log.exception("reading the journal failed")
        return JournalRead((), (), f"The journal {path} cannot be read: {type(error).__name__}: {error}.")


def last_shift(known: Known) -> JournalRow | None:
    """The latest shift of the journal in the clusters that are shown; None also where it cannot be told."""
    from meshtop.actions.at_hand import actions_at_hand
    from meshtop.actions.journal.journal import Journal, journal_path
    from meshtop.actions.journal.journal_error import JournalError

    path = journal_path()
    try:
        with contextlib.closing(Journal(path, reading=True)) as journal:
            found = actions_at_hand(journal.all_of("shift"), known)
            newer = (
                row for row in journal.damaged if row.created is None or not found or row.created > found[0].created
            )
            return _row_of(found[0], path, {}) if found and not any(newer) else None
    except JournalError:
        return None


def row_of_action(identity: str) -> JournalRow | None:
    """The action of the journal with that id; None where there is none, or it cannot be read."""
    from meshtop.actions.journal.journal import Journal, journal_path
    from meshtop.actions.journal.journal_error import JournalError

    path = journal_path()
    try:
        with contextlib.closing(Journal(path, reading=True)) as journal:
            action = journal.action(identity)
            return None if action is None else _row_of(action, path, {})
    except JournalError:
        return None


def _row_of(action: Action, journal: Path, wrong: dict[str, str]) -> JournalRow:
    """The row of an action; `wrong` takes a sentence, by its id, where not all of it can be told."""
    from meshtop.actions.at_hand import written_clusters
    from meshtop.actions.journal.lock import lock_holder
    from meshtop.actions.story import cluster_states, course_of, stopped_at

    course = course_of(action, journal)
    states: tuple[ClusterState, ...] = ()
    clusters: tuple[str, ...] = tuple(action.clusters)
    stopped = ""
    try:
        clusters, stopped, states = written_clusters(action), stopped_at(action), cluster_states(action)
    except Exception as error:  # noqa: BLE001 - told and logged here
        # Plan and entries are data from a file; the action is still announced.
        _log.exception("telling action %s failed", action.id)
        wrong[action.id] = (
            f"Action {action.id}: its plan or entries are not as meshtop writes them ({type(error).__name__})."
        )
    return JournalRow(
        action=action,
        course=course,
        states=states,
        clusters=clusters,
        stopped_at=stopped,
        process=lock_holder(journal, action.id) if course.alive else None,
    )


def journal_stamp() -> Stamp:
    """Sizes and times of the journal's files, which change whenever it is written."""
    from meshtop.actions.journal.journal import journal_path

    path = journal_path()
    found = []
    for one in (path, f"{path}-wal", path.parent / "running"):
        try:
            status = os.stat(one)
        except OSError:
            continue
        found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)


class JournalWatch:
    """Watches for unfinished actions in the shown clusters; the journal may have actions of other clusters too."""

    def __init__(self, app: App[Any]) -> None:
        self._target = app
        self._stamp: Stamp | None = None
        self._alive = False
        self.unfinished: tuple[JournalRow, ...] = ()
        self.problems: tuple[str, ...] = ()
        self._unreadable = False

    def check(self) -> None:
        """Read the journal on a worker thread if it has changed, or if a running action's process may have ended."""
        found = journal_stamp()
        if found != self._stamp or self._alive:
            self._stamp = found
            work_on_thread(self._target, self._read, exclusive=True, group="journal")

    def _read(self) -> None:
        self._target.post_message(read_journal())

    def take(self, message: JournalRead, known: Known) -> bool:
        """Store what was read; returns whether the set of unfinished actions has changed."""
        self._alive = any(row.course.alive for row in message.opened)
        waiting = (row for row in message.opened if row.course.unfinished)
        before = (self.unfinished, self.problems)
        self.unfinished = rows_at_hand(waiting, known)
        self._unreadable = bool(message.problem)
        self.problems = (message.problem,) if message.problem else message.damaged
        return (self.unfinished, self.problems) != before

    @property
    def notice(self) -> str:
        """The top bar's notice of unfinished actions, else of what cannot be read; empty while there is neither."""
        if len(self.unfinished) > 1:
            return f"▲ {len(self.unfinished)} actions unfinished: J"
        if self.problems and not self.unfinished:
            return "▲ the journal cannot be read: J" if self._unreadable else "▲ the journal is damaged: J"
        return "".join(f"▲ {row.action.subject} {row.course.value}: J" for row in self.unfinished)


def attention_text(one: JournalRow, now: float) -> str:
    """An unfinished action as a line of the attention list: what, its state, since when, and by whom."""
    at = f" at {one.stopped_at}" if one.stopped_at else ""
    since = age(now - one.action.created)
    return f"{one.action.subject}: {one.action.kind} {one.course.value}{at} (J); begun {since} ago by {one.action.who}."
