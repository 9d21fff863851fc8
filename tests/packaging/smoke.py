"""What an installed program must do, however it was installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from meshtop import __version__
from tests.patience import PATIENCE_SECONDS

CLUSTERS = {"eu-west", "on-prem", "us-east"}
"""The clusters of the demo."""


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """What a program prints, which must end well; it inherits nothing that is meant for the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MESHTOP_", "PYTHON"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env={**inherited, **environ},
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def assert_it_runs(*program: str | Path, cwd: Path, **environ: str) -> None:
    """Its version, and the demo's clusters, which another process of the program serves."""
    assert run(*program, "--version", cwd=cwd, **environ) == f"meshtop {__version__}\n"
    names = run(*program, "demo", "--", "get", "clusters", "-o", "name", cwd=cwd, **environ).split()
    assert {name.rpartition("/")[2] for name in names} == CLUSTERS
