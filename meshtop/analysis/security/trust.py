"""Trust between clusters: can a workload here and a workload there speak mutual TLS?

Root certificates are compared as sets of fingerprints (reference/istio.md, "What to read in a cluster"): sets that
intersect are trust, disjoint ones break every cross-cluster call, several certificates are a rotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations

from msgspec import Struct

from meshtop.model.mesh import MeshFacts
from meshtop.model.state import Finding, Severity


class Trusted(StrEnum):
    """Whether two clusters trust each other."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class TrustPair(Struct, frozen=True, kw_only=True):
    """Two clusters, the roots they share and do not share (SHA-256 fingerprints), and the answer in a sentence."""

    left: str
    right: str
    trusted: Trusted
    shared: tuple[str, ...] = ()
    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()
    why: str = ""
    same_mesh: bool | None = None


class ClusterTrust(Struct, frozen=True):
    """What trust is judged by: a cluster's name and its mesh facts, None where its inventory is not known."""

    name: str
    facts: MeshFacts | None


def _domains_meet(left: MeshFacts, right: MeshFacts) -> bool | None:
    """Whether each side takes the other's identities for its own; None when a trust domain is not known."""
    if left.trust_domain is None or right.trust_domain is None:
        return None
    if left.trust_domain == right.trust_domain:
        return True
    return left.trust_domain in right.trust_domain_aliases and right.trust_domain in left.trust_domain_aliases


def judge_pair(left: ClusterTrust, right: ClusterTrust) -> TrustPair:
    """Judge two clusters. Symmetric: the answer does not depend on which one is left."""
    a, b = left.facts, right.facts
    silent = [c.name for c in (left, right) if c.facts is None or not c.facts.roots]
    if a is None or b is None or silent:
        why = f"The root certificates of {' and '.join(silent)} are not known."
        return TrustPair(left=left.name, right=right.name, trusted=Trusted.UNKNOWN, why=why)
    ours, theirs = set(a.roots), set(b.roots)
    shared = ours & theirs
    same_mesh = None if a.mesh_id is None or b.mesh_id is None else a.mesh_id == b.mesh_id
    meet = _domains_meet(a, b)
    if not shared:
        trusted = Trusted.NO
        why = "They share no root certificate" + (
            f"; they are two meshes ({', '.join(sorted({str(a.mesh_id), str(b.mesh_id)}))})."
            if same_mesh is False
            else ", so mutual TLS between them fails."
        )
    elif meet is False:
        trusted = Trusted.NO
        domains = ", ".join(sorted({str(a.trust_domain), str(b.trust_domain)}))
        why = f"They share a root, but their trust domains differ ({domains}) and are not each other's aliases."
    else:
        trusted = Trusted.YES
        why = "They share a root certificate" + (
            "; a rotation is under way, since not all roots are shared." if ours != theirs else "."
        )
        if meet is None:
            why = why[:-1] + "; a trust domain is not known."
    return TrustPair(
        left=left.name,
        right=right.name,
        trusted=trusted,
        shared=tuple(sorted(shared)),
        only_left=tuple(sorted(ours - theirs)),
        only_right=tuple(sorted(theirs - ours)),
        why=why,
        same_mesh=same_mesh,
    )


def trust_pairs(clusters: Sequence[ClusterTrust]) -> tuple[TrustPair, ...]:
    """Every pair of clusters, in the order of the clusters."""
    return tuple(judge_pair(left, right) for left, right in combinations(clusters, 2))


def trust_findings(clusters: Sequence[ClusterTrust]) -> tuple[Finding, ...]:
    """What is wrong between clusters: no trust inside one mesh, two clusters with one id, rotations under way."""
    found: list[Finding] = []
    for pair in trust_pairs(clusters):
        if pair.trusted is Trusted.NO and pair.same_mesh:
            found.append(
                Finding(
                    code="TRUST-DISJOINT-ROOTS" if not pair.shared else "TRUST-DOMAINS-DIFFER",
                    severity=Severity.ERROR,
                    message=f"{pair.left} and {pair.right} are one mesh but do not trust each other: {pair.why}",
                    fix="Give both intermediate certificates of one root, or make their trust domains aliases.",
                )
            )
    ids: dict[tuple[str | None, str], list[str]] = {}
    for cluster in clusters:
        if cluster.facts is not None and cluster.facts.cluster_id:
            ids.setdefault((cluster.facts.mesh_id, cluster.facts.cluster_id), []).append(cluster.name)
    for (_, cluster_id), names in ids.items():
        if len(names) > 1:
            found.append(
                Finding(
                    code="TRUST-SAME-CLUSTER-ID",
                    severity=Severity.WARNING,
                    message=f"{' and '.join(names)} share the cluster id {cluster_id}; telemetry mixes them up.",
                    fix="Set values.global.multiCluster.clusterName to a name of its own in each cluster.",
                )
            )
    for cluster in clusters:
        if cluster.facts is not None and len(cluster.facts.roots) > 1:
            found.append(
                Finding(
                    code="TRUST-ROTATION",
                    severity=Severity.INFO,
                    message=f"{cluster.name} trusts {len(cluster.facts.roots)} roots: a rotation is under way.",
                    fix="Once every workload has a certificate of the new root, remove the old one.",
                )
            )
    return tuple(found)
