"""Explanations of access as lines of text, by the policy and by Kubernetes, for the command line and the console."""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.analysis.tenancy.access.build import PROPAGATE, READ, SHIFT
from meshtop.analysis.tenancy.access.decision import Explanation
from meshtop.analysis.tenancy.access.policy import Prohibition
from meshtop.analysis.tenancy.access.rbac import ResourceAttributes, SubjectRules
from meshtop.model.text import clean


def explanation_lines(explanation: Explanation) -> list[str]:
    """The decision, then for each policy class its grants, then the prohibitions that apply."""
    lines = [clean(explanation.sentence)]
    for name, ways in explanation.grants.items():
        lines.append("")
        if not ways:
            lines.append(f"✗ {clean(name)}: nothing grants it.")
            continue
        lines.append(f"✓ {clean(name)}: granted by {len(ways)} {'way' if len(ways) == 1 else 'ways'}")
        for way in ways:
            lines.append(
                f"    {_path(way.user_path)}  ─[{', '.join(map(clean, way.rights))}]→  {_path(way.object_path)}"
            )
    if explanation.prohibitions:
        lines.append("")
        lines += [f"✗ {_taken(prohibition)}" for prohibition in explanation.prohibitions]
    return lines


_ISTIO, _GATEWAY = "networking.istio.io", "gateway.networking.k8s.io"
NEEDS = {
    READ: (
        ResourceAttributes("list", "", "pods"),
        ResourceAttributes("list", "", "services"),
        *(ResourceAttributes("list", _ISTIO, plural) for plural in ("virtualservices", "destinationrules")),
    ),
    SHIFT: (
        ResourceAttributes("patch", _ISTIO, "virtualservices"),
        *(ResourceAttributes("patch", _GATEWAY, f"{name}routes") for name in ("http", "grpc", "tcp", "tls")),
    ),
    PROPAGATE: tuple(
        ResourceAttributes(verb, group, plural)
        for group, plural in (
            (_ISTIO, "virtualservices"),
            (_ISTIO, "destinationrules"),
            ("security.istio.io", "authorizationpolicies"),
        )
        for verb in ("create", "patch")
    ),
}
"""The Kubernetes request that each right of the policy requires."""


def place_of_object(name: str) -> tuple[str, str] | None:
    """The cluster and namespace that an object of the policy represents; None for other objects."""
    kind, _, where = name.partition(":")
    cluster, _, namespace = where.rpartition("/")
    return (cluster, namespace) if kind == "namespace" and cluster and namespace else None


def kubernetes_lines(right: str, cluster: str, namespace: str, rules: SubjectRules | None) -> list[str]:
    """Kubernetes' answers on the requests that a right needs; empty for a right that meshtop does not use."""
    wanted = NEEDS.get(right, ())
    if not wanted:
        return []
    head = ["", f"Kubernetes itself (RBAC), asked as you, in {clean(namespace)} of {clean(cluster)}:"]
    if rules is None:
        return [*head, "    ? no answer"]
    signs = {True: "✓", False: "✗", None: "?"}
    return head + [f"    {signs[rules.allows(one)]} {one.text}" for one in wanted]


def _path(names: Iterable[str]) -> str:
    return " → ".join(map(clean, names))


def _taken(prohibition: Prohibition) -> str:
    rights = ", ".join(sorted(map(clean, prohibition.rights)))
    joint = " and " if prohibition.conjunctive else " or "
    scope = [f"under {clean(name)}" for name in prohibition.include]
    scope += [f"not under {clean(name)}" for name in prohibition.exclude]
    return f"a prohibition takes {rights} from {clean(prohibition.subject)} on what is {joint.join(scope)}"
