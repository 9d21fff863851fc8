"""The kinds mtls, trust and certificates, the overview, and the details, on a small world built by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from meshtop.model.kube import ConfigObject, Controller, Meta
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import Severity
from meshtop.model.telemetry import Labels, PlaintextDay, Sample, Scalar
from meshtop.model.text import to_ascii
from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone
from meshtop.views.picture.memory import Memory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_of
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import attention
from meshtop.views.reports.security import namespace_matrix, overview, shares_table, trust_matrix
from meshtop.views.reports.whatif import strict_answer, strict_document, strict_sentences
from tests import worlds
from tests.analysis.security.mtls.objects import config, destination_rule, peer_authentication

ROOT = Path(__file__).parents[3]
PROMISED = {
    "mtls": "cluster namespace workload proxy declared observed findings",
    "mtlsedges": "source destination port serverMode clientMode outcome why",
    "trust": "left right trusted shared onlyLeft onlyRight why",
    "certificates": "cluster subject issuer kind notAfter daysLeft fingerprint",
}
OBJECTS = (
    peer_authentication("shop", mtls={"mode": "STRICT"}),
    destination_rule("shop", "v2", worlds.REVIEWS_HOST, trafficPolicy={"tls": {"mode": "DISABLE"}}),
    config("AuthorizationPolicy", "shop", "closed", {}, group="security.istio.io"),
)


def intruder() -> Sample:
    labels = Labels(
        reporter="destination", source_cluster="unknown", source_workload_namespace="unknown",
        source_workload="unknown", source_canonical_service="unknown", destination_cluster="west",
        destination_workload_namespace="shop", destination_workload="reviews-v1",
        destination_canonical_service="reviews", destination_service=worlds.REVIEWS_HOST,
        destination_service_name="reviews", destination_service_namespace="shop", request_protocol="http",
        response_code="200", response_flags="-", connection_security_policy="none",
    )  # fmt: skip
    return Sample(labels, 10.0)


def with_objects(cluster: ClusterSnapshot, *objects: ConfigObject) -> ClusterSnapshot:
    assert cluster.inventory is not None
    kinds: dict[str, tuple[ConfigObject, ...]] = dict(cluster.inventory.config)
    for obj in objects:
        kinds[obj.kind] = (*kinds.get(obj.kind, ()), obj)
    pods = tuple(
        structs.replace(p, meta=structs.replace(p.meta, labels={**p.meta.labels, "security.istio.io/tlsMode": "istio"}))
        for p in cluster.inventory.pods
    )
    istiod = Controller(
        kind="Deployment", meta=Meta(name="istiod", namespace="istio-system", labels={"app": "istiod"}), desired=1,
        ready=1, template_labels={"app": "istiod"},
    )  # fmt: skip
    controllers = (*cluster.inventory.controllers, istiod)
    inventory = structs.replace(cluster.inventory, config=kinds, pods=pods, controllers=controllers)
    return structs.replace(cluster, inventory=inventory)


def world() -> Snapshot:
    west = with_objects(worlds.west())
    assert west.telemetry is not None
    telemetry = structs.replace(
        west.telemetry,
        requests=(*west.telemetry.requests, intruder()),
        control=(Scalar("citadel_server_root_cert_expiry_timestamp", {}, worlds.AT + 3 * 86_400),),
        plaintext_day=PlaintextDay(at=worlds.AT, requests=(intruder(),), measured=(intruder(),)),
    )
    east = with_objects(worlds.east(), *OBJECTS)
    return worlds.world(east, structs.replace(west, telemetry=telemetry), worlds.north())


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(world())


def rows(picture: Picture, kind: str, **query: Any) -> list[dict[str, Any]]:
    decoded: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(view(kind).items(picture, Query(**query))))
    return decoded


@pytest.mark.parametrize("kind", list(PROMISED))
def test_the_fields_are_those_promised_and_in_order(picture: Picture, kind: str) -> None:
    promised = PROMISED[kind].split()
    found = rows(picture, kind)
    assert found
    assert all(list(row)[: len(promised)] == promised for row in found)


def test_declared_says_who_decided_and_seen_says_who_sent_plaintext(picture: Picture) -> None:
    (east,) = rows(picture, "mtls", names=("east/shop/reviews-v1",))
    assert east["declared"] == {
        "mode": "STRICT", "from": "namespace", "policy": "PeerAuthentication shop/default", "ports": {},
    }  # fmt: skip
    (west,) = rows(picture, "mtls", names=("west/shop/reviews-v1",))
    assert west["declared"]["mode"] == "PERMISSIVE"
    assert west["declared"]["from"] == "default"
    assert west["observed"]["mtlsRatio"] == pytest.approx(50 / 60)
    assert west["observed"]["plaintextPerSecond"] == pytest.approx(10.0)
    (source,) = west["observed"]["plaintextSources"]
    assert (source["workload"], source["requestsPerSecond"], source["lastDay"]) == ("", 10.0, 10.0)
    assert [f["code"] for f in west["findings"]] == ["MTLS-PLAINTEXT-SEEN"]


def test_edges_say_what_follows_and_why(picture: Picture) -> None:
    broken = [r for r in rows(picture, "mtlsedges") if r["outcome"] == "broken"]
    assert {(r["source"]["workload"], r["destination"]["cluster"]) for r in broken} == {("web-v1", "east")}
    assert {(r["clientMode"], r["serverMode"], r["port"], r["code"]) for r in broken} == {
        ("DISABLE", "STRICT", 9080, "MTLS-STRICT-CLIENT-DISABLE")
    }
    assert rows(picture, "mtlsedges", filter="outcome:broken") == broken


def test_an_unreachable_cluster_is_unknown_to_all(picture: Picture) -> None:
    assert {(r["left"], r["right"]): r["trusted"] for r in rows(picture, "trust")} == {
        ("east", "north"): "unknown", ("east", "west"): "unknown", ("north", "west"): "unknown",
    }  # fmt: skip
    assert all("not known" in r["why"] for r in rows(picture, "trust"))


def test_certificates_that_only_metrics_know(picture: Picture) -> None:
    (row,) = rows(picture, "certificates")
    assert (row["cluster"], row["kind"], row["daysLeft"], row["fingerprint"]) == ("west", "root", 3.0, None)
    assert row["notAfter"] == "2026-08-04T14:00:00Z"


def test_findings_reach_the_overview_and_what_needs_somebody(picture: Picture) -> None:
    seen = overview(picture)
    assert seen.severities[Severity.ERROR] == sum(f.severity is Severity.ERROR for f in seen.findings) > 0
    codes = {f.code for f in seen.findings}
    assert codes >= {"MTLS-STRICT-CLIENT-DISABLE", "CERT-EXPIRES-THIS-WEEK", "MTLS-PLAINTEXT-SEEN"}
    assert seen.total.plaintext_per_second == pytest.approx(10.0)
    assert seen.clusters[0].name == "west", "most plaintext first"
    assert {s.name for s in seen.tenants} == {"storefront"}
    assert seen.unmeasured_days == ("east", "north")
    table = shares_table(seen.clusters)
    assert table.cell(0, 1).text.startswith("▲ ")
    assert to_ascii(table.cell(0, 1).text).startswith("! ")
    items = attention(picture)
    noticed = [(item.id, item.title) for item in items]
    noticed += [(one.id, one.title) for item in items for one in item.consequences]
    messages = [title for identity, title in noticed if identity.startswith("finding/")]
    assert any("cannot reach shop/reviews-v1 in east" in m for m in messages)
    assert len(messages) == len({(f.code, f.cluster) for f in seen.findings if f.severity is not Severity.INFO})
    only = overview(picture, Query(clusters=("west",)))
    assert {f.cluster for f in only.findings} <= {"west"}


def test_what_is_declared_is_bound_anew_only_when_an_inventory_changed() -> None:
    snapshot, memory = world(), Memory()
    first = mesh_of(Picture(snapshot, memory=memory))
    later = structs.replace(snapshot, sequence=2, at=worlds.AT + 5)
    assert mesh_of(Picture(later, memory=memory)) is first
    changed = with_objects(snapshot.clusters[1], peer_authentication("shop", mtls={"mode": "STRICT"}))
    clusters = (snapshot.clusters[0], changed, snapshot.clusters[2])
    other = Picture(structs.replace(snapshot, clusters=clusters), memory=memory)
    assert mesh_of(other) is not first
    (west,) = rows(other, "mtls", names=("west/shop/reviews-v1",))
    assert west["declared"]["mode"] == "STRICT"


def test_matrices(picture: Picture) -> None:
    matrix = namespace_matrix(picture)
    assert matrix.cells["east/shop", "east/shop"].text == "✗ broken"
    assert matrix.cells["west/(unknown)", "west/shop"].text == "▲ 0"
    trust = trust_matrix(picture)
    assert trust.rows == trust.columns == ("east", "west", "north")
    assert trust.cells["east", "west"].tone is Tone.UNKNOWN
    assert trust.cells["north", "east"] == trust.cells["east", "north"]


@pytest.mark.parametrize("kind", ["mtls", "mtlsedges", "trust", "certificates", "findings", "mtlsmatrix"])
def test_every_item_opens(picture: Picture, kind: str) -> None:
    of_kind = view(kind)
    items = of_kind.all_items(picture)
    assert items
    for item in items:
        opened = detail(picture, kind, of_kind.key(item))
        assert opened is not None
        assert opened.sections
        for section in opened.sections:
            for fact in section.facts:
                assert "\n" not in fact.cell.text


def test_a_workloads_detail_has_the_chain_of_decisions_and_who_is_authorized(picture: Picture) -> None:
    opened = detail(picture, "mtls", "east/shop/reviews-v1")
    assert opened is not None
    facts = {s.title: [(f.label, f.cell.text) for f in s.facts] for s in opened.sections}
    assert ("namespace", "STRICT by PeerAuthentication shop/default") in facts["Declared"]
    assert ("last day", "plaintext of the last day was not measured") in facts["Seen"]
    assert facts["Authorization"][0] == (
        "ALLOW", "AuthorizationPolicy shop/closed: no rules: all is denied (applies by its whole namespace)",
    )  # fmt: skip
    fix = [text for _, text in facts["MTLS-STRICT-CLIENT-DISABLE"]]
    assert "kind: DestinationRule" in fix
    assert "      mode: ISTIO_MUTUAL" in fix
    assert len(opened.charts[0].lines) == 2
    west = detail(picture, "mtls", "west/shop/reviews-v1")
    assert west is not None
    said = [f.cell.text for s in west.sections for f in s.facts if f.label == "plaintext from"]
    assert said == ["an unknown caller: 10 requests/s, 10 within a day; since when was not measured"]


def test_what_strict_would_break_is_told_in_words_and_as_a_document(picture: Picture) -> None:
    answer = strict_answer(picture, "shop")
    assert answer.summary.breaks == len([i for i in answer.items if i.effect == "breaks"]) > 0
    west = [i for i in answer.items if i.destination.cluster == "west" and i.effect == "breaks"]
    assert {i.source.workload for i in west} == {"", "web-v1"}
    assert {i.destination_tenant for i in answer.items} == {"storefront"}
    assert any("would break" in line for line in strict_sentences(answer))
    document = msgspec.json.decode(msgspec.json.encode(strict_document(picture, answer, "5m")))
    assert (document["kind"], document["question"]) == ("WhatIfStrict", "strict shop")
    assert document["summary"]["breaks"] == answer.summary.breaks
    assert len(document["items"]) == len(answer.items)


def test_every_code_has_its_page() -> None:
    """A code is a string literal in the source; docs/findings.md has a heading for each, and for no other."""
    pattern = re.compile(r'"((?:MTLS|TRUST|CERT)-[A-Z]+(?:-[A-Z]+)*)"')
    used = {code for file in (ROOT / "meshtop/analysis").rglob("*.py") for code in pattern.findall(file.read_text())}
    told = set(re.findall(r"^### (\S+)$", (ROOT / "docs/findings.md").read_text(), re.MULTILINE))
    assert len(used) > 20
    assert used == {code for code in told if code.startswith(("MTLS-", "TRUST-", "CERT-"))}


def test_a_finding_stays_the_same_while_what_it_measures_changes(picture: Picture) -> None:
    of_kind = view("findings")
    items = of_kind.all_items(picture)
    some = items[0]

    def key(message: str) -> str:
        return of_kind.key(structs.replace(some, message=message))

    plaintext = "shop/web in east: plaintext from an unknown caller (3.96/s, 10 min); x is PERMISSIVE."
    assert key(plaintext) == key(plaintext.replace("3.96", "12k").replace("10 min", "≥ 1 day"))
    assert key("east: it expires in 6 days: CN=a.") == key("east: it expires in 5 days: CN=a.")
    assert key("no Service leads to port 8081, which it sets.") != key("no Service leads to port 8082, which it sets.")
    assert len({of_kind.key(item) for item in items}) == len(items)
