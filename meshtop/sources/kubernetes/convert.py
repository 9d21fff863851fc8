"""Converts Kubernetes objects as they come over the wire (`wire.py`) into the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any

from meshtop.analysis.inventory.labels import is_istiod
from meshtop.model import kube
from meshtop.sources.http.limits import DEEPEST
from meshtop.sources.kubernetes import wire, wire_specless

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_ISTIOD_VARIABLES = frozenset(
    {
        "CLUSTER_ID", "REVISION", "EXTERNAL_ISTIOD", "LOCAL_CLUSTER_SECRET_WATCHER", "SHARED_MESH_CONFIG",
        "ISTIO_MULTIROOT_MESH", "EXTERNAL_CA", "BLOCKED_CIDRS_IN_JWKS_URIS",
    }
)  # fmt: skip
_INGRESS_CLASS = "kubernetes.io/ingress.class"
_SERVICE_NAME = "kubernetes.io/service-name"
_ENDED_WELL = frozenset({"Completed", None})


def unix_seconds(moment: datetime | None) -> float:
    """Unix seconds, 0 when there is no moment."""
    return moment.timestamp() if moment is not None else 0.0


def meta_of(meta: wire.ObjectMeta) -> kube.Meta:
    """Metadata, without the annotation in which `kubectl apply` stores a copy of the object."""
    annotations = meta.annotations
    if annotations and _APPLIED in annotations:
        del annotations[_APPLIED]
    return kube.Meta(
        name=meta.name,
        namespace=intern(meta.namespace),
        uid=meta.uid,
        resource_version=meta.resource_version,
        created=unix_seconds(meta.creation_timestamp),
        labels=meta.labels or {},
        annotations=annotations or {},
        owner=_owner(meta.owner_references),
    )


def _owner(references: list[wire.OwnerReference] | None) -> kube.Owner | None:
    if not references:
        return None
    chosen = next((reference for reference in references if reference.controller), references[0])
    return kube.Owner(kind=chosen.kind, name=chosen.name, api_version=chosen.api_version)


def namespace(item: wire.NamespaceObject) -> kube.Namespace:
    """Convert a Namespace."""
    return kube.Namespace(meta=meta_of(item.metadata))


def node(item: wire.NodeObject) -> kube.Node:
    """Convert a Node; region and zone also by the labels of old clusters."""
    labels = item.metadata.labels or {}
    info = item.status.node_info
    return kube.Node(
        meta=meta_of(item.metadata),
        ready=_is_true(item.status.conditions, "Ready"),
        changed_at=_changed_at(item.status.conditions),
        region=labels.get("topology.kubernetes.io/region") or labels.get("failure-domain.beta.kubernetes.io/region"),
        zone=labels.get("topology.kubernetes.io/zone") or labels.get("failure-domain.beta.kubernetes.io/zone"),
        kubelet_version=info.kubelet_version if info is not None else None,
    )


def service(item: wire.ServiceObject) -> kube.Service:
    """Convert a Service; `external_ips` are its own and those of its load balancer."""
    spec = item.spec
    balancer = item.status.load_balancer
    addresses = [*(spec.external_ips or ())]
    if balancer is not None:
        addresses += [address for entry in balancer.ingress or () if (address := entry.ip or entry.hostname)]
    return kube.Service(
        meta=meta_of(item.metadata),
        type=spec.type,
        cluster_ip=spec.cluster_ip,
        external_name=spec.external_name,
        selector=spec.selector or {},
        ports=tuple(
            kube.ServicePort(
                port=port.port,
                name=port.name or "",
                protocol=port.protocol or "TCP",
                app_protocol=port.app_protocol,
                target=port.target_port,
            )
            for port in spec.ports or ()
        ),
        external_ips=tuple(dict.fromkeys(addresses)),
        conditions=tuple(map(_condition, filter(_is_of_istio, item.status.conditions or ()))),
    )


def _is_of_istio(condition: dict[str, Any]) -> bool:
    return "istio.io/" in str(condition.get("type"))


def _condition(condition: dict[str, Any]) -> dict[str, str]:
    return {name: str(condition.get(name, "")) for name in ("type", "status", "reason", "message")}


def endpoint_slice(item: wire.EndpointSliceObject) -> kube.EndpointSlice:
    """Convert an EndpointSlice; one without a Service keeps the empty name."""
    return kube.EndpointSlice(
        meta=meta_of(item.metadata),
        service=(item.metadata.labels or {}).get(_SERVICE_NAME, ""),
        endpoints=tuple(
            kube.Endpoint(
                addresses=tuple(entry.addresses or ()),
                ready=entry.conditions.ready if entry.conditions is not None else None,
                terminating=entry.conditions is not None and entry.conditions.terminating is True,
                hostname=entry.hostname,
                node=entry.node_name,
                zone=entry.zone,
                target_kind=entry.target_ref.kind if entry.target_ref is not None else None,
                target_name=entry.target_ref.name if entry.target_ref is not None else None,
                target_uid=entry.target_ref.uid if entry.target_ref is not None else None,
            )
            for entry in item.endpoints or ()
        ),
        ports=tuple(kube.ServicePort(p.port, p.name or "") for p in item.ports or () if p.port is not None),
    )


def pod(item: wire.PodObject) -> kube.Pod:
    """Convert a Pod; of its annotations only Istio's are kept, as there are thousands of pods."""
    spec, status, metadata = item.spec, item.status, item.metadata
    if metadata.annotations:
        metadata.annotations = _of_istio(metadata.annotations)
    ready = _is_true(status.conditions, "Ready") and metadata.deletion_timestamp is None
    restarted_at, restart_reason = _restarted(status)
    return kube.Pod(
        meta=meta_of(metadata),
        phase=status.phase,
        ready=ready,
        ip=status.pod_ip,
        node=intern(spec.node_name) if spec.node_name else None,
        service_account=intern(spec.service_account_name or ""),
        host_network=bool(spec.host_network),
        containers=_containers(spec.containers, spec.init_containers),
        csi_drivers=tuple(
            intern(volume.csi.driver) for volume in spec.volumes or () if volume.csi is not None and volume.csi.driver
        ),
        restarts=sum(entry.restart_count for entry in status.container_statuses or ()),
        changed_at=None if ready else _changed_at(status.conditions),
        problem=None if ready else _problem(item),
        restarted_at=restarted_at,
        restart_reason=restart_reason,
        run_as_user=_user(spec.security_context),
        init_containers=tuple(intern(c.name) for c in spec.init_containers or () if not _is_sidecar(c)),
    )


def _restarted(status: wire.PodStatus) -> tuple[float | None, str]:
    """When a container of a pod was started again last, and why the one before it ended."""
    found = [
        (at, entry.last_state.terminated.reason if entry.last_state and entry.last_state.terminated else None)
        for entry in status.container_statuses or ()
        if entry.restart_count and entry.state is not None and entry.state.running is not None
        if (at := _read_moment(entry.state.running.started_at)) is not None
    ]
    at, reason = max(found, key=lambda one: one[0], default=(None, None))
    return at, intern(reason or "")


def _read_moment(said: str | None) -> float | None:
    try:
        return datetime.fromisoformat(said).timestamp() if said else None
    except ValueError:
        return None


def _of_istio(annotations: dict[str, str]) -> dict[str, str]:
    return {k: intern(v) for k, v in annotations.items() if "istio.io/" in k or k == _INGRESS_CLASS}


def _user(context: wire.SecurityContext | None) -> int | None:
    return context.run_as_user if context is not None else None


def _problem(item: wire.PodObject) -> str | None:
    """Why a pod is not ready, as kubectl's STATUS column puts it."""
    status = item.status
    if item.metadata.deletion_timestamp is not None:
        return "Terminating"
    if status.reason:
        return status.reason
    for condition in status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return condition.reason or "Unschedulable"
    # Waiting says what is wrong now, terminated only what went before: a crash loop alternates between them.
    containers: list[wire.ContainerStatus] = [
        *(status.init_container_statuses or ()),
        *(status.container_statuses or ()),
    ]
    states: list[wire.ContainerState] = [
        entry.state for entry in containers if entry.state is not None and not entry.ready
    ]
    for state in states:
        reason = state.waiting.reason if state.waiting is not None else None
        if reason and reason not in ("PodInitializing", "ContainerCreating"):
            return reason
    for state in states:
        if state.terminated is not None and state.terminated.reason not in _ENDED_WELL:
            return state.terminated.reason
    for state in states:
        if state.waiting is not None and state.waiting.reason:
            return state.waiting.reason
    return "Failed" if status.phase == "Failed" else None


def _containers(
    containers: Iterable[wire.ContainerSpec] | None, init_containers: Iterable[wire.ContainerSpec] | None
) -> tuple[kube.Container, ...]:
    """Containers, and the native sidecars among the init containers."""
    sidecars = [entry for entry in init_containers or () if _is_sidecar(entry)]
    return tuple(
        _container(entry.name, entry.image, _user(entry.security_context)) for entry in (*(containers or ()), *sidecars)
    )


def _is_sidecar(entry: wire.ContainerSpec) -> bool:
    # Nothing but Istio's own proxy is called so, and it is never one that ends.
    return entry.restart_policy == "Always" or entry.name == "istio-proxy"


@lru_cache(maxsize=4096)
def _container(name: str, image: str, run_as_user: int | None) -> kube.Container:
    """A container, shared by all the pods that run it."""
    return kube.Container(name=name, image=image, run_as_user=run_as_user)


def controller_of(kind: str) -> Callable[[wire.ControllerObject], kube.Controller]:
    """How to convert a Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    def convert(item: wire.ControllerObject) -> kube.Controller:
        spec, status = item.spec, item.status
        template = spec.template
        if kind == "DaemonSet":
            desired, ready = status.desired_number_scheduled or 0, status.number_ready or 0
        else:
            desired, ready = 1 if spec.replicas is None else spec.replicas, status.ready_replicas or 0
        return kube.Controller(
            kind=kind,
            meta=meta_of(item.metadata),
            desired=desired,
            ready=ready,
            template_labels=template.metadata.labels or {},
            containers=_containers(template.spec.containers, template.spec.init_containers),
            environment=_environment(item) if kind == "Deployment" else {},
            domain=_domain(item) if kind == "Deployment" else None,
            template_annotations=_of_istio(template.metadata.annotations or {}),
            run_as_user=_user(template.spec.security_context),
        )

    return convert


def _runs_istiod(item: wire.ControllerObject) -> bool:
    return is_istiod(item.metadata.labels or {}) or is_istiod(item.spec.template.metadata.labels or {})


def _domain(item: wire.ControllerObject) -> str | None:
    """What istiod's `--domain` says, as one argument or two."""
    if not _runs_istiod(item):
        return None
    for container in item.spec.template.spec.containers or ():
        args = container.args or []
        for argument, after in zip(args, [*args[1:], ""], strict=False):
            if argument == "--domain" and after and not after.startswith("$("):
                return after
            if argument.startswith("--domain="):
                return argument.removeprefix("--domain=") or None
    return None


def _environment(item: wire.ControllerObject) -> dict[str, str]:
    if not _runs_istiod(item):
        return {}
    return {
        variable.name: variable.value
        for container in item.spec.template.spec.containers or ()
        for variable in container.env or ()
        if variable.name in _ISTIOD_VARIABLES and variable.value
    }


def config_of(group: str, version: str, kind: str) -> Callable[[wire.CustomResource], kube.ConfigObject]:
    """How to convert a custom resource of one kind."""

    def convert(item: wire.CustomResource) -> kube.ConfigObject:
        _require_shallow(item.spec, item.status)
        return _config(group, version, kind, item.metadata, spec=item.spec or {}, status=item.status or {})

    return convert


def _require_shallow(*parts: Any) -> None:
    """Raise ValueError for what is nested deeper than anything that walks through it later could follow."""
    level = [part for part in parts if part]
    for _ in range(DEEPEST):
        level = [
            below
            for part in level
            for below in (part.values() if type(part) is dict else part)
            if below and (type(below) is dict or type(below) is list)
        ]
        if not level:
            return
    raise ValueError(f"it is nested in more than {DEEPEST} levels")


def _config(
    group: str, version: str, kind: str, metadata: wire.CustomResourceMeta, **parts: dict[str, Any]
) -> kube.ConfigObject:
    return kube.ConfigObject(
        group=group,
        version=version,
        kind=kind,
        meta=meta_of(metadata),
        generation=metadata.generation,
        managers=tuple(
            kube.Manager(manager=entry.manager, operation=entry.operation, time=unix_seconds(entry.time))
            for entry in metadata.managed_fields or ()
        ),
        **parts,
    )


def webhooks_of(version: str, kind: str) -> Callable[[wire_specless.WebhookConfiguration], kube.ConfigObject]:
    """How to convert a configuration of webhooks: they become its spec, without their certificates."""

    def convert(item: wire_specless.WebhookConfiguration) -> kube.ConfigObject:
        for webhook in item.webhooks or ():
            client = webhook.get("clientConfig")
            if isinstance(client, dict):
                client.pop("caBundle", None)
        spec = {"webhooks": item.webhooks or []}
        _require_shallow(spec)
        return _config("admissionregistration.k8s.io", version, kind, item.metadata, spec=spec)

    return convert


def rbac_of(version: str, kind: str) -> Callable[[wire_specless.RbacObject], kube.ConfigObject]:
    """How to convert a kind of RBAC: the fields beside the metadata become the spec, under their own names."""

    def convert(item: wire_specless.RbacObject) -> kube.ConfigObject:
        parts = {
            "rules": item.rules,
            "aggregationRule": item.aggregation_rule,
            "roleRef": item.role_ref,
            "subjects": item.subjects,
        }
        spec = {name: part for name, part in parts.items() if part is not None}
        return _config("rbac.authorization.k8s.io", version, kind, item.metadata, spec=spec)

    return convert


def kubesphere_cluster(version: str) -> Callable[[wire_specless.KubeSphereCluster], kube.ConfigObject]:
    """How to convert a KubeSphere Cluster, whose credentials were never decoded."""

    def convert(item: wire_specless.KubeSphereCluster) -> kube.ConfigObject:
        spec = {
            "provider": item.spec.provider,
            "enable": item.spec.enable,
            "joinFederation": item.spec.join_federation,
            "connection": {
                "type": item.spec.connection.type,
                "kubernetesAPIEndpoint": item.spec.connection.kubernetes_api_endpoint,
            },
        }
        return _config("cluster.kubesphere.io", version, "Cluster", item.metadata, spec=spec, status=item.status or {})

    return convert


def remote_secret(item: wire.SecretMetadata) -> kube.RemoteSecret:
    """Convert a remote secret, of which only the metadata was sent."""
    metadata = item.metadata
    cluster = metadata.annotations.cluster if metadata.annotations is not None else None
    writes = (unix_seconds(entry.time) for entry in metadata.managed_fields or ())
    return kube.RemoteSecret(
        meta=kube.Meta(
            name=metadata.name,
            namespace=metadata.namespace,
            uid=metadata.uid,
            resource_version=metadata.resource_version,
            created=unix_seconds(metadata.creation_timestamp),
            labels=metadata.labels or {},
        ),
        cluster_id=cluster,
        written=max(writes, default=0.0),
    )


def metadata(item: wire.PartialObjectMetadata) -> kube.Meta:
    """The metadata of any object, whose other fields were not sent."""
    return meta_of(item.metadata)


def _is_true(conditions: list[wire.StatusCondition] | None, kind: str) -> bool:
    return any(condition.type == kind and condition.status == "True" for condition in conditions or ())


def _changed_at(conditions: list[wire.StatusCondition] | None) -> float | None:
    """When readiness changed last; None where no time is written, or none that can be read."""
    return _read_moment(next((c.last_transition_time for c in conditions or () if c.type == "Ready"), None))
