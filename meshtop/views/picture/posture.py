"""The posture of a Picture: declared against seen, trust, certificates, and all findings with their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from meshtop.analysis.security.expiry import Expiry, expiries, expiry_findings
from meshtop.analysis.security.findings import LocatedFinding, worst_first
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.observed import last_day
from meshtop.analysis.security.mtls.posture import Posture, TrafficWindow, posture
from meshtop.analysis.security.mtls.whatif import WhatIf, what_if_strict
from meshtop.analysis.security.trust import ClusterTrust, TrustPair, trust_findings, trust_pairs
from meshtop.model.kube import Inventory
from meshtop.model.state import Finding
from meshtop.views.picture.fleet import fleet_findings

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture


def members_of(picture: Picture) -> tuple[MeshMember, ...]:
    """Every cluster as far as mutual TLS depends on it."""
    made: tuple[MeshMember, ...] = picture.once(
        "posture.members",
        lambda: tuple(
            MeshMember(
                name=cluster.name,
                inventory=cluster.inventory,
                facts=picture.facts.get(cluster.name),
                workloads=tuple(picture.workloads_in(cluster.name)),
                machines=tuple(picture.machines_in(cluster.name)),
            )
            for cluster in picture.snapshot.clusters
        ),
    )
    return made


def pairs_of(picture: Picture) -> tuple[TrustPair, ...]:
    """Every pair of clusters and whether they trust each other."""
    made: tuple[TrustPair, ...] = picture.once("posture.pairs", lambda: trust_pairs(_trusts(picture)))
    return made


def _trusts(picture: Picture) -> list[ClusterTrust]:
    return [ClusterTrust(name, picture.facts.get(name)) for name in sorted(c.name for c in picture.snapshot.clusters)]


def mesh_of(picture: Picture) -> MeshTls:
    """All clusters' declared mutual TLS."""
    made: MeshTls = picture.once("posture.mesh", lambda: _mesh(picture))
    return made


class _Kept(NamedTuple):
    """The last binding, and the inventories that it was made from."""

    names: tuple[str, ...]
    inventories: tuple[Inventory | None, ...]
    mesh: MeshTls


_kept: list[_Kept] = []
"""At most one: what is declared follows from the inventories alone, and those seldom change between two refreshes."""


def _mesh(picture: Picture) -> MeshTls:
    clusters = picture.snapshot.clusters
    names, inventories = tuple(c.name for c in clusters), tuple(c.inventory for c in clusters)
    for kept in tuple(_kept):
        same = all(a is b for a, b in zip(kept.inventories, inventories, strict=False))
        if kept.names == names and same:
            return kept.mesh
    mesh = MeshTls(members_of(picture), pairs_of(picture))
    _kept[:] = [_Kept(names, inventories, mesh)]
    return mesh


def posture_of(picture: Picture) -> Posture:
    """Every workload and edge judged; worked out once for each Picture."""
    made: Posture = picture.once("posture", lambda: _posture(picture))
    return made


def moment_of(picture: Picture) -> float:
    """The moment that the Picture shows, in Unix seconds."""
    snapshot = picture.snapshot
    return snapshot.at if snapshot.moment is None else snapshot.moment


def _posture(picture: Picture) -> Posture:
    ids: dict[str, str] = {}
    for name, facts in picture.facts.items():
        if facts.cluster_id:
            ids.setdefault(facts.cluster_id, name)

    def cluster_of(cluster_id: str, home: str) -> str:
        facts = picture.facts.get(home)
        if facts is not None and facts.cluster_id == cluster_id:
            return home
        return ids.get(cluster_id, "" if cluster_id in ("", "unknown") else cluster_id)

    days = {c.name: c.telemetry.plaintext_day if c.telemetry else None for c in picture.snapshot.clusters}
    return posture(
        mesh_of(picture),
        picture.edges,
        window=TrafficWindow(moment_of(picture), picture.snapshot.window_seconds),
        day=last_day(days, cluster_of),
    )


def expiries_of(picture: Picture) -> tuple[Expiry, ...]:
    """Every certificate that is known, what runs out first first."""
    made: tuple[Expiry, ...] = picture.once("posture.expiries", lambda: _expiries(picture))
    return made


def _expiries(picture: Picture) -> tuple[Expiry, ...]:
    found = [e for c in picture.snapshot.clusters for e in expiries(c.name, c.inventory, c.telemetry)]
    return tuple(sorted(found, key=lambda e: (e.not_after, e.cluster, e.kind, e.subject)))


def findings_of(picture: Picture) -> tuple[LocatedFinding, ...]:
    """All findings about mutual TLS, trust and certificates, the worst first."""
    made: tuple[LocatedFinding, ...] = picture.once("posture.findings", lambda: _findings(picture))
    return made


def _findings(picture: Picture) -> tuple[LocatedFinding, ...]:
    trust = [LocatedFinding(finding=f) for f in trust_findings(_trusts(picture))]
    certificates = expiry_findings(expiries_of(picture), moment_of(picture))
    return worst_first([*posture_of(picture).findings, *trust, *certificates, *fleet_findings(picture)])


def findings_at(picture: Picture, where: tuple[str, str, str]) -> tuple[Finding, ...]:
    """The findings of one workload: its own, and the faults that it runs into as a caller."""
    index: dict[tuple[str, str, str], list[Finding]] = picture.once("posture.index", lambda: _index(picture))
    return tuple(index.get(where, ()))


def _index(picture: Picture) -> dict[tuple[str, str, str], list[Finding]]:
    index: dict[tuple[str, str, str], list[Finding]] = {}
    for located in posture_of(picture).findings:
        places = {located.where, *(located.clients if located.finding.severity == "error" else ())}
        for place in places:
            index.setdefault(place, []).append(located.finding)
    return index


def what_if(picture: Picture, scope: str) -> WhatIf:
    """What STRICT for a namespace, or for the whole mesh (`mesh`), would do. Nothing is written."""
    standings = tuple(posture_of(picture).workloads.values())
    return what_if_strict(members_of(picture), pairs_of(picture), picture.edges, standings, scope)
