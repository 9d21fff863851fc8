"""Who sees what: exports and their defaults, Sidecars, gateways, and whose requests a rule takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.visibility.clients import (
    Applies,
    Client,
    Visibility,
    gateway_names,
    rule_applies,
    winners,
)
from meshtop.analysis.visibility.exports import Audience, ExportDefaults, audience, export_defaults
from meshtop.analysis.visibility.sidecars import Sidecars
from meshtop.model.kube import ConfigObject, Meta, Service

NAMES = st.lists(st.sampled_from(["*", ".", "~", "a", "b", "shop"]), max_size=4)
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def obj(
    kind: str, spec: dict[str, Any], name: str = "one", namespace: str = "shop", created: float = 0.0
) -> ConfigObject:
    meta = Meta(name=name, namespace=namespace, created=created)
    return ConfigObject(group="networking.istio.io", version="v1", kind=kind, meta=meta, spec=spec)


def test_defaults_count_only_where_nothing_is_written() -> None:
    defaults = export_defaults(
        {
            "defaultVirtualServiceExportTo": ["."],
            "defaultDestinationRuleExportTo": ["a"],
            "defaultServiceExportTo": ["~"],
        }
    )
    assert not defaults.of(obj("VirtualService", {})).includes("a")
    assert defaults.of(obj("VirtualService", {})).includes("shop")
    assert defaults.of(obj("VirtualService", {"exportTo": ["*"]})).includes("a")
    assert defaults.of(obj("DestinationRule", {"exportTo": []})).includes("a")
    assert not defaults.of(obj("DestinationRule", {})).includes("b")
    assert not defaults.of(obj("ServiceEntry", {})).includes("shop")
    assert defaults.of(obj("Sidecar", {})).includes("anywhere")


def test_a_services_annotation_lists_namespaces() -> None:
    meta = Meta(name="reviews", namespace="shop", annotations={"networking.istio.io/exportTo": "., team"})
    seen = ExportDefaults().of_service(Service(meta=meta))
    assert [seen.includes(name) for name in ("shop", "team", "other")] == [True, True, False]
    hidden = ExportDefaults(services=(".",)).of_service(Service(meta=Meta(name="reviews", namespace="shop")))
    assert [hidden.includes(name) for name in ("shop", "team")] == [True, False]


@given(NAMES, NAMES, st.sampled_from(["shop", "a"]), st.sampled_from(["shop", "b"]))
def test_two_audiences_overlap_exactly_where_a_namespace_sees_both(
    one: list[str], two: list[str], here: str, there: str
) -> None:
    left, right = audience(one, here), audience(two, there)
    shared = [n for n in ("a", "b", "shop", "elsewhere") if left.includes(n) and right.includes(n)]
    assert left.overlaps(right) == right.overlaps(left) == bool(shared)


def test_what_is_not_read_settles_only_what_is_written_or_at_home() -> None:
    unread = export_defaults({}, known=False)
    assert unread.settles(obj("VirtualService", {}), "shop")
    assert not unread.settles(obj("VirtualService", {}), "team")
    assert unread.settles(obj("VirtualService", {"exportTo": ["team"]}), "team")


def sidecar(*hosts: str, namespace: str = "team", name: str = "default", **more: Any) -> ConfigObject:
    return obj("Sidecar", {"egress": [{"hosts": list(hosts)}], **more}, name, namespace)


REVIEWS = "reviews.shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("hosts", "sees"),
    [
        (["*/*"], True),
        (["shop/*"], True),
        (["./*"], False),
        (["~/*"], False),
        ([f"shop/{REVIEWS}"], True),
        ([f"*/{REVIEWS}"], True),
        (["*/*.shop.svc.cluster.local"], True),
        (["shop/other.shop.svc.cluster.local", "*/*"], False),
        (["reviews"], False),
    ],
)
def test_a_sidecar_limits_what_its_clients_see(hosts: list[str], sees: bool) -> None:
    sidecars = Sidecars([sidecar(*hosts)], "istio-system")
    assert sidecars.imports("team", {}, "shop", (REVIEWS,)) is sees
    assert sidecars.imports("other", {}, "shop", (REVIEWS,))


def test_the_most_specific_sidecar_counts() -> None:
    labels: dict[str, Any] = {"workloadSelector": {"labels": {"app": "web"}}}
    found = Sidecars(
        [
            sidecar("~/*", namespace="istio-system"),
            sidecar("./*"),
            sidecar("shop/*", name="web", **labels),
            sidecar("shop/*", namespace="istio-system", name="odd", **labels),
        ],
        "istio-system",
    )
    assert found.imports("team", {"app": "web"}, "shop", (REVIEWS,))
    assert not found.imports("team", {"app": "batch"}, "shop", (REVIEWS,))
    assert not found.imports("elsewhere", {"app": "web"}, "shop", (REVIEWS,)), "the root namespace's default"


def test_gateways_and_ambient_clients_obey_no_sidecar() -> None:
    visibility = Visibility(sidecars=Sidecars([sidecar("~/*")], "istio-system"))
    route = obj("VirtualService", {"hosts": ["reviews"], "gateways": ["mesh", "front"]})
    assert not visibility.sees_route(route, Client(namespace="team"))
    assert visibility.sees_route(route, Client(namespace="team", has_sidecar=False))
    front = Client(namespace="team", is_gateway=True, gateways=frozenset({"shop/front"}))
    assert visibility.sees_route(route, front)
    assert not visibility.sees_route(route, Client(namespace="team", is_gateway=True))


@pytest.mark.parametrize(
    ("match", "client", "applies"),
    [
        (None, Client(namespace="a"), Applies.ALWAYS),
        ([], Client(namespace="a"), Applies.ALWAYS),
        ([{}], Client(namespace="a"), Applies.ALWAYS),
        ([{"sourceNamespace": "a"}], Client(namespace="a"), Applies.ALWAYS),
        ([{"sourceNamespace": "b"}], Client(namespace="a"), Applies.NEVER),
        ([{"sourceNamespace": "b"}, {"uri": {"prefix": "/"}}], Client(namespace="a"), Applies.SOMETIMES),
        ([{"sourceNamespace": "b"}, {"name": "all"}], Client(namespace="a"), Applies.ALWAYS),
        ([{"sourceLabels": {"app": "web"}}], Client(namespace="a", labels={"app": "web"}), Applies.ALWAYS),
        ([{"sourceLabels": {"app": "web"}}], Client(namespace="a", labels={}), Applies.NEVER),
        ([{"sourceLabels": {"app": "web"}}], Client(namespace="a"), Applies.UNKNOWN),
        ([{"sourceLabels": {"app": "web"}, "headers": {"x": {}}}], Client(namespace="a"), Applies.SOMETIMES),
        ([{"gateways": ["front"]}], Client(namespace="a"), Applies.NEVER),
        ([{"gateways": ["mesh"]}], Client(namespace="a"), Applies.ALWAYS),
        ([{"port": 80}], Client(namespace="a"), Applies.SOMETIMES),
        ([{"sniHosts": ["a"], "sourceNamespace": "b"}], Client(namespace="a"), Applies.NEVER),
    ],
)
def test_whose_requests_a_rule_takes(match: Any, client: Client, applies: Applies) -> None:
    assert rule_applies({"match": match}, client, "shop") is applies


def test_gateways_are_named_in_full() -> None:
    assert gateway_names(["mesh", "front", "./back", "other/side", None], "shop") == (
        "mesh",
        "shop/front",
        "shop/back",
        "other/side",
    )


def test_routes_for_one_namespace_alone_go_before_those_for_all() -> None:
    public = obj("VirtualService", {}, "public", created=1.0)
    named = obj("VirtualService", {"exportTo": ["team"]}, "named", created=2.0)
    private = obj("VirtualService", {"exportTo": ["."]}, "private", namespace="team", created=3.0)
    order = winners([public, named, private], ExportDefaults(), "team")
    assert [s.meta.name for s in order] == ["private", "named", "public"]


@given(JUNK, JUNK, JUNK)
def test_nothing_that_people_write_is_too_odd(one: Any, two: Any, three: Any) -> None:
    client = Client(namespace="a", labels={"app": "web"})
    spec = {
        "exportTo": one,
        "hosts": two,
        "gateways": three,
        "egress": [one, {"hosts": two}],
        "workloadSelector": three,
    }
    route, entry = obj("VirtualService", spec), obj("ServiceEntry", spec)
    found = Visibility(
        exports=export_defaults({"defaultVirtualServiceExportTo": one, "defaultServiceExportTo": two}),
        sidecars=Sidecars([obj("Sidecar", spec, namespace="a")], "istio-system"),
        entries=[entry],
    )
    assert isinstance(found.sees_route(route, client), bool)
    assert isinstance(found.sees_host(REVIEWS, "shop", "reviews", client), bool)
    assert isinstance(found.exports.of(entry), Audience)
    for match in (one, [one], [{"sourceNamespace": one, "sourceLabels": two, "gateways": three}]):
        assert isinstance(rule_applies({"match": match}, client, "shop"), Applies)
