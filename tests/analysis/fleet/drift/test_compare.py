"""Meanings of configuration, and what drifted between clusters."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.analysis.fleet.drift.compare import Drift, DriftCluster, DriftStatus, drift
from meshtop.analysis.fleet.drift.meaning import of_config, of_images, of_namespace, of_rbac, of_service
from meshtop.analysis.fleet.drift.placement import Placement, declared
from meshtop.analysis.fleet.drift.trees import differences, unified, without
from meshtop.model.kube import (
    ConfigObject,
    Container,
    Controller,
    Inventory,
    KindStatus,
    Manager,
    Meta,
    Namespace,
    Owner,
    Service,
    ServicePort,
)
from tests.analysis.fleet.objects import condition, obj

HOST = "reviews.shop.svc.cluster.local"


def meaning(kind: str, spec: dict[str, Any]) -> Any:
    return of_config(obj(kind, "x", "shop", spec=spec))


def to(subset: str, weight: int | None = None, host: str = "reviews") -> dict[str, Any]:
    found: dict[str, Any] = {"destination": {"host": host, "subset": subset}}
    return found if weight is None else {**found, "weight": weight}


def route(*destinations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"hosts": ["reviews"], "http": [{"route": list(destinations), **more}]}


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("VirtualService", route(to("v1")), {**route(to("v1")), "gateways": ["mesh"], "exportTo": ["*"]}),
        ("VirtualService", route(to("v1")), route(to("v1", 100, HOST))),
        ("VirtualService", route(to("v1", 80), to("v2", 20)), route(to("v2", 20), to("v1", 80))),
        ("VirtualService", route(to("v1", 50), to("v2", 50)), route(to("v1", 1), to("v2", 1))),
        ("VirtualService", route(to("v1"), timeout="1s"), route(to("v1"), timeout="1000ms")),
        ("VirtualService", route(to("v1"), timeout="1m30s"), route(to("v1"), timeout="90s")),
        ("VirtualService", {**route(), "exportTo": ["."]}, {**route(), "exportTo": ["shop"]}),
        ("VirtualService", {**route(), "gateways": ["g", "mesh"]}, {**route(), "gateways": ["mesh", "shop/g"]}),
        ("DestinationRule", {"host": "reviews"}, {"host": HOST, "exportTo": ["*"]}),
        ("PeerAuthentication", {}, {"mtls": {"mode": "UNSET"}}),
        ("PeerAuthentication", {"mtls": {"mode": "STRICT"}}, {"mtls": {"mode": "STRICT"}, "selector": {}}),
        ("AuthorizationPolicy", {}, {"action": "ALLOW", "rules": []}),
        (
            "AuthorizationPolicy",
            {"rules": [{"from": [{"source": {"namespaces": ["a", "b"]}}]}, {"to": []}]},
            {"rules": [{}, {"from": [{"source": {"namespaces": ["b", "a", "a"]}}]}]},
        ),
        (
            "HTTPRoute",
            {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "a", "port": 80}]}]},
            {
                "parentRefs": [{"name": "g", "kind": "Gateway", "group": "gateway.networking.k8s.io"}],
                "rules": [
                    {
                        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                        "backendRefs": [{"name": "a", "port": 80, "weight": 100, "kind": "Service", "group": ""}],
                    }
                ],
            },
        ),
    ],
)
def test_written_differently_and_meaning_the_same(kind: str, left: dict[str, Any], right: dict[str, Any]) -> None:
    assert meaning(kind, left) == meaning(kind, right)


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("VirtualService", route(to("v1", 80), to("v2", 20)), route(to("v1", 50), to("v2", 50))),
        ("VirtualService", {"http": [{"name": "a"}, {"name": "b"}]}, {"http": [{"name": "b"}, {"name": "a"}]}),
        ("VirtualService", route(to("v1"), retries={}), route(to("v1"))),
        ("DestinationRule", {"host": "a", "trafficPolicy": {"outlierDetection": {}}}, {"host": "a"}),
        ("AuthorizationPolicy", {"rules": [{}]}, {"rules": []}),
        ("AuthorizationPolicy", {"action": "DENY"}, {"action": "ALLOW"}),
        ("PeerAuthentication", {"mtls": {"mode": "STRICT"}}, {"mtls": {"mode": "PERMISSIVE"}}),
        ("HTTPRoute", {"rules": [{"backendRefs": [{"name": "a", "weight": 0}]}]},
         {"rules": [{"backendRefs": [{"name": "a"}]}]}),
    ],
)  # fmt: skip
def test_written_alike_and_meaning_something_else(kind: str, left: dict[str, Any], right: dict[str, Any]) -> None:
    assert meaning(kind, left) != meaning(kind, right)


_NAMES = st.sampled_from(["a", "b", "c", "*"])
_SOURCES = st.dictionaries(st.sampled_from(["principals", "namespaces", "ipBlocks"]), st.lists(_NAMES, max_size=4))
_RULES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "from": st.lists(st.fixed_dictionaries({"source": _SOURCES}), max_size=3),
            "when": st.lists(st.fixed_dictionaries({"key": _NAMES, "values": st.lists(_NAMES)}), max_size=2),
        },
    ),
    max_size=4,
)


def shuffled(tree: Any, seed: random.Random) -> Any:
    """The tree with every list in another order and every mapping's keys too."""
    if isinstance(tree, dict):
        names = list(tree)
        seed.shuffle(names)
        return {name: shuffled(tree[name], seed) for name in names}
    if isinstance(tree, list):
        parts = [shuffled(part, seed) for part in tree]
        seed.shuffle(parts)
        return parts
    return tree


@given(_RULES, st.randoms(use_true_random=False))
def test_the_order_of_lists_that_are_sets_means_nothing(rules: list[Any], seed: random.Random) -> None:
    assert meaning("AuthorizationPolicy", {"rules": rules}) == meaning(
        "AuthorizationPolicy", {"rules": shuffled(rules, seed)}
    )


@given(_RULES)
def test_the_meaning_leaves_the_object_as_it_was(rules: list[Any]) -> None:
    before = copy.deepcopy(rules)
    meaning("AuthorizationPolicy", {"rules": rules})
    assert rules == before


_SERVER_FIELDS = st.fixed_dictionaries(
    {
        "uid": st.uuids().map(str),
        "resource_version": st.integers(1, 10**9).map(str),
        "created": st.floats(0, 2e9),
        "annotations": st.dictionaries(st.sampled_from(["argocd.argoproj.io/sync", "note"]), st.text(max_size=5)),
    }
)


@given(_RULES, _SERVER_FIELDS, st.integers(1, 99))
def test_fields_that_servers_set_change_nothing(rules: list[Any], fields: dict[str, Any], generation: int) -> None:
    plain = obj("AuthorizationPolicy", "x", "shop", spec={"rules": rules})
    served = structs.replace(
        plain,
        meta=structs.replace(plain.meta, **fields),
        status={"conditions": [condition("Ready", "True")]},
        generation=generation,
        managers=(Manager("kubectl", "Apply", 1.0),),
    )
    assert of_config(plain) == of_config(served)
    assert not list(differences(of_config(plain), of_config(served)))


_PERMISSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "apiGroups": st.lists(st.sampled_from(["", "apps"]), min_size=1, max_size=2),
            "resources": st.lists(st.sampled_from(["pods", "deployments"]), min_size=1, max_size=2),
            "verbs": st.lists(st.sampled_from(["get", "list", "watch"]), min_size=1, max_size=3),
        }
    ),
    max_size=3,
)


@given(_PERMISSIONS, st.randoms(use_true_random=False))
def test_permissions_count_and_not_how_rules_are_cut(rules: list[dict[str, list[str]]], seed: random.Random) -> None:
    single = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    seed.shuffle(single)
    assert of_rbac(obj("Role", "r", "a", spec={"rules": rules})) == of_rbac(
        obj("Role", "r", "a", spec={"rules": single})
    )


def test_services_are_compared_without_addresses() -> None:
    one = Service(meta=Meta(name="a", namespace="b"), cluster_ip="10.0.0.1", ports=(ServicePort(80, "http"),))
    two = structs.replace(one, cluster_ip="10.9.0.1", ports=(ServicePort(80, "http", target=80),))
    assert of_service(one) == of_service(two)
    assert of_service(one) != of_service(structs.replace(one, cluster_ip="None"))
    assert of_service(one) != of_service(structs.replace(one, ports=(ServicePort(81, "http"),)))


def test_images_are_compared_without_the_registry_near_the_cluster() -> None:
    def running(image: str) -> Any:
        containers = (Container("app", image), Container("istio-proxy", "auto"))
        return of_images(Controller(kind="Deployment", meta=Meta(name="a", namespace="b"), containers=containers))

    assert running("eu.example:5000/shop/app:1") == running("us.example/shop/app:1") == running("shop/app:1")
    assert running("shop/app:1") != running("shop/app:2")


def test_namespaces_are_compared_by_what_their_labels_decide() -> None:
    def labelled(**labels: str) -> Any:
        return of_namespace(Namespace(meta=Meta(name="a", labels={k.replace("__", "/"): v for k, v in labels.items()})))

    assert labelled(**{"istio-injection": "enabled"}) == labelled(**{"istio.io__rev": "1-30"})
    assert labelled(**{"capsule.clastix.io__tenant": "a"}) == labelled()
    assert labelled(**{"istio.io__dataplane-mode": "ambient"}) != labelled()


def cluster(name: str, *objects: ConfigObject, namespaces: tuple[str, ...] = ("shop",), **more: Any) -> DriftCluster:
    config: dict[str, tuple[ConfigObject, ...]] = {}
    for one in objects:
        config[one.kind] = (*config.get(one.kind, ()), one)
    spaces = tuple(Namespace(meta=Meta(name=n)) for n in namespaces)
    return DriftCluster(name=name, group="mesh", inventory=Inventory(namespaces=spaces, config=config, **more))


def policy(mode: str) -> ConfigObject:
    return obj("PeerAuthentication", "default", "shop", spec={"mtls": {"mode": mode}})


def only(found: tuple[Drift, ...]) -> Drift:
    (one,) = found
    return one


def test_what_is_the_same_everywhere_is_no_drift() -> None:
    assert drift([cluster("a", policy("STRICT")), cluster("b", policy("STRICT"))], {}) == ()


def test_the_odd_one_out_differs_from_the_majority() -> None:
    clusters = [cluster("a", policy("PERMISSIVE")), cluster("b", policy("STRICT")), cluster("c", policy("STRICT"))]
    one = only(drift(clusters, {}))
    assert (one.clusters, one.reference) == (
        {"a": DriftStatus.DIFFERS, "b": DriftStatus.SAME, "c": DriftStatus.SAME},
        "b",
    )
    assert one.differs == ("spec.mtls.mode",)
    assert "-    mode: STRICT" in unified(one.meanings["b"], one.meanings["a"], left_name="b", right_name="a")


def test_missing_counts_where_the_namespace_is() -> None:
    there, without_it = cluster("a", policy("STRICT")), cluster("b")
    assert only(drift([there, without_it], {})).clusters == {"a": DriftStatus.SAME, "b": DriftStatus.MISSING}
    assert drift([there, cluster("b", namespaces=())], {}) == ()


def test_where_services_and_workloads_run_is_a_choice() -> None:
    service = Service(meta=Meta(name="s", namespace="shop"))
    one = structs.replace(cluster("a"), inventory=Inventory(services=(service,)))
    assert drift([one, cluster("b")], {}) == ()


def test_what_cannot_be_read_is_unknown_and_no_drift() -> None:
    denied = cluster("b", kinds=(KindStatus(kind="PeerAuthentication", state="denied"),))
    assert drift([cluster("a", policy("STRICT")), denied], {}) == ()
    other = cluster("c", policy("PERMISSIVE"))
    found = only(drift([cluster("a", policy("STRICT")), denied, other], {}))
    assert found.clusters["b"] is DriftStatus.UNKNOWN


def test_what_another_object_owns_is_left_to_it() -> None:
    owned = structs.replace(policy("STRICT"), meta=Meta(name="x", namespace="shop", owner=Owner("Thing", "t")))
    assert drift([cluster("a", owned), cluster("b")], {}) == ()


def test_clusters_of_different_meshes_are_not_compared() -> None:
    left, right = cluster("a", policy("STRICT")), structs.replace(cluster("b"), group="other")
    assert drift([left, right], {}) == ()


THING = ("PeerAuthentication", "shop", "default")


@pytest.mark.parametrize(
    ("placed", "have", "marks"),
    [
        ({"a", "b"}, {"a"}, {"a": DriftStatus.SAME, "b": DriftStatus.MISSING}),
        ({"a"}, {"a"}, {}),
        ({"a"}, {"a", "b"}, {"a": DriftStatus.SAME, "b": DriftStatus.EXTRA}),
        ({"a", "b"}, set(), {"a": DriftStatus.MISSING, "b": DriftStatus.MISSING}),
        (set(), {"a"}, {"a": DriftStatus.EXTRA, "b": DriftStatus.ABSENT}),
    ],
)
def test_declared_placement_decides_who_should_have_it(
    placed: set[str], have: set[str], marks: dict[str, DriftStatus]
) -> None:
    clusters = [cluster(name, *([policy("STRICT")] if name in have else [])) for name in ("a", "b")]
    found = drift(clusters, {THING: Placement(by="it", clusters=frozenset(placed))})
    assert [one.clusters for one in found] == ([marks] if marks else [])


def test_declared_overrides_may_differ() -> None:
    clusters = [cluster("a", policy("STRICT")), cluster("b", policy("PERMISSIVE"))]
    says = Placement(by="it", clusters=frozenset({"a", "b"}), overridden=("/spec/mtls/mode",))
    assert drift(clusters, {THING: says}) == ()


def test_a_federation_that_complains_is_listed_although_all_looks_well() -> None:
    clusters = [cluster("a", policy("STRICT")), cluster("b", policy("STRICT"))]
    says = Placement(by="it", clusters=frozenset({"a", "b"}), complaints=(("b", "b is TimedOut"),))
    assert "it reports: b is TimedOut" in only(drift(clusters, {THING: says})).reason


NAMES = {"kubefed": ["a", "b"]}


@pytest.mark.parametrize(
    ("placement", "clusters"),
    [
        ({"clusters": [{"name": "a"}]}, {"a"}),
        ({"clusters": [], "clusterSelector": {}}, set()),
        ({"clusterSelector": {}}, {"a", "b"}),
        ({"clusterSelector": {"matchLabels": {"tier": "gold"}}}, {"b"}),
        ({}, set()),
    ],
)
def test_kubefed_placement(placement: dict[str, Any], clusters: set[str]) -> None:
    federated = obj("FederatedPeerAuthentication", "default", "shop", spec={"placement": placement})
    gold = obj("KubeFedCluster", "b", labels={"tier": "gold"})
    inventory = Inventory(config={federated.kind: (federated,), gold.kind: (obj("KubeFedCluster", "a"), gold)})
    found = declared("hub", inventory, lambda registry, name: name, NAMES)
    assert found[THING].clusters == clusters


def test_karmada_bindings_and_overrides() -> None:
    binding = obj(
        "ResourceBinding",
        "default-peerauthentication",
        "shop",
        spec={
            "resource": {"kind": "PeerAuthentication", "namespace": "shop", "name": "default"},
            "clusters": [{"name": "a"}, {"name": "b"}, {"name": "nobody-reads"}],
        },
        status={
            "conditions": [condition("FullyApplied", "False", "FullyAppliedFailed")],
            "aggregatedStatus": [{"clusterName": "b", "applied": False, "appliedMessage": "no"}],
        },
    )
    override = obj(
        "OverridePolicy",
        "o",
        "shop",
        spec={
            "resourceSelectors": [{"kind": "PeerAuthentication"}],
            "overrideRules": [{"overriders": {"plaintext": [{"path": "/spec/mtls/mode"}]}}],
        },
    )
    inventory = Inventory(config={"ResourceBinding": (binding,), "OverridePolicy": (override,)})
    found = declared("hub", inventory, lambda registry, name: None if name == "nobody-reads" else name, {})
    assert found[THING].clusters == {"a", "b"}
    assert found[THING].overridden == ("/spec/mtls/mode",)
    assert {where for where, _ in found[THING].complaints} == {"", "b"}


def test_manifest_works_of_several_members_are_one_declaration() -> None:
    manifest = {"kind": "PeerAuthentication", "metadata": {"namespace": "shop", "name": "default"}}
    works = tuple(obj("ManifestWork", "w", member, spec={"workload": {"manifests": [manifest]}}) for member in "ab")
    found = declared("hub", Inventory(config={"ManifestWork": works}), lambda registry, name: name, {})
    assert found[THING].clusters == {"a", "b"}


_TREES = st.recursive(
    st.integers(0, 2) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=8,
)


@given(_TREES, _TREES)
def test_differences_are_found_exactly_where_trees_differ(left: Any, right: Any) -> None:
    assert bool(list(differences(left, right))) is (left != right)
    assert not list(differences(left, left))
    assert len(list(differences(left, right))) == len(list(differences(right, left)))


@given(_TREES, st.lists(st.sampled_from(["a", "b", "0", "1"]), min_size=1, max_size=3))
def test_leaving_out_is_idempotent_for_mappings_and_never_changes_its_input(tree: Any, steps: list[str]) -> None:
    before = copy.deepcopy(tree)
    pointer = "/" + "/".join(steps)
    once = without(tree, pointer)
    assert tree == before
    if steps[-1] in "ab":
        assert without(once, pointer) == once
