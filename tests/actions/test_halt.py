"""A wish to stop is looked at before every request, and an answer that does not come is no reason to stay."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshtop.actions import halt as halting
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind
from meshtop.actions.halt import Halt, Halted
from meshtop.actions.journal.journal import Action, ActionState, EntryKind, Journal
from meshtop.actions.lease import ShiftLease
from meshtop.actions.propagate.copy import Propagation, plan_copies, run
from meshtop.actions.propagate.objects import ObjectRef
from meshtop.actions.propagate.undo import undo
from meshtop.actions.shift.controls import Controls
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.recover import find_action, resume, rollback
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.actions.shift.targets import route_object
from tests.actions import signalled
from tests.actions.mesh import NETWORKING, Cluster, FaultyWire, Hurried, Scene, plan
from tests.actions.shift.telling import AFTER, BEFORE, ended
from tests.patience import PATIENCE_SECONDS

HALF = {"east": (50, 50), "west": (80, 20)}


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halting, "GRACE_SECONDS", 0.01)


def meanwhile(wish: Callable[[], None], *, arrives: bool = True, answers: bool = False) -> Any:
    """A fault: somebody's wish comes while a request is under way, which may arrive, and may be answered."""

    async def fault(wire: FaultyWire, method: str, path: str, params: Any, headers: Any, content: bytes | None) -> Any:
        response = None
        if arrives:
            response = await wire.connection.request(method, path, params=params, headers=headers, content=content)
        wish()
        if answers:
            return response
        await asyncio.Event().wait()

    return fault


def leases(scene: Scene) -> int:
    found = 0
    for one in scene.clusters.values():
        found += len(one.server.call(lambda one=one: one.store.list("coordination.k8s.io", "Lease", "shop")))
    return found


def patches(scene: Scene, cluster: str) -> int:
    return sum(1 for method, path in scene.wires[cluster].sent if method == "PATCH" and "/virtualservices/" in path)


async def go(scene: Scene, controls: Controls, **more: Any) -> tuple[list[ActionEvent], Action]:
    found = await preflight(plan(**{"wait": False, **more}), scene.fleet)
    for wire in scene.wires.values():
        wire.sent.clear()
    runner = ShiftRunner.begin(found, scene.fleet, scene.journal, controls=controls, sleep=scene.clock.sleep)
    events = [event async for event in runner.run()]
    return events, find_action(scene.journal, None)


async def test_without_waiting_a_hold_between_two_clusters_holds(scene: Scene) -> None:
    controls = Controls()
    scene.wires["east"].faults.append(("PATCH", meanwhile(controls.hold, answers=True)))
    events, action = await go(scene, controls)
    assert (ended(events).outcome, scene.weights) == (ActionOutcome.HELD, HALF)
    assert (action.state, patches(scene, "west"), leases(scene)) == (ActionState.HELD, 0, 0)
    runner = await resume(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)
    assert ended([event async for event in runner.run()]).outcome is ActionOutcome.DONE
    assert scene.weights == AFTER


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_held_answer_holds_nobody_and_is_written_down_as_unknown(scene: Scene, arrives: bool) -> None:
    controls = Controls()
    scene.wires["east"].faults.append(("PATCH", meanwhile(controls.hold, arrives=arrives)))
    events, action = await go(scene, controls)
    assert ended(events).outcome is ActionOutcome.HELD
    assert "the last request to east is not known" in ended(events).message
    assert [entry.event for entry in action.entries if entry.cluster == "east"][-1] is EntryKind.UNKNOWN
    assert (action.state, patches(scene, "west"), leases(scene)) == (ActionState.HELD, 0, 0)
    assert scene.weights == (HALF if arrives else BEFORE)
    _ = [event async for event in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert (scene.weights, find_action(scene.journal, None).state) == (BEFORE, ActionState.ROLLED_BACK)


@pytest.mark.parametrize(("cluster", "answers"), [("east", True), ("east", False), ("west", True), ("west", False)])
async def test_an_abort_during_a_write_takes_back_also_the_last_one(scene: Scene, cluster: str, answers: bool) -> None:
    controls = Controls()
    scene.wires[cluster].faults.append(("PATCH", meanwhile(controls.abort, answers=answers)))
    events, action = await go(scene, controls)
    assert (ended(events).outcome, ended(events).restored) == (ActionOutcome.ABORTED, True)
    assert (scene.weights, action.state, leases(scene)) == (BEFORE, ActionState.ROLLED_BACK, 0)


@pytest.mark.parametrize("number", range(1, 4))
async def test_a_hold_during_any_read_sends_nothing_more(scene: Scene, number: int) -> None:
    controls = Controls()
    found = await preflight(plan(wait=False), scene.fleet)
    wire = scene.wires["east"]

    async def nothing(*_: Any) -> None:
        return None

    wire.faults += [("GET", nothing)] * (number - 1) + [("GET", meanwhile(controls.hold))]
    for one in scene.wires.values():
        one.sent.clear()
    runner = ShiftRunner.begin(found, scene.fleet, scene.journal, controls=controls, sleep=scene.clock.sleep)
    events: list[ActionEvent] = []
    try:
        async for event in runner.run():
            events.append(event)
    except Halted as error:
        assert error.exit_code == 130
    action = find_action(scene.journal, None) if scene.journal.last() else None
    assert patches(scene, "east") == 0
    assert patches(scene, "west") == 0
    assert scene.weights == BEFORE
    assert action is None or action.state in (ActionState.HELD, ActionState.FAILED)
    assert leases(scene) == 0


async def test_a_second_wish_ends_the_way_back_where_it_stands(scene: Scene) -> None:
    controls = Controls()
    scene.wires["west"].faults += [
        ("PATCH", meanwhile(controls.abort, answers=True)),
        ("PATCH", meanwhile(controls.hold)),
    ]
    events, action = await go(scene, controls)
    assert (ended(events).outcome, ended(events).restored) == (ActionOutcome.ABORTED, False)
    assert action.state is ActionState.TAKING_BACK
    _ = [event async for event in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert scene.weights == BEFORE


async def test_a_rollback_stops_between_two_clusters_and_goes_on_later(scene: Scene) -> None:
    _, action = await go(scene, Controls())
    controls = Controls()
    scene.wires["west"].faults.append(("PATCH", meanwhile(controls.abort, answers=True)))
    back = rollback(action, scene.fleet, scene.journal, controls=controls, sleep=scene.clock.sleep)
    events = [event async for event in back]
    assert (ended(events).outcome, scene.weights) == (ActionOutcome.ABORTED, HALF)
    assert "goes on" in ended(events).message
    assert (find_action(scene.journal, None).state, leases(scene)) == (ActionState.TAKING_BACK, 0)
    action = find_action(scene.journal, None)
    _ = [event async for event in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert scene.weights == BEFORE


async def test_telemetry_that_does_not_answer_holds_nobody(scene: Scene) -> None:
    controls = Hurried(scene.clock)

    async def never(*_: Any, **__: Any) -> Any:
        controls.hold()
        await asyncio.Event().wait()

    found = await preflight(plan(), scene.fleet)
    runner = ShiftRunner.begin(found, scene.fleet, scene.journal, controls=controls, sleep=scene.clock.sleep)
    runner._measures.without_telemetry = never  # type: ignore[method-assign]
    events = [event async for event in runner.run()]
    assert (ended(events).outcome, scene.weights) == (ActionOutcome.HELD, AFTER)


async def test_who_loses_a_lease_between_two_clusters_writes_no_more(scene: Scene, tmp_path: Path) -> None:
    other = Scene(scene.clusters, tmp_path / "other")
    other.clock.now += 300
    place = next(p for p in (route_object(one.route) for one in other.fleet.survey.surveyed) if p.cluster == "west")
    thief = ShiftLease(other.fleet.members["west"].api, place, action="theirs", holder="paul@desk", seconds=600)

    async def slow(*_: Any) -> None:
        scene.clock.now += 300
        await thief.take(scene.clock())

    scene.wires["east"].faults.append(("PATCH", slow))
    events, action = await go(scene, Controls())
    assert (ended(events).outcome, scene.weights) == (ActionOutcome.CONFLICT, HALF)
    assert "paul@desk" in ended(events).message
    assert (action.state, patches(scene, "west")) == (ActionState.HELD, 0)
    await other.close()


ROUTE = ObjectRef(
    kind="VirtualService", group=NETWORKING, version="v1", plural="virtualservices", namespace="shop", name="reviews"
)


async def copied(scene: Scene, halt: Halt, fault: Any) -> tuple[ActionEvent, Action]:
    scene.clusters["east"].reset((70, 30))
    wanted = Propagation(subject="vs", source="east", waves=(("west",),), refs=(ROUTE,), force=True)
    copies = await plan_copies(wanted, scene.fleet)
    scene.wires["west"].faults.append(("PATCH", fault))
    events = [event async for event in run(wanted, copies, scene.fleet, scene.journal, halt=halt)]
    action = scene.journal.last(kind="propagate")
    assert action is not None
    return events[-1], action


async def test_a_propagation_that_is_held_stays_as_it_is_and_says_so(scene: Scene) -> None:
    halt = Halt()
    last, action = await copied(scene, halt, meanwhile(halt.request))
    assert (last.kind, last.outcome, last.error) == (EventKind.ENDED, ActionOutcome.HELD, None)
    assert action.state is ActionState.HELD
    assert [entry.event for entry in action.entries][:2] == [EntryKind.INTENDED, EntryKind.UNKNOWN]
    assert (scene.clusters["west"].weights, leases(scene)) == ((70, 30), 0)
    back = [event async for event in undo(action, scene.fleet, scene.journal)]
    assert (back[-1].outcome, scene.clusters["west"].weights) == (ActionOutcome.ROLLED_BACK, (80, 20))


async def test_a_propagation_that_is_aborted_is_taken_back(scene: Scene) -> None:
    halt = Halt()
    last, action = await copied(scene, halt, meanwhile(lambda: halt.request(back=True)))
    assert (last.outcome, last.restored, last.error) == (ActionOutcome.ABORTED, True, None)
    assert (action.state, scene.clusters["west"].weights) == (ActionState.ROLLED_BACK, (80, 20))


async def test_an_undoing_that_is_stopped_says_so_and_goes_on_later(scene: Scene) -> None:
    async def nothing(*_: Any) -> None:
        return None

    _, action = await copied(scene, Halt(), nothing)
    halt = Halt()
    scene.wires["west"].faults.append(("GET", meanwhile(halt.request)))
    try:
        stopped = [event async for event in undo(action, scene.fleet, scene.journal, halt=halt)]
        assert (stopped[-1].outcome, stopped[-1].error) == (ActionOutcome.ABORTED, None)
    except Halted:
        pass
    assert scene.clusters["west"].weights == (70, 30)
    back = [event async for event in undo(action, scene.fleet, scene.journal)]
    assert (back[-1].outcome, scene.clusters["west"].weights) == (ActionOutcome.ROLLED_BACK, (80, 20))


@pytest.mark.parametrize(
    ("number", "code", "state", "weights"),
    [
        (signal.SIGTERM, 1, ActionState.HELD, HALF),
        (signal.SIGHUP, 1, ActionState.HELD, HALF),
        (signal.SIGINT, 130, ActionState.ROLLED_BACK, BEFORE),
    ],
)
def test_a_process_with_a_held_answer_ends_by_a_signal(
    clusters: dict[str, Cluster], tmp_path: Path, number: signal.Signals, code: int, state: ActionState, weights: Any
) -> None:
    for cluster in clusters.values():
        cluster.reset()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.actions.signalled"])
    urls = {name: cluster.server.url for name, cluster in clusters.items()}
    inventories = {name: cluster.inventory() for name, cluster in clusters.items()}
    hanging = context.Event()
    process = context.Process(
        target=signalled.shift, args=(hanging, str(tmp_path / "journal.db"), urls, inventories), daemon=True
    )
    process.start()
    assert hanging.wait(PATIENCE_SECONDS)
    assert process.pid is not None
    os.kill(process.pid, number)
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == code
    assert {name: cluster.weights for name, cluster in clusters.items()} == weights
    journal = Journal(tmp_path / "journal.db", reading=True)
    assert find_action(journal, None).state is state
    journal.close()
