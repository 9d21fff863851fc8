"""From the command to something to read: the version, what a command imports, the console on a terminal.

    python -m benchmarks.startup [ROUNDS]

The console reads three recorded clusters (`benchmarks._replay`) over plain http, so that the simulation's own time to
answer is not part of what is seen; the replaying process uses the same processors. The whole command is measured by
`benchmarks.reading`.
"""

from __future__ import annotations

import sys

from benchmarks._processes import MESHTOP, PYTHON, Figure, demo, run, show
from benchmarks._replay import replay
from benchmarks._terminal import terminal

RUNS = 7
CLUSTERS = 3
FRAME = rb"Canaries"
"""The top bar's first place: it is in the first frame and not before."""
IMPORTS = (
    "from meshtop.process import prepare_process; prepare_process()\n"
    "import meshtop.cli.main, meshtop.cli.get, meshtop.observatory.build, meshtop.views.kinds.clusters"
)
"""What `get clusters` imports, in a process prepared as the program prepares its own."""
DATA = rb"1\.\d\d\.\d"
"""A cluster's Kubernetes version."""


def console(kubeconfig: str) -> tuple[float, float, float]:
    """Seconds to the first byte, the first frame, and the first cluster's data."""
    with terminal([*MESHTOP, "--config", "none", "--no-remember", "--kubeconfig", kubeconfig]) as program:
        return program.wait_for(rb"meshtop"), program.wait_for(FRAME), program.wait_for(DATA)


def main() -> None:
    """Run everything in turn, so that a busy moment hits all alike."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with demo() as ready, replay(str(ready["kubeconfig"]), CLUSTERS) as replayed:
        console(replayed.kubeconfig)  # Asks everything once, so that it is recorded.
        bare, version, opened, imports = [], [], [], []
        for _ in range(runs):
            bare.append(run([PYTHON, "-c", "pass"]))
            version.append(run([*MESHTOP, "--version"]))
            imports.append(run([PYTHON, "-c", IMPORTS]))
            opened.append(console(replayed.kubeconfig))
    added = [1000 * (mine.cpu - theirs.cpu) for mine, theirs in zip(version, bare, strict=True)]
    spent = [mine.cpu - theirs.cpu for mine, theirs in zip(imports, bare, strict=True)]
    first, frame, data = zip(*opened, strict=True)
    show(
        f"{runs} runs, {CLUSTERS} recorded clusters",
        [
            Figure("a bare interpreter: CPU", [1000 * r.cpu for r in bare], "ms"),
            Figure("meshtop --version over that: CPU", added, "ms", "version"),
            Figure("imports of get clusters over that: CPU", spent, goal="imports"),
            Figure("console: first words", first),
            Figure("console: first frame", frame, goal="first-frame"),
            Figure("console: first cluster's data", data, goal="first-data"),
        ],
    )


if __name__ == "__main__":
    main()
