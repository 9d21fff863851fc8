"""Courses of calls, brought together by workload: added moment by moment, of clusters that read at other times too."""

from __future__ import annotations

from meshtop.analysis.traffic.courses import WorkloadCourse, workload_courses
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.model.telemetry import CallCourse, CallEnd, Courses

CLUSTERS = [ClusterTraffic(name=name) for name in ("east", "west")]
CART = ("east", "shop", "cart")


def call(source: CallEnd, *requests: float | None, errors: float = 0.0) -> CallCourse:
    return CallCourse(
        source=source,
        destination=CART,
        service="cart.shop.svc.cluster.local",
        requests=requests,
        errors=tuple(None if one is None else errors for one in requests),
        busy_ms=tuple(None if one is None else 5 * one for one in requests),
    )


def courses(first: float, *calls: CallCourse) -> Courses:
    times = tuple(first + 15.0 * i for i in range(len(calls[0].requests)))
    return Courses(times=times, window_seconds=60.0, calls=calls)


def of_cart(*read: tuple[str, Courses]) -> WorkloadCourse:
    return workload_courses(read, CLUSTERS, slower=0.0, slower_ms=0.0)[CART]


WEB, TILL = ("east", "shop", "web"), ("west", "shop", "till")


def test_callers_are_added_and_a_moment_of_which_nothing_is_known_is_a_gap() -> None:
    found = of_cart(
        ("east", courses(900.0, call(WEB, 1.0, None, None, 4.0), call(TILL, None, 20.0, None, 40.0, errors=2.0)))
    )
    assert found.requests == (1.0, 20.0, None, 44.0)
    assert found.errors == (0.0, 2.0, None, 2.0)
    assert found.busy_ms == (5.0, 100.0, None, 220.0)
    assert found.callers == {WEB: (1.0, None, None, 4.0), TILL: (None, 20.0, None, 40.0)}


def test_what_was_read_at_other_times_is_put_to_the_same_moments() -> None:
    east, west = courses(900.0, call(WEB, 1.0, 2.0, 3.0)), courses(915.0, call(TILL, 20.0, 30.0, 40.0))
    found = of_cart(("east", east), ("west", west))
    assert found.times == (900.0, 915.0, 930.0)
    assert found.requests == (1.0, 22.0, 33.0)
    assert found.callers == {WEB: (1.0, 2.0, 3.0), TILL: (None, 20.0, 30.0)}


def test_the_latency_is_that_of_moments_with_enough_requests() -> None:
    found = of_cart(("east", courses(900.0, call(WEB, 0.1, 1.0, None))))
    assert found.latency_ms == (None, 5.0, None)
