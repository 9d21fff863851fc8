"""Trust between clusters, and the certificates it rests on."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.identity.certificates import read_certificates
from meshtop.analysis.security.trust import ClusterTrust, Trusted, judge_pair, trust_findings, trust_pairs
from meshtop.model.mesh import MeshFacts


def cluster(
    name: str,
    *roots: str,
    mesh: str | None = "prod",
    domain: str | None = "cluster.local",
    aliases: tuple[str, ...] = (),
    cluster_id: str | None = None,
) -> ClusterTrust:
    facts = MeshFacts(
        roots=roots, mesh_id=mesh, trust_domain=domain, trust_domain_aliases=aliases, cluster_id=cluster_id or name
    )
    return ClusterTrust(name, facts)


@pytest.mark.parametrize(
    ("left", "right", "trusted", "words"),
    [
        (cluster("a", "r1"), cluster("b", "r1"), Trusted.YES, "share a root certificate."),
        (cluster("a", "r1", "r2"), cluster("b", "r2"), Trusted.YES, "a rotation is under way"),
        (cluster("a", "r1"), cluster("b", "r2"), Trusted.NO, "mutual TLS between them fails"),
        (cluster("a", "r1"), cluster("b", "r2", mesh="legacy"), Trusted.NO, "two meshes (legacy, prod)"),
        (cluster("a", "r1"), cluster("b"), Trusted.UNKNOWN, "of b are not known"),
        (cluster("a", "r1"), ClusterTrust("b", None), Trusted.UNKNOWN, "of b are not known"),
        (cluster("a", "r1", domain="a.x"), cluster("b", "r1", domain="b.x"), Trusted.NO, "not each other's aliases"),
        (
            cluster("a", "r1", domain="a.x", aliases=("b.x",)),
            cluster("b", "r1", domain="b.x", aliases=("a.x",)),
            Trusted.YES,
            "share a root",
        ),
        (cluster("a", "r1", domain=None), cluster("b", "r1"), Trusted.YES, "a trust domain is not known"),
    ],
)
def test_pairs(left: ClusterTrust, right: ClusterTrust, trusted: Trusted, words: str) -> None:
    pair = judge_pair(left, right)
    assert pair.trusted is trusted
    assert words in pair.why
    other = judge_pair(right, left)
    assert (other.trusted, other.why) == (pair.trusted, pair.why)
    assert (other.only_left, other.only_right) == (pair.only_right, pair.only_left)


ROOTS = st.sets(st.sampled_from(["r1", "r2", "r3"]), max_size=3)


@given(ROOTS, ROOTS)
def test_within_one_mesh_trust_is_intersection(left: set[str], right: set[str]) -> None:
    pair = judge_pair(cluster("a", *left), cluster("b", *right))
    if left and right:
        assert (pair.trusted is Trusted.YES) == bool(left & right)
        assert set(pair.shared) | set(pair.only_left) == left
        assert set(pair.shared) | set(pair.only_right) == right
    else:
        assert pair.trusted is Trusted.UNKNOWN


def test_findings_name_what_is_wrong() -> None:
    found = trust_findings(
        [
            cluster("a", "r1", cluster_id="Kubernetes"),
            cluster("b", "r2", cluster_id="Kubernetes"),
            cluster("c", "r3", "r4", mesh="legacy"),
        ]
    )
    assert [f.code for f in found] == ["TRUST-DISJOINT-ROOTS", "TRUST-SAME-CLUSTER-ID", "TRUST-ROTATION"]
    assert trust_findings([cluster("a", "r1"), cluster("b", "r1")]) == ()


def test_every_pair_is_judged_once() -> None:
    assert len(trust_pairs([cluster(n, "r1") for n in "abcd"])) == 6


@pytest.mark.conformance
@pytest.mark.parametrize("file", ["root-cert.pem", "root-cert-alt.pem", "root-cert-combined.pem", "cert-chain.pem"])
def test_fingerprints_are_those_of_the_certificates(shared_data: Path, file: str) -> None:
    pem = (shared_data / "certs" / file).read_text()
    found = read_certificates(pem)
    blocks = [f"-----BEGIN CERTIFICATE-----{b}" for b in pem.split("-----BEGIN CERTIFICATE-----")[1:]]
    expected = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(b.strip())).hexdigest() for b in blocks]
    assert [c.fingerprint for c in found] == list(dict.fromkeys(expected))
    assert all(c.not_before < c.not_after for c in found)


@pytest.mark.conformance
def test_a_workload_certificate_is_named_by_its_identity(shared_data: Path) -> None:
    (leaf, *_) = read_certificates((shared_data / "certs" / "workload-foo-cert.pem").read_text())
    assert "foo" in leaf.subject
    assert not leaf.is_ca


@pytest.mark.parametrize("pem", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_is_left_out(pem: str) -> None:
    assert read_certificates(pem) == ()
