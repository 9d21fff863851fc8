"""access.yaml: an NGAC access policy (INCITS 565), validated with file and line in every error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from meshtop.settings.checked import fault, read_checked
from meshtop.settings.document import KeyPath

GENERATED = re.compile(r"(?:organization|cluster|tenant|workspace|group|namespace|team):.+")
"""Prefixes of names generated from tenancy and clusters; a policy may use such names without declaring them."""


class _Section(BaseModel):
    # Built at the first policy that is read.
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


class AssociationEntry(_Section):
    """Members of a user attribute hold rights on what is under the target; `*` is every right."""

    user_attribute: str
    rights: tuple[str, ...] = Field(min_length=1)
    target: str


class ProhibitionEntry(_Section):
    """Rights taken from a subject on what its inclusions and exclusions describe."""

    subject: str
    rights: tuple[str, ...] = Field(min_length=1)
    conjunctive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class AccessFile(_Section):
    """The whole of access.yaml; every name is `name: [what it is assigned to]`."""

    policy_classes: tuple[str, ...] = ()
    user_attributes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    object_attributes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    users: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    objects: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    associations: tuple[AssociationEntry, ...] = ()
    prohibitions: tuple[ProhibitionEntry, ...] = ()


class AccessPolicy(Struct, frozen=True):
    """A checked policy file, and where its keys stand."""

    file: AccessFile
    where: Callable[[KeyPath], str]

    def place_of(self, name: str) -> str:
        """Where a name is declared or first used."""
        for section, declared in _declared(self.file):
            if declared == name:
                return self.where((section, name))
        return next((self.where(path) for path, used in _references(self.file) if used == name), self.where(()))


def read_access(path: str | Path | None) -> AccessPolicy | None:
    """The policy in a file; None where there is no file named. Raises ConfigError."""
    if path is None:
        return None
    file, where = read_checked(AccessFile, path, "access policy")
    seen: dict[str, str] = {}
    for section, name in _declared(file):
        if name in seen:
            raise fault(where, (section, name), f"{name} is already declared in {seen[name]}; use another name")
        seen[name] = section
    for at, name in _references(file):
        if name not in seen and not GENERATED.fullmatch(name):
            raise fault(where, at, f"{name} is not declared")
    return AccessPolicy(file, where)


def _declared(file: AccessFile) -> Iterator[tuple[str, str]]:
    yield from (("policyClasses", name) for name in file.policy_classes)
    for section, names in _sections(file):
        yield from ((section, name) for name in names)


def _sections(file: AccessFile) -> tuple[tuple[str, dict[str, tuple[str, ...]]], ...]:
    return (
        ("userAttributes", file.user_attributes),
        ("objectAttributes", file.object_attributes),
        ("users", file.users),
        ("objects", file.objects),
    )


def _references(file: AccessFile) -> Iterator[tuple[KeyPath, str]]:
    """Every name that is used, with its place."""
    for section, names in _sections(file):
        for name, parents in names.items():
            yield from (((section, name, index), parent) for index, parent in enumerate(parents))
    for a, association in enumerate(file.associations):
        yield ("associations", a, "userAttribute"), association.user_attribute
        yield ("associations", a, "target"), association.target
    for p, prohibition in enumerate(file.prohibitions):
        yield ("prohibitions", p, "subject"), prohibition.subject
        for side in ("include", "exclude"):
            for index, name in enumerate(getattr(prohibition, side)):
                yield ("prohibitions", p, side, index), name
