"""What runs out when."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtop.analysis.security.expiry import DAY, CertificateKind, Expiry, expiries, expiry_findings
from meshtop.model.kube import Inventory
from meshtop.model.telemetry import Scalar, Telemetry

NOW = 1_700_000_000.0


def scalar(metric: str, value: float, **labels: str) -> Scalar:
    return Scalar(metric, labels, value)


def told(*scalars: Scalar) -> Telemetry:
    return Telemetry(at=NOW, window_seconds=300, control=scalars)


def test_metrics_tell_what_no_config_map_does() -> None:
    found = expiries(
        "east",
        Inventory(),
        told(
            scalar("citadel_server_root_cert_expiry_timestamp", NOW + 90 * DAY),
            scalar("citadel_server_cert_chain_expiry_timestamp", NOW + 20 * DAY),
            scalar("istio_agent_cert_expiry_seconds", 40_000.0, resource_name="default", namespace="shop", app="api"),
            scalar("istio_agent_cert_expiry_seconds", 30_000.0, resource_name="default", namespace="shop", app="web"),
            scalar("istio_agent_cert_expiry_seconds", 5.0, resource_name="ROOTCA", namespace="shop", app="web"),
            scalar("envoy_server_days_until_first_cert_expiring", 12.0, namespace="edge", app="istio-ingressgateway"),
            scalar("envoy_server_days_until_first_cert_expiring", 0.0, namespace="edge", app="other-gateway"),
            scalar("envoy_server_days_until_first_cert_expiring", 4_294_967_295.0, namespace="edge", app="x-gateway"),
        ),
    )
    assert [(e.kind.value, e.subject, round(e.days_left(NOW), 2)) for e in found] == [
        ("workload", "shop/web", 0.35),
        ("gateway", "edge/istio-ingressgateway", 12.0),
        ("controlplane", "istiod", 20.0),
        ("root", "of istiod", 90.0),
    ]
    assert [f.finding.code for f in expiry_findings(found, NOW)] == ["CERT-EXPIRES-THIS-MONTH"] * 2
    assert expiries("east", None, None) == ()


def expiry(kind: CertificateKind, left: float, subject: str = "x") -> Expiry:
    return Expiry(cluster="east", kind=kind, subject=subject, not_after=NOW + left)


@pytest.mark.parametrize(
    ("kind", "left", "code", "severity"),
    [
        (CertificateKind.ROOT, -1.0, "CERT-EXPIRED", "error"),
        (CertificateKind.ROOT, 6.9 * DAY, "CERT-EXPIRES-THIS-WEEK", "error"),
        (CertificateKind.GATEWAY, 7.1 * DAY, "CERT-EXPIRES-THIS-MONTH", "warning"),
        (CertificateKind.CONTROL_PLANE, 29.9 * DAY, "CERT-EXPIRES-THIS-MONTH", "warning"),
        (CertificateKind.ROOT, 30.1 * DAY, None, None),
        (CertificateKind.WORKLOAD, 3_600.0, None, None),
        (CertificateKind.WORKLOAD, 60.0, "CERT-NOT-RENEWED", "warning"),
        (CertificateKind.WORKLOAD, -60.0, "CERT-EXPIRED", "error"),
    ],
)
def test_what_runs_out_is_a_finding(kind: CertificateKind, left: float, code: str | None, severity: str | None) -> None:
    found = expiry_findings([expiry(kind, left)], NOW)
    assert [(f.finding.code, f.finding.severity.value) for f in found] == ([(code, severity)] if code else [])
    assert all(f.finding.fix and f.finding.message.startswith("east: ") for f in found)


def test_an_istiod_that_signs_with_the_root_is_told_once() -> None:
    both = [expiry(CertificateKind.ROOT, DAY), expiry(CertificateKind.CONTROL_PLANE, DAY)]
    assert len(expiry_findings(both, NOW)) == 1
    apart = [expiry(CertificateKind.ROOT, DAY), expiry(CertificateKind.CONTROL_PLANE, DAY / 2)]
    assert len(expiry_findings(apart, NOW)) == 2


@pytest.mark.conformance
def test_the_root_of_the_config_map_counts_before_the_metric(shared_data: Path) -> None:
    pem = next(iter(sorted((shared_data / "certs").rglob("root-cert*.pem"))))
    inventory = Inventory(config_maps={"istio-system/istio-ca-root-cert": {"root-cert.pem": pem.read_text()}})
    found = expiries("east", inventory, told(scalar("citadel_server_root_cert_expiry_timestamp", NOW + DAY)))
    assert [e.kind for e in found] == [CertificateKind.ROOT]
    assert found[0].fingerprint is not None
    assert found[0].not_after != NOW + DAY
