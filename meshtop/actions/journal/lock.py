"""Which process of this machine runs an action: a locked file that the kernel lets go of when the process ends.

A Lease tells other machines; it needs rights in the cluster and a minute of silence. The lock needs neither, and no
process number that somebody else may have by now: after kill -9 the action is free at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from meshtop.actions.errors import ActionError, ErrorKind

FOLDER = "running"
"""Beside the journal."""
_TRIES = 10
_PAUSE_SECONDS = 0.01
"""A look at a lock takes it for a moment."""


class ActionLock:
    """An action that this process runs, until `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


def lock_action(journal: Path, action: str) -> ActionLock:
    """Make an action of the journal at `journal` this process's own.

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
        raise ActionError(ErrorKind.REFUSED, f"{path} cannot be locked: {error}.") from error
    number = lock_holder(journal, action)
    which = f"process {number}" if number is not None and number != os.getpid() else "this meshtop"
    message = f"Action {action} is being run by {which}; abort or hold it there."
    raise ActionError(ErrorKind.CONFLICT, message)


def lock_holder(journal: Path, action: str) -> int | None:
    """The process that runs an action of the journal at `journal`; None when none does."""
    try:
        descriptor = os.open(_path(journal, action), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        said = os.read(descriptor, 32)
        return int(said) if said.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def _path(journal: Path, action: str) -> Path:
    return journal.parent / FOLDER / f"{action}.lock"


def _locked(path: Path) -> int | None:
    """The file, locked; None when it is locked already, or was taken away in between."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
