"""CPU of the live table beside Textual's DataTable, 200×50: loading many rows, a refresh, a page down.

Run: `python -m benchmarks.table`.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import time

from textual.pilot import Pilot

from benchmarks._rows import report, row_of
from benchmarks.console_app import Console, LiveApp, PeerApp, change, make_rows, play

ROUNDS = 20


async def measure(app: Console, count: int) -> tuple[float, float, float]:
    """Seconds until `count` rows are drawn; median ms of CPU of a refresh with 5 % changed, and of a page down."""
    figures: list[float] = []

    async def script(pilot: Pilot[int]) -> None:
        rows, rng = make_rows(count), random.Random(3)
        began = time.perf_counter()
        app.load(rows)
        await pilot.pause()
        figures.append(time.perf_counter() - began)
        app.table.focus()
        refreshes, pages = [], []
        for _ in range(ROUNDS):
            changed = change(rows, 0.05, rng)
            began = time.process_time()
            app.update(rows, changed)
            await pilot.pause()
            refreshes.append(time.process_time() - began)
        for turn in range(ROUNDS):
            began = time.process_time()
            await pilot.press("pageup" if turn % 4 > 1 else "pagedown")
            pages.append(time.process_time() - began)
        figures.extend((statistics.median(refreshes) * 1000, statistics.median(pages) * 1000))

    await play(app, script)
    return figures[0], figures[1], figures[2]


def main() -> None:
    """Print the table of figures."""
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    print(f"{'':24}{'rows':>8}{'on screen s':>13}{'refresh ms':>12}{'page ms':>10}", file=sys.__stdout__)
    found: dict[tuple[str, int], tuple[float, float, float]] = {}
    for name, make, count in (
        ("live table", LiveApp, 300),
        ("live table", LiveApp, 50_000),
        ("live table, no diff", LiveApp, 300),
        ("DataTable, no diff", PeerApp, 300),
        ("DataTable, no diff", PeerApp, 10_000),
    ):
        load, refresh, page = asyncio.run(measure(make(cell_diff="no diff" not in name), count))
        found[name, count] = load, refresh, page
        print(f"{name:24}{count:8,}{load:13.2f}{refresh:12.1f}{page:10.1f}", file=sys.__stdout__)
    mine, theirs = found["live table", 300], found["DataTable, no diff", 300]
    many, fewer = found["live table", 50_000], found["DataTable, no diff", 10_000]
    report(
        [
            row_of(
                "refresh of a table of 300 rows, 5 % changed: CPU",
                [mine[1]], "ms", peer="DataTable", ratio=theirs[1] / mine[1],
            ),
            row_of(
                "50,000 rows on screen: wall", [many[0]], peer="DataTable with 10,000 rows", ratio=fewer[0] / many[0]
            ),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
