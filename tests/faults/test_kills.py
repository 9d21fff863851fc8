"""kill -9 of the whole program at its writing requests, again and again until a rollback has come to its end.

After each death the journal must know of what the clusters have; in the end they have what they had before, and no
Lease is left. In the suite a handful, with a seed that stands; `make faults` kills a hundred.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from meshtop.actions.journal.journal import Journal
from meshtop.actions.shift.record import known_weights, shift_record
from meshtop.actions.shift.recover import find_action
from meshtop.demo.world.plan import Options
from tests.e2e.serving import Served, environment, served
from tests.faults.killing import Executioner, killing
from tests.patience import PATIENCE_SECONDS

KILLS = int(os.environ.get("FAULTS_KILLS", "3"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
ROUTE = "shop/reviews"
BEFORE, AFTER = (80, 20), (90, 10)
KILLED_ROLLBACKS = 0.5
"""The share of rollbacks that are to die as well."""
MOST_WRITES = 8
"""A shift of one step in two clusters sends about so many; one that is to die later comes to its end."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("kills"), options=Options(clusters=2, services=12)) as here:
        yield here


def read(demo: Served, cluster: str, path: str) -> dict[str, Any]:
    asked = urllib.request.Request(f"{demo.servers[cluster]}{path}", headers={"Authorization": "Bearer demo-admin"})
    with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def weights(demo: Served) -> dict[str, tuple[int, ...]]:
    path = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"
    return {
        cluster: tuple(route.get("weight", 0) for route in read(demo, cluster, path)["spec"]["http"][0]["route"])
        for cluster in demo.servers
    }


def leases(demo: Served) -> list[str]:
    path = "/apis/coordination.k8s.io/v1/namespaces/shop/leases"
    return [
        f"{cluster}/{one['metadata']['name']}"
        for cluster in demo.servers
        for one in read(demo, cluster, path)["items"]
        if one.get("spec", {}).get("holderIdentity")
    ]


class Program:
    """meshtop as a process that may be killed at a writing request."""

    def __init__(self, folder: Path, kubeconfig: Path, executioner: Executioner) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig
        self.executioner = executioner
        self.deaths = 0

    @property
    def journal(self) -> Path:
        return self.folder / "state/meshtop/journal.db"

    def run(self, *words: str, dies_at: int, after: bool) -> int:
        """The exit code; -9 when it was killed."""
        self.executioner.seen, self.executioner.at, self.executioner.after = 0, dies_at, after
        command = [sys.executable, "-m", "meshtop", "--config", "none", *words, "--kubeconfig", str(self.kubeconfig)]
        state = environment(HOME=str(self.folder), XDG_STATE_HOME=str(self.folder / "state"))
        with subprocess.Popen(
            [*command, "--timeout", "60s"], env=state, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            self.executioner.pid = process.pid
            _, self.said = process.communicate(timeout=PATIENCE_SECONDS)
        assert "Traceback" not in self.said, self.said
        if process.returncode == -signal.SIGKILL:
            self.deaths += 1
        return process.returncode


def agree(demo: Served, journal: Path) -> bool:
    """Whether the journal has an action; its knowledge must hold what each cluster has."""
    found = weights(demo)
    action = Journal(journal).last() if journal.exists() else None
    if action is None:
        assert set(found.values()) == {BEFORE}
        return False
    known = known_weights(action, shift_record(action).targets)
    for cluster, seen in found.items():
        assert seen in known[cluster].may_be, (cluster, seen, known[cluster])
    return True


@pytest.mark.xdist_group("kills")
def test_killed_until_it_is_taken_back(demo: Served, tmp_path: Path) -> None:
    random = Random(SEED)
    deaths = rounds = 0
    with killing(tmp_path, demo.servers) as (kubeconfig, executioner):
        while deaths < KILLS:
            rounds += 1
            folder = tmp_path / str(rounds)
            folder.mkdir()
            program = Program(folder, kubeconfig, executioner)
            shift = ("shift", ROUTE, "--to", "v3=10", "--yes", "--no-wait")
            code = program.run(*shift, dies_at=random.randint(1, MOST_WRITES), after=random.random() < 0.5)
            assert code in (0, -signal.SIGKILL), program.said
            if code == 0:
                assert set(weights(demo).values()) == {AFTER}
            if agree(demo, program.journal):
                _take_back(demo, program, random)
            assert set(weights(demo).values()) == {BEFORE}
            deaths += program.deaths
        last = Program(tmp_path / "last", kubeconfig, executioner)
        last.folder.mkdir()
        assert last.run("shift", ROUTE, "--to", "v3=10", "--yes", "--no-wait", dies_at=0, after=False) == 0, last.said
        assert last.run("rollback", "--yes", dies_at=0, after=False) == 0, last.said
        assert leases(demo) == []
    print(f"\n{deaths} kills in {rounds} rounds")
    assert deaths >= KILLS


def _take_back(demo: Served, program: Program, random: Random) -> None:
    """Roll back, killed at every other try, until nothing is left to do."""
    killed = False
    for _ in range(10):
        dies = random.randint(1, MOST_WRITES) if random.random() < KILLED_ROLLBACKS else 0
        before, code = killed, program.run("rollback", "--yes", dies_at=dies, after=random.random() < 0.5)
        killed = code == -signal.SIGKILL
        agree(demo, program.journal)
        if code != -signal.SIGKILL:
            break
    nothing_left = code == 2 and set(weights(demo).values()) == {BEFORE}
    assert code == 0 or nothing_left, program.said
    action = find_action(Journal(program.journal), None)
    assert not action.open, action
    # Killed after its last word and before it gave its Leases back, nothing is left to roll back; whoever comes next
    # sees that their process has ended, and takes them at once: the next shift shows it.
    assert leases(demo) == [] or (nothing_left and before)
