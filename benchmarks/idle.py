"""What the console costs while nobody touches it: CPU, pictures, bytes to the terminal, and memory.

    python -m benchmarks.idle [--seconds 60 | --minutes 120]

The fleet of the demo's three clusters, watched, with Prometheus asked every five seconds, on a terminal of 200×50.
The demo's traffic never stands still, so some cells change with every refresh. With `--minutes` the figures are told
for each quarter of an hour.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks._counted import counted, pictures
from benchmarks._pace import patience
from benchmarks._processes import Figure, cpu_seconds, demo, resident_megabytes, show
from benchmarks._terminal import Terminal, terminal

SETTLE_SECONDS = 15.0
SECONDS = 60.0
ROUND_SECONDS = 20.0
LONG_ROUND_SECONDS = 900.0


def measure(program: Terminal, count: Path, seconds: float, each: float) -> list[tuple[float, float, float, float]]:
    """Of each round: CPU in per cent of a core, pictures a minute, bytes a second, megabytes at its end."""
    found = []
    pid = program.process.pid
    for _ in range(max(1, round(seconds / each))):
        span = min(each, seconds)
        used, made = cpu_seconds(pid), pictures(count)
        program.written.clear()
        program.read(span)
        cpu = 100 * (cpu_seconds(pid) - used) / span
        drawn, sent = 60 * (pictures(count) - made) / span, len(program.written) / span
        found.append((cpu, drawn, sent, resident_megabytes(pid)))
        print(
            f"  {cpu:5.2f} % of a core, {drawn:.0f} pictures a minute, {sent:.0f} bytes a second, {found[-1][3]:.0f} MB"
        )
    return found


def main() -> None:
    """Let it settle, then count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--minutes", type=float)
    options = parser.parse_args()
    seconds = options.seconds if options.minutes is None else 60 * options.minutes
    each = ROUND_SECONDS if options.minutes is None else min(LONG_ROUND_SECONDS, seconds)
    with demo() as ready, tempfile.TemporaryDirectory() as folder:
        count = Path(folder, "pictures")
        command = counted(count, "--config", "none", "--kubeconfig", str(ready["kubeconfig"]))
        with terminal(command, columns=200, lines=50) as program:
            program.wait_for(rb"1\.\d\d\.\d")
            program.read(min(60.0, patience(SETTLE_SECONDS)))
            cpu, drawn, sent, size = zip(*measure(program, count, seconds, each), strict=True)
    title = f"idle for {seconds:g} s on the demo of three clusters, refresh 5 s"
    show(
        title,
        [
            Figure("console idle: CPU, per cent of one core", cpu, "%", "idle"),
            Figure("console idle: pictures a minute", drawn, "pictures", kept=True),
            Figure("console idle: bytes to the terminal, a second", sent, "bytes", kept=True),
            Figure("console idle: memory at the end", size[-1:], "MB", kept=True),
        ],
    )


if __name__ == "__main__":
    main()
