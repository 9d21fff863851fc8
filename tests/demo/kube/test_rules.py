"""The pure parts: patches, ownership, server-side apply, selectors, schemas, ages, Istio's weight rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.demo.kube.admission import check_mesh_rules
from meshtop.demo.kube.apply import server_side_apply
from meshtop.demo.kube.builtin import BUILTIN
from meshtop.demo.kube.columns import human_duration
from meshtop.demo.kube.jsonpath import find
from meshtop.demo.kube.ownership import Owner, flatten, from_fields_v1, owners_of, to_fields_v1
from meshtop.demo.kube.patching import json_patch, merge_patch, strategic_merge
from meshtop.demo.kube.protobuf import decode_protobuf
from meshtop.demo.kube.proxy import service_name
from meshtop.demo.kube.resource import Json, Resource, version_priority
from meshtop.demo.kube.schema import apply_defaults, prune, validate
from meshtop.demo.kube.selectors import field_selector, label_selector
from meshtop.demo.kube.shape import Shape
from meshtop.demo.kube.status import ApiError
from meshtop.demo.kube.store import copy_json

BUILT_IN = Shape(False, None)
POD = next(resource for resource in BUILTIN if resource.kind == "Pod")

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab~/", max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc~/", max_size=2), inner, max_size=3),
)
objects = st.dictionaries(st.text("abc", min_size=1, max_size=2), values, max_size=4)


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [
        ({"a": [1, 2]}, [{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/1", "value": 3}], {"a": [1, 3]}),
        ({"a~/b": 1}, [{"op": "replace", "path": "/a~0~1b", "value": 2}], {"a~/b": 2}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1}),
        ({"a": {"x": 1}}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
    ],
)
def test_json_patch(document: Json, operations: list[Json], expected: Json) -> None:
    assert json_patch(document, operations) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "test", "path": "/a", "value": True},
        {"op": "replace", "path": "/b", "value": 2},
        {"op": "remove", "path": "/l/1"},
        {"op": "add", "path": "/l/3", "value": 1},
        {"op": "add", "path": "/x/y", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "jump", "path": "/a"},
        {"op": "add", "path": 3, "value": 1},
        {"op": "replace", "path": "", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_apply(operation: Json) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"a": 1, "l": [0]}, [operation])
    assert (refused.value.code, refused.value.reason) == (422, "Invalid")


@given(objects, objects)
@settings(max_examples=60)
def test_merge_patch_takes_what_it_says(target: Json, patch: Json) -> None:
    result = merge_patch(copy_json(target), patch)
    assert merge_patch(copy_json(result), patch) == result
    for name, value in patch.items():
        if value is None:
            assert name not in result
        elif not isinstance(value, dict):
            assert result[name] == value
    assert {name: value for name, value in result.items() if name not in patch} == {
        name: value for name, value in target.items() if name not in patch
    }


def test_strategic_merge_directives() -> None:
    live = {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "x": 1, "finalizers": ["f", "g"]}}
    patch = {
        "spec": {
            "containers": [{"name": "c"}, {"name": "a", "image": "2"}, {"name": "b", "$patch": "delete"}],
            "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
            "$deleteFromPrimitiveList/finalizers": ["f"],
            "x": None,
        }
    }
    assert strategic_merge(copy_json(live), patch, BUILT_IN) == {
        "spec": {"containers": [{"name": "c"}, {"name": "a", "image": "2"}], "finalizers": ["g"]}
    }
    assert strategic_merge({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}, BUILT_IN) == {"a": {"c": 2}}
    assert strategic_merge({"a": {"b": 1, "c": 1}}, {"a": {"$retainKeys": ["c"]}}, BUILT_IN) == {"a": {"c": 1}}


@given(objects)
@settings(max_examples=60)
def test_fields_survive_their_spelling(spec: Json) -> None:
    obj = {"spec": {**spec, "containers": [{"name": "a", "ports": [{"containerPort": 1}]}], "finalizers": ["x"]}}
    paths = frozenset(flatten(obj, BUILT_IN))
    assert from_fields_v1(json.loads(json.dumps(to_fields_v1(paths)))) == paths


def owner(name: str) -> Owner:
    return Owner(name, "Apply", "", "v1", "2026-01-01T00:00:00Z", frozenset())


def applied(name: str, live: Json | None, wanted: Json, *, force: bool = False) -> Json:
    wanted = {"metadata": {"name": "x"}, **wanted}
    return server_side_apply(copy_json(live), wanted, BUILT_IN, owner(name), force=force)


def test_apply_merges_keyed_lists_and_prunes_what_is_let_go() -> None:
    first = applied("one", None, {"spec": {"containers": [{"name": "a", "image": "1", "env": [{"name": "E"}]}]}})
    second = applied("two", first, {"spec": {"containers": [{"name": "b", "image": "2"}]}})
    assert [item["name"] for item in second["spec"]["containers"]] == ["a", "b"]
    third = applied("one", second, {"spec": {"containers": [{"name": "a", "image": "1"}]}})
    assert third["spec"]["containers"] == [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]
    fourth = applied("one", third, {"spec": {"paused": True}})
    assert fourth["spec"] == {"containers": [{"name": "b", "image": "2"}], "paused": True}


def test_apply_refuses_and_takes_by_force() -> None:
    first = applied("one", None, {"spec": {"a": 1, "b": [1]}})
    with pytest.raises(ApiError) as refused:
        applied("two", first, {"spec": {"a": 2, "b": [2]}})
    assert refused.value.code == 409
    assert refused.value.details is not None
    assert [cause["field"] for cause in refused.value.details["causes"]] == [".spec.a", ".spec.b"]
    assert (
        refused.value.message == 'Apply failed with 2 conflicts: conflicts with "one" using v1:\n- .spec.a\n- .spec.b'
    )
    forced = applied("two", first, {"spec": {"a": 2}}, force=True)
    assert {entry.manager: sorted(entry.fields) for entry in owners_of(forced)} == {
        "one": [("f:spec", "f:b")],
        "two": [("f:spec", "f:a")],
    }
    shared = applied("three", forced, {"spec": {"a": 2}})
    assert shared["spec"] == {"a": 2, "b": [1]}


@given(objects, objects)
@settings(max_examples=60)
def test_applying_twice_changes_nothing_more(first: Json, second: Json) -> None:
    live = applied("one", None, {"spec": first})
    once = applied("two", live, {"spec": second}, force=True)
    assert applied("two", once, {"spec": second}) == once


LABELS = {"metadata": {"labels": {"app": "web", "tier": "3", "x.io/a": ""}}}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=4", True),
        ("app in (api, web),tier notin (1,2)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("missing!=web", True),
        ("x.io/a", True),
        ("!app", False),
        ("!missing", True),
        ("tier>2,tier<4", True),
        ("app>2", False),
    ],
)
def test_label_selectors(selector: str, matches: bool) -> None:
    test = label_selector(selector)
    assert (test is None or test(LABELS)) is matches


@pytest.mark.parametrize("selector", ["app=web,,", "a b", "=x", "app in web", "app=a b"])
def test_bad_label_selectors(selector: str) -> None:
    with pytest.raises(ApiError) as refused:
        label_selector(selector)
    assert refused.value.code == 400


def test_field_selectors() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {}, "status": {"phase": "Running"}}
    for selector, matches in {
        "status.phase=Running": True,
        "spec.nodeName!=": False,
        "metadata.name!=a": False,
    }.items():
        test = field_selector(POD, selector)
        assert test is not None
        assert test(pod) is matches
    with pytest.raises(ApiError, match=r"field label not supported: spec\.hostIP"):
        field_selector(POD, "spec.hostIP=1")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (599, "9m59s"),
        (601, "10m"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600 + 60, "8h"),
        (49 * 3600, "2d1h"),
        (9 * 86400, "9d"),
        (800 * 86400, "2y70d"),
        (4000 * 86400, "10y"),
        (-60, "<invalid>"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


def test_json_paths() -> None:
    obj = {"status": {"conditions": [{"type": "A", "status": "x"}, {"type": "B", "status": "y"}], "a.b": 1}}
    assert find(obj, '.status.conditions[?(@.type=="B")].status') == ["y"]
    assert find(obj, ".status.conditions[*].type") == ["A", "B"]
    assert find(obj, ".status.conditions[-1].type") == ["B"]
    assert find(obj, "{.status['a.b']}") == [1]
    assert find(obj, ".status.none.deeper") == []
    assert find(obj, ".status.conditions[?(unsupported)]") == []


def test_versions_in_the_order_of_discovery() -> None:
    versions = ["v1alpha3", "foo1", "v1beta1", "v1", "v2", "v11alpha2", "v1beta2"]
    expected = ["v2", "v1", "v1beta2", "v1beta1", "v11alpha2", "v1alpha3", "foo1"]
    assert sorted(versions, key=version_priority) == expected


def test_schemas_default_prune_and_validate() -> None:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "weight": {"type": "integer", "default": 1},
                    "port": {"x-kubernetes-int-or-string": True},
                    "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "list": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {}}},
                    "maybe": {"type": "string", "nullable": True},
                },
                "oneOf": [{"required": ["name"]}, {"required": ["port"]}],
            }
        },
    }
    spec: Json = {"port": "http", "free": {"a": 1}, "extra": 1, "list": [{"b": 1}], "maybe": None}
    obj: Json = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec}
    assert prune(obj, schema) == ["spec.extra", "spec.list[0].b"]
    apply_defaults(obj, schema)
    assert spec == {"port": "http", "free": {"a": 1}, "list": [{}], "maybe": None, "weight": 1}
    assert list(validate(obj, schema)) == []
    bad = {"spec": {"port": 1.5, "name": "ABCD", "list": [1, 2], "weight": True}}
    assert [(reason, field) for reason, field, _ in validate(bad, schema)] == [
        ("FieldValueTypeInvalid", "spec.port"),
        ("FieldValueTooLong", "spec.name"),
        ("FieldValueInvalid", "spec.name"),
        ("FieldValueTooMany", "spec.list"),
        ("FieldValueTypeInvalid", "spec.list[0]"),
        ("FieldValueTypeInvalid", "spec.list[1]"),
        ("FieldValueTypeInvalid", "spec.weight"),
        ("FieldValueInvalid", "spec"),
    ]


@pytest.mark.parametrize(
    ("text", "name"), [("prom", "prom"), ("prom:9090", "prom"), ("http:prom:9090", "prom"), ("https:prom:", "prom")]
)
def test_names_in_the_service_proxy(text: str, name: str) -> None:
    assert service_name(text) == name


@given(st.binary(max_size=40))
@settings(max_examples=100)
def test_broken_protobuf_is_said_to_be_broken(data: bytes) -> None:
    try:
        found = decode_protobuf(b"k8s\0" + data)
    except ValueError:
        return
    assert found is None or isinstance(found, dict)


VIRTUAL_SERVICE = Resource("networking.istio.io", ("v1",), "VirtualService", "virtualservices")


def accepted(routes: Any, protocol: str) -> bool:
    spec = {protocol: [{"route": routes}]}
    try:
        check_mesh_rules(VIRTUAL_SERVICE, {"metadata": {"name": "x"}, "spec": spec})
    except ApiError as error:
        return error.code != 400
    return True


@pytest.mark.conformance
def test_istios_own_weight_cases(shared_data: Path) -> None:
    cases = json.loads((shared_data / "validation" / "virtualservice-weights.json").read_text())["cases"]
    weighing = [case for case in cases["tcpOrTlsRouteDestinations"] if "weight" in case["name"]]
    assert len(weighing) >= 6
    for case in weighing:
        assert accepted(case["routes"], "tcp") is case["valid"], case["name"]
    for case in cases["httpRoutes"]:
        if case["valid"]:
            assert accepted(case["route"].get("route"), "http"), case["name"]
