"""The demo's scenarios show exactly what they are named for: its process, real HTTP, the kinds that users see."""

from __future__ import annotations

from datetime import datetime

from meshtop.views.picture.picture import Picture
from meshtop.views.reports.whatif import strict_answer
from tests.e2e.security.running import demo, look, meshtop, rows

LEGACY_ROOT = ("CERT-EXPIRES-THIS-WEEK", "on-prem", "")
"""In every scenario but `calm`, the root of the on-premises mesh runs out within a week."""
HOUR = 3_600.0


def errors(picture: Picture) -> set[tuple[str, str, str]]:
    """What is wrong with mutual TLS, trust and certificates; the fleet's own findings have tests of their own."""
    return {
        (f["code"], f["cluster"], f["workload"])
        for f in rows(picture, "findings")
        if f["severity"] == "error" and f["code"].startswith(("MTLS-", "TRUST-", "CERT-"))
    }


def test_calm_has_no_errors_and_is_ready_for_strict_where_a_clean_day_was_measured() -> None:
    picture = look("calm")
    assert errors(picture) == set()
    items = rows(picture, "mtls")
    ready = {i["workload"] for i in items if any(f["code"] == "MTLS-READY-FOR-STRICT" for f in i["findings"])}
    plain = {i["workload"] for i in items if i["observed"]["plaintextPerSecond"]}
    assert "cart-v1" in ready
    assert "catalog-v1" in plain
    assert not ready & plain
    assert all(i["declared"]["mode"] == "PERMISSIVE" for i in items if i["workload"] in ready)
    answer = strict_answer(picture, "shop")
    breaking = {i.destination.workload for i in answer.items if i.effect == "breaks"}
    assert breaking == {"catalog-v1", "catalog-v2"}, "the batch jobs outside of the mesh read the catalog"
    assert answer.summary.day_measured
    assert strict_answer(picture, "mesh").summary.breaks > answer.summary.breaks
    trust = {(t["left"], t["right"]): t["trusted"] for t in rows(picture, "trust")}
    assert trust == {("eu-west", "us-east"): "yes", ("eu-west", "on-prem"): "no", ("on-prem", "us-east"): "no"}
    certificates = rows(picture, "certificates")
    assert {"root", "controlplane", "workload"} <= {c["kind"] for c in certificates}
    roots = {c["cluster"]: c["fingerprint"] for c in certificates if c["kind"] == "root"}
    assert roots["eu-west"] == roots["us-east"] != roots["on-prem"]
    assert all(c["daysLeft"] > 30 for c in certificates if c["kind"] == "root")


def test_the_commands_print_what_is_promised() -> None:
    with demo("broken-destinationrule", "--clusters", "1") as kubeconfig:
        edges = meshtop(kubeconfig, "get", "mtls", "--edges", "--filter", "outcome:broken")
        answer = meshtop(kubeconfig, "whatif", "strict", "checkout")
    assert edges["kind"] == "MtlsEdgeList"
    assert {(e["source"]["workload"], e["clientMode"], e["serverMode"], e["code"]) for e in edges["items"]} == {
        ("checkout-v1", "DISABLE", "STRICT", "MTLS-STRICT-CLIENT-DISABLE"),
        ("checkout-v2", "DISABLE", "STRICT", "MTLS-STRICT-CLIENT-DISABLE"),
    }
    assert (answer["kind"], answer["question"]) == ("WhatIfStrict", "strict checkout")
    assert answer["summary"]["breaks"] == len(edges["items"])


def test_a_plaintext_intruder_is_found_with_amount_and_time() -> None:
    picture = look("plaintext-intruder")
    since = {
        (item["cluster"], item["workload"]): datetime.fromisoformat(source["since"]).timestamp()
        for item in rows(picture, "mtls", filter="code:MTLS-PLAINTEXT-SEEN")
        for source in item["observed"]["plaintextSources"]
        if source["requestsPerSecond"]
    }
    new = {where for where, first in since.items() if picture.snapshot.at - first < HOUR}
    assert new == {("us-east", "storefront-v5"), ("us-east", "cart-v1"), ("eu-west", "auth-v3")}
    assert errors(picture) == {LEGACY_ROOT}


def test_a_broken_destination_rule_is_found_with_its_callers_and_its_fix() -> None:
    picture = look("broken-destinationrule")
    assert errors(picture) == {("MTLS-STRICT-CLIENT-DISABLE", "us-east", "payments-v4"), LEGACY_ROOT}
    (fault,) = rows(picture, "findings", filter="code:MTLS-STRICT-CLIENT-DISABLE")
    assert set(fault["callers"]) == {"us-east/checkout/checkout-v1", "us-east/checkout/checkout-v2"}
    assert fault["requestsPerSecond"] > 0
    assert "mode: ISTIO_MUTUAL" in fault["fix"]


def test_disjoint_roots_break_calls_between_the_two_and_no_others() -> None:
    picture = look("disjoint-roots")
    assert {code for code, _, _ in errors(picture)} == {"TRUST-DISJOINT-ROOTS", "MTLS-NO-TRUST", LEGACY_ROOT[0]}
    broken = rows(picture, "mtlsedges", filter="outcome:broken")
    assert {e["code"] for e in broken} == {"MTLS-NO-TRUST"}
    assert sum(f["requestsPerSecond"] for f in rows(picture, "findings", filter="code:MTLS-NO-TRUST")) > 0
    assert {t["trusted"] for t in rows(picture, "trust")} == {"no"}


def test_an_expiring_root_is_found() -> None:
    picture = look("expiring-certificate")
    assert errors(picture) == {LEGACY_ROOT}
    first = next(c for c in rows(picture, "certificates") if c["kind"] == "root")
    assert first["cluster"] == "on-prem"
    assert 0 < first["daysLeft"] < 1
