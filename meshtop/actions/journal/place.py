"""Checks the journal's file and folder before it is trusted: who else could write there."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from meshtop.actions.journal.journal_error import JournalError

_GROUP, _OTHERS = stat.S_IWGRP, stat.S_IWOTH


def examine_place(path: Path, *, writing: bool) -> tuple[str, ...]:
    """A sentence for each problem of the file, its owner and its folder; empty if there is no file.

    Rollbacks write what the journal contains, so anyone else who can write to it could change clusters. Raises
    JournalError for a link or anything that is not a file and, before writing, for a file or folder that others may
    change.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        status = None
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be opened: {_why(error)}; {OTHER_PLACE}") from error
    if status is not None and stat.S_ISLNK(status.st_mode):
        raise JournalError(f"The journal {path} is a link to {os.readlink(path)}; put the file itself there.")
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise JournalError(f"The journal {path} is no file; {OTHER_PLACE}")
    notes = []
    for refused, sentence in _doubts(path, status):
        if refused and writing:
            raise JournalError(sentence)
        notes.append(sentence)
    return tuple(notes)


def require_place(path: Path) -> None:
    """Raise JournalError where there is no journal and its folder could not be made: it is not empty, but impossible.

    Nothing is left behind: a folder is made where the missing ones would be, and removed again.
    """
    above = path.parent
    try:
        if path.exists() or above.is_dir():
            return
        while not above.exists() and above != above.parent:
            above = above.parent
        # Permissions alone do not tell: /proc takes no folder from anybody, a full disk none at all.
        os.rmdir(tempfile.mkdtemp(prefix=".meshtop-", dir=above))
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be opened: {_why(error)}; {OTHER_PLACE}") from error


OTHER_PLACE = "check its folder, or choose another with XDG_STATE_HOME."
"""What to do about a place that cannot be used."""


def _doubts(path: Path, status: os.stat_result | None) -> Iterator[tuple[bool, str]]:
    """What is odd, and whether nothing may be written because of it."""
    if status is not None:
        if status.st_uid != os.geteuid():
            yield True, f"The journal {path} belongs to another user (number {status.st_uid}); {OTHER_PLACE}"
        if status.st_mode & _OTHERS:
            yield True, f"Everybody may write to the journal {path}; if you trust what it says: chmod 600 {path}"
        elif status.st_mode & _GROUP:
            yield False, f"The journal {path} may be written by its group; chmod 600 {path} keeps it to you."
    try:
        folder = path.parent.stat()
    except OSError:
        return
    if folder.st_mode & _OTHERS and not folder.st_mode & stat.S_ISVTX:
        sentence = f"Everybody may replace files in {path.parent}, the journal's folder; chmod 700 {path.parent}"
        yield True, sentence


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
