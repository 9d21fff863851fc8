"""Accounts of the simulated API servers: an admin and a viewer, or a user with rights in one namespace."""

from __future__ import annotations

from meshtop.demo.kube.access import MESH_GROUPS, READ, Account, PolicyRule, admin, viewer
from meshtop.demo.world.plan import Cluster, Plan

USER = "tenant"
"""Whom the demo's contexts log in as where a world gives rights in one namespace only."""

_CORE = ("pods", "pods/log", "services", "endpoints", "configmaps", "serviceaccounts", "events")
_APPS = ("deployments", "statefulsets", "daemonsets", "replicasets")
_ROUTES = ("virtualservices", "destinationrules")


def accounts_of(plan: Plan, cluster: Cluster) -> list[Account]:
    """The accounts of a cluster: its user first, who is meant by a request without a token as well, then the viewer."""
    confined = plan.installation.confined
    if confined is None:
        return [admin(), viewer()]
    there = any(namespace.name == confined for namespace in plan.namespaces(cluster))
    return [tenant(confined) if there else Account(USER, f"demo-{USER}"), viewer()]


def tenant(namespace: str) -> Account:
    """A user with RoleBindings in one namespace: reads everything in it except Secrets, and changes its routes."""
    here = frozenset({namespace})
    rules = (
        PolicyRule(READ, ("",), _CORE, namespaces=here),
        PolicyRule((*READ, "patch"), ("apps",), _APPS, namespaces=here),
        PolicyRule(READ, ("discovery.k8s.io",), ("endpointslices",), namespaces=here),
        PolicyRule(READ, MESH_GROUPS, ("*",), namespaces=here),
        PolicyRule(("patch",), ("networking.istio.io",), _ROUTES, namespaces=here),
        PolicyRule(
            (*READ, "create", "update", "patch", "delete"), ("coordination.k8s.io",), ("leases",), namespaces=here
        ),
    )
    return Account(USER, f"demo-{USER}", rules, ("team-storefront",))
