"""What a cluster is in a mesh: its settings, its control planes, its workloads and machines."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from meshtop.model.constants import CLUSTER_DOMAIN, ISTIO_NAMESPACE
from meshtop.model.evidence import WhyUnknown
from meshtop.model.kube import Meta
from meshtop.model.state import Health


class Proxy(StrEnum):
    """How a workload or namespace takes part in the mesh."""

    SIDECAR = "sidecar"
    AMBIENT = "ambient"
    NONE = "none"


class Ready(Struct, frozen=True, rename="camel"):
    """Ready replicas out of desired replicas."""

    ready: int = 0
    total: int = 0


def sum_ready(parts: Iterable[Ready]) -> Ready:
    """The sum of several counts of ready and desired replicas."""
    ready = total = 0
    for part in parts:
        ready, total = ready + part.ready, total + part.total
    return Ready(ready, total)


class ControlPlane(Struct, frozen=True, kw_only=True):
    """One istiod revision in a cluster, and the namespace in which it runs."""

    revision: str
    namespace: str = ISTIO_NAMESPACE
    version: str | None = None
    pods: Ready = Ready()
    tags: tuple[str, ...] = ()


class Obeyed(Struct, frozen=True, kw_only=True):
    """The cluster whose Istio objects configure a cluster's proxies, itself or another; None where that is unknown.

    `servers` are the clusters with the control planes that serve it, itself or others; empty where none is known. `why`
    is the reason in a sentence where it is unknown, and `kind` that of `unknowns[]`.
    """

    cluster: str | None = None
    servers: tuple[str, ...] = ()
    why: str = ""
    kind: WhyUnknown = WhyUnknown.UNSUPPORTED


class MeshFacts(Struct, frozen=True, kw_only=True):
    """Facts about a cluster's mesh, derived from its inventory; None where the inventory does not provide one.

    `cluster_id` is what telemetry's `*_cluster` labels carry (istiod's CLUSTER_ID; default "Kubernetes").
    `mesh_id` is the configured ID; where none is set, Istio takes the trust domain. `cluster_domain` is the DNS domain
    of the cluster's Services. `served_by` are the ids of the clusters whose control planes may serve this one.
    `config_of` are the ids of the clusters whose configuration an external control plane here reads; `outside` is
    whether there is no other control plane here, so that nothing in this cluster is of the mesh (None: not known).
    `config_cluster` is whether an external control plane is known to read this cluster's configuration. `obeys` is
    whose Istio objects its proxies obey (`analysis.identity.obedience`), None if not computed.
    `group` is the mesh derived from the evidence of all clusters (`analysis.identity.meshes`), None if not computed;
    `perhaps` names the clusters outside of it that may belong to it nevertheless.
    `roots` are the SHA-256 fingerprints (lower-case hex) of the certificates in istio-ca-root-cert.
    `roles`: primary, remote, external (control plane elsewhere), host (a registry's host cluster), member.
    """

    cluster_id: str | None = None
    mesh_id: str | None = None
    network: str | None = None
    trust_domain: str | None = None
    trust_domain_aliases: tuple[str, ...] = ()
    root_namespace: str | None = None
    auto_mtls: bool | None = None
    cluster_domain: str | None = None
    region: str | None = None
    control_planes: tuple[ControlPlane, ...] = ()
    istio_versions: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    served_by: tuple[str, ...] = ()
    config_of: tuple[str, ...] = ()
    outside: bool | None = False
    config_cluster: bool = False
    obeys: Obeyed | None = None
    ambient: bool = False
    group: str | None = None
    perhaps: tuple[str, ...] = ()

    @property
    def mesh(self) -> str | None:
        """Key that all clusters of one mesh share and no others: the group, or the mesh ID if no group was computed."""
        return self.group or self.mesh_id

    @property
    def is_primary(self) -> bool:
        """Whether the cluster is known to have a control plane of its own."""
        return bool(self.control_planes) or "primary" in self.roles

    @property
    def domain(self) -> str:
        """The DNS domain of the cluster; Kubernetes' default if none is configured."""
        return self.cluster_domain or CLUSTER_DOMAIN

    @property
    def service_domain(self) -> str:
        """What follows `NAME.NAMESPACE.` in the full host of a Service of this cluster."""
        return f"svc.{self.domain}"


class PodSet(Struct, frozen=True, kw_only=True):
    """Pods of a workload that have the same labels, those of their template among them, and the Services they are in.

    A workload has several while it is rolled out (each template's pods have a hash of their own), under Argo Rollouts,
    and in a StatefulSet, whose pods each have a name label. `labels` are sorted by key.
    """

    labels: tuple[tuple[str, str], ...]
    pods: Ready
    services: tuple[str, ...] = ()


class Workload(Struct, frozen=True, kw_only=True):
    """A workload as Istio's telemetry names it: the topmost controller of a set of pods (or a bare pod).

    `pods` counts the pods that exist, ended ones left out; where pods may not be read, it is what the controllers
    report. `services` are those that select any of its pods. `pod_sets` is empty where no pod is known. `labels` are
    the newest pod's, without those that tell one pod from another.
    """

    cluster: str
    namespace: str
    name: str
    kind: str
    app: str = ""
    version: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    pods: Ready = Ready()
    proxy: Proxy = Proxy.NONE
    proxy_version: str | None = None
    revision: str | None = None
    service_account: str = ""
    services: tuple[str, ...] = ()
    is_gateway: bool = False
    is_waypoint: bool = False
    host_network: bool = False
    """Whether its pods use their node's network, where neither a sidecar nor ztunnel takes their traffic."""
    readiness: Health = Health()
    images: tuple[str, ...] = ()
    created: float = 0.0
    renewed: float = 0.0
    """When its newest pod was created (Unix seconds), 0 where no pod is known: a rollout, a scaling or a restart."""
    restarted: tuple[float, str] | None = None
    """When a container of its pods was started again last (Unix seconds), and why the one before it ended."""
    troubled_since: float | None = None
    """Since when the first of its pods that are not ready is so, as Kubernetes says it."""
    pod_sets: tuple[PodSet, ...] = ()

    def pods_behind(self, service: str) -> Ready:
        """Ready and desired pods that a Service selects of it; all of its pods where single pods are not known."""
        if not self.pod_sets:
            return self.pods if service in self.services else Ready()
        return sum_ready(one.pods for one in self.pod_sets if service in one.services)


class VirtualMachine(Struct, frozen=True, kw_only=True):
    """A WorkloadEntry: a workload outside Kubernetes. `healthy` is None when no probe reports.

    `labels` are those that selectors see: the spec's, overlaid by the metadata's. `locality` is region/zone/subzone.
    """

    cluster: str
    namespace: str
    name: str
    meta: Meta
    workload_group: str | None = None
    workload: str = ""
    app: str = ""
    version: str = ""
    address: str | None = None
    network: str | None = None
    locality: str | None = None
    healthy: bool | None = None
    health_message: str | None = None
    health_since: float | None = None
    """When its health became what it is (Unix seconds); None where its condition does not say it."""
    connected_at: float | None = None
    disconnected_at: float | None = None
    services: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
