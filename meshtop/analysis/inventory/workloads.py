"""Workloads of one cluster: pods and their controllers, named as Istio's telemetry names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from meshtop.analysis.inventory.labels import (
    SelectorIndex,
    canonical_name,
    canonical_version,
    image_version,
    proxy_container,
)
from meshtop.analysis.inventory.pod_counts import counted, has_ended, pod_sets
from meshtop.analysis.inventory.pod_owners import PodOwners, WorkloadId
from meshtop.analysis.inventory.revisions import Revisions
from meshtop.model.kube import Container, Controller, Inventory, Pod
from meshtop.model.mesh import PodSet, Proxy, Ready, Workload
from meshtop.model.state import Health, HealthStatus

_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_GATEWAY_CLASS = "gateway.networking.k8s.io/gateway-class-name"
_MANAGED = "gateway.istio.io/managed"
_MESH_CONTROLLER = "istio.io-mesh-controller"
_WAYPOINT_CLASSES = frozenset({"istio-waypoint"})
_GATEWAY_ROLES = frozenset({"ingressgateway", "egressgateway", "eastwestgateway"})
_MODE = "istio.io/dataplane-mode"
_REDIRECTION = "ambient.istio.io/redirection"
_PROXY_CONTAINER = "istio-proxy"
_OF_ONE_POD = frozenset(
    {
        "pod-template-hash",
        "rollouts-pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "controller-uid",
        "job-name",
    }
)
"""Labels that tell one pod from another of the same workload."""


def workloads(inventory: Inventory, cluster: str) -> tuple[Workload, ...]:
    """Every workload of a cluster, those without pods too, by namespace, name and kind."""
    owners = PodOwners(inventory.controllers)
    pods: dict[WorkloadId, list[Pod]] = {}
    for pod in inventory.pods:
        pods.setdefault(owners.of_pod(pod), []).append(pod)
    controllers: dict[WorkloadId, list[Controller]] = {}
    for controller in inventory.controllers:
        identity = _identity(controller, owners)
        if identity is not None:
            controllers.setdefault(identity, []).append(controller)
    services = SelectorIndex((s.meta.namespace, s.meta.name, s.selector) for s in inventory.services)
    ambient, revisions = _Ambient(inventory), Revisions(inventory)
    pods_known = inventory.evidence("Pod").known
    found = [
        _workload(
            cluster,
            identity,
            pods.get(identity, ()),
            controllers.get(identity, ()),
            services,
            ambient,
            revisions,
            pods_known=pods_known,
        )
        for identity in {**controllers, **pods}
    ]
    return tuple(sorted(found, key=lambda w: (w.namespace, w.name, w.kind)))


def _identity(controller: Controller, owners: PodOwners) -> WorkloadId | None:
    """The workload that a controller is or is part of; None for a Deployment's ReplicaSet."""
    if controller.kind != "ReplicaSet":
        return WorkloadId(controller.meta.namespace, controller.kind, controller.meta.name)
    identity = owners.of_replica_set(controller)
    return None if identity.kind == "Deployment" else identity


class _Ambient:
    """Which namespaces are in ambient mode, and what version their ztunnel has."""

    def __init__(self, inventory: Inventory) -> None:
        self.namespaces = frozenset(
            namespace.meta.name for namespace in inventory.namespaces if namespace.meta.labels.get(_MODE) == "ambient"
        )
        images = [
            container.image
            for controller in inventory.controllers
            if controller.kind == "DaemonSet" and controller.template_labels.get("app") == "ztunnel"
            for container in controller.containers
            if container.name == _PROXY_CONTAINER
        ]
        self.version = next((version for image in images if (version := image_version(image))), None)


def _workload(
    cluster: str,
    identity: WorkloadId,
    pods: Sequence[Pod],
    controllers: Sequence[Controller],
    services: SelectorIndex,
    ambient: _Ambient,
    revisions: Revisions,
    *,
    pods_known: bool,
) -> Workload:
    namespace, kind, name = identity
    active = [pod for pod in pods if not has_ended(pod)]
    failed = [pod for pod in pods if _has_failed(pod)] if not controllers and not active else []
    shown = _newest(active) or _newest(pods)
    labels: Mapping[str, str] = {}
    containers: tuple[Container, ...] = ()
    if shown is not None:
        labels, containers = shown.meta.labels, shown.containers
    elif controllers:
        labels, containers = controllers[0].template_labels, controllers[0].containers
    sets = pod_sets(active, lambda labels: services.selecting(namespace, labels))
    there = counted((*active, *failed)) if pods_known or active else _reported(controllers)
    proxy, version = _proxy(namespace, labels, containers, shown, ambient)
    waypoint = labels.get(_GATEWAY_CLASS) in _WAYPOINT_CLASSES or labels.get(_MANAGED) == _MESH_CONTROLLER
    troubled = [pod for pod in active if not pod.ready] + failed
    return Workload(
        cluster=cluster,
        namespace=namespace,
        name=name,
        kind=kind,
        app=canonical_name(labels, name),
        version=canonical_version(labels),
        labels=tuple(sorted(item for item in labels.items() if item[0] not in _OF_ONE_POD)),
        pods=there,
        proxy=Proxy.AMBIENT if waypoint else proxy,
        proxy_version=version,
        revision=revisions.of(namespace, labels, shown),
        service_account=shown.service_account if shown is not None else "",
        services=_selecting(sets) if sets else services.selecting(namespace, labels),
        is_gateway=not waypoint and _is_gateway(labels, containers),
        is_waypoint=waypoint,
        host_network=shown is not None and shown.host_network,
        readiness=readiness(
            _wanted(there, controllers),
            troubled,
            completed=sum(pod.phase == "Succeeded" for pod in pods),
            evicted=0 if controllers else sum(pod.problem == "Evicted" for pod in pods),
        ),
        images=tuple(sorted({c.image for c in containers if c.image})),
        created=_created(pods, controllers),
        renewed=max((pod.meta.created for pod in active), default=0.0),
        restarted=max(
            ((pod.restarted_at, pod.restart_reason) for pod in active if pod.restarted_at is not None), default=None
        ),
        troubled_since=min((p.changed_at for p in troubled if p.changed_at is not None), default=None),
        pod_sets=sets,
    )


def readiness(pods: Ready, troubled: Iterable[Pod], *, completed: int = 0, evicted: int = 0) -> Health:
    """Readiness as health: nothing desired is idle, some missing degraded, none available failing (as in the anchors).

    `troubled` are the pods that are not ready; their problems, in Kubernetes' words, are the reasons. `completed`
    counts pods that succeeded and are not desired any more, `evicted` those that were evicted.
    """
    if pods.total == 0:
        ended = f"{completed} completed" if completed else f"{evicted} evicted" if evicted else "scaled to 0"
        return Health(HealthStatus.IDLE, (ended,))
    if pods.ready >= pods.total:
        return Health(HealthStatus.HEALTHY)
    problems = Counter(pod.problem or "not ready" for pod in troubled)
    reasons = tuple(
        f"{problem} ({count} pods)" if count > 1 else problem
        for problem, count in sorted(problems.items(), key=lambda item: (-item[1], item[0]))
    )
    if pods.ready == 0:
        return Health(HealthStatus.FAILING, (f"none of {pods.total} ready", *reasons))
    return Health(HealthStatus.DEGRADED, (f"{pods.ready} of {pods.total} ready", *reasons))


def _newest(pods: Sequence[Pod]) -> Pod | None:
    return max(pods, key=lambda pod: (pod.meta.created, pod.meta.name)) if pods else None


def _has_failed(pod: Pod) -> bool:
    """Whether a pod failed by itself; an evicted one is no evidence against its workload."""
    return pod.phase == "Failed" and pod.problem != "Evicted"


def _selecting(sets: Sequence[PodSet]) -> tuple[str, ...]:
    return tuple(sorted({service for one in sets for service in one.services}))


def _reported(controllers: Sequence[Controller]) -> Ready:
    """The pod counts that controllers report, used where pods may not be read."""
    total = sum(controller.desired for controller in controllers)
    return Ready(min(sum(controller.ready for controller in controllers), total), total)


def _wanted(there: Ready, controllers: Sequence[Controller]) -> Ready:
    """Ready pods out of those the controllers desire; surplus pods of a rollout or scale-down do not count.

    Without a controller all existing pods count as desired; so do ready ones that no controller desires any more.
    """
    total = sum(controller.desired for controller in controllers) if controllers else there.total
    return Ready(min(there.ready, total), total) if total else Ready(there.ready, there.ready)


def _proxy(
    namespace: str, labels: Mapping[str, str], containers: Sequence[Container], pod: Pod | None, ambient: _Ambient
) -> tuple[Proxy, str | None]:
    sidecar = proxy_container(containers)
    if sidecar is not None and labels.get("app") != "ztunnel":
        return Proxy.SIDECAR, image_version(sidecar.image)
    annotations = pod.meta.annotations if pod is not None else {}
    if annotations.get(_REDIRECTION) == "enabled":
        return Proxy.AMBIENT, ambient.version
    mode = labels.get(_MODE)
    declared = mode == "ambient" or (mode != "none" and namespace in ambient.namespaces)
    if declared and not (pod is not None and pod.host_network):
        return Proxy.AMBIENT, ambient.version
    return Proxy.NONE, None


def has_proxies(inventory: Inventory) -> bool:
    """Whether any pod that has not ended takes part in a mesh, by a sidecar or by ambient."""
    ambient = _Ambient(inventory)
    return any(
        _proxy(pod.meta.namespace, pod.meta.labels, pod.containers, pod, ambient)[0] is not Proxy.NONE
        for pod in inventory.pods
        if not has_ended(pod)
    )


def _is_gateway(labels: Mapping[str, str], containers: Sequence[Container]) -> bool:
    if labels.get(_GATEWAY_NAME) or labels.get("istio") in _GATEWAY_ROLES:
        return True
    return [c.name for c in containers] == [_PROXY_CONTAINER] and labels.get("app") != "ztunnel"


def _created(pods: Iterable[Pod], controllers: Iterable[Controller]) -> float:
    moments = [c.meta.created for c in controllers if c.meta.created] or [
        p.meta.created for p in pods if p.meta.created
    ]
    return min(moments, default=0.0)
