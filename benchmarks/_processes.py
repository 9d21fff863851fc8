"""What the benchmarks of whole processes share: the demo's clusters, a measured process, a table with goals."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks._rows import Goal, Row, number, report

PYTHON = sys.executable
MESHTOP = (PYTHON, "-m", "meshtop")
TICKS = os.sysconf("SC_CLK_TCK")


class Run(Struct, frozen=True):
    """One process from start to end: wall and CPU seconds, peak memory in MB."""

    wall: float
    cpu: float
    megabytes: float


class Figure(Struct, frozen=True):
    """A line of the table; values are in `unit`, the goal is words such as `≤ 0.4 s` ("" where there is none).

    `ratio` is how many times as much the peer took.
    """

    name: str
    values: Sequence[float]
    unit: str = "s"
    goal: str = ""
    peer: str = ""
    ratio: float | None = None


def environment(**more: str) -> dict[str, str]:
    """The user's environment with byte code written (as an installation has it) and no settings of meshtop's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MESHTOP", "KUBE", "PYTHON"))}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


def run(command: Sequence[str]) -> Run:
    """Run a command to its end. Raises CalledProcessError."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment()
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.stderr is not None
        if process.returncode:
            sys.stderr.buffer.write(error := process.stderr.read())
            raise subprocess.CalledProcessError(process.returncode, command, stderr=error)
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process so far, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


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
    print(f"{title}\n\n{'':54}{'least':>10}{'median':>10}  goal")
    for figure in figures:
        ordered = sorted(figure.values)
        least, middle = ordered[0], ordered[len(ordered) // 2]
        digits = 0 if figure.unit in ("ms", "MB", "bytes") else 2
        numbers = "".join(f"{f'{value:,.{digits}f} {figure.unit}':>10}" for value in (least, middle))
        print(f"  {figure.name:<52}{numbers}  {figure.goal}")
    rows = [_row(title, figure) for figure in figures if figure.goal or figure.ratio is not None]
    if rows:
        report(rows)


def _row(title: str, figure: Figure) -> Row:
    """The median as a row of the goals."""
    value = float(figure.goal.split()[1]) if figure.goal else None
    goal = Goal(value, figure.unit, at_least=figure.goal.startswith("≥"))
    ordered = sorted(figure.values)
    return Row(
        f"{figure.name}",
        ordered[len(ordered) // 2],
        goal,
        peer=figure.peer,
        ratio=figure.ratio,
        note=f"best {number(ordered[0])}; {title.strip()}" if len(ordered) > 1 else title.strip(),
    )
