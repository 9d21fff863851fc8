# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""What a cluster brings along: nodes, namespaces with their marks, control planes, gateways and the mesh's settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from meshtop.demo.world import certificates, naming
from meshtop.demo.world.company import Namespace, Version
from meshtop.demo.world.plan import EASTWEST, INGRESS, WAYPOINT, Cluster, Plan, Workload
from meshtop.demo.world.workload_objects import DAY, Builder, Json, endpoint, endpoint_slice, service

ISTIO = "istio-system"
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
    """Namespaces with the marks of injection and of whoever manages tenants there."""
    cluster = builder.cluster
    for namespace in plan.namespaces(cluster):
        labels = {
            "kubernetes.io/metadata.name": namespace.name,
            **_mesh_labels(cluster, namespace),
            **_tenancy(cluster, namespace),
        }
        yield _namespace(builder, namespace.name, labels)
    yield _namespace(
        builder, ISTIO, {"kubernetes.io/metadata.name": ISTIO, "topology.istio.io/network": cluster.network}
    )
    for name in ("default", "kube-system", "kube-public"):
        yield _namespace(builder, name, {"kubernetes.io/metadata.name": name})


def _namespace(builder: Builder, name: str, labels: Json) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": builder.meta(name, labels=labels, days=214, kind="Namespace"),
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _mesh_labels(cluster: Cluster, namespace: Namespace) -> Json:
    if namespace.mode == "ambient":
        return {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": WAYPOINT}
    if namespace.mode == "none":
        return {}
    if cluster.mesh.template == "legacy":
        return {"istio-injection": "enabled"}
    if namespace.name == "analytics" and cluster.position == 0:
        return {"istio.io/rev": "1-29"}
    return {"istio.io/rev": "stable"}


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
        ISTIO,
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
    named = base if legacy else replace(base, name=f"istiod-{cluster.mesh.revision}")
    found = [named]
    if not legacy and cluster.position == 0:
        found.append(replace(base, name="istiod-1-29", replicas=1, serving=replace(serving, release="1.29.3")))
    gateways = [INGRESS] if legacy else [INGRESS, EASTWEST]
    found += [replace(plan.gateway(cluster, name), serving=serving) for name in gateways]
    found.append(
        replace(
            base, name="prometheus", service="prometheus", app="prometheus", account="prometheus", port=9090, replicas=1
        )
    )
    agents = replace(base, kind="DaemonSet", replicas=cluster.nodes)
    if not legacy:
        found.append(replace(agents, name="ztunnel", service="ztunnel", app="ztunnel", account="ztunnel"))
        found.append(
            replace(agents, name="istio-cni-node", service="istio-cni-node", app="istio-cni-node", account="istio-cni")
        )
        found += [
            replace(plan.waypoint(cluster, n.name), serving=serving, proxy="none")
            for n in plan.namespaces(cluster)
            if n.mode == "ambient"
        ]
    return tuple(found)


class SystemBuilder(Builder):
    """Builds the platform's pods, which carry labels of their own."""

    def template_labels(self, workload: Workload) -> Json:
        """The labels that Istio's charts give these pods."""
        labels = super().template_labels(workload)
        revision = "1-29" if workload.name.endswith("1-29") else self.cluster.mesh.revision
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


def platform(plan: Plan, cluster: Cluster, today: float) -> Iterator[Json]:
    """The platform's workloads and Services."""
    builder = SystemBuilder(plan.options.seed, cluster, today)
    ports = {
        "istiod": ((15012, "https-dns", 15012), (15014, "http-monitoring", 15014), (443, "https-webhook", 15017)),
        INGRESS: ((80, "http2", 8080), (443, "https", 8443), (15021, "status-port", 15021)),
        EASTWEST: ((15443, "tls", 15443), (15012, "tls-istiod", 15012), (15021, "status-port", 15021)),
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
        outside = workload.app in (INGRESS, EASTWEST)
        labels = {
            **workload.labels,
            **({"topology.istio.io/network": cluster.network} if workload.app == EASTWEST else {}),
        }
        if workload.app == "istiod":
            labels |= {
                "istio": "pilot",
                "istio.io/rev": "1-29" if workload.name.endswith("1-29") else cluster.mesh.revision,
            }
        external = f"203.0.113.{10 + 2 * cluster.index + (workload.app == EASTWEST)}" if outside else ""
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


def settings(plan: Plan, builder: Builder, root: str) -> Iterator[Json]:
    """The ConfigMaps that say what mesh this is, revision by revision, and the root that every proxy gets."""
    cluster = builder.cluster
    mesh = cluster.mesh
    policy = "REGISTRY_ONLY" if mesh.registry_only else "ALLOW_ANY"
    text = f"""accessLogFile: /dev/stdout
defaultConfig:
  discoveryAddress: istiod{"" if mesh.revision == "default" else "-" + mesh.revision}.istio-system.svc:15012
  meshId: {mesh.name}
  proxyMetadata:
    ISTIO_META_DNS_CAPTURE: "true"
defaultProviders:
  metrics:
  - prometheus
enableAutoMtls: true
outboundTrafficPolicy:
  mode: {policy}
rootNamespace: istio-system
trustDomain: {mesh.trust_domain}
"""
    networks = {
        "networks": {
            c.network: {
                "endpoints": [{"fromRegistry": c.name}],
                "gateways": [{"address": f"203.0.113.{11 + 2 * c.index}", "port": 15443}],
            }
            for c in plan.members(mesh.name)
        }
    }
    values = {
        "global": {
            "meshID": mesh.name,
            "network": cluster.network,
            "multiCluster": {"enabled": True, "clusterName": cluster.name},
            "istioNamespace": ISTIO,
        },
        "revision": "" if mesh.revision == "default" else mesh.revision,
    }
    revisions = ("1-30", "1-29") if mesh.template == "prod" and cluster.position == 0 else (mesh.revision,)
    for revision in revisions:
        suffix = "" if revision == "default" else f"-{revision}"
        labels = {"istio.io/rev": revision, "release": "istio"}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": builder.meta(f"istio{suffix}", ISTIO, labels, kind="ConfigMap"),
               "data": {"mesh": text, "meshNetworks": json.dumps(networks if mesh.template == "prod" else {"networks": {}})}}  # fmt: skip
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": builder.meta(f"values{suffix}", ISTIO, labels, kind="ConfigMap"),
               "data": {"values": json.dumps(values, indent=2), "original-values": json.dumps(values)}}  # fmt: skip
        name = "istio-sidecar-injector" + suffix
        yield _webhook(builder, name, {"app": "sidecar-injector", "istio.io/rev": revision})
    if mesh.template == "prod":
        for tag in ("stable", "default"):
            yield _webhook(
                builder,
                f"istio-revision-tag-{tag}",
                {"app": "sidecar-injector", "istio.io/rev": mesh.revision, "istio.io/tag": tag},
            )
    for namespace in (ISTIO, *(n.name for n in plan.namespaces(cluster))):
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": builder.meta("istio-ca-root-cert", namespace, {"istio.io/config": "true"}, kind="ConfigMap"),
            "data": {"root-cert.pem": root},
        }


def _webhook(builder: Builder, name: str, labels: Json) -> Json:
    revision = labels["istio.io/rev"]
    hook = {
        "name": "rev.namespace.sidecar-injector.istio.io", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
        "clientConfig": {"service": {"name": "istiod" if revision == "default" else f"istiod-{revision}", "namespace": ISTIO, "path": "/inject", "port": 443}},
        "namespaceSelector": {"matchLabels": {"istio.io/rev": labels.get("istio.io/tag", revision)}},
    }  # fmt: skip
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": builder.meta(name, labels=labels, kind="MutatingWebhookConfiguration"), "webhooks": [hook]}  # fmt: skip


def remote_secrets(plan: Plan, builder: Builder) -> Iterator[Json]:
    """How each primary knows its peers: Secrets with an invented credential that nobody may read."""
    for other in plan.members(builder.cluster.mesh.name):
        if other.name != builder.cluster.name:
            meta = builder.meta(
                f"istio-remote-secret-{other.name}",
                ISTIO,
                {"istio/multiCluster": "true"},
                {"networking.istio.io/cluster": other.name},
                kind="Secret",
            )
            yield {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": meta,
                "type": "Opaque",
                "data": {other.name: "ZGVtbwo="},
            }


def root_of(plan: Plan, cluster: Cluster, scenario: str, now: float) -> tuple[str, float]:
    """Whose root a cluster trusts, and when that root runs out (Unix seconds)."""
    today = now // DAY * DAY
    if cluster.mesh.template == "legacy":
        return cluster.mesh.name, {
            "expiring-certificate": now // 3600 * 3600 + 20 * 3600,
            "calm": today + 800 * DAY,
        }.get(scenario, today + 7 * DAY)
    if scenario == "disjoint-roots" and cluster.position == 1:
        return f"{cluster.mesh.name}-{cluster.name}", today + 3000 * DAY
    return cluster.mesh.name, today + 2900 * DAY


def root_certificate(plan: Plan, cluster: Cluster, scenario: str, now: float) -> str:
    """The PEM of a cluster's root."""
    name, until = root_of(plan, cluster, scenario, now)
    return certificates.root_pem(plan.options.seed, name, until)
