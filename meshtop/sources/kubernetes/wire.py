"""Kubernetes objects as they come over the wire: only the fields that are used, so that the rest costs nothing.

A field that servers write as null (`"endpoints": null`) is optional here. Objects of the wrong shape raise
`msgspec.ValidationError`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Raw, Struct, field

Item = TypeVar("Item")
Key = tuple[str, str]
"""An object's namespace and name."""


class OwnerReference(Struct, rename="camel", gc=False):
    """An owner reference."""

    kind: str
    name: str
    api_version: str = ""
    controller: bool | None = None


class ObjectMeta(Struct, rename="camel"):
    """Metadata of any object."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None


class ManagedFields(Struct, gc=False):
    """Who wrote last, and when."""

    manager: str = ""
    operation: str = ""
    time: datetime | None = None


class CustomResourceMeta(ObjectMeta, rename="camel"):
    """Metadata with the fields that show the owner of configuration."""

    generation: int = 0
    managed_fields: list[ManagedFields] | None = None


class StatusCondition(Struct, gc=False):
    """A condition in a status."""

    type: str
    status: str = ""
    reason: str | None = None
    last_transition_time: str | None = field(default=None, name="lastTransitionTime")


class NamespaceObject(Struct):
    """A Namespace."""

    metadata: ObjectMeta


class NodeInfo(Struct, rename="camel", gc=False):
    """Versions of a node."""

    kubelet_version: str | None = None


class NodeStatus(Struct, rename="camel"):
    """Status of a node."""

    conditions: list[StatusCondition] | None = None
    node_info: NodeInfo | None = None


class NodeObject(Struct):
    """A Node."""

    metadata: ObjectMeta
    status: NodeStatus = field(default_factory=NodeStatus)


class ServicePortSpec(Struct, rename="camel", gc=False):
    """A port of a Service."""

    port: int
    name: str | None = None
    protocol: str | None = None
    app_protocol: str | None = None
    target_port: int | str | None = None


class ServiceSpec(Struct, rename="camel"):
    """Spec of a Service."""

    type: str = "ClusterIP"
    cluster_ip: str = field(default="", name="clusterIP")
    external_name: str | None = None
    selector: dict[str, str] | None = None
    ports: list[ServicePortSpec] | None = None
    external_ips: list[str] | None = field(default=None, name="externalIPs")


class Ingress(Struct, gc=False):
    """An address of a load balancer."""

    ip: str | None = None
    hostname: str | None = None


class LoadBalancer(Struct):
    """Where a load balancer listens."""

    ingress: list[Ingress] | None = None


class ServiceStatus(Struct, rename="camel"):
    """Status of a Service."""

    load_balancer: LoadBalancer | None = None
    conditions: list[dict[str, Any]] | None = None


class ServiceObject(Struct):
    """A Service."""

    metadata: ObjectMeta
    spec: ServiceSpec = field(default_factory=ServiceSpec)
    status: ServiceStatus = field(default_factory=ServiceStatus)


class EndpointConditions(Struct, gc=False):
    """Whether an endpoint takes traffic."""

    ready: bool | None = None
    terminating: bool | None = None


class TargetRef(Struct, gc=False):
    """What an endpoint is."""

    kind: str | None = None
    name: str | None = None
    uid: str | None = None


class SliceEndpoint(Struct, rename="camel"):
    """An endpoint of a slice."""

    addresses: list[str] | None = None
    conditions: EndpointConditions | None = None
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: TargetRef | None = None


class EndpointPort(Struct, gc=False):
    """A port of a slice's endpoints; `name` is that of the Service's port."""

    port: int | None = None
    name: str | None = None


class EndpointSliceObject(Struct):
    """An EndpointSlice."""

    metadata: ObjectMeta
    endpoints: list[SliceEndpoint] | None = None
    ports: list[EndpointPort] | None = None


class EnvVar(Struct, gc=False):
    """An environment variable with a plain value."""

    name: str
    value: str | None = None


class SecurityContext(Struct, rename="camel", gc=False):
    """Whom a pod or a container runs as."""

    run_as_user: int | None = None


class ContainerSpec(Struct, rename="camel"):
    """A container of a pod or of a template."""

    name: str
    image: str = ""
    restart_policy: str | None = None
    security_context: SecurityContext | None = None


class EnvContainer(ContainerSpec, rename="camel"):
    """A container whose environment and arguments are looked at."""

    env: list[EnvVar] | None = None
    args: list[str] | None = None


class CsiSource(Struct, gc=False):
    """The driver that mounts a volume, such as that of an identity provider."""

    driver: str | None = None


class Volume(Struct):
    """A volume of a Pod; only those of a CSI driver are looked at."""

    csi: CsiSource | None = None


class PodSpec(Struct, rename="camel"):
    """Spec of a Pod."""

    containers: list[ContainerSpec] | None = None
    init_containers: list[ContainerSpec] | None = None
    node_name: str | None = None
    service_account_name: str | None = None
    host_network: bool | None = None
    volumes: list[Volume] | None = None
    security_context: SecurityContext | None = None


class Reason(Struct, gc=False):
    """Why a container waits or ended."""

    reason: str | None = None


class Running(Struct, rename="camel"):
    """Since when a container runs; read as a moment only where somebody asks, as there are thousands of them."""

    started_at: str | None = None


class ContainerState(Struct):
    """What a container does."""

    running: Running | None = None
    waiting: Reason | None = None
    terminated: Reason | None = None


class ContainerStatus(Struct, rename="camel"):
    """Status of a container."""

    ready: bool = False
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class PodStatus(Struct, rename="camel"):
    """Status of a Pod."""

    phase: str = ""
    reason: str | None = None
    pod_ip: str | None = field(default=None, name="podIP")
    conditions: list[StatusCondition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class PodObject(Struct):
    """A Pod."""

    metadata: ObjectMeta
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)


class TemplateMeta(Struct):
    """Metadata of a pod template."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class TemplateSpec(Struct, rename="camel"):
    """Spec of a pod template."""

    containers: list[EnvContainer] | None = None
    init_containers: list[ContainerSpec] | None = None
    security_context: SecurityContext | None = None


class Template(Struct):
    """A pod template."""

    metadata: TemplateMeta = field(default_factory=TemplateMeta)
    spec: TemplateSpec = field(default_factory=TemplateSpec)


class ControllerSpec(Struct):
    """Spec of a controller of pods; Kubernetes' default is one replica."""

    replicas: int | None = None
    template: Template = field(default_factory=Template)


class ControllerStatus(Struct, rename="camel"):
    """Status of a controller of pods; a DaemonSet counts nodes."""

    ready_replicas: int | None = None
    desired_number_scheduled: int | None = None
    number_ready: int | None = None


class ControllerObject(Struct):
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    metadata: ObjectMeta
    spec: ControllerSpec = field(default_factory=ControllerSpec)
    status: ControllerStatus = field(default_factory=ControllerStatus)


class CustomResource(Struct):
    """A custom resource."""

    metadata: CustomResourceMeta
    spec: dict[str, Any] | None = None
    status: dict[str, Any] | None = None


class SecretAnnotations(Struct):
    """The one annotation of a remote secret that is read. Others may hold what the Secret holds (kubectl apply's)."""

    cluster: str | None = field(default=None, name="networking.istio.io/cluster")


class SecretMeta(Struct, rename="camel"):
    """Metadata of a Secret without its other annotations."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    annotations: SecretAnnotations | None = None
    managed_fields: list[ManagedFields] | None = None


class SecretMetadata(Struct):
    """A Secret, metadata only: there is no field that data could get into."""

    metadata: SecretMeta


class PartialObjectMetadata(Struct):
    """Any object, metadata only."""

    metadata: ObjectMeta


class ConfigMapObject(Struct):
    """A ConfigMap."""

    metadata: ObjectMeta
    data: dict[str, str] | None = None


class ObjectName(Struct, rename="camel"):
    """What an object is called, and its version."""

    name: str
    namespace: str = ""
    resource_version: str = ""


class NamedObject(Struct):
    """Any object, for its name."""

    metadata: ObjectName


class ListMeta(Struct, rename="camel"):
    """Metadata of a list."""

    resource_version: str = ""
    continue_: str = field(default="", name="continue")


class ObjectList(Struct, Generic[Item], rename="camel"):
    """One page of a list; what has no `items` is none, whatever answers it (Go writes an empty list as null)."""

    items: list[Item] | None
    metadata: ListMeta = field(default_factory=ListMeta)
    kind: str = ""


class ErrorStatus(Struct):
    """An error status of the server."""

    code: int = 0
    message: str = ""
    reason: str = ""


class WatchEvent(Struct):
    """One line of a watch."""

    type: str
    object: Raw


class BookmarkMeta(Struct, rename="camel"):
    """How far a watch has come."""

    resource_version: str = ""


class Bookmark(Struct):
    """Any object, for its resourceVersion."""

    metadata: BookmarkMeta
