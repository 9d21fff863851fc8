"""What the console costs while nobody touches it: CPU and bytes to the terminal over twenty seconds.

    python -m benchmarks.idle [SECONDS]

The fleet of the demo's three clusters, watched, with Prometheus asked every five seconds, on a terminal of 200×50.
The demo's traffic never stands still, so some cells change with every refresh.
"""

from __future__ import annotations

import sys

from benchmarks._processes import MESHTOP, Figure, cpu_seconds, demo, show
from benchmarks._terminal import terminal

SETTLE_SECONDS = 12.0
SECONDS = 20.0


def main() -> None:
    """Let it settle, then count."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with demo() as ready:
        command = [*MESHTOP, "--config", "none", "--kubeconfig", str(ready["kubeconfig"])]
        with terminal(command, columns=200, lines=50) as program:
            program.wait_for(rb"1\.\d\d\.\d")
            program.read(SETTLE_SECONDS)
            pid = program.process.pid
            used, sent = cpu_seconds(pid), len(program.written)
            program.read(seconds)
            used, sent = cpu_seconds(pid) - used, len(program.written) - sent
    show(
        f"idle for {seconds:g} s on the demo of three clusters, refresh 5 s",
        [
            Figure("console idle: CPU, per cent of one core", [100 * used / seconds], "%", "≤ 1 %"),
            Figure("bytes to the terminal, per second", [sent / seconds], "bytes"),
        ],
    )


if __name__ == "__main__":
    main()
