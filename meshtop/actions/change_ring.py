"""What was seen to change while meshtop watched: a small ring on this machine, bounded in rows and bytes.

A SQLite file beside the journal, readable by the user alone, with a write-ahead log: what was written before a kill is
there afterwards. Nothing depends on it: where it cannot be opened or written, `problem` says why, and changes are known
from the clusters' own marks alone. It holds no secrets (`analysis.changes.seen`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from meshtop.model.changes import SeenChange
from meshtop.settings.environment import state_folder

MOST_ROWS = 20_000
MOST_BYTES = 16 * 1024 * 1024
KEEP_SECONDS = 7 * 86_400.0
SAME_SECONDS = 60.0
"""Two processes that watch the same cluster see a change so close together; it is written down once."""
_SCHEMA_VERSION = 1
_PAGE = 4096
_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, scope TEXT NOT NULL, kind TEXT NOT NULL,
  namespace TEXT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, before TEXT, after TEXT
);
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
"""
_COLUMNS = "at, scope, kind, namespace, name, path, before, after"


def ring_path() -> Path:
    """Where this user's ring of changes is, on this machine."""
    return state_folder(os.environ) / "changes.db"


class ChangeRing:
    """The ring of one user on one machine; used from several threads, and beside other processes."""

    def __init__(self, path: Path, *, most_rows: int = MOST_ROWS) -> None:
        self.path = path
        self.problem: str | None = None
        self._most_rows = most_rows
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._rows: list[SeenChange] = []
        self._rows_of: tuple[int, int] | None = None
        """The first and the last row of the file when `_rows` were read."""
        self._open()

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Created before SQLite would create it, so that others can never read it; never through a link.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            database = sqlite3.connect(self.path, isolation_level=None, timeout=2.0, check_same_thread=False)
            database.execute("PRAGMA journal_mode=WAL")
            (found,) = database.execute("PRAGMA user_version").fetchone()
            if found > _SCHEMA_VERSION:
                database.close()
                self.problem = f"{self.path} was written by a newer meshtop; use that one, or move the file away."
                return
            database.executescript(_SCHEMA)
            database.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
            database.execute(f"PRAGMA max_page_count={MOST_BYTES // _PAGE}")
            database.execute(f"PRAGMA journal_size_limit={MOST_BYTES // 4}")
        except (OSError, sqlite3.Error) as error:
            self._failed(error)
            return
        self._database = database

    def _failed(self, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self.problem = (
            f"{self.path} cannot be used ({why.lower()}): what is seen to change is not remembered; "
            "check its folder, or choose another with XDG_STATE_HOME."
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def note(self, changes: Sequence[SeenChange]) -> None:
        """Write down what was seen, unless another process did; the oldest goes where there are too many."""
        with self._lock:
            if self._database is None or not changes:
                return
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    self._write(self._database, changes)
                    self._database.execute("COMMIT")
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self.problem = None
            except sqlite3.Error as error:
                self._failed(error)

    def _write(self, database: sqlite3.Connection, changes: Sequence[SeenChange]) -> None:
        for one in changes[-self._most_rows :]:
            known = database.execute(
                "SELECT 1 FROM seen WHERE at BETWEEN ? AND ? AND scope = ? AND kind = ? AND namespace = ? AND name = ?"
                " AND path = ? AND before IS ? AND after IS ? LIMIT 1",
                (one.at - SAME_SECONDS, one.at + SAME_SECONDS, one.scope, one.kind, one.namespace, one.name, one.path,
                 one.before, one.after),
            ).fetchone()  # fmt: skip
            if known is None:
                row = (one.at, one.scope, one.kind, one.namespace, one.name, one.path, one.before, one.after)
                database.execute(f"INSERT INTO seen ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        newest = max(one.at for one in changes)
        database.execute("DELETE FROM seen WHERE at < ?", (newest - KEEP_SECONDS,))
        (last,) = database.execute("SELECT COALESCE(MAX(number), 0) FROM seen").fetchone()
        database.execute("DELETE FROM seen WHERE number <= ?", (last - self._most_rows,))

    def seen(self, since: float, until: float) -> list[SeenChange]:
        """What was seen in that time (Unix seconds), the oldest first; nothing where it cannot be read."""
        with self._lock:
            if self._database is None:
                return []
            try:
                # Asked at every picture, and nearly always the same: the rows are numbered, and none is ever changed.
                ends = self._database.execute(
                    "SELECT COALESCE(MIN(number), 0), COALESCE(MAX(number), 0) FROM seen"
                ).fetchone()
                if ends != self._rows_of:
                    rows = self._database.execute(f"SELECT {_COLUMNS} FROM seen ORDER BY at, number").fetchall()
                    self._rows, self._rows_of = [_seen(row) for row in rows], ends
            except sqlite3.Error as error:
                self._failed(error)
                return []
            rows_now = self._rows
        return [one for one in rows_now if since <= one.at <= until]


def _seen(row: tuple[float, str, str, str, str, str, str | None, str | None]) -> SeenChange:
    at, scope, kind, namespace, name, path, before, after = row
    return SeenChange(
        at=at, scope=scope, kind=kind, namespace=namespace, name=name, path=path, before=before, after=after
    )
