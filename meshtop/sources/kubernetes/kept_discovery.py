"""API discovery kept on disk between runs, as kubectl keeps it; a server says each time whether it still holds."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from meshtop.sources.problem import NOT_UNDERSTOOD

_log = logging.getLogger(__name__)
_MOST_BYTES = 1_000_000
_UNUSED_SECONDS = 30 * 86_400.0
"""What nobody used for so long is deleted: addresses of clusters come and go."""


class KeptDiscovery(Struct, frozen=True):
    """What a server said, and by which tag (ETag, a digest of all it said) it tells whether it would say the same."""

    asked: str
    tag: str
    served: list[tuple[str, str, list[str]]]
    """Group, plural, versions."""


class DiscoveryFile:
    """The file of one server and user in a folder of the user's own; without a folder only this run remembers.

    Nothing is believed of a file by its age: a question with the tag is sent each time, and what the server does not
    confirm is not used. So a kind that was installed a second ago is never missing. A file that is damaged, or was
    written for another server, user or version of this program, is as good as none.
    """

    def __init__(self, folder: Path | None, *, server: str, user: str | None, groups: Iterable[str]) -> None:
        about = msgspec.json.encode([1, server, user, sorted(groups)])
        self._asked = hashlib.sha256(about).hexdigest()
        self._path = None if folder is None else folder / f"{self._asked[:32]}.json"
        self._kept: KeptDiscovery | None = None
        self._read = False

    def last(self) -> KeptDiscovery | None:
        """What was kept last; None where nothing is, or it cannot be used."""
        if not self._read and self._path is not None:
            with contextlib.suppress(OSError, *NOT_UNDERSTOOD):
                with self._path.open("rb") as file:
                    kept = msgspec.json.decode(file.read(_MOST_BYTES), type=KeptDiscovery)
                # A tag goes into a header: it must be one, whatever the file says.
                if kept.asked == self._asked and kept.tag.isascii() and kept.tag.isprintable():
                    self._kept = kept
        self._read = True
        return self._kept

    def keep(self, tag: str, served: Iterable[tuple[str, str, Iterable[str]]]) -> None:
        """Keep an answer; that it cannot be written costs nothing but the next question's answer."""
        found = [(group, plural, sorted(versions)) for group, plural, versions in sorted(served)]
        self._kept = KeptDiscovery(self._asked, tag, found)
        self._read = True
        if self._path is None:
            return
        import tempfile  # here, as little of it changes

        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # mkstemp gives a file that is the user's alone; it takes its name when it is whole.
            descriptor, name = tempfile.mkstemp(prefix=".", dir=self._path.parent)
            try:
                with open(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(self._kept))
                os.replace(name, self._path)
            except OSError:
                os.unlink(name)
                raise
            _forget_unused(self._path.parent)
        except OSError as error:
            _log.debug("API discovery cannot be kept in %s: %s", self._path, error)


def _forget_unused(folder: Path) -> None:
    oldest = time.time() - _UNUSED_SECONDS
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
