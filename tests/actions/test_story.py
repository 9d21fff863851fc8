"""The journal in words: each cluster's state and each entry, whatever stopped an action where."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.actions.at_hand import written_clusters
from meshtop.actions.events import ActionOutcome
from meshtop.actions.journal.journal import Action, ActionState, Entry, EntryKind
from meshtop.actions.shift.record import encode_record
from meshtop.actions.shift.recover import find_action, rollback
from meshtop.actions.story import (
    Course,
    WriteState,
    cluster_states,
    course_of,
    entry_text,
    may_resume,
    may_take_back,
    stopped_at,
)
from tests.actions.faults import answering, applied_then_dead
from tests.actions.mesh import Cluster, Scene, plan, virtual_service


def entry(event: EntryKind, cluster: str = "", **detail: Any) -> Entry:
    return Entry(1, 0.0, event, cluster, "VirtualService shop/reviews", detail)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (entry(EntryKind.INTENDED, "east", **{"from": [80, None], "to": [50, 50]}),
         "about to write VirtualService shop/reviews: 80/- → 50/50"),
        (entry(EntryKind.DONE, "east", weights=[50, 50]), "wrote VirtualService shop/reviews: 50/50"),
        (entry(EntryKind.DONE, "east", weights=[50, 50], resolved=True),
         "wrote VirtualService shop/reviews: 50/50 (found out later)"),
        (entry(EntryKind.REFUSED, "east", why="no."), "did not write VirtualService shop/reviews: no."),
        (entry(EntryKind.UNKNOWN, "east", why="gone."),
         "outcome unknown of writing VirtualService shop/reviews: gone."),
        (entry(EntryKind.NOTE, note="stage", wave=0, step=2), "wave 1, step 3 begins"),
        (entry(EntryKind.NOTE, note="rollback", who="maria", origin="desk"), "rollback by maria on desk"),
        (entry(EntryKind.NOTE, note="follows", actual={"v1": 0.798, "v2": 0.202}),
         "split follows: v1 79.8 % v2 20.2 %"),
        (entry(EntryKind.NOTE, note="no-traffic", actual={}), "split: no-traffic"),
        (entry(EntryKind.NOTE, note="held", why="Held."), "held: Held."),
        (entry(EntryKind.NOTE, note="taken back"), "taken back VirtualService shop/reviews"),
    ],
)  # fmt: skip
def test_entries(told: Entry, words: str) -> None:
    assert entry_text(told) == words


async def test_each_cluster_has_its_own_state(scene: Scene) -> None:
    scene.wires["west"].faults.append(("PATCH", applied_then_dead))
    await scene.shift(plan(waves=(("east",), ("west",)), steps=({"v2": 50},), on_loss="hold", wait=False))
    action = find_action(scene.journal, None)
    assert written_clusters(action) == ("east", "west")
    assert stopped_at(action) == "step 1 of 1, wave 2 of 2"
    east, west = cluster_states(action)
    assert (east.state, east.message) == (WriteState.WRITTEN, "v1/v2 50/50, before 80/20")
    assert (west.state, west.message) == (
        WriteState.IN_DOUBT,
        "v1/v2 80/20 or 50/50: a request was sent, its outcome is unknown",
    )


async def test_a_cluster_that_was_left_says_why(scene: Scene, clusters: dict[str, Cluster]) -> None:
    scene.wires["west"].faults.append(("PATCH", answering(409)))
    assert (await scene.shift(plan()))[-1].outcome is ActionOutcome.CONFLICT
    assert {s.state for s in cluster_states(find_action(scene.journal, None))} == {WriteState.AS_BEFORE}
    await scene.shift(plan())
    clusters["west"].put(virtual_service((10, 90)))
    action = find_action(scene.journal, None)
    _ = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    states = {s.cluster: s for s in cluster_states(find_action(scene.journal, action.id))}
    assert states["east"].state is WriteState.AS_BEFORE
    assert states["west"].state is WriteState.NOT_RESTORED
    assert "10/90 where 50/50 was expected" in states["west"].message


@pytest.mark.parametrize(
    ("state", "course", "forward", "back"),
    [
        (ActionState.RUNNING, Course.INTERRUPTED, True, True),
        (ActionState.PAUSED, Course.INTERRUPTED, True, True),
        (ActionState.HELD, Course.HELD, True, True),
        (ActionState.TAKING_BACK, Course.HALF_BACK, False, True),
        (ActionState.DONE, Course.DONE, False, True),
        (ActionState.FAILED, Course.FAILED, False, True),
        (ActionState.ROLLED_BACK, Course.ROLLED_BACK, False, False),
    ],
)
async def test_what_may_become_of_an_action(
    scene: Scene, state: ActionState, course: Course, forward: bool, back: bool
) -> None:
    made = scene.journal.begin(
        kind="shift", who="m", origin="o", reason="", subject="s", plan=encode_record(plan(), (), None)
    )
    scene.journal.set_state(made.id, state)
    action = find_action(scene.journal, made.id)
    assert course_of(action, scene.journal.path) is course
    assert (may_resume(action, course), may_take_back(action, course)) == (forward, back)
    assert course.unfinished is (action.open)


def test_an_action_of_another_sort_is_told_without_its_clusters() -> None:
    action = Action(
        id="a", kind="shift", created=0.0, who="m", origin="o", reason="", subject="s", plan={"x": 1},
        state=ActionState.DONE,
    )  # fmt: skip
    assert (cluster_states(action), written_clusters(action), stopped_at(action)) == ((), (), "")
