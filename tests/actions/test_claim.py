"""Who runs an action: one living process at most, and nobody once that process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.events import ActionOutcome
from meshtop.actions.journal.journal import ActionState, EntryKind
from meshtop.actions.journal.lock import lock_action, lock_holder
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.recover import find_action, resume, rollback
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.actions.story import Course, course_of, unfinished
from tests.actions.mesh import Hurried, Scene, plan

HOLDING = textwrap.dedent("""
    import sys
    from pathlib import Path
    from meshtop.actions.journal.lock import lock_action

    kept = lock_action(Path(sys.argv[1]), "a1")
    print("held", flush=True)
    sys.stdin.read()
""")


def test_a_hold_is_one_process_s_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(journal)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert lock_holder(journal, "a1") == process.pid
        with pytest.raises(ActionError, match=f"run by process {process.pid}") as caught:
            lock_action(journal, "a1")
        assert caught.value.kind is ErrorKind.CONFLICT
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert lock_holder(journal, "a1") is None
    mine = lock_action(journal, "a1")
    assert lock_holder(journal, "a1") == os.getpid()
    with pytest.raises(ActionError, match="run by this meshtop"):
        lock_action(journal, "a1")
    mine.release()
    assert lock_holder(journal, "a1") is None
    assert not list((tmp_path / "running").iterdir()), "nothing is left behind"


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
    other = resume(running, scene.fleet, scene.journal)
    with pytest.raises(ActionError, match="run by this meshtop"):
        await anext(other.run())
    assert find_action(scene.journal, None).state is ActionState.RUNNING, "trying to take it over changes nothing"
    await events.aclose()
    held = find_action(scene.journal, None)
    assert (held.state, course_of(held, scene.journal.path)) == (ActionState.HELD, Course.HELD)
    assert scene.weights == {"east": (50, 50), "west": (50, 50)}
    runner = resume(held, scene.fleet, scene.journal, controls=Hurried(scene.clock), sleep=scene.clock.sleep)
    assert [e async for e in runner.run()][-1].outcome is ActionOutcome.DONE
    assert scene.weights == {"east": (40, 60), "west": (40, 60)}


async def test_what_is_taken_back_by_half_goes_nowhere_but_back(scene: Scene) -> None:
    await scene.shift(plan())
    action = find_action(scene.journal, None)
    scene.journal.write(action.id, EntryKind.NOTE, note="rollback")
    scene.journal.set_state(action.id, ActionState.TAKING_BACK)
    ((half, course),) = unfinished(scene.journal)
    assert course is Course.HALF_BACK
    with pytest.raises(ActionError, match="rollback finishes that"):
        resume(half, scene.fleet, scene.journal)
    _ = [e async for e in rollback(half, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert scene.weights == {"east": (80, 20), "west": (80, 20)}
    assert unfinished(scene.journal) == []
