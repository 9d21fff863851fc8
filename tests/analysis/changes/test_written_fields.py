"""FieldsV1 as API servers send it, and anything else in its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.changes.marks import change_marks
from meshtop.analysis.changes.written_fields import (
    DEEPEST,
    MOST_PATHS,
    UNREADABLE,
    FieldsUnreadable,
    shortened,
    told_paths,
    written_paths,
)
from meshtop.model.changes import FieldWrite, ObjectTrace

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=30,
)
STEPS = st.sampled_from(
    ["f:spec", "f:status", "f:a/b.c", 'k:{"name":"web"}', 'k:{"port":80,"protocol":"TCP"}', 'v:"x"', "v:3", "i:0", "."]
)
TREES = st.recursive(st.just({}), lambda inner: st.dictionaries(STEPS, inner, max_size=4), max_leaves=20)

KUBECTL_SET_IMAGE = {
    "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:image": {}}}}}}
}
KUBECTL_APPLY = {
    "f:metadata": {
        "f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}},
        "f:labels": {".": {}, "f:app": {}},
    },
    "f:spec": {"f:host": {}, "f:trafficPolicy": {".": {}, "f:tls": {".": {}, "f:mode": {}}}},
}
CONTROLLER_MANAGER = {
    "f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}},
    "f:status": {"f:replicas": {}, "f:conditions": {'k:{"type":"Available"}': {".": {}, "f:status": {}}}},
}
INJECTED = {"f:webhooks": {'k:{"name":"a.istio.io"}': {"f:clientConfig": {"f:caBundle": {}}}}}
LIST_OF_MAPS = {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:targetPort": {}}}}}


@pytest.mark.parametrize(
    ("tree", "paths", "told"),
    [
        pytest.param(KUBECTL_SET_IMAGE, ("spec.template.spec.containers[name=web].image",), 1, id="set image"),
        pytest.param(
            KUBECTL_APPLY,
            (
                "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
                "metadata.labels.app",
                "spec.host",
                "spec.trafficPolicy.tls.mode",
            ),
            3,
            id="apply",
        ),
        pytest.param(
            CONTROLLER_MANAGER,
            (
                "metadata.annotations[deployment.kubernetes.io/revision]",
                "status.replicas",
                "status.conditions[type=Available].status",
            ),
            0,
            id="bookkeeping",
        ),
        pytest.param(INJECTED, ("webhooks[name=a.istio.io].clientConfig.caBundle",), 0, id="injected certificate"),
        pytest.param(LIST_OF_MAPS, ("spec.ports[port=80,protocol=TCP].targetPort",), 1, id="keys of two"),
        pytest.param({"f:finalizers": {'v:"x"': {}}}, ("finalizers[=x]",), 1, id="element of a set"),
        pytest.param({"f:args": {"i:2": {}}}, ("args[2]",), 1, id="by place"),
        pytest.param({}, (), 0, id="nothing"),
    ],
)
def test_paths_of_what_servers_send(tree: object, paths: tuple[str, ...], told: int) -> None:
    found = written_paths(json.dumps(tree).encode())
    assert found == paths
    assert len(told_paths(found)) == told


@pytest.mark.parametrize(
    "raw",
    [b"[]", b"3", b'"f:spec"', b"{", b'{"f:spec": 3}', b'{"spec": {}}', b'{"k:nonsense": {}}', b'{"k:3": {}}',
     b'{"x:y": {}}', b"too large", b"\xff\xfe", b"{" * 100_000],
)  # fmt: skip
def test_what_is_no_fieldsv1_is_refused(raw: bytes) -> None:
    with pytest.raises(FieldsUnreadable):
        written_paths(raw)


def test_depth_and_number_are_bounded() -> None:
    deep = b'{"f:a":' * (DEEPEST + 2) + b"{}" + b"}" * (DEEPEST + 2)
    with pytest.raises(FieldsUnreadable):
        written_paths(deep)
    wide = json.dumps({f"f:n{i}": {} for i in range(3 * MOST_PATHS)}).encode()
    assert len(written_paths(wide)) == MOST_PATHS


@given(TREES)
def test_every_tree_of_known_steps_can_be_read(tree: object) -> None:
    for path in shortened(written_paths(json.dumps(tree).encode())):
        assert path


@given(JSON)
def test_any_json_costs_one_change_and_never_more(value: object) -> None:
    """Whatever a server sends as the fields of one manager, there is one mark of it at most."""
    trace = ObjectTrace(
        kind="VirtualService",
        namespace="shop",
        name="reviews",
        writes=(
            FieldWrite(manager="kubectl", time=100.0, fields=json.dumps(value).encode()),
            FieldWrite(manager="argocd", time=200.0, fields=b'{"f:spec":{"f:http":{}}}'),
        ),
    )
    found = list(change_marks([trace], since=0.0))
    assert [mark.paths for mark in found if mark.who == "argocd"] == [("spec.http",)]
    mine = [mark for mark in found if mark.who == "kubectl"]
    assert len(mine) <= 1
    try:
        written_paths(json.dumps(value).encode())
    except FieldsUnreadable:
        assert mine[0].paths == (UNREADABLE,)


def test_many_paths_are_told_by_what_they_share() -> None:
    paths = [f"spec.http[{i}].route" for i in range(20)] + ["spec.hosts"]
    assert shortened(paths) == ("spec.http", "spec.hosts")
    assert shortened([f"data[file{i}.yaml]" for i in range(3)]) == (
        "data[file0.yaml]",
        "data[file1.yaml]",
        "data[file2.yaml]",
    )
    assert len(shortened([f"label{i}" for i in range(40)])) == 6
