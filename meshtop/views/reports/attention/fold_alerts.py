"""Puts alerts and objectives under the item about the same thing: a rule that says it too is evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.draft import Draft

RULES = ("alerts", "slos")
"""Kinds of drafts that somebody's rules tell, and not what meshtop sees itself."""
_ABOUT_CONTROL = ("CONTROLPLANE-", "CERT-", "TRUST-")
_CERTIFICATES = ("cert", "expir")


def fold_alerts(picture: Picture, drafts: Sequence[Draft], follows: Callable[[Draft, Draft], None]) -> None:
    """Each under what meshtop itself sees of the same thing; else under the worst other alert about it."""
    told = [draft for draft in drafts if draft.kind in RULES]
    seen = [draft for draft in drafts if draft.kind not in RULES]
    left = []
    for child in told:
        causes = [cause for cause in seen if _same(picture, child, cause)]
        if causes:
            follows(child, max(causes, key=_counts))
        else:
            left.append(child)
    left.sort(key=lambda draft: (draft.severity != "error", draft.kind == "slos", draft.onset or 0.0, draft.id))
    heads: list[Draft] = []
    for child in left:
        head = next((head for head in heads if _overlap(child, head)), None)
        if head is None:
            heads.append(child)
        else:
            follows(child, head)


def _counts(cause: Draft) -> tuple[bool, float, float, str]:
    return (cause.severity == "error", cause.errors + cause.slow, cause.requests, cause.id)


def _same(picture: Picture, child: Draft, cause: Draft) -> bool:
    if set(child.workloads) & set(cause.workloads):
        return True
    called = cause.service.lower()
    if child.service and child.clusters & cause.clusters and f"{called}.".startswith(f"{child.service}."):
        return True
    return _of_cluster(child, cause) or _of_control_plane(picture, child, cause)


def _of_cluster(child: Draft, cause: Draft) -> bool:
    """What is only about a node or a cluster belongs to what is wrong with that cluster as such."""
    if child.workloads or child.service or any(place.namespace for place in child.places):
        return False
    return cause.kind == "clusters" and cause.key in child.clusters


def _of_control_plane(picture: Picture, child: Draft, cause: Draft) -> bool:
    """What is about istiod, or the cluster as a whole, belongs to findings about the control plane or certificates."""
    codes = [code for code in cause.findings if code.startswith(_ABOUT_CONTROL)]
    if not codes or not child.clusters & cause.clusters or not _is_control_plane(picture, child):
        return False
    certificates = any(word in child.id.lower() for word in _CERTIFICATES)
    return certificates == any(not code.startswith("CONTROLPLANE-") for code in codes)


def _is_control_plane(picture: Picture, child: Draft) -> bool:
    if not child.workloads:
        return not child.service and not any(place.namespace for place in child.places)
    found = [picture.workload(*where) for where in child.workloads]
    return all(workload is not None and workload.app == "istiod" for workload in found)


def _overlap(one: Draft, other: Draft) -> bool:
    """Whether two are about the same things: workloads or a service, else exactly the same places."""
    if one.workloads or other.workloads:
        return bool(set(one.workloads) & set(other.workloads))
    return one.service == other.service and set(one.places) == set(other.places)
