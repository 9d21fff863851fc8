"""Clusters written as short as they are thought: workloads, services, policies, edges."""

from __future__ import annotations

from typing import Any

from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.model.kube import ConfigObject, Inventory, KindStatus, Meta, Service, ServicePort
from meshtop.model.mesh import MeshFacts, Proxy, VirtualMachine, Workload
from meshtop.model.traffic import Edge, Peer, PeerKind, Sums, Target

KINDS = (
    "Service", "Namespace", "Pod", "EndpointSlice", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet",
    "PeerAuthentication", "DestinationRule", "VirtualService", "ServiceEntry", "WorkloadEntry", "ConfigMap", "Secret",
    "Sidecar",
)  # fmt: skip
TLS = "security.istio.io/tlsMode"


def workload(
    name: str,
    namespace: str = "shop",
    *,
    cluster: str = "east",
    proxy: Proxy = Proxy.SIDECAR,
    services: tuple[str, ...] | None = None,
    gateway: bool = False,
    tls: str = "istio",
    **labels: str,
) -> Workload:
    """A workload that stands behind the service of its app; `tls` is its pods' tlsMode label."""
    marks = {"app": name.split("-v")[0], **labels}
    if proxy is Proxy.SIDECAR:
        marks[TLS] = tls
    return Workload(
        cluster=cluster,
        namespace=namespace,
        name=name,
        kind="Deployment",
        labels=tuple(sorted(marks.items())),
        proxy=proxy,
        services=(marks["app"],) if services is None else services,
        is_gateway=gateway,
    )


def service(name: str, namespace: str = "shop", *ports: ServicePort, headless: bool = False) -> Service:
    """A Service; by default http on 80, target 8080."""
    return Service(
        meta=Meta(name=name, namespace=namespace),
        cluster_ip="None" if headless else "10.0.0.1",
        selector={"app": name},
        ports=ports or (ServicePort(80, "http", target=8080),),
    )


def member(
    name: str = "east",
    *,
    workloads: tuple[Workload, ...] = (),
    services: tuple[Service, ...] = (),
    config: tuple[ConfigObject, ...] = (),
    machines: tuple[VirtualMachine, ...] = (),
    denied: tuple[str, ...] = (),
    **facts: Any,
) -> MeshMember:
    """A cluster of mesh1 with its objects; `denied` are kinds that may not be read."""
    kinds: dict[str, tuple[ConfigObject, ...]] = {}
    for obj in config:
        kinds[obj.kind] = (*kinds.get(obj.kind, ()), obj)
    given = {
        "root_namespace": "istio-system",
        "auto_mtls": True,
        "cluster_domain": "cluster.local",
        "mesh_id": "mesh1",
        "cluster_id": name,
        "roles": ("primary",),
        **facts,
    }
    return MeshMember(
        name=name,
        inventory=Inventory(
            services=services,
            config={kind: objects for kind, objects in kinds.items() if kind not in denied},
            kinds=tuple(KindStatus(kind=kind, state="denied" if kind in denied else "fresh") for kind in KINDS),
        ),
        facts=MeshFacts(**given),
        workloads=workloads,
        machines=machines,
    )


def edge(
    source: Workload | None,
    target: Workload | None,
    *,
    host: str = "",
    protocol: str = "http",
    cluster: str = "east",
    requests: float | None = 10.0,
    secured: float | None = None,
    judged: float | None = None,
) -> Edge:
    """A call; without a source the caller is not known, without a target only the host is."""
    peer = Peer(cluster=cluster, kind=PeerKind.UNKNOWN)
    if source is not None:
        peer = Peer(cluster=source.cluster, namespace=source.namespace, workload=source.name, kind=PeerKind.WORKLOAD)
    if target is None:
        end = Target(cluster=cluster, kind=PeerKind.SERVICE, service=host)
    else:
        app = dict(target.labels)["app"]
        end = Target(
            cluster=target.cluster,
            namespace=target.namespace,
            workload=target.name,
            kind=PeerKind.WORKLOAD,
            service=host or f"{app}.{target.namespace}.svc.cluster.local",
        )
    sums = Sums(requests=requests, secured=secured, judged=judged)
    crossing = bool(source and target and source.cluster != target.cluster)
    return Edge(source=peer, destination=end, protocol=protocol, sums=sums, cross_cluster=crossing)
