"""The journal in the console: read on a worker thread, with its unfinished actions."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from textual.message import Message

from meshtop.log import defects_logged
from meshtop.views.frame.numbers import age

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
    """Message: the journal was read. It has the latest actions, and in `opened` all that have not ended."""

    def __init__(self, actions: tuple[JournalRow, ...], opened: tuple[JournalRow, ...], problem: str = "") -> None:
        super().__init__()
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
    from meshtop.actions.journal.journal import Journal, JournalError, journal_path

    path = journal_path()
    if not path.is_file():
        return JournalRead((), ())
    try:
        journal = Journal(path)
    except JournalError as error:
        return JournalRead((), (), str(error))
    try:
        actions = tuple(_row_of(action, path) for action in journal.actions(limit=limit)) if limit else ()
        return JournalRead(actions, tuple(_row_of(action, path) for action in journal.open_actions()))
    except JournalError as error:
        return JournalRead((), (), str(error))
    finally:
        journal.close()


def last_shift(known: Known) -> JournalRow | None:
    """The latest shift of the journal in the shown clusters."""
    from meshtop.actions.at_hand import actions_at_hand
    from meshtop.actions.journal.journal import Journal, JournalError, journal_path

    path = journal_path()
    if not path.is_file():
        return None
    try:
        with contextlib.closing(Journal(path)) as journal:
            found = actions_at_hand(journal.all_of("shift"), known)
            return _row_of(found[0], path) if found else None
    except JournalError:
        return None


def _row_of(action: Action, journal: Path) -> JournalRow:
    from meshtop.actions.at_hand import written_clusters
    from meshtop.actions.journal.lock import lock_holder
    from meshtop.actions.story import cluster_states, course_of, stopped_at

    course = course_of(action, journal)
    return JournalRow(
        action=action,
        course=course,
        states=cluster_states(action),
        clusters=written_clusters(action),
        stopped_at=stopped_at(action),
        process=lock_holder(journal, action.id) if course.alive else None,
    )


def journal_stamp() -> Stamp:
    """Sizes and times of the journal's files, which change whenever it is written."""
    from meshtop.actions.journal.journal import journal_path

    path = journal_path()
    found = []
    for one in (path, path.with_name(f"{path.name}-wal"), path.parent / "running"):
        try:
            status = one.stat()
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

    def check(self) -> None:
        """Read the journal on a worker thread if it has changed, or if a running action's process may have ended."""
        found = journal_stamp()
        if found != self._stamp or self._alive:
            self._stamp = found
            self._target.run_worker(self._read, thread=True, exclusive=True, group="journal", exit_on_error=False)

    def _read(self) -> None:
        with defects_logged(_log, "reading the journal"):
            self._target.post_message(read_journal())

    def take(self, message: JournalRead, known: Known) -> bool:
        """Store what was read; returns whether the set of unfinished actions has changed."""
        self._alive = any(row.course.alive for row in message.opened)
        waiting = (row for row in message.opened if row.course.unfinished)
        before, self.unfinished = self.unfinished, rows_at_hand(waiting, known)
        return self.unfinished != before

    @property
    def notice(self) -> str:
        """The top bar's notice of unfinished actions; empty while there are none."""
        if len(self.unfinished) > 1:
            return f"▲ {len(self.unfinished)} actions unfinished: J"
        return "".join(f"▲ {row.action.subject} {row.course.value}: J" for row in self.unfinished)


def attention_text(one: JournalRow, now: float) -> str:
    """An unfinished action as a line of the attention list: what, its state, since when, and by whom."""
    at = f" at {one.stopped_at}" if one.stopped_at else ""
    since = age(now - one.action.created)
    return f"{one.action.subject}: {one.action.kind} {one.course.value}{at} (J); begun {since} ago by {one.action.who}."
