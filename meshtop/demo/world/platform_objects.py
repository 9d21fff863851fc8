# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""What a cluster brings along: nodes, namespaces with their marks, control planes, gateways and the mesh's settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from meshtop.demo.world import naming
from meshtop.demo.world.company import Namespace, Version
from meshtop.demo.world.plan import EASTWEST, INGRESS, WAYPOINT, Cluster, Plan, Workload
from meshtop.demo.world.workload_objects import Builder, Json, endpoint, endpoint_slice, service

PLACES = 24
"""Workloads of the platform come first in the order that addresses are drawn by."""


def nodes(builder: Builder) -> Iterator[Json]:
    """The nodes with their locality; one of the legacy mesh is not ready."""
    cluster = builder.cluster
    for i in range(cluster.nodes):
        name = naming.node_name(cluster, i)
        labels = {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/region": cluster.region, "topology.kubernetes.io/zone": naming.zone(cluster, i),
        }  # fmt: skip
        ready = not (cluster.mesh.template == "legacy" and i == cluster.nodes - 1)
        condition = {
            "type": "Ready",
            "status": "True" if ready else "Unknown",
            "reason": "KubeletReady" if ready else "NodeStatusUnknown",
        }
        yield {
            "apiVersion": "v1", "kind": "Node", "metadata": builder.meta(name, labels=labels, kind="Node"),
            "spec": {"podCIDR": f"10.{16 + cluster.index}.{i}.0/24"} | ({} if ready else {"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]}),
            "status": {
                "conditions": [condition], "capacity": {"cpu": "16", "memory": "64Gi", "pods": "110"}, "allocatable": {"cpu": "15800m", "memory": "60Gi", "pods": "110"},
                "addresses": [{"type": "InternalIP", "address": f"10.{16 + cluster.index}.0.{10 + i}"}, {"type": "Hostname", "address": name}],
                "nodeInfo": {"kubeletVersion": f"v{cluster.kubernetes}", "osImage": "Debian GNU/Linux 13 (trixie)", "kernelVersion": "6.12.38",
                             "containerRuntimeVersion": "containerd://2.1.4", "architecture": "amd64", "operatingSystem": "linux"},
            },
        }  # fmt: skip


def namespaces(builder: Builder, plan: Plan) -> Iterator[Json]:
    """Namespaces with the marks of injection and of the tenants' management system."""
    cluster = builder.cluster
    for namespace in plan.namespaces(cluster):
        labels = {
            "kubernetes.io/metadata.name": namespace.name,
            **_mesh_labels(cluster, namespace, namespace.name in plan.waypoints(cluster)),
            **_tenancy(cluster, namespace),
        }
        yield _namespace(builder, namespace.name, labels)
    system = cluster.mesh.system
    labels = {"kubernetes.io/metadata.name": system}
    if not cluster.hosting:
        labels["topology.istio.io/network"] = cluster.network
    yield _namespace(builder, system, labels, _served_by(plan, cluster))
    for name in ("default", "kube-system", "kube-public", *{cluster.mesh.root} - {system}):
        yield _namespace(builder, name, {"kubernetes.io/metadata.name": name})


def _served_by(plan: Plan, cluster: Cluster) -> Json | None:
    """The annotation that lets another cluster's istiod serve this one: it names the id that istiod goes by."""
    if cluster.hosting or plan.plane(cluster) == cluster:
        return None
    return {"topology.istio.io/controlPlaneClusters": plan.home(cluster).name}


def _namespace(builder: Builder, name: str, labels: Json, annotations: Json | None = None) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": builder.meta(name, labels=labels, annotations=annotations, days=214, kind="Namespace"),
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _mesh_labels(cluster: Cluster, namespace: Namespace, waypoint: bool) -> Json:
    if namespace.mode == "ambient":
        chosen = {"istio.io/use-waypoint": WAYPOINT} if waypoint else {}
        return {"istio.io/dataplane-mode": "ambient", **chosen}
    if namespace.mode == "none":
        return {}
    if cluster.mesh.template == "legacy":
        return {"istio-injection": "enabled"}
    return {"istio.io/rev": cluster.revisions.wanted(namespace.name)}


def _tenancy(cluster: Cluster, namespace: Namespace) -> Json:
    labels: Json = {}
    if cluster.tenancy == "kubesphere":
        labels["kubesphere.io/workspace"] = namespace.tenant
        if namespace.name == "analytics":
            # Two systems claim this namespace and disagree: shown to the user, never resolved silently.
            labels["capsule.clastix.io/tenant"] = "platform"
    elif cluster.tenancy == "capsule":
        labels["capsule.clastix.io/tenant"] = namespace.tenant
        labels["projectcapsule.dev/tenant"] = namespace.tenant
    else:
        labels["halyard.example/tenant"] = namespace.tenant
    return labels


def system_workloads(plan: Plan, cluster: Cluster) -> tuple[Workload, ...]:
    """The platform's own workloads, in the order that addresses are drawn by."""
    domain, version = cluster.mesh.trust_domain, cluster.mesh.istio
    serving = Version("", 2, 1.0, 0.5, release=version)
    base = Workload(
        cluster.name,
        cluster.mesh.system,
        "istiod",
        "istiod",
        "istiod",
        "",
        "istiod",
        "none",
        "Deployment",
        15012,
        "tcp",
        2,
        serving,
        domain,
    )
    legacy = cluster.mesh.template == "legacy"
    found = [
        replace(
            base, name=f"istiod{plane.suffix}", replicas=plane.replicas, serving=replace(serving, release=plane.release)
        )
        for plane in cluster.revisions.planes
        if cluster.hosting or plan.plane(cluster) == cluster
    ]
    gateways = [] if cluster.hosting else [INGRESS] if legacy else [INGRESS, EASTWEST]
    found += [replace(plan.gateway(cluster, name), serving=serving) for name in gateways]
    found.append(
        replace(
            base, name="prometheus", service="prometheus", app="prometheus", account="prometheus", port=9090, replicas=1
        )
    )
    agents = replace(base, kind="DaemonSet", replicas=cluster.nodes)
    if not legacy and not cluster.hosting:
        found.append(replace(agents, name="ztunnel", service="ztunnel", app="ztunnel", account="ztunnel"))
        found.append(
            replace(agents, name="istio-cni-node", service="istio-cni-node", app="istio-cni-node", account="istio-cni")
        )
        found += [
            replace(plan.waypoint(cluster, n.name), serving=serving, proxy="none")
            for n in plan.namespaces(cluster)
            if n.name in plan.waypoints(cluster)
        ]
    return tuple(found)


def revision_of(cluster: Cluster, workload: Workload) -> str:
    """The revision that a workload of the platform belongs to: an istiod's own, else the one that most run."""
    planes = cluster.revisions.planes
    return next((p.name for p in planes if workload.name == f"istiod{p.suffix}"), planes[0].name)


class SystemBuilder(Builder):
    """Builds the platform's pods, which carry labels of their own."""

    def template_labels(self, workload: Workload) -> Json:
        """The labels that Istio's charts give these pods."""
        labels = super().template_labels(workload)
        revision = revision_of(self.cluster, workload)
        if workload.app == "istiod":
            labels |= {
                "istio": "pilot",
                "istio.io/rev": revision,
                "app.kubernetes.io/version": workload.serving.release,
            }
        elif workload.app in (INGRESS, EASTWEST):
            labels |= {
                "istio": workload.app.removeprefix("istio-"), "istio.io/rev": revision, "service.istio.io/canonical-name": workload.app,
                "service.istio.io/canonical-revision": "latest", "topology.istio.io/network": self.cluster.network,
            }  # fmt: skip
        elif workload.app == WAYPOINT:
            labels |= {
                "gateway.networking.k8s.io/gateway-name": WAYPOINT, "gateway.networking.k8s.io/gateway-class-name": "istio-waypoint",
                "gateway.istio.io/managed": "istio.io-mesh-controller", "service.istio.io/canonical-name": WAYPOINT,
                "service.istio.io/canonical-revision": "latest", "istio.io/dataplane-mode": "none",
            }  # fmt: skip
        elif workload.app == "prometheus":
            labels |= {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server"}
        return labels


def outside_address(cluster: Cluster, app: str) -> str:
    """The external address of a gateway of a cluster, or of its istiod."""
    return f"203.0.113.{10 + 2 * cluster.index + (app == EASTWEST)}"


def platform(plan: Plan, cluster: Cluster, today: float) -> Iterator[Json]:
    """The platform's workloads and Services."""
    builder = SystemBuilder(plan.options.seed, cluster, today)
    ports = {
        "istiod": ((15012, "https-dns", 15012), (15014, "http-monitoring", 15014), (443, "https-webhook", 15017)),
        INGRESS: ((80, "http2", 8080), (443, "https", 8443), (15021, "status-port", 15021)),
        EASTWEST: (
            (15443, "tls", 15443),
            (15012, "tls-istiod", 15012),
            (15017, "tls-webhook", 15017),
            (15021, "status-port", 15021),
        ),
        "prometheus": ((9090, "http", 9090),),
        WAYPOINT: ((15008, "mesh", 15008), (15021, "status-port", 15021)),
    }
    for place, workload in enumerate(system_workloads(plan, cluster)):
        objects = list(builder.workload(workload, place))
        yield from objects
        listed = [
            {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}
            for port, name, target in ports.get(workload.app, ())
        ]
        if not listed:
            continue
        outside = workload.app in (INGRESS, EASTWEST) or (cluster.hosting and workload.app == "istiod")
        labels = {
            **workload.labels,
            **({"topology.istio.io/network": cluster.network} if workload.app == EASTWEST else {}),
        }
        if workload.app == "istiod":
            labels |= {
                "istio": "pilot",
                "istio.io/rev": revision_of(cluster, workload),
            }
        external = outside_address(cluster, workload.app) if outside else ""
        yield service(
            builder, workload.name, workload.namespace, listed, dict(workload.labels), naming.service_address(cluster, place),
            "LoadBalancer" if outside else "ClusterIP", labels, external,
        )  # fmt: skip
        pods = [endpoint(builder, o) for o in objects if o["kind"] == "Pod"]
        yield endpoint_slice(
            builder,
            workload.name,
            workload.namespace,
            [{"name": p["name"], "port": p["targetPort"], "protocol": "TCP"} for p in listed],
            pods,
        )
    if not cluster.hosting and plan.plane(cluster) != cluster:
        yield from _istiod_elsewhere(plan, builder)


def _istiod_elsewhere(plan: Plan, builder: Builder) -> Iterator[Json]:
    """The Service by which the proxies of a cluster without istiod find the one that serves them (remotePilotAddress)."""
    cluster, plane = builder.cluster, plan.plane(builder.cluster)
    revision = cluster.revisions.planes[0]
    name, labels = f"istiod{revision.suffix}", {"app": "istiod", "istio.io/rev": revision.name}
    ports = [{"name": n, "port": port, "targetPort": port, "protocol": "TCP"} for port, n in ((15012, "tcp-istiod"), (15017, "tcp-webhook"))]  # fmt: skip
    found = service(
        builder, name, cluster.mesh.system, ports, {}, naming.service_address(cluster, PLACES - 1), labels=labels
    )
    del found["spec"]["selector"]
    yield found
    address = outside_address(plane, "istiod" if plane.hosting else EASTWEST)
    addresses = [{"addresses": [address], "conditions": {"ready": True}}]
    listed = [{"name": p["name"], "port": p["port"], "protocol": "TCP"} for p in ports]
    yield endpoint_slice(builder, name, cluster.mesh.system, listed, addresses)
