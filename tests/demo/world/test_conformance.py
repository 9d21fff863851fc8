"""The demo's labels and objects against facts: Istio's golden metrics, a ztunnel's scrape, the projects' own CRDs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtop.demo.kube.schema import validate
from meshtop.demo.world.kinds import MESH_KINDS
from tests.demo.world.worlds import NOON, make

pytestmark = pytest.mark.conformance
SCRAPE = {"app", "instance", "job", "namespace", "node", "pod", "version", "__name__", "le"}


def _golden(shared_data: Path, name: str) -> tuple[str, dict[str, str]]:
    text = (shared_data / "telemetry" / "envoy-e2e-metric-goldens" / f"{name}.yaml.tmpl").read_text()
    optional = r"\{\{-? if eq .Vars.EnableAdd[^}]*\}\}.*?\{\{-? end \}\}"
    first_choice = r"\{\{-? if .*?\}\}.*?\{\{-? else \}\}"
    text = re.sub(f"{optional}|{first_choice}", "", text, flags=re.S)
    text = re.sub(r"\{\{-? end \}\}", "", text)
    text = re.sub(r'"?\{\{.*?\}\}"?', '"0"', text)
    family = yaml.safe_load(text)
    return family["name"], {label["name"]: str(label["value"]) for label in family["metric"][0]["label"]}


def _series(metric: str, reporter: str, protocol: str = "", app: str = "") -> list[dict[str, str]]:
    world, _ = make("calm")
    found = []
    for cluster in world.clusters.values():
        for series in cluster.metrics.select(metric):
            labels = dict(series.labels)
            spoken = labels.get("request_protocol", protocol)
            if (labels["reporter"], labels["app"] == "ztunnel") == (reporter, app == "ztunnel") and (
                not protocol or spoken == protocol
            ):
                found.append(labels)
    return found


@pytest.mark.parametrize(
    ("golden", "reporter", "protocol"),
    [
        ("client_request_total", "source", "grpc"),
        ("server_request_total", "destination", "grpc"),
        ("server_waypoint_proxy_request_total", "waypoint", "http"),
        ("client_request_messages", "source", ""),
        ("server_request_messages", "destination", ""),
        ("client_response_messages", "source", ""),
        ("tcp_client_connection_open", "source", "tcp"),
        ("tcp_server_connection_open", "destination", "tcp"),
        ("tcp_client_sent_bytes", "source", "tcp"),
        ("tcp_server_received_bytes", "destination", "tcp"),
        ("tcp_client_connection_close", "source", "tcp"),
    ],
)
def test_labels_are_those_of_istios_goldens(shared_data: Path, golden: str, reporter: str, protocol: str) -> None:
    metric, wanted = _golden(shared_data, golden)
    assert wanted["reporter"] == reporter
    names = set(wanted) - {"role", "configurable_metric_a"}
    if protocol == "http":
        names.discard("grpc_response_status")
    found = _series(metric, reporter, protocol)
    assert found
    for labels in found:
        assert set(labels) - SCRAPE == names
        if "connection_security_policy" in labels:
            policy = labels["connection_security_policy"]
            assert policy == "unknown" if reporter == "source" else policy in ("mutual_tls", "none")


def test_an_unknown_destination_reads_as_in_the_golden(shared_data: Path) -> None:
    _, wanted = _golden(shared_data, "tcp_client_sent_bytes_unknown")
    unknown = {
        k: v
        for k, v in wanted.items()
        if k.startswith("destination_") and k not in ("destination_service", "destination_service_name")
    }
    strays = [
        x for x in _series("istio_requests_total", "source") if x["destination_service_name"] == "PassthroughCluster"
    ]
    assert strays
    assert all({k: labels[k] for k in unknown} == unknown for labels in strays)


def test_ztunnels_report_as_a_real_one_does(shared_data: Path) -> None:
    text = (shared_data / "telemetry" / "exposition" / "ztunnel-1.24-bookinfo.txt").read_text()
    line = next(x for x in text.splitlines() if x.startswith("istio_tcp_connections_opened_total{"))
    wanted = set(re.findall(r'(\w+)="', line))
    found = _series("istio_tcp_connections_opened_total", "source", "tcp", "ztunnel")
    assert found
    # ztunnel added locality after the release that this scrape is from.
    locality = {f"{side}_{part}" for side in ("source", "destination") for part in ("region", "zone")}
    for labels in found:
        assert set(labels) - SCRAPE - locality == wanted
        assert labels["connection_security_policy"] in ("mutual_tls", "unknown")


def _crds(shared_data: Path) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for file in (shared_data / "crds").rglob("*.yaml"):
        for document in yaml.load_all(file.read_text(), yaml.CSafeLoader):
            if document and document["kind"] == "CustomResourceDefinition":
                found[(document["spec"]["group"], document["spec"]["names"]["kind"])] = document["spec"]
    return found


def test_kinds_are_named_as_the_projects_name_them(shared_data: Path) -> None:
    real = _crds(shared_data)
    for group, kind, plural, short, _, versions, namespaced, _ in MESH_KINDS:
        spec = real[(group, kind)]
        assert (spec["names"]["plural"], spec["scope"] == "Namespaced") == (plural, namespaced)
        assert tuple(spec["names"].get("shortNames") or ()) == short
        assert set(versions) <= {version["name"] for version in spec["versions"]}


def test_objects_pass_the_projects_own_schemas(shared_data: Path) -> None:
    real = _crds(shared_data)
    checked = set()
    for scenario in ("everyday", "drifted-config", "broken-destinationrule"):
        world, _ = make(scenario, now=NOON)
        for cluster in world.clusters.values():
            for obj in cluster.inventory.objects():
                group, _, version = obj["apiVersion"].rpartition("/")
                spec = real.get((group, obj["kind"]))
                if spec is None:
                    continue
                schema = next(v["schema"]["openAPIV3Schema"] for v in spec["versions"] if v["name"] == version)
                assert not list(validate(obj, schema)), obj
                checked.add(obj["kind"])
    assert checked >= {
        "VirtualService",
        "DestinationRule",
        "PeerAuthentication",
        "HTTPRoute",
        "WorkloadEntry",
        "ServiceImport",
        "Gateway",
    }
