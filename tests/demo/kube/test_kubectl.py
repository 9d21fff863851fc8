"""The real kubectl on the simulated API server."""

from __future__ import annotations

import json

import pytest

from tests.demo.kube.conftest import Kubectl, wait_until
from tests.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.kubectl, pytest.mark.xdist_group("kubectl")]

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1, maximum: 9}
              colour: {type: string, enum: [red, green], default: red}
              parts: {type: array, items: {type: string}}
"""


def widget(name: str, **spec: object) -> str:
    return json.dumps({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})


@pytest.fixture(scope="module", autouse=True)
def installed(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WIDGETS)
    kubectl("wait", "--for", "condition=Established", "crd/widgets.example.com", "--timeout", "30s")


def test_discovery_and_explain(kubectl: Kubectl) -> None:
    assert "Server Version: v1.32.4" in kubectl("version")
    listed = kubectl("api-resources", "-o", "name").split()
    assert {"pods", "deployments.apps", "widgets.example.com"} <= set(listed)
    assert "size" in kubectl("explain", "widget.spec")


def test_apply_get_and_delete(kubectl: Kubectl) -> None:
    assert "created" in kubectl("apply", "-f", "-", stdin=widget("one", size=3))
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=widget("one", size=3))
    assert "configured" in kubectl("apply", "-f", "-", stdin=widget("one", size=4))
    found = kubectl.json("get", "wd", "one")
    assert found["spec"] == {"size": 4, "colour": "red"}
    assert found["metadata"]["generation"] == 2
    assert kubectl("get", "wd", "one").split() == ["NAME", "SIZE", "one", "4"]
    assert 'widget.example.com "one" deleted' in kubectl("delete", "wd", "one")
    assert 'widgets.example.com "one" not found' in kubectl.fails("get", "wd", "one")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": "big"}, 'spec.size in body must be of type integer: "string"'),
        ({"size": 10}, "should be less than or equal to 9"),
        ({"colour": "red"}, "spec.size: Required value"),
        ({"size": 2, "colour": "blue"}, 'Unsupported value: "blue"'),
        ({"size": 2, "shape": "round"}, 'unknown field "spec.shape"'),
    ],
)
def test_invalid_objects_are_refused(kubectl: Kubectl, spec: dict[str, object], message: str) -> None:
    assert message in kubectl.fails("apply", "-f", "-", stdin=widget("wrong", **spec))


def test_patches(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=widget("patched", size=1))
    test = '[{"op":"test","path":"/spec/size","value":%d},{"op":"replace","path":"/spec/size","value":2}]'
    kubectl("patch", "wd", "patched", "--type", "json", "-p", test % 1)
    assert "The request is invalid" in kubectl.fails("patch", "wd", "patched", "--type", "json", "-p", test % 1)
    kubectl("patch", "wd", "patched", "--type", "merge", "-p", '{"spec":{"colour":"green"}}')
    assert kubectl.json("get", "wd", "patched")["spec"] == {"size": 2, "colour": "green"}
    assert "is not supported by" in kubectl.fails("patch", "wd", "patched", "-p", '{"spec":{"size":5}}')


def test_a_kind_that_is_not_there(kubectl: Kubectl) -> None:
    unknown = widget("x", size=1).replace("Widget", "Nothing")
    assert 'no matches for kind "Nothing" in version "example.com/v1"' in kubectl.fails(
        "apply", "-f", "-", stdin=unknown
    )


def test_dry_run_stores_nothing(kubectl: Kubectl) -> None:
    shown = kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=widget("ghost", size=1))
    assert json.loads(shown)["spec"]["colour"] == "red"
    assert "not found" in kubectl.fails("get", "wd", "ghost")


def test_server_side_apply_conflicts(kubectl: Kubectl) -> None:
    first = ("apply", "--server-side", "--field-manager", "first", "-f", "-")
    second = ("apply", "--server-side", "--field-manager", "second", "-f", "-")
    kubectl(*first, stdin=widget("shared", size=1, parts=["a"]))
    refused = kubectl.fails(*second, stdin=widget("shared", size=2))
    assert 'conflict with "first"' in refused
    assert ".spec.size" in refused
    kubectl(*second, "--force-conflicts", stdin=widget("shared", size=2))
    managers = {
        entry["manager"]: entry["fieldsV1"]["f:spec"]
        for entry in kubectl.json("get", "wd", "shared", "--show-managed-fields")["metadata"]["managedFields"]
    }
    assert managers == {"first": {"f:parts": {}}, "second": {"f:size": {}}}


def test_a_stale_replace_conflicts(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=widget("raced", size=1))
    stale = kubectl("get", "wd", "raced", "-o", "json")
    kubectl("patch", "wd", "raced", "--type", "merge", "-p", '{"spec":{"size":2}}')
    assert "the object has been modified" in kubectl.fails("replace", "-f", "-", stdin=stale)


def test_namespaces_hold_what_is_in_them(kubectl: Kubectl) -> None:
    assert 'namespaces "team" not found' in kubectl.fails("-n", "team", "create", "-f", "-", stdin=widget("a", size=1))
    kubectl("create", "namespace", "team")
    assert kubectl.json("get", "ns", "team")["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    kubectl("-n", "team", "create", "-f", "-", stdin=widget("a", size=1))
    kubectl("delete", "namespace", "team")
    assert "team" not in kubectl("get", "wd", "-A", "-o", "jsonpath={..metadata.namespace}").split()


def test_selectors_and_chunks(kubectl: Kubectl) -> None:
    def fill() -> None:
        for number in range(25):
            metadata = {"name": f"p{number:02}", "namespace": "default", "labels": {"even": str(number % 2 == 0)}}
            spec = {"nodeName": f"n{number % 5}", "containers": [{"name": "main", "image": "x"}]}
            status = {"phase": "Running", "podIP": f"10.0.0.{number}"}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
            kubectl.store.put(pod)

    kubectl.server.call(fill)
    every = kubectl("get", "pods", "--chunk-size", "10", "-o", "name").split()
    assert every == [f"pod/p{number:02}" for number in range(25)]
    assert len(kubectl("get", "pods", "-l", "even=True", "-o", "name").split()) == 13
    chosen = kubectl("get", "pods", "--field-selector", "spec.nodeName=n3,metadata.name!=p03", "-o", "name").split()
    assert chosen == ["pod/p08", "pod/p13", "pod/p18", "pod/p23"]
    wide = kubectl("get", "pod", "p07", "-o", "wide").splitlines()[1].split()
    assert wide[:5] == ["p07", "0/1", "Running", "0", "0s"]
    assert wide[5:7] == ["10.0.0.7", "n2"]
    assert "Node:" in kubectl("describe", "pod", "p07")


def test_watch_prints_changes(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=widget("watched", size=1))
    process = kubectl.start("get", "wd", "watched", "--watch", "--no-headers")
    assert process.stdout is not None
    try:
        assert process.stdout.readline().split() == ["watched", "1"]
        kubectl("patch", "wd", "watched", "--type", "merge", "-p", '{"spec":{"size":7}}')
        assert process.stdout.readline().split() == ["watched", "7"]
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def test_roles(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "delete", "pods").strip() == "yes"
    assert kubectl.run("--context", "viewer", "auth", "can-i", "delete", "pods").stdout.strip() == "no"
    assert kubectl("--context", "viewer", "auth", "can-i", "list", "pods").strip() == "yes"
    assert "viewer" in kubectl("--context", "viewer", "auth", "whoami")
    assert "services/proxy" in kubectl("--context", "viewer", "auth", "can-i", "--list")
    denied = kubectl.fails("--context", "viewer", "get", "secrets")
    assert 'User "viewer" cannot list resource "secrets" in API group "" in the namespace "default"' in denied
    assert "Forbidden" in kubectl.fails("--context", "viewer", "delete", "pod", "p01")
    assert "Unauthorized" in kubectl.fails("--context", "nobody", "get", "pods", "--v=0") or "logged in" in (
        kubectl.fails("--context", "nobody", "get", "pods")
    )
    assert "Forbidden" in kubectl.fails("--as", "viewer", "get", "secrets")


def test_service_proxy(kubectl: Kubectl) -> None:
    base = "/api/v1/namespaces/monitoring/services"
    answer = json.loads(kubectl("get", "--raw", f"{base}/http:echo:9090/proxy/some/where?a=1"))
    assert answer == {"method": "GET", "path": "/some/where", "query": {"a": "1"}, "body": ""}
    answer = json.loads(kubectl("get", "--raw", f"{base}/prometheus:9090/proxy/api/v1/query?query=up"))
    assert answer == {"path": "/api/v1/query", "query": {"query": "up"}, "form": {}}
    assert 'services "none" not found' in kubectl.fails("get", "--raw", f"{base}/none:80/proxy/")


def test_a_deleted_definition_takes_its_kind_along(kubectl: Kubectl) -> None:
    other = WIDGETS.replace("widgets", "gadgets").replace("Widget", "Gadget").replace("wd", "gd")
    kubectl("create", "-f", "-", stdin=other)
    kubectl("create", "-f", "-", stdin=widget("g", size=1).replace("Widget", "Gadget"))
    kubectl("delete", "crd", "gadgets.example.com")
    wait_until(lambda: "gadgets.example.com" not in kubectl("api-resources", "-o", "name"))
    assert "could not find the requested resource" in kubectl.fails(
        "get", "--raw", "/apis/example.com/v1/namespaces/default/gadgets/g"
    )
