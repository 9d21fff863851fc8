"""One object in every cluster, as commands and screens tell of it: as YAML, as a diff, who wrote what when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from meshtop.analysis.changes.plain_object import FieldHistory, comparable_object, history_of, readable_object
from meshtop.analysis.changes.written_fields import shortened
from meshtop.analysis.fleet.drift.trees import differences
from meshtop.model.changes import SeenChange
from meshtop.model.shown_object import ShownObject
from meshtop.model.yaml_text import diff_yaml, dump_yaml
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.analysis.tenancy.access.rights import Access

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
    return diff_yaml(comparable_object(one.tree), comparable_object(other.tree), one.title, other.title, width=WIDTH)


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


class WantedObject(Struct, frozen=True):
    """An object by the words that a cluster's API takes: its kind, namespace ("" for none) and name."""

    kind: str
    namespace: str
    name: str

    @property
    def title(self) -> str:
        """`VirtualService shop/reviews`."""
        return f"{self.kind} {'/'.join(filter(None, (self.namespace, self.name)))}"


_OBJECT_OF_KIND = {"services": "Service", "virtualmachines": "WorkloadEntry", "canaries": ""}
"""Kinds of meshtop whose items are one kind of object."""


def object_behind(kind: str, item: Any) -> WantedObject | None:
    """The object behind an item of a kind; None where there is none, or several."""
    if kind == "namespaces":
        return WantedObject("Namespace", "", item.name)
    name = getattr(item, "name", "")
    namespace = getattr(item, "namespace", "")
    word = _OBJECT_OF_KIND.get(kind) or getattr(item, "kind", "")
    if not name or not isinstance(word, str) or not word or word in ("Cluster", "Certificate"):
        return None
    group = "" if "." in word else _GROUPS.get(word, "")
    return WantedObject(f"{word}.{group}" if group else word, namespace, name.partition("#")[0])


_GROUPS = {"Gateway": "networking.istio.io", "Service": "", "Deployment": "apps"}
"""The group of kinds whose name several groups share."""


def may_be_read(access: Access | None, placed: PlacedObject) -> bool:
    """Whether the access policy lets the user see an object; with a policy, nothing outside of namespaces is shown."""
    return access is None or bool(placed.namespace and access.may_read(placed.cluster, placed.namespace))


def marked_lines(
    placed: PlacedObject, kind: str, seen: Sequence[SeenChange], everywhere: Sequence[PlacedObject]
) -> tuple[str, tuple[tuple[str, Tone], ...]]:
    """A heading, and the object's YAML and history; lines that not every cluster has are marked by their tone."""
    text = object_yaml(placed)
    others = [one for one in everywhere if one is not placed and one.name == placed.name]
    compared = [dump_yaml(comparable_object(one.tree), width=WIDTH).splitlines() for one in others]
    own = set(dump_yaml(comparable_object(placed.tree), width=WIDTH).splitlines())
    lines: list[tuple[str, Tone]] = []
    for line in text.splitlines():
        differs = line in own and any(line not in other for other in compared)
        lines.append((line, Tone.DEGRADED if differs else Tone.PLAIN))
    lines += [("", Tone.PLAIN), ("# who wrote what", Tone.DIM)]
    lines += [("# " + "  ".join(history_row(entry)), Tone.DIM) for entry in object_history(placed, kind, seen)]
    return placed.title, tuple(lines)
