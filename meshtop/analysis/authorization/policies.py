"""The AuthorizationPolicies, RequestAuthentications and PeerAuthentications of one control plane, read once.

A policy whose shape is not Istio's cannot be judged: it makes a call depend on it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from msgspec import Struct, structs

from meshtop.analysis.authorization.attachment import (
    EnforcementPoint,
    Enforcer,
    odd_attachment,
    policy_applies,
    unsure_target,
)
from meshtop.analysis.authorization.rules import CallRule, OddShape, read_rules
from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.analysis.security.mtls.server import Mode, ServerPolicy, compose
from meshtop.analysis.visibility.selection import match_labels, oldest_first, selects, title
from meshtop.model.kube import ConfigObject

Item = TypeVar("Item")

DRY_RUN = "istio.io/dry-run"
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
"""What Go reads as true, as istiod does with the annotation."""


class PolicyAction(StrEnum):
    """Action of a policy on matching requests, in the order of evaluation."""

    CUSTOM = "CUSTOM"
    DENY = "DENY"
    ALLOW = "ALLOW"
    AUDIT = "AUDIT"


class MeshPolicySettings(Struct, frozen=True, kw_only=True):
    """What a mesh's configuration says that policies depend on; None where that is not known.

    `trust_domains` are the mesh's own and its aliases, the own one first. `providers` are the names of
    `extensionProviders`. `several_providers` is whether one workload may have several of them
    (PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS).
    """

    root_namespace: str | None = "istio-system"
    trust_domains: tuple[str, ...] = ()
    normalization: str = "BASE"
    providers: frozenset[str] | None = None
    several_providers: bool | None = None


class ReadPolicy(Struct, frozen=True, kw_only=True):
    """An AuthorizationPolicy. `problem` says why it cannot be judged; `enforced` is false in a dry run."""

    obj: ConfigObject
    action: PolicyAction = PolicyAction.ALLOW
    rules: tuple[CallRule, ...] = ()
    provider: str = ""
    enforced: bool = True
    problem: str | None = None

    @property
    def title(self) -> str:
        """Its name for users."""
        return title(self.obj)


def read_policy(obj: ConfigObject, trust_domains: Sequence[str] = ()) -> ReadPolicy:
    """Read a policy; whatever its shape is, this does not raise."""
    enforced = obj.meta.annotations.get(DRY_RUN) not in _TRUE
    spec: Any = obj.spec
    if not isinstance(spec, Mapping):
        return ReadPolicy(obj=obj, enforced=enforced, problem="spec is no object")
    said = spec.get("action")
    if said is not None and (not isinstance(said, str) or said not in PolicyAction.__members__):
        return ReadPolicy(obj=obj, enforced=enforced, problem=f"spec.action is {_short(said)}")
    action = PolicyAction(said or PolicyAction.ALLOW)
    problem = odd_attachment(spec)
    rules: tuple[CallRule, ...] = ()
    try:
        rules = read_rules(spec, trust_domains)
    except OddShape as odd:
        problem = problem or str(odd)
    provider = text(mapping(spec.get("provider")).get("name")) or ""
    if action is PolicyAction.CUSTOM and not provider:
        problem = problem or "spec.provider names no provider"
    return ReadPolicy(obj=obj, action=action, rules=rules, provider=provider, enforced=enforced, problem=problem)


def _short(value: object) -> str:
    said = str(value)
    return said if len(said) <= 40 else f"{said[:39]}…"


class TokenRules(Struct, frozen=True, kw_only=True):
    """What the RequestAuthentications at a point accept: audiences by issuer (none: any), and claims that are split."""

    titles: tuple[str, ...] = ()
    issuers: Mapping[str, tuple[frozenset[str], ...]] = {}
    delimited: Mapping[str, frozenset[str]] = {}
    problem: str | None = None


class PolicySet(Struct, frozen=True, kw_only=True):
    """All that judges calls at one point, in a fixed order; `open` says what is not known there, as a sentence."""

    policies: tuple[ReadPolicy, ...] = ()
    tokens: TokenRules = TokenRules()
    open: tuple[str, ...] = ()


class AuthorizationConfig:
    """The objects of one control plane; what applies at a point is worked out once for all points alike.

    `unread` says, by kind, why objects were not read, as a sentence; what depends on them is open then.
    """

    def __init__(
        self, objects: Iterable[ConfigObject], settings: MeshPolicySettings, unread: Mapping[str, str] | None = None
    ) -> None:
        self.settings = settings
        self.unread = dict(unread or {})
        kinds: dict[str, list[ConfigObject]] = {}
        for obj in oldest_first(objects):
            kinds.setdefault(obj.kind, []).append(obj)
        self.policies = tuple(read_policy(obj, settings.trust_domains) for obj in kinds.get("AuthorizationPolicy", ()))
        self._near = _by_namespace((policy, policy.obj.meta.namespace) for policy in self.policies)
        tokens = kinds.get("RequestAuthentication", [])
        self._tokens = _by_namespace((obj, obj.meta.namespace) for obj in tokens)
        self._peers = _by_namespace((obj, obj.meta.namespace) for obj in kinds.get("PeerAuthentication", ()))
        self._asked = frozenset(
            key for obj in (*(policy.obj for policy in self.policies), *tokens) for key in match_labels(_spec(obj))
        )
        self._sets: dict[object, PolicySet] = {}
        self._modes: dict[object, ServerPolicy | str] = {}

    def at(self, point: EnforcementPoint) -> PolicySet:
        """What applies at a point."""
        labels = frozenset(
            (key, value)
            for key, value in point.labels.items()
            if key in self._asked or key == "gateway.networking.k8s.io/gateway-name"
        )
        key = (point.enforcer, point.namespace, labels, point.services, point.selectors)
        found = self._sets.get(key)
        if found is None:
            found = self._sets[key] = self._applying(point)
        return found

    def _applying(self, point: EnforcementPoint) -> PolicySet:
        root = self.settings.root_namespace
        # Whatever applies is in one of these namespaces, also by a targetRef.
        near = dict.fromkeys((point.namespace, root or "", *(service.namespace for service in point.services)))
        here = [one for home in near for policy in self._near.get(home, ()) if (one := self._applied(policy, point))]
        if point.enforcer is Enforcer.ZTUNNEL:
            here = [policy for policy in here if not _has_targets(policy.obj)]
        opened = [self.unread[kind] for kind in ("AuthorizationPolicy",) if kind in self.unread]
        far = (policy for home, found in self._near.items() if home not in near for policy in found)
        if root is None and not all(_has_targets(policy.obj) for policy in far):
            opened.append("Which namespace is the root namespace was not read.")
        tokens = TokenRules()
        if point.enforcer is not Enforcer.ZTUNNEL:
            if "RequestAuthentication" in self.unread:
                tokens = TokenRules(problem=self.unread["RequestAuthentication"].rstrip("."))
            else:
                tokens = self._accepted([obj for home in near for obj in self._tokens.get(home, ())], point)
        return PolicySet(policies=tuple(here), tokens=tokens, open=tuple(opened))

    def _accepted(self, near: Iterable[ConfigObject], point: EnforcementPoint) -> TokenRules:
        """The tokens that are taken at a point; not known where a rule only may apply there, for its target."""
        rules: list[ConfigObject] = []
        unsure: list[tuple[ConfigObject, str]] = []
        for obj in near:
            if self._may_apply(obj, point):
                rules.append(obj)
            elif _spec(obj).get("jwtRules") and (target := unsure_target(obj, point)) is not None:
                unsure.append((obj, target))
        found = _token_rules(rules)
        if not unsure:
            return found
        first, target = unsure[0]
        why = f"{title(first)} cannot be judged: whether {point.title} serves its target {target} is not known"
        titles = (*found.titles, *(title(obj) for obj, _ in unsure))
        return structs.replace(found, titles=titles, problem=found.problem or why)

    def _applied(self, policy: ReadPolicy, point: EnforcementPoint) -> ReadPolicy | None:
        """The policy if it applies at a point; one that only may, for its target, cannot be judged there."""
        if self._may_apply(policy.obj, point):
            return policy
        target = unsure_target(policy.obj, point)
        if target is None:
            return None
        return structs.replace(policy, problem=f"whether {point.title} serves its target {target} is not known")

    def _may_apply(self, obj: ConfigObject, point: EnforcementPoint) -> bool:
        """Whether a policy applies, or says so oddly that it may."""
        if not isinstance(obj.spec, Mapping) or odd_attachment(obj.spec) is not None:
            return True
        return policy_applies(obj, point, self.settings.root_namespace or "") is not None

    def mode(self, namespace: str, labels: Mapping[str, str], port: int | None) -> Mode | str:
        """The mutual TLS mode of a workload's port (None: not known which), or why it is not known, as a clause."""
        if "PeerAuthentication" in self.unread:
            return self.unread["PeerAuthentication"].rstrip(".")
        root = self.settings.root_namespace
        if root is None and self._peers:
            return "the root namespace was not read"
        key = (namespace, frozenset(labels.items()))
        found = self._modes.get(key)
        if found is None:
            near = [obj for home in dict.fromkeys((namespace, root or "")) for obj in self._peers.get(home, ())]
            odd = next((obj for obj in near if not isinstance(obj.spec, Mapping) or odd_attachment(obj.spec)), None)
            if odd is not None:
                found = f"{title(odd)} cannot be judged"
            else:
                found = compose([obj for obj in near if selects(match_labels(obj.spec), labels)], root or "")
            self._modes[key] = found
        if isinstance(found, str):
            return found
        if port is None and set(found.ports.values()) - {found.mode}:
            return "it depends on the port"
        return found.on_port(port)


def _spec(obj: ConfigObject) -> Mapping[str, Any]:
    return mapping(obj.spec)


def _by_namespace(objects: Iterable[tuple[Item, str]]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for obj, namespace in objects:
        found.setdefault(namespace, []).append(obj)
    return found


def _has_targets(obj: ConfigObject) -> bool:
    spec = _spec(obj)
    return bool(spec.get("targetRefs") or spec.get("targetRef"))


def _token_rules(objects: Iterable[ConfigObject]) -> TokenRules:
    titles: list[str] = []
    issuers: dict[str, tuple[frozenset[str], ...]] = {}
    delimited: dict[str, frozenset[str]] = {}
    problem = None
    for obj in objects:
        odd = odd_attachment(obj.spec) if isinstance(obj.spec, Mapping) else "spec is no object"
        if odd is not None:
            titles.append(title(obj))
            problem = f"{title(obj)} cannot be judged: {odd}"
            continue
        rules = _spec(obj).get("jwtRules")
        if rules is None or rules == []:
            continue  # without a rule no proxy looks at tokens
        titles.append(title(obj))
        if not isinstance(rules, list | tuple) or len(maps(rules)) != len(rules):
            problem = f"{title(obj)} cannot be judged: spec.jwtRules is no list of rules"
        for rule in maps(rules):
            issuer = text(rule.get("issuer"))
            if issuer is None:
                problem = f"{title(obj)} cannot be judged: a rule of spec.jwtRules names no issuer"
                continue
            issuers[issuer] = (*issuers.get(issuer, ()), frozenset(texts(rule.get("audiences"))))
            delimited[issuer] = delimited.get(issuer, frozenset()) | frozenset(texts(rule.get("spaceDelimitedClaims")))
    return TokenRules(titles=tuple(titles), issuers=issuers, delimited=delimited, problem=problem)
