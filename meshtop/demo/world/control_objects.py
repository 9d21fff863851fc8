# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""What a control plane keeps in the clusters that it serves: mesh settings, webhooks, roots, ways to other clusters."""

from __future__ import annotations

import json
from collections.abc import Iterator

from meshtop.demo.world import certificates
from meshtop.demo.world.plan import EASTWEST, Cluster, Mesh, Plan
from meshtop.demo.world.platform_objects import outside_address
from meshtop.demo.world.workload_objects import DAY, Builder, Json
from meshtop.demo.world.worlds.revisions import DEFAULT, Revision

ROOT_MAP = "istio-ca-root-cert"


def settings(plan: Plan, builder: Builder, root: str) -> Iterator[Json]:
    """The ConfigMaps that say what mesh this is, revision by revision, and the root that every proxy gets."""
    cluster = builder.cluster
    here = cluster.hosting or plan.plane(cluster) == cluster
    # An external control plane keeps its mesh config in the cluster whose configuration it reads as well (pilot.configMap).
    kept = here or (plan.plane(cluster).hosting and plan.home(cluster) == cluster)
    for revision in cluster.revisions.planes:
        yield from _config_maps(plan, builder, revision, kept)
        if not cluster.hosting:
            labels = {"app": "sidecar-injector", "istio.io/rev": revision.name}
            yield _webhook(plan, builder, f"istio-sidecar-injector{revision.suffix}", labels)
    for revision in cluster.revisions.planes if not cluster.hosting else ():
        for tag in revision.tags:
            labels = {"app": "sidecar-injector", "istio.io/rev": revision.name, "istio.io/tag": tag}
            yield _webhook(plan, builder, f"istio-revision-tag-{tag}", labels)
    if cluster.hosting:
        return
    company = (n.name for n in plan.namespaces(cluster))
    for namespace in dict.fromkeys((cluster.mesh.system, *company, cluster.mesh.root)):
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": builder.meta(ROOT_MAP, namespace, {"istio.io/config": "true"}, kind="ConfigMap"),
            "data": {"root-cert.pem": root},
        }


def _config_maps(plan: Plan, builder: Builder, revision: Revision, kept: bool) -> Iterator[Json]:
    """Mesh config and values of a revision; where an istiod elsewhere serves the cluster, values alone (profile remote)."""
    cluster = builder.cluster
    mesh = cluster.mesh
    named = plan.installation.mesh_ids
    networks = {
        "networks": {
            c.network: {
                "endpoints": [{"fromRegistry": c.name}],
                "gateways": [{"address": outside_address(c, EASTWEST), "port": 15443}],
            }
            for c in plan.members(mesh.name)
        }
    }
    values: Json = {
        "global": {
            **({"meshID": mesh.name} if named else {}),
            "network": cluster.network,
            "multiCluster": {
                "enabled": True,
                "clusterName": cluster.istiod_id,
            },
            "istioNamespace": mesh.system,
            **({} if mesh.domain == "cluster.local" else {"proxy": {"clusterDomain": mesh.domain}}),
            **({"configCluster": True} if plan.plane(cluster).hosting and plan.home(cluster) == cluster else {}),
        },
        "revision": "" if revision.name == DEFAULT and mesh.revision == DEFAULT else mesh.revision,
        **_served_values(plan, cluster),
    }
    labels = {"istio.io/rev": revision.name, "release": "istio"}
    suffix = revision.suffix
    if kept:
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": builder.meta(f"istio{suffix}", mesh.system, labels, kind="ConfigMap"),
               "data": {"mesh": _mesh_config(mesh, named), "meshNetworks": json.dumps(networks if mesh.template == "prod" else {"networks": {}})}}  # fmt: skip
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": builder.meta(f"values{suffix}", mesh.system, labels, kind="ConfigMap"),
           "data": {"values": json.dumps(values, indent=2), "original-values": json.dumps(values)}}  # fmt: skip


def _served_values(plan: Plan, cluster: Cluster) -> Json:
    """What the profile `remote` adds to the values of a cluster that another one's istiod serves."""
    plane = plan.plane(cluster)
    if cluster.hosting or plane == cluster:
        return {}
    address = outside_address(plane, "istiod" if plane.hosting else EASTWEST)
    path = f"/inject/cluster/{cluster.name}/net/{cluster.network}"
    if plane.hosting and plan.home(cluster) != cluster:
        return {
            "profile": "remote",
            "istiodRemote": {"enabled": True, "injectionURL": f"https://{address}:15017{path}"},
        }
    return {"profile": "remote", "istiodRemote": {"enabled": True, "injectionPath": path}}


def _mesh_config(mesh: Mesh, named: bool) -> str:
    policy = "REGISTRY_ONLY" if mesh.registry_only else "ALLOW_ANY"
    identity = f"  meshId: {mesh.name}\n" if named else ""
    return f"""accessLogFile: /dev/stdout
defaultConfig:
  discoveryAddress: istiod{"" if mesh.revision == DEFAULT else "-" + mesh.revision}.{mesh.system}.svc:15012
{identity}  proxyMetadata:
    ISTIO_META_DNS_CAPTURE: "true"
defaultProviders:
  metrics:
  - prometheus
enableAutoMtls: true
outboundTrafficPolicy:
  mode: {policy}
rootNamespace: {mesh.root}
trustDomain: {mesh.trust_domain}
"""


def _webhook(plan: Plan, builder: Builder, name: str, labels: Json) -> Json:
    cluster, revision = builder.cluster, labels["istio.io/rev"]
    system, annotations = cluster.mesh.system, None
    if plan.plane(cluster) == cluster:
        client: Json = {
            "service": {
                "name": "istiod" if revision == DEFAULT else f"istiod-{revision}",
                "namespace": system,
                "path": "/inject",
                "port": 443,
            }
        }
    else:
        address = outside_address(plan.plane(cluster), "istiod" if plan.plane(cluster).hosting else EASTWEST)
        client = {"url": f"https://{address}:15017/inject/cluster/{cluster.name}/net/{cluster.network}"}
        annotations = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": system}
    hook = {
        "name": "rev.namespace.sidecar-injector.istio.io", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
        "clientConfig": client,
        "namespaceSelector": {"matchLabels": {"istio.io/rev": labels.get("istio.io/tag", revision)}},
    }  # fmt: skip
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": builder.meta(name, labels=labels, annotations=annotations, kind="MutatingWebhookConfiguration"), "webhooks": [hook]}  # fmt: skip


def remote_secrets(plan: Plan, builder: Builder) -> Iterator[Json]:
    """Remote secrets of each istiod, with an invented credential that no account may read."""
    cluster = builder.cluster
    if cluster.hosting:
        # The way to the cluster whose configuration it reads; istioctl create-remote-secret --type=config.
        yield _secret(builder, "istio-kubeconfig", plan.home(cluster).name, "config")
    elif plan.plane(cluster) != cluster:
        return
    for other in plan.members(cluster.mesh.name):
        if other.name not in (cluster.name, plan.home(cluster).name if cluster.hosting else ""):
            yield _secret(builder, f"istio-remote-secret-{other.name}", other.name, other.name)


def gateway_certificate(builder: Builder) -> Json:
    """The Secret that the public gateway takes its certificate from, invented like the others."""
    meta = builder.meta("public-cert", builder.cluster.mesh.system, kind="Secret")
    data = {"tls.crt": "ZGVtbwo=", "tls.key": "ZGVtbwo="}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/tls", "data": data}


def _secret(builder: Builder, name: str, cluster: str, key: str) -> Json:
    annotations = {"networking.istio.io/cluster": cluster}
    meta = builder.meta(name, builder.cluster.mesh.system, {"istio/multiCluster": "true"}, annotations, kind="Secret")
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": {key: "ZGVtbwo="}}


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


def root_certificate(plan: Plan, cluster: Cluster, scenario: str, now: float, rotated: float | None = None) -> str:
    """The PEM of a cluster's root; `rotated` is when it took an older one's place (Unix seconds)."""
    name, until = root_of(plan, cluster, scenario, now)
    return certificates.root_pem(plan.options.seed, name, until, rotated)
