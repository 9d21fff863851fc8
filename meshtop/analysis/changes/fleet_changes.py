"""The changes of all clusters, with what meshtop did itself (its journal) and what it saw while it ran (values)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from meshtop.analysis.changes.cluster_changes import newest_first
from meshtop.model.attention import PastChange
from meshtop.model.changes import Change, ChangeHow, FieldChange, SeenChange

OWN_MANAGER = "meshtop"
"""The field manager of what this program writes."""
SAME_SECONDS = 60.0
"""A write and what the watch saw of it, or the journal says of it, are no further apart."""
_PREFERRED = (ChangeHow.WEIGHTS, ChangeHow.ROLLOUT, ChangeHow.SCALE, ChangeHow.EDIT)


def fleet_changes(
    by_cluster: Iterable[Sequence[Change]],
    journal: Sequence[PastChange],
    seen: Mapping[str, Sequence[SeenChange]],
) -> tuple[Change, ...]:
    """Every change once, the newest first; `seen` is by the name of the cluster."""
    own, theirs = _actions(journal), [change for changes in by_cluster for change in changes]
    kept = [change for change in theirs if not any(_is_part_of(change, action) for action in own)]
    for cluster, several in seen.items():
        kept = _with_values(cluster, kept, several)
    return tuple(sorted([*own, *kept], key=newest_first))


def _actions(journal: Sequence[PastChange]) -> list[Change]:
    """One change for each action of meshtop, over all the clusters that it reached."""
    groups: dict[str, list[PastChange]] = {}
    for entry in journal:
        if entry.cluster:
            groups.setdefault(entry.action or f"{entry.title}@{entry.at}", []).append(entry)
    found = []
    for entries in groups.values():
        first, last = min(entries, key=lambda one: one.at), max(entries, key=lambda one: one.at)
        names = tuple(dict.fromkeys((entry.namespace, entry.name) for entry in entries))
        clusters = tuple(dict.fromkeys(entry.cluster for entry in entries))
        shift = first.title.startswith("shift")
        found.append(
            Change(
                at=last.at,
                clusters=clusters,
                namespace=first.namespace,
                kind=first.kind or "VirtualService",
                name=first.name,
                how=ChangeHow.WEIGHTS if shift else ChangeHow.EDIT,
                title=f"{first.title} in {', '.join(clusters)}",
                who=first.who or OWN_MANAGER,
                what=(f"{len(entries)} step{'s' * (len(entries) != 1)} since {int(last.at - first.at)} s",)
                if len(entries) > len(clusters)
                else (),
                services=names,
                workloads=names,
                undo=entries[0].action,
            )
        )
    return found


def _is_part_of(change: Change, action: Change) -> bool:
    return (
        change.who == OWN_MANAGER
        and change.clusters[0] in action.clusters
        and (change.namespace, change.name) in (*action.services, *action.workloads)
        and abs(change.at - action.at) <= SAME_SECONDS
    )


def _with_values(cluster: str, changes: Sequence[Change], seen: Sequence[SeenChange]) -> list[Change]:
    """The changes with the values that the watches saw, and what only they saw as changes of their own."""
    groups: dict[tuple[str, str, str, int], list[SeenChange]] = {}
    for one in seen:
        groups.setdefault((one.kind, one.namespace, one.name, int(one.at)), []).append(one)
    found = list(changes)
    by_object: dict[tuple[str, str, str], list[int]] = {}
    for i, change in enumerate(found):
        if cluster in change.clusters:
            by_object.setdefault((change.kind, change.namespace, change.name), []).append(i)
    for (kind, namespace, name, _), several in groups.items():
        fields = tuple(FieldChange(one.path, one.before, one.after) for one in several)
        matching = [
            (i, found[i])
            for i in by_object.get((kind, namespace, name), ())
            if -5 <= several[0].at - found[i].at <= SAME_SECONDS
        ]
        if matching:
            i, change = max(matching, key=lambda one: one[1].at)
            known = {field.path for field in change.fields}
            more = tuple(field for field in fields if field.path not in known)
            what = tuple(dict.fromkeys((*change.what, *(field.words() for field in more))))
            found[i] = structs.replace(change, fields=(*change.fields, *more), what=what)
        else:
            found.append(_only_seen(cluster, kind, namespace, name, several[0].at, fields))
    return found


def _only_seen(
    cluster: str, kind: str, namespace: str, name: str, at: float, fields: tuple[FieldChange, ...]
) -> Change:
    paths = {field.path for field in fields}
    of_pods = kind in ("Deployment", "StatefulSet", "DaemonSet")
    how = ChangeHow.EDIT
    if of_pods and any(path.startswith("image") for path in paths):
        how = ChangeHow.ROLLOUT
    elif paths == {"replicas"}:
        how = ChangeHow.SCALE
    elif kind == "Node":
        how = ChangeHow.NODE
    elif any("weight" in path for path in paths):
        how = ChangeHow.WEIGHTS
    elif paths == {"object"}:
        how = ChangeHow.DELETE if fields[0].after is None else ChangeHow.CREATE
    verb = {ChangeHow.DELETE: "deleted", ChangeHow.CREATE: "created"}.get(how, "changed")
    shown = f": {fields[0].words()}" if verb == "changed" else ""
    return Change(
        at=at,
        clusters=(cluster,),
        namespace=namespace,
        kind=kind,
        name=name,
        how=how,
        title=f"{kind} {name} {verb} in {cluster}{shown}",
        what=tuple(field.words() for field in fields) if verb == "changed" else (),
        fields=fields if verb == "changed" else (),
        workloads=((namespace, name),) if of_pods else (),
        services=((namespace, name),) if kind in ("VirtualService", "DestinationRule", "HTTPRoute") else (),
    )
