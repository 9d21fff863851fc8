"""Facts from Istio itself: a real scrape of a ztunnel, and the labels that its proxies are tested to write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from meshtop.analysis.traffic.edges import edges
from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.analysis.traffic.metrics import CONTROL, TRAFFIC
from meshtop.model.telemetry import Labels, Sample, Telemetry

pytestmark = pytest.mark.conformance

LINE = re.compile(r"(\w+)\{(.*)\} (\S+)")
PAIR = re.compile(r'(\w+)="([^"]*)"')


def ztunnel(shared_data: Path) -> Telemetry:
    """The scraped totals, taken as if they were rates."""
    text = (shared_data / "telemetry" / "exposition" / "ztunnel-1.24-bookinfo.txt").read_text(encoding="utf-8")
    fields = {metric.name: metric.field for metric in TRAFFIC}
    samples: dict[str, list[Sample]] = {}
    for name, labels, value in LINE.findall(text):
        if name in fields:
            told = {label: text for label, text in PAIR.findall(labels) if label in Labels.__struct_fields__}
            samples.setdefault(fields[name], []).append(Sample(Labels(**told), float(value)))
    told_fields: dict[str, Any] = {field: tuple(some) for field, some in samples.items()}
    return Telemetry(at=0, window_seconds=300, **told_fields)


def test_bookinfo_in_ambient_as_a_real_ztunnel_tells_it(shared_data: Path) -> None:
    found = edges([ClusterTraffic(name="east", cluster_id="Kubernetes", telemetry=ztunnel(shared_data))])
    told = {
        (e.source.workload, e.destination.workload): (e.sums.connections, e.sums.sent, e.sums.received) for e in found
    }
    assert told == {
        ("traffic-gen", "productpage-v1"): (831, 75621, 11144775),
        ("productpage-v1", "details-v1"): (831, 117171, 297498),
        ("productpage-v1", "reviews-v1"): (270, 38070, 140130),
        ("productpage-v1", "reviews-v2"): (294, 41454, 177282),
        ("productpage-v1", "reviews-v3"): (267, 37647, 159666),
        ("reviews-v2", "ratings-v1"): (52, 48510, 65268),
        ("reviews-v3", "ratings-v1"): (55, 44055, 59274),
    }
    for edge in found:
        assert edge.protocol == "tcp"
        assert set(edge.reports) == {"source", "destination"}
        assert edge.disagreement == 0
        assert edge.sums.mtls_ratio == 1
        assert edge.source.cluster == edge.destination.cluster == "east"
    generator = next(e.source for e in found if e.source.workload == "traffic-gen")
    assert generator.version == ""


def test_every_label_that_is_grouped_by_is_one_that_proxies_write(shared_data: Path) -> None:
    goldens = shared_data / "telemetry" / "envoy-e2e-metric-goldens"
    for metric in TRAFFIC:
        base = metric.name.removeprefix("istio_").removesuffix("_total")
        if not base.startswith("tcp") and "messages" not in base:
            base = "request_total"
        family = {"tcp_connections_opened": "tcp_server_connection_open", "request_total": "server_request_total"}
        name = family.get(base) or (f"tcp_server_{base[4:]}" if base.startswith("tcp") else f"server_{base}")
        written = set(re.findall(r"name: (\w+)", (goldens / f"{name}.yaml.tmpl").read_text(encoding="utf-8")))
        assert set(metric.by) - {"le"} <= written, metric.name


def test_control_plane_metrics_are_ones_that_istio_has(shared_data: Path) -> None:
    text = (shared_data / "telemetry" / "istio-go-metrics.json").read_text(encoding="utf-8")
    known = set(re.findall(r'"name": "(\w+)"', text)) | {"istio_agent_cert_expiry_seconds", "pilot_info"}
    for group in CONTROL:
        for name in group.names:
            if not name.startswith("envoy_"):
                assert name.removesuffix("_bucket") in known, name
