"""Opening the journal's file: to write, or only to read, also where nothing can be written."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from meshtop.actions.journal.journal_error import JournalError
from meshtop.actions.journal.place import OTHER_PLACE, examine_place

_PATIENCE_SECONDS = 15.0
"""How long another process may be in the middle of writing."""


class OpenedFile(Struct, frozen=True):
    """A connection, what must be called once it is closed, and sentences about odd permissions."""

    database: sqlite3.Connection
    notes: tuple[str, ...] = ()
    dispose: Callable[[], None] = lambda: None


def open_to_write(path: Path) -> OpenedFile:
    """The journal, created if it does not exist. Raises JournalError if that fails, or if others could change it."""
    notes = examine_place(path, writing=True)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Created before SQLite would create it, so that others can never read it; never through a link.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        return OpenedFile(_connect(path), notes)
    except (OSError, sqlite3.Error) as error:
        raise _unopened(path, error) from error


def open_to_read(path: Path) -> OpenedFile:
    """The existing journal, or an empty one if there is none. Raises JournalError where it cannot be read.

    Where nothing can be written, SQLite cannot use the write-ahead log. Then the file is treated as immutable; if there
    is a log with entries beside it, as after kill -9, both are copied and read from the copy.
    """
    notes = examine_place(path, writing=False)
    try:
        if not path.exists():
            return OpenedFile(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False), notes)
        if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
            database = _connect(path, "mode=rw")
            if _answers(database):
                return OpenedFile(database, notes)
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))  # says why it may not be read, where SQLite does not
        log = path.with_name(f"{path.name}-wal")
        if not log.exists() or log.stat().st_size == 0:
            return OpenedFile(_connect(path, "immutable=1"), notes)
        return _copied(path, log, notes)
    except (OSError, sqlite3.Error) as error:
        raise _unopened(path, error) from error


def _copied(path: Path, log: Path, notes: tuple[str, ...]) -> OpenedFile:
    folder = tempfile.mkdtemp(prefix="meshtop-journal-")  # readable by this user alone
    try:
        for one in (path, log):
            shutil.copyfile(one, Path(folder, one.name))
        database = _connect(Path(folder, path.name), "mode=rw")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return OpenedFile(database, notes, lambda: shutil.rmtree(folder, ignore_errors=True))


def _connect(path: Path, how: str = "mode=rwc") -> sqlite3.Connection:
    where = f"file:{quote(str(path))}?{how}"
    return sqlite3.connect(where, uri=True, isolation_level=None, timeout=_PATIENCE_SECONDS, check_same_thread=False)


def _answers(database: sqlite3.Connection) -> bool:
    """Whether the file can be read in this way; it is closed if not. Damage is reported by later reads."""
    try:
        database.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            with contextlib.suppress(sqlite3.Error):
                database.close()
            return False
    except sqlite3.Error:
        pass
    return True


def _unopened(path: Path, error: OSError | sqlite3.Error) -> JournalError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return JournalError(f"The journal {path} cannot be opened: {why.lower()}; {OTHER_PLACE}")
