"""Which Services may be the engine, and which of them is taken."""

from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from meshtop.model.kube import Service
from meshtop.model.state import State
from meshtop.sources.prometheus.finding import engine_candidates
from meshtop.sources.prometheus.source import PrometheusSource
from tests.sources.prometheus.fake import PROMETHEUS, Asked, FakePrometheus, refusal, series, service, state_of, vector


@pytest.mark.parametrize(
    ("found", "path"),
    [
        (PROMETHEUS, "istio-system/services/prometheus:9090/proxy"),
        (service("monitoring", "prometheus-operated", 9090), "monitoring/services/prometheus-operated:9090/proxy"),
        (
            service("monitoring", "kube-prom-stack-kube-prome-prometheus", 9090, 8080),
            "monitoring/services/kube-prom-stack-kube-prome-prometheus:9090/proxy",
        ),
        (service("monitoring", "metrics", 80, app_name="prometheus"), "monitoring/services/metrics:80/proxy"),
        (service("prometheus", "prometheus-server", 80), "prometheus/services/prometheus-server:80/proxy"),
        (
            service("openshift-monitoring", "thanos-querier", ("web", 9091), ("tenancy", 9092)),
            "openshift-monitoring/services/https:thanos-querier:9091/proxy",
        ),
        (
            service("observability", "thanos-query-frontend", ("http", 9090)),
            "observability/services/thanos-query-frontend:9090/proxy",
        ),
        (service("mimir", "mimir-nginx", ("http-metric", 80)), "mimir/services/mimir-nginx:80/proxy/prometheus"),
        (
            service("monitoring", "cortex-query-frontend", 8080),
            "monitoring/services/cortex-query-frontend:8080/proxy/prometheus",
        ),
        (
            service("victoria-metrics", "vmselect-main", 8481),
            "victoria-metrics/services/vmselect-main:8481/proxy/select/0/prometheus",
        ),
        (service("monitoring", "vmsingle-main", 8429), "monitoring/services/vmsingle-main:8429/proxy"),
        (service("monitoring", "prometheus", ("https-web", 1234)), "monitoring/services/https:prometheus:1234/proxy"),
    ],
)
def test_known_installations_are_recognised(found: Service, path: str) -> None:
    (candidate,) = engine_candidates([found])
    assert candidate.address.path == f"/api/v1/namespaces/{path}"
    assert candidate.address.proxied


@pytest.mark.parametrize(
    "name",
    [
        "prometheus-alertmanager",
        "prometheus-node-exporter",
        "prometheus-kube-state-metrics",
        "prometheus-pushgateway",
        "prometheus-operator",
        "prometheus-adapter",
        "thanos-store-gateway",
        "mimir-distributor",
        "prometheus-k8s-thanos-sidecar",
        "vminsert-main",
        "grafana",
        "web",
    ],
)
def test_what_stands_beside_it_is_not_it(name: str) -> None:
    assert engine_candidates([service("monitoring", name, 9090, 80, 8481)]) == []


def test_the_likeliest_comes_first() -> None:
    line = engine_candidates(
        [
            service("my-team", "prometheus", 9090),
            service("monitoring", "prometheus-k8s", 9090),
            service("monitoring", "mimir-nginx", 80),
            PROMETHEUS,
        ]
    )
    assert [(c.namespace, c.service) for c in line] == [
        ("istio-system", "prometheus"),
        ("monitoring", "prometheus-k8s"),
        ("monitoring", "mimir-nginx"),
        ("my-team", "prometheus"),
    ]


async def test_the_one_with_istios_metrics_is_taken_and_remembered(httpserver: HTTPServer) -> None:
    services = [service("istio-system", "prometheus", 9090), service("monitoring", "prometheus-k8s", 9090)]
    fake = FakePrometheus(httpserver, lambda query: vector())
    source = PrometheusSource(cluster="east", connection=fake.wire())

    fake.answer = lambda asked: vector() if "istio-system" in asked.path else vector(series("3"))
    await source.refresh(services, window_seconds=300)
    assert source.engine is not None
    assert "monitoring" in source.engine.url
    assert not source.needs_services
    fake.asked.clear()
    await source.refresh((), window_seconds=300)
    assert all("monitoring" in path for _, path, _ in fake.asked)
    assert state_of(source) is State.FRESH
    await source.close()


async def test_when_it_dies_it_is_looked_for_again(httpserver: HTTPServer) -> None:
    services = [PROMETHEUS, service("monitoring", "prometheus-k8s", 9090)]
    dead: set[str] = set()
    fake = FakePrometheus(httpserver, lambda query: vector())

    def answer(asked: Asked) -> object:
        if any(f"/{namespace}/" in asked.path for namespace in dead):
            return Response('{"kind":"Status","message":"no endpoints available for service"}', 503)
        return vector(series("1", reporter="source"))

    fake.answer = answer
    source = PrometheusSource(cluster="east", connection=fake.wire())
    await source.refresh(services, window_seconds=300)
    assert source.engine is not None
    assert "istio-system" in source.engine.url
    dead.add("istio-system")
    await source.refresh(services, window_seconds=300)
    assert state_of(source) is State.STALE
    assert (
        source.status.error
        == "Prometheus istio-system/prometheus:9090 answers HTTP 503: no endpoints available for service."
    )
    assert source.telemetry is not None
    assert source.needs_services
    await source.refresh(services, window_seconds=300)
    assert source.engine is not None
    assert "monitoring" in source.engine.url
    assert state_of(source) is State.FRESH


async def test_a_dead_likelier_candidate_does_not_stand_in_the_way(httpserver: HTTPServer) -> None:
    services = [PROMETHEUS, service("monitoring", "prometheus-k8s", 9090)]
    fake = FakePrometheus(httpserver, lambda query: vector())
    fake.answer = lambda asked: refusal("gone", 500) if "istio-system" in asked.path else vector(series("1"))
    source = PrometheusSource(cluster="east", connection=fake.wire())
    await source.refresh(services, window_seconds=300)
    assert source.engine is not None
    assert "monitoring" in source.engine.url


@pytest.mark.parametrize(
    ("services", "words"),
    [([], "its Services are not known"), ([service("shop", "web", 80)], "none of its Services looks like one")],
)
async def test_none_found_says_why_and_what_to_do(httpserver: HTTPServer, services: list[Service], words: str) -> None:
    fake = FakePrometheus(httpserver, lambda query: vector())
    source = PrometheusSource(cluster="east", connection=fake.wire())
    await source.refresh(services, window_seconds=300)
    assert state_of(source) is State.NONE
    assert words in (source.status.error or "")
    assert "clusters[].prometheus.service" in (source.status.remedy or "")
    assert source.telemetry is None


async def test_no_right_to_the_service_proxy_is_denied(httpserver: HTTPServer) -> None:
    said = (
        '{"kind":"Status","message":"services \\"prometheus:9090\\" is forbidden: cannot get resource services/proxy"}'
    )
    fake = FakePrometheus(httpserver, lambda query: Response(said, 403))
    source = PrometheusSource(cluster="east", connection=fake.wire())
    await source.refresh([PROMETHEUS], window_seconds=300)
    assert state_of(source) is State.DENIED
    assert "cannot get resource services/proxy" in (source.status.error or "")
    assert "services/proxy" in (source.status.remedy or "")
