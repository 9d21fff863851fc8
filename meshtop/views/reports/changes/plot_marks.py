"""Where changes stand on a plot: as shares of the time that it shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from meshtop.model.changes import Change, ChangeHow
from meshtop.views.frame.detail import find_item
from meshtop.views.picture.changed import changes_of
from meshtop.views.picture.picture import Picture, WorkloadId
from meshtop.views.picture.query import Query
from meshtop.views.reports.changes.view import workloads_of_change

_DRAWN = frozenset(ChangeHow) - {ChangeHow.EVENT}
"""What Events report is too often a symptom to be marked."""


def marks_in_scope(picture: Picture, query: Query, start: float, end: float) -> tuple[float, ...]:
    """The changes in the clusters and namespaces of a query, from 0 (`start`) to 1 (`end`, Unix seconds)."""
    return _shares(
        (
            change
            for change in changes_of(picture)
            if (not query.clusters or {*query.clusters} & {*change.clusters})
            and (not query.namespaces or not change.namespace or change.namespace in query.namespaces)
        ),
        start,
        end,
    )


def marks_of_item(picture: Picture, kind: str, key: str, start: float, end: float) -> tuple[float, ...]:
    """The changes that an item's plots may show the effect of: its own, or those in its cluster for a cluster."""
    item = find_item(picture, kind, key)
    if item is None:
        return ()
    return _shares((change for change in changes_of(picture) if _concerns(kind, item, change)), start, end)


def marks_of_workloads(
    picture: Picture, workloads: Collection[WorkloadId], start: float, end: float
) -> tuple[float, ...]:
    """The changes of any of these workloads, or of the services before them."""
    concerned = (c for c in changes_of(picture) if not {*workloads}.isdisjoint(workloads_of_change(picture, c)))
    return _shares(concerned, start, end)


def _concerns(kind: str, item: Any, change: Change) -> bool:
    cluster, namespace, name = (getattr(item, part, "") for part in ("cluster", "namespace", "name"))
    if kind == "changes":
        return bool(change.key == item.key)
    if kind == "clusters":
        return name in change.clusters
    if cluster and cluster not in change.clusters:
        return False
    if kind == "namespaces":
        return bool(change.namespace == name)
    if kind not in ("workloads", "services", "canaries"):
        return False
    about = (*change.workloads, *change.services, (change.namespace, change.name))
    served = getattr(item, "services", ()) or getattr(item, "workloads", ())
    names = {name, *(str(one).rpartition("/")[2] for one in served)}
    # What a route leads to is known by its host; the workloads of its versions have longer names.
    hosts = {str(one.host).partition(".")[0] for one in getattr(item, "destinations", ())}
    return any(
        where == namespace
        and (which in names or which.startswith(tuple(f"{host}-" for host in hosts)) or which in hosts)
        for where, which in about
    )


def _shares(changes: Iterable[Change], start: float, end: float) -> tuple[float, ...]:
    span = end - start
    if span <= 0:
        return ()
    found = {(one.at - start) / span for one in changes if one.how in _DRAWN and start <= one.at <= end}
    return tuple(sorted(round(share, 4) for share in found))
