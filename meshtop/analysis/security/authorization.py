"""AuthorizationPolicies and RequestAuthentications that apply to a workload, and the resulting decision on requests.

Rules of istiod: a policy applies by namespace (the root namespace's to all), then by `targetRefs` (gateways and
waypoints only) or by `selector`; CUSTOM is evaluated first, then DENY, then ALLOW. Without an ALLOW policy a request
is allowed, with one only what it names is. `spec: {}` allows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import items, maps
from meshtop.analysis.visibility.selection import match_labels, oldest_first, selects, title
from meshtop.model.kube import ConfigObject

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"


class PolicyAction(StrEnum):
    """Action of a policy on matching requests, in the order of evaluation."""

    CUSTOM = "CUSTOM"
    DENY = "DENY"
    ALLOW = "ALLOW"
    AUDIT = "AUDIT"


_ORDER = tuple(PolicyAction)


class PolicyTarget(Struct, frozen=True, kw_only=True):
    """The attributes of a workload that policies match; `services` select it and may be behind a waypoint."""

    namespace: str
    labels: Mapping[str, str]
    services: tuple[str, ...] = ()
    gateway: bool = False
    waypoint: bool = False


class AppliedPolicy(Struct, frozen=True):
    """A policy that applies: its action, name and number of rules, and a sentence about its effect."""

    action: PolicyAction
    policy: str
    rules: int
    meaning: str
    by: str


class Authorization(Struct, frozen=True):
    """All policies that decide on requests to a workload, in the order of evaluation."""

    policies: tuple[AppliedPolicy, ...]
    authentications: tuple[str, ...]
    default_deny: bool

    @property
    def verdict(self) -> str:
        """The decision on a request that no rule matches."""
        return "denied: an ALLOW policy applies, and only what it names passes" if self.default_deny else "allowed"


def authorization(
    policies: Sequence[ConfigObject],
    authentications: Sequence[ConfigObject],
    subject: PolicyTarget,
    root_namespace: str,
) -> Authorization:
    """The policies that apply to one workload, out of all AuthorizationPolicies and RequestAuthentications."""
    applied = [
        _applied(policy, by)
        for policy in oldest_first(policies)
        if (by := policy_applies(policy, subject, root_namespace))
    ]
    applied.sort(key=lambda one: _ORDER.index(one.action))
    requests = [
        _authentication(obj) for obj in oldest_first(authentications) if policy_applies(obj, subject, root_namespace)
    ]
    return Authorization(tuple(applied), tuple(requests), any(one.action is PolicyAction.ALLOW for one in applied))


def policy_applies(obj: ConfigObject, subject: PolicyTarget, root_namespace: str) -> str | None:
    """Why a policy applies to a workload, in words; None when it does not.

    A policy with `targetRefs` applies only to those, never by a selector; one without does not apply to waypoints, and
    a selector is ignored for gateways deployed by Gateway API (istio IST0166).
    """
    namespace = obj.meta.namespace
    targets = list(_targets(obj.spec))
    if targets:
        return next((by for target in targets if (by := _targeted(target, obj, subject, root_namespace))), None)
    if namespace not in (subject.namespace, root_namespace) or subject.waypoint:
        return None
    wanted = match_labels(obj.spec)
    if wanted:
        if subject.gateway and GATEWAY_NAME in subject.labels and GATEWAY_NAME not in wanted:
            return None
        return "its selector" if selects(wanted, subject.labels) else None
    return "the whole mesh" if namespace == root_namespace else "its whole namespace"


def _targets(spec: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield from maps(spec.get("targetRefs"))
    if isinstance(spec.get("targetRef"), Mapping):
        yield spec["targetRef"]


def _targeted(target: Mapping[str, Any], obj: ConfigObject, subject: PolicyTarget, root_namespace: str) -> str | None:
    kind, name = str(target.get("kind", "")), str(target.get("name", ""))
    at_home = obj.meta.namespace == subject.namespace
    if kind == "Gateway" and at_home and (subject.gateway or subject.waypoint):
        return f"its target Gateway {name}" if subject.labels.get(GATEWAY_NAME) == name else None
    if kind == "GatewayClass" and obj.meta.namespace == root_namespace and subject.waypoint:
        return f"its target GatewayClass {name}"
    if kind == "Service" and at_home and name in subject.services:
        return f"its target Service {name}, at the waypoint"
    return None


def _applied(policy: ConfigObject, by: str) -> AppliedPolicy:
    said = str(policy.spec.get("action") or PolicyAction.ALLOW)
    action = PolicyAction(said) if said in PolicyAction.__members__ else PolicyAction.ALLOW
    rules = items(policy.spec.get("rules"))
    count = len(rules)
    if not count:
        meaning = "no rules: all is denied" if action is PolicyAction.ALLOW else "no rules: never matches"
    elif any(not rule for rule in rules):
        meaning = {PolicyAction.ALLOW: "allows everything", PolicyAction.DENY: "denies everything"}.get(
            action, "matches everything"
        )
    else:
        meaning = f"{count} rule{'s' if count > 1 else ''}"
    return AppliedPolicy(action, title(policy), count, meaning, by)


def _authentication(obj: ConfigObject) -> str:
    issuers = [str(rule.get("issuer", "?")) for rule in maps(obj.spec.get("jwtRules"))]
    told = f"tokens of {', '.join(issuers)}" if issuers else "no issuer, so no token is accepted"
    return f"{title(obj)}: {told}; requests without a token still pass"
