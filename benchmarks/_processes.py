"""What the benchmarks of whole processes share: the demo's clusters, a measured process, a table with goals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks._goals import goal_of
from benchmarks._pace import patience, slowness
from benchmarks._rows import Row, goal_row, report, row_of

PYTHON = sys.executable
MESHTOP = (PYTHON, "-m", "meshtop")
TICKS = os.sysconf("SC_CLK_TCK")


class Run(Struct, frozen=True):
    """One process from start to end: wall and CPU seconds, peak memory in MB, what it printed."""

    wall: float
    cpu: float
    megabytes: float
    output: bytes = b""


class Figure(Struct, frozen=True):
    """A line of the table; `goal` is the name of one of `GOALS`, "" where there is none.

    `ratio` is how many times as much the peer took. `kept` says that the figure is worth a row although it has no goal.
    """

    name: str
    values: Sequence[float]
    unit: str = "s"
    goal: str = ""
    peer: str = ""
    ratio: float | None = None
    kept: bool = False
    note: str = ""

    @property
    def row(self) -> Row:
        """The figure as a row."""
        if self.goal:
            return goal_row(self.goal, self.values, peer=self.peer, ratio=self.ratio, note=self.note)
        return row_of(self.name, self.values, self.unit, peer=self.peer, ratio=self.ratio, note=self.note)


def environment(**more: str) -> dict[str, str]:
    """The user's environment with byte code written (as an installation has it) and no settings of meshtop's."""
    slowness()  # Found out here, so that no measured process does.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MESHTOP", "KUBE", "PYTHON"))}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


def run(command: Sequence[str], *, seconds: float = 120.0, codes: Collection[int] = (0,)) -> Run:
    """Run a command to its end, or for so long at the best pace.

    Raises TimeoutExpired, and CalledProcessError for an exit code that is not one of `codes`.
    """
    given, limit = environment(), patience(seconds)
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=subprocess.PIPE, env=given) as process,
    ):
        ended = threading.Timer(limit, process.kill)
        ended.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        ended.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.stderr is not None
        if process.returncode == -signal.SIGKILL:
            raise subprocess.TimeoutExpired(command, limit)
        if process.returncode not in codes:
            sys.stderr.buffer.write(error := process.stderr.read())
            raise subprocess.CalledProcessError(process.returncode, command, stderr=error)
        told.seek(0)
        output = told.read()
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process so far, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_megabytes(pid: int) -> float:
    """What a process holds in memory, from /proc."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextlib.contextmanager
def demo(*options: str) -> Iterator[dict[str, Any]]:
    """The demo's ready line while its process runs: "kubeconfig", and "clusters" with their servers."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "kubeconfig")
        command = [PYTHON, "-m", "meshtop.demo", *options, "--write-kubeconfig", path, "--parent-pid", str(os.getpid())]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def show(title: str, figures: Iterable[Figure]) -> None:
    """Print least and median beside the goal; the least is what the machine can do when others leave it alone."""
    figures = list(figures)
    print(f"{title}\n\n{'':62}{'least':>10}{'median':>10}  goal")
    for figure in figures:
        ordered = sorted(figure.values)
        least, middle = ordered[0], ordered[len(ordered) // 2]
        digits = 0 if figure.unit in ("ms", "MB", "bytes") else 2
        numbers = "".join(f"{f'{value:,.{digits}f} {figure.unit}':>10}" for value in (least, middle))
        print(f"  {figure.name:<60}{numbers}  {goal_of(figure.goal) if figure.goal else ''}")
    rows = [figure.row for figure in figures if figure.goal or figure.kept or figure.ratio is not None]
    if rows:
        report(rows)
