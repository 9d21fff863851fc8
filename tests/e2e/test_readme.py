"""What the README and the tour tell people to type works on the demo."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.serving import LIMIT, Served, meshtop, served

pytestmark = pytest.mark.xdist_group("e2e-readme")

ROOT = Path(__file__).resolve().parents[2]
PAGES = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/tour.md")]
COMMANDS = list(
    dict.fromkeys(line for page in PAGES for line in re.findall(r"^meshtop demo -- (.+)$", page, re.MULTILINE))
)
FOUND_SOMETHING = {"doctor": (0, 1), "whatif": (0, 3)}
"""Exit codes of commands that say that something is wrong, or not known for certain, as in the demo's everyday."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("readme"), "everyday") as here:
        yield here


def test_there_is_something_to_type() -> None:
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_works(world: Served, line: str) -> None:
    done = meshtop(
        *shlex.split(line), "--kubeconfig", str(world.kubeconfig), "--timeout", f"{LIMIT:.0f}s", TERM="xterm"
    )
    allowed = FOUND_SOMETHING.get(line.split()[0], (0,))
    assert done.returncode in allowed, done.stderr
    assert done.stdout.strip(), done.stderr
    assert "Traceback" not in done.stderr
