"""`meshtop analyze`: findings of manifests alone, or of clusters as they would be with the manifests applied.

Nothing is sent. Files alone are judged as a cluster of their own, with the ingress gateway of Istio's default profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from meshtop.analysis.findings.judge import judge_config
from meshtop.analysis.findings.revisions import JudgedCluster, MisreadObject
from meshtop.analysis.findings.suppression import Suppression
from meshtop.analysis.inventory.overlay import OverlaidObject, objects_in, with_objects
from meshtop.model.evidence import Unknown
from meshtop.model.kube import Inventory
from meshtop.model.mesh import MeshFacts
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import Severity
from meshtop.settings.durations import format_duration
from meshtop.views.frame.document import Document, rfc3339, sources
from meshtop.views.kinds.findings import VIEW, FindingItem, config_item, item_in
from meshtop.views.picture.configuration import judgement_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query

FAIL_ON: Mapping[str, frozenset[Severity]] = {
    "error": frozenset({Severity.ERROR}),
    "warning": frozenset({Severity.ERROR, Severity.WARNING}),
    "info": frozenset(Severity),
}
"""From which severity on findings are a bad answer."""


class ReadFiles(Struct, frozen=True, kw_only=True):
    """The objects of some manifests, for one cluster; `cluster` is "" where they are for all of them."""

    cluster: str
    inventory: Inventory
    misread: tuple[MisreadObject, ...] = ()


class Analysis(Struct, frozen=True, kw_only=True):
    """The findings to show, in their order, and what they could not take into account."""

    items: tuple[FindingItem, ...]
    unknowns: tuple[Unknown, ...] = ()

    def is_bad(self, fail_on: str) -> bool:
        """Whether some finding is as severe as `fail_on` says."""
        return any(item.severity in FAIL_ON[fail_on] for item in self.items)


def analyze_files(files: Sequence[ReadFiles], ignored: Iterable[Suppression], query: Query) -> Analysis:
    """The findings of files alone. Files for several clusters are those of one mesh."""
    group = "the files' mesh" if len(files) > 1 else None
    clusters = [
        JudgedCluster(name=one.cluster, inventory=one.inventory, misread=one.misread, facts=MeshFacts(group=group))
        for one in files
    ]
    judged = judge_config(clusters, ignored=ignored)
    return Analysis(items=_chosen([config_item(one) for one in judged.findings], query))


def analyze_clusters(picture: Picture, query: Query) -> Analysis:
    """All findings of the clusters that were read."""
    return Analysis(items=tuple(VIEW.items(picture, query)), unknowns=VIEW.unknowns(picture, query))


def analyze_changes(before: Picture, after: Picture, files: Sequence[ReadFiles], query: Query) -> Analysis:
    """What would be found with the files in place: on their objects, and on others where it was not found before."""
    own = {key for one in files for key in _keys(one.inventory)}
    seen = {config_item(one).id for one in judgement_of(before).findings}
    items = [
        item_in(after, one)
        for one in judgement_of(after).findings
        if (one.object.kind, one.object.namespace, one.object.name) in own or config_item(one).id not in seen
    ]
    items += [
        config_item(one)
        for part in files
        for one in judge_config(
            [JudgedCluster(name=part.cluster, inventory=Inventory(), misread=part.misread)], only=["forms"]
        ).findings
    ]
    return Analysis(items=_chosen(items, query), unknowns=VIEW.unknowns(after, query))


def _chosen(items: list[FindingItem], query: Query) -> tuple[FindingItem, ...]:
    """The items that a query takes, in its order. Raises FilterError."""
    from meshtop.views.frame.sort import sort_items

    passes = VIEW.filter(query)
    found = [
        item
        for item in items
        if (not query.namespaces or item.namespace in query.namespaces)
        and (not query.clusters or item.cluster in ("", *query.clusters))
        and passes.matches(item)
    ]
    return tuple(sort_items(sorted(found, key=VIEW.path), VIEW.order(query)))


def _keys(inventory: Inventory) -> Iterable[tuple[str, str, str]]:
    return ((name.kind, name.namespace, name.name) for name, _ in objects_in(inventory))


def laid_over(
    snapshot: Snapshot, files: Sequence[ReadFiles], removed: Sequence[tuple[str, OverlaidObject]] = ()
) -> Snapshot:
    """A snapshot as it would be with the objects of files applied and others removed ("" is every cluster)."""
    now = snapshot.at if snapshot.moment is None else snapshot.moment
    return structs.replace(
        snapshot, clusters=tuple(_with(cluster, files, removed, now) for cluster in snapshot.clusters)
    )


def _with(
    cluster: ClusterSnapshot, files: Sequence[ReadFiles], removed: Sequence[tuple[str, OverlaidObject]], now: float
) -> ClusterSnapshot:
    inventory = cluster.inventory
    if inventory is None:
        return cluster
    gone = [name for where, name in removed if where in ("", cluster.name)]
    if gone:
        inventory = with_objects(inventory, Inventory(), gone, now=now)
    for one in files:
        if one.cluster in ("", cluster.name):
            inventory = with_objects(inventory, one.inventory, now=now)
    return cluster if inventory is cluster.inventory else structs.replace(cluster, inventory=inventory)


def analysis_document(
    analysis: Analysis, *, at: float, window_seconds: float, snapshot: Snapshot | None = None
) -> Document:
    """The JSON document: that of `get findings`, without sources where there is no cluster."""
    return Document(
        kind=VIEW.list_kind,
        generated_at=rfc3339(at),
        window=format_duration(window_seconds),
        sources=sources(snapshot) if snapshot is not None else (),
        unknowns=analysis.unknowns,
        items=analysis.items,
    )


def findings_counted(items: Sequence[FindingItem]) -> str:
    """How many findings there are of each severity, in a sentence."""
    parts = []
    for severity, word in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "remark")):
        number = sum(item.severity is severity for item in items)
        if number:
            parts.append(f"{number} {word}{'' if number == 1 else 's'}")
    return f"{', '.join(parts)}." if parts else "Nothing was found."
