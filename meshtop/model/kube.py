"""What a cluster holds: the few fields of Kubernetes and Istio objects that meshtop uses."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from meshtop.model.changes import Traces
from meshtop.model.evidence import ABSENT, READ, Evidence, WhyUnknown, not_read


class Owner(Struct, frozen=True):
    """The controlling owner of an object (`metadata.ownerReferences` with `controller: true`, else the first)."""

    kind: str
    name: str
    api_version: str = ""


class Meta(Struct, frozen=True, kw_only=True):
    """The metadata that every object has; `created` is Unix seconds, 0 when the server gave none."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    created: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    owner: Owner | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name: what identifies an object among its kind in one cluster."""
        return (self.namespace, self.name)


class Node(Struct, frozen=True, kw_only=True):
    """A node: its readiness, region and zone, and its kubelet's version."""

    meta: Meta
    ready: bool = False
    changed_at: float | None = None
    """When it became ready, or ceased to be (Unix seconds); None where Kubernetes does not say it."""
    region: str | None = None
    zone: str | None = None
    kubelet_version: str | None = None


class Namespace(Struct, frozen=True, kw_only=True):
    """A namespace; its labels carry injection, revision, ambient mode, network and tenancy marks."""

    meta: Meta


class ServicePort(Struct, frozen=True, rename="camel"):
    """One port of a Service or ServiceEntry; `target` is the workload's port, a number or a name."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None
    target: int | str | None = None


class Service(Struct, frozen=True, kw_only=True):
    """A Kubernetes Service; headless when `cluster_ip` is "None"."""

    meta: Meta
    type: str = "ClusterIP"
    cluster_ip: str = ""
    external_name: str | None = None
    selector: dict[str, str] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    external_ips: tuple[str, ...] = ()
    conditions: tuple[dict[str, str], ...] = ()
    """Conditions of its status that are Istio's, with their `type`, `status`, `reason` and `message`."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """One endpoint of an EndpointSlice; `ready` is None when the slice does not say (which means ready).

    All `addresses` belong to it. A dual-stack endpoint is in two slices, which name the same target.
    """

    addresses: tuple[str, ...] = ()
    ready: bool | None = None
    terminating: bool = False
    hostname: str | None = None
    node: str | None = None
    zone: str | None = None
    target_kind: str | None = None
    target_name: str | None = None
    target_uid: str | None = None


class EndpointSlice(Struct, frozen=True, kw_only=True):
    """An EndpointSlice; its label `kubernetes.io/service-name` names the Service.

    `ports` give the endpoints' own port by the name of the Service's port, also where that one targets a name.
    """

    meta: Meta
    service: str
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[ServicePort, ...] = ()


class Container(Struct, frozen=True):
    """A container (or native sidecar) of a pod and its image; `run_as_user` is the UID set for it alone, if any."""

    name: str
    image: str = ""
    run_as_user: int | None = None


class Pod(Struct, frozen=True, kw_only=True):
    """A pod: phase, readiness, address, and what identifies its proxy (containers, labels, annotations).

    `csi_drivers` are the drivers of its CSI volumes; an identity provider such as SPIRE mounts its socket through one.
    `run_as_user` is the UID set for all its containers; `init_containers` are the names of those that are no sidecars.
    """

    meta: Meta
    phase: str = ""
    ready: bool = False
    ip: str | None = None
    node: str | None = None
    service_account: str = ""
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    csi_drivers: tuple[str, ...] = ()
    restarts: int = 0
    changed_at: float | None = None
    """Of a pod that is not ready: since when (Unix seconds); None where Kubernetes does not say it."""
    problem: str | None = None
    """Why it is not ready, as Kubernetes calls it (CrashLoopBackOff, ImagePullBackOff, Unschedulable, ...)."""
    restarted_at: float | None = None
    """When a container of it was started again last (Unix seconds); None where none was, or none runs."""
    restart_reason: str = ""
    """Why the container before that one ended, as Kubernetes calls it (OOMKilled, Error, ...)."""
    run_as_user: int | None = None
    init_containers: tuple[str, ...] = ()


class Controller(Struct, frozen=True, kw_only=True):
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet.

    `environment` holds, of istiod's Deployments only, the variables that say what the control plane serves
    (CLUSTER_ID, REVISION, EXTERNAL_ISTIOD, LOCAL_CLUSTER_SECRET_WATCHER, SHARED_MESH_CONFIG) and whom it trusts
    (ISTIO_MULTIROOT_MESH, EXTERNAL_CA) and what it fetches keys from (BLOCKED_CIDRS_IN_JWKS_URIS); no other variable of
    any container is kept. `domain` is the cluster's DNS domain as istiod's argument `--domain` names it.
    `template_annotations` are Istio's on its pod template, `run_as_user` the UID that this sets for all containers.
    """

    kind: str
    meta: Meta
    desired: int = 0
    ready: int = 0
    template_labels: dict[str, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    domain: str | None = None
    template_annotations: dict[str, str] = field(default_factory=dict)
    run_as_user: int | None = None


class Manager(Struct, frozen=True):
    """One entry of `metadata.managedFields`: manager, operation, and time of the last write (Unix seconds)."""

    manager: str
    operation: str = ""
    time: float = 0.0


class ConfigObject(Struct, frozen=True, kw_only=True):
    """An object of Istio, Gateway API, MCS or a federation, whose spec is kept as the server gave it.

    Consumers read `spec` and `status` and never change them.
    """

    group: str
    version: str
    kind: str
    meta: Meta
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    generation: int = 0
    managers: tuple[Manager, ...] = ()


class KindStatus(Struct, frozen=True, kw_only=True):
    """How the reading of one kind went: `state` is fresh, stale, missing (not installed), denied or failed.

    `namespaces` lists where the kind could be read although reading it cluster-wide is denied (`state` is denied).
    """

    kind: str
    group: str = ""
    state: str = "fresh"
    count: int = 0
    error: str | None = None
    namespaces: tuple[str, ...] = ()

    @property
    def evidence(self) -> Evidence:
        """How well the kind is known. Stale objects count as read; their age is in the source's status."""
        return _EVIDENCE.get(self.state, READ)


_EVIDENCE = {
    "missing": ABSENT,
    "denied": not_read(WhyUnknown.DENIED),
    "failed": not_read(WhyUnknown.UNREACHABLE),
}


class RemoteSecret(Struct, frozen=True, kw_only=True):
    """Metadata of a Secret labelled `istio/multiCluster=true`; its data is never read."""

    meta: Meta
    cluster_id: str | None = None
    written: float = 0.0
    """When it was last written (Unix seconds), 0 where its managed fields do not say it."""


GATEWAY_SECRETS = "GatewaySecret"
INJECTORS = "InjectorConfigMap"
FIELD_WRITES = "ManagedFields"
"""The names under which `Inventory.kinds` says how the reading of parts of kinds went."""


class Credential(Struct, frozen=True, kw_only=True):
    """A Secret that may hold a gateway's certificate; its data is never kept.

    `keys` are the names in its data, and `flaw` says what is wrong with its certificate or key; both are None where
    only the metadata was sent. `key_fits` is False where the key is known to be that of another certificate.
    """

    meta: Meta
    keys: tuple[str, ...] | None = None
    flaw: str | None = None
    key_fits: bool = True


class Identity(Struct, frozen=True):
    """The user and groups that Kubernetes reports for the credentials in use (SelfSubjectReview)."""

    user: str
    groups: tuple[str, ...] = ()


class Inventory(Struct, frozen=True, kw_only=True):
    """Everything read from one cluster's API server at one moment.

    `config` maps a kind ("VirtualService", "PeerAuthentication", "HTTPRoute", "ServiceExport", ...) to its
    objects. Two kinds share the name Gateway: "Gateway" is Istio's, "Gateway.gateway.networking.k8s.io" is
    Gateway API's. A kind that is not installed or not permitted is absent there; `kinds` has the reason.
    `config_maps` holds, by NAMESPACE/NAME, the data of the `istio[-rev]`, `values[-rev]` and `istio-ca-root-cert` of
    every control plane. `uid` is that of the namespace kube-system, which identifies a cluster for certain.
    """

    version: str | None = None
    uid: str | None = None
    nodes: tuple[Node, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    services: tuple[Service, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    pods: tuple[Pod, ...] = ()
    controllers: tuple[Controller, ...] = ()
    config: dict[str, tuple[ConfigObject, ...]] = field(default_factory=dict)
    config_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    remote_secrets: tuple[RemoteSecret, ...] = ()
    webhooks: tuple[Meta, ...] = ()
    credentials: tuple[Credential, ...] = ()
    """Secrets in the namespaces of gateways; read only where findings are asked for."""
    kinds: tuple[KindStatus, ...] = ()
    identity: Identity | None = None
    """None when it was not requested, or the cluster did not answer."""
    traces: Traces | None = None
    """Who wrote what when, and Events; None where nobody asked what changed."""

    def evidence(self, kind: str, namespace: str | None = None) -> Evidence:
        """How well a kind (named as in `kinds` and `config`) is known, in the whole cluster or in one `namespace`.

        An Inventory without `kinds` is complete (it was not read from a server). A kind that was not requested, or has
        not been answered yet, counts as not read.
        """
        if not self.kinds:
            return READ
        found = next((status for status in self.kinds if status.kind == kind), None)
        if found is not None and namespace is not None and namespace in found.namespaces:
            return READ
        return found.evidence if found is not None else not_read(WhyUnknown.NOT_READ)

    def unread(self, *kinds: str) -> tuple[tuple[str, WhyUnknown], ...]:
        """The given kinds that were not read, each with the reason."""
        found = ((kind, self.evidence(kind).why) for kind in kinds)
        return tuple((kind, why) for kind, why in found if why is not None)
