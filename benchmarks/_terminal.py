"""A program on a real pseudo-terminal, and when which of its bytes came."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence

from benchmarks._pace import patience
from benchmarks._processes import environment

PATIENCE_SECONDS = 60.0
"""At the best pace."""


class Terminal:
    """Runs a program; `written` is all that it sent, `began` when it was started."""

    def __init__(self, command: Sequence[str], *, columns: int, lines: int) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.written = bytearray()
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=environment(TERM="xterm-256color", COLORTERM="truecolor"),
        )  # fmt: skip
        os.close(slave)

    def read(self, seconds: float) -> None:
        """Read whatever comes within so many seconds."""
        end = time.perf_counter() + seconds
        while (rest := end - time.perf_counter()) > 0:
            if not select.select([self.master], [], [], rest)[0]:
                return
            self._take()

    def wait_for(self, pattern: bytes, *, start: int = 0) -> float:
        """Read until a pattern is among the bytes from `start` on; seconds since the program was started."""
        wanted, end = re.compile(pattern), time.perf_counter() + patience(PATIENCE_SECONDS)
        while wanted.search(self.written, start) is None:
            if time.perf_counter() > end:
                raise TimeoutError(f"{pattern!r} did not come; the last bytes: {bytes(self.written[-500:])!r}")
            if select.select([self.master], [], [], 1.0)[0]:
                self._take()
        return time.perf_counter() - self.began

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def _take(self) -> None:
        try:
            self.written += os.read(self.master, 1 << 16)
        except OSError:
            raise EOFError(f"the program ended; the last bytes: {bytes(self.written[-2000:])!r}") from None


@contextlib.contextmanager
def terminal(command: Sequence[str], *, columns: int = 120, lines: int = 40) -> Iterator[Terminal]:
    """A program on a terminal, ended on the way out."""
    program = Terminal(command, columns=columns, lines=lines)
    try:
        yield program
    finally:
        program.process.terminate()
        with contextlib.suppress(EOFError):
            program.read(0.5)
        try:
            program.process.wait(5)
        except subprocess.TimeoutExpired:
            program.process.kill()
            program.process.wait()
        os.close(program.master)
