"""The journal as the console shows it: read on a worker thread, and what in it waits for somebody, in words."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from textual.message import Message

from meshtop.log import defects_logged
from meshtop.views.frame.numbers import age

if TYPE_CHECKING:
    from textual.app import App

    from meshtop.actions.journal.journal import Action
    from meshtop.actions.story import ClusterState, Course

_log = logging.getLogger(__name__)
MOST = 200
"""The latest actions that the screen lists."""
Stamp = tuple[tuple[int, int], ...]


class JournalRow(Struct, frozen=True):
    """An action with what the journal says of it by now."""

    action: Action
    course: Course
    states: tuple[ClusterState, ...]
    clusters: tuple[str, ...]
    stopped_at: str
    process: int | None

    @property
    def title(self) -> str:
        """What it is about."""
        return f"{self.action.kind} {self.action.subject}"


class JournalRead(Message):
    """What was read; the latest is the only one worth showing. `opened` are all actions that have not ended."""

    def __init__(self, actions: tuple[JournalRow, ...], opened: tuple[JournalRow, ...], problem: str = "") -> None:
        super().__init__()
        self.actions = actions
        self.opened = opened
        self.problem = problem

    def can_replace(self, message: Message) -> bool:
        """An older one that still waits is dropped."""
        return isinstance(message, JournalRead)


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
        actions = tuple(_told(action, path) for action in journal.actions(limit=limit)) if limit else ()
        return JournalRead(actions, tuple(_told(action, path) for action in journal.open_actions()))
    except JournalError as error:
        return JournalRead((), (), str(error))
    finally:
        journal.close()


def last_shift() -> JournalRow | None:
    """The latest shift of the journal."""
    from meshtop.actions.journal.journal import Journal, JournalError, journal_path

    path = journal_path()
    if not path.is_file():
        return None
    try:
        with contextlib.closing(Journal(path)) as journal:
            action = journal.last(kind="shift")
            return None if action is None else _told(action, path)
    except JournalError:
        return None


def _told(action: Action, journal: Path) -> JournalRow:
    from meshtop.actions.journal.lock import lock_holder
    from meshtop.actions.story import cluster_states, clusters_of, course_of, stopped_at

    course = course_of(action, journal)
    return JournalRow(
        action=action,
        course=course,
        states=cluster_states(action),
        clusters=clusters_of(action),
        stopped_at=stopped_at(action),
        process=lock_holder(journal, action.id) if course.alive else None,
    )


def stamp() -> Stamp:
    """Changes whenever the journal was written to."""
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
    """Knows what waits for somebody, of the clusters that are shown: the journal may hold actions on others too."""

    def __init__(self, app: App[Any]) -> None:
        self._target = app
        self._stamp: Stamp | None = None
        self._alive = False
        self.unfinished: tuple[JournalRow, ...] = ()

    def look(self) -> None:
        """Read it on a worker thread, if it has changed; what runs in a process may end without a word."""
        found = stamp()
        if found != self._stamp or self._alive:
            self._stamp = found
            self._target.run_worker(self._read, thread=True, exclusive=True, group="journal", exit_on_error=False)

    def _read(self) -> None:
        with defects_logged(_log, "reading the journal"):
            self._target.post_message(read_journal())

    def arrived(self, message: JournalRead, clusters: Collection[str]) -> bool:
        """Keep what was read; whether other things wait for somebody than before."""
        self._alive = any(told.course.alive for told in message.opened)
        waiting = (told for told in message.opened if told.course.unfinished)
        before, self.unfinished = self.unfinished, tuple(t for t in waiting if set(t.clusters) & set(clusters))
        return self.unfinished != before

    @property
    def notice(self) -> str:
        """What the top bar says while something waits; empty while nothing does."""
        if len(self.unfinished) > 1:
            return f"▲ {len(self.unfinished)} actions unfinished: J"
        return "".join(f"▲ {told.action.subject} {told.course.value}: J" for told in self.unfinished)


def sentence(one: JournalRow, now: float) -> str:
    """What waits, since when, and what to do, for the list of what needs somebody."""
    at = f" at {one.stopped_at}" if one.stopped_at else ""
    since = age(now - one.action.created)
    return f"{one.action.subject}: {one.action.kind} {one.course.value}{at} (J); begun {since} ago by {one.action.who}."
