# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""The marks that a story's cause leaves in its cluster: who wrote which fields, revisions of ReplicaSets, Events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from meshtop.demo.world import company, naming
from meshtop.demo.world.plan import Cluster, Plan
from meshtop.demo.world.workload_objects import Builder, Json

BEFORE_SECONDS = 40.0
"""A cause is there so long before it is felt."""
SCALED = {("us-east", "reporting"): (2, 40)}
"""How many pods the reports had, and were given, where they drown the catalog (a place of the first mesh, a service)."""
_PUBLISHED = "external-dns.alpha.kubernetes.io/hostname"
EDITED = frozenset({"drifted-config", "broken-destinationrule"})
"""Stories in which somebody wrote what differs from the calm world."""


def scaled_to(plan: Plan, cluster: Cluster, scenario: str, service: str) -> tuple[int, int] | None:
    """How many pods a service had and got in a story; None where it kept what it has."""
    if scenario != "noisy-tenant" or cluster != plan.members(plan.clusters[0].mesh.name)[0]:
        return None
    return SCALED.get(("us-east", service))


def rotated_at(cluster: Cluster, scenario: str, begins: float) -> float | None:
    """When a cluster's root was replaced by the one that is there (Unix seconds); None where it is an old one."""
    second = scenario == "disjoint-roots" and cluster.mesh.template == "prod" and cluster.position == 1
    expiring = scenario == "expiring-certificate" and cluster.mesh.template == "legacy"
    return begins - BEFORE_SECONDS if second or expiring else None


class Evidence:
    """Puts the marks of a story's cause on a cluster's objects; `begins` is when it is felt (Unix seconds).

    `calm` are the objects that the cluster would have in a calm world, where what differs was written by somebody.
    """

    def __init__(self, plan: Plan, builder: Builder, scenario: str, begins: float, calm: Iterable[Json]) -> None:
        self._plan = plan
        self._builder = builder
        self._scenario = scenario
        self._at = begins - BEFORE_SECONDS
        cluster = builder.cluster
        of_story = cluster.mesh.name == plan.clusters[0].mesh.name and not cluster.hosting
        self._first = of_story and cluster.position == 0
        self._second = of_story and cluster.position == 1
        self._of_story = of_story
        self._rotated = rotated_at(cluster, scenario, begins)
        self._rolling: set[str] = set()
        self._calm = {_key(obj): obj.get("spec") for obj in calm} if scenario in EDITED and of_story else {}

    def told(self, objects: Iterable[Json]) -> Iterator[Json]:
        """The objects with their marks, and the Events and old ReplicaSets beside them."""
        for obj in objects:
            beside = list(self._marked(obj))
            yield obj
            yield from beside
        if self._rotated is not None:
            yield self._secret()

    def _marked(self, obj: Json) -> Iterator[Json]:
        kind, name = obj["kind"], obj["metadata"]["name"]
        story = self._scenario
        owners = obj["metadata"].get("ownerReferences", ())
        if owners and owners[0]["uid"] in self._rolling:
            self._rolling.add(obj["metadata"]["uid"])
            self._renew(obj)
        elif _key(obj) in self._calm and self._calm[_key(obj)] != obj.get("spec"):
            if kind == "Deployment":
                yield from self._rolled(obj, "kubectl-set", _image(obj))
            else:
                self._write(obj, "kubectl-edit", {"f:spec": _tree(obj["spec"])})
        elif kind == "ConfigMap" and name == "istio-ca-root-cert" and self._rotated is not None:
            self._write(obj, "pilot-discovery", {"f:data": {"f:root-cert.pem": {}}}, later=10.0)
        elif story == "bad-canary" and self._of_story and kind == "Deployment" and name == "reviews-v3":
            yield from self._rolled(obj, "argocd-controller", _image(obj), previous="2.9.4")
        elif (
            story == "lagging-control-plane"
            and self._first
            and kind == "Deployment"
            and name == f"istiod-{self._builder.cluster.mesh.revision}"
        ):
            limits: Json = {"f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}}}}
            yield from self._rolled(obj, "helm", _container_tree(obj, limits))
        elif (
            story == "noisy-tenant"
            and kind == "Deployment"
            and (
                counts := scaled_to(
                    self._plan, self._builder.cluster, story, obj["metadata"].get("labels", {}).get("app", "")
                )
            )
        ):
            yield from self._scaled(obj, *counts)
        elif story == "plaintext-intruder" and kind == "Service" and self._exposed(name):
            # Published to the outside, where clients without a sidecar are.
            obj["metadata"].setdefault("annotations", {})[_PUBLISHED] = f"{name}.{company.DOMAIN}"
            self._write(obj, "kubectl-annotate", {"f:metadata": {"f:annotations": {f"f:{_PUBLISHED}": {}}}})

    def _exposed(self, name: str) -> bool:
        return (self._first and name in ("storefront", "cart")) or (self._second and name == "auth")

    def _write(self, obj: Json, manager: str, fields: Json, *, later: float = 0.0, subresource: str = "") -> None:
        entry: Json = {
            "manager": manager, "operation": "Update", "apiVersion": obj["apiVersion"], "time": naming.timestamp(self._at + later),
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        }  # fmt: skip
        if subresource:
            entry["subresource"] = subresource
        obj["metadata"].setdefault("managedFields", []).append(entry)

    def _rolled(self, deployment: Json, manager: str, fields: Json, previous: str = "") -> Iterator[Json]:
        """A rollout: the template's writer, the ReplicaSet of the revision before, the Events of the controller.

        `previous` is the release that ran before. The ReplicaSet and the pods of today come behind it.
        """
        self._rolling.add(deployment["metadata"]["uid"])
        self._write(deployment, manager, {"f:spec": {"f:template": {"f:spec": fields}}})
        meta, spec = deployment["metadata"], deployment["spec"]
        namespace, name = meta["namespace"], meta["name"]
        meta["annotations"]["deployment.kubernetes.io/revision"] = "5"
        old = f"{name}-{naming.letters(9, self._builder.seed, namespace, name, 'before')}"
        template = _copy(spec["template"])
        for container in template["spec"]["containers"]:
            if previous and container["name"] == template["metadata"]["labels"].get("app"):
                container["image"] = f"{container['image'].rpartition(':')[0]}:{previous}"
        labels = {**template["metadata"]["labels"], "pod-template-hash": old.rpartition("-")[2]}
        owner = self._builder.owner("Deployment", namespace, name)
        before = self._builder.meta(
            old, namespace, labels, {"deployment.kubernetes.io/revision": "4"}, owner, kind="ReplicaSet"
        )
        yield {
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": before,
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {**template, "metadata": {"labels": labels}}},
            "status": {"replicas": 0, "observedGeneration": 2},
        }  # fmt: skip
        count = spec["replicas"]
        yield self._event(deployment, f"Scaled up replica set {name}-new from 0 to {count}", 1.0)
        yield self._event(deployment, f"Scaled down replica set {old} from {count} to 0", 14.0)

    def _renew(self, obj: Json) -> None:
        """Let a ReplicaSet or a pod be as old as the rollout that made it."""
        if obj["kind"] == "ReplicaSet":
            obj["metadata"]["creationTimestamp"] = naming.timestamp(self._at + 1)
            obj["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "5"}
            return
        started = naming.timestamp(self._at + 2)
        obj["metadata"]["creationTimestamp"] = obj["status"]["startTime"] = started
        for condition in obj["status"]["conditions"]:
            condition["lastTransitionTime"] = naming.timestamp(self._at + 8)
        for status in (*obj["status"]["containerStatuses"], *obj["status"].get("initContainerStatuses", ())):
            for state in status["state"].values():
                if "startedAt" in state:
                    state["startedAt"] = started

    def _scaled(self, deployment: Json, before: int, after: int) -> Iterator[Json]:
        self._write(deployment, "nightly-reports", {"f:spec": {"f:replicas": {}}}, subresource="scale")
        name = deployment["metadata"]["name"]
        yield self._event(deployment, f"Scaled up replica set {name}-new from {before} to {after}", 1.0)

    def _event(self, about: Json, message: str, later: float) -> Json:
        meta = about["metadata"]
        at = naming.timestamp(self._at + later)
        name = f"{meta['name']}.{naming.digest(self._builder.seed, meta['name'], message):016x}"
        return {
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": meta["namespace"], "creationTimestamp": at, "uid": self._builder.uid("Event", meta["namespace"], name)},
            "involvedObject": {"kind": about["kind"], "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"], "apiVersion": about["apiVersion"]},
            "reason": "ScalingReplicaSet", "message": message, "type": "Normal", "count": 1,
            "firstTimestamp": at, "lastTimestamp": at, "eventTime": None,
            "source": {"component": "deployment-controller"}, "reportingComponent": "deployment-controller", "reportingInstance": "",
        }  # fmt: skip

    def _secret(self) -> Json:
        meta = self._builder.meta("cacerts", self._builder.cluster.mesh.system, kind="Secret")
        data = dict.fromkeys(("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"), "ZGVtbwo=")
        obj: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": data}
        self._write(obj, "kubectl-replace", {"f:data": {".": {}, **{f"f:{name}": {} for name in data}}})
        return obj


def _key(obj: Json) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _copy(template: Json) -> Json:
    """A template whose containers and labels may be changed."""
    containers = [dict(container) for container in template["spec"]["containers"]]
    return {
        "metadata": {"labels": dict(template["metadata"]["labels"])},
        "spec": {**template["spec"], "containers": containers},
    }


def _container_tree(deployment: Json, fields: Json) -> Json:
    name = deployment["spec"]["template"]["spec"]["containers"][0]["name"]
    return {"f:containers": {f'k:{{"name":"{name}"}}': fields}}


def _image(deployment: Json) -> Json:
    return _container_tree(deployment, {"f:image": {}})


def _tree(value: Any) -> Json:
    """FieldsV1 of a custom resource's spec: maps go on, lists are whole."""
    return {f"f:{name}": _tree(inner) if isinstance(inner, dict) else {} for name, inner in value.items()}
