"""Meanings of configuration, and what drifted between clusters."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.actions.propagate.objects import MESH_CONFIG
from meshtop.analysis.fleet.drift.compare import CONFIG, KINDS, Drift, DriftCluster, DriftStatus, drift, not_compared
from meshtop.analysis.fleet.drift.meaning import LocalDefaults, of_config, of_images, of_namespace, of_rbac, of_service
from meshtop.analysis.fleet.drift.placement import Placement, declared
from meshtop.analysis.fleet.drift.trees import differences, without
from meshtop.analysis.visibility.exports import ExportDefaults
from meshtop.model.evidence import Unknown, WhyUnknown
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
from meshtop.model.yaml_text import diff_yaml
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
        ("ServiceEntry", {"hosts": ["a.example", "b.example"]},
         {"hosts": ["b.example", "a.example"], "exportTo": ["*"], "resolution": "NONE", "location": "MESH_EXTERNAL"}),
        ("Sidecar", {"egress": [{"hosts": ["./*", "istio-system/*"]}]},
         {"egress": [{"hosts": ["istio-system/*", "./*"]}], "workloadSelector": None}),
        ("Sidecar", {"egress": [{"hosts": ["./*", f"./{HOST}"]}]}, {"egress": [{"hosts": ["shop/*", f"shop/{HOST}"]}]}),
        ("Gateway", {"servers": [{"hosts": ["./a.example"]}]}, {"servers": [{"hosts": ["shop/a.example"]}]}),
        ("VirtualService", {"http": [{"mirrors": [{"destination": {"host": "reviews"}}]}]},
         {"http": [{"mirrors": [{"destination": {"host": HOST}}]}]}),
        ("VirtualService", {"http": [{"delegate": {"name": "d"}}]},
         {"http": [{"delegate": {"name": "d", "namespace": "shop"}}]}),
        ("VirtualService", {"http": [{"match": [{"gateways": ["g", "mesh"]}]}]},
         {"http": [{"match": [{"gateways": ["mesh", "shop/g"]}]}]}),
        ("RequestAuthentication", {"jwtRules": [{"issuer": "a"}, {"issuer": "b"}]},
         {"jwtRules": [{"issuer": "b"}, {"issuer": "a"}]}),
        ("GRPCRoute", {"rules": [{"matches": [{"method": {"service": "s"}}]}]},
         {"rules": [{"matches": [{"method": {"service": "s", "type": "Exact"}}], "backendRefs": []}]}),
        ("TCPRoute", {"rules": [{"backendRefs": [{"name": "a"}, {"name": "b"}]}]},
         {"rules": [{"backendRefs": [{"name": "b", "weight": 1}, {"name": "a", "weight": 1, "namespace": "shop"}]}]}),
        ("TLSRoute", {"parentRefs": [{"name": "g"}]}, {"parentRefs": [{"name": "g", "namespace": "shop"}]}),
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
)  # fmt: skip
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
        ("ServiceEntry", {"resolution": "DNS"}, {}),
        ("Sidecar", {"egress": [{"hosts": ["./*"]}]}, {"egress": [{"hosts": ["*/*"]}]}),
        # istiod completes no short name in a Sidecar; its validation refuses them.
        ("Sidecar", {"egress": [{"hosts": ["./reviews"]}]}, {"egress": [{"hosts": [f"./{HOST}"]}]}),
        ("Sidecar", {"egress": [{"hosts": ["./*"]}]}, {"egress": [{"hosts": ["team/*"]}]}),
        ("Gateway", {"servers": [{"hosts": ["./a.example"]}]}, {"servers": [{"hosts": ["*/a.example"]}]}),
        ("VirtualService", {"http": [{"match": [{"gateways": ["g"]}]}]},
         {"http": [{"match": [{"gateways": ["team/g"]}]}]}),
        ("TCPRoute", {"rules": [{"backendRefs": [{"name": "a"}, {"name": "b", "weight": 3}]}]},
         {"rules": [{"backendRefs": [{"name": "a"}, {"name": "b"}]}]}),
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
    assert "-    mode: STRICT" in diff_yaml(one.meanings["b"], one.meanings["a"], "b", "a")


def test_every_kind_that_can_be_copied_is_compared() -> None:
    assert set(CONFIG) == set(MESH_CONFIG)
    for kind in (*MESH_CONFIG, "WorkloadEntry"):
        plain = kind.partition(".")[0]
        left, right = (structs.replace(obj(plain, "x", "shop", spec={"note": n}), kind=plain) for n in (1, 2))
        clusters = [
            DriftCluster(name=name, group="m", inventory=Inventory(config={kind: (one,)}))
            for name, one in (("a", left), ("b", right))
        ]
        assert [(found.kind, found.name) for found in drift(clusters, {})] == [(kind, "x")]


def test_what_differs_by_nature_is_not_compared() -> None:
    def served(port: int, network: str) -> Inventory:
        registered = structs.replace(
            obj("WorkloadEntry", "vms-10.0.0.1", "shop", spec={"address": f"10.0.0.{port}"}),
            meta=Meta(name="vms-10.0.0.1", namespace="shop", annotations={"istio.io/autoRegistrationGroup": "vms"}),
        )
        planes = (
            Controller(
                kind="Deployment",
                meta=Meta(name="istiod", namespace="mesh"),
                template_labels={"app": "istiod"},
                containers=(Container("discovery", f"pilot:{port}"),),
            ),
        )
        return Inventory(
            services=(
                Service(meta=Meta(name="kubernetes", namespace="default"), ports=(ServicePort(443, target=port),)),
                Service(
                    meta=Meta(name="eastwest", namespace="mesh"),
                    selector={"istio": "eastwestgateway", "topology.istio.io/network": network},
                ),
            ),
            controllers=planes,
            config={"WorkloadEntry": (registered,)},
        )

    clusters = [
        DriftCluster(name=name, group="m", inventory=served(port, name)) for name, port in (("a", 443), ("b", 6443))
    ]
    assert drift(clusters, {}) == ()


def test_what_was_not_compared_is_said() -> None:
    whole = tuple(KindStatus(kind=kind) for kind in (*KINDS, "Deployment", "StatefulSet", "DaemonSet"))
    read = cluster("a", policy("STRICT"), kinds=whole)
    assert not_compared([read, structs.replace(read, name="b")]) == ()
    assert not_compared([read]) == ()
    lost = DriftCluster(name="b", group="mesh", inventory=None)
    assert not_compared([read, lost]) == (Unknown("every object", "b", WhyUnknown.UNREACHABLE),)
    refused = tuple(
        structs.replace(one, state="denied") if one.kind in ("GRPCRoute", "StatefulSet") else one for one in whole
    )
    assert not_compared([read, cluster("b", kinds=refused)]) == (
        Unknown("GRPCRoute", "b", WhyUnknown.DENIED),
        Unknown("Workload", "b", WhyUnknown.DENIED),
    )
    assert not_compared([read, cluster("b", kinds=whole[1:])]) == (Unknown("Namespace", "b", WhyUnknown.NOT_READ),)
    alone = [structs.replace(one, group="") for one in (read, structs.replace(read, name="b"))]
    assert [(one.cluster, one.why) for one in not_compared(alone)] == [
        ("a", WhyUnknown.UNSUPPORTED),
        ("b", WhyUnknown.UNSUPPORTED),
    ]
    solitary = [structs.replace(one, group=one.name) for one in (read, structs.replace(read, name="b"))]
    assert not_compared(solitary) == ()
    doubtful = structs.replace(read, name="b", domain=None, exports=ExportDefaults(known=False))
    assert [one.what for one in not_compared([read, doubtful])] == ["the DNS domain", "the MeshConfig"]


def rule(host: str, **spec: Any) -> ConfigObject:
    return obj("DestinationRule", "x", "shop", spec={"host": host, **spec})


def imports(*hosts: str) -> ConfigObject:
    return obj("Sidecar", "x", "shop", spec={"egress": [{"hosts": list(hosts)}]})


def entry(host: str) -> ConfigObject:
    return obj("ServiceEntry", "x", "shop", spec={"hosts": [host]})


HIDES = ExportDefaults(destination_rules=(".",))
UNREAD = ExportDefaults(known=False)


@pytest.mark.parametrize(
    ("left", "right", "status"),
    [
        pytest.param((rule("reviews"), {}), (rule(HOST), {}), None, id="a short name in the usual domain"),
        pytest.param((rule("reviews"), {"domain": "corp.local"}), (rule("reviews.shop.svc.corp.local"),
                     {"domain": "corp.local"}), None, id="a short name in another domain"),
        pytest.param((rule("reviews"), {"domain": "corp.local"}), (rule(HOST), {"domain": "corp.local"}),
                     DriftStatus.DIFFERS, id="the usual domain where there is another"),
        pytest.param((rule("reviews.shop.svc.corp.local"), {"domain": "corp.local"}), (rule(HOST), {}), None,
                     id="each in its own domain"),
        pytest.param((rule("reviews"), {"domain": None}), (rule(HOST), {}), None, id="short, domain not known"),
        pytest.param((rule(HOST), {"domain": None}), (rule(HOST), {}), DriftStatus.UNKNOWN, id="full, not known"),
        pytest.param((imports("shop/reviews.shop.svc.corp.local", "./*.shop.svc.corp.local", "*/*.corp.local"),
                      {"domain": "corp.local"}),
                     (imports(f"./{HOST}", "shop/*.shop.svc.cluster.local", "*/*.cluster.local"), {}), None,
                     id="a Sidecar's hosts, each in its own domain"),
        pytest.param((imports("shop/reviews.shop.svc.corp.local"), {"domain": "corp.local"}),
                     (imports(f"team/{HOST}"), {}), DriftStatus.DIFFERS, id="a Sidecar's host of another namespace"),
        pytest.param((imports("shop/reviews.shop.svc.corp.local", "*/*.shop.svc.corp.local"), {"domain": None}),
                     (imports(f"./{HOST}", "*/*.shop.svc.cluster.local"), {}), DriftStatus.UNKNOWN,
                     id="a Sidecar's hosts, domain not known"),
        pytest.param((entry("reviews.shop.svc.corp.local"), {"domain": "corp.local"}), (entry(HOST), {}), None,
                     id="a ServiceEntry's host, each in its own domain"),
        pytest.param((rule("ratings"), {"domain": None}), (rule(HOST), {}), DriftStatus.DIFFERS, id="another service"),
        pytest.param((rule("reviews"), {}), (rule("reviews", exportTo=["*"]), {}), None, id="the usual exports"),
        pytest.param((rule("reviews"), {"exports": HIDES}), (rule("reviews", exportTo=["shop"]), {"exports": HIDES}),
                     None, id="exports of the mesh's default"),
        pytest.param((rule("reviews"), {"exports": HIDES}), (rule("reviews"), {}), DriftStatus.DIFFERS,
                     id="two defaults"),
        pytest.param((rule("reviews"), {"exports": UNREAD}), (rule("reviews"), {}), DriftStatus.UNKNOWN,
                     id="a default that was not read"),
        pytest.param((rule("reviews", exportTo=["*"]), {"exports": UNREAD}), (rule("reviews"), {}), None,
                     id="a default that does not matter"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_filled_in_by_each_cluster(
    left: tuple[ConfigObject, dict[str, Any]], right: tuple[ConfigObject, dict[str, Any]], status: DriftStatus | None
) -> None:
    others = cluster("c", right[0])
    clusters = [
        structs.replace(cluster("a", left[0]), **left[1]),
        structs.replace(cluster("b", right[0]), **right[1]),
        structs.replace(others, **right[1]),
    ]
    found = drift(clusters, {})
    if status in (None, DriftStatus.UNKNOWN):
        # What is not known is no drift, and `not_compared` says it; something else that differs shows it.
        assert found == ()
        missing = drift([*clusters, structs.replace(cluster("d"), **right[1])], {})
        assert only(missing).clusters["a"] is (status or DriftStatus.SAME)
    else:
        assert only(found).clusters["a"] is status


def test_what_stands_in_the_root_namespace_follows_its_revision_wherever_that_is() -> None:
    def gateway(name: str, tag: str) -> DriftCluster:
        meta = Meta(name="ingress", namespace="mesh-root")
        one = Controller(kind="Deployment", meta=meta, containers=(Container("istio-proxy2", f"proxy:{tag}"),))
        return DriftCluster(name=name, group="m", inventory=Inventory(controllers=(one,)))

    pair = [gateway("a", "1"), gateway("b", "2")]
    assert drift([structs.replace(one, platform=frozenset({"mesh-root"})) for one in pair], {}) == ()
    assert only(drift(pair, {})).kind == "Workload"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_SPEC = st.dictionaries(
    st.sampled_from(["hosts", "http", "rules", "parentRefs", "exportTo", "mtls", "location", "selector", "egress"]),
    _JSON | st.lists(st.dictionaries(st.sampled_from(["matches", "backendRefs", "route", "weight"]), _JSON)),
)


@given(st.sampled_from([*MESH_CONFIG, "WorkloadEntry"]), _SPEC)
def test_an_object_of_any_shape_is_compared_with_itself(kind: str, spec: dict[str, Any]) -> None:
    one = obj(kind.partition(".")[0], "x", "shop", spec=spec)
    assert drift([cluster("a", one), cluster("b", one)], {}) == ()
    assert drift([cluster("a", one), cluster("b", policy("STRICT"))], {})


@pytest.mark.parametrize("kind", ["VirtualService", "HTTPRoute", "Sidecar"])
def test_an_object_that_is_nested_without_end_costs_nothing_else(kind: str) -> None:
    deep: Any = "end"
    for _ in range(5000):
        deep = [deep] if _ % 2 else {"hosts": deep}
    one = obj(kind, "x", "shop", spec={"rules": deep, "http": deep, "hosts": deep})
    assert len(drift([cluster("a", one), cluster("b", policy("STRICT"))], {})) == 2


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


def test_what_no_istiod_reads_need_not_be_there_nor_be_alike() -> None:
    one, other = policy("STRICT"), policy("PERMISSIVE")
    served = structs.replace(cluster("b"), read=False)
    assert drift([cluster("a", one), served], {}) == ()
    assert drift([cluster("a", one), structs.replace(cluster("b", other), read=False)], {}) == ()
    three = drift([cluster("a", one), cluster("c", other), served], {})
    assert only(three).clusters["b"] is DriftStatus.ABSENT


def test_the_service_of_istiod_is_each_clusters_own() -> None:
    def kept(port: int) -> DriftCluster:
        meta = Meta(name="istiod", namespace="mesh", labels={"app": "istiod"})
        service = Service(meta=meta, ports=(ServicePort(port, "x"),))
        return DriftCluster(name=str(port), group="m", inventory=Inventory(services=(service,)))

    assert drift([kept(443), kept(15012)], {}) == ()


def test_images_in_the_namespaces_of_the_platform_are_a_matter_of_its_revision() -> None:
    def running(version: str, platform: str) -> DriftCluster:
        gateway = Controller(
            kind="Deployment", meta=Meta(name="gw", namespace="mesh"), containers=(Container("p", f"proxy:{version}"),)
        )
        inventory = Inventory(controllers=(gateway,))
        return DriftCluster(name=version, group="m", inventory=inventory, platform=frozenset({platform}))

    assert drift([running("1", "mesh"), running("2", "mesh")], {}) == ()
    assert len(drift([running("1", "other"), running("2", "other")], {})) == 1


def test_a_short_host_is_completed_in_the_clusters_own_domain() -> None:
    short = obj("DestinationRule", "r", "shop", spec={"host": "reviews"})
    full = obj("DestinationRule", "r", "shop", spec={"host": "reviews.shop.svc.corp.internal"})
    corp = LocalDefaults("corp.internal")
    assert of_config(short, corp) == of_config(full, corp)
    assert of_config(short) != of_config(full)
