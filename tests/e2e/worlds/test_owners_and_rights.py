"""Routes that a controller owns, and a user who may read one namespace: what is refused, and what is said instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.worlds.walking import Walk

OWNED = (
    ("shop/catalog", "canary=30", "argo-rollouts (shop/catalog)"),
    ("checkout/fraud", "fraud-canary=30", "flagger (checkout/fraud)"),
    ("shop/reviews", "v3=30", "gitops (Argo CD shop)"),
    ("checkout/checkout", "v2=30", "gitops (Flux checkout)"),
)


@pytest.mark.parametrize(("route", "to", "owner"), OWNED)
def test_a_route_that_a_controller_owns_is_not_shifted(
    route: str, to: str, owner: str, walk: Callable[[str], Walk]
) -> None:
    said = walk("owners")("shift", route, "--to", to, "--dry-run")
    assert said.code == 5
    assert f"{owner} owns the weights in us-east and will revert the change" in said.err
    assert said.out == ""


def test_a_route_that_nobody_owns_is_shifted(walk: Callable[[str], Walk]) -> None:
    said = walk("owners")("shift", "shop/search", "--to", "v2=30", "--dry-run")
    assert said.code == 0, said.err
    assert "owner: none" in said.err


def test_what_stands_behind_an_owned_route_is_counted_and_only_judged_where_it_can_be(
    walk: Callable[[str], Walk],
) -> None:
    rows = {row["name"]: row for row in walk("owners").get("canaries") if row["cluster"] == "us-east"}
    owners = {name: row["owner"]["controller"] for name, row in rows.items()}
    assert owners["catalog"] == "argo-rollouts"
    assert owners["fraud"] == "flagger"
    assert owners["search"] == "none"
    pods = {d["name"]: d["pods"] for d in rows["catalog"]["destinations"]}
    assert pods == {"stable": {"ready": 4, "total": 4}, "canary": {"ready": 1, "total": 1}}
    # One Rollout answers for both subsets, and nothing in telemetry tells its pods apart.
    assert rows["catalog"]["honesty"]["verdict"] == "not-enough-data"
    assert rows["fraud"]["honesty"]["verdict"] == "honoured"
    table = walk("owners")("get", "canaries", "--filter", "name:catalog")
    assert "too little traffic" not in table.out


def test_a_rollout_is_one_workload(walk: Callable[[str], Walk]) -> None:
    found = [w for w in walk("owners").get("workloads") if w["namespace"] == "shop" and w["name"].startswith("catalog")]
    assert {(w["cluster"], w["name"], w["kind"]) for w in found} == {
        ("us-east", "catalog", "Rollout"),
        ("eu-west", "catalog", "Rollout"),
    }
    assert all(w["pods"] == {"ready": 5, "total": 5} for w in found)
    assert all(w["inbound"]["requestsPerSecond"] > 100 for w in found)


def test_one_namespace_is_read_and_the_rest_said_to_be_unread(walk: Callable[[str], Walk]) -> None:
    world = walk("one-namespace")
    clusters = {c["name"]: c for c in world.get("clusters")}
    assert (clusters["us-east"]["state"], clusters["on-prem"]["state"]) == ("partial", "denied")
    assert {(w["cluster"], w["namespace"]) for w in world.get("workloads")} == {
        ("us-east", "shop"),
        ("eu-west", "shop"),
    }
    assert {m["declared"]["mode"] for m in world.get("mtls")} == {None}
    document = world("get", "services", "-o", "json").document
    assert {u["cluster"] for u in document["unknowns"]} == {"us-east", "eu-west", "on-prem"}
    assert {"traffic"} <= {u["what"] for u in document["unknowns"]}


@pytest.mark.parametrize(
    "command", [("get", "drift"), ("get", "findings"), ("whatif", "strict", "shop"), ("whatif", "evacuate", "us-east")]
)
def test_all_is_well_is_not_said_of_what_was_not_read(command: tuple[str, ...], walk: Callable[[str], Walk]) -> None:
    said = walk("one-namespace")(*command)
    assert said.code == 3
    assert "may not be read" in said.err
    assert "as far as it is known as far as it was read" not in said.err


def test_a_namespace_that_may_not_be_listed_is_known_by_what_is_in_it(walk: Callable[[str], Walk]) -> None:
    world = walk("one-namespace")
    assert "STRICT in namespace shop (22 workloads)" in world("whatif", "strict", "shop").err
    elsewhere = world("whatif", "strict", "elsewhere")
    assert elsewhere.code == 3
    assert "There is no namespace" not in elsewhere.err


def test_the_pods_behind_a_route_of_the_one_namespace_are_known(walk: Callable[[str], Walk]) -> None:
    rows = {row["name"]: row for row in walk("one-namespace").get("canaries") if row["cluster"] == "us-east"}
    pods = {d["name"]: d["pods"]["ready"] for d in rows["reviews"]["destinations"]}
    assert pods == {"v2": 6, "v3": 2}
    assert [f["code"] for f in rows["reviews"]["findings"]] == []
    assert "too little traffic" not in walk("one-namespace")("get", "canaries").out


def test_the_one_namespace_can_be_shifted_in_a_cluster_that_is_named(walk: Callable[[str], Walk]) -> None:
    world = walk("one-namespace")
    said = world("shift", "shop/reviews", "--to", "v3=30", "--dry-run", "--cluster", "us-east")
    assert said.code == 0, said.err
    assert "eu-west has that route too, and may be of the same mesh" in said.err
    everywhere = world("shift", "shop/reviews", "--to", "v3=30", "--dry-run")
    assert everywhere.code == 3
    assert "on-prem" in everywhere.err


def test_the_doctor_claims_nothing_of_what_may_not_be_listed(walk: Callable[[str], Walk]) -> None:
    said = walk("one-namespace")("doctor")
    assert said.code == 1
    assert "Whether istiod runs in us-east is not known" in said.out
    assert "No istiod runs in us-east" not in said.out
    assert "none of the Services that may be listed looks like one" in said.out
