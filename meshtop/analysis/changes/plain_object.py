"""An object as people read it: without bookkeeping; two of them held against each other; who wrote which field when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from meshtop.analysis.changes.written_fields import UNREADABLE, FieldsUnreadable, told_paths, written_paths
from meshtop.analysis.inventory.untyped import mapping, maps, text

_OWN = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "managedFields"}
)
"""Metadata that no two clusters share."""
_OWN_ANNOTATIONS = ("deployment.kubernetes.io/", "deprecated.daemonset.template.generation", "kubectl.kubernetes.io/")
_OWN_SPEC = frozenset({"clusterIP", "clusterIPs", "nodeName", "healthCheckNodePort"})
_DEFAULTS: Mapping[str, Any] = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "progressDeadlineSeconds": 600,
    "revisionHistoryLimit": 10,
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "ipFamilyPolicy": "SingleStack",
    "protocol": "TCP",
}
"""What API servers fill in: left out where two objects are compared, as one of them may be older than the default."""


class FieldHistory(Struct, frozen=True, rename="camel", kw_only=True):
    """What one manager owns of an object and when it wrote last (Unix seconds; None where the server says none).

    `fields` are paths; what they held before is known only where meshtop watched (`before`, `after`).
    """

    time: float | None
    who: str
    operation: str
    fields: tuple[str, ...]
    before: str | None = None
    after: str | None = None


def readable_object(obj: Mapping[str, Any], *, status: bool = True) -> dict[str, Any]:
    """An object without managedFields, and without its status where nobody asked for that."""
    metadata = {name: value for name, value in mapping(obj.get("metadata")).items() if name != "managedFields"}
    found = {name: value for name, value in obj.items() if status or name != "status"}
    return {**found, "metadata": metadata} if metadata else found


def comparable_object(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What of an object two clusters may share: no identity, no moments, no status, no defaults."""
    metadata = {name: value for name, value in mapping(obj.get("metadata")).items() if name not in _OWN}
    annotations = {
        name: value
        for name, value in mapping(metadata.get("annotations")).items()
        if not name.startswith(_OWN_ANNOTATIONS)
    }
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    owners = [{k: v for k, v in owner.items() if k != "uid"} for owner in maps(metadata.get("ownerReferences"))]
    if owners:
        metadata["ownerReferences"] = owners
    rest = {name: _without_defaults(value) for name, value in obj.items() if name not in ("metadata", "status")}
    if isinstance(rest.get("spec"), dict):
        rest["spec"] = {name: value for name, value in rest["spec"].items() if name not in _OWN_SPEC}
    return {**rest, "metadata": metadata}


def _without_defaults(value: Any, depth: int = 0) -> Any:
    if depth > 100:
        return value
    if isinstance(value, dict):
        return {
            name: _without_defaults(inner, depth + 1)
            for name, inner in value.items()
            if name not in _DEFAULTS or inner != _DEFAULTS[name]
        }
    if isinstance(value, list):
        return [_without_defaults(inner, depth + 1) for inner in value]
    return value


def history_of(obj: Mapping[str, Any]) -> list[FieldHistory]:
    """Who wrote which fields of an object when, the newest first; bookkeeping and statuses are left out."""
    return sorted(_history(obj), key=lambda one: (-(one.time or 0.0), one.who))


def _history(obj: Mapping[str, Any]) -> Iterator[FieldHistory]:
    for entry in maps(mapping(obj.get("metadata")).get("managedFields")):
        if text(entry.get("subresource")) == "status":
            continue
        try:
            owned = written_paths(msgspec.json.encode(entry.get("fieldsV1")))
            paths = told_paths(owned)
        except FieldsUnreadable:
            owned = paths = (UNREADABLE,)
        if owned and not paths:
            continue
        yield FieldHistory(
            time=_moment(text(entry.get("time"))),
            who=text(entry.get("manager")) or "unknown",
            operation=text(entry.get("operation")) or "",
            fields=paths,
        )


def _moment(said: str | None) -> float | None:
    try:
        return datetime.fromisoformat(said).timestamp() if said else None
    except (ValueError, OverflowError):
        return None
