"""The demo command with a stand-in for the simulation: what is started, what is run on it, and that it always ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meshtop.cli import demo
from meshtop.cli.exits import CommandError
from meshtop.demo.world.plan import MOST_CLUSTERS, MOST_SERVICES
from meshtop.demo.world.registries import REGISTRIES
from meshtop.demo.world.scenarios import SCENARIOS
from meshtop.demo.world.worlds.registry import WORLDS
from tests.cli.conftest import Program

READY = 'print(\'{"ready": true, "kubeconfig": "/demo/kubeconfig", "clusters": ["a"]}\', flush=True)\n'
STAY = "import time\ntime.sleep(600)\n"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A script that runs in place of `python -m meshtop.demo` and notes its arguments and its process."""
    script = tmp_path / "simulation.py"
    started = subprocess.Popen

    def instead(command: list[str], **more: object) -> subprocess.Popen[str]:
        assert command[1:3] == ["-m", "meshtop.demo"]
        (tmp_path / "arguments").write_text(" ".join(command[3:]))
        process: subprocess.Popen[str] = started([sys.executable, str(script)], **more)  # type: ignore[call-overload]
        (tmp_path / "pid").write_text(str(process.pid))
        return process

    monkeypatch.setattr("meshtop.cli.demo.subprocess.Popen", instead)
    return script


def ended(folder: Path) -> bool:
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_what_is_offered_is_what_the_simulation_has() -> None:
    assert list(demo.SCENARIOS) == list(SCENARIOS)
    assert list(demo.WORLDS) == list(WORLDS)
    assert demo.REGISTRIES == REGISTRIES
    assert (demo.MOST_CLUSTERS, demo.MOST_SERVICES) == (MOST_CLUSTERS, MOST_SERVICES)


def test_options_of_the_command_need_no_dashes_before_them(meshtop: Program, simulation: Path) -> None:
    simulation.write_text(READY + STAY)
    assert meshtop("demo", "--seed", "3", "get", "clusters", "-o", "name").out.startswith("cluster/")
    assert "--seed 3" in (simulation.parent / "arguments").read_text()


def test_a_scenario_that_does_not_exist(meshtop: Program) -> None:
    outcome = meshtop("demo", "--scenario", "nope")
    assert outcome.code == 2
    assert "'bad-canary'" in outcome.err


def test_a_world_that_does_not_exist(meshtop: Program) -> None:
    outcome = meshtop("demo", "--world", "atlantis")
    assert outcome.code == 2
    assert all(f"'{name}'" in outcome.err for name in WORLDS)


def test_a_world_and_a_scenario_go_together(meshtop: Program, simulation: Path) -> None:
    simulation.write_text(READY + STAY)
    meshtop("demo", "--world", "ambient", "--scenario", "bad-canary", "get", "clusters", "-o", "name")
    assert "--scenario bad-canary --world ambient" in (simulation.parent / "arguments").read_text()


def test_a_command_runs_on_the_simulation(meshtop: Program, simulation: Path) -> None:
    simulation.write_text(READY + STAY)
    outcome = meshtop("demo", "--clusters", "2", "--seed", "7", "--window", "1m", "--", "get", "edges", "-o", "json")
    assert outcome.code == 0
    assert outcome.out.startswith("{")
    session = meshtop.sessions[0]
    assert (session.common.kubeconfig, session.common.config, session.settings.window) == (
        "/demo/kubeconfig",
        "none",
        60.0,
    )
    arguments = (simulation.parent / "arguments").read_text()
    assert arguments == f"--clusters 2 --seed 7 --parent-pid {os.getpid()}"
    assert ended(simulation.parent)


def test_it_ends_when_the_command_fails(meshtop: Program, simulation: Path) -> None:
    simulation.write_text(READY + STAY)
    meshtop.error = RuntimeError("boom")
    assert meshtop("demo", "--", "get", "edges").code == 70
    assert ended(simulation.parent)


def test_it_ends_on_sigterm_and_handlers_are_put_back(simulation: Path) -> None:
    simulation.write_text(READY + STAY)
    before = signal.getsignal(signal.SIGTERM)

    def wait_for_the_end() -> None:
        with demo.simulated([]):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    with pytest.raises(SystemExit) as caught:
        wait_for_the_end()
    assert caught.value.code == 128 + signal.SIGTERM
    assert ended(simulation.parent)
    assert signal.getsignal(signal.SIGTERM) == before


def test_one_that_ignores_the_end_is_killed(simulation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "STOP_SECONDS", 0.2)
    simulation.write_text("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + STAY)
    with demo.simulated([]):
        assert not ended(simulation.parent)
    assert ended(simulation.parent)


def test_one_that_does_not_start_says_why(simulation: Path) -> None:
    simulation.write_text("import sys\nsys.exit('there is no scenario nope; there are calm, bad-canary')")
    with pytest.raises(CommandError, match="did not start: there is no scenario nope"), demo.simulated([]):
        pass


def test_serve_ends_with_the_simulation(meshtop: Program, simulation: Path) -> None:
    where = '"clusters": [{"name": "east", "server": "http://a:1", "prometheus": "http://a:2"}]'
    simulation.write_text(READY.replace('"clusters": ["a"]', where))
    outcome = meshtop("demo", "--serve")
    assert outcome.code == 1
    assert outcome.out == "export KUBECONFIG=/demo/kubeconfig\n"
    assert "  east  Kubernetes http://a:1  Prometheus http://a:2\n" in outcome.err
    assert "ended by themselves" in outcome.err


def test_serve_takes_no_command(meshtop: Program) -> None:
    outcome = meshtop("demo", "--serve", "--", "get", "edges")
    assert outcome.code == 2
    assert "--serve only serves" in outcome.err
