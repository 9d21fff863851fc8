"""A random token by which a process of meshtop is told from every other, on any machine and in any container.

A host's name and a process number are not enough: in another container both may be somebody else's. The process keeps
a file locked that is named by its token; the kernel unlocks it when the process ends. Whoever finds the file unlocked
knows that the process is gone; whoever finds no file knows nothing, and waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
import tempfile
from functools import cache
from pathlib import Path

_LENGTH = 32


def process_token() -> str:
    """This process's token; a fork has another one."""
    return _token(os.getpid())


@cache
def _token(_: int) -> str:
    token = secrets.token_hex(_LENGTH // 2)
    # Without a place for the file nobody is told that this process ended: the Lease expires instead.
    with contextlib.suppress(OSError):
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(folder):
            # Open, and so locked, for as long as the process lives.
            descriptor = os.open(folder / token, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return token


def token_has_ended(token: str) -> bool:
    """Whether the process of a token is known to have ended; False where it cannot be known from here."""
    if len(token) != _LENGTH or not token.isalnum() or token == process_token():
        return False
    try:
        folder = _folder()
        if not _is_ours(folder):
            return False
        descriptor = os.open(folder / token, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _folder() -> Path:
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"meshtop-{os.getuid()}"


def _is_ours(folder: Path) -> bool:
    """Whether nobody else can write there: what another user puts there must not say that a process has ended."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
