"""What was measured last, row by row with its pace: `benchmarks/results.json`, out of which the page is made.

A row a line, sorted, so that two people's runs join without a conflict; each run replaces its own rows only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks._goals import GOALS
from benchmarks._rows import Row

RESULTS = Path(__file__).parent / "results.json"


class Run(Struct, frozen=True, kw_only=True):
    """How and when a program ran: pace in milliseconds before and after it, load after it."""

    program: str
    command: str
    at: str
    machine: str
    pace: tuple[float, float]
    load: float

    @property
    def middle_pace(self) -> float:
        """Between the two."""
        return sum(self.pace) / 2


class Result(Struct, frozen=True, kw_only=True):
    """A row, and the run that it comes from."""

    row: Row
    run: Run


def load_results(path: Path = RESULTS) -> list[Result]:
    """What a file holds, nothing where there is none."""
    return msgspec.json.decode(path.read_bytes(), type=list[Result]) if path.is_file() else []


def save_results(results: Iterable[Result], path: Path = RESULTS) -> None:
    """Write them, a row a line."""
    lines = [msgspec.json.encode(result).decode() for result in sorted(results, key=_place)]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def joined(old: Iterable[Result], new: Collection[Result], whole: Collection[str]) -> list[Result]:
    """Old rows and new ones, which replace those of the same name, and all of the programs that ran as a whole."""
    names = {(one.run.program, one.row.what) for one in new} | {one.row.goal for one in new if one.row.goal}
    kept = [
        one
        for one in old
        if one.run.program not in whole and not names & {(one.run.program, one.row.what), one.row.goal}
    ]
    return sorted([*kept, *new], key=_place)


def _place(result: Result) -> tuple[int, str, str]:
    order = {goal.name: number for number, goal in enumerate(GOALS)}
    return order.get(result.row.goal, len(order)), result.run.program, result.row.what
