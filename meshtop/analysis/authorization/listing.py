"""The policies that decide on requests to one workload, as a list for people, in the order of evaluation."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

from meshtop.analysis.authorization.attachment import (
    EnforcementPoint,
    Enforcer,
    TargetService,
    odd_attachment,
    policy_applies,
)
from meshtop.analysis.authorization.policies import PolicyAction, ReadPolicy, read_policy
from meshtop.analysis.inventory.untyped import mapping, maps
from meshtop.analysis.visibility.selection import oldest_first, title
from meshtop.model.kube import ConfigObject

_ORDER = tuple(PolicyAction)


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
    policies: Iterable[ConfigObject],
    authentications: Iterable[ConfigObject],
    point: EnforcementPoint,
    services: Iterable[str],
    root_namespace: str,
) -> Authorization:
    """The policies for one workload, out of all AuthorizationPolicies and RequestAuthentications.

    `services` are those that select it; what targets them is enforced at their waypoint, if they have one.
    """
    places = (point, _waypoint(point, services))
    found = [
        (read, by)
        for read in map(read_policy, oldest_first(policies))
        if (by := _why(read.obj, places, root_namespace)) is not None
    ]
    applied = [_applied(read, by) for read, by in found]
    applied.sort(key=lambda one: _ORDER.index(one.action))
    requests = [
        _authentication(obj) for obj in oldest_first(authentications) if _why(obj, places, root_namespace) is not None
    ]
    deny = any(read.action is PolicyAction.ALLOW and read.enforced for read, _ in found)
    return Authorization(tuple(applied), tuple(requests), deny)


def _waypoint(point: EnforcementPoint, services: Iterable[str]) -> EnforcementPoint:
    """A waypoint of the workload's services, as far as policies that target these are concerned."""
    targets = tuple(TargetService(point.namespace, name) for name in services)
    return structs.replace(point, enforcer=Enforcer.WAYPOINT, labels={}, services=targets)


def _why(obj: ConfigObject, places: tuple[EnforcementPoint, EnforcementPoint], root: str) -> str | None:
    if not isinstance(obj.spec, dict) or odd_attachment(obj.spec) is not None:
        return "a place that cannot be told" if obj.meta.namespace in (places[0].namespace, root) else None
    own = policy_applies(obj, places[0], root)
    if own is not None or not places[1].services:
        return own
    there = policy_applies(obj, places[1], root)
    return f"{there}, at the waypoint" if there is not None and "Service" in there else None


def _applied(read: ReadPolicy, by: str) -> AppliedPolicy:
    count = len(read.rules)
    if read.problem is not None:
        meaning = f"cannot be judged: {read.problem}"
    elif not count:
        meaning = "no rules: all is denied" if read.action is PolicyAction.ALLOW else "no rules: never matches"
    elif any(rule.takes_all for rule in read.rules):
        meaning = {PolicyAction.ALLOW: "allows everything", PolicyAction.DENY: "denies everything"}.get(
            read.action, "matches everything"
        )
    else:
        meaning = f"{count} rule{'s' if count > 1 else ''}"
    if not read.enforced:
        meaning += ", in a dry run only"
    return AppliedPolicy(read.action, read.title, count, meaning, by)


def _authentication(obj: ConfigObject) -> str:
    issuers = [str(rule.get("issuer", "?")) for rule in maps(mapping(obj.spec).get("jwtRules"))]
    if not issuers:
        return f"{title(obj)}: no rule, so no token is looked at"
    return f"{title(obj)}: tokens of {', '.join(issuers)}; requests without a token still pass"
