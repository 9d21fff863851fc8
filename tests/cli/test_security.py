"""`get mtls --edges`, `get trust`, `get certificates` and `whatif strict` on the world built by hand."""

from __future__ import annotations

import json

import pytest

from tests import worlds
from tests.cli.conftest import Program


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("mtls",), "MtlsList"),
        (("mtls", "--edges"), "MtlsEdgeList"),
        (("trust",), "TrustList"),
        (("certs",), "CertificateList"),
    ],
)
def test_each_kind_prints_its_document(meshtop: Program, arguments: tuple[str, ...], kind: str) -> None:
    done = meshtop("get", *arguments, "-o", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["kind"] == kind


def test_edges_belong_to_mtls(meshtop: Program) -> None:
    done = meshtop("get", "trust", "--edges")
    assert (done.code, "--edges belongs to mtls" in done.err) == (2, True)


def test_csv_and_names(meshtop: Program) -> None:
    header = meshtop("get", "mtls", "-o", "csv").out.splitlines()[0].split(",")
    assert header[:6] == ["cluster", "namespace", "workload", "proxy", "declared.mode", "declared.from"]
    assert "trust/east/west" in meshtop("get", "trust", "-o", "name").out


def test_whatif_says_what_it_does_not_know(meshtop: Program) -> None:
    done = meshtop("whatif", "strict", "shop")
    assert done.code == 3
    assert "STRICT in namespace shop" in done.err
    assert "The callers of 4 workloads are unknown" in done.err
    document = json.loads(meshtop("whatif", "strict", "mesh", "-o", "json").out)
    assert document["kind"] == "WhatIfStrict"
    assert document["summary"]["dayMeasured"] is False
    assert {s["cluster"] for s in document["sources"]} == {"east", "west"}
    assert "question: strict shop" in meshtop("whatif", "strict", "shop", "-o", "yaml").out


def test_whatif_of_nothing_is_a_usage_error_and_of_no_cluster_unreachable(meshtop: Program) -> None:
    wrong = meshtop("whatif", "strict", "nowhere")
    assert (wrong.code, wrong.err) == (2, "meshtop: There is no namespace nowhere in any cluster that was read; "
                                          "`mesh` means all of them.\n")  # fmt: skip
    meshtop.snapshots = (worlds.world(worlds.north()),)
    assert meshtop("whatif", "strict", "shop").code == 3


def test_ascii_has_marks_too(meshtop: Program) -> None:
    out = meshtop("get", "edges", "--ascii", "--filter", "mtls:>0").out
    assert "! degraded" in out
    assert out.isascii()
