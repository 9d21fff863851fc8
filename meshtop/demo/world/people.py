"""Who may do what: roles and bindings of the teams, which every cluster of a mesh should have alike."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.demo.world.plan import Plan
from meshtop.demo.world.workload_objects import Builder, Json

RBAC = "rbac.authorization.k8s.io/v1"
STRANGER = "contractors"
"""A group that the second cluster lets in where its configuration has drifted."""
_MESH = ["virtualservices", "destinationrules"]


def people(plan: Plan, builder: Builder, scenario: str) -> Iterator[Json]:
    """A deployer's role in each of the company's namespaces, bound to its team, and a reader's role for everybody."""
    cluster = builder.cluster
    yield {
        "apiVersion": RBAC,
        "kind": "ClusterRole",
        "metadata": builder.meta("mesh-reader", days=150, kind="ClusterRole"),
        "rules": [{"apiGroups": ["networking.istio.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    }
    for namespace in plan.namespaces(cluster):
        groups = [f"team-{namespace.tenant}"]
        if scenario == "drifted-config" and cluster.position == 1 and namespace.name == "checkout":
            groups.append(STRANGER)
        yield {
            "apiVersion": RBAC,
            "kind": "Role",
            "metadata": builder.meta("deployer", namespace.name, days=140, kind="Role"),
            "rules": [
                {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "patch"]},
                {"apiGroups": ["networking.istio.io"], "resources": _MESH, "verbs": ["get", "list", "watch", "patch"]},
            ],
        }
        yield {
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": builder.meta("deployers", namespace.name, days=140, kind="RoleBinding"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group} for group in groups],
        }
