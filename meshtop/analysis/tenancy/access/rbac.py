"""Kubernetes' rules for a user: answers of its self subject reviews (authorization.k8s.io/v1)."""

from __future__ import annotations

from msgspec import Struct


class ResourceAttributes(Struct, frozen=True):
    """A request as RBAC judges it: verb, API group, resource (plural) and, where it is known, the object's name."""

    verb: str
    group: str
    resource: str
    name: str = ""

    @property
    def text(self) -> str:
        """The request in words, such as `patch virtualservices.networking.istio.io`."""
        return f"{self.verb} {self.qualified}"

    @property
    def qualified(self) -> str:
        """The resource with its group, such as `virtualservices.networking.istio.io`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


class ResourceRule(Struct, frozen=True, rename="camel"):
    """One rule of a SelfSubjectRulesReview: `*` matches anything, and a rule without names matches every object."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()

    def allows(self, request: ResourceAttributes) -> bool:
        """Whether this rule by itself grants the request."""
        return (
            _in(request.verb, self.verbs)
            and _in(request.group, self.api_groups)
            and _in(request.resource, self.resources)
            and (not self.resource_names or (bool(request.name) and request.name in self.resource_names))
        )


class SubjectRules(Struct, frozen=True):
    """The user's rules in one namespace of one cluster; `incomplete` where the server could not list all."""

    namespace: str
    rules: tuple[ResourceRule, ...] = ()
    incomplete: bool = False

    def allows(self, request: ResourceAttributes) -> bool | None:
        """Whether the request is allowed; None where the rules are incomplete and none of them grants it."""
        if any(rule.allows(request) for rule in self.rules):
            return True
        return None if self.incomplete else False


def _in(value: str, allowed: tuple[str, ...]) -> bool:
    return "*" in allowed or value in allowed
