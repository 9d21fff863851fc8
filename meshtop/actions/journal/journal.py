"""The journal: every intention is on disk before its request leaves, every outcome after it.

SQLite in WAL mode with full synchronisation, in the user's XDG state folder, readable by the user alone. After a
kill, a power loss or a lost line the journal says what was under way; weights and journal never disagree by more
than the one request that was intended and not yet answered.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from meshtop.model.errors import MeshtopError

SHIFT, PROPAGATE = "shift", "propagate"
"""The kinds of action, which are also the rights that the access policy is asked for (INTERFACE.md)."""
SCHEMA_VERSION = 1
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
"""


class JournalError(MeshtopError):
    """The journal cannot be read or written, in one sentence; nothing may be sent without it."""


class ActionState(StrEnum):
    """Where an action stands."""

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
    """An action: who wanted what, why, when, from where, and what came of it."""

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

    @property
    def open(self) -> bool:
        """Whether it is under way, or was when its process ended."""
        return self.state in OPEN_STATES

    def unanswered(self) -> tuple[Entry, ...]:
        """Intentions without an outcome: what a crash left in doubt."""
        waiting: dict[tuple[str, str], Entry] = {}
        for entry in self.entries:
            if entry.event is EntryKind.INTENDED:
                waiting[entry.cluster, entry.object] = entry
            elif entry.event is not EntryKind.NOTE:
                waiting.pop((entry.cluster, entry.object), None)
        return tuple(waiting.values())


def state_folder(environment: dict[str, str] | None = None) -> Path:
    """The folder for what meshtop must remember: `$XDG_STATE_HOME/meshtop`, else `~/.local/state/meshtop`."""
    environment = dict(os.environ) if environment is None else environment
    base = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "meshtop"


def journal_path() -> Path:
    """Where this user's journal is, on this machine."""
    return state_folder() / "journal.db"


class Journal:
    """The journal of one user on one machine. Raises JournalError when it cannot be opened or written."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA foreign_keys=ON")
            (found,) = self._database.execute("PRAGMA user_version").fetchone()
            if found > SCHEMA_VERSION:
                raise JournalError(f"{path} was written by a newer meshtop; use that one, or move the file away")
            if found < SCHEMA_VERSION:
                self._database.executescript(_SCHEMA)
                self._database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise JournalError(
                f"The journal {path} cannot be opened: {why.lower()}; "
                "see to its place, or name another with XDG_STATE_HOME."
            ) from error

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
            raise JournalError(f"The journal {self.path} cannot be written: {error}; see to its place.") from error

    def begin(self, *, kind: str, who: str, origin: str, reason: str, subject: str, plan: dict[str, Any]) -> Action:
        """Write down a new action, running from this moment."""
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
        )
        with self._writing() as database:
            database.execute(
                "INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (action.id, kind, now, who, origin, reason, subject, msgspec.json.encode(plan), action.state),
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
        """Say where an action stands."""
        ended = None if state in OPEN_STATES else self._clock()
        with self._writing() as database:
            database.execute("UPDATE actions SET state = ?, ended = ? WHERE id = ?", (state, ended, action))

    def update_plan(self, action: str, plan: dict[str, Any]) -> None:
        """Replace an action's plan: what it read and reckoned once it looked at the clusters."""
        with self._writing() as database:
            database.execute("UPDATE actions SET plan = ? WHERE id = ?", (msgspec.json.encode(plan), action))

    def actions(self, *, limit: int = 100) -> list[Action]:
        """The latest actions, newest first, with their entries."""
        rows = self._database.execute(
            "SELECT id FROM actions ORDER BY created DESC, rowid DESC LIMIT ?", (limit,)
        ).fetchall()
        return [found for (identity,) in rows if (found := self.action(identity)) is not None]

    def open_actions(self) -> list[Action]:
        """Every action that has not ended, newest first."""
        marks = ", ".join("?" * len(OPEN_STATES))
        rows = self._database.execute(
            f"SELECT id FROM actions WHERE state IN ({marks}) ORDER BY created DESC, rowid DESC", OPEN_STATES
        ).fetchall()
        return [found for (identity,) in rows if (found := self.action(identity)) is not None]

    def action(self, identity: str) -> Action | None:
        """One action with its entries, None when there is none of that id (or of a unique beginning of one)."""
        rows = self._database.execute(
            "SELECT id, kind, created, who, origin, reason, subject, plan, state, ended FROM actions "
            "WHERE id = ? OR substr(id, 1, ?) = ?",
            (identity, len(identity), identity),
        ).fetchall()
        exact = [row for row in rows if row[0] == identity] or rows
        if len(exact) != 1 or not identity:
            return None
        row = exact[0]
        entries = self._database.execute(
            "SELECT number, time, event, cluster, object, detail FROM entries WHERE action = ? ORDER BY number",
            (row[0],),
        )
        return Action(
            id=row[0],
            kind=row[1],
            created=row[2],
            who=row[3],
            origin=row[4],
            reason=row[5],
            subject=row[6],
            plan=msgspec.json.decode(row[7]),
            state=ActionState(row[8]),
            ended=row[9],
            entries=tuple(
                Entry(number, moment, EntryKind(event), cluster, object_, msgspec.json.decode(detail))
                for number, moment, event, cluster, object_, detail in entries
            ),
        )

    def last(self, *, kind: str | None = None) -> Action | None:
        """The newest action, of one kind where that is asked."""
        return next((a for a in self.actions() if kind in (None, a.kind)), None)
