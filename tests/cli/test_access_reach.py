"""`meshtop access who` and `reach`: possible callers and targets, judged by all policies, with what was seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.analysis.authorization.build import policy, source
from tests.cli.conftest import Program
from tests.views.kinds.test_edge_policy import snapshot

ONLY_WEB = policy("web-only", selector={"matchLabels": {"app": "reviews"}},
                  rules=[source(principals=["example.org/ns/shop/sa/web"])])  # fmt: skip


def items(program: Program, *words: str) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    told = json.loads(program("access", *words, "-o", "json").out)
    assert told["kind"] == "AccessList"
    found = {}
    for item in told["items"]:
        assert list(item) == ["source", "destination", "policy", "policyWhy", "requestsPerSecond"]
        ends = (item["source"], item["destination"])
        found[ends[0]["cluster"], ends[0]["workload"], ends[1]["cluster"], ends[1]["workload"]] = item
    return found


def test_who_may_call_has_every_workload_of_the_mesh_and_anybody_outside(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(ONLY_WEB),)
    found = items(meshtop, "who", "shop/reviews-v1")
    assert {key[1] for key in found} == {"", "web-v1", "reviews-v1", "reviews-v2", "ledger", "istiod"}
    web = found["east", "web-v1", "west", "reviews-v1"]
    assert (web["policy"], web["requestsPerSecond"]) == ("allowed", pytest.approx(10.0))
    assert web["policyWhy"] == "AuthorizationPolicy shop/web-only, rule 1, allows it."
    other = found["east", "reviews-v2", "east", "reviews-v1"]
    assert (other["policy"], other["requestsPerSecond"]) == ("denied", None)
    assert found["", "", "east", "reviews-v1"]["policy"] == "denied"


def test_a_service_stands_for_its_workloads(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(ONLY_WEB),)
    found = items(meshtop, "who", "shop/reviews")
    assert {key[3] for key in found} == {"reviews-v1", "reviews-v2"}


def test_what_a_workload_reaches(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(ONLY_WEB),)
    found = items(meshtop, "reach", "shop/reviews-v1")
    assert found["east", "reviews-v1", "west", "reviews-v2"]["policy"] == "denied"
    assert found["east", "reviews-v1", "east", "web-v1"]["policy"] == "allowed"


def test_the_table_leaves_out_what_is_denied_and_never_seen(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(ONLY_WEB),)
    outcome = meshtop("access", "who", "shop/reviews-v1")
    assert outcome.code == 0
    assert "shop/web-v1" in outcome.out
    assert "✗ denied" not in outcome.out
    assert outcome.err.startswith("Callers of shop/reviews-v1: 3 allowed, ")
    assert "3 were seen." in outcome.err
    assert "(outside of the mesh)" in meshtop("access", "who", "shop/reviews-v1", "--all").out
    closed = snapshot(policy("closed"))
    meshtop.snapshots = (closed,)
    loud = meshtop("access", "who", "shop/reviews-v2").out.splitlines()
    assert "✗ denied" in loud[1]
    assert "shop/web-v1" in loud[1]


def test_policies_that_were_not_read(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(AuthorizationPolicy="denied"),)
    assert {item["policy"] for item in items(meshtop, "who", "shop/reviews-v1").values()} == {None}
    told = json.loads(meshtop("access", "who", "shop/reviews-v1", "-o", "json").out)
    assert "AuthorizationPolicy" in {unknown["what"] for unknown in told["unknowns"]}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("web", "web is no NAMESPACE/NAME of a workload or Service, such as shop/web."),
        ("shop/", "shop/ is no NAMESPACE/NAME"),
        ("shop/nosuch", "There is no workload or Service shop/nosuch in any cluster that was read."),
    ],
)
def test_a_name_that_is_none(meshtop: Program, name: str, said: str) -> None:
    meshtop.snapshots = (snapshot(),)
    outcome = meshtop("access", "reach", name)
    assert outcome.code == 2
    assert said in outcome.err
