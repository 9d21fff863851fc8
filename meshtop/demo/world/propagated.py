# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""What the registry's project propagates: one policy that both clusters of the first mesh should have, and its status."""

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


def propagated(plan: Plan, builder: Builder, registry: str, scenario: str, now: float) -> Iterator[Json]:
    """A project's objects for placements and their status; ClusterProfile propagates nothing.

    In the scenario of drifted configuration the projects believe that all is well, but KubeFed, which looks.
    """
    members = [c.name for c in plan.members(plan.clusters[0].mesh.name)]
    if not plan.services("prod") or plan.clusters[0].mesh.template != "prod":
        return
    moment = naming.timestamp(now // DAY * DAY)
    failing = members[1] if scenario == "drifted-config" and len(members) > 1 else ""

    def condition(kind: str, status: bool, reason: str) -> Json:
        return {"type": kind, "status": str(status), "reason": reason, "message": "", "lastTransitionTime": moment}

    def made(version: str, kind: str, name: str, namespace: str, spec: Json, status: Json) -> Json:
        meta = builder.meta(name, namespace, days=90, kind=kind)
        return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec, "status": status}

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
    elif registry == "karmada":
        applied = [{"clusterName": name, "applied": True, "health": "Unknown"} for name in members]
        yield made(
            "work.karmada.io/v1alpha2", "ResourceBinding", "default-peerauthentication", "checkout",
            {"resource": {"apiVersion": POLICY["apiVersion"], "kind": POLICY["kind"], "namespace": "checkout", "name": "default"},
             "clusters": [{"name": name} for name in members]},
            {"conditions": [condition("Scheduled", True, "Success"), condition("FullyApplied", True, "FullyAppliedSuccess")],
             "aggregatedStatus": applied},
        )  # fmt: skip
    elif registry == "ocm":
        for name in members:
            yield made(
                "work.open-cluster-management.io/v1", "ManifestWork", "checkout-strict", name,
                {"workload": {"manifests": [POLICY]}},
                {"conditions": [condition("Applied", True, "AppliedManifestWorkComplete"), condition("Available", True, "ResourcesAvailable")]},
            )  # fmt: skip
