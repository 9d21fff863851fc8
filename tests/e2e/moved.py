"""Runs a part of the program on a clock that a test moves on: `python -m tests.e2e.moved FILE MODULE [ARGS…]`.

FILE holds a double: how many seconds the present is ahead of the machine's clock. Nothing else is changed, so that two
processes which share the file (the program and its simulated clusters) live in the same present.
"""

from __future__ import annotations

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

FORMAT = struct.Struct("d")


class MovedClock:
    """The test's side: a file that says how far the present is ahead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ahead = 0.0
        self.move(0.0)

    def move(self, seconds: float) -> None:
        """Let this much time go by."""
        self.ahead += seconds
        if not self.path.exists():
            self.path.write_bytes(FORMAT.pack(0.0))
        with self.path.open("r+b") as file:
            file.write(FORMAT.pack(self.ahead))

    def command(self, module: str) -> tuple[str, ...]:
        """How to run a module on this clock."""
        return (sys.executable, "-m", "tests.e2e.moved", str(self.path), module)


def main() -> None:
    """Move the clock, then run the module as `python -m` would."""
    path, module, *arguments = sys.argv[1:]
    with Path(path).open("rb") as file:
        shared = mmap.mmap(file.fileno(), FORMAT.size, access=mmap.ACCESS_READ)
    machine = time.time

    def moved() -> float:
        return machine() + float(FORMAT.unpack_from(shared)[0])

    time.time = moved
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
