"""Meshes without an ID, and meshes with names of their own: nothing is taken for Istio's default."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.worlds.walking import Walk


def test_without_an_id_the_mesh_is_told_from_evidence(walk: Callable[[str], Walk]) -> None:
    world = walk("no-mesh-id")
    meshes = {tuple(sorted(row["clusters"])): row["mesh"] for row in world.get("discovery")}
    assert meshes[("eu-west", "us-east")] == "cluster.local"
    assert set(meshes) == {("eu-west", "us-east"), ("on-prem",)}
    clusters = {c["name"]: c["meshId"] for c in world.get("clusters")}
    assert clusters == {"us-east": "cluster.local", "eu-west": "cluster.local", "on-prem": "warehouse.halyard.example"}
    assert world("get", "clusters", "-o", "json").document["unknowns"] == []


def test_two_meshes_without_an_id_need_not_trust_each_other(walk: Callable[[str], Walk]) -> None:
    pairs = {(p["left"], p["right"]): p for p in walk("no-mesh-id").get("trust")}
    assert pairs["eu-west", "us-east"]["trusted"] == "yes"
    assert pairs["eu-west", "us-east"]["sameMesh"] is True
    assert pairs["on-prem", "us-east"]["sameMesh"] is False
    assert "two meshes" in pairs["on-prem", "us-east"]["why"]


def test_without_an_id_a_mesh_is_shifted_and_evacuated_as_one(walk: Callable[[str], Walk]) -> None:
    world = walk("no-mesh-id")
    shift = world("shift", "shop/reviews", "--to", "v3=30", "--dry-run")
    assert shift.code == 0, shift.err
    assert "us-east, eu-west: VirtualService shop/reviews" in shift.out
    answer = world("whatif", "evacuate", "us-east", "-o", "json")
    assert answer.code == 0
    gone = {item["host"] for item in answer.document["items"] if item["fate"] == "gone"}
    assert gone == {"ledger.checkout.svc.cluster.local", "fraud-scoring.checkout.svc.cluster.local"}
    assert world("get", "drift").code == 0


def test_a_root_namespace_and_domains_of_ones_own_are_read(walk: Callable[[str], Walk]) -> None:
    world = walk("own-root")
    clusters = {c["name"]: c for c in world.get("clusters")}
    assert {c["rootNamespace"] for c in clusters.values()} == {"mesh-root"}
    assert {clusters[name]["trustDomain"] for name in ("us-east", "eu-west")} == {"mesh.halyard.example"}
    modes = {(m["namespace"], m["workload"]): m["declared"] for m in world.get("mtls") if m["cluster"] == "us-east"}
    assert modes["checkout", "payments-v4"]["mode"] == "STRICT"
    assert (modes["shop", "cart-v1"]["mode"], modes["shop", "cart-v1"]["from"]) == ("PERMISSIVE", "mesh")
    hosts = {row["host"] for row in world.get("discovery")}
    assert "reviews.shop.svc.corp.internal" in hosts
    assert not any(host.endswith("cluster.local") for host in hosts)


def test_traffic_routes_and_rules_meet_under_a_domain_of_ones_own(walk: Callable[[str], Walk]) -> None:
    world = walk("own-root")
    services = {(s["cluster"], s["name"]): s for s in world.get("services") if s["namespace"] == "shop"}
    workloads = {(w["cluster"], w["name"]): w for w in world.get("workloads") if w["namespace"] == "shop"}
    for cluster in ("us-east", "eu-west"):
        asked = services[cluster, "cart"]["traffic"]["requestsPerSecond"]
        assert asked > 10
        assert abs(asked - workloads[cluster, "cart-v1"]["inbound"]["requestsPerSecond"]) < 0.02 * asked
    reviews = [row for row in world.get("canaries") if row["name"] == "reviews"]
    assert [row["honesty"]["verdict"] for row in reviews] == ["honoured", "honoured"]
    assert all(row["findings"] == [] or row["findings"][0]["code"] != "CANARY-NO-PODS" for row in reviews)


def test_nothing_said_of_a_world_of_own_names_has_istios_default_names(walk: Callable[[str], Walk]) -> None:
    world = walk("own-root")
    for command in (("get", "findings"), ("get", "clusters", "-o", "wide"), ("whatif", "strict", "mesh"), ("doctor",)):
        said = world(*command)
        assert "istio-system" not in said.out + said.err, command
        assert "cluster.local" not in said.out + said.err, command
    assert world("get", "drift").code == 0
