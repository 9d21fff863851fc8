"""What `make` does on a machine where something is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=clone, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )


def test_without_a_python_that_is_new_enough_it_says_which_is_needed(clone: Path) -> None:
    done = make(clone, "demo", "PYTHON=")
    assert done.returncode != 0
    assert done.stderr.startswith("Python 3.11 or newer is needed: make PYTHON=/path/to/python demo\n")


def test_where_no_environment_can_be_made_nothing_half_made_stays(clone: Path) -> None:
    done = make(clone, "demo", "PYTHON=false")
    assert done.returncode != 0
    assert not (clone / ".venv").exists()


def test_a_python_without_ensurepip_gets_its_pip_from_the_systems(clone: Path) -> None:
    python = clone / "python"
    python.write_text(
        "#!/bin/sh\n"
        'echo "$*" >> asked\n'
        '[ "$1 $2 $3" = "-m venv --without-pip" ] && mkdir -p .venv/bin && : > .venv/bin/python && exit 0\n'
        '[ "$1 $2 $3" = "-m pip --python" ] && exit 0\n'
        "exit 1\n"
    )
    python.chmod(0o755)
    done = make(clone, ".venv/bin/python", f"PYTHON={python}")
    assert done.returncode == 0, done.stderr
    asked = (clone / "asked").read_text().splitlines()
    assert asked == [
        "-m venv .venv",
        "-m venv --without-pip .venv",
        "-m pip --python .venv/bin/python install --quiet --disable-pip-version-check pip",
    ]
