"""Debian's Prometheus scrapes the demo, and answers every query that meshtop sends as the simulated one does.

A scrape takes the present value of every series, at a moment of its own. So that both engines hold the same samples,
the test's relay moves the world's clock by 30 s for each scrape and writes that moment behind every sample of the
demo's own `/metrics`; the simulated engine then evaluates over those samples. What remains is PromQL, which must agree
to nine digits. The demo's own scrapes lie up to one interval (15 of 300 s) earlier, and counters are whole numbers:
against those, a rate may differ by 5 % and by a few counts.
"""

from __future__ import annotations

import math
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from meshtop.demo.kube.access import admin
from meshtop.demo.kube.app import kube_app
from meshtop.demo.kube.store import KubeStore
from meshtop.demo.prom.answers import instant_data
from meshtop.demo.prom.app import prom_app
from meshtop.demo.prom.engine import Engine
from meshtop.demo.prom.exposition import latest
from meshtop.demo.prom.series import NAME, Series
from meshtop.demo.world.plan import Options
from meshtop.demo.world.world import World
from meshtop.sources.prometheus.courses import course_queries
from meshtop.sources.prometheus.finding import PROBE
from meshtop.sources.prometheus.plaintext import plaintext_queries
from meshtop.sources.prometheus.promql import Matcher, equal, history_queries, recorded_query, refresh_queries
from meshtop.views.frame.charts import DESTINATION_SIDE, bytes_chart, request_charts
from tests.demo.kube.running import running
from tests.demo.prom.compare import difference
from tests.e2e.serving import LIMIT, Clock, meshtop
from tests.realprom import RealPrometheus

pytestmark = [pytest.mark.prometheus, pytest.mark.xdist_group("e2e-prometheus")]

STEP, SCRAPES = 30.0, 12
LOOKBACK_MS = 300_000
WINDOW = 300.0


@dataclass(frozen=True)
class Recorded:
    """A series as it was scraped."""

    labels: Mapping[str, str]
    points: tuple[tuple[int, float], ...]

    def samples(self, start_ms: int, end_ms: int) -> tuple[Sequence[int], Sequence[float]]:
        inside = [point for point in self.points if start_ms <= point[0] <= end_ms]
        return [at for at, _ in inside], [value for _, value in inside]


class Scraped:
    """The world's series, each with its value at the moments of the scrapes."""

    def __init__(self, world: World, moments: Sequence[int]) -> None:
        self._metrics = world.clusters["us-east"].metrics
        self._series: list[Series] = []
        for series in self._metrics.select(None):
            values = ((at, latest(series, at, LOOKBACK_MS)) for at in moments)
            self._series.append(Recorded(series.labels, tuple((at, v) for at, v in values if v is not None)))

    def select(self, name: str | None, among: Callable[[str], bool] | None = None) -> list[Series]:
        return [
            series
            for series in self._series
            if (name is None or series.labels[NAME] == name) and (among is None or among(series.labels[NAME]))
        ]

    def metadata(self) -> Mapping[str, tuple[str, str, str]]:
        return self._metrics.metadata()

    def targets(self) -> Sequence[dict[str, Any]]:
        return []


@dataclass(frozen=True)
class Both:
    """Both engines on the same samples, the demo's own engine, and the moment of the last scrape (ms)."""

    real: RealPrometheus
    simulated: Engine
    demo: Engine
    at: int

    def ask(self, engine: Engine, query: str) -> tuple[int, dict[str, Any]]:
        return 200, {"status": "success", "data": instant_data(engine.instant(query, self.at))}

    def ask_real(self, query: str) -> tuple[int, dict[str, Any]]:
        return self.real.api("query", query=query, time=f"{self.at / 1000:.3f}")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    start = time.time() - (SCRAPES + 1) * STEP
    now = [start]
    # The story has been told for long enough that every series has samples behind it.
    world = World(Options(clusters=1, services=8), lambda: now[0], "everyday", -1200.0)
    inner = prom_app(world.clusters["us-east"].metrics, clock=lambda: now[0])
    moments = [int((start + step * STEP) * 1000) for step in range(1, SCRAPES + 1)]
    given = [b""]

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=given[0], content_type="text/plain")

    def relay() -> web.Application:
        app = web.Application()
        app.router.add_get("/metrics", metrics)
        return app

    with running(relay) as server, running(lambda: inner) as demo:
        target = server.url.removeprefix("http://")
        with RealPrometheus.scraping(tmp_path_factory.mktemp("scraping"), [target], interval="250ms") as real:
            for at in moments:
                now[0] = at / 1000
                with urllib.request.urlopen(f"{demo.url}/metrics", timeout=LIMIT) as answer:
                    lines = answer.read().decode().splitlines()
                given[0] = "".join(f"{one}\n" if one[0] == "#" else f"{one} {at}\n" for one in lines).encode()

                def stored(at: int = at) -> bool:
                    query = "min(timestamp(last_over_time(up{job!='scraped'}[1s])))"
                    result = real.api("query", query=query, time=f"{at / 1000:.3f}")[1]["data"]["result"]
                    return bool(result) and float(result[0]["value"][1]) == at / 1000

                real.wait_until(stored, "to store a scrape")
            own = Engine(world.clusters["us-east"].metrics)
            yield Both(real, Engine(Scraped(world, moments)), own, moments[-1])


def queries() -> dict[str, str]:
    """What meshtop sends of its own accord, and for a workload's charts."""
    narrow = [Matcher("reporter", "=", "source")]
    labels = {"destination_workload": "reviews-v3", "destination_workload_namespace": "shop"}
    workload = (DESTINATION_SIDE, *equal(labels))
    charts = (
        *request_charts("us-east", workload, window_seconds=WINDOW),
        bytes_chart("us-east", workload, window_seconds=WINDOW),
    )
    return {
        **{f"refresh {name}": text for name, text in refresh_queries(WINDOW, {}).items()},
        **{f"narrow {name}": text for name, text in refresh_queries(WINDOW, {}, narrow=narrow).items()},
        **{
            f"central {name}": text
            for name, text in refresh_queries(WINDOW, {"source_cluster": "us-east"}, extra_by=["cluster"]).items()
        },
        **{f"history {name}": text for name, text in history_queries(WINDOW, {}).items()},
        **{f"course {name}": text for name, text in course_queries(WINDOW, {}).items()},
        **{f"chart {line.name}": line.expression for chart in charts for line in chart.lines},
        **{f"plaintext {name}": text for name, text in plaintext_queries({}, 240.0).items()},
        "recorded": recorded_query({}),
        "probe": PROBE,
    }


def test_every_query_of_a_refresh(both: Both) -> None:
    wrong, filled = [], 0
    for name, query in queries().items():
        real = scraped_only(both.ask_real(query))
        filled += bool(real[1]["data"]["result"])
        if found := difference(scraped_only(both.ask(both.simulated, query)), real):
            wrong.append(f"{name}: {query}\n  {found}")
    assert not wrong, "\n".join(wrong)
    assert filled > len(queries()) / 2


def scraped_only(answer: tuple[int, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """An answer without what Prometheus says about its own scraping."""
    data = answer[1].get("data", {})
    if data.get("resultType") == "vector":
        kept = [one for one in data["result"] if one["metric"].get("job") != "scraped"]
        return answer[0], {**answer[1], "data": {**data, "result": kept}}
    return answer


def test_the_demos_own_scrapes_tell_the_same(both: Both) -> None:
    wrong = []
    for name, query in refresh_queries(WINDOW, {}).items():
        if not name.startswith("control_"):
            ours, real = by_labels(both.ask(both.demo, query)), by_labels(both.ask_real(query))
            assert ours.keys() == real.keys(), name
            wrong += [
                f"{name} {labels}: {ours[labels]}, real {value}"
                for labels, value in real.items()
                if not math.isclose(ours[labels], value, rel_tol=0.05, abs_tol=10 / WINDOW) and "bytes" not in name
            ]
    assert not wrong, "\n".join(wrong[:10])


def by_labels(answer: tuple[int, dict[str, Any]]) -> dict[str, float]:
    return {str(sorted(one["metric"].items())): float(one["value"][1]) for one in answer[1]["data"]["result"]}


def test_every_query_that_the_commands_send(both: Both, tmp_path: Path) -> None:
    """Whatever a command asks behind the service proxy, the real engine answers the same."""
    sent: set[tuple[str, str]] = set()
    world = World(Options(clusters=1, services=8), Clock(), "everyday", -600.0)
    inner = prom_app(world.clusters["us-east"].metrics, clock=Clock())
    inner.freeze()

    async def recording(request: web.Request, path: str) -> web.StreamResponse:
        if "query" in request.query:
            sent.add((path, request.query["query"]))
        return await inner._handle(request.clone(rel_url=URL.build(path=path, query=request.query)))

    def api() -> web.Application:
        store = KubeStore(Clock(), "recording")
        world.clusters["us-east"].fill(store)
        return kube_app(
            store, git_version="v1.34.2", accounts=[admin()], anonymous=admin(),
            services={("istio-system", "prometheus"): recording},
        )  # fmt: skip

    kubeconfig = tmp_path / "kubeconfig"
    with running(api) as server:
        kubeconfig.write_text(
            "{apiVersion: v1, kind: Config, current-context: us-east, users: [{name: me, user: {token: demo-admin}}],"
            f" clusters: [{{name: one, cluster: {{server: '{server.url}'}}}}],"
            " contexts: [{name: us-east, context: {cluster: one, user: me}}]}"
        )
        for arguments in (("get", "edges"), ("get", "canaries"), ("whatif", "strict", "shop")):
            done = meshtop(*arguments, "--kubeconfig", str(kubeconfig), "--timeout", "20s")
            assert done.returncode in (0, 1), done.stderr
    assert len(sent) > 20
    wrong = []
    for path, query in sorted(sent):
        assert path in ("/api/v1/query", "/api/v1/query_range")
        found = difference(scraped_only(both.ask(both.simulated, query)), scraped_only(both.ask_real(query)))
        if found:
            wrong.append(f"{query}\n  {found}")
    assert not wrong, "\n".join(wrong)
