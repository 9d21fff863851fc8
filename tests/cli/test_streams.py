"""What becomes of a run whose output, input or errors have nowhere to go."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TextIO

import pytest

from meshtop.cli import watch
from meshtop.model.snapshot import Snapshot
from tests import worlds
from tests.cli.conftest import FakeObservatory, Program
from tests.patience import PATIENCE_SECONDS

PIPED = ("--version", "--help", "get --help", "config schema", "completion bash", "demo --list")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which $M is meshtop; the exit code of a pipe is its first command's."""
    script = f'M="{sys.executable} -m meshtop"; {line}'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("arguments", PIPED)
def test_a_reader_that_leaves_at_once_is_no_error(arguments: str) -> None:
    done = shell(f"$M {arguments} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["--version", "--help", "config schema"])
def test_a_full_disk_is_said(arguments: str) -> None:
    done = shell(f"$M {arguments} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "meshtop: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_stood_in_for(closed: str) -> None:
    done = shell(f"$M config schema {closed}")
    answered = ">&-" not in closed.replace("2>&-", "")
    assert done.returncode == (0 if answered else 2)
    assert bool(done.stdout) == answered


@pytest.mark.parametrize("arguments", ["--version", "--help", "get --help", "config schema", "completion zsh"])
def test_an_answer_to_a_closed_output_is_none(arguments: str) -> None:
    done = shell(f"$M {arguments} >&-")
    assert (done.returncode, done.stderr) == (
        2,
        "meshtop: The output cannot be written: standard output is closed.\n",
    )


def test_a_reader_that_leaves_a_watch_ends_it(meshtop: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow(self: FakeObservatory) -> AsyncGenerator[Snapshot, None]:
        yield worlds.world(worlds.east())
        await asyncio.Event().wait()

    def gone(text: str, stream: TextIO | None = None) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(FakeObservatory, "follow", follow)
    monkeypatch.setattr(watch, "write", gone)
    outcome = meshtop("get", "workloads", "--watch")
    assert (outcome.code, outcome.err) == (0, "")


def test_libraries_do_not_log_to_the_terminal() -> None:
    said = "import logging; logging.getLogger('some.library').error('loud')"
    done = shell(
        f'{sys.executable} -c "from meshtop.process import keep_libraries_quiet; keep_libraries_quiet(); {said}"'
    )
    assert (done.returncode, done.stderr) == (0, "")
