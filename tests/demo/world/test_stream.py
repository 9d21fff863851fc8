from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from math import inf

import pytest

from meshtop.demo.world.mesh import ORIGIN
from meshtop.demo.world.plan import Options
from meshtop.demo.world.stream import BOUNDS, INTERVAL_MS, LE, Target, shares
from tests.demo.world.worlds import NOON, make


def test_scrapes_are_spaced_by_the_interval_and_never_in_the_future() -> None:
    target = Target({}, "job", 4_321, lambda: NOON, ORIGIN)
    stamps = target.stamps(int((NOON - 300) * 1000), int((NOON + 300) * 1000))
    assert len(stamps) == 20
    assert {b - a for a, b in pairwise(stamps)} == {INTERVAL_MS}
    assert stamps[-1] <= NOON * 1000
    assert all(stamp % INTERVAL_MS == 4_321 for stamp in stamps)


def test_a_target_that_was_away_has_no_samples_of_that_time() -> None:
    target = Target({}, "job", 0, lambda: NOON, ORIGIN)
    target.turn(False, NOON - 200)
    target.turn(True, NOON - 100)
    stamps = target.stamps(int((NOON - 300) * 1000), int(NOON * 1000))
    assert stamps
    assert not [stamp for stamp in stamps if NOON - 200 <= stamp / 1000 < NOON - 100]


def test_bucket_bounds_are_envoys_and_their_labels_prometheus_own() -> None:
    assert BOUNDS[-1] == inf
    assert len(BOUNDS) == 20
    assert LE[0] == "0.5"
    assert LE[-3:] == ("1800000", "3600000", "+Inf")
    assert [float(le) for le in LE] == list(BOUNDS)


@pytest.mark.parametrize(("median", "spread"), [(5.0, 0.5), (120.0, 0.9), (0.0, 1.0)])
def test_shares_rise_to_one(median: float, spread: float) -> None:
    found = shares(median, spread)
    assert list(found) == sorted(found)
    assert found[-1] == 1.0


def test_histograms_are_cumulative_and_end_in_their_count() -> None:
    world, _ = make("everyday", Options(clusters=1))
    metrics = world.clusters["us-east"].metrics
    buckets: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = defaultdict(list)
    for series in metrics.select("istio_request_duration_milliseconds_bucket"):
        _, values = series.samples(int((NOON - 60) * 1000), int(NOON * 1000))
        rest = frozenset((k, v) for k, v in series.labels.items() if k not in ("le", "__name__"))
        buckets[rest].append((float(series.labels["le"]), values[-1]))
    counts: dict[frozenset[tuple[str, str]], float] = {}
    for series in metrics.select("istio_request_duration_milliseconds_count"):
        _, values = series.samples(int((NOON - 60) * 1000), int(NOON * 1000))
        counts[frozenset((k, v) for k, v in series.labels.items() if k != "__name__")] = values[-1]
    assert buckets.keys() == counts.keys()
    for rest, listed in buckets.items():
        listed.sort()
        assert [value for _, value in listed] == sorted(value for _, value in listed)
        assert listed[-1][1] == counts[rest]


def test_counters_never_fall_and_count_in_integers() -> None:
    world, clock = make("everyday", Options(clusters=1))
    for series in world.clusters["us-east"].metrics.select("istio_requests_total"):
        _, values = series.samples(int((clock.now - 3600) * 1000), int(clock.now * 1000))
        assert list(values) == sorted(values)
        assert all(value == int(value) for value in values)
