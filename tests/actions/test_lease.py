"""Who holds a Lease: told by a token of the process, never by a host's name and a number that others may have too."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.lease import LeaseHolder, ShiftLease
from meshtop.actions.process_token import process_token, token_has_ended
from meshtop.actions.shift.targets import route_object
from tests.actions.mesh import Cluster, Scene

_PROCESS = "import sys; from meshtop.actions.process_token import process_token as t; print(t(), flush=True); input()"


@pytest_asyncio.fixture
async def lease(scene: Scene) -> ShiftLease:
    return made(scene, "mine")


def made(scene: Scene, action: str) -> ShiftLease:
    place = next(route_object(s.route) for s in scene.fleet.survey.surveyed if s.route.cluster == "east")
    return ShiftLease(scene.fleet.members["east"].api, place, action=action, holder=f"{action}@desk", seconds=60)


def test_a_process_has_ended_once_the_kernel_let_its_lock_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", _PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        token = other.stdout.readline().strip()
        assert (token != process_token(), token_has_ended(token)) == (True, False)
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert token_has_ended(token)
    # From another container, or after a restart, nothing is known of it.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "elsewhere"))
    assert not token_has_ended(token)


@pytest.mark.parametrize(
    "process", ["", "..", f"{socket.gethostname()}:1", f"{socket.gethostname()}:999999999", "a" * 32]
)
def test_a_name_and_a_number_prove_nothing(process: str) -> None:
    assert not LeaseHolder("paul", "theirs", 0.0, process).process_ended()


def test_a_folder_that_others_can_write_to_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / f"meshtop-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / ("b" * 32)).touch()
    assert not token_has_ended("b" * 32)
    folder.chmod(0o700)
    assert token_has_ended("b" * 32)


async def test_whoever_lost_a_lease_does_not_make_it_again(scene: Scene, lease: ShiftLease) -> None:
    now = scene.clock()
    await lease.take(now)
    thief = made(scene, "theirs")
    await thief.take(now + 61)
    await thief.release()
    for _ in range(2):
        with pytest.raises(ActionError, match="was deleted; this action stops") as caught:
            await lease.renew(now + 62)
        assert caught.value.kind is ErrorKind.CONFLICT
    assert await lease.holder() is None


async def test_a_lease_that_somebody_labels_is_renewed(
    scene: Scene, lease: ShiftLease, clusters: Mapping[str, Cluster]
) -> None:
    now = scene.clock()
    await lease.take(now)
    store = clusters["east"].store
    (there,) = clusters["east"].server.call(lambda: store.list("coordination.k8s.io", "Lease", "shop"))
    labelled = {**there, "metadata": {**there["metadata"], "labels": {"team": "shop"}}}
    clusters["east"].server.call(lambda: store.put(labelled, manager="tool"))
    await lease.renew(now + 30)
    held = await lease.holder()
    assert held is not None
    assert (held.action, held.process, held.until > now + 80) == ("mine", process_token(), True)
