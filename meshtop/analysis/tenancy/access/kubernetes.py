"""What Kubernetes itself allows: RBAC, as its own reviews tell it."""

from __future__ import annotations

from msgspec import Struct


class Wanted(Struct, frozen=True):
    """What an action would ask of an API server."""

    verb: str
    group: str
    resource: str
    name: str = ""

    @property
    def text(self) -> str:
        """As RBAC writes it: `patch virtualservices.networking.istio.io`."""
        return f"{self.verb} {self.qualified}"

    @property
    def qualified(self) -> str:
        """The resource with its group."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


class ResourceRule(Struct, frozen=True, rename="camel"):
    """One rule of a SelfSubjectRulesReview; `*` stands for anything, no names for all of them."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()

    def allows(self, wanted: Wanted) -> bool:
        """Whether this rule alone grants it."""
        return (
            _in(wanted.verb, self.verbs)
            and _in(wanted.group, self.api_groups)
            and _in(wanted.resource, self.resources)
            and (not self.resource_names or (bool(wanted.name) and wanted.name in self.resource_names))
        )


class Rules(Struct, frozen=True):
    """What a user may do in one namespace of one cluster; `incomplete` where the server could not tell all of it."""

    namespace: str
    rules: tuple[ResourceRule, ...] = ()
    incomplete: bool = False

    def allows(self, wanted: Wanted) -> bool | None:
        """Whether it is allowed; None where the server did not tell all and what it told does not grant it."""
        if any(rule.allows(wanted) for rule in self.rules):
            return True
        return None if self.incomplete else False


def _in(wanted: str, given: tuple[str, ...]) -> bool:
    return "*" in given or wanted in given
