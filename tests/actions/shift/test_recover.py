"""Shifts resumed or taken back, after whatever ended them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtop.actions.errors import ActionError
from meshtop.actions.events import ActionOutcome, EventKind
from meshtop.actions.journal.journal import ActionState, EntryKind
from meshtop.actions.shift.plan import Guard
from meshtop.actions.shift.recover import find_action, resume, rollback
from tests.actions.faults import applied_then_dead
from tests.actions.mesh import Cluster, Scene, plan, virtual_service
from tests.actions.shift.telling import BEFORE, ended


async def test_absent_weights_are_restored_as_absent(
    scene: Scene, clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    clusters["east"].put(virtual_service((100, None)))
    other = Scene({"east": clusters["east"]}, tmp_path / "other")
    await other.shift(plan(guard=Guard(errors=False, latency=False)))
    assert list(clusters["east"].weights) == [50, 50]
    action = find_action(other.journal, None)
    events = [e async for e in rollback(action, other.fleet, other.journal, sleep=other.clock.sleep)]
    assert ended(events).outcome is ActionOutcome.ROLLED_BACK
    assert list(clusters["east"].weights) == [100, None]
    await other.close()


async def test_a_cluster_that_stays_away_is_written_down_and_taken_back_later(scene: Scene) -> None:
    wire = scene.wires["west"]
    wire.faults.append(("PATCH", applied_then_dead))
    events = await scene.shift(plan())
    assert (ended(events).outcome, ended(events).restored) == (ActionOutcome.LOST, False)
    assert scene.weights == {"east": (80, 20), "west": (50, 50)}
    action = find_action(scene.journal, None)
    assert action.state is ActionState.TAKING_BACK
    assert [e.cluster for e in action.entries if e.event is EntryKind.UNKNOWN] == ["west"]
    with pytest.raises(ActionError, match="finish that with rollback"):
        await resume(action, scene.fleet, scene.journal)
    wire.dead = False
    events = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert ended(events).outcome is ActionOutcome.ROLLED_BACK
    assert scene.weights == BEFORE


async def test_rollback_leaves_what_somebody_else_changed(scene: Scene) -> None:
    await scene.shift(plan())
    scene.clusters["west"].put(virtual_service((10, 90)))
    action = find_action(scene.journal, None)
    events = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert ended(events).outcome is ActionOutcome.CONFLICT
    assert scene.weights == {"east": (80, 20), "west": (10, 90)}


async def test_rollback_twice_and_unknown_ids(scene: Scene) -> None:
    await scene.shift(plan())
    action = find_action(scene.journal, None)
    _ = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    with pytest.raises(ActionError, match="already rolled back"):
        _ = [e async for e in rollback(find_action(scene.journal, action.id), scene.fleet, scene.journal)]
    with pytest.raises(ActionError, match="nothing to resume"):
        await resume(find_action(scene.journal, action.id), scene.fleet, scene.journal)
    with pytest.raises(ActionError, match="no single action"):
        find_action(scene.journal, "nope")


async def test_rollback_takes_back_the_last_one_changed_first(scene: Scene) -> None:
    await scene.shift(plan(waves=(("west",), ("east",))))
    action = find_action(scene.journal, None)
    events = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert [e.cluster for e in events if e.kind is EventKind.RESTORED] == ["east", "west"]
    assert scene.weights == BEFORE


@pytest.mark.parametrize("lost", ["east", "west"])
async def test_a_cluster_without_an_answer_leaves_the_rollback_open_whatever_the_others_did(
    scene: Scene, lost: str
) -> None:
    await scene.shift(plan())
    other = "west" if lost == "east" else "east"
    scene.clusters[other].put(virtual_service((10, 90)))
    scene.wires[lost].dead = True
    action = find_action(scene.journal, None)
    events = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert (ended(events).outcome, ended(events).restored) == (ActionOutcome.LOST, False)
    assert [e.kind for e in events if e.cluster] == [EventKind.NOT_RESTORED] * 2
    assert find_action(scene.journal, None).state is ActionState.TAKING_BACK, "it is still to be finished"
    scene.wires[lost].dead = False
    events = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert ended(events).outcome is ActionOutcome.CONFLICT
    assert scene.weights == {lost: (80, 20), other: (10, 90)}
