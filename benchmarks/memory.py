"""How a console's memory grows: its resident set each minute, left alone and used, side by side.

    python -m benchmarks.memory [MINUTES] [SECONDS BETWEEN KEYS]
    python -m benchmarks.memory --read FILE     # what such a run has printed

Two consoles on one demo of three clusters, on terminals of 160×50. Nobody touches the first; in the second somebody
walks through all places, opens rows, the graph, help and filters, and goes back.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks._counted import counted, pictures
from benchmarks._processes import MESHTOP, cpu_seconds, demo, resident_megabytes
from benchmarks._rows import Row, goal_row, report, row_of
from benchmarks._terminal import Terminal, terminal

MINUTES = 121.0
WARM_MINUTES, WHOLE_MINUTES = 30, 120
PAUSE_SECONDS = 0.5
WALK = (
    "1", "\r", "\t", "\x1b", "j", "2", "j", "j", "\r", "g", "\x1b", "\x1b", "3", "l", "l", "+", "4", "\t", "\r", "\x1b",
    "5", "\t", "6", "\r", "\x1b", "?", "\x1b", "2", "/", "s", "h", "o", "p", "\r", "\x1b", "J", "\x1b", "w", "\x1b",
)  # fmt: skip
"""Keys, one at a time, that end where they begin. esc comes alone, so that no terminal takes it for a longer key."""
AWAY_EVERY, AWAY_SECONDS = 120.0, 10.0
"""Nobody types without a break."""


class Minute(Struct, frozen=True):
    """What both consoles held in memory after so many minutes, and how many keys were typed."""

    minute: int
    alone: float
    used: float
    keys: int


def drift(sizes: Sequence[float]) -> float:
    """By how many per cent sizes are at most away from the first of them."""
    return max(100 * abs(size - sizes[0]) / sizes[0] for size in sizes)


def main() -> None:
    """Run both, and print a line each minute; the goals are told where two hours were measured."""
    if sys.argv[1:2] == ["--read"]:
        report(memory_rows(read(Path(sys.argv[2]))))
        return
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else PAUSE_SECONDS
    with demo() as ready, tempfile.TemporaryDirectory() as folder:
        count = Path(folder, "pictures")
        given = ("--config", "none", "--kubeconfig", str(ready["kubeconfig"]))
        with (
            terminal(counted(count, *given), columns=160, lines=50) as alone,
            terminal([*MESHTOP, *given], columns=160, lines=50) as used,
        ):
            for program in (alone, used):
                program.wait_for(rb"1\.\d\d\.\d")
            print(f"{'minute':>6} {'alone':>10} {'used':>10} {'keys':>8}   MB resident", flush=True)
            spent, made = cpu_seconds(alone.process.pid), pictures(count)
            found = curve(alone, used, minutes, pause)
            spent, made = cpu_seconds(alone.process.pid) - spent, pictures(count) - made
    report(
        [
            row_of("console left alone: CPU, while another one is used", [100 * spent / (60 * minutes)], "%"),
            row_of("console left alone: pictures a minute", [made / minutes], "pictures"),
            *memory_rows(found),
        ]
    )


def memory_rows(found: Sequence[Minute]) -> list[Row]:
    """The goals' rows where two hours were measured, else the sizes at the end."""
    last, later = found[-1], [one for one in found if one.minute >= WARM_MINUTES]
    if last.minute >= WHOLE_MINUTES:
        alone, used = [one.alone for one in later], [one.used for one in later]
        return [
            goal_row("flat-alone", [drift(alone)], note=_sizes(alone)),
            goal_row("flat-used", [drift(used)], note=f"{_sizes(used)}, {last.keys:,} keys"),
        ]
    return [
        row_of(f"console left alone, after {last.minute} minutes: memory", [last.alone], "MB"),
        row_of(f"console used, after {last.minute} minutes, {last.keys:,} keys: memory", [last.used], "MB"),
    ]


def read(path: Path) -> list[Minute]:
    """The minutes that a run has printed."""
    words = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Minute(int(one[0]), float(one[1]), float(one[2]), int(one[3]))
        for one in words
        if len(one) == 4 and one[0].isdigit()
    ]


def _sizes(sizes: Sequence[float]) -> str:
    return f"{sizes[0]:.0f} MB at minute {WARM_MINUTES}, at least {min(sizes):.0f}, at most {max(sizes):.0f}"


def curve(alone: Terminal, used: Terminal, minutes: float, pause: float) -> list[Minute]:
    """Type into one of them and print the sizes of both each minute."""
    began, keys, minute, away = time.monotonic(), 0, 0, AWAY_EVERY
    found: list[Minute] = []
    while True:
        elapsed = time.monotonic() - began
        if elapsed >= minute * 60:
            sizes = [resident_megabytes(program.process.pid) for program in (alone, used)]
            print(f"{minute:>6} {sizes[0]:>10.1f} {sizes[1]:>10.1f} {keys:>8}", flush=True)
            found.append(Minute(minute, sizes[0], sizes[1], keys))
            minute += 1
        if elapsed >= minutes * 60:
            return found
        if elapsed >= away:
            away = elapsed + AWAY_SECONDS + AWAY_EVERY
            used.read(AWAY_SECONDS)
        used.press(WALK[keys % len(WALK)])
        keys += 1
        used.read(pause)
        alone.read(0.01)
        for program in (alone, used):
            program.written.clear()


if __name__ == "__main__":
    main()
