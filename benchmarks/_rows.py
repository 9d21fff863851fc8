"""What every benchmark says in the end: one row for each goal of docs/performance.md, for people and for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

ROWS_FILE = "BENCHMARK_ROWS"
"""The environment variable that names the file to which a benchmark's rows are added, one JSON object on each line."""


class Goal(Struct, frozen=True):
    """What a figure should be: at most `value`, or at least; None where there is no goal."""

    value: float | None
    unit: str
    at_least: bool = False

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        return f"{'≥' if self.at_least else '≤'} {number(self.value)} {self.unit}"


class Row(Struct, frozen=True):
    """One figure in its goal's unit. `peer` names what `ratio` compares it with: how many times as much that took."""

    what: str
    figure: float
    goal: Goal
    peer: str = ""
    ratio: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or `–` where there is no goal."""
        if self.goal.value is None:
            return "–"
        met = self.figure >= self.goal.value if self.goal.at_least else self.figure <= self.goal.value
        return "met" if met else "missed"

    def line(self) -> str:
        """The row as one line of words."""
        peer = f"{self.peer} {self.ratio:.1f} ×" if self.ratio is not None else self.peer or "–"
        figure = f"{number(self.figure)} {self.goal.unit}"
        told = f"{self.what:<64} {figure:>12}  {self.goal!s:>12}  {self.verdict:<7} {peer}"
        return f"{told}  ({self.note})" if self.note else told


HEAD = f"{'what':<64} {'figure':>12}  {'goal':>12}  {'verdict':<7} peer took"


def number(value: float) -> str:
    """A figure with as many digits as it is worth."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def middle(values: Sequence[float]) -> float:
    """The median."""
    return sorted(values)[len(values) // 2]


def part(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(rows: Iterable[Row]) -> None:
    """Print rows, and add them to the file that `python -m benchmarks` reads."""
    rows = list(rows)
    sys.stdout.write("\n".join(["", HEAD, *(row.line() for row in rows), ""]))
    sys.stdout.flush()
    if path := os.environ.get(ROWS_FILE):
        with open(path, "ab") as file:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")


def read(path: str) -> list[Row]:
    """The rows that benchmarks have added to a file."""
    with open(path, "rb") as file:
        return [msgspec.json.decode(line, type=Row) for line in file]
