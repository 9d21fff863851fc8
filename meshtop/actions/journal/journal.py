"""The journal: every intention is on disk before its request is sent, every outcome after it.

SQLite in WAL mode with full synchronisation, in the user's XDG state folder, readable by the user alone. After a
kill, a power loss or a lost connection the journal shows what was in progress; weights and journal never differ by
more than the one request that was intended and not yet answered.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from meshtop.actions.cluster_identity import ClusterIdentity
from meshtop.actions.journal.fields import known_word, require_text, sortable, stored_moment, stored_object
from meshtop.actions.journal.journal_error import DamagedRow, JournalError
from meshtop.actions.journal.opening import open_to_read, open_to_write
from meshtop.actions.journal.place import OTHER_PLACE
from meshtop.actions.journal.salvage import salvage
from meshtop.settings.environment import state_folder

SHIFT, PROPAGATE = "shift", "propagate"
"""The kinds of action, which are also the names of rights in the access policy (INTERFACE.md)."""
SCHEMA_VERSION = 2
"""Schema version. 2 stores the identities of an action's clusters; actions of version 1 have only names."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS actions (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, created REAL NOT NULL, who TEXT NOT NULL, origin TEXT NOT NULL,
  reason TEXT NOT NULL, subject TEXT NOT NULL, plan BLOB NOT NULL, state TEXT NOT NULL, ended REAL
);
CREATE TABLE IF NOT EXISTS entries (
  number INTEGER PRIMARY KEY AUTOINCREMENT, action TEXT NOT NULL REFERENCES actions(id), time REAL NOT NULL,
  event TEXT NOT NULL, cluster TEXT NOT NULL, object TEXT NOT NULL, detail BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_by_action ON entries(action, number);
CREATE TABLE IF NOT EXISTS clusters (
  action TEXT NOT NULL REFERENCES actions(id), name TEXT NOT NULL, uid TEXT NOT NULL, server TEXT NOT NULL,
  PRIMARY KEY (action, name)
);
"""
_ACTION_COLUMNS = "id, kind, created, who, origin, reason, subject, plan, state, ended"
_ENTRY_COLUMNS = "action, number, time, event, cluster, object, detail"
_CLUSTER_COLUMNS = "action, name, uid, server"
_STATE, _CREATED = 8, 2
"""Where state and time stand in `_ACTION_COLUMNS`."""
Row = tuple[Any, ...]
_log = logging.getLogger(__name__)


class ActionState(StrEnum):
    """State of an action."""

    RUNNING = "running"
    PAUSED = "paused"
    TAKING_BACK = "taking-back"
    DONE = "done"
    ROLLED_BACK = "rolled-back"
    HELD = "held"
    FAILED = "failed"


OPEN_STATES = (ActionState.RUNNING, ActionState.PAUSED, ActionState.TAKING_BACK, ActionState.HELD)
ENDED_STATES = tuple(state for state in ActionState if state not in OPEN_STATES)


class EntryKind(StrEnum):
    """What an entry records: an intention and its outcome, or a remark."""

    INTENDED = "intended"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOTE = "note"


class Entry(Struct, frozen=True, rename="camel"):
    """One line of an action's history; `time` is Unix seconds."""

    number: int
    time: float
    event: EntryKind
    cluster: str
    object: str
    detail: dict[str, Any]


class Action(Struct, frozen=True, rename="camel", kw_only=True):
    """An action: its plan, reason, user, time, machine, clusters, state and entries.

    `clusters` maps names to identities; it is empty for an action of an older journal. `damage` says what of it
    cannot be read: it can be looked at, and nothing may be written because of it.
    """

    id: str
    kind: str
    created: float
    who: str
    origin: str
    reason: str
    subject: str
    plan: dict[str, Any]
    state: ActionState
    ended: float | None = None
    entries: tuple[Entry, ...] = ()
    clusters: dict[str, ClusterIdentity] = {}
    damage: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it is in progress, or was when its process ended."""
        return self.state in OPEN_STATES

    def unanswered(self) -> tuple[Entry, ...]:
        """Intentions without an outcome, as left by a crash."""
        waiting: dict[tuple[str, str], Entry] = {}
        for entry in self.entries:
            if entry.event is EntryKind.INTENDED:
                waiting[entry.cluster, entry.object] = entry
            elif entry.event is not EntryKind.NOTE:
                waiting.pop((entry.cluster, entry.object), None)
        return tuple(waiting.values())


def journal_path() -> Path:
    """The path of this user's journal on this machine."""
    return state_folder(os.environ) / "journal.db"


class Journal:
    """The journal of one user on one machine. Raises JournalError when it cannot be opened, read or written.

    With `reading` it is looked at only: a file that is not there is an empty journal, and one that cannot be written
    (another user's, on a read-only file system) is read as it is. `notes` are sentences about odd permissions,
    `damaged` what could not be read so far.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, reading: bool = False) -> None:
        self.path = path
        self._clock = clock
        self._damaged: dict[str, DamagedRow] = {}
        opened = open_to_read(path) if reading else open_to_write(path)
        self._database, self._unlink, self.notes = opened.database, opened.dispose, opened.notes
        try:
            self._prepare(reading=reading)
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error):
                raise self._unopened(error) from error
            raise

    def _prepare(self, *, reading: bool) -> None:
        # A text that is not UTF-8 costs itself and not its row.
        self._database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        (self._version,) = self._database.execute("PRAGMA user_version").fetchone()
        if self._version > SCHEMA_VERSION:
            raise JournalError(
                f"The journal {self.path} was written by a newer meshtop; use that one, or move the file away."
            )
        if reading:
            # An empty file is what another process has just begun to make.
            self._empty = not self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            self._database.execute("PRAGMA query_only=ON")
            return
        self._empty = False
        self._database.execute("PRAGMA journal_mode=WAL")
        # WAL alone would lose the last entries in a power cut; an intention must be on disk before its request leaves.
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("PRAGMA foreign_keys=ON")
        if self._version < SCHEMA_VERSION:
            self._database.executescript(_SCHEMA)
            self._database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            self._version = SCHEMA_VERSION

    def _unopened(self, error: sqlite3.Error) -> JournalError:
        return JournalError(f"The journal {self.path} cannot be opened: {str(error).lower()}; {OTHER_PLACE}")

    @property
    def damaged(self) -> tuple[DamagedRow, ...]:
        """The rows that could not be read so far."""
        return tuple(self._damaged.values())

    def close(self) -> None:
        """Close the file."""
        self._database.close()
        self._unlink()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(f"The journal {self.path} cannot be written: {error}; check its folder.") from error

    def begin(
        self,
        *,
        kind: str,
        who: str,
        origin: str,
        reason: str,
        subject: str,
        plan: dict[str, Any],
        clusters: Mapping[str, ClusterIdentity] | None = None,
    ) -> Action:
        """Record a new action in state running; `clusters` are the identities of those it writes to, by name."""
        now = self._clock()
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        action = Action(
            id=f"{moment}-{secrets.token_hex(2)}",
            kind=kind,
            created=now,
            who=who,
            origin=origin,
            reason=reason,
            subject=subject,
            plan=plan,
            state=ActionState.RUNNING,
            clusters=dict(clusters or {}),
        )
        with self._writing() as database:
            database.execute(
                "INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (action.id, kind, now, who, origin, reason, subject, msgspec.json.encode(plan), action.state),
            )
            database.executemany(
                "INSERT INTO clusters VALUES (?, ?, ?, ?)",
                [(action.id, name, one.uid, one.server) for name, one in action.clusters.items()],
            )
        return action

    def write(self, action: str, event: EntryKind, *, cluster: str = "", object_: str = "", **detail: Any) -> None:
        """Add an entry; it is on disk when this returns."""
        with self._writing() as database:
            database.execute(
                "INSERT INTO entries (action, time, event, cluster, object, detail) VALUES (?, ?, ?, ?, ?, ?)",
                (action, self._clock(), event, cluster, object_, msgspec.json.encode(detail)),
            )

    def set_state(self, action: str, state: ActionState) -> None:
        """Set the state of an action."""
        ended = None if state in OPEN_STATES else self._clock()
        with self._writing() as database:
            database.execute("UPDATE actions SET state = ?, ended = ? WHERE id = ?", (state, ended, action))

    def update_plan(self, action: str, plan: dict[str, Any]) -> None:
        """Replace an action's plan by the one computed after reading the clusters."""
        with self._writing() as database:
            database.execute("UPDATE actions SET plan = ? WHERE id = ?", (msgspec.json.encode(plan), action))

    def actions(self, *, limit: int = 100) -> list[Action]:
        """The latest actions, at most `limit`, newest first, with their entries."""
        return self._read("", (), limit=limit)

    def open_actions(self) -> list[Action]:
        """Every action that has not ended, newest first, with its entries; a state that is not known is no end."""
        marks = ", ".join("?" * len(ENDED_STATES))
        return self._read(f"WHERE state NOT IN ({marks})", ENDED_STATES, lambda row: row[_STATE] not in ENDED_STATES)

    def action(self, identity: str) -> Action | None:
        """The action with that id or unique prefix of an id, with its entries; None when there is none."""
        if not identity:
            return None
        found = self._read("WHERE id = ?", (identity,), lambda row: row[0] == identity)
        # A second one of the same beginning is enough to know that it is not unique.
        found = found or self._read(
            "WHERE substr(id, 1, ?) = ?",
            (len(identity), identity),
            lambda row: str(row[0]).startswith(identity),
            limit=2,
        )
        return found[0] if len(found) == 1 else None

    def all_of(self, kind: str) -> list[Action]:
        """Every action of a kind, newest first, with its entries."""
        return self._read("WHERE kind = ?", (kind,), lambda row: row[1] == kind)

    def last(self, *, kind: str | None = None) -> Action | None:
        """The newest action with its entries, of one kind where that is asked; None where that one cannot be read."""
        if kind is None:
            found = self._read("", (), limit=1)
        else:
            found = self._read("WHERE kind = ?", (kind,), lambda row: row[1] == kind, limit=1)
        return found[0] if found else None

    def _read(
        self,
        chosen: str,
        arguments: Sequence[str | int],
        matches: Callable[[Row], bool] = lambda row: True,
        limit: int = -1,
    ) -> list[Action]:
        """The actions that a WHERE clause (and, of a damaged file, `matches`) chooses, newest first.

        One query for them and one for all of their entries. What cannot be read is added to `damaged`.
        """
        if self._empty:
            return []
        try:
            return self._decoded(*self._fetch(chosen, (*arguments, limit)))
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise JournalError(
                    f"The journal {self.path} cannot be read: another process is writing to it; try again."
                ) from error
        return self._salvaged(matches, limit)

    def _fetch(self, chosen: str, arguments: Sequence[str | int]) -> tuple[list[Row], list[Row], list[Row]]:
        where = f"FROM actions {chosen} ORDER BY created DESC, rowid DESC LIMIT ?"
        # One transaction, so that no action comes without an entry that another process adds in between.
        self._database.execute("BEGIN")
        try:
            rows = self._database.execute(f"SELECT {_ACTION_COLUMNS} {where}", arguments).fetchall()
            entries = self._database.execute(
                f"SELECT {_ENTRY_COLUMNS} FROM entries JOIN (SELECT id {where}) AS chosen"
                " ON entries.action = chosen.id ORDER BY entries.action, number",
                arguments,
            ).fetchall()
            clusters = self._database.execute(
                f"SELECT {_CLUSTER_COLUMNS} FROM clusters JOIN (SELECT id {where}) AS chosen"
                " ON clusters.action = chosen.id ORDER BY clusters.rowid",
                arguments,
            ).fetchall()
        finally:
            self._database.execute("COMMIT")
        return rows, entries, clusters

    def _salvaged(self, matches: Callable[[Row], bool], limit: int) -> list[Action]:
        """What a damaged file still says, read row by row."""
        actions = salvage(self._database, "actions", _ACTION_COLUMNS)
        entries = salvage(self._database, "entries", _ENTRY_COLUMNS)
        clusters = salvage(self._database, "clusters", _CLUSTER_COLUMNS)
        # A journal of version 1 has no table of clusters, and none is missing.
        parts = (*entries.lost, *(clusters.lost if self._version >= SCHEMA_VERSION else ()))
        lost = (*actions.lost, *parts)
        for one in lost:
            self._note(DamagedRow("a part of the journal", one))
        rows = [row for row in actions.rows if matches(row)]
        rows.sort(key=lambda row: sortable(row[_CREATED]), reverse=True)
        rows = rows if limit < 0 else rows[:limit]
        return self._decoded(rows, entries.rows, clusters.rows, damage=parts)

    def _note(self, row: DamagedRow) -> None:
        if row.where + row.why not in self._damaged:
            _log.warning("the journal %s: %s", self.path, row.sentence)
        self._damaged[row.where + row.why] = row

    def _decoded(
        self, rows: Iterable[Row], entries: Iterable[Row], clusters: Iterable[Row], damage: tuple[str, ...] = ()
    ) -> list[Action]:
        """Rows of `_ACTION_COLUMNS` with their rows of `_ENTRY_COLUMNS` and `_CLUSTER_COLUMNS`."""
        wrong: dict[str, list[str]] = {}
        identities: dict[str, dict[str, ClusterIdentity]] = {}
        for action, name, uid, server in clusters:
            identities.setdefault(action, {})[str(name)] = ClusterIdentity(str(uid), str(server))
        of_action: dict[str, list[Entry]] = {}
        for row in entries:
            try:
                of_action.setdefault(row[0], []).append(_entry(row))
            except ValueError as error:
                wrong.setdefault(row[0], []).append(f"entry {row[1]} cannot be read: {error}")
        found = []
        for row in rows:
            identity = row[0]
            of_it = (*wrong.get(identity, ()), *damage)
            for one in wrong.get(identity, ()):
                self._note(DamagedRow(f"a part of action {identity}", one, str(identity)))
            try:
                found.append(_action(row, of_action.get(identity, ()), identities.get(identity, {}), of_it))
            except ValueError as error:
                created = row[_CREATED] if isinstance(row[_CREATED], float) else None
                self._note(DamagedRow(f"action {identity}", str(error), str(identity), created))
        return found


def _entry(row: Row) -> Entry:
    """A row of `_ENTRY_COLUMNS`. Raises ValueError that says what is wrong with it."""
    _, number, moment, event, cluster, object_, detail = row
    require_text(cluster=cluster, object=object_)
    kind = known_word(event, EntryKind, "event")
    return Entry(number, stored_moment(moment, "time"), kind, cluster, object_, stored_object(detail, "detail"))


def _action(
    row: Row, entries: Iterable[Entry], clusters: dict[str, ClusterIdentity], damage: tuple[str, ...]
) -> Action:
    """A row of `_ACTION_COLUMNS`. Raises ValueError that says what is wrong with it."""
    identity, kind, created, who, origin, reason, subject, plan, state, ended = row
    require_text(id=identity, kind=kind, who=who, origin=origin, reason=reason, subject=subject)
    return Action(
        id=identity,
        kind=kind,
        created=stored_moment(created, "time"),
        who=who,
        origin=origin,
        reason=reason,
        subject=subject,
        plan=stored_object(plan, "plan"),
        state=known_word(state, ActionState, "state"),
        ended=None if ended is None else stored_moment(ended, "end"),
        entries=tuple(entries),
        clusters=clusters,
        damage=damage,
    )
