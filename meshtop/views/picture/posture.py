"""Security analyses of a Picture: mutual TLS posture, trust, certificates, and all findings with their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtop.analysis.authorization.observed import ObservedAccess
from meshtop.analysis.security.anchors import cluster_anchors
from meshtop.analysis.security.expiry import Expiry, expiries, expiry_findings
from meshtop.analysis.security.findings import LocatedFinding, worst_first
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.observed import last_day
from meshtop.analysis.security.mtls.posture import Posture, TrafficWindow, posture
from meshtop.analysis.security.mtls.whatif import WhatIf, what_if_strict
from meshtop.analysis.security.trust import ClusterTrust, TrustPair, trust_findings, trust_pairs
from meshtop.analysis.traffic.scraping import ScrapedCluster, scraped_twice
from meshtop.views.picture.fleet import fleet_findings
from meshtop.views.picture.memory import Key

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture


_MEMBERS: Key[tuple[MeshMember, ...]] = Key("mesh members")
_TRUSTS: Key[tuple[ClusterTrust, ...]] = Key("clusters with their trust anchors")
_PAIRS: Key[tuple[TrustPair, ...]] = Key("trust pairs")
_MESH: Key[MeshTls] = Key("declared mutual TLS")
_ACCESS: Key[ObservedAccess] = Key("policies of all clusters")
_POSTURE: Key[Posture] = Key("posture")
_EXPIRIES: Key[tuple[Expiry, ...]] = Key("expiries")
_FINDINGS: Key[tuple[LocatedFinding, ...]] = Key("findings about security and fleet")
_FINDINGS_BY_WORKLOAD: Key[dict[tuple[str, str, str], list[LocatedFinding]]] = Key("findings by workload")


def mesh_members(picture: Picture) -> tuple[MeshMember, ...]:
    """Every cluster's data that mutual TLS depends on."""
    return picture.cached(
        _MEMBERS,
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


def pairs_of(picture: Picture) -> tuple[TrustPair, ...]:
    """Every pair of clusters and whether they trust each other."""
    return picture.cached(_PAIRS, lambda: trust_pairs(_trusts(picture)))


def _trusts(picture: Picture) -> tuple[ClusterTrust, ...]:
    return picture.unless_changed(
        _TRUSTS,
        lambda: tuple(
            ClusterTrust(
                cluster.name,
                picture.facts.get(cluster.name),
                cluster_anchors(cluster.inventory) if cluster.inventory is not None else None,
            )
            for cluster in sorted(picture.snapshot.clusters, key=lambda cluster: cluster.name)
        ),
    )


def mesh_of(picture: Picture) -> MeshTls:
    """All clusters' declared mutual TLS."""
    return picture.unless_changed(_MESH, lambda: MeshTls(mesh_members(picture), pairs_of(picture)))


def observed_access(picture: Picture) -> ObservedAccess:
    """The AuthorizationPolicies of all clusters, judged for calls that were seen."""
    return picture.unless_changed(_ACCESS, lambda: ObservedAccess(mesh_of(picture)))


def posture_of(picture: Picture) -> Posture:
    """The mutual TLS posture of all workloads and edges; computed once for each Picture."""
    return picture.cached(_POSTURE, lambda: _posture(picture))


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
        rows=picture.rows,
    )


def expiries_of(picture: Picture) -> tuple[Expiry, ...]:
    """Every known certificate, the first to expire first."""
    return picture.cached(_EXPIRIES, lambda: _expiries(picture))


def _expiries(picture: Picture) -> tuple[Expiry, ...]:
    found = [e for c in picture.snapshot.clusters for e in expiries(c.name, c.inventory, c.telemetry)]
    return tuple(sorted(found, key=lambda e: (e.not_after, e.cluster, e.kind, e.subject)))


def findings_of(picture: Picture) -> tuple[LocatedFinding, ...]:
    """All findings about mutual TLS, trust and certificates, the worst first."""
    return picture.cached(_FINDINGS, lambda: _findings(picture))


def _findings(picture: Picture) -> tuple[LocatedFinding, ...]:
    trust = [LocatedFinding(finding=f) for f in trust_findings(_trusts(picture))]
    certificates = expiry_findings(expiries_of(picture), moment_of(picture))
    scraped = [
        LocatedFinding(finding=finding, cluster=cluster)
        for cluster, finding in scraped_twice(
            [
                ScrapedCluster(
                    name=c.name,
                    cluster_id=picture.cluster_id(c.name),
                    inventory=c.inventory,
                    telemetry=c.telemetry,
                )
                for c in picture.snapshot.clusters
            ]
        )
    ]
    return worst_first([*posture_of(picture).findings, *trust, *certificates, *scraped, *fleet_findings(picture)])


def findings_at(picture: Picture, where: tuple[str, str, str]) -> tuple[LocatedFinding, ...]:
    """The findings of one workload: its own, and those that affect it as a caller, which may lie in another cluster."""
    return tuple(picture.cached(_FINDINGS_BY_WORKLOAD, lambda: _index(picture)).get(where, ()))


def _index(picture: Picture) -> dict[tuple[str, str, str], list[LocatedFinding]]:
    index: dict[tuple[str, str, str], list[LocatedFinding]] = {}
    for located in posture_of(picture).findings:
        places = {located.where, *(located.clients if located.finding.severity == "error" else ())}
        for place in places:
            index.setdefault(place, []).append(located)
    return index


def what_if(picture: Picture, scope: str) -> WhatIf:
    """The effect of STRICT for a namespace, or for the whole mesh (`mesh`). Nothing is written."""
    workloads = tuple(posture_of(picture).workloads.values())
    return what_if_strict(mesh_members(picture), pairs_of(picture), picture.edges, workloads, scope, rows=picture.rows)
