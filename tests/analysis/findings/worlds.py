"""Small worlds for findings: clusters out of YAML, as they are read from files."""

from __future__ import annotations

from typing import Any

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.judge import judge_config
from meshtop.analysis.findings.revisions import JudgedCluster
from meshtop.model.mesh import MeshFacts, Obeyed
from meshtop.sources.kubernetes.manifests import manifests

MESH = MeshFacts(group="mesh", root_namespace="istio-system")


def obeying(name: str) -> MeshFacts:
    """The facts of a cluster of the mesh whose proxies obey the objects of another one."""
    return MeshFacts(group="mesh", obeys=Obeyed(cluster=name))


def cluster(text: str, name: str = "east", **facts: Any) -> JudgedCluster:
    read = manifests([text])
    told = MeshFacts(**{"group": "mesh", "root_namespace": "istio-system", **facts})
    return JudgedCluster(name=name, inventory=read.inventory, misread=read.misread, facts=told)


def found(*clusters: JudgedCluster, only: str = "") -> list[ConfigFinding]:
    return list(judge_config(clusters, only=[only] if only else ()).findings)


def codes(*clusters: JudgedCluster, only: str = "") -> list[tuple[str, str]]:
    return [(one.code, f"{one.object.cluster}: {one.object}") for one in found(*clusters, only=only)]


def service(name: str, *, namespace: str = "shop", ports: str = "[{name: http, port: 80}]", **labels: str) -> str:
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}, labels: {dict(labels)}}}
spec: {{selector: {{app: {name}}}, ports: {ports}}}
"""


def pod(app: str, *, namespace: str = "shop", proxy: bool = True, **labels: str) -> str:
    containers = "[{name: app, image: app}" + (", {name: istio-proxy, image: proxy}]" if proxy else "]")
    name = "-".join((app, *labels.values()))
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {dict(app=app, **labels)}}}
spec: {{containers: {containers}}}
"""


def namespace(name: str, **labels: str) -> str:
    told = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
    return f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {told}}}\n"


def istio(kind: str, name: str, spec: str, *, namespace: str = "shop", labels: str = "{}") -> str:
    group = {"AuthorizationPolicy": "security", "RequestAuthentication": "security", "PeerAuthentication": "security",
             "Telemetry": "telemetry"}.get(kind, "networking")  # fmt: skip
    return f"""
---
apiVersion: {group}.istio.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}, labels: {labels}}}
spec: {spec}
"""
