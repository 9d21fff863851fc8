"""Istio's own definitions and Bookinfo, applied by the real kubectl, are read as they are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtop.model.state import State
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from tests.demo.kube.conftest import Kubectl, kubectl
from tests.sources.conftest import QUICK, ref_to

pytestmark = [pytest.mark.kubectl, pytest.mark.conformance]
__all__ = ["kubectl"]


def files(folder: Path) -> list[str]:
    return [text for path in sorted(folder.glob("*.yaml")) for text in ("-f", str(path))]


async def test_bookinfo(kubectl: Kubectl, shared_data: Path) -> None:
    kubectl("create", "namespace", "istio-system")
    for folder in ("istio", "gateway-api", "mcs-api"):
        kubectl("apply", "--server-side", *files(shared_data / "crds" / folder))
    bookinfo = shared_data / "samples" / "bookinfo"
    kubectl("apply", "-f", str(bookinfo / "platform" / "kube" / "bookinfo.yaml"))
    kubectl("apply", *files(bookinfo / "networking"))

    connection = Connection(ref_to(kubectl.home / "config"), timeout_seconds=30)
    source = KubernetesSource(connection, pace=QUICK)
    try:
        await source.list_all()
        inventory = source.inventory()
    finally:
        await connection.close()
    assert inventory is not None
    assert source.status.state is State.FRESH, source.status.error
    assert {service.meta.name for service in inventory.services} >= {"details", "productpage", "ratings", "reviews"}
    deployments = {c.meta.name: c for c in inventory.controllers if c.kind == "Deployment"}
    assert {"reviews-v1", "reviews-v2", "reviews-v3"} <= deployments.keys()
    assert deployments["reviews-v2"].template_labels["version"] == "v2"
    applied = {
        kind: sorted(kubectl("get", f"{plural}.networking.istio.io", "-A", "--no-headers").splitlines())
        for kind, plural in (("VirtualService", "virtualservices"), ("DestinationRule", "destinationrules"))
    }
    for kind, lines in applied.items():
        assert lines
        read = sorted((item.meta.namespace, item.meta.name) for item in inventory.config[kind])
        assert read == [tuple(line.split()[:2]) for line in lines]
    subsets = next(r for r in inventory.config["DestinationRule"] if r.meta.name == "reviews").spec["subsets"]
    assert {subset["name"]: subset["labels"]["version"] for subset in subsets} == {"v1": "v1", "v2": "v2", "v3": "v3"}
