# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""Registries of member clusters: the objects that each project keeps on its host, with their real groups and fields."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from meshtop.demo.world import naming
from meshtop.demo.world.plan import Cluster, Plan
from meshtop.demo.world.propagated import propagated
from meshtop.demo.world.workload_objects import DAY, Builder, Json

REGISTRIES = ("kubefed", "karmada", "ocm", "kubesphere", "clusterprofile", "none")
STRANGER = "harbor"
"""A member that no context reaches: it is registered, and served nowhere."""
TOKEN = "demo-admin"


class Registrar:
    """Writes one registry's objects on its host. The last cluster of the plan is registered as not ready.

    `servers` gives the clusters' URLs, which are known once they listen.
    """

    def __init__(self, plan: Plan, builder: Builder, scenario: str, servers: Mapping[str, str], now: float) -> None:
        self._plan = plan
        self._builder = builder
        self._scenario = scenario
        self._servers = servers
        self._now = now

    def objects(self, registry: str) -> Iterator[Json]:
        """The members and what is propagated to them; nothing for `none`."""
        write = {
            "kubefed": self._kubefed,
            "karmada": self._karmada,
            "ocm": self._ocm,
            "kubesphere": self._kubesphere,
            "clusterprofile": self._profile,
        }.get(registry)
        if write is None:
            return
        plan = self._plan
        for cluster in plan.clusters:
            yield write(cluster.name, cluster, ready=len(plan.clusters) == 1 or cluster is not plan.clusters[-1])
        yield write(STRANGER, None, ready=True)
        yield from propagated(plan, self._builder, registry, self._scenario, self._now, STRANGER)

    def _server(self, name: str) -> str:
        return self._servers.get(name, f"https://{name}.halyard.example:6443")

    def _uid(self, cluster: Cluster | None) -> str:
        if cluster is None:
            return self._builder.uid("Cluster", "", STRANGER)
        return Builder(self._builder.seed, cluster, self._builder.today).uid("Namespace", "", "kube-system")

    def _condition(self, kind: str, status: bool | str, reason: str, message: str) -> Json:
        return {
            "type": kind,
            "status": str(status),
            "reason": reason,
            "message": message,
            "lastTransitionTime": naming.timestamp(self._now // DAY * DAY),
        }

    def _object(
        self, version: str, kind: str, name: str, namespace: str, spec: Json, status: Json, **labels: str
    ) -> Json:
        meta = self._builder.meta(name, namespace, labels or None, days=90, kind=kind)
        return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec, "status": status}

    def _kubefed(self, name: str, cluster: Cluster | None, *, ready: bool) -> Json:
        conditions = (
            [self._condition("Ready", True, "ClusterReady", "/healthz responded with ok")]
            if ready
            else [
                self._condition("Offline", True, "ClusterNotReachable", "cluster is not reachable"),
                self._condition("Ready", False, "ClusterNotReady", "/healthz responded without ok"),
            ]
        )
        return self._object(
            "core.kubefed.io/v1beta1",
            "KubeFedCluster",
            name,
            "kube-federation-system",
            {"apiEndpoint": self._server(name), "caBundle": "", "secretRef": {"name": f"{name}-2x7kq"}},
            {"conditions": conditions, "region": _region(cluster), "zones": _zones(cluster)},
        )

    def _karmada(self, name: str, cluster: Cluster | None, *, ready: bool) -> Json:
        condition = (
            self._condition("Ready", True, "ClusterReady", "cluster is healthy and ready to accept workloads")
            if ready
            else self._condition("Ready", False, "ClusterNotReachable", "cluster is not reachable")
        )
        secret = {"namespace": "karmada-cluster", "name": name}
        spec: Json = {
            "id": self._uid(cluster),
            "syncMode": "Push",
            "apiEndpoint": self._server(name),
            "secretRef": secret,
            "impersonatorSecretRef": {**secret, "name": f"{name}-impersonator"},
            "region": _region(cluster),
            "zones": _zones(cluster),
        }
        if not ready:
            spec["taints"] = [{"key": "cluster.karmada.io/not-ready", "effect": "NoSchedule"}]
        return self._object(
            "cluster.karmada.io/v1alpha1", "Cluster", name, "", spec,
            {"kubernetesVersion": _version(cluster), "conditions": [condition]},
        )  # fmt: skip

    def _ocm(self, name: str, cluster: Cluster | None, *, ready: bool) -> Json:
        conditions = [
            self._condition("HubAcceptedManagedCluster", True, "HubClusterAdminAccepted", "Accepted by hub cluster admin"),
            self._condition("ManagedClusterJoined", True, "ManagedClusterJoined", "Managed cluster joined"),
            self._condition("ManagedClusterConditionAvailable", True, "ManagedClusterAvailable", "Managed cluster is available")
            if ready
            else self._condition("ManagedClusterConditionAvailable", "Unknown", "ManagedClusterLeaseUpdateStopped", "Registration agent stopped updating its lease."),
        ]  # fmt: skip
        claims = {
            "id.k8s.io": self._uid(cluster),
            "kubeversion.open-cluster-management.io": _version(cluster),
            "region.open-cluster-management.io": _region(cluster),
        }
        return self._object(
            "cluster.open-cluster-management.io/v1", "ManagedCluster", name, "",
            {"hubAcceptsClient": True, "leaseDurationSeconds": 60, "managedClusterClientConfigs": [{"url": self._server(name), "caBundle": ""}]},
            {"conditions": conditions, "version": {"kubernetes": _version(cluster)},
             "clusterClaims": [{"name": key, "value": value} for key, value in claims.items()]},
        )  # fmt: skip

    def _kubesphere(self, name: str, cluster: Cluster | None, *, ready: bool) -> Json:
        conditions = [
            self._condition("Ready", ready, "Ready" if ready else "ClusterNotReady", "Cluster is available now" if ready else "failed to reach the agent"),
            self._condition("AgentAvailable", ready, "AgentAvailable" if ready else "AgentDisconnected", ""),
            self._condition("KubeConfigCertExpiresInSevenDays", False, "", ""),
        ]  # fmt: skip
        host = cluster is not None and cluster.index == 0
        spec: Json = {
            "provider": "", "enable": True, "joinFederation": True,
            "connection": {"type": "direct" if cluster else "proxy", "kubernetesAPIEndpoint": self._server(name),
                           "kubeconfig": base64.b64encode(_kubeconfig(name, self._server(name)).encode()).decode()},
        }  # fmt: skip
        labels = {"cluster-role.kubesphere.io/host": ""} if host else {}
        return self._object(
            "cluster.kubesphere.io/v1alpha1", "Cluster", name, "", spec,
            {"uid": self._uid(cluster), "kubernetesVersion": _version(cluster), "nodeCount": cluster.nodes if cluster else 3,
             "region": _region(cluster), "zones": _zones(cluster), "conditions": conditions},
            **labels,
        )  # fmt: skip

    def _profile(self, name: str, cluster: Cluster | None, *, ready: bool) -> Json:
        condition = self._condition(
            "ControlPlaneHealthy",
            ready,
            "Healthy" if ready else "Unhealthy",
            "" if ready else "the API server is not live",
        )
        properties = {
            "cluster.clusterset.k8s.io": self._uid(cluster),
            "clusterset.k8s.io": "halyard",
            "location.topology.k8s.io": _region(cluster),
        }
        return self._object(
            "multicluster.x-k8s.io/v1alpha1", "ClusterProfile", name, "fleet-system",
            {"displayName": name, "clusterManager": {"name": "halyard-fleet"}},
            {"conditions": [condition], "version": {"kubernetes": _version(cluster)},
             "properties": [{"name": key, "value": value} for key, value in properties.items()],
             "accessProviders": [{"name": "gateway", "cluster": {"server": self._server(name)}}]},
            **{"multicluster.x-k8s.io/clusterset": "halyard", "x-k8s.io/cluster-manager": "halyard-fleet"},
        )  # fmt: skip


_PORTALS = {
    "kubesphere": ("/clusters/", ""),
    "karmada": ("/apis/cluster.karmada.io/v1alpha1/clusters/", "proxy"),
}
"""Where a project's host forwards to its members: what comes before the member's name, and after it."""


def portal(registry: str, path: str) -> tuple[str, str] | None:
    """The member and the path that a request to the host's API server means; None where it means the host itself."""
    prefix, step = _PORTALS.get(registry, ("", ""))
    if not prefix:
        return None
    if not path.startswith(prefix):
        return None
    name, _, rest = path.removeprefix(prefix).partition("/")
    if step:
        word, _, rest = rest.partition("/")
        if word != step:
            return None
    return name, f"/{rest}"


def _kubeconfig(name: str, server: str) -> str:
    return f"""apiVersion: v1
kind: Config
current-context: {name}
clusters:
- name: {name}
  cluster:
    server: {server}
users:
- name: kubesphere
  user:
    token: {TOKEN}
contexts:
- name: {name}
  context:
    cluster: {name}
    user: kubesphere
"""


def _region(cluster: Cluster | None) -> str:
    return cluster.region if cluster is not None else "harbor-1"


def _zones(cluster: Cluster | None) -> list[str]:
    return sorted({naming.zone(cluster, i) for i in range(cluster.nodes)}) if cluster is not None else ["harbor-1a"]


def _version(cluster: Cluster | None) -> str:
    return f"v{cluster.kubernetes if cluster is not None else '1.33.5'}"
