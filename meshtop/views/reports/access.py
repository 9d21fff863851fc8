"""Explanations as lines of text, for the command line and the console's explainer: the policy's, and Kubernetes'."""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.analysis.tenancy.access.build import PROPAGATE, READ, SHIFT
from meshtop.analysis.tenancy.access.decision import Explanation
from meshtop.analysis.tenancy.access.policy import Prohibition
from meshtop.analysis.tenancy.access.rbac import ResourceAttributes, SubjectRules
from meshtop.model.text import clean


def explanation_lines(explanation: Explanation) -> list[str]:
    """The sentence, then for each policy class the ways that grant, then what takes away."""
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
"""What each right of the policy comes to when it is used, in Kubernetes' own terms."""


def place_of_object(name: str) -> tuple[str, str] | None:
    """The cluster and namespace that an object of the policy stands for; None for an object of another kind."""
    kind, _, where = name.partition(":")
    cluster, _, namespace = where.rpartition("/")
    return (cluster, namespace) if kind == "namespace" and cluster and namespace else None


def kubernetes_lines(right: str, cluster: str, namespace: str, rules: SubjectRules | None) -> list[str]:
    """What Kubernetes lets the user do of what a right needs; none for a right that meshtop does not ask for."""
    wanted = NEEDS.get(right, ())
    if not wanted:
        return []
    head = ["", f"Kubernetes itself (RBAC), asked as you, in {clean(namespace)} of {clean(cluster)}:"]
    if rules is None:
        return [*head, "    ? it has not told"]
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
