"""Who runs an action, and what becomes of one whose runner has gone."""

from __future__ import annotations

import pytest

from meshtop.actions.errors import ActionError
from meshtop.actions.events import ActionOutcome
from meshtop.actions.journal.journal import ActionState, EntryKind
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.recover import find_action, resume, rollback
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.actions.story import Course, course_of, unfinished
from tests.actions.mesh import Hurried, Scene, plan


async def test_whoever_stops_watching_leaves_the_shift_held(scene: Scene) -> None:
    found = await preflight(plan(steps=({"v2": 50}, {"v2": 60})), scene.fleet)
    runner = ShiftRunner.begin(
        found, scene.fleet, scene.journal, controls=Hurried(scene.clock), sleep=scene.clock.sleep
    )
    events = runner.run()
    while (event := await anext(events)).kind != "observed":
        assert event.outcome is None
    running = find_action(scene.journal, None)
    assert course_of(running, scene.journal.path) is Course.RUNNING
    assert unfinished(scene.journal) == [], "what runs needs nobody"
    with pytest.raises(ActionError, match="run by this meshtop"):
        _ = [e async for e in rollback(running, scene.fleet, scene.journal)]
    other = await resume(running, scene.fleet, scene.journal)
    with pytest.raises(ActionError, match="run by this meshtop"):
        await anext(other.run())
    assert find_action(scene.journal, None).state is ActionState.RUNNING, "trying to take it over changes nothing"
    await events.aclose()
    held = find_action(scene.journal, None)
    assert (held.state, course_of(held, scene.journal.path)) == (ActionState.HELD, Course.HELD)
    assert scene.weights == {"east": (50, 50), "west": (50, 50)}
    runner = await resume(held, scene.fleet, scene.journal, controls=Hurried(scene.clock), sleep=scene.clock.sleep)
    assert [e async for e in runner.run()][-1].outcome is ActionOutcome.DONE
    assert scene.weights == {"east": (40, 60), "west": (40, 60)}


async def test_what_is_taken_back_by_half_goes_nowhere_but_back(scene: Scene) -> None:
    await scene.shift(plan())
    action = find_action(scene.journal, None)
    scene.journal.write(action.id, EntryKind.NOTE, note="rollback")
    scene.journal.set_state(action.id, ActionState.TAKING_BACK)
    ((half, course),) = unfinished(scene.journal)
    assert course is Course.HALF_BACK
    with pytest.raises(ActionError, match="finish that with rollback"):
        await resume(half, scene.fleet, scene.journal)
    _ = [e async for e in rollback(half, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert scene.weights == {"east": (80, 20), "west": (80, 20)}
    assert unfinished(scene.journal) == []
