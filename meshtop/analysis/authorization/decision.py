"""The decision on a call: at one enforcement point, and over all of them on its way.

At a point: mutual TLS and tokens first, then CUSTOM, DENY, and ALLOW. Without an ALLOW policy a call passes; with one,
only what an ALLOW rule matches. AUDIT policies, and those in a dry run, decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.authorization.attachment import EnforcementPoint, Enforcer
from meshtop.analysis.authorization.attributes import DELIMITED, Surroundings
from meshtop.analysis.authorization.call import JudgedCall, Untold
from meshtop.analysis.authorization.identities import trust_domain_of
from meshtop.analysis.authorization.logic import Truth, negated, some
from meshtop.analysis.authorization.policies import (
    AuthorizationConfig,
    PolicyAction,
    PolicySet,
    ReadPolicy,
    TokenRules,
)
from meshtop.analysis.authorization.rules import CallRule, Reach
from meshtop.analysis.inventory.untyped import texts
from meshtop.analysis.security.mtls.server import Mode


class Permission(StrEnum):
    """The answer: allowed, denied, or depends on what the call does not tell or a provider answers."""

    ALLOWED = "allowed"
    DENIED = "denied"
    DEPENDS = "depends"


class AccessVerdict(Struct, frozen=True, kw_only=True):
    """The answer for one call and the reason, as a sentence; the policy and rule (from 1) that decided, if one did.

    `providers` are external authorizers that are asked. `asked` is whether nothing but their answer is open.
    `rejected` is whether the call fails before any AuthorizationPolicy sees it, for its TLS or its token. `unread` is
    whether it is open for want of objects that were not read, not of what the call does not tell.
    """

    permission: Permission
    why: str
    policy: str | None = None
    rule: int | None = None
    providers: tuple[str, ...] = ()
    asked: bool = False
    rejected: bool = False
    unread: bool = False


def combined(verdicts: Sequence[AccessVerdict]) -> AccessVerdict:
    """The verdict on a call that passes several points: denied by any; else open if one is; else allowed."""
    denied = next((one for one in verdicts if one.permission is Permission.DENIED), None)
    if denied is not None:
        return denied
    open_ = [one for one in verdicts if one.permission is Permission.DEPENDS]
    if open_:
        return structs.replace(
            next((one for one in open_ if not one.asked), open_[0]),
            providers=tuple(dict.fromkeys(name for one in open_ for name in one.providers)),
            asked=all(one.asked for one in open_),
            unread=any(one.unread for one in open_),
        )
    named = [one for one in verdicts if one.policy is not None]
    return (named or list(verdicts) or [AccessVerdict(permission=Permission.ALLOWED, why=NOBODY)])[0]


def alternatives(verdicts: Sequence[AccessVerdict], what: str) -> AccessVerdict:
    """The verdict where one of several is true, and it is not known which: theirs if they agree, else open."""
    first = verdicts[0]
    if all(one.permission is first.permission and one.asked == first.asked for one in verdicts):
        return first
    sides = {permission: next((v for v in verdicts if v.permission is permission), None) for permission in Permission}
    reasons = [f"{permission}: {verdict.why}" for permission, verdict in sides.items() if verdict is not None]
    return AccessVerdict(
        permission=Permission.DEPENDS,
        why=f"It depends on {what}. {' '.join(reasons)}",
        providers=tuple(dict.fromkeys(name for one in verdicts for name in one.providers)),
        unread=any(one.unread for one in verdicts),
    )


NOBODY = "Nothing enforces policies there: the called workload has no proxy."


def decide_call(config: AuthorizationConfig, point: EnforcementPoint, call: JudgedCall, *, now: float) -> AccessVerdict:
    """The decision of one point; `now` (Unix seconds) is for tokens that expire."""
    return _PointDecision(config, point, call, now).verdict()


class _PointDecision:
    """One decision: the rules of each action, and what each says of the call."""

    def __init__(self, config: AuthorizationConfig, point: EnforcementPoint, call: JudgedCall, now: float) -> None:
        self.config = config
        self.point = point
        self.applied: PolicySet = config.at(point)
        self.reach = Reach.TCP
        if point.enforcer is Enforcer.ZTUNNEL:
            self.reach = Reach.ZTUNNEL
        elif call.is_http:
            self.reach = Reach.HTTP
        self.delimited: frozenset[str] = frozenset(DELIMITED)
        self.token: tuple[Truth, str] = (False, "")
        if self.reach is Reach.HTTP:
            self.token, claims, self.delimited = _checked_token(self.applied.tokens, call, now)
            call = structs.replace(call, claims=claims)
        self.call = call

    def verdict(self) -> AccessVerdict:
        rejections = [self._peer(), self.token]
        refused = next((why for truth, why in rejections if truth is True), None)
        if refused is not None:
            return AccessVerdict(permission=Permission.DENIED, why=refused, rejected=True)
        opened = [why for truth, why in rejections if truth is None]
        opened += self.applied.open
        enforced = [policy for policy in self.applied.policies if policy.enforced]
        opened += [
            f"{policy.title} cannot be judged: {policy.problem}." for policy in enforced if policy.problem is not None
        ]
        judged = [policy for policy in enforced if policy.problem is None]
        custom, providers, sure = self._custom(judged)
        if custom is not None and custom.permission is Permission.DENIED:
            return custom
        denied = self._action(judged, PolicyAction.DENY)
        if denied is not None and denied.permission is Permission.DENIED:
            return denied
        allowed = self._allow(judged)
        if allowed.permission is Permission.DENIED and not self._may_be_allowed_by_odd(enforced):
            return allowed
        open_ = [one for one in (custom, denied, allowed) if one is not None and one.permission is Permission.DEPENDS]
        if opened or open_ or allowed.permission is Permission.DENIED:
            why = opened[0] if opened else open_[0].why
            first = None if opened else open_[0]
            return AccessVerdict(
                permission=Permission.DEPENDS,
                why=why,
                policy=first.policy if first is not None else None,
                rule=first.rule if first is not None else None,
                providers=providers,
                unread=self._is_unread(rejections),
            )
        if providers and sure:
            names = " and ".join(providers)
            return AccessVerdict(
                permission=Permission.DEPENDS,
                why=f"{sure} matches, and {names} must allow it.",
                policy=sure,
                providers=providers,
                asked=True,
            )
        return allowed

    def _is_unread(self, rejections: Sequence[tuple[Truth, str]]) -> bool:
        """Whether objects that were not read leave the verdict open."""
        config, (peer, token) = self.config, rejections
        peers = "PeerAuthentication" in config.unread or config.settings.root_namespace is None
        tokens = "RequestAuthentication" in config.unread
        return bool(self.applied.open) or (peer[0] is None and peers) or (token[0] is None and tokens)

    def _may_be_allowed_by_odd(self, enforced: Iterable[ReadPolicy]) -> bool:
        """Whether an ALLOW policy that cannot be judged, or objects that were not read, may allow the call."""
        if self.applied.open:
            return True
        return any(p.problem is not None and p.action is PolicyAction.ALLOW for p in enforced)

    def _peer(self) -> tuple[Truth, str]:
        """Whether mutual TLS rejects the call."""
        point, principal = self.point, self.call.principal
        if point.enforcer in (Enforcer.GATEWAY, Enforcer.WAYPOINT):
            return False, ""
        foreign, domain = self._foreign()
        if isinstance(principal, str):
            return foreign, f"{point.title} does not trust the trust domain {domain}."
        port = None if isinstance(self.call.port, Untold) else self.call.port
        mode = self.config.mode(point.namespace, point.labels, port)
        if not isinstance(mode, Mode):
            return None, f"Whether mutual TLS is required is not known: {mode}."
        if mode is not Mode.STRICT:
            open_ = principal is not None and foreign is not False
            return (None if open_ else False), f"Whether {point.title} trusts the caller's trust domain is not known."
        if principal is None:
            return True, f"{point.title} requires mutual TLS (STRICT), and the call is in plaintext."
        return None, f"{point.title} requires mutual TLS (STRICT), and whether the call has it is not known."

    def _foreign(self) -> tuple[Truth, str]:
        """Whether the caller's trust domain, if it has one, is not among those that a sidecar trusts."""
        domains, call = self.config.settings.trust_domains, self.call
        if self.point.enforcer is not Enforcer.SIDECAR or not domains or call.trusted:
            return False, ""
        if not isinstance(call.principal, str):
            return None, ""
        domain = trust_domain_of(call.principal)
        return domain not in domains, domain

    def _near(self, policy: ReadPolicy) -> Surroundings:
        return Surroundings(
            namespace=policy.obj.meta.namespace,
            normalization=self.config.settings.normalization,
            delimited=self.delimited,
        )

    def _matching(self, policy: ReadPolicy) -> Iterable[tuple[CallRule, Truth]]:
        allows = policy.action is PolicyAction.ALLOW
        near = self._near(policy)
        for rule in policy.rules:
            yield rule, rule.matches(self.call, near, self.reach, allows=allows)

    def _action(self, policies: Sequence[ReadPolicy], action: PolicyAction) -> AccessVerdict | None:
        """What the policies of one action say: a match, perhaps a match (depends), or None."""
        perhaps: AccessVerdict | None = None
        for policy in policies:
            if policy.action is not action:
                continue
            for rule, truth in self._matching(policy):
                if truth is True:
                    matched = Permission.DENIED if action is PolicyAction.DENY else Permission.ALLOWED
                    verb = "denies" if action is PolicyAction.DENY else "allows"
                    return AccessVerdict(
                        permission=matched,
                        why=f"{policy.title}, rule {rule.number}, {verb} it.",
                        policy=policy.title,
                        rule=rule.number,
                    )
                if truth is None and perhaps is None:
                    perhaps = self._open(policy, rule, "may deny" if action is PolicyAction.DENY else "may allow")
        return perhaps

    def _open(self, policy: ReadPolicy, rule: CallRule, what: str) -> AccessVerdict:
        missing = rule.undecided(self.call, self._near(policy), self.reach)
        return AccessVerdict(
            permission=Permission.DEPENDS,
            why=f"{policy.title}, rule {rule.number}, {what} it: it depends on {_listed(missing)}.",
            policy=policy.title,
            rule=rule.number,
        )

    def _allow(self, policies: Sequence[ReadPolicy]) -> AccessVerdict:
        rules = [policy for policy in policies if policy.action is PolicyAction.ALLOW]
        if not rules:
            any_deny = any(policy.action is PolicyAction.DENY for policy in policies)
            why = (
                f"No DENY policy matches at {self.point.title}, and there is no ALLOW policy."
                if any_deny
                else f"No AuthorizationPolicy restricts {self.point.title}."
            )
            return AccessVerdict(permission=Permission.ALLOWED, why=why)
        found = self._action(rules, PolicyAction.ALLOW)
        if found is not None:
            return found
        return AccessVerdict(
            permission=Permission.DENIED,
            why=f"No ALLOW rule matches at {self.point.title} ({_listed([policy.title for policy in rules])}).",
            policy=rules[0].title if len(rules) == 1 else None,
        )

    def _custom(self, policies: Sequence[ReadPolicy]) -> tuple[AccessVerdict | None, tuple[str, ...], str]:
        """CUSTOM policies: what is wrong with them or open, the providers that are asked, and a policy that matches."""
        if self.reach is Reach.ZTUNNEL:
            return None, (), ""
        settings = self.config.settings
        custom = [policy for policy in policies if policy.action is PolicyAction.CUSTOM]
        names = {
            policy.provider
            for policy in self.applied.policies
            if policy.action is PolicyAction.CUSTOM and policy.problem is None
        }
        crowded = negated(settings.several_providers) if len(names) > 1 else False
        asked: list[str] = []
        sure = ""
        perhaps: AccessVerdict | None = None
        for policy in custom:
            missing = settings.providers is not None and policy.provider not in settings.providers
            for rule, truth in self._matching(policy):
                if truth is False:
                    continue
                bad = some((crowded, missing))
                if truth is None:
                    perhaps = perhaps or self._open(policy, rule, f"may have {policy.provider} asked about")
                elif bad is True:
                    reason = f"there is no provider {policy.provider}" if missing else "there are several providers"
                    why = f"{policy.title}, rule {rule.number}, matches, but {reason}: Istio denies it."
                    denied = AccessVerdict(permission=Permission.DENIED, why=why, policy=policy.title, rule=rule.number)
                    return denied, (), ""
                elif bad is None:
                    why = (
                        f"{policy.title}, rule {rule.number}, matches, but whether this istiod takes several providers"
                        " for one workload is not known."
                    )
                    perhaps = perhaps or AccessVerdict(
                        permission=Permission.DEPENDS, why=why, policy=policy.title, rule=rule.number
                    )
                else:
                    sure = sure or policy.title
                    asked.append(policy.provider)
        return perhaps, tuple(dict.fromkeys(asked)), sure


def _listed(names: Sequence[str]) -> str:
    """Names as a clause; the first four of many."""
    shown = [*names[:4], *([f"{len(names) - 4} more"] if len(names) > 4 else [])]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else "what is not known"


def _checked_token(
    rules: TokenRules, call: JudgedCall, now: float
) -> tuple[tuple[Truth, str], Mapping[str, Any] | Untold | None, frozenset[str]]:
    """Whether request authentication rejects the call, the claims that policies see, and those that are split.

    Where no RequestAuthentication applies nobody looks at a token, and policies see none.
    """
    claims, plain = call.claims, frozenset(DELIMITED)
    if rules.problem is not None:
        if claims is None:
            return (False, ""), None, plain
        if call.good_token:
            return (False, ""), Untold.UNTOLD, plain
        return (None, f"It depends on the token: {rules.problem}."), Untold.UNTOLD, plain
    if not rules.titles:
        return (False, ""), None, plain
    if claims is None:
        return (False, ""), None, plain
    by = rules.titles[0]
    if isinstance(claims, Untold):
        if call.good_token:
            return (False, ""), claims, plain
        return (None, f"It depends on the token: {by} rejects one that is not valid."), claims, plain
    issuer = claims.get("iss")
    accepted = rules.issuers.get(issuer) if isinstance(issuer, str) else None
    if accepted is None:
        return (True, f"{by} rejects the token: no rule is for its issuer."), None, plain
    ends, begins = _number(claims.get("exp")), _number(claims.get("nbf"))
    if ends is not None and ends <= now:
        return (True, f"{by} rejects the token: it has expired."), None, plain
    if begins is not None and begins > now:
        return (True, f"{by} rejects the token: it is not valid yet."), None, plain
    audience = claims.get("aud")
    named = {audience} if isinstance(audience, str) else set(texts(audience))
    if not any(not wanted or wanted & named for wanted in accepted):
        return (True, f"{by} rejects the token: it is for another audience."), None, plain
    return (False, ""), claims, plain | rules.delimited.get(str(issuer), frozenset())


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
