"""Locks that show which process on this machine runs an action: a locked file, unlocked by the kernel at its end.

Leases inform other machines, but need rights in the cluster and take a minute to expire. The lock needs neither, and
does not rely on process numbers, which may be reused: after kill -9 the action is free at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from meshtop.actions.errors import ActionError, ErrorKind

FOLDER = "running"
"""The folder of the lock files, beside the journal."""
_TRIES = 10
_PAUSE_SECONDS = 0.01
"""Seconds to retry: `lock_holder` takes a lock briefly to inspect it."""


class ActionLock:
    """The lock on an action that this process runs, until `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Release the lock; a second time does nothing."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


def lock_action(journal: Path, action: str) -> ActionLock:
    """Lock an action of the journal at `journal`, so that only this process runs it.

    Raises ActionError: conflict when another process, or another screen of this one, runs it.
    """
    path = _path(journal, action)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_TRIES):
            descriptor = _locked(path)
            if descriptor is not None:
                os.truncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return ActionLock(path, descriptor)
            time.sleep(_PAUSE_SECONDS)
    except OSError as error:
        raise ActionError(ErrorKind.REFUSED, f"The lock {path} cannot be taken: {error}.") from error
    number = lock_holder(journal, action)
    which = f"process {number}" if number is not None and number != os.getpid() else "this meshtop"
    message = f"Action {action} is being run by {which}; abort or hold it there."
    raise ActionError(ErrorKind.CONFLICT, message)


def lock_holder(journal: Path, action: str) -> int | None:
    """The number of the process that runs an action of the journal at `journal`; None if there is none, 0 if the number
    is not recorded.
    """
    try:
        descriptor = os.open(_path(journal, action), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        number = os.read(descriptor, 32)
        return int(number) if number.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def _path(journal: Path, action: str) -> Path:
    return journal.parent / FOLDER / f"{action}.lock"


def _locked(path: Path) -> int | None:
    """The opened and locked file's descriptor; None when it is already locked, or was deleted in between."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The file may have been deleted on release: a lock on a file without a name would exclude no other process.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
