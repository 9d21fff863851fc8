"""What an engine remembers of labels changes no answer: asked again, after a change, and in another order."""

from __future__ import annotations

import pytest

from meshtop.demo.prom.answers import instant_data, range_data
from meshtop.demo.prom.engine import Engine
from meshtop.demo.prom.plans import Plans
from meshtop.demo.prom.series import SeriesSource
from meshtop.demo.world.plan import Options
from tests.demo.world.worlds import make

NAME = "istio_requests_total"
QUERIES = (
    f"sum by (reporter, response_code) (rate({NAME}[5m]))",
    f"sum without (instance, pod) (rate({NAME}[5m]))",
    f"({NAME} unless {NAME} offset 1h) and on (job, instance) (up offset 1h == 1) or increase({NAME}[1h])",
    f'rate({NAME}{{response_code=~"5..|4.."}}[1m]) or rate({NAME}{{reporter="destination"}}[1m])',
    f'rate({NAME}{{reporter="source"}}[1m]) or rate({NAME}{{reporter="destination"}}[1m])',
    f"rate({NAME}[5m]) > 0.5",
    '{__name__=~"pilot_xds|pilot_services|up"} >= 1',
    "max by (__name__) (rate(pilot_xds_pushes[5m]))",
    f"max_over_time({NAME}[2m])",
)


class Forgetful:
    """The same series, of a source that does not promise to keep them: nothing is remembered."""

    def __init__(self, source: SeriesSource) -> None:
        self.select, self.metadata, self.targets = source.select, source.metadata, source.targets


def _both(engine: Engine, query: str, now: int) -> object:
    return instant_data(engine.instant(query, now)), range_data(engine.over(query, now - 240_000, now, 30_000))


@pytest.fixture(scope="module")
def changing() -> list[tuple[str, object, object]]:
    """Answers of an engine that remembers and of one that does not, in two rounds around a change of replicas."""
    world, clock = make("everyday", Options(clusters=2, services=12))
    cluster = world.clusters["us-east"]
    remembers, forgets = Engine(cluster.metrics), Engine(Forgetful(cluster.metrics))
    found: list[tuple[str, object, object]] = []
    for turn in range(3):
        now = int(clock.now * 1000)
        for query in (*QUERIES, *reversed(QUERIES)):
            found.append((f"{turn}: {query}", _both(remembers, query, now), _both(forgets, query, now)))
        clock.now += 15.0
        if turn == 1:
            deleted = next(o for o in cluster.inventory.config() if o["metadata"]["name"].startswith("reviews"))
            cluster._state.changed("us-east", "DELETED", deleted)
            clock.now += 60.0
    return found


def test_answers_are_those_of_an_engine_that_remembers_nothing(changing: list[tuple[str, object, object]]) -> None:
    assert len(changing) == 6 * len(QUERIES)
    for query, one, other in changing:
        assert one == other, query


def test_a_plan_is_made_once_for_the_same_objects_and_anew_for_equal_ones() -> None:
    plans, parts = Plans(), [{"a": str(n)} for n in range(20)]
    made: list[int] = []

    def make_one() -> int:
        made.append(len(made))
        return made[-1]

    assert [plans.of("x", list(parts), make_one) for _ in range(3)] == [0, 0, 0]
    assert plans.of("y", list(parts), make_one) == 1
    assert plans.of("x", [parts[0], *(dict(one) for one in parts[1:-1]), parts[-1]], make_one) == 2


def test_plans_used_last_are_kept_within_their_bound() -> None:
    plans = Plans(60)
    rows = [[object() for _ in range(20)] for _ in range(5)]
    for row in rows:
        plans.of("x", row, lambda: 1)
    assert [plans.of("x", row, lambda: 2) for row in reversed(rows)] == [1, 1, 1, 2, 2]
    assert plans.of("x", [object()] * 61, lambda: 3) == 3
    assert Plans(0).of("x", rows[0], lambda: 4) == 4
