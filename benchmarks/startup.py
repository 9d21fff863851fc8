"""From the command to something to read: the version, one answer on the command line, the console on a terminal.

    python -m benchmarks.startup [RUNS]

The clusters are the demo's three, served by another process on the same machine; its own time to answer is part of
every wall time. CPU is the program's alone.
"""

from __future__ import annotations

import sys

from benchmarks._processes import MESHTOP, PYTHON, Figure, demo, run, show
from benchmarks._terminal import terminal

RUNS = 7
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
    with demo() as ready:
        kubeconfig = str(ready["kubeconfig"])
        get = [*MESHTOP, "--config", "none", "--timeout", "30s", "--kubeconfig", kubeconfig, "get", "clusters"]
        run(get)
        bare, version, gets, opened, imports = [], [], [], [], []
        for _ in range(runs):
            bare.append(run([PYTHON, "-c", "pass"]))
            version.append(run([*MESHTOP, "--version"]))
            gets.append(run(get))
            imports.append(run([PYTHON, "-c", IMPORTS]))
            opened.append(console(kubeconfig))
    added = [1000 * (mine.wall - theirs.wall) for mine, theirs in zip(version, bare, strict=True)]
    spent = [mine.cpu - theirs.cpu for mine, theirs in zip(imports, bare, strict=True)]
    first, frame, data = zip(*opened, strict=True)
    show(
        f"{runs} runs on the demo of three clusters",
        [
            Figure("a bare interpreter", [1000 * r.wall for r in bare], "ms"),
            Figure("meshtop --version, over that", added, "ms", "≤ 14 ms"),
            Figure("meshtop get clusters, whole process", [r.wall for r in gets], goal="≤ 0.5 s"),
            Figure("meshtop get clusters, CPU", [r.cpu for r in gets], goal="≤ 0.40 s"),
            Figure("imports of get clusters, CPU over a bare interpreter", spent, goal="≤ 0.2 s"),
            Figure("meshtop get clusters, peak memory", [r.megabytes for r in gets], "MB"),
            Figure("console: first words", first, goal="≤ 0.1 s"),
            Figure("console: first frame", frame, goal="≤ 0.35 s"),
            Figure("console: first cluster's data", data, goal="≤ 0.6 s"),
        ],
    )


if __name__ == "__main__":
    main()
