"""Trust between clusters: whether workloads of two clusters can use mutual TLS with each other.

Mutual TLS works where each side has an anchor that verifies what signs the other's workloads (`anchors`): a root of its
own, one renewed with its old key, or one that MeshConfig lists. Several roots of one cluster are a rotation, of which
any may match. Nothing is said where it is not known what signs on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import combinations

from msgspec import Struct

from meshtop.analysis.security.anchors import ClusterAnchors, Verifies, anchors_of_fingerprints, verify
from meshtop.model.mesh import MeshFacts
from meshtop.model.state import Finding, Severity


class Trusted(StrEnum):
    """Whether two clusters trust each other."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class TrustPair(Struct, frozen=True, kw_only=True):
    """Two clusters, the roots they share and do not share (SHA-256 fingerprints), and the verdict as a sentence.

    A root counts as shared where the other side has one with the same name and key. `code` is the code of the finding
    if the two are one mesh without trust.
    """

    left: str
    right: str
    trusted: Trusted
    shared: tuple[str, ...] = ()
    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()
    why: str = ""
    same_mesh: bool | None = None
    code: str | None = None


class ClusterTrust(Struct, frozen=True):
    """Input of a trust verdict: a cluster's name, mesh facts (None where its inventory is unknown) and anchors.

    Without anchors, the fingerprints in the facts are used.
    """

    name: str
    facts: MeshFacts | None
    anchors: ClusterAnchors | None = None


def _domains_meet(left: MeshFacts, right: MeshFacts) -> bool | None:
    """Whether each side accepts the other's trust domain as its own or an alias; None when one is not known."""
    if left.trust_domain is None or right.trust_domain is None:
        return None
    if left.trust_domain == right.trust_domain:
        return True
    return left.trust_domain in right.trust_domain_aliases and right.trust_domain in left.trust_domain_aliases


def _same_mesh(left: ClusterTrust, right: ClusterTrust) -> bool | None:
    """Whether two clusters are one mesh, as the evidence of all clusters tells; None where it does not.

    Where nobody asked for that evidence, two are different where somebody gave them different IDs.
    """
    a, b = left.facts or MeshFacts(), right.facts or MeshFacts()
    if a.mesh is not None and a.mesh == b.mesh:
        return True
    if a.group is not None and b.group is not None:
        return None if right.name in a.perhaps or left.name in b.perhaps else False
    return False if a.mesh_id and b.mesh_id and a.mesh_id != b.mesh_id else None


def judge_pair(left: ClusterTrust, right: ClusterTrust) -> TrustPair:
    """The trust verdict on two clusters. It is symmetric."""
    a, b = left.facts, right.facts
    silent = [c.name for c in (left, right) if c.facts is None or not c.facts.roots]
    if a is None or b is None or silent:
        why = f"The root certificates of {' and '.join(silent)} are not known."
        return TrustPair(left=left.name, right=right.name, trusted=Trusted.UNKNOWN, why=why)
    ours, theirs = _anchors(left, a), _anchors(right, b)
    shared, only_left, only_right = _compared(ours, theirs)
    same_mesh = _same_mesh(left, right)
    trusted, why, code = _judged(left, right, ours, theirs)
    if trusted is Trusted.YES:
        meet = _domains_meet(a, b)
        if meet is False:
            trusted, code = Trusted.NO, "TRUST-DOMAINS-DIFFER"
            domains = ", ".join(sorted({str(a.trust_domain), str(b.trust_domain)}))
            why = f"They share a root, but their trust domains differ ({domains}) and are not each other's aliases."
        elif meet is None:
            why = why[:-1] + "; a trust domain is not known."
    elif trusted is Trusted.NO and same_mesh is False:
        why += f"; they are two meshes ({', '.join(sorted({str(a.mesh), str(b.mesh)}))})."
    elif trusted is Trusted.NO:
        why += ", so mutual TLS between them fails."
    return TrustPair(
        left=left.name,
        right=right.name,
        trusted=trusted,
        shared=shared,
        only_left=only_left,
        only_right=only_right,
        why=why,
        same_mesh=same_mesh,
        code=code,
    )


def _anchors(cluster: ClusterTrust, facts: MeshFacts) -> ClusterAnchors:
    found = cluster.anchors
    return found if found is not None and found.signing else anchors_of_fingerprints(facts.roots)


def _compared(left: ClusterAnchors, right: ClusterAnchors) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The fingerprints of roots that both trust, and of those that only one of them trusts."""
    ours = {anchor.identity for anchor in left.accepted}
    theirs = {anchor.identity for anchor in right.accepted}
    every = {anchor.fingerprint: anchor.identity for anchor in (*left.accepted, *right.accepted)}

    def of(identities: set[tuple[bytes, str]]) -> tuple[str, ...]:
        return tuple(sorted(fingerprint for fingerprint, identity in every.items() if identity in identities))

    return of(ours & theirs), of(ours - theirs), of(theirs - ours)


def _judged(
    left: ClusterTrust, right: ClusterTrust, ours: ClusterAnchors, theirs: ClusterAnchors
) -> tuple[Trusted, str, str | None]:
    """Whether each side verifies the other, the reason (for "no" without a full stop), and the finding's code."""
    sides = sorted(((left, ours, right, theirs), (right, theirs, left, ours)), key=lambda side: side[0].name)
    foreign = [f"The certificates of {c.name}'s workloads {own.foreign}." for c, own, _, _ in sides if own.foreign]
    if foreign:
        why = " ".join(foreign) + " Their signing root is not known: istio-ca-root-cert holds only istiod's own roots."
        return Trusted.UNKNOWN, why, None
    unread = [f"{' and '.join(own.unread)} of {c.name}" for c, own, _, _ in sides if own.unread]
    if unread:
        why = f"Who signs their workloads' certificates is not known: {' and '.join(unread)} may not be read."
        return Trusted.UNKNOWN, why, None
    # Whether `other` verifies the signer of the workloads of `c`.
    answers = [(c, other, verify(own, its, c.facts.trust_domain if c.facts else None)) for c, own, other, its in sides]
    failed = [(c, other) for c, other, answer in answers if answer is Verifies.NO]
    notes = [f"{c.name}: {note}" for c, own, _, _ in sides for note in own.notes]
    said = f" ({'; '.join(notes)})" if notes else ""
    if len(failed) == len(answers):
        return Trusted.NO, f"They share no root certificate{said}", "TRUST-DISJOINT-ROOTS"
    if failed:
        ((cluster, other),) = failed
        why = f"{other.name} has no anchor for the root that signs the workloads of {cluster.name}{said}"
        return Trusted.NO, why, "TRUST-DISJOINT-ROOTS"
    unsure = [f"whether {other.name} has an anchor for the workloads of {c.name} is not known"
              for c, other, answer in answers if answer is Verifies.UNKNOWN]  # fmt: skip
    if unsure:
        sentence = " and ".join(unsure)
        return Trusted.UNKNOWN, f"{sentence[0].upper()}{sentence[1:]}{said}.", None
    same = {r.fingerprint for r in ours.signing}, {r.fingerprint for r in theirs.signing}
    if same[0] & same[1]:
        rotation = "; a rotation is under way, since not all roots are shared." if same[0] != same[1] else "."
        return Trusted.YES, f"They share a root certificate{rotation}", None
    if {r.identity for r in ours.signing} & {r.identity for r in theirs.signing}:
        return Trusted.YES, "Their roots have the same name and key: one is a renewal of the other.", None
    return Trusted.YES, f"Each has an anchor for the root that signs the other's workloads{said}.", None


def trust_pairs(clusters: Sequence[ClusterTrust]) -> tuple[TrustPair, ...]:
    """Every pair of clusters, in their order; in one that only hosts a control plane no call begins or ends."""
    inside = [cluster for cluster in clusters if cluster.facts is None or not cluster.facts.outside]
    return tuple(judge_pair(left, right) for left, right in combinations(inside, 2))


def trust_findings(clusters: Sequence[ClusterTrust]) -> tuple[Finding, ...]:
    """Findings between clusters: no trust inside one mesh, two clusters with one id, rotations under way."""
    found: list[Finding] = []
    for pair in trust_pairs(clusters):
        if pair.code is not None and pair.same_mesh:
            found.append(
                Finding(
                    code=pair.code,
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
