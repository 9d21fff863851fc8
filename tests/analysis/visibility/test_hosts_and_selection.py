"""Hosts, exports and selectors as Istio's objects write them."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.analysis.visibility.hosts import full_host, host_matches, is_exported_to
from meshtop.analysis.visibility.selection import match_labels, oldest_first, selects, title
from meshtop.model.kube import ConfigObject, Meta


def rule(
    spec: dict[str, Any] | None = None, name: str = "one", namespace: str = "shop", at: float = 0.0
) -> ConfigObject:
    meta = Meta(name=name, namespace=namespace, created=at)
    return ConfigObject(group="g", version="v1", kind="DestinationRule", meta=meta, spec=spec or {})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("cart", "cart.shop.svc.cluster.local"),
        ("cart.pay", "cart.pay"),
        ("*.example.com", "*.example.com"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_full_names(host: str, expected: str) -> None:
    assert full_host(host, "shop") == expected


def test_a_cluster_may_have_another_domain() -> None:
    assert full_host("cart", "shop", "corp.internal") == "cart.shop.svc.corp.internal"


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("cart.shop", "cart.shop", True),
        ("cart.shop", "cart.shop.svc", False),
        ("*.shop", "cart.shop", True),
        ("*.shop", ".shop", False),
        ("*.shop", "shop", False),
        ("*", "anything", True),
    ],
)
def test_wildcards(pattern: str, host: str, covered: bool) -> None:
    assert host_matches(pattern, host) is covered


@pytest.mark.parametrize(
    ("export_to", "own", "other"),
    [
        (None, True, True),
        ([], True, True),
        (["*"], True, True),
        (["."], True, False),
        (["pay"], False, True),
        (["elsewhere"], False, False),
    ],
)
def test_to_whom_a_rule_is_exported(export_to: list[str] | None, own: bool, other: bool) -> None:
    exported = rule({} if export_to is None else {"exportTo": export_to})
    assert (is_exported_to(exported, "shop"), is_exported_to(exported, "pay")) == (own, other)


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ({}, {}),
        ({"selector": None}, {}),
        ({"selector": {"matchLabels": {}}}, {}),
        ({"selector": {"matchLabels": {"app": "cart", "n": 1}}}, {"app": "cart", "n": "1"}),
        ({"selector": {"matchLabels": ["app"]}}, {}),
    ],
)
def test_selectors_of_any_shape(spec: dict[str, Any], labels: dict[str, str]) -> None:
    assert match_labels(spec) == labels


def test_every_wanted_label_must_be_there() -> None:
    assert selects({"app": "cart"}, {"app": "cart", "version": "v1"})
    assert not selects({"app": "cart", "version": "v2"}, {"app": "cart", "version": "v1"})
    assert selects({}, {})


def test_the_oldest_comes_first_then_the_name_then_the_namespace() -> None:
    objects = [rule(name="b", at=1), rule(name="a", namespace="z", at=1), rule(name="a", at=1), rule(name="z", at=0)]
    assert [title(o) for o in oldest_first(objects)] == [
        "DestinationRule shop/z",
        "DestinationRule shop/a",
        "DestinationRule z/a",
        "DestinationRule shop/b",
    ]
