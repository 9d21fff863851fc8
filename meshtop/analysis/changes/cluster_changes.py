"""All changes of one cluster, each told once: a rollout is one change, whatever marks and Events it left."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

from meshtop.analysis.changes.configured import changes_of_objects
from meshtop.analysis.changes.happened import certificates_of, memberships_of, node_changes, pods_of
from meshtop.analysis.changes.marks import Mark, change_marks
from meshtop.analysis.changes.rollouts import ROLLOUT, rollouts_of
from meshtop.analysis.changes.scalings import scalings_of
from meshtop.model.changes import HORIZON_SECONDS, Change, ChangeHow
from meshtop.model.kube import Inventory

ROTATION_SECONDS = 300.0
"""A control plane passes a new root on to the proxies within so long."""
_PODS_OF = ("Deployment", "StatefulSet", "DaemonSet", ROLLOUT)


class ChangedCluster(Struct, frozen=True, kw_only=True):
    """One cluster as changes are looked for in it: what was read of it, and its DNS domain."""

    name: str
    inventory: Inventory
    domain: str


def changes_in(cluster: ChangedCluster, now: float) -> tuple[Change, ...]:
    """What changed in a cluster in the day before `now` (Unix seconds), the newest first; nothing after it."""
    inventory = cluster.inventory
    traces = inventory.traces
    since = now - HORIZON_SECONDS
    marks = [mark for mark in change_marks(traces.objects, since) if mark.at <= now] if traces is not None else []
    events = [e for e in (traces.events if traces is not None else ()) if since <= e.last and e.first <= now]
    of_pods, others = _parted(marks)
    rollouts, left = rollouts_of(cluster.name, inventory.controllers, of_pods, events, since)
    scalings, left = scalings_of(cluster.name, left, events, rollouts, since)
    written = changes_of_objects(cluster.name, cluster.domain, inventory, [*left, *others])
    found: list[Change] = [
        *rollouts,
        *scalings,
        *_rotations([*written, *certificates_of(cluster.name, inventory, since)]),
        *pods_of(cluster.name, inventory, events, [*rollouts, *scalings], since),
        *node_changes(cluster.name, inventory, events, since),
        *memberships_of(cluster.name, inventory, since),
    ]
    return tuple(sorted((one for one in found if since <= one.at <= now), key=newest_first))


def newest_first(change: Change) -> tuple[float, str]:
    """The order in which changes are listed."""
    return -change.at, change.key


def _rotations(changes: Iterable[Change]) -> list[Change]:
    """The changes, with what a rotation of certificates wrote taken together: the Secret, the root that proxies get."""
    found: list[Change] = []
    last: Change | None = None
    for change in sorted(changes, key=lambda one: one.at):
        if change.how is not ChangeHow.CERTIFICATE:
            found.append(change)
            continue
        if last is not None and change.at - last.at <= ROTATION_SECONDS:
            found.remove(last)
            first = last if last.kind == "Certificate" or change.kind != "Certificate" else change
            last = structs.replace(
                first,
                at=last.at,
                who=last.who or change.who,
                what=tuple(dict.fromkeys((*first.what, *(c.title for c in (last, change) if c is not first)))),
                wide=last.wide or change.wide,
            )
        else:
            last = change
        found.append(last)
    return found


def _parted(marks: Iterable[Mark]) -> tuple[list[Mark], list[Mark]]:
    """The marks of what runs pods, and the others."""
    found: tuple[list[Mark], list[Mark]] = ([], [])
    for mark in marks:
        found[mark.trace.kind not in _PODS_OF].append(mark)
    return found
