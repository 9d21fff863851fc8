"""A world whose clock the test holds, and sums over its series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from meshtop.demo.kube.store import KubeStore
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World

NOON = 1_795_000_000.0
WINDOW = 300.0


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make(
    scenario: str = "calm", options: Options | None = None, now: float = NOON, begins: float | None = None
) -> tuple[World, Clock]:
    clock = Clock(now)
    return World(options or Options(), clock, scenario, begins), clock


def filled(world: World, name: str) -> KubeStore:
    store = KubeStore(world.clock)
    world.clusters[name].fill(store)
    return store


def rates(
    world: World, cluster: str, metric: str, by: tuple[str, ...], *, window: float = WINDOW, at: float | None = None,
    where: Callable[[dict[str, str]], bool] = lambda labels: True,
) -> dict[tuple[str, ...], float]:  # fmt: skip
    """Increase per second of a metric's series, summed by labels."""
    end = world.clock() if at is None else at
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for series in world.clusters[cluster].metrics.select(metric):
        labels = dict(series.labels)
        if not where(labels):
            continue
        stamps, values = series.samples(int((end - window) * 1000), int(end * 1000))
        if len(stamps) > 1:
            found[tuple(labels.get(name, "") for name in by)] += (
                (values[-1] - values[0]) / (stamps[-1] - stamps[0]) * 1000
            )
    return dict(found)
