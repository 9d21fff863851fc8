"""What every benchmark says in the end: one row for each figure worth keeping, for people and for programs."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from benchmarks._goals import goal_of, number
from benchmarks._pace import BEST_MS, load, pace

ROWS_FILE = "BENCHMARK_ROWS"
"""The environment variable that names the file to which a benchmark's rows are added, one JSON object on each line."""


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure: the median of so many rounds, and the best of them.

    `goal` is the name of one of `GOALS`, or "". `peer` names what `ratio` compares it with: how many times as much that
    took in the same run.
    """

    what: str
    figure: float
    best: float
    unit: str
    rounds: int = 1
    goal: str = ""
    peer: str = ""
    ratio: float | None = None
    note: str = ""

    @property
    def told_goal(self) -> str:
        """The goal in words, `–` where there is none."""
        return str(goal_of(self.goal)) if self.goal else "–"

    @property
    def verdict(self) -> str:
        """`met`, `met at best` where the median is not, `missed`, or `–` where there is no goal."""
        if not self.goal:
            return "–"
        goal = goal_of(self.goal)
        return "met" if goal.is_met_by(self.figure) else "met at best" if goal.is_met_by(self.best) else "missed"

    @property
    def told_figure(self) -> str:
        """Median, and the best of so many."""
        told = f"{number(self.figure)} {self.unit}".strip()
        return f"{told}; best {number(self.best)} of {self.rounds}" if self.rounds > 1 else told

    @property
    def told_peer(self) -> str:
        """Who else did the same, and how many times as much it took."""
        return f"{self.peer} {self.ratio:.1f} ×" if self.ratio is not None else self.peer or "–"

    def judged(self, pace: float) -> str:
        """The verdict at a pace; where the pace alone may be the reason, what it would be at the best, calculated."""
        if self.verdict in ("–", "met"):
            return self.verdict
        goal = goal_of(self.goal)
        slow = pace / BEST_MS
        if not goal.cpu or slow <= 1 or not goal.is_met_by(self.figure / slow):
            return self.verdict
        calculated = f"{number(self.figure / slow)} {self.unit}"
        return f"{self.verdict}, pace {pace:.0f} ms; calculated for {BEST_MS:.0f} ms: {calculated}"

    def line(self, pace: float = BEST_MS) -> str:
        """The row as one line of words."""
        what = self.what.replace("`", "")
        told = f"{what:<78} {self.told_figure:>28}  {self.told_goal:>11}  {self.judged(pace):<11} {self.told_peer}"
        return f"{told}  ({self.note})" if self.note else told


HEAD = f"{'what':<78} {'median; best':>28}  {'goal':>11}  {'verdict':<11} peer took"


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def part(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def middles(values: Sequence[float], each: int) -> list[float]:
    """The medians of rounds of so many values: of steps and keys, one alone says nothing."""
    return [middle(values[start : start + each]) for start in range(0, len(values), each)]


def row_of(
    what: str, values: Sequence[float], unit: str = "s", *, peer: str = "", ratio: float | None = None, note: str = ""
) -> Row:
    """A row without a goal."""
    best, rounds = min(values), len(values)
    return Row(what=what, figure=middle(values), best=best, unit=unit, rounds=rounds, peer=peer, ratio=ratio, note=note)


def goal_row(goal: str, values: Sequence[float], *, peer: str = "", ratio: float | None = None, note: str = "") -> Row:
    """The row of a goal, which says what it is about and in which unit."""
    wanted = goal_of(goal)
    best = max(values) if wanted.at_least else min(values)
    return Row(
        what=wanted.what, figure=middle(values), best=best, unit=wanted.unit, rounds=len(values), goal=goal,
        peer=peer, ratio=ratio, note=note,
    )  # fmt: skip


def report(rows: Iterable[Row]) -> None:
    """Print rows, and add them to the file of `python -m benchmarks`; where there is none, say at which pace it was."""
    rows, path = list(rows), os.environ.get(ROWS_FILE)
    now = BEST_MS if path else pace()
    told = ["", HEAD, *(row.line(now) for row in rows)]
    if not path:
        told.append(f"(pace {now:.0f} ms, at its best {BEST_MS:.0f}; load {load():.1f})")
    print("\n".join(told), file=sys.__stdout__, flush=True)
    if path:
        with open(path, "ab") as file:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")


def read(path: str) -> list[Row]:
    """The rows that benchmarks have added to a file."""
    with open(path, "rb") as file:
        return [msgspec.json.decode(line, type=Row) for line in file]
