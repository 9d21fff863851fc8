"""A recording of each scenario, replayed, prints what was printed live: every kind, the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshtop.cli.demo import SCENARIOS
from meshtop.model.snapshot import Snapshot
from meshtop.model.state import State
from meshtop.sources.recording.frames import RecordingError
from meshtop.sources.recording.recorded import RecordedSnapshots
from tests.golden.cases import KINDS
from tests.golden.run import Program, forks
from tests.golden.world import TREE, Served, World, environment, serving
from tests.patience import PATIENCE_SECONDS

_DIES = {"dead-cluster": "eu-west"}
STORIES = tuple(SCENARIOS) if os.environ.get("FAULTS_STORIES") else ("dead-cluster",)
"""In the suite the story in which a cluster is lost; `make faults` goes through all of them."""
FILE = "x.rec"


def _env(served: Served) -> dict[str, str]:
    return {**environment(TREE, served.folder), "KUBECONFIG": "kubeconfig"}


def _last(path: Path) -> Snapshot:
    recording = RecordedSnapshots(path)
    try:
        return recording.snapshot(len(recording.moments) - 1)
    finally:
        recording.close()


def _has_everything(snapshot: Snapshot) -> bool:
    """Whether the rarest answers have come too: a day's plaintext, and counts behind weighted routes.

    A busy machine may also have made a cluster look slow.
    """
    if any(one.kubernetes.state not in (State.FRESH, State.UNREACHABLE) for one in snapshot.clusters):
        return False
    answering = [one for one in snapshot.clusters if one.telemetry is not None]
    return bool(answering) and all(
        one.telemetry is not None and one.telemetry.plaintext_day is not None and one.courses is not None
        and one.alerts is not None and one.slos is not None
        for one in answering
    ) and any(one.canaries for one in answering)  # fmt: skip


def _record(run: Program, served: Served) -> Path:
    """A recording that ends when everything was read; a busy machine takes longer."""
    path = served.folder / FILE
    for seconds in (10, 30, 90):
        path.unlink(missing_ok=True)
        words = ["record", FILE, "--for", f"{seconds}s", "--every", "1s", "--timeout", "60s"]
        run(words, _env(served), served.folder)
        if _moments(path) and _has_everything(_last(path)):
            return path
    raise AssertionError("not everything was read in time")


@pytest.mark.parametrize("scenario", STORIES)
def test_replayed_it_prints_what_it_printed_live(tmp_path: Path, scenario: str) -> None:
    world = World(scenario, ("--scenario", scenario, "--services", "4"), dies=_DIES.get(scenario, ""))
    with serving(world, tmp_path / scenario) as served, served.settled(), forks(TREE, 1) as run:
        path = _record(run, served)
        assert path.stat().st_size < 500_000
        differing = []
        for kind in KINDS:
            words = ["get", kind, "-o", "json", "--timeout", "60s"]
            live = run(words, _env(served), served.folder)
            replayed = run(["replay", FILE, "--", *words], _env(served), served.folder)
            if live != replayed:
                differing.append(kind)
        assert not differing


def test_reports_and_tables_are_the_same_too(tmp_path: Path) -> None:
    """Tables only of some kinds: they are made of the items that the test above compares for all."""
    world = World("bad-canary", ("--scenario", "bad-canary", "--services", "4"))
    with serving(world, tmp_path / "world") as served, forks(TREE, 1) as run:
        _record(run, served)
        for line in (
            *(f"get {kind}" for kind in ("clusters", "edges", "changes", "attention", "slos")),
            "get workloads -o wide", "graph", "graph --level workloads -o json",
            "analyze -o json", "whatif strict shop", "whatif evacuate eu-west -o json", "suggest policies shop",
            "access who shop/reviews-v2 -o json", "get edges --cluster us-east -n shop --filter rps:>0", "get nosuch",
            "get clusters --cluster nowhere -o name",
        ):  # fmt: skip
            words = [*line.split(), "--timeout", "60s"]
            live = run(words, _env(served), served.folder)
            replayed = run(["replay", FILE, "--", *words], _env(served), served.folder)
            if "nowhere" in line:
                assert (live[0], replayed[0]) == (2, 2)
                continue
            assert replayed == live, line


def test_killed_it_is_readable_to_its_end(tmp_path: Path) -> None:
    with serving(World("killed", ("--services", "2")), tmp_path / "world") as served:
        path = served.folder / FILE
        process = subprocess.Popen(
            [sys.executable, "-m", "meshtop", "record", FILE, "--every", "1s"],
            env={**_env(served)}, cwd=served.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < until and _moments(path) < 2:
                time.sleep(0.2)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert _moments(path) >= 2
        assert _last(path).clusters


def _moments(path: Path) -> int:
    try:
        recording = RecordedSnapshots(path)
    except RecordingError:
        return 0
    recording.close()
    return len(recording.moments)
