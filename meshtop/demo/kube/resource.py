"""What an API server knows about a kind: names, versions, scope, printer columns, schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
"""A decoded JSON object, such as a Kubernetes object."""

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """A printer column of ``kubectl get``: `cell` gets the object and the time (Unix seconds)."""

    name: str
    cell: Callable[[Json, float], Any]
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True)
class Resource:
    """One kind as it is served; `versions` has the storage version first.

    `schemas` are the structural schemas of a custom resource by version (empty for built-in kinds, which are not
    validated). `field_selectors` are the fields beyond name and namespace that a field selector may use.
    `version_columns` win over `columns`.
    """

    group: str
    versions: tuple[str, ...]
    kind: str
    plural: str
    singular: str = ""
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    columns: tuple[PrinterColumn, ...] = ()
    version_columns: Mapping[str, tuple[PrinterColumn, ...]] = field(default_factory=dict)
    status_subresource: bool = False
    schemas: Mapping[str, Json] = field(default_factory=dict)
    custom: bool = False
    generation: bool = True
    field_selectors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS

    @property
    def key(self) -> tuple[str, str]:
        """Group and kind, under which the store keeps the objects."""
        return self.group, self.kind

    @property
    def qualified(self) -> str:
        """The name error messages use: ``virtualservices.networking.istio.io`` or ``pods``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str) -> str:
        """The apiVersion of this kind in a version."""
        return f"{self.group}/{version}" if self.group else version

    def columns_in(self, version: str) -> tuple[PrinterColumn, ...]:
        """The printer columns in a version."""
        return self.version_columns.get(version, self.columns)


_VERSION = re.compile(r"^v(\d+)(?:(alpha|beta)(\d+))?$")


def version_priority(version: str) -> tuple[int, int, int, str]:
    """A sort key that puts the version first that discovery prefers: v2, v1, v1beta2, v1alpha1, others.

    Source: Kubernetes documentation, "Version priority" of CustomResourceDefinitions.
    """
    match = _VERSION.match(version)
    if match is None:
        return (3, 0, 0, version)
    stability = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (stability, -int(match[1]), -int(match[3] or 0), version)


def group_version(api_version: str) -> tuple[str, str]:
    """Split an apiVersion into group and version."""
    group, _, version = api_version.rpartition("/")
    return group, version
