"""A running shift in place: what each event changes, in few cells and in many."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind, ObservedSplit, SplitStatus
from meshtop.actions.kube import RouteObject
from meshtop.actions.shift.plan import Guard, ShiftPlan
from meshtop.actions.shift.progress import Progress, after, progress_of
from meshtop.actions.shift.record import KnownWeights, ShiftRecord
from meshtop.actions.shift.targets import ShiftTarget
from meshtop.analysis.canary.evidence import Interval
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.verdict import Comparison, ComparisonVerdict
from meshtop.console.widgets.shift_status import span, status_lines
from meshtop.model.text import cell_width

NOW = 1_785_592_800.0


def target(cluster: str) -> ShiftTarget:
    where = RouteObject(
        cluster=cluster, group="networking.istio.io", version="v1", kind="VirtualService", namespace="shop",
        name="reviews", index=0,
    )  # fmt: skip
    return ShiftTarget(
        where=where, label="shop/reviews#0", names=("v1", "v2"), hosts=("reviews", "reviews"), before=(80, 20),
        steps=((70, 30), (0, 100)),
    )  # fmt: skip


def shift(*waves: tuple[str, ...], guard: bool = True) -> ShiftRecord:
    plan = ShiftPlan(
        route="shop/reviews", steps=({"v2": 30}, {"v2": 100}), waves=waves, guard=Guard(errors=guard, latency=guard)
    )
    return ShiftRecord(plan=plan, targets=tuple(target(cluster) for wave in waves for cluster in wave))


def event(kind: EventKind, **more: Any) -> ActionEvent:
    return ActionEvent(**{"kind": kind, "action": "a1", "message": "", "wave": 1, "step": 1, **more})


def text(progress: Progress, now: float = NOW, width: int = 80, most: int = 12) -> str:
    lines = status_lines(progress, now, width, most)
    drawn = []
    for line in lines:
        row = ""
        for run in line.runs:
            row = row.ljust(run.x) + run.text
        assert cell_width(row) <= width, row
        drawn.append(row.rstrip())
    return "\n".join(drawn)


def running() -> Progress:
    progress = progress_of(shift(("east",), ("west",)))
    progress = after(progress, event(EventKind.STARTED), NOW)
    progress = after(progress, event(EventKind.STEP), NOW)
    return after(progress, event(EventKind.WRITTEN, cluster="east", weights={"v1": 70, "v2": 30}), NOW)


def seen(cluster: str = "east", share: float = 0.302, follows: SplitStatus = SplitStatus.FOLLOWS) -> ObservedSplit:
    return ObservedSplit(
        cluster=cluster, status=follows, set={"v1": 70, "v2": 30}, actual={"v1": 1 - share, "v2": share},
        intervals={"v2": Interval(share - 0.006, share + 0.006)}, requests=4100.0,
    )  # fmt: skip


def test_before_anything_is_written() -> None:
    shown = text(progress_of(shift(("east", "west"))))
    assert "Beginning" in shown
    assert "v2 20" in shown


def test_what_was_set_and_what_waits() -> None:
    shown = text(after(running(), event(EventKind.NOTE, seconds_left=90.0), NOW), NOW + 18)
    assert "Step 1/2 wave 1/2 SetWeight v2 30" in shown
    assert "1m 12s left of 2m" in shown
    east, west = (next(row for row in shown.splitlines() if name in row) for name in ("east", "west"))
    assert "v2 30" in east
    assert ("v2 20" in west, "waits for wave 2" in west) == (True, True)


def test_what_was_seen_and_what_the_guard_says() -> None:
    errors = ComparisonVerdict(Comparison.NOT_WORSE, 0.02, 0.0003, Interval(-0.002, 0.003))
    verdict = CanaryVerdict(verdict=Comparison.NOT_WORSE, errors=errors, canary="v2", baseline="v1")
    progress = after(running(), event(EventKind.OBSERVED, observed=(seen(),), verdict=verdict, seconds_left=30.0), NOW)
    shown = text(progress)
    assert "v2 30.2 (29.6 to 30.8)" in shown
    assert "✓ follows" in shown
    assert "4.1k" in shown or "4.10k" in shown
    assert "✓ v2 is not worse than v1 · errors +0.03 points (-0.20 to 0.30)" in shown
    not_enough = CanaryVerdict(requests_to_go=300)
    assert "about 300 requests to go" in text(after(progress, event(EventKind.OBSERVED, verdict=not_enough), NOW))


def test_time_that_is_over_a_pause_and_the_next_step() -> None:
    progress = after(running(), event(EventKind.NOTE, seconds_left=1.0), NOW)
    assert "until it can be judged" in text(progress, NOW + 2)
    paused = after(progress, event(EventKind.PAUSED), NOW)
    assert "▲ paused" in text(paused)
    assert "paused" not in text(after(paused, event(EventKind.RESUMED), NOW))
    watched = after(progress, event(EventKind.OBSERVED, observed=(seen(),)), NOW)
    again = text(after(watched, event(EventKind.STEP, step=2), NOW))
    assert "Step 2/2" in again
    assert "SetWeight v2 100" in again
    assert "30.2" not in again, "what was seen of the step before says nothing of this one"


def test_everything_taken_back() -> None:
    progress = after(running(), event(EventKind.TAKING_BACK), NOW)
    assert "Rolling everything back" in text(progress)
    progress = after(progress, event(EventKind.RESTORED, cluster="east", weights={"v1": 80, "v2": 20}), NOW)
    progress = after(progress, event(EventKind.ENDED, outcome=ActionOutcome.GUARD_FAILED, restored=True), NOW)
    shown = text(progress)
    assert "✗ The guard failed · everything is as before" in shown
    assert "v2 30" not in shown


def test_a_cluster_that_was_left_says_so() -> None:
    watched = after(running(), event(EventKind.OBSERVED, observed=(seen(),)), NOW)
    shown = text(after(watched, event(EventKind.NOT_RESTORED, cluster="east", message="east was changed."), NOW))
    assert "✗ left as it is" in shown


def test_an_unguarded_shift_says_so_and_absent_weights_are_no_numbers() -> None:
    assert "Guard off" in text(progress_of(shift(("east",), guard=False)))
    absent = progress_of(shift(("east",)), "a1", {"east": KnownWeights((100, None))})
    assert "v2 -" in text(absent)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_it_fits_whatever_the_width_and_number_of_clusters(width: int) -> None:
    names = tuple(f"cluster-number-{i}" for i in range(30))
    progress = after(progress_of(shift(names)), event(EventKind.OBSERVED, observed=(seen(names[0]),)), NOW)
    assert len(text(progress, width=width, most=9).splitlines()) == 9
    if width >= 40:
        assert "and 25 more clusters" in text(progress, width=width, most=9)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "0s"), (59.4, "59s"), (60, "1m"), (72, "1m 12s"), (3720, "1h 2m"), (-5, "0s")]
)
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize("outcome", list(ActionOutcome))
def test_every_end_has_its_word(outcome: ActionOutcome) -> None:
    assert text(after(running(), event(EventKind.ENDED, outcome=outcome), NOW)).splitlines()[0].strip()
