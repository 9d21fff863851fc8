"""Objects of any shape cost one finding, never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.analysis.findings import shapes
from meshtop.analysis.findings.judge import RULES, judge_config
from meshtop.analysis.findings.revisions import JudgedCluster
from meshtop.model.kube import ConfigObject, Inventory, Meta
from meshtop.model.yaml_input import YamlRefused
from meshtop.sources.kubernetes.kinds import CONFIG, JUDGED
from meshtop.sources.kubernetes.manifests import manifests

KINDS = sorted(kind.key for kind in (*CONFIG, *JUDGED))
SCALARS = st.none() | st.booleans() | st.integers(-2, 70000) | st.floats() | st.text(max_size=6)
NAMES = st.sampled_from(
    ("hosts", "http", "tcp", "tls", "match", "route", "destination", "host", "subset", "port", "number", "gateways",
     "exportTo", "servers", "selector", "matchLabels", "labels", "workloadSelector", "subsets", "trafficPolicy", "mode",
     "portLevelSettings", "loadBalancer", "localityLbSetting", "failover", "outlierDetection", "ports", "protocol",
     "configPatches", "patch", "operation", "value", "name", "rules", "from", "source", "namespaces", "to", "operation",
     "when", "key", "targetRefs", "action", "accessLogging", "providers", "tracing", "webhooks", "clientConfig", "url",
     "service", "namespaceSelector", "matchExpressions", "fault", "delay", "percentage", "mirror", "mirrors", "uri",
     "prefix", "headers", "conditions", "parents", "status", "type", "endpoints", "address", "ingress", "bind", "mtls",
     "portLevelMtls", "jwtRules", "credentialName", "image", "imageType", "listeners", "hostname", "backendRefs")
)  # fmt: skip
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=16
)
SPECS = st.dictionaries(NAMES, TREES, max_size=5)


def cluster(kind: str, spec: Any, status: Any = None, name: str = "odd") -> JudgedCluster:
    obj = ConfigObject(
        group="", version="v1", kind=kind.partition(".")[0], meta=Meta(name=name, namespace="shop"),
        spec=spec, status=status or {},
    )  # fmt: skip
    return JudgedCluster(name="east", inventory=Inventory(config={kind: (obj,)}))


@given(st.sampled_from(KINDS), TREES | SPECS, SPECS)
@settings(max_examples=400, deadline=None)
def test_an_object_of_any_shape_raises_nothing(kind: str, spec: Any, status: Any) -> None:
    judged = judge_config([cluster(kind, spec, status)])
    assert not [one for one in judged.findings if one.code == "IST0001"]
    unjudged = [one for one in judged.findings if one.message.startswith("cannot be judged")]
    assert len(unjudged) <= 1
    for one in judged.findings:
        assert one.object.name
        assert one.message


@pytest.mark.parametrize(
    ("kind", "spec", "told"),
    [
        ("VirtualService", {"hosts": 5}, "spec.hosts is a number, and has to be a list"),
        ("VirtualService", {"hosts": ["a"], "http": {"route": []}}, "spec.http is a mapping, and has to be a list"),
        ("VirtualService", {"hosts": ["a"], "http": [None]}, "spec.http[0] is empty"),
        ("VirtualService", {}, "spec.hosts is missing"),
        ("DestinationRule", {"host": ["a"]}, "spec.host is a list, and has to be text"),
        (
            "DestinationRule",
            {"host": "a", "subsets": [{"name": "v1", "labels": "x"}]},
            "spec.subsets[0].labels is text",
        ),
        ("Gateway", {"servers": [{"port": {"number": "80"}}]}, "spec.servers[0].port.number is text"),
        ("AuthorizationPolicy", {"rules": [{"from": [{"source": {"namespaces": "a"}}]}]}, "namespaces is text"),
        ("EnvoyFilter", "x", "spec is text, and has to be a mapping"),
    ],
)
def test_what_is_not_of_its_form_gives_one_finding_that_names_the_field(kind: str, spec: Any, told: str) -> None:
    found = judge_config([cluster(kind, spec)]).findings
    assert [one.code for one in found] == ["IST0106"]
    assert "cannot be judged" in found[0].message
    assert told in found[0].message
    assert (found[0].object.kind, found[0].object.namespace, found[0].object.name) == (kind, "shop", "odd")


def test_a_delegate_needs_no_hosts() -> None:
    text = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: shop}
spec: {hosts: [cart], http: [{delegate: {name: cart, namespace: shop}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec: {http: [{route: [{destination: {host: cart}}]}]}
"""
    found = judge_config([JudgedCluster(name="", inventory=manifests([text]).inventory)], only=["forms"]).findings
    assert found == ()


@given(
    st.lists(st.dictionaries(st.sampled_from(("apiVersion", "kind", "metadata", "spec", "items")), TREES), max_size=3)
)
@settings(max_examples=150, deadline=None)
def test_documents_of_any_shape_are_read_or_named(documents: list[Any]) -> None:
    try:
        found = manifests([json.dumps(one, ensure_ascii=False) for one in documents])
    except YamlRefused:
        return
    judge_config([JudgedCluster(name="", inventory=found.inventory, misread=found.misread)])


def test_a_document_that_cannot_be_decoded_is_a_finding_on_it() -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {ports: [{port: many}]}\n"
    read = manifests([text])
    found = judge_config([JudgedCluster(name="", inventory=read.inventory, misread=read.misread)]).findings
    assert [(one.code, str(one.object)) for one in found] == [("IST0106", "Service shop/cart")]
    assert "cannot be judged" in found[0].message


def test_a_rule_that_fails_costs_itself_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "lacking", lambda *_: 1 / 0)
    monkeypatch.setattr("meshtop.analysis.findings.validation.lacking", lambda *_: 1 / 0)
    found = judge_config([cluster("VirtualService", {"hosts": ["a"], "http": [{}]})]).findings
    assert {one.code for one in found} == {"IST0001", "IST0106"}
    assert "rule forms failed" in next(one.message for one in found if one.code == "IST0001")


def test_rules_have_names_of_their_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
