# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""What the registry's project propagates: a policy that both clusters of the first mesh should have, and a namespace.

The namespace is put to the member that no context reaches too, and its team's label is set for one member only.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.demo.world import naming
from meshtop.demo.world.plan import Plan
from meshtop.demo.world.workload_objects import DAY, Builder, Json

POLICY: Json = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default", "namespace": "checkout"},
    "spec": {"mtls": {"mode": "STRICT"}},
}
NAMESPACE: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "checkout"}}
TEAM = "/metadata/labels/team"


def propagated(plan: Plan, builder: Builder, registry: str, scenario: str, now: float, stranger: str) -> Iterator[Json]:
    """A project's objects for placements and their status; ClusterProfile propagates nothing.

    In the scenario of drifted configuration the projects believe that all is well, but KubeFed, which looks.
    `stranger` is a member that no context reaches.
    """
    members = [c.name for c in plan.members(plan.clusters[0].mesh.name)]
    if not plan.services("prod") or plan.clusters[0].mesh.template != "prod":
        return
    moment = naming.timestamp(now // DAY * DAY)
    failing = members[1] if scenario == "drifted-config" and len(members) > 1 else ""
    everybody = [*members, stranger]

    def condition(kind: str, status: bool, reason: str) -> Json:
        return {"type": kind, "status": str(status), "reason": reason, "message": "", "lastTransitionTime": moment}

    def made(
        version: str, kind: str, name: str, namespace: str, spec: Json, status: Json | None, **labels: str
    ) -> Json:
        meta = builder.meta(name, namespace, labels or None, days=90, kind=kind)
        return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec} | (
            {"status": status} if status else {}
        )

    if registry in ("kubefed", "kubesphere"):
        clusters: list[Json] = [
            {"name": name, **({"status": "CreationFailed"} if name == failing else {})} for name in members
        ]
        propagation = {
            "type": "Propagation", "status": str(not failing), "lastTransitionTime": moment, "lastUpdateTime": moment,
            **({"reason": "CheckClusters"} if failing else {}),
        }  # fmt: skip
        yield made(
            "types.kubefed.io/v1beta1", "FederatedPeerAuthentication", "default", "checkout",
            {"template": {"spec": POLICY["spec"]}, "placement": {"clusters": [{"name": name} for name in members]}},
            {"conditions": [propagation], "clusters": clusters},
        )  # fmt: skip
        yield made(
            "types.kubefed.io/v1beta1", "FederatedNamespace", "checkout", "checkout",
            {"placement": {"clusters": [{"name": name} for name in everybody]},
             "overrides": [{"clusterName": members[0], "clusterOverrides": [{"path": TEAM, "op": "add", "value": "pay"}]}]},
            {"conditions": [{**propagation, "status": "True"}], "clusters": [{"name": name} for name in everybody]},
        )  # fmt: skip
    elif registry == "karmada":
        for kind, thing, where in (
            ("ResourceBinding", POLICY, members),
            ("ClusterResourceBinding", NAMESPACE, everybody),
        ):
            meta = thing["metadata"]
            resource = {"apiVersion": thing["apiVersion"], "kind": thing["kind"], **meta}
            applied = [{"clusterName": name, "applied": True, "health": "Unknown"} for name in where]
            yield made(
                "work.karmada.io/v1alpha2", kind, f"{meta['name']}-{str(thing['kind']).lower()}", str(meta.get("namespace", "")),
                {"resource": resource, "clusters": [{"name": name} for name in where]},
                {"conditions": [condition("Scheduled", True, "Success"), condition("FullyApplied", True, "FullyAppliedSuccess")],
                 "aggregatedStatus": applied},
                **{"clusterpropagationpolicy.karmada.io/name": "checkout"},
            )  # fmt: skip
        yield made(
            "policy.karmada.io/v1alpha1", "ClusterOverridePolicy", "checkout-team", "",
            {"resourceSelectors": [{"apiVersion": "v1", "kind": "Namespace", "name": "checkout"}],
             "overrideRules": [{"targetCluster": {"clusterNames": [members[0]]},
                                "overriders": {"plaintext": [{"path": TEAM, "operator": "add", "value": "pay"}]}}]},
            None,
        )  # fmt: skip
    elif registry == "ocm":
        for name in everybody:
            manifests = [NAMESPACE, *([POLICY] if name in members else [])]
            yield made(
                "work.open-cluster-management.io/v1", "ManifestWork", "checkout-strict", name,
                {"workload": {"manifests": manifests}},
                {"conditions": [condition("Applied", True, "AppliedManifestWorkComplete"), condition("Available", True, "ResourcesAvailable")]},
            )  # fmt: skip
