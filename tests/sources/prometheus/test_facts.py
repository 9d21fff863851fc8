"""Known series in a real Prometheus: the edges are the expected ones, and the official dashboards agree."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtop.analysis.traffic.edges import edges
from meshtop.analysis.traffic.figures import add_all, by_workload
from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.analysis.traffic.metrics import CONTROL, METRIC_LABEL, TRAFFIC
from meshtop.analysis.traffic.rules import recording_rules
from meshtop.model.state import State
from meshtop.model.telemetry import Telemetry
from meshtop.model.traffic import Edge, PeerKind
from meshtop.settings.schema import PrometheusSettings
from meshtop.sources.prometheus.answers import decode_samples, decode_scalars
from meshtop.sources.prometheus.charts import LineQuery
from meshtop.sources.prometheus.collecting import Question, collect
from meshtop.sources.prometheus.direct import DirectWire
from meshtop.sources.prometheus.engine import Engine, EngineAddress
from meshtop.sources.prometheus.joining import Joining
from meshtop.sources.prometheus.promql import Matcher, refresh_queries
from meshtop.sources.prometheus.source import PrometheusSource
from meshtop.views.frame.charts import DESTINATION_SIDE, bytes_chart, request_charts
from tests.patience import PATIENCE_SECONDS
from tests.realprom import RealPrometheus
from tests.sources.prometheus.world import END, Series, control_plane, east, openmetrics, west

# One worker starts the real ones.
pytestmark = [pytest.mark.prometheus, pytest.mark.xdist_group("prometheus-facts")]

PEERS = {
    ("istio-system", "ingress"): KnownPeer(PeerKind.GATEWAY),
    ("quiet", "waypoint"): KnownPeer(PeerKind.WAYPOINT),
    ("shop", "legacy-vm"): KnownPeer(PeerKind.VIRTUAL_MACHINE),
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RealPrometheus]]:
    folders = {name: tmp_path_factory.mktemp(name) for name in ("east", "west")}
    with (
        RealPrometheus.on_blocks(folders["east"], openmetrics([*east(), *control_plane()])) as one,
        RealPrometheus.on_blocks(folders["west"], openmetrics(west())) as other,
    ):
        yield {"east": one, "west": other}


async def telemetry_from(server: RealPrometheus, *, window: float = 300.0) -> Telemetry:
    source = PrometheusSource(cluster="any", connection=None, settings=PrometheusSettings(url=server.url))
    await source.refresh((), window_seconds=window, at=END)
    await source.close()
    assert source.status.state is State.FRESH, source.status
    assert source.telemetry is not None
    return source.telemetry


async def edges_of(prometheus: dict[str, RealPrometheus]) -> tuple[Edge, ...]:
    return edges(
        [
            ClusterTraffic(
                name=name,
                cluster_id=name,
                telemetry=await telemetry_from(server),
                peers=PEERS if name == "east" else {},
            )
            for name, server in prometheus.items()
        ]
    )


EXPECTED = {
    # source, destination, protocol: requests, errors, disagreement, reporters, hops
    ("ingress", "web-v1", "http"): (104, 0, 0, {"gateway", "destination"}, ()),
    ("web-v1", "cart-v1", "http"): (80, 0, 0, {"source", "destination"}, ()),
    ("web-v1", "cart-v2", "http"): (25, 7, 0.2, {"source", "destination"}, ()),
    ("cart-v1", "cart-v2", "grpc"): (10, 1, 0, {"source", "destination"}, ()),
    ("cart-v1", "db-v1", "tcp"): (None, None, 0, {"source", "destination"}, ()),
    ("web-v1", "stock-v1", "http"): (30, 0, 0.1, {"source", "destination"}, ()),
    ("legacy-vm", "cart-v1", "http"): (3, 0, None, {"destination"}, ()),
    ("", "cart-v1", "http"): (1, 0, None, {"destination"}, ()),
    ("web-v1", "reader-v1", "http"): (12, 0, None, {"waypoint"}, ("east/quiet/waypoint",)),
    ("web-v1", "PassthroughCluster", "http"): (6, 0, None, {"source"}, ()),
}


async def test_the_edges_are_the_expected_ones(prometheus: dict[str, RealPrometheus]) -> None:
    found = {
        (e.source.workload, e.destination.workload or e.destination.service, e.protocol): e
        for e in await edges_of(prometheus)
    }
    assert set(found) == set(EXPECTED)
    for key, (requests, errors, disagreement, reporters, hops) in EXPECTED.items():
        edge = found[key]
        assert edge.sums.requests == (requests if requests is None else pytest.approx(requests)), key
        assert edge.sums.errors == (errors if errors is None else pytest.approx(errors)), key
        assert edge.disagreement == (None if disagreement is None else pytest.approx(disagreement, abs=1e-9)), key
        assert (set(edge.reports), edge.hops) == (reporters, hops), key
    assert found["web-v1", "stock-v1", "http"].cross_cluster
    assert sum(edge.cross_cluster for edge in found.values()) == 1


async def test_the_figures_of_an_edge(prometheus: dict[str, RealPrometheus]) -> None:
    found = {(e.source.workload, e.destination.workload): e for e in await edges_of(prometheus)}
    cart = found["web-v1", "cart-v2"]
    assert cart.codes == {"200": pytest.approx(18), "503": pytest.approx(7)}
    assert cart.flags == {"UF": pytest.approx(5)}
    latency = cart.sums.traffic().latency_ms
    assert [latency.p50, latency.p90, latency.p99, latency.mean] == pytest.approx([10, 50, 95, 20])
    assert cart.sums.request_bytes == pytest.approx(25 * 300)
    assert cart.sums.response_bytes == pytest.approx(25 * 2000)
    assert (cart.source.version, cart.destination.version, cart.destination.app) == ("v1", "v2", "cart")
    assert cart.destination.service == "cart.shop.svc.cluster.local"
    assert cart.sums.mtls_ratio == 1
    assert found["", "cart-v1"].sums.mtls_ratio == 0
    assert found["cart-v1", "cart-v2"].codes == {"0": pytest.approx(9), "14": pytest.approx(1)}
    database = found["cart-v1", "db-v1"].sums
    assert [database.sent, database.received, database.connections] == pytest.approx([1000, 9000, 2])
    assert found["legacy-vm", "cart-v1"].source.kind is PeerKind.VIRTUAL_MACHINE
    assert found["ingress", "web-v1"].source.version == ""


async def test_recorded_rates_give_the_same_telemetry(prometheus: dict[str, RealPrometheus]) -> None:
    """The rules, evaluated by the real engine as plain expressions, hold what the queries of a refresh give."""
    told = await telemetry_from(prometheus["east"])
    rules = {rule["record"]: rule["expr"] for group in recording_rules()["groups"] for rule in group["rules"]}
    queries = refresh_queries(300, {}, recorded=list(rules))
    for field in ("requests", "duration_buckets", "tcp_sent"):
        (record,) = [name for name in rules if f"({name})" in queries[field]]
        expression = queries[field].replace(record, rules[record])
        _, answer = prometheus["east"].api("query", query=expression, time=str(END))
        recorded = sorted(float(one["value"][1]) for one in answer["data"]["result"])
        assert recorded == pytest.approx(sorted(sample.value for sample in getattr(told, field)))


async def test_questions_asked_together_are_answered_as_if_asked_alone(prometheus: dict[str, RealPrometheus]) -> None:
    wire = DirectWire(PrometheusSettings(url=prometheus["east"].url), name="east", timeout=PATIENCE_SECONDS)
    engine = Engine(wire, EngineAddress(label="Prometheus"), timeout=PATIENCE_SECONDS, read_only=False)
    joining, question = Joining(), Question(window_seconds=300, at=END)
    await collect(engine, question, None, joining)
    asked = engine.meter.requests
    together = await collect(engine, question, None, joining)
    assert engine.meter.requests - asked == 2
    for metric in TRAFFIC:
        alone = await decode_samples(await engine.query(question.query(metric.field), at=END))
        (part,) = together.traffic[metric.field].parts
        assert {(s.labels, s.value) for s in alone.items} == {(s.labels, s.value) for s in part.items}, metric.field
    for group in CONTROL:
        scalars = await decode_scalars(await engine.query(question.query(group.query), at=END), METRIC_LABEL)
        (found,) = together.control[group.query].parts
        assert sorted(map(repr, scalars.items)) == sorted(map(repr, found.items)) != [], group.query
    await wire.close()
    assert together.traffic["requests"].parts[0].items


async def test_charts_and_history_from_a_real_engine(prometheus: dict[str, RealPrometheus]) -> None:
    source = PrometheusSource(cluster="east", connection=None, settings=PrometheusSettings(url=prometheus["east"].url))
    await source.refresh((), window_seconds=300, at=END)
    query = 'sum(rate(istio_requests_total{reporter="waypoint"}[5m]))'
    (line,) = await source.lines([LineQuery("reader", query, "/s")], start=END - 60, end=END, step=30)
    assert list(line.values) == pytest.approx([12, 12, 12])
    await source.refresh_history(at=END, span_seconds=300, points=10)
    assert source.history is not None
    assert source.history.requests.values[-1] == pytest.approx(104 + 80 + 20 + 5 + 10 + 30 + 12 + 6)
    assert source.history.errors.values[-1] == pytest.approx(2 + 5 + 1)
    await source.close()


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        ("cart-v2", {"requests": 30, "p50": 10, "p99": 95, "sent": None}),
        ("db-v1", {"requests": None, "sent": 1000, "received": 9000}),
    ],
)
async def test_charts_count_as_the_edges_do(
    prometheus: dict[str, RealPrometheus], workload: str, expected: dict[str, float | None]
) -> None:
    source = PrometheusSource(cluster="east", connection=None, settings=PrometheusSettings(url=prometheus["east"].url))
    await source.refresh((), window_seconds=300, at=END)
    chosen = (DESTINATION_SIDE, Matcher("destination_workload", "=", workload))
    charts = (
        *request_charts("east", chosen, window_seconds=300),
        bytes_chart("east", chosen, window_seconds=300),
    )
    asked = [LineQuery(line.name, line.expression, line.unit) for chart in charts for line in chart.lines]
    lines = await source.lines(asked, start=END, end=END, step=15)
    values = {line.name: line.values[-1] for line in lines}
    assert {name: values[name] for name in expected} == {
        name: value if value is None else pytest.approx(value) for name, value in expected.items()
    }
    await source.close()


def consistent() -> list[Series]:
    """The part of east whose two reporters agree, which is what the dashboards take for granted.

    They count the source's (or waypoint's) report alone: a virtual machine, or a caller outside the mesh, has none.
    """
    blind = ("legacy-vm", "unknown")
    return [
        one
        for one in east()
        if one[1]["source_workload"] not in blind
        and not (one[1]["reporter"] == "source" and one[1]["destination_workload"] == "waypoint")
    ]


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    with RealPrometheus.on_blocks(tmp_path_factory.mktemp("agreeing"), openmetrics(consistent())) as server:
        yield server


class Dashboards:
    """The official dashboards' expressions, asked of a real engine."""

    def __init__(self, folder: Path, server: RealPrometheus) -> None:
        self._queries = json.loads((folder / "addons" / "promql.json").read_text(encoding="utf-8"))["queries"]
        self._server = server

    def expressions(self, dashboard: str, panel: str) -> list[str]:
        return [
            query["expr"].replace("$__rate_interval", "5m")
            for query in self._queries
            if query["dashboard"].startswith(dashboard) and query.get("panel") == panel
        ]

    def ask(self, expression: str) -> list[tuple[dict[str, str], float]]:
        status, answer = self._server.api("query", query=expression, time=str(END))
        assert status == 200, answer
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]


@pytest.mark.conformance
async def test_the_official_mesh_dashboard_has_the_same_totals(agreeing: RealPrometheus, shared_data: Path) -> None:
    boards = Dashboards(shared_data, agreeing)
    found = edges(
        [ClusterTraffic(name="east", cluster_id="east", telemetry=await telemetry_from(agreeing), peers=PEERS)]
    )
    whole = add_all([edge.sums for edge in found])
    codes: dict[str, float] = {}
    for edge in found:
        for code, rate in edge.codes.items():
            codes[code] = codes.get(code, 0.0) + rate

    def single(panel: str) -> float:
        (expression,) = boards.expressions("istio-mesh", panel)
        ((_, value),) = boards.ask(expression)
        return value

    assert single("Traffic Volume") == pytest.approx(whole.requests, abs=0.01)
    assert single("4xxs") == pytest.approx(codes["404"], abs=0.01)
    assert single("5xxs") == pytest.approx(codes["503"], abs=0.01)
    assert whole.requests is not None
    assert single("Success Rate") == pytest.approx(1 - codes["503"] / whole.requests)


@pytest.mark.conformance
async def test_the_official_workload_tables_have_the_same_figures(agreeing: RealPrometheus, shared_data: Path) -> None:
    boards = Dashboards(shared_data, agreeing)
    found = edges(
        [ClusterTraffic(name="east", cluster_id="east", telemetry=await telemetry_from(agreeing), peers=PEERS)]
    )
    workloads = {(ns, name): figures.received for (_, ns, name), figures in by_workload(found).items() if name}
    volume, *quantiles, _success = boards.expressions("istio-mesh", "HTTP/gRPC Workloads")
    rows = boards.ask(volume)
    assert len(rows) >= 6
    for labels, value in rows:
        where = (labels["destination_workload_namespace"], labels["destination_workload"])
        if labels["destination_workload"] != "unknown":
            assert workloads[where].requests == pytest.approx(value), where
    for expression, q in zip(quantiles, (0.5, 0.9, 0.99), strict=True):
        for labels, value in boards.ask(expression):
            where = (labels["destination_workload_namespace"], labels["destination_workload"])
            if labels["destination_workload"] != "unknown":
                ours = workloads[where].buckets.quantile(q)
                assert ours is not None
                assert math.isclose(ours, value, rel_tol=1e-6), (where, q)
    received, sent = boards.expressions("istio-mesh", "TCP Workloads")
    for expression, field in ((received, "sent"), (sent, "received")):
        for labels, value in boards.ask(expression):
            where = (labels["destination_workload_namespace"], labels["destination_workload"])
            assert getattr(workloads[where], field) == pytest.approx(value), (where, field)
