"""Changes from managedFields: who wrote an object when, and which fields; creation and deletion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshtop.analysis.changes.written_fields import UNREADABLE, FieldsUnreadable, told_paths, written_paths
from meshtop.model.changes import FieldWrite, ObjectTrace

CREATED_WITHIN_SECONDS = 2.0
"""What was written so soon after an object was created belongs to its creation."""
_CONTROLLERS = frozenset({"kube-controller-manager", "pilot-discovery", "istiod", "ztunnel", "k3s", "kube-apiserver"})
"""Managers that write for others; what they write into a spec counts only where nobody else could have."""
_OF_NODES = ("spec.unschedulable", "spec.taints", UNREADABLE)
"""What of a node is a change: that it takes pods no more, or again."""
_MOVED_BY_CONTROLLERS = frozenset({"ConfigMap", "Secret", "MutatingWebhookConfiguration"})


class Mark(Struct, frozen=True, kw_only=True):
    """One write (or creation, or deletion) of an object, as far as it tells of a change; `paths` are fields owned."""

    trace: ObjectTrace
    at: float
    who: str
    paths: tuple[str, ...]
    created: bool = False
    deleted: bool = False

    def touches(self, prefix: str) -> bool:
        """Whether it owns this field, or one below it."""
        return any(path == prefix or path.startswith((f"{prefix}.", f"{prefix}[")) for path in self.paths)

    def only(self, *prefixes: str) -> bool:
        """Whether all that it owns is these fields, or below them."""
        return bool(self.paths) and all(
            any(path == prefix or path.startswith((f"{prefix}.", f"{prefix}[")) for prefix in prefixes)
            for path in self.paths
        )


def change_marks(traces: Iterable[ObjectTrace], since: float) -> Iterator[Mark]:
    """The marks on objects since a moment (Unix seconds); what controllers note as they go is left out."""
    for trace in traces:
        if trace.deleted is not None and trace.deleted >= since:
            yield Mark(trace=trace, at=trace.deleted, who="", paths=(), deleted=True)
        made = trace.created >= since
        first: Mark | None = None
        for write in sorted(trace.writes, key=lambda one: one.time):
            mark = _mark(trace, write)
            if mark is None or write.time < since:
                continue
            if made and write.time <= trace.created + CREATED_WITHIN_SECONDS:
                # Those who create an object often write it twice at once: its creation is one change.
                first = first or mark
                continue
            yield mark
        if made:
            who, paths = (first.who, first.paths) if first is not None else ("", ())
            yield Mark(trace=trace, at=trace.created, who=who, paths=paths, created=True)


def _mark(trace: ObjectTrace, write: FieldWrite) -> Mark | None:
    if write.subresource == "status":
        return None
    try:
        owned = written_paths(write.fields)
        paths = told_paths(owned)
    except FieldsUnreadable:
        owned = paths = (UNREADABLE,)
    if owned and not paths:
        return None
    if trace.kind == "Node" and not any(path.startswith(_OF_NODES) for path in paths):
        # Discovery of features and cloud controllers label thousands of nodes as they go.
        return None
    if write.manager in _CONTROLLERS and trace.kind not in _MOVED_BY_CONTROLLERS:
        return None
    if write.manager in _CONTROLLERS and not any(path.startswith(("data", "binaryData")) for path in paths):
        return None
    return Mark(trace=trace, at=write.time, who=write.manager, paths=paths)
