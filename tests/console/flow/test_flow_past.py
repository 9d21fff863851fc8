"""What the lines of a Flow's plots tell of its centre, and when they tell nothing."""

from __future__ import annotations

import pytest

from meshtop.console.widgets.flow_past import ERRORS, P99, REQUESTS, FlowPast, flow_past
from meshtop.model.telemetry import Line

TIMES = tuple(float(n * 60) for n in range(62))


def line(*values: float | None, times: tuple[float, ...] = TIMES) -> Line:
    filled = (*values, *[values[-1]] * (len(times) - len(values)))
    return Line(name="x", times=times, values=filled[: len(times)])


def test_requests_of_all_callers_are_added_up_and_a_gap_is_no_zero() -> None:
    told = flow_past({REQUESTS: [line(1.0, None, 3.0), line(2.0, None, None)]}, counted=True)
    assert told.requests[:3] == (3.0, None, 3.0)


def test_what_does_not_add_up_is_not_told() -> None:
    two = [line(1.0), line(2.0)]
    assert flow_past({REQUESTS: two}, counted=False).requests == ()
    assert flow_past({REQUESTS: [line(1.0), line(1.0, times=TIMES[:-1])]}, counted=True).requests == ()
    assert flow_past({ERRORS: two, P99: two}, counted=True) == FlowPast()
    assert flow_past({}, counted=True) == FlowPast()


def test_p99_of_an_hour_ago_is_the_value_of_that_moment() -> None:
    # The last point is at 3660 s, so an hour before it is the second one.
    assert flow_past({P99: [line(9.0, 45.0, 9.0)]}, counted=True).p99_before == 45.0
    assert flow_past({P99: [line(9.0, None, 9.0)]}, counted=True).p99_before is None
    assert flow_past({P99: [line(9.0, times=TIMES[:15])]}, counted=True).p99_before is None, "too short"
    assert flow_past({P99: [line(9.0, times=TIMES[:1])]}, counted=True).p99_before is None


@pytest.mark.parametrize(("now", "before", "told"), [(468.0, 45.0, True), (50.0, 45.0, False), (20.0, 45.0, True)])
def test_only_a_clear_change_is_worth_a_figure(now: float, before: float, told: bool) -> None:
    assert FlowPast(p99_before=before).differs(now) is told
    assert not FlowPast().differs(now)
