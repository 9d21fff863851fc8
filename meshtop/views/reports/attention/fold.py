"""Puts consequences under their causes: what follows from one thing is one thing.

A cluster that does not answer, a caller that grew beyond what its callee can bear, a route's worse version, a root of
trust that is not shared, a virtual machine, a callee whose callers fail with it. What began well before another thing
does not follow from it. Rules look at drafts and at what calls what, never at words, except for findings about a lost
cluster: they name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from meshtop.analysis.security.trust import Trusted
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import pairs_of
from meshtop.views.reports.attention.draft import Draft
from meshtop.views.reports.attention.fold_alerts import fold_alerts
from meshtop.views.reports.attention.notice.calls import called_by
from meshtop.views.reports.attention.notice.configuration import PLAINTEXT

BEFORE_SECONDS = 60.0
"""Onsets are good to a scrape or two: what began so shortly before its cause still follows from it."""
SAME_SECONDS = 90.0
"""The same fault in several places that began so close together is one."""
_Follows = Callable[[Draft, Draft], None]
"""Notes that a draft follows from a cause, unless it follows from something already."""


def fold(picture: Picture, drafts: Sequence[Draft], harmed: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Which draft follows from which other one, by their ids, each from the last cause behind it.

    `harmed` names, by the id of a caller that grew, what it harms.
    """
    known = {draft.id: draft for draft in drafts}
    parents: dict[str, str] = {}

    def follows(child: Draft, cause: Draft) -> None:
        if child.id != cause.id and child.id not in parents and not _leads_to(parents, cause.id, child.id):
            parents[child.id] = cause.id

    for cause in drafts:
        if cause.lost_cluster:
            for child in drafts:
                if _of_lost_cluster(picture, child, cause.lost_cluster):
                    follows(child, cause)
    for caller, ids in harmed.items():
        for identity in ids:
            if caller in known and identity in known:
                follows(known[identity], known[caller])
    _fold_trust(picture, drafts, follows)
    for cause in drafts:
        if cause.kind == "canaries" and cause.workloads:
            for child in drafts:
                # The same route in another cluster of the mesh is the same canary.
                same = child.kind == "canaries" and child.workloads == cause.workloads and _less(child, cause)
                if same or (child.kind == "workloads" and set(child.workloads) <= set(cause.workloads)):
                    follows(child, cause)
    _fold_machines(drafts, follows)
    _fold_callers(picture, drafts, follows)
    _fold_alike(drafts, follows)
    fold_alerts(picture, drafts, follows)
    return {child: _root(parents, child) for child in parents}


def _less(one: Draft, other: Draft) -> bool:
    return (one.requests, other.id) < (other.requests, one.id)


def _leads_to(parents: Mapping[str, str], start: str, target: str) -> bool:
    """Whether going from consequence to cause leads from one draft to another."""
    while start in parents:
        start = parents[start]
        if start == target:
            return True
    return False


def _root(parents: Mapping[str, str], child: str) -> str:
    while child in parents:
        child = parents[child]
    return child


def _of_lost_cluster(picture: Picture, draft: Draft, lost: str) -> bool:
    if draft.lost_cluster:
        return False
    if draft.clusters == {lost}:
        return True
    if draft.id.startswith("calls/"):
        return lost in _answered_from(picture, draft.service)
    # Drift against a cluster that is not read is not known; findings about links and members name the cluster.
    named = draft.kind in ("findings", "controlplanes", "members", "discovery") and draft.onset is None
    fleet = any(code.startswith(("DISCOVERY-", "MEMBER-", "CONTROLPLANE-", "TRUST-")) for code in draft.findings)
    return named and fleet and re.search(rf"(?<![\w-]){re.escape(lost)}(?![\w-])", draft.title) is not None


def _answered_from(picture: Picture, service: str) -> set[str]:
    """The clusters that answered a service in the last half hour, or have something behind it."""
    found = set()
    for cluster in picture.snapshot.clusters:
        for call in cluster.courses.calls if cluster.courses is not None else ():
            if call.service.lower() == service.lower() and call.destination[0]:
                found.add(_name_of(picture, call.destination[0]))
    name, _, rest = service.partition(".")
    namespace = rest.partition(".")[0]
    for cluster in picture.snapshot.clusters:
        if namespace and picture.backends(cluster.name, namespace, (name,)):
            found.add(cluster.name)
    return found


def _name_of(picture: Picture, cluster_id: str) -> str:
    return next((name for name, facts in picture.facts.items() if facts.cluster_id == cluster_id), cluster_id)


def _fold_trust(picture: Picture, drafts: Sequence[Draft], follows: _Follows) -> None:
    """Calls between two clusters of a mesh that do not trust each other fail for that."""
    causes = [d for d in drafts if any(code.startswith("TRUST-") for code in d.findings)]
    broken = {frozenset((p.left, p.right)) for p in pairs_of(picture) if p.trusted is Trusted.NO and p.same_mesh}
    if not causes or not broken:
        return
    for child in drafts:
        if child.kind not in ("workloads", "edges"):
            continue
        here = {cluster for cluster, _, _ in (*child.workloads, *child.callers)}
        there = here | (_answered_from(picture, child.service) if child.service else set())
        if any(pair <= there for pair in broken):
            follows(child, causes[0])


def _fold_machines(drafts: Sequence[Draft], follows: _Follows) -> None:
    """A virtual machine that fails is one fault: not another one as a workload, nor in the calls that it should answer.

    Of its probe nothing tells since when; what calls say is taken for its consequence whenever they began.
    """
    for cause in drafts:
        if cause.kind != "virtualmachines":
            continue
        hosts = tuple(f"{name}.{namespace}." for _, namespace, name in cause.answers)
        for child in drafts:
            itself = (
                child.kind == "workloads" and bool(child.workloads) and set(child.workloads) <= set(cause.workloads)
            )
            unanswered = child.kind == "edges" and child.service.startswith(hosts) and child.clusters <= cause.clusters
            if itself or unanswered:
                follows(child, cause)


def _fold_callers(picture: Picture, drafts: Sequence[Draft], follows: _Follows) -> None:
    """A workload that asks another ill one, and was not ill before it, is so because of it."""
    ill = {
        draft.workloads[0]: draft
        for draft in drafts
        if draft.kind in ("workloads", "virtualmachines") and len(draft.workloads) == 1
    }
    for where, draft in ill.items():
        if draft.id.startswith("caller/"):
            continue
        blamed: list[tuple[float, Draft]] = []
        for callee, asked in called_by(picture, where).items():
            cause = ill.get(callee)
            if cause is not None and not cause.id.startswith("caller/") and _after(draft, cause):
                blamed.append((asked, cause))
        if blamed:
            follows(draft, max(blamed, key=lambda one: (one[0], one[1].id))[1])


def _after(child: Draft, cause: Draft) -> bool:
    """Whether the child began with its cause or later; where one of them has no onset, it must have none either."""
    if cause.onset is None:
        return child.onset is None and (cause.errors > 0 or cause.slow > 0)
    return child.onset is not None and child.onset >= cause.onset - BEFORE_SECONDS


def _fold_alike(drafts: Sequence[Draft], follows: _Follows) -> None:
    """Plaintext that came to several places at the same moment has one sender: the most asked place stands for all."""
    new = sorted(
        (d for d in drafts if PLAINTEXT in d.findings and d.onset is not None), key=lambda d: (-d.exposed, d.id)
    )
    for i, cause in enumerate(new):
        for child in new[i + 1 :]:
            if abs((child.onset or 0.0) - (cause.onset or 0.0)) <= SAME_SECONDS:
                follows(child, cause)


def consequences_of(root: str, drafts: Iterable[Draft], parents: Mapping[str, str]) -> list[Draft]:
    """What follows from a draft, what matters most first."""
    found = [draft for draft in drafts if parents.get(draft.id) == root]
    return sorted(found, key=lambda d: (d.severity != "error", -d.errors, -d.slow, -d.requests, d.id))
