"""The journal: every intention is on disk before its request is sent, every outcome after it.

SQLite in WAL mode with full synchronisation, in the user's XDG state folder, readable by the user alone. After a
kill, a power loss or a lost connection the journal shows what was in progress; weights and journal never differ by
more than the one request that was intended and not yet answered.
"""

from __future__ import annotations

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
from meshtop.model.errors import MeshtopError
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
_OBJECTS = msgspec.json.Decoder(dict[str, Any])


class JournalError(MeshtopError):
    """The journal cannot be read or written; nothing may be sent to clusters without it."""


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

    `clusters` maps names to identities; it is empty for an action of an older journal.
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
    """The journal of one user on one machine. Raises JournalError when it cannot be opened, read or written."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made before SQLite would make it, so that nobody else can read it at any moment.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unopened(error) from error
        try:
            self._prepare()
        except BaseException as error:
            self._database.close()
            if isinstance(error, sqlite3.Error):
                raise self._unopened(error) from error
            raise

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode=WAL")
        # WAL alone would lose the last entries in a power cut; an intention must be on disk before its request leaves.
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("PRAGMA foreign_keys=ON")
        (found,) = self._database.execute("PRAGMA user_version").fetchone()
        if found > SCHEMA_VERSION:
            raise JournalError(
                f"The journal {self.path} was written by a newer meshtop; use that one, or move the file away."
            )
        if found < SCHEMA_VERSION:
            self._database.executescript(_SCHEMA)
            self._database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _unopened(self, error: OSError | sqlite3.Error) -> JournalError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return JournalError(
            f"The journal {self.path} cannot be opened: {why.lower()}; "
            "check its folder, or choose another with XDG_STATE_HOME."
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

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
        return self._read("", (), limit)

    def open_actions(self) -> list[Action]:
        """Every action that has not ended, newest first, with its entries."""
        marks = ", ".join("?" * len(OPEN_STATES))
        return self._read(f"WHERE state IN ({marks})", OPEN_STATES)

    def action(self, identity: str) -> Action | None:
        """The action with that id or unique prefix of an id, with its entries; None when there is none."""
        if not identity:
            return None
        found = self._read("WHERE id = ?", (identity,))
        # A second one of the same beginning is enough to know that it is not unique.
        found = found or self._read("WHERE substr(id, 1, ?) = ?", (len(identity), identity), 2)
        return found[0] if len(found) == 1 else None

    def all_of(self, kind: str) -> list[Action]:
        """Every action of a kind, newest first, with its entries."""
        return self._read("WHERE kind = ?", (kind,))

    def last(self, *, kind: str | None = None) -> Action | None:
        """The newest action with its entries, optionally of one kind."""
        found = self._read("", (), 1) if kind is None else self._read("WHERE kind = ?", (kind,), 1)
        return found[0] if found else None

    def _read(self, chosen: str, arguments: Sequence[str | int], limit: int = -1) -> list[Action]:
        """The actions selected by a WHERE clause, newest first; one query for them, one for all their entries."""
        where = f"FROM actions {chosen} ORDER BY created DESC, rowid DESC LIMIT ?"
        arguments = (*arguments, limit)
        try:
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
            return _decoded(rows, entries, clusters)
        except (sqlite3.Error, msgspec.MsgspecError, TypeError, ValueError) as error:
            why = str(error).rstrip(".")
            raise JournalError(
                f"The journal {self.path} cannot be read: {why}; restore the file, or move it away."
            ) from error


def _decoded(
    rows: Iterable[Sequence[Any]], entries: Iterable[Sequence[Any]], clusters: Iterable[Sequence[Any]]
) -> list[Action]:
    """Rows of `_ACTION_COLUMNS` with their rows of `_ENTRY_COLUMNS` and `_CLUSTER_COLUMNS`.

    Raises ValueError for invalid data.
    """
    identities: dict[str, dict[str, ClusterIdentity]] = {}
    for action, name, uid, server in clusters:
        identities.setdefault(action, {})[name] = ClusterIdentity(uid, server)
    of_action: dict[str, list[Entry]] = {}
    for action, number, moment, event, cluster, object_, detail in entries:
        told = _OBJECTS.decode(detail)
        of_action.setdefault(action, []).append(Entry(number, moment, EntryKind(event), cluster, object_, told))
    return [
        Action(
            id=identity,
            kind=kind,
            created=created,
            who=who,
            origin=origin,
            reason=reason,
            subject=subject,
            plan=_OBJECTS.decode(plan),
            state=ActionState(state),
            ended=ended,
            entries=tuple(of_action.get(identity, ())),
            clusters=identities.get(identity, {}),
        )
        for identity, kind, created, who, origin, reason, subject, plan, state, ended in rows
    ]
