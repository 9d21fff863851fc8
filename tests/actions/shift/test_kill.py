"""kill -9 at every step of a shift: journal and weights agree, and resume or rollback finish it."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtop.actions.journal.journal import ActionState
from meshtop.actions.shift.record import known_weights, shift_record
from meshtop.actions.shift.recover import find_action, resume, rollback
from tests.actions import dying
from tests.actions.mesh import Cluster, Hurried, Scene, mesh
from tests.patience import PATIENCE_SECONDS

MOST_MOMENTS = 200


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, Cluster]]:
    with mesh("east", "west") as found:
        yield found


def die(clusters: dict[str, Cluster], folder: Path, moment: int) -> bool:
    """Run a shift that dies at a moment; False when it came to its end before that."""
    for cluster in clusters.values():
        cluster.reset()
    urls = {name: cluster.server.url for name, cluster in clusters.items()}
    inventories = {name: cluster.inventory() for name, cluster in clusters.items()}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.actions.dying"])
    process = context.Process(target=dying.shift, args=(moment, str(folder / "journal.db"), urls, inventories))
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def agrees(scene: Scene) -> bool:
    """Whether every cluster has weights that the journal knows of; False when the journal has no action yet."""
    if scene.journal.last() is None:
        assert scene.weights == {"east": (80, 20), "west": (80, 20)}
        return False
    action = find_action(scene.journal, None)
    known = known_weights(action, shift_record(action).targets)
    for name, weights in scene.weights.items():
        assert weights in known[name].may_be, (name, weights, known[name])
    return True


@pytest.mark.xdist_group("kill")
async def test_killed_at_every_step(clusters: dict[str, Cluster], tmp_path: Path) -> None:
    deaths = 0
    for moment in range(1, MOST_MOMENTS):
        folder = tmp_path / str(moment)
        folder.mkdir()
        if not die(clusters, folder, moment):
            assert {c.weights for c in clusters.values()} == {(50, 50)}
            break
        deaths += 1
        found = {name: cluster.weights for name, cluster in clusters.items()}
        for way in ("rollback", "resume"):
            copied = shutil.copytree(folder, tmp_path / f"{moment}-{way}")
            for name, cluster in clusters.items():
                cluster.reset(found[name])
            scene = Scene(clusters, copied)
            try:
                if agrees(scene):
                    await finish(scene, way)
            finally:
                await scene.close()
    else:
        pytest.fail("the shift never came to its end")
    assert deaths > 12


async def finish(scene: Scene, way: str) -> None:
    action = find_action(scene.journal, None)
    if not action.open:
        assert scene.weights == {"east": (50, 50), "west": (50, 50)}
        return
    if way == "rollback":
        _ = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
        expected, state = (80, 20), ActionState.ROLLED_BACK
    else:
        controls = Hurried(scene.clock)
        runner = await resume(action, scene.fleet, scene.journal, controls=controls, sleep=scene.clock.sleep)
        _ = [e async for e in runner.run()]
        expected, state = (50, 50), ActionState.DONE
    assert scene.weights == {"east": expected, "west": expected}
    after = find_action(scene.journal, None)
    assert after.state is state
    assert after.unanswered() == ()
    known = known_weights(after, shift_record(after).targets)
    assert {one.confirmed for one in known.values()} == {expected}
