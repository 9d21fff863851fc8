"""Which changes are suspected of what needs attention."""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.analysis.changes.suspicion import Suspect, Trouble, suspects_of
from meshtop.model.changes import Change, ChangeHow, ChangeSource
from meshtop.views.picture.changed import index_of_changes, moment_shown, paths_of
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.draft import Draft

MOST = 3
"""So many suspects stand with an item; the list of changes has all of them."""

_SUSPECTS: Key[dict[str, tuple[Suspect, ...]]] = Key("suspects by item")
_CERTIFICATES = ("TRUST-", "CERT", "IDENTITY-")
_PLANES = ("CONTROLPLANE-", "DISCOVERY-NOT-SYNCED")


def blamed(picture: Picture, draft: Draft, below: Sequence[Draft], onset: float | None) -> tuple[Suspect, ...]:
    """The changes that may have caused an item, the likeliest first; `below` is what follows from it."""
    now = moment_shown(picture)
    exact = onset is not None
    at = onset if exact else draft.no_later
    also: tuple[Change, ...] = ()
    if draft.lost_cluster and at is not None:
        # Since when is known by whoever saw it answer, or by the calls to it that fail since; else nothing is claimed.
        also = (_lost(draft.lost_cluster, at, draft.title),)
    reach = tuple(sorted({c for one in (draft, *below) for c in one.clusters}))
    trouble = Trouble(
        id=draft.id,
        at=at,
        exact=exact or at is None,
        clusters=tuple(sorted(draft.clusters)),
        reach=reach,
        workloads=draft.workloads,
        services=tuple(filter(None, (_service(draft.service),))),
        objects=draft.objects,
        lost=draft.lost_cluster,
        certificates=any(code.startswith(_CERTIFICATES) for code in draft.findings),
        plane=any(code.startswith(_PLANES) for code in draft.findings),
        nodes=draft.id.startswith("nodes/"),
    )
    found = suspects_of(trouble, index_of_changes(picture), paths_of(picture), now, also=also)
    picture.cached(_SUSPECTS, dict)[draft.id] = found
    return found


def suspects_by_item(picture: Picture) -> dict[str, tuple[Suspect, ...]]:
    """The suspects of every item, by its id, once attention was worked out."""
    return picture.cached(_SUSPECTS, dict)


def _service(host: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a full host names."""
    short, svc, _ = host.partition(".svc.")
    name, dot, namespace = short.partition(".")
    return (namespace, name) if svc and dot else None


def _lost(cluster: str, at: float, why: str) -> Change:
    """That a cluster ceased to answer: nobody wrote it down, and it is what changed for all who call it."""
    return Change(
        at=at,
        clusters=(cluster,),
        namespace="",
        kind="Cluster",
        name=cluster,
        how=ChangeHow.LOST,
        source=ChangeSource.WATCH,
        title=f"{cluster} ceased to answer",
        what=(why,),
        wide=True,
    )
