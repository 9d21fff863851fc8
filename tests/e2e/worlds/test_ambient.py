"""Ambient: ztunnels count connections, waypoints requests; nothing has a sidecar, and each call counts once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.worlds.walking import Walk

COMPANY = ("shop", "checkout", "logistics", "loyalty", "platform", "data", "analytics")


def test_workloads_are_in_the_mesh_without_sidecars(walk: Callable[[str], Walk]) -> None:
    found = [w for w in walk("ambient").get("workloads") if w["namespace"] in COMPANY and w["cluster"] != "on-prem"]
    assert found
    assert {w["proxy"] for w in found} == {"ambient"}
    modes = {n["name"]: n["mode"] for n in walk("ambient").get("namespaces") if n["cluster"] == "us-east"}
    assert {modes[name] for name in COMPANY} == {"ambient"}


def test_a_call_through_a_waypoint_counts_once_and_with_its_codes(walk: Callable[[str], Walk]) -> None:
    world = walk("ambient")
    calls = [
        e
        for e in world.get("edges")
        if (e["source"]["workload"], e["destination"]["workload"], e["source"]["cluster"])
        == ("storefront-v5", "cart-v1", "us-east")
    ]
    assert [e["protocol"] for e in calls] == ["http"]
    assert calls[0]["traffic"]["requestsPerSecond"] > 50
    assert calls[0]["mtlsRatio"] == pytest.approx(1.0)
    assert not any("waypoint" in (e["source"]["workload"], e["destination"]["workload"]) for e in world.get("edges"))
    callers = sum(
        e["traffic"]["requestsPerSecond"]
        for e in world.get("edges")
        if e["destination"]["workload"] == "cart-v1" and e["destination"]["cluster"] == "us-east"
    )
    cart = next(w for w in world.get("workloads") if (w["cluster"], w["name"]) == ("us-east", "cart-v1"))
    assert cart["inbound"]["requestsPerSecond"] == pytest.approx(callers, rel=0.02)


def test_waypoints_show_what_passes_them(walk: Callable[[str], Walk]) -> None:
    world = walk("ambient")
    edges = world.get("edges")
    waypoints = [w for w in world.get("workloads") if w["name"] == "waypoint"]
    assert len(waypoints) == 6
    for waypoint in waypoints:
        path = "/".join((waypoint["cluster"], waypoint["namespace"], "waypoint"))
        passed = sum(e["traffic"]["requestsPerSecond"] or 0.0 for e in edges if path in e["hops"])
        assert passed > 1
        for side in ("inbound", "outbound"):
            assert waypoint[side]["requestsPerSecond"] == pytest.approx(passed, rel=0.02)
        assert waypoint["health"]["status"] != "idle"


def test_a_call_from_a_sidecar_or_gateway_is_one_edge(walk: Callable[[str], Walk]) -> None:
    """Its proxy reports requests, and the ztunnel of the server the connections that carry them."""
    protocols: dict[tuple[str, ...], list[str]] = {}
    for edge in walk("ambient").get("edges"):
        ends = tuple(
            edge[end][part] for end in ("source", "destination") for part in ("cluster", "namespace", "workload")
        )
        if edge["source"]["workload"] and "-ingressgateway" in edge["source"]["workload"]:
            protocols.setdefault(ends, []).append(edge["protocol"])
    assert len(protocols) > 5
    assert {tuple(found) for found in protocols.values()} <= {("http",), ("grpc",)}


def test_without_a_waypoint_connections_are_known_and_requests_are_not(walk: Callable[[str], Walk]) -> None:
    calls = [
        e
        for e in walk("ambient").get("edges")
        if (e["source"]["workload"], e["destination"]["workload"], e["source"]["cluster"])
        == ("storefront-v5", "auth-v3", "us-east")
    ]
    assert [e["protocol"] for e in calls] == ["tcp"]
    assert calls[0]["traffic"]["requestsPerSecond"] is None
    assert calls[0]["traffic"]["connectionsPerSecond"] > 0
    assert calls[0]["mtlsRatio"] == pytest.approx(1.0)


def test_routes_are_obeyed_by_waypoints(walk: Callable[[str], Walk]) -> None:
    rows = {(r["name"], r["cluster"]): r for r in walk("ambient").get("canaries")}
    for name in ("reviews", "offers"):
        assert rows[name, "us-east"]["honesty"]["verdict"] == "honoured"


def test_plaintext_into_the_mesh_is_seen_by_the_ztunnel(walk: Callable[[str], Walk]) -> None:
    found = {m["workload"]: m for m in walk("ambient").get("mtls") if m["cluster"] == "us-east"}
    assert "MTLS-PLAINTEXT-SEEN" in {f["code"] for f in found["catalog-v1"]["findings"]}
    assert "MTLS-PLAINTEXT-SEEN" not in {f["code"] for f in found["cart-v1"]["findings"]}


def test_nothing_drifts_and_the_doctor_finds_no_fault(walk: Callable[[str], Walk]) -> None:
    world = walk("ambient")
    assert world("get", "drift").code == 0
    assert world("doctor").code == 0
