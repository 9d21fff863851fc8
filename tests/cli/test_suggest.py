"""`meshtop suggest policies`: YAML on stdout, the proof and what is silent on stderr, exit codes."""

from __future__ import annotations

import json

import yaml

from tests.analysis.authorization.build import policy
from tests.cli.conftest import Program
from tests.views.kinds.test_edge_policy import snapshot


def test_the_policies_as_yaml_and_the_proof_in_words(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(),)
    outcome = meshtop("suggest", "policies", "shop")
    assert outcome.code == 0
    assert outcome.out.startswith("# For east, west\n")
    (document,) = yaml.safe_load_all(outcome.out)
    assert document["metadata"] == {"name": "reviews-callers", "namespace": "shop"}
    rule = {"from": [{"source": {"principals": ["example.org/ns/shop/sa/web"]}}],
            "to": [{"operation": {"ports": ["9080"]}}]}  # fmt: skip
    assert document["spec"]["rules"] == [rule]
    assert "1 policy from 4 calls (150 requests/s) seen in the last 5m" in outcome.err
    assert "4 of 4 are allowed." in outcome.err
    assert "Nobody was seen to call" in outcome.err


def test_json_has_all_of_it(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(),)
    told = json.loads(meshtop("suggest", "policies", "shop", "-o", "json").out)
    promised = (
        "apiVersion kind generatedAt window namespace unknowns calls allowed requestsPerSecond policies notAllowed"
    )
    assert list(told) == [*promised.split(), "silent"]
    assert (told["kind"], told["calls"], told["allowed"], told["notAllowed"]) == ("PolicySuggestion", 4, 4, [])
    assert told["policies"][0]["clusters"] == ["east", "west"]
    assert told["policies"][0]["policy"]["kind"] == "AuthorizationPolicy"


def test_a_call_that_would_not_pass_ends_with_1(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(policy("closed", action="DENY", rules=[{}])),)
    outcome = meshtop("suggest", "policies", "shop")
    assert outcome.code == 1
    assert "0 of 4 are allowed." in outcome.err
    assert "Not certain to pass: " in outcome.err
    assert "AuthorizationPolicy shop/closed, rule 1, denies it." in outcome.err


def test_policies_that_were_not_read_make_no_proof(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(AuthorizationPolicy="denied"),)
    outcome = meshtop("suggest", "policies", "shop")
    assert outcome.code != 0
    assert "AuthorizationPolicy of east, west may not be read" in outcome.err


def test_namespaces_that_are_not_there_or_quiet(meshtop: Program) -> None:
    meshtop.snapshots = (snapshot(),)
    assert meshtop("suggest", "policies", "nosuch") == (
        2, "", "meshtop: There is no namespace nosuch in any cluster that was read.\n",
    )  # fmt: skip
    quiet = meshtop("suggest", "policies", "tools")
    assert (quiet.code, quiet.out) == (0, "")
    assert "No call into tools was seen in the last 5m: there is nothing to suggest." in quiet.err
