"""What changed: the marks that clusters keep of it, and changes as they are told."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

HORIZON_SECONDS = 86_400.0
"""Marks older than a day are not kept: what broke today was changed today, and clusters hold years of them."""


class FieldWrite(Struct, frozen=True, kw_only=True):
    """One entry of `metadata.managedFields`: who wrote last, when (Unix seconds), and which fields it owns.

    `fields` is FieldsV1 as the server sent it, decoded only where somebody asks. Kubernetes keeps no values here, and
    of each manager only its last write: what changed then is among the fields that it owns.
    """

    manager: str
    operation: str = ""
    time: float = 0.0
    subresource: str = ""
    fields: bytes = b""


class ObjectTrace(Struct, frozen=True, kw_only=True):
    """The marks on one object: when it was created, whether it is being deleted, and who wrote what lately."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    created: float = 0.0
    deleted: float | None = None
    writes: tuple[FieldWrite, ...] = ()


class KubeEvent(Struct, frozen=True, kw_only=True):
    """An Event of Kubernetes, of core/v1 or events.k8s.io: what it says of which object, since when, how often."""

    reason: str
    kind: str
    namespace: str
    name: str
    message: str = ""
    first: float = 0.0
    last: float = 0.0
    count: int = 1
    reporter: str = ""


class Traces(Struct, frozen=True, kw_only=True):
    """The marks of changes in one cluster, of the last day; read only where changes are asked for."""

    objects: tuple[ObjectTrace, ...] = ()
    events: tuple[KubeEvent, ...] = ()


class ChangeHow(StrEnum):
    """What was done to a thing, in a word."""

    ROLLOUT = "rollout"
    WEIGHTS = "weights"
    SCALE = "scale"
    EDIT = "edit"
    CREATE = "create"
    DELETE = "delete"
    CERTIFICATE = "certificate"
    MEMBERSHIP = "membership"
    NODE = "node"
    RESTART = "restart"
    LOST = "lost"
    EVENT = "event"


class FieldChange(Struct, frozen=True, rename="camel"):
    """A field, and what it held before and after; None where that is not known."""

    path: str
    before: str | None = None
    after: str | None = None

    def words(self) -> str:
        """`image 2.9.1 → 3.0.0`, or the path alone where the values are not known."""
        if self.before is None and self.after is None:
            return self.path
        return (
            f"{self.path} {'?' if self.before is None else self.before} → {'?' if self.after is None else self.after}"
        )


class Change(Struct, frozen=True, kw_only=True):
    """Something that somebody or something changed, in one sentence and in its parts; `at` is Unix seconds.

    `clusters` are several where one action reached several; `who` is the manager that wrote it, else who reports it, ""
    where nothing tells. `workloads` and `services` (namespace, name) are those that it is about, in its clusters.
    `plane` marks what a control plane runs, `wide` what concerns everything in its clusters. `key` identifies it.
    """

    at: float
    clusters: tuple[str, ...]
    namespace: str
    kind: str
    name: str
    how: ChangeHow
    title: str
    who: str = ""
    what: tuple[str, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    workloads: tuple[tuple[str, str], ...] = ()
    services: tuple[tuple[str, str], ...] = ()
    plane: bool = False
    wide: bool = False
    undo: str = ""
    """The id of the action of meshtop that it was; it can be taken back from here."""

    @property
    def key(self) -> str:
        """What it is known by from one look to the next."""
        place = "/".join(filter(None, (",".join(self.clusters), self.namespace, self.kind, self.name)))
        return f"{place}@{int(self.at)}-{self.how}"


class SeenChange(Struct, frozen=True, kw_only=True):
    """A field of an object that changed while meshtop watched, with its values.

    `scope` is the cluster's UID or server.
    """

    at: float
    scope: str
    kind: str
    namespace: str
    name: str
    path: str
    before: str | None
    after: str | None


class ChangeMemory(Protocol):
    """Remembers what was seen to change, from one run to the next."""

    def note(self, changes: Sequence[SeenChange]) -> None:
        """Write down what was seen."""

    def seen(self, since: float, until: float) -> Sequence[SeenChange]:
        """What was seen in that time (Unix seconds), the oldest first."""
