"""How a console's memory grows: its resident set each minute, left alone and used, side by side.

    python -m benchmarks.memory [MINUTES] [SECONDS BETWEEN KEYS]

Two consoles on one demo of three clusters, on terminals of 160×50. Nobody touches the first; in the second somebody
walks through all places, opens rows, the graph, help and filters, and goes back.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks._processes import MESHTOP, demo
from benchmarks._terminal import Terminal, terminal

MINUTES = 15.0
PAUSE_SECONDS = 0.5
WALK = (
    "1", "\r", "\t", "\x1b", "j", "2", "j", "j", "\r", "g", "\x1b", "\x1b", "3", "l", "l", "+", "4", "\t", "\r", "\x1b",
    "5", "\t", "6", "\r", "\x1b", "?", "\x1b", "2", "/", "s", "h", "o", "p", "\r", "\x1b", "J", "\x1b", "w", "\x1b",
)  # fmt: skip
"""Keys, one at a time, that end where they begin. esc comes alone, so that no terminal takes it for a longer key."""
AWAY_EVERY, AWAY_SECONDS = 120.0, 10.0
"""Nobody types without a break."""


def resident_megabytes(pid: int) -> float:
    """What a process holds in memory, from /proc."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    """Run both, and print a line each minute."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else PAUSE_SECONDS
    with demo() as ready:
        command = [*MESHTOP, "--config", "none", "--kubeconfig", str(ready["kubeconfig"])]
        with terminal(command, columns=160, lines=50) as alone, terminal(command, columns=160, lines=50) as used:
            for program in (alone, used):
                program.wait_for(rb"1\.\d\d\.\d")
            print(f"{'minute':>6} {'alone':>10} {'used':>10} {'keys':>8}   MB resident", flush=True)
            curve(alone, used, minutes, pause)


def curve(alone: Terminal, used: Terminal, minutes: float, pause: float) -> None:
    """Type into one of them and print the sizes of both each minute."""
    began, keys, minute, away = time.monotonic(), 0, 0, AWAY_EVERY
    while True:
        elapsed = time.monotonic() - began
        if elapsed >= minute * 60:
            sizes = [resident_megabytes(program.process.pid) for program in (alone, used)]
            print(f"{minute:>6} {sizes[0]:>10.1f} {sizes[1]:>10.1f} {keys:>8}", flush=True)
            minute += 1
        if elapsed >= minutes * 60:
            return
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
