"""Bytes to a terminal of 200×50 in truecolor: the live table and DataTable, with the cell diff and without it.

Run: `python -m benchmarks.terminal_bytes`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys

from textual.pilot import Pilot

from benchmarks._rows import goal_row, report, row_of
from benchmarks.console_app import Console, CountingDriver, LiveApp, PeerApp, change, make_rows, play

ROUNDS = 20
ROWS = 300


async def measure(app: Console) -> tuple[int, float, float]:
    """Bytes of the start with all rows, of a refresh without a change, and of one with 5 % of the cells changed."""
    figures: list[float] = []

    async def script(pilot: Pilot[int]) -> None:
        rows, rng = make_rows(ROWS), random.Random(3)
        app.load(rows)
        await pilot.pause()
        await pilot.pause()  # the scrollbar comes with a layout of its own
        figures.append(CountingDriver.written - began)
        for share in (0.0, 0.05):
            before = CountingDriver.written
            for _ in range(ROUNDS):
                app.update(rows, change(rows, share, rng))
                await pilot.pause()
            figures.append((CountingDriver.written - before) / ROUNDS)

    began = CountingDriver.written
    await play(app, script)
    return int(figures[0]), figures[1], figures[2]


def main() -> None:
    """Print the table of figures."""
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    print(f"{'bytes':24}{'start':>12}{'nothing':>12}{'5 % changed':>14}", file=sys.__stdout__)
    found: dict[str, tuple[int, float, float]] = {}
    for name, make in (("live table", LiveApp), ("DataTable", PeerApp)):
        for diff in (True, False):
            start, nothing, some = asyncio.run(measure(make(cell_diff=diff)))
            title = f"{name}, {'diff' if diff else 'no diff'}"
            found[title] = start, nothing, some
            print(f"{title:24}{start:12,}{nothing:12,.0f}{some:14,.0f}", file=sys.__stdout__)
    mine, theirs, plain = (found[name] for name in ("live table, diff", "DataTable, no diff", "live table, no diff"))
    report(
        [
            goal_row("bytes-nothing", [round(mine[1])], peer=f"DataTable {theirs[1]:,.0f}"),
            goal_row("bytes-some", [round(mine[2])], peer="DataTable", ratio=theirs[2] / mine[2]),
            row_of(
                "bytes of the first screen", [mine[0]], "bytes", peer="without the cell diff", ratio=plain[0] / mine[0]
            ),
        ]
    )


if __name__ == "__main__":
    main()
