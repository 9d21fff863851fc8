"""One object in every cluster, as commands and screens tell of it: as YAML, as a diff, who wrote what when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from meshtop.analysis.changes.plain_object import FieldHistory, comparable_object, history_of, readable_object
from meshtop.analysis.changes.written_fields import shortened
from meshtop.analysis.fleet.drift.trees import differences
from meshtop.model.changes import SeenChange
from meshtop.model.shown_object import ShownObject
from meshtop.model.yaml_text import diff_yaml, dump_yaml

WIDTH = 4096


class PlacedObject(Struct, frozen=True, kw_only=True):
    """An object as it stands in one cluster."""

    cluster: str
    namespace: str
    name: str
    tree: dict[str, Any]

    @property
    def title(self) -> str:
        """`us-east shop/reviews`."""
        return f"{self.cluster} {'/'.join(filter(None, (self.namespace, self.name)))}"


def placed_objects(read: Iterable[ShownObject]) -> list[PlacedObject]:
    """Every object that was found, cluster by cluster."""
    found = []
    for one in read:
        for tree in one.found:
            metadata = tree.get("metadata")
            known = metadata if isinstance(metadata, dict) else {}
            found.append(
                PlacedObject(
                    cluster=one.cluster,
                    namespace=str(known.get("namespace") or ""),
                    name=str(known.get("name") or ""),
                    tree=tree,
                )
            )
    return found


def object_yaml(placed: PlacedObject, *, status: bool = True) -> str:
    """The object as YAML, without managedFields."""
    return dump_yaml(readable_object(placed.tree, status=status), width=WIDTH).rstrip("\n")


def differing_fields(one: PlacedObject, other: PlacedObject) -> tuple[str, ...]:
    """The paths at which two objects differ, apart from what no two clusters share."""
    return tuple(differences(comparable_object(one.tree), comparable_object(other.tree)))


def object_diff(one: PlacedObject, other: PlacedObject) -> tuple[str, ...]:
    """The lines of a unified diff of two objects, apart from what no two clusters share."""
    return diff_yaml(
        comparable_object(one.tree), comparable_object(other.tree), one.title, other.title, width=WIDTH
    )


def object_history(placed: PlacedObject, kind: str, seen: Sequence[SeenChange] = ()) -> list[FieldHistory]:
    """Who wrote which fields when, and what was seen to change with its values, the newest first."""
    watched = [
        FieldHistory(time=one.at, who="(seen)", operation="", fields=(one.path,), before=one.before, after=one.after)
        for one in seen
        if (one.kind, one.namespace, one.name) == (kind, placed.namespace, placed.name)
    ]
    return sorted([*history_of(placed.tree), *watched], key=lambda one: -(one.time or 0.0))


def history_row(entry: FieldHistory) -> tuple[str, str, str, str]:
    """Time, who, operation and fields of an entry, in words."""
    at = "–" if entry.time is None else f"{datetime.fromtimestamp(entry.time, UTC):%Y-%m-%d %H:%M:%S}Z"
    fields = ", ".join(shortened(entry.fields)) or "(everything)"
    if entry.before is not None or entry.after is not None:
        fields += f": {'?' if entry.before is None else entry.before} → {'?' if entry.after is None else entry.after}"
    return at, entry.who, entry.operation, fields
