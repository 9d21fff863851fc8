"""What needed attention, remembered on this machine: seen first, acknowledged, gone.

A small SQLite file beside the journal, readable by the user alone. Nothing depends on it: where it cannot be opened or
written, every item is seen for the first time, and `problem` says why. Nothing is ever sent to a cluster.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from meshtop.actions.journal.journal import Journal, journal_path
from meshtop.actions.journal.journal_error import JournalError
from meshtop.actions.known_item import (
    BACK_WITHIN_SECONDS,
    ItemIdentity,
    KnownItem,
    differs,
    in_force,
    item_of,
    passed_on,
    sighted,
)
from meshtop.model.attention import Acknowledgement, PastChange, Remembered, Sighting
from meshtop.model.errors import MeshtopError
from meshtop.settings.environment import state_folder

WRITE_EVERY_SECONDS = 60.0
"""What is still there is written down so often; what comes and goes, at once."""
GONE_AFTER_SECONDS = 120.0
"""What was not seen for so long has gone away: one look may miss what another sees."""
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
CREATE INDEX IF NOT EXISTS items_by_scope ON items (scope);
CREATE TABLE IF NOT EXISTS clusters (uid TEXT NOT NULL, server TEXT NOT NULL, PRIMARY KEY (uid, server));
"""


class AttentionError(MeshtopError):
    """The memory of what needs attention cannot be read or written, or an id is not known; in one sentence."""


def attention_path() -> Path:
    """Where this user's memory of what needs attention is, on this machine."""
    return state_folder(os.environ) / "attention.db"


class FleetRead(NamedTuple):
    """What the file knew of the clusters of a fleet; `version` changes when another process writes."""

    fleet: frozenset[str]
    version: int
    items: Mapping[ItemIdentity, KnownItem]


class AttentionStore:
    """The memory of one user on one machine; used from several threads, and beside other processes."""

    def __init__(self, path: Path, *, journal: Path | None = None) -> None:
        self.path = path
        self.problem: str | None = None
        self._journal = journal
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._known: dict[ItemIdentity, KnownItem] = {}
        self._written: dict[ItemIdentity, float] = {}
        self._read: FleetRead | None = None
        """What was read from the file last; None once this process has written since."""
        self._clusters: set[tuple[str, str]] = set()
        """UIDs of clusters with the API servers that they were read from."""
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
        self._clusters = _clusters_in(database)

    def _open_to_read(self) -> None:
        """A state folder that may only be read still says what was known."""
        try:
            database = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, timeout=2.0, check_same_thread=False
            )
            database.execute("SELECT 1 FROM items LIMIT 1")
            self._clusters = _clusters_in(database)
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

    def see(
        self,
        sightings: Iterable[Sighting],
        at: float,
        *,
        read: Mapping[str, str],
        servers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Remembered]:
        """What is remembered of these items, seen at Unix seconds `at`.

        Others that stand in clusters that were `read` only are gone: what they are known by (UID, else server), by
        name. `servers` are the API servers of clusters whose UID is known, by it.
        """
        with self._lock:
            self._learn(servers or {})
            there = {name: self._scope(key) for name, key in read.items()}
            seen = [structs.replace(one, scope=self._scope(one.scope)) for one in sightings]
            fleet = frozenset((*there.values(), *(part for one in seen for part in one.scope.split(","))))
            try:
                known = self._known_of(fleet)
            except sqlite3.Error as error:
                self._failed(error)
                known = dict(self._known)
            now: dict[ItemIdentity, KnownItem] = {}
            before: dict[ItemIdentity, KnownItem] = {**self._known, **known}
            changed: list[KnownItem] = []
            for one in seen:
                now[one.id, one.scope] = sighted(one, before.get((one.id, one.scope)), at)
            came = passed_on(now, before, fleet, at)
            found = {}
            for identity, item in now.items():
                if identity in came:
                    item = structs.replace(item, acknowledged=came[identity])
                last = before.get(identity)
                self._known[identity] = item
                if last is None or differs(last, item) or at - self._written.get(identity, 0.0) >= WRITE_EVERY_SECONDS:
                    changed.append(item)
                    self._written[identity] = at
                if not item.follows:
                    acknowledged = in_force(item.acknowledged, item.severity, at)
                    found[item.id] = Remembered(first_seen=item.first_seen, since=item.since, acknowledged=acknowledged)
            gone = [
                item
                for identity, item in known.items()
                if identity not in now
                and item.gone is None
                and set(item.clusters) <= set(there)
                and item.scope == ",".join(sorted(there[name] for name in item.clusters))
                and at - max(item.last_seen, self._last_seen(identity)) >= GONE_AFTER_SECONDS
            ]
            self._write(changed, gone, came, at)
            return found

    def _learn(self, servers: Mapping[str, str]) -> None:
        """Remember which server a UID was read from, and let what was known by that server alone be known by the UID.

        A server that leads to several clusters (different users, one address) tells none of them from the others.
        """
        new = {(uid, server) for uid, server in servers.items()} - self._clusters
        if not new:
            return
        self._clusters |= new
        self._read = None
        moved = (structs.replace(one, scope=self._scope(one.scope)) for one in self._known.values())
        self._known = {one.identity: one for one in moved}
        self._written.clear()
        if self._database is None or self.problem is not None:
            return
        try:
            self._database.executemany("INSERT OR IGNORE INTO clusters VALUES (?, ?)", sorted(new))
            for table in ("items", "acknowledgements"):
                scopes = self._database.execute(f"SELECT DISTINCT scope FROM {table}").fetchall()
                renamed = [(scope, old) for (old,) in scopes if (scope := self._scope(old)) != old]
                self._database.executemany(f"UPDATE OR REPLACE {table} SET scope = ? WHERE scope = ?", renamed)
        except sqlite3.Error as error:
            self._failed(error)

    def _scope(self, scope: str) -> str:
        """A scope with the UID in the place of each server that leads to one cluster only."""
        return ",".join(sorted(self._uid_of(one) for one in scope.split(",")))

    def _uid_of(self, key: str) -> str:
        uids = {uid for uid, server in self._clusters if server == key}
        return uids.pop() if len(uids) == 1 else key

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
                        before, _, place = entry.object.rpartition(" ")
                        namespace, _, name = place.partition("/")
                        found.append(
                            PastChange(
                                at=entry.time,
                                title=f"{action.kind} {action.subject} by {action.who}{reason}",
                                cluster=entry.cluster,
                                namespace=namespace,
                                name=name,
                                kind=before.rpartition(" ")[2].rpartition(".")[2],
                                who=action.who,
                                action=str(action.id),
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

    def items(self, fleet: Collection[str] | None = None) -> list[KnownItem]:
        """What is remembered of a fleet, what is there first; None is of every fleet.

        `fleet` are the UIDs of its clusters, or their API servers' URLs where the UIDs are not known. Raises
        AttentionError where it cannot be read: that is not the same as nothing.
        """
        with self._lock:
            if self._database is None and self.problem is not None and not self._known:
                raise AttentionError(self.problem)
            try:
                found = self._rows()
            except sqlite3.Error as error:
                raise AttentionError(f"{self.path} cannot be read: {error}.") from error
            if fleet is not None:
                mine = {*fleet, *(uid for uid, server in self._clusters if server in fleet)}
                found = [one for one in found if one.scopes <= mine]
        return sorted(found, key=lambda one: (one.gone is not None, -(one.gone or one.last_seen), one.id))

    def servers_of(self, item: KnownItem) -> frozenset[str]:
        """The API servers of the clusters that an item stands in, as far as they are known."""
        with self._lock:
            found = [{server for uid, server in self._clusters if uid == one} or {one} for one in item.scopes]
        return frozenset(server for several in found for server in several)

    def find(self, wanted: str, fleet: Collection[str] | None = None) -> list[KnownItem]:
        """The items of a fleet (as `items` takes it) that an id means.

        Raises AttentionError where there are none or several.
        They are several of one id where it was looked at in some of its clusters only. The end of an id is enough where
        it is the end of one only, and so is the id as `get -o name` prints it.
        """
        there = [one for one in self.items(fleet) if one.gone is None]
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
            self._read = None
            try:
                self._database.executemany(statement, rows)
            except sqlite3.Error as error:
                raise AttentionError(f"{self.path} cannot be written: {error}; check its folder.") from error

    def _known_of(self, fleet: frozenset[str]) -> Mapping[ItemIdentity, KnownItem]:
        """What the file knows of items that stand in these clusters alone; read again only where somebody wrote.

        A month's items of every fleet are thousands, which a console would otherwise read with each picture.
        """
        if self._database is None:
            return dict(self._known)
        (version,) = self._database.execute("PRAGMA data_version").fetchone()
        last = self._read
        if last is None or last.version != version or not fleet <= last.fleet:
            scopes = [scope for (scope,) in self._database.execute("SELECT DISTINCT scope FROM items")]
            mine = [scope for scope in scopes if fleet.issuperset(str(scope).split(","))]
            found = {one.identity: one for scope in mine for one in self._rows(scope)}
            last = self._read = FleetRead(fleet, version, found)
        return last.items

    def _rows(self, scope: str | None = None) -> list[KnownItem]:
        """What the file knows, or what it knows of one scope."""
        if self._database is None:
            return list(self._known.values())
        of, given = ("", ()) if scope is None else (" WHERE i.scope = ?", (scope,))
        rows = self._database.execute(
            "SELECT i.id, i.scope, i.severity, title, since, clusters, follows, first_seen, last_seen, gone,"
            " a.at, a.until, a.reason, a.severity FROM items i LEFT JOIN acknowledgements a USING (id, scope)" + of,
            given,
        ).fetchall()
        return [item_of(row) for row in rows]

    def _last_seen(self, identity: ItemIdentity) -> float:
        """When this process saw an item last, which it does not write down each time."""
        known = self._known.get(identity)
        return 0.0 if known is None else known.last_seen

    def _write(
        self,
        changed: list[KnownItem],
        gone: list[KnownItem],
        came: Mapping[ItemIdentity, Acknowledgement],
        at: float,
    ) -> None:
        for one in gone:
            self._known.pop(one.identity, None)
            self._written.pop(one.identity, None)
        if not (changed or gone or came) or self._database is None or self.problem is not None:
            return
        database = self._database
        self._read = None
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
                database.executemany(
                    "INSERT OR REPLACE INTO acknowledgements VALUES (?, ?, ?, ?, ?, ?)",
                    [_acknowledgement_row(identity, one) for identity, one in came.items()],
                )
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


def _clusters_in(database: sqlite3.Connection) -> set[tuple[str, str]]:
    return {(str(uid), str(server)) for uid, server in database.execute("SELECT uid, server FROM clusters")}


def _acknowledgement_row(identity: ItemIdentity, known: Acknowledgement) -> tuple[object, ...]:
    until = None if known.until is None else known.until.timestamp()
    severity = "" if known.severity is None else known.severity.value
    return (*identity, known.at.timestamp(), until, known.reason, severity)
