"""The handler that writes the log; by itself, because its base comes from a module with four more."""

from __future__ import annotations

import contextlib
import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler


class LogFile(RotatingFileHandler):
    """A log file readable only by its user; several processes may write it, and errors of writing are ignored."""

    def _open(self) -> TextIOWrapper:
        number = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):  # another user's file, or a device
            os.fchmod(number, 0o600)
        return open(number, "a", encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the file of that name, reopened if another process has rotated it."""
        try:
            if (stream := self.stream) is not None and self._moved(stream):
                self.stream = None
                stream.close()
                self.stream = self._open()
        except OSError:
            return
        super().emit(record)

    def _moved(self, stream: TextIOWrapper) -> bool:
        try:
            here, there = os.fstat(stream.fileno()), os.stat(self.baseFilename)
        except FileNotFoundError:
            return True
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Ignore errors of writing; Python's default would print a traceback to stderr."""
