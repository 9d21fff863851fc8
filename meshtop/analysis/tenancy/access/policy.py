"""An NGAC policy: users, attributes, objects and policy classes, assigned to each other, with rights between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.model.errors import MeshtopError

EVERY_RIGHT = "*"


class PolicyError(MeshtopError):
    """An invalid policy, as one sentence with the offending name; `name` is that name alone."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class PolicyNodeKind(StrEnum):
    """Kind of a node of the policy graph."""

    USER = "user"
    USER_ATTRIBUTE = "user attribute"
    OBJECT = "object"
    OBJECT_ATTRIBUTE = "object attribute"
    POLICY_CLASS = "policy class"


_MAY_BE_ASSIGNED_TO = {
    PolicyNodeKind.USER: {PolicyNodeKind.USER_ATTRIBUTE},
    PolicyNodeKind.USER_ATTRIBUTE: {PolicyNodeKind.USER_ATTRIBUTE, PolicyNodeKind.POLICY_CLASS},
    PolicyNodeKind.OBJECT: {PolicyNodeKind.OBJECT_ATTRIBUTE, PolicyNodeKind.POLICY_CLASS},
    PolicyNodeKind.OBJECT_ATTRIBUTE: {PolicyNodeKind.OBJECT_ATTRIBUTE, PolicyNodeKind.POLICY_CLASS},
    PolicyNodeKind.POLICY_CLASS: set[PolicyNodeKind](),
}


class Association(Struct, frozen=True):
    """Members of a user attribute hold rights on what is under a target; `*` is every right."""

    user_attribute: str
    rights: frozenset[str]
    target: str


class Prohibition(Struct, frozen=True):
    """Rights taken from a subject (a user or user attribute) on what its inclusions and exclusions describe.

    Conjunctive: under all inclusions and under no exclusion. Disjunctive: under any inclusion, or not under some
    exclusion. Without inclusions and exclusions it never applies.
    """

    subject: str
    rights: frozenset[str]
    conjunctive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Policy:
    """A validated policy graph, indexed for decisions. Raises PolicyError when it is invalid.

    `assignments` maps each name to its parents; `kinds` maps each name to its kind.
    """

    def __init__(
        self,
        kinds: Mapping[str, PolicyNodeKind],
        assignments: Mapping[str, Sequence[str]],
        associations: Iterable[Association] = (),
        prohibitions: Iterable[Prohibition] = (),
    ) -> None:
        self.kinds = dict(kinds)
        self.parents = {name: tuple(dict.fromkeys(assignments.get(name, ()))) for name in kinds}
        self.associations = tuple(associations)
        self.prohibitions = tuple(prohibitions)
        self._check_names(assignments)
        self._check_cycles()
        self.by_target: dict[str, list[Association]] = {}
        for association in self.associations:
            self.by_target.setdefault(association.target, []).append(association)
        self.by_subject: dict[str, list[Prohibition]] = {}
        for prohibition in self.prohibitions:
            self.by_subject.setdefault(prohibition.subject, []).append(prohibition)
        rights = [*(a.rights for a in self.associations), *(p.rights for p in self.prohibitions)]
        self.rights = frozenset().union(*rights) - {EVERY_RIGHT}

    def _check_names(self, assignments: Mapping[str, Sequence[str]]) -> None:
        for name in assignments:
            if name not in self.kinds:
                raise PolicyError(f"{name} is assigned but not declared", name)
        for name, parents in self.parents.items():
            allowed = _MAY_BE_ASSIGNED_TO[self.kinds[name]]
            for parent in parents:
                kind = self.kinds.get(parent)
                if kind is None:
                    raise PolicyError(f"{self.kinds[name]} {name} is assigned to {parent}, which is not declared", name)
                if kind not in allowed:
                    raise PolicyError(f"{self.kinds[name]} {name} can't be assigned to {parent}, a {kind}", name)
        for association in self.associations:
            if self.kinds.get(association.user_attribute) is not PolicyNodeKind.USER_ATTRIBUTE:
                named = association.user_attribute
                raise PolicyError(f"an association names {named}, which is not a user attribute", named)
            if self.kinds.get(association.target) in (None, PolicyNodeKind.USER, PolicyNodeKind.POLICY_CLASS):
                target = association.target
                raise PolicyError(f"an association targets {target}, which is not an object or attribute", target)
        for prohibition in self.prohibitions:
            if self.kinds.get(prohibition.subject) not in (PolicyNodeKind.USER, PolicyNodeKind.USER_ATTRIBUTE):
                subject = prohibition.subject
                raise PolicyError(f"a prohibition names {subject}, which is not a user or user attribute", subject)
            for name in (*prohibition.include, *prohibition.exclude):
                if name not in self.kinds:
                    raise PolicyError(f"a prohibition names {name}, which is not declared", name)

    def _check_cycles(self) -> None:
        done: set[str] = set()
        for start in self.parents:
            if start in done:
                continue
            path: dict[str, None] = {start: None}
            stack = [iter(self.parents[start])]
            while stack:
                parent = next(stack[-1], None)
                if parent is None:
                    stack.pop()
                    done.add(path.popitem()[0])
                elif parent in path:
                    names = list(path)
                    cycle = [*names[names.index(parent) :], parent]
                    raise PolicyError(f"assignments form a cycle: {' → '.join(cycle)}", parent)
                elif parent not in done:
                    path[parent] = None
                    stack.append(iter(self.parents[parent]))

    def upward(self, name: str) -> dict[str, str | None]:
        """Everything reachable from a name, itself first, each with the child it was reached from (None at the start).

        Breadth first, so that the chain back to the start is a shortest one.
        """
        reached: dict[str, str | None] = {name: None}
        queue = [name]
        for node in queue:
            for parent in self.parents.get(node, ()):
                if parent not in reached:
                    reached[parent] = node
                    queue.append(parent)
        return reached
