"""What needed attention, remembered on this machine: seen first, acknowledged, gone.

A small SQLite file beside the journal, readable by the user alone. Nothing depends on it: where it cannot be opened or
written, every item is seen for the first time, and `problem` says why. Nothing is ever sent to a cluster.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from meshtop.actions.journal.journal import Journal, journal_path
from meshtop.actions.journal.journal_error import JournalError
from meshtop.model.attention import Acknowledgement, PastChange, Remembered, Sighting
from meshtop.model.errors import MeshtopError
from meshtop.model.state import Severity
from meshtop.settings.environment import state_folder

WRITE_EVERY_SECONDS = 60.0
"""What is still there is written down so often; what comes and goes, at once."""
GONE_AFTER_SECONDS = 120.0
"""What was not seen for so long has gone away: one look may miss what another sees."""
BACK_WITHIN_SECONDS = 1800.0
"""What comes back so soon is the same thing still, and is known since it was first seen."""
KEEP_SECONDS = 30 * 86_400.0
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
  id TEXT NOT NULL, scope TEXT NOT NULL, severity TEXT NOT NULL, title TEXT NOT NULL, since REAL,
  clusters TEXT NOT NULL, follows TEXT NOT NULL, first_seen REAL NOT NULL, last_seen REAL NOT NULL, gone REAL,
  PRIMARY KEY (id, scope)
);
CREATE TABLE IF NOT EXISTS acknowledgements (
  id TEXT NOT NULL, scope TEXT NOT NULL, at REAL NOT NULL, until REAL, reason TEXT NOT NULL, severity TEXT NOT NULL,
  PRIMARY KEY (id, scope)
);
"""
_ORDER = [Severity.INFO, Severity.WARNING, Severity.ERROR]
_Identity = tuple[str, str]


class AttentionError(MeshtopError):
    """The memory of what needs attention cannot be read or written, or an id is not known; in one sentence."""


class KnownItem(Struct, frozen=True, kw_only=True):
    """An item as it is remembered; times are Unix seconds, `gone` when it went away."""

    id: str
    scope: str
    severity: Severity
    title: str
    since: float | None
    clusters: tuple[str, ...]
    follows: str
    first_seen: float
    last_seen: float
    gone: float | None
    acknowledged: Acknowledgement | None = None

    @property
    def servers(self) -> frozenset[str]:
        """The API servers of the clusters that it stands in: names are one kubeconfig's, these tell fleets apart."""
        return frozenset(self.scope.split(","))


def attention_path() -> Path:
    """Where this user's memory of what needs attention is, on this machine."""
    return state_folder(os.environ) / "attention.db"


class AttentionStore:
    """The memory of one user on one machine; used from several threads, and beside other processes."""

    def __init__(self, path: Path, *, journal: Path | None = None) -> None:
        self.path = path
        self.problem: str | None = None
        self._journal = journal
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._known: dict[_Identity, KnownItem] = {}
        self._written: dict[_Identity, float] = {}
        self._open()

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            database = sqlite3.connect(self.path, isolation_level=None, timeout=2.0, check_same_thread=False)
            database.execute("PRAGMA journal_mode=WAL")
            (found,) = database.execute("PRAGMA user_version").fetchone()
            if found > _SCHEMA_VERSION:
                database.close()
                self.problem = f"{self.path} was written by a newer meshtop; use that one, or move the file away."
                return
            database.executescript(_SCHEMA)
            database.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        except (OSError, sqlite3.Error) as error:
            self._failed(error)
            self._open_to_read()
            return
        self._database = database

    def _open_to_read(self) -> None:
        """A state folder that may only be read still says what was known."""
        try:
            database = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, timeout=2.0, check_same_thread=False
            )
            database.execute("SELECT 1 FROM items LIMIT 1")
        except (ValueError, sqlite3.Error):
            return
        self._database = database

    def _failed(self, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self.problem = (
            f"{self.path} cannot be written ({why.lower()}): what needs attention is not remembered; "
            "check its folder, or choose another with XDG_STATE_HOME."
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def see(self, sightings: Iterable[Sighting], at: float, *, read: Mapping[str, str]) -> Mapping[str, Remembered]:
        """What is remembered of these items, seen at Unix seconds `at`.

        Others that stand in clusters that were `read` (servers by name) only are gone.
        """
        with self._lock:
            try:
                known = {(one.id, one.scope): one for one in self._rows()}
            except sqlite3.Error as error:
                self._failed(error)
                known = self._known
            found = {}
            changed: list[KnownItem] = []
            sightings = tuple(sightings)
            for sighting in sightings:
                identity = (sighting.id, sighting.scope)
                before = known.get(identity) or self._known.get(identity)
                now = _seen(sighting, before, at)
                self._known[identity] = now
                if (
                    before is None
                    or _differs(before, now)
                    or at - self._written.get(identity, 0.0) >= WRITE_EVERY_SECONDS
                ):
                    changed.append(now)
                    self._written[identity] = at
                if not sighting.follows:
                    acknowledged = _in_force(before, now, at)
                    found[sighting.id] = Remembered(first_seen=now.first_seen, acknowledged=acknowledged)
            seen = {(one.id, one.scope) for one in sightings}
            gone = [
                one
                for identity, one in known.items()
                if identity not in seen
                and one.gone is None
                and set(one.clusters) <= set(read)
                and one.scope == ",".join(sorted(read[name] for name in one.clusters))
                and at - max(one.last_seen, self._last_seen(identity)) >= GONE_AFTER_SECONDS
            ]
            self._write(changed, gone, at)
            return found

    def changes(self, since: float, until: float) -> tuple[PastChange, ...]:
        """What meshtop changed in that time, by its journal."""
        path = self._journal if self._journal is not None else journal_path()
        if not path.exists():
            return ()
        try:
            journal = Journal(path)
        except JournalError:
            return ()
        try:
            found = []
            for action in journal.actions(limit=50):
                reason = f" ({action.reason})" if action.reason else ""
                for entry in action.entries:
                    if since <= entry.time <= until and entry.event == "done" and entry.cluster:
                        namespace, _, name = entry.object.rpartition(" ")[2].partition("/")
                        found.append(
                            PastChange(
                                at=entry.time,
                                title=f"{action.kind} {action.subject} by {action.who}{reason}",
                                cluster=entry.cluster,
                                namespace=namespace,
                                name=name,
                            )
                        )
            return tuple(found)
        except JournalError:
            return ()
        finally:
            journal.close()

    @property
    def held(self) -> int:
        """How many items this process holds in memory, beside the file."""
        return len(self._known.keys() | self._written.keys())

    def items(self, servers: Collection[str] | None = None) -> list[KnownItem]:
        """What is remembered of the fleet with these API servers, what is there first; None is of every fleet.

        Raises AttentionError where it cannot be read: that is not the same as nothing.
        """
        with self._lock:
            if self._database is None and self.problem is not None and not self._known:
                raise AttentionError(self.problem)
            try:
                found = self._rows()
            except sqlite3.Error as error:
                raise AttentionError(f"{self.path} cannot be read: {error}.") from error
        if servers is not None:
            found = [one for one in found if one.servers <= set(servers)]
        return sorted(found, key=lambda one: (one.gone is not None, -(one.gone or one.last_seen), one.id))

    def find(self, wanted: str, servers: Collection[str] | None = None) -> list[KnownItem]:
        """The items of a fleet that an id means. Raises AttentionError where there are none or several.

        They are several of one id where it was looked at in some of its clusters only. The end of an id is enough where
        it is the end of one only, and so is the id as `get -o name` prints it.
        """
        there = [one for one in self.items(servers) if one.gone is None]
        name = wanted.removeprefix("attention/")
        exact = [one for one in there if one.id == name]
        if exact:
            return exact
        ends = [one for one in there if one.id.endswith(f"/{name}")]
        ids = sorted({one.id for one in ends})
        if len(ids) == 1:
            return ends
        if ids:
            raise AttentionError(f"{wanted} means {len(ids)} items: {', '.join(ids[:4])}; give one of these ids.")
        raise AttentionError(
            f"No item {wanted} of these clusters needs attention; meshtop get attention -o name lists their ids."
        )

    def acknowledge(self, items: Iterable[KnownItem], *, at: float, until: float | None, reason: str) -> None:
        """Step items back until Unix seconds `until`, or until they go away. Raises AttentionError."""
        rows = [(one.id, one.scope, at, until, reason, one.severity.value) for one in items]
        self._must("INSERT OR REPLACE INTO acknowledgements VALUES (?, ?, ?, ?, ?, ?)", rows)

    def take_back(self, items: Iterable[KnownItem]) -> None:
        """Let acknowledged items step forward again. Raises AttentionError."""
        self._must("DELETE FROM acknowledgements WHERE id = ? AND scope = ?", [(one.id, one.scope) for one in items])

    def _must(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._lock:
            if self._database is None or self.problem is not None:
                raise AttentionError(self.problem or f"{self.path} is closed.")
            try:
                self._database.executemany(statement, rows)
            except sqlite3.Error as error:
                raise AttentionError(f"{self.path} cannot be written: {error}; check its folder.") from error

    def _rows(self) -> list[KnownItem]:
        if self._database is None:
            return list(self._known.values())
        rows = self._database.execute(
            "SELECT i.id, i.scope, i.severity, title, since, clusters, follows, first_seen, last_seen, gone,"
            " a.at, a.until, a.reason, a.severity FROM items i LEFT JOIN acknowledgements a USING (id, scope)"
        ).fetchall()
        return [_item(row) for row in rows]

    def _last_seen(self, identity: _Identity) -> float:
        """When this process saw an item last, which it does not write down each time."""
        known = self._known.get(identity)
        return 0.0 if known is None else known.last_seen

    def _write(self, changed: list[KnownItem], gone: list[KnownItem], at: float) -> None:
        for one in gone:
            self._known.pop((one.id, one.scope), None)
            self._written.pop((one.id, one.scope), None)
        if not (changed or gone) or self._database is None or self.problem is not None:
            return
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                database.executemany(
                    "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        (i.id, i.scope, i.severity.value, i.title, i.since, ",".join(i.clusters), i.follows,
                         i.first_seen, i.last_seen, i.gone)
                        for i in changed
                    ],
                )  # fmt: skip
                # It was there when it was last seen; when it was missed is when it is known to be gone.
                database.executemany(
                    "UPDATE items SET gone = ? WHERE id = ? AND scope = ?", [(at, i.id, i.scope) for i in gone]
                )
                database.execute("DELETE FROM items WHERE gone < ?", (at - KEEP_SECONDS,))
                database.execute(
                    "DELETE FROM acknowledgements WHERE (until IS NOT NULL AND until < ?) OR NOT EXISTS (SELECT 1 FROM"
                    " items i WHERE i.id = acknowledgements.id AND i.scope = acknowledgements.scope"
                    " AND (i.gone IS NULL OR i.gone > ?))",
                    (at, at - BACK_WITHIN_SECONDS),
                )
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed(error)


def _seen(sighting: Sighting, before: KnownItem | None, at: float) -> KnownItem:
    back = before is not None and (before.gone is None or at - before.gone <= BACK_WITHIN_SECONDS)
    return KnownItem(
        id=sighting.id,
        scope=sighting.scope,
        severity=sighting.severity,
        title=sighting.title,
        since=sighting.since,
        clusters=sighting.clusters,
        follows=sighting.follows,
        first_seen=before.first_seen if before is not None and back else at,
        last_seen=at,
        gone=None,
        acknowledged=before.acknowledged if before is not None and back else None,
    )


def _differs(before: KnownItem, now: KnownItem) -> bool:
    return before.gone is not None or (before.severity, before.follows) != (now.severity, now.follows)


def _in_force(before: KnownItem | None, now: KnownItem, at: float) -> Acknowledgement | None:
    """The acknowledgement, unless its time is over, or the item is worse than it was when somebody knew of it."""
    known = now.acknowledged if before is not None else None
    if known is None or (known.until is not None and known.until.timestamp() <= at):
        return None
    if known.severity is not None and _ORDER.index(now.severity) > _ORDER.index(known.severity):
        return None
    return known


def _item(row: tuple[object, ...]) -> KnownItem:
    id_, scope, severity, title, since, clusters, follows, first, last, gone, at, until, reason, known = row
    acknowledged = None
    if isinstance(at, float):
        acknowledged = Acknowledgement(
            at=datetime.fromtimestamp(at, UTC),
            until=datetime.fromtimestamp(until, UTC) if isinstance(until, float) else None,
            reason=str(reason),
            severity=Severity(str(known)),
        )
    assert isinstance(first, float)
    assert isinstance(last, float)
    return KnownItem(
        id=str(id_),
        scope=str(scope),
        severity=Severity(str(severity)),
        title=str(title),
        since=since if isinstance(since, float) else None,
        clusters=tuple(filter(None, str(clusters).split(","))),
        follows=str(follows),
        first_seen=first,
        last_seen=last,
        gone=gone if isinstance(gone, float) else None,
        acknowledged=acknowledged,
    )
