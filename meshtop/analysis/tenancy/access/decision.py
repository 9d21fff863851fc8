"""Access decisions with reasons, following NIST's policy-machine-core (reference/anchors.md, "NGAC")."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from meshtop.analysis.tenancy.access.policy import EVERY_RIGHT, Policy, PolicyError, PolicyNodeKind, Prohibition


class Decision(Struct, frozen=True):
    """The rights a user holds on an object: what was granted by every policy class, less what is prohibited."""

    user: str
    object: str
    rights: frozenset[str]
    granted: frozenset[str]
    by_policy_class: dict[str, frozenset[str]]
    prohibitions: tuple[Prohibition, ...]


class Grant(Struct, frozen=True):
    """One grant of a right: the user's path to the attribute, and the object's path to the target."""

    user_path: tuple[str, ...]
    object_path: tuple[str, ...]
    rights: tuple[str, ...]


class Explanation(Struct, frozen=True):
    """Explanation of a decision: grants by policy class, policy classes without one, and prohibitions that apply."""

    allowed: bool
    grants: dict[str, tuple[Grant, ...]]
    missing: tuple[str, ...]
    prohibitions: tuple[Prohibition, ...]
    sentence: str


def prohibition_applies(prohibition: Prohibition, above: Collection[str]) -> bool:
    """Whether a prohibition applies to an object; `above` is everything reachable from it, including itself."""
    if not prohibition.include and not prohibition.exclude:
        return False
    if prohibition.conjunctive:
        return all(n in above for n in prohibition.include) and not any(n in above for n in prohibition.exclude)
    return any(n in above for n in prohibition.include) or any(n not in above for n in prohibition.exclude)


def _known(policy: Policy, user: str, object_: str) -> None:
    if policy.kinds.get(user) is not PolicyNodeKind.USER:
        raise PolicyError(f"{user} is not a user in this policy")
    if policy.kinds.get(object_) not in (PolicyNodeKind.OBJECT, PolicyNodeKind.OBJECT_ATTRIBUTE):
        raise PolicyError(f"{object_} is not an object in this policy")


def _policy_classes(policy: Policy, above: Collection[str]) -> list[str]:
    return sorted(name for name in above if policy.kinds[name] is PolicyNodeKind.POLICY_CLASS)


def decide(policy: Policy, user: str, object_: str, *, rights: Collection[str] = ()) -> Decision:
    """The rights of a user on an object. Raises PolicyError when the policy does not know one of them.

    `rights` are rights to consider besides those the policy names, since `*` grants every right there is.
    """
    _known(policy, user, object_)
    universe = policy.rights | frozenset(rights) - {EVERY_RIGHT}
    users, objects = policy.upward(user), policy.upward(object_)
    granted: dict[str, set[str]] = {name: set() for name in _policy_classes(policy, objects)}
    for target in objects:
        held: set[str] = set()
        for association in policy.by_target.get(target, ()):
            if association.user_attribute in users:
                held |= universe if EVERY_RIGHT in association.rights else association.rights
        if held:
            for policy_class in _policy_classes(policy, policy.upward(target)):
                granted[policy_class] |= held
    common = frozenset(set.intersection(*granted.values())) if granted else frozenset()
    taking = tuple(
        prohibition
        for subject in users
        for prohibition in policy.by_subject.get(subject, ())
        if prohibition_applies(prohibition, objects)
    )
    denied = frozenset().union(*(universe if EVERY_RIGHT in p.rights else p.rights for p in taking))
    by_class = {name: frozenset(held) for name, held in granted.items()}
    return Decision(user, object_, common - denied, common, by_class, taking)


def _path(reached: Mapping[str, str | None], end: str) -> tuple[str, ...]:
    path = [end]
    while (before := reached[path[-1]]) is not None:
        path.append(before)
    return tuple(reversed(path))


def explain_right(policy: Policy, user: str, right: str, object_: str) -> Explanation:
    """Why a user holds a right on an object or does not: all grants, missing grants and prohibitions."""
    _known(policy, user, object_)
    users, objects = policy.upward(user), policy.upward(object_)
    grants: dict[str, list[Grant]] = {name: [] for name in _policy_classes(policy, objects)}
    for target in objects:
        for association in policy.by_target.get(target, ()):
            if association.user_attribute in users and not association.rights.isdisjoint((right, EVERY_RIGHT)):
                grant = Grant(
                    _path(users, association.user_attribute), _path(objects, target), tuple(sorted(association.rights))
                )
                for policy_class in _policy_classes(policy, policy.upward(target)):
                    grants[policy_class].append(grant)
    missing = tuple(name for name, found in grants.items() if not found)
    taking = tuple(
        prohibition
        for subject in users
        for prohibition in policy.by_subject.get(subject, ())
        if not prohibition.rights.isdisjoint((right, EVERY_RIGHT)) and prohibition_applies(prohibition, objects)
    )
    allowed = bool(grants) and not missing and not taking
    found = {name: tuple(ways) for name, ways in grants.items()}
    return Explanation(allowed, found, missing, taking, _sentence(user, right, object_, found, missing, taking))


def _sentence(
    user: str,
    right: str,
    object_: str,
    grants: Mapping[str, tuple[Grant, ...]],
    missing: tuple[str, ...],
    taking: tuple[Prohibition, ...],
) -> str:
    if not grants:
        return f"{user} may not {right} {object_}: it is under no policy class, so no one has rights on it."
    if missing:
        return f"{user} may not {right} {object_}: nothing grants {right} under {', '.join(missing)}."
    if taking:
        subjects = ", ".join(dict.fromkeys(p.subject for p in taking))
        return f"{user} may not {right} {object_}: it is granted, but a prohibition on {subjects} takes it away."
    return f"{user} may {right} {object_}: every policy class above it grants it ({', '.join(grants)})."
