"""Resolves `*_cluster` labels to clusters and `destination_service*` labels to services."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshtop.analysis.traffic.inputs import ClusterTraffic
from meshtop.model.telemetry import Telemetry

UNKNOWN = "unknown"
_KUBERNETES_HOST = re.compile(r"([^.:]+)\.([^.:]+)\.svc(?:\.|:|$)")
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*\]?)(?::\d+)?")
_POD_HOST = re.compile(r"[^.:]+\.([^.:]+)\.([^.:]+)\.svc(?:\.|:|$)")
"""A pod of a headless service: `web-0.web.shop.svc.cluster.local`."""
_DOMAIN = re.compile(r"[^.:]+\.[^.:]+\.svc\.([^:]+)")
BLACK_HOLE = "BlackHoleCluster"
PASSTHROUGH = "PassthroughCluster"
CATCH_ALLS = frozenset({PASSTHROUGH, BLACK_HOLE})
"""Names of Envoy's catch-all clusters for outbound traffic without a matching service."""
_INBOUND_PASSTHROUGH = "InboundPassthroughCluster"


def known(value: str) -> str:
    """The label's value, or "" for `unknown`."""
    return "" if value == UNKNOWN else value


def version_of(version: str, revision: str) -> str:
    """The version label, else the canonical revision; `latest` does not count as a version."""
    for value in (version, revision):
        if value not in ("", UNKNOWN, "latest"):
            return value
    return ""


def is_address(name: str) -> bool:
    """Whether a service is named by an IP address, with or without a port."""
    return _ADDRESS.fullmatch(name) is not None


def service_key(host: str, name: str, namespace: str) -> tuple[str, str]:
    """A key that is equal for both reporters' labels, and the service's namespace ("" when it is not known).

    `reviews.shop.svc.cluster.local`, `reviews.shop.svc.cluster.local:9080` and (`reviews`, `shop`) give one key.
    """
    match = _KUBERNETES_HOST.match(host) or _POD_HOST.match(host)
    if match:
        return f"{match[1]}.{match[2]}", match[2]
    if name and namespace and "." not in name:
        return f"{name}.{namespace}", namespace
    if host and not is_address(host):
        host = host.rsplit(":", 1)[0] if host.rsplit(":", 1)[-1].isdigit() else host
    return host or name, namespace


def domain_of(host: str) -> str:
    """The Kubernetes domain at the end of a service's full host; "" where there is none."""
    match = _DOMAIN.match(host)
    return match[1] if match else ""


def seen_domain(telemetry: Telemetry) -> str | None:
    """The DNS domain of a cluster's Services as its clients' proxies name them; None where none or several are seen.

    istiod gives these names to its proxies, whatever the chart's values say.
    """
    hosts = {s.labels.destination_service for s in telemetry.requests if s.labels.reporter == "source" and s.value > 0}
    domains = {domain_of(host) for host in hosts} - {""}
    return domains.pop() if len(domains) == 1 else None


def service_key_rank(service: str, is_kubernetes: bool) -> int:
    """How precisely a service's key names the requested service; higher is better.

    From best to worst: a Service of the mesh, another host (of a ServiceEntry), a bare name, a catch-all, nothing, an
    address.
    """
    if is_kubernetes:
        return 6
    if not service:
        return 1
    if is_address(service):
        return 0
    if service in (_INBOUND_PASSTHROUGH, BLACK_HOLE):
        return 2
    if service == PASSTHROUGH:
        return 3
    return 5 if "." in service else 4


class ClusterNames:
    """Resolves the cluster ids in labels to meshtop's cluster names.

    Unconfigured clusters share the id "Kubernetes". Then a label refers to the cluster whose Prometheus it came from,
    unless only another cluster with that id (and in the same mesh) has the workload.
    """

    def __init__(self, clusters: Sequence[ClusterTraffic]) -> None:
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._owners: dict[str, list[str]] = {}
        for cluster in clusters:
            if cluster.cluster_id:
                self._owners.setdefault(cluster.cluster_id, []).append(cluster.name)

    def resolve(self, label: str, workload: tuple[str, str], home: str) -> str:
        """The cluster that `label` refers to in telemetry of `home`; an unknown id is returned unchanged."""
        owners = self._owners.get(label)
        if owners is None:
            return label
        if len(owners) == 1:
            return owners[0]
        if home not in owners:
            here = self._having(workload, owners, home)
            return here[0] if len(here) == 1 else label
        if not workload[1] or workload in self._clusters[home].peers or not self._clusters[home].peers:
            return home
        elsewhere = self._having(workload, owners, home)
        return elsewhere[0] if len(elsewhere) == 1 else home

    def having(self, workload: tuple[str, str], home: str) -> str:
        """The cluster of a workload without a cluster label: `home`, unless exactly one other cluster has it."""
        peers = self._clusters[home].peers
        if not peers or workload in peers:
            return home
        elsewhere = self._having(workload, sorted(self._clusters), home)
        return elsewhere[0] if len(elsewhere) == 1 else home

    def _having(self, workload: tuple[str, str], owners: Sequence[str], home: str) -> list[str]:
        mesh = self._clusters[home].mesh_id
        return [
            name
            for name in owners
            if name != home and workload in self._clusters[name].peers and self._clusters[name].mesh_id == mesh
        ]
