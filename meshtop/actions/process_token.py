"""A random token that identifies a meshtop process across machines and containers.

Host name and process number do not suffice: another container may have the same ones. The process keeps a file named
after its token locked; the kernel unlocks it when the process ends. An unlocked file proves that the process has ended;
a missing file proves nothing.
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
    """The token of this process; a forked process gets its own."""
    return _token(os.getpid())


@cache
def _token(_: int) -> str:
    token = secrets.token_hex(_LENGTH // 2)
    # Without a folder for the file, the end of this process is not visible: the Lease expires instead.
    with contextlib.suppress(OSError):
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(folder):
            # Open, and so locked, for as long as the process lives.
            descriptor = os.open(folder / token, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return token


def token_has_ended(token: str) -> bool:
    """Whether the process of a token is known to have ended; False where that is unknown."""
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
    """Whether only this user can write to the folder, so that no other user can fake the end of a process."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
