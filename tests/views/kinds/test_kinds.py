from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import structs

from meshtop.model.kube import KindStatus
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import HealthStatus, SourceStatus, State
from meshtop.views.frame.document import document, kind_schema, missing
from meshtop.views.frame.ends import call_path
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import KINDS, find_kind, names, view
from meshtop.views.frame.table import Tone
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds

PROMISED = {
    "clusters": (
        "name context server state kubernetesVersion istioVersions revisions clusterId meshId network trustDomain "
        "rootNamespace autoMtls nodes namespaces services workloads pods virtualMachines traffic mtlsRatio "
        "rootCertificates region roles"
    ),
    "namespaces": "cluster name tenant workspace injection revision mode workloads services traffic mtlsRatio",
    "services": "cluster namespace name hosts ports tenant workloads clusters traffic mtlsRatio health",
    "workloads": (
        "cluster namespace name kind app version tenant pods proxy proxyVersion revision inbound outbound health"
    ),
    "virtualmachines": (
        "cluster namespace name workloadGroup address network locality health connectedAt services inbound outbound"
    ),
    "edges": "source destination protocol traffic codes flags mtlsRatio reporters disagreement crossCluster",
}
TRAFFIC = {"requestsPerSecond", "errorsPerSecond", "errorRatio", "latencyMs", "bytesPerSecond", "connectionsPerSecond"}


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(worlds.world())


def rows(picture: Picture, kind: str, **query: Any) -> list[dict[str, Any]]:
    encoded = msgspec.json.encode(view(kind).items(picture, Query(**query)))
    decoded: list[dict[str, Any]] = msgspec.json.decode(encoded)
    return decoded


@pytest.mark.parametrize("kind", list(PROMISED))
def test_the_fields_are_those_promised_and_in_order(picture: Picture, kind: str) -> None:
    promised = PROMISED[kind].split()
    for row in rows(picture, kind):
        assert list(row)[: len(promised)] == promised
        for name in ("traffic", "inbound", "outbound"):
            assert name not in row or set(row[name]) == TRAFFIC
    assert rows(picture, kind)


def test_a_cluster_row(picture: Picture) -> None:
    east, north = (next(r for r in rows(picture, "clusters") if r["name"] == n) for n in ("east", "north"))
    assert east["state"] == "fresh"
    assert (east["kubernetesVersion"], east["meshId"], east["network"]) == ("v1.34.2", "mesh1", "net-east")
    assert (east["trustDomain"], east["clusterId"], east["rootNamespace"]) == ("example.org", "east", "istio-system")
    assert (east["nodes"], east["pods"]) == ({"ready": 2, "total": 2}, {"ready": 6, "total": 6})
    assert (east["namespaces"], east["services"], east["workloads"]) == (3, 2, 3)
    assert east["virtualMachines"] == {"healthy": 1, "total": 1, "unknown": 0}
    assert east["traffic"]["requestsPerSecond"] == pytest.approx(100.0)
    assert east["traffic"]["errorRatio"] == pytest.approx(0.015)
    assert east["mtlsRatio"] == pytest.approx(1.0)
    assert north["state"] == "unreachable"
    unknown = ("kubernetesVersion", "nodes", "pods", "workloads", "virtualMachines", "mtlsRatio", "autoMtls", "meshId")
    assert all(north[name] is None for name in unknown)
    assert north["health"]["status"] == "unknown"


def test_what_others_say_of_a_cluster_that_was_never_heard_is_not_its_traffic() -> None:
    east = worlds.cluster("east", [worlds.request("east/web", "north/v1", 7.0, reporter="source")])
    picture = Picture(worlds.world(east, worlds.north()))
    assert picture.cluster_figures("north").received.requests == pytest.approx(7.0), "a part of it"
    north = next(row for row in rows(picture, "clusters") if row["name"] == "north")
    assert north["traffic"]["requestsPerSecond"] is None
    assert north["mtlsRatio"] is None


def test_what_may_not_be_read_is_unknown_and_not_zero() -> None:
    east = worlds.east()
    assert east.inventory is not None
    denied = msgspec.structs.replace(
        east.inventory,
        nodes=(),
        kinds=(KindStatus(kind="Node", state="denied"), KindStatus(kind="Pod", state="failed")),
    )
    picture = Picture(worlds.world(msgspec.structs.replace(east, inventory=denied)))
    row = rows(picture, "clusters")[0]
    assert (row["nodes"], row["pods"], row["workloads"]) == (None, None, None)


def test_without_pods_nobody_is_said_to_have_no_proxy() -> None:
    east = worlds.east()
    assert east.inventory is not None
    containers = tuple(structs.replace(c, containers=()) for c in east.inventory.controllers)
    for state, proxy in (("fresh", "none"), ("denied", None)):
        kinds = (KindStatus(kind="Pod", state=state),)
        inventory = structs.replace(east.inventory, pods=(), controllers=containers, kinds=kinds)
        picture = Picture(worlds.world(structs.replace(east, inventory=inventory)))
        found = {row["proxy"] for row in rows(picture, "workloads", namespaces=("shop",))}
        assert found == {proxy}
        assert {row["mode"] for row in rows(picture, "namespaces", names=("tools",))} == {proxy}
        assert {row["proxy"] for row in rows(picture, "mtls", names=("reviews-v1",))} == {proxy}


@pytest.mark.parametrize(
    ("kubernetes", "prometheus", "state"),
    [
        ("fresh", "fresh", "fresh"),
        ("fresh", "none", "fresh"),
        ("fresh", "stale", "stale"),
        ("fresh", "unreachable", "partial"),
        ("fresh", "denied", "partial"),
        ("stale", "fresh", "stale"),
        ("denied", "fresh", "denied"),
    ],
)
def test_one_word_for_two_sources(kubernetes: str, prometheus: str, state: str) -> None:
    east = msgspec.structs.replace(
        worlds.east(),
        kubernetes=SourceStatus(state=State(kubernetes)),
        prometheus=SourceStatus(state=State(prometheus)),
    )
    assert rows(Picture(worlds.world(east)), "clusters")[0]["state"] == state


def test_a_namespace_row(picture: Picture) -> None:
    shop = rows(picture, "namespaces", names=("east/shop",))[0]
    assert (shop["tenant"], shop["injection"], shop["mode"]) == ("storefront", "enabled", "sidecar")
    assert (shop["workloads"], shop["services"]) == (3, 2)
    tools = rows(picture, "namespaces", names=("east/tools",))[0]
    assert (tools["tenant"], tools["injection"], tools["mode"], tools["workloads"]) == (None, None, "none", 0)
    assert tools["traffic"]["requestsPerSecond"] is None


def test_a_service_row(picture: Picture) -> None:
    reviews = rows(picture, "services", names=("west/shop/reviews",))[0]
    assert reviews["hosts"] == [worlds.REVIEWS_HOST]
    assert reviews["ports"][0]["port"] == 9080
    assert reviews["workloads"] == ["reviews-v1", "reviews-v2"]
    assert reviews["clusters"] == ["east", "west"]
    assert reviews["traffic"]["requestsPerSecond"] == pytest.approx(50.0)
    assert reviews["traffic"]["latencyMs"]["p50"] == pytest.approx(10.0)


def test_a_workload_row_counts_a_request_once(picture: Picture) -> None:
    v1 = rows(picture, "workloads", names=("east/shop/reviews-v1",))[0]
    assert v1["inbound"]["requestsPerSecond"] == pytest.approx(80.0)
    assert v1["outbound"]["requestsPerSecond"] is None
    web = rows(picture, "workloads", names=("east/shop/web-v1",))[0]
    assert web["outbound"]["requestsPerSecond"] == pytest.approx(110.0)
    assert (web["kind"], web["app"], web["version"], web["proxy"]) == ("Deployment", "web", "v1", "sidecar")
    v2 = rows(picture, "workloads", names=("east/shop/reviews-v2",))[0]
    assert v2["health"]["status"] == "degraded"
    idle = rows(picture, "workloads", names=("west/shop/reviews-v2",))[0]
    assert idle["health"]["status"] == "idle"


def test_a_virtual_machine_row(picture: Picture) -> None:
    (row,) = rows(picture, "virtualmachines")
    assert (row["name"], row["workloadGroup"], row["address"]) == ("ledger-1", "ledger", "192.0.2.7")
    assert row["connectedAt"] == "2026-08-01T08:00:00Z"
    assert row["inbound"]["requestsPerSecond"] is None


def test_an_edge_across_clusters_is_one_edge(picture: Picture) -> None:
    crossing = rows(picture, "edges", filter="crossCluster:yes")
    assert len(crossing) == 1
    edge = crossing[0]
    assert (edge["source"]["cluster"], edge["destination"]["cluster"]) == ("east", "west")
    assert set(edge["source"]) == {"cluster", "namespace", "workload", "app", "version", "kind"}
    assert edge["destination"]["service"] == worlds.REVIEWS_HOST
    assert edge["traffic"]["requestsPerSecond"] == pytest.approx(10.0)
    assert edge["reporters"] == ["destination", "source"]
    assert edge["disagreement"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("kind", "query", "count"),
    [
        ("workloads", {"clusters": ("east",)}, 3),
        ("workloads", {"namespaces": ("shop",)}, 6),
        ("workloads", {"namespaces": ("sh*",)}, 6),
        ("workloads", {"namespaces": ("none",)}, 0),
        ("workloads", {"tenant": "storefront"}, 6),
        ("workloads", {"tenant": "other"}, 0),
        ("workloads", {"names": ("reviews-*",)}, 4),
        ("workloads", {"names": ("shop/web-v1",)}, 2),
        ("workloads", {"filter": "version:v2"}, 2),
        ("workloads", {"filter": "rps:>45"}, 2),
        ("edges", {"filter": "namespace:shop errorRatio:>0.01 !workload:~^load"}, 1),
        ("edges", {"filter": "code:503"}, 1),
        ("edges", {"clusters": ("west",)}, 2),
        ("clusters", {"namespaces": ("shop",), "tenant": "x"}, 3),
        ("clusters", {"filter": "!fresh"}, 1),
    ],
)
def test_scope_and_filter(picture: Picture, kind: str, query: dict[str, Any], count: int) -> None:
    assert len(rows(picture, kind, **query)) == count


def test_the_worst_comes_first(picture: Picture) -> None:
    assert rows(picture, "clusters")[0]["name"] == "north"
    assert rows(picture, "workloads")[0]["name"] == "reviews-v2"


@pytest.mark.parametrize("kind", names())
def test_every_column_of_every_kind_draws_filters_and_sorts(picture: Picture, kind: str) -> None:
    found = view(kind)
    items = found.all_items(picture)
    assert len({found.key(item) for item in items}) == len(items)
    known = [name.lower() for column in found.columns for name in (column.name, *column.aliases)]
    assert len(known) == len(set(known))
    for column in found.columns:
        assert column.help.endswith("."), column.name
        for item in items:
            assert column.cell(item).text
            assert column.cell(item).text.isprintable()
        found.items(picture, Query(sort=column.name))
        found.items(picture, Query(filter=f"{column.name}:null"))


def test_the_same_snapshot_has_the_same_keys_in_any_order_of_clusters() -> None:
    one = Picture(worlds.world(worlds.east(), worlds.west()))
    two = Picture(worlds.world(worlds.west(), worlds.east()))
    for kind in names():
        found = view(kind)
        assert [found.key(i) for i in found.items(one, Query())] == [found.key(i) for i in found.items(two, Query())]


def test_unready_pods_degrade_a_workload() -> None:
    picture = Picture(worlds.world(worlds.east(sick=True)))
    item = view("workloads").items(picture, Query(names=("reviews-v2",)))[0]
    assert item.health.status is HealthStatus.DEGRADED
    pods = next(c for c in view("workloads").columns if c.name == "pods")
    assert pods.cell(item).tone is Tone.DEGRADED
    assert pods.cell(item).text == "1/2"


def test_the_document(picture: Picture) -> None:
    items = view("edges").items(picture, Query())
    told = msgspec.json.decode(msgspec.json.encode(document(view("edges"), picture, items, Query())))
    assert list(told) == ["apiVersion", "kind", "generatedAt", "window", "sources", "unknowns", "items"]
    assert (told["apiVersion"], told["kind"], told["window"]) == ("meshtop/v1", "EdgeList", "5m")
    assert told["generatedAt"] == "2026-08-01T14:00:00Z"
    assert told["sources"][0]["kubernetes"] == {"state": "fresh", "ageSeconds": 0.4, "error": None}
    assert told["sources"][2]["kubernetes"]["state"] == "unreachable"
    assert told["unknowns"] == [{"what": "everything", "cluster": "north", "why": "unreachable"}]


def test_missing_sources_are_one_sentence_each() -> None:
    assert missing(worlds.world()) == ["north did not answer within 5 s. Check the VPN."]
    assert missing(Snapshot(sequence=1, at=1.0, window_seconds=60)) == []


@pytest.mark.parametrize("kind", names())
def test_every_kind_has_a_json_schema(kind: str) -> None:
    schema = kind_schema(view(kind))
    assert view(kind).list_kind in schema["$defs"]


def test_kinds_are_found_by_all_their_names() -> None:
    for kind in KINDS:
        for name in (kind.name, kind.singular, kind.name.upper(), *kind.aliases):
            assert find_kind(name) is kind
    with pytest.raises(FilterError, match=r"There is no kind edgs; did you mean edges\?"):
        find_kind("edgs")
    with pytest.raises(FilterError, match="there are clusters, namespaces"):
        find_kind("zzz")


def test_a_cluster_that_is_not_there_is_one_sentence_and_not_two() -> None:
    east = worlds.east()
    lost = structs.replace(
        east,
        kubernetes=SourceStatus(state=State.UNREACHABLE, error="east (https://east) cannot be reached: refused."),
        prometheus=SourceStatus(state=State.NONE, error="No Prometheus was found in east.", remedy="Name it."),
    )
    assert missing(worlds.world(lost)) == ["east (https://east) cannot be reached: refused."]
    bare = structs.replace(lost, kubernetes=SourceStatus(state=State.FRESH))
    assert missing(worlds.world(bare)) == ["east: No Prometheus was found in east. Name it."]


def test_clusters_that_refuse_the_same_share_a_sentence() -> None:
    def refusing(cluster: ClusterSnapshot, what: str) -> ClusterSnapshot:
        error = f"{cluster.name} does not let you list {what} (and 2 more kinds)."
        status = SourceStatus(state=State.PARTIAL, error=error, remedy="Ask for 3 rights.", answered_at=1.0)
        return structs.replace(cluster, kubernetes=status)

    third = structs.replace(worlds.west(), name="south")
    told = missing(
        worlds.world(refusing(worlds.east(), "nodes"), refusing(worlds.west(), "nodes"), refusing(third, "pods"))
    )
    assert told == [
        "east, west do not let you list nodes (and 2 more kinds). Ask for 3 rights.",
        "south does not let you list pods (and 2 more kinds). Ask for 3 rights.",
    ]


def test_the_key_of_a_call_is_told_without_its_row(picture: Picture) -> None:
    """What needs attention names single calls, and has no need of all the others' rows for that."""
    rows = view("edges").all_items(picture)
    assert [view("edges").key(row) for row in rows] == ["/".join(call_path(e, e.protocol)) for e in picture.edges]
