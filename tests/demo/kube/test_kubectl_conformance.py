"""The real kubectl applies real CustomResourceDefinitions and Bookinfo to the simulated API server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.kube.conftest import Kubectl

# One worker applies all those files.
pytestmark = [pytest.mark.kubectl, pytest.mark.conformance, pytest.mark.xdist_group("kubectl-conformance")]


def files(folder: Path) -> list[str]:
    return [text for path in sorted(folder.glob("*.yaml")) for text in ("-f", str(path))]


@pytest.fixture(scope="module", autouse=True)
def applied(kubectl: Kubectl, shared_data: Path) -> str:
    kubectl("create", "namespace", "istio-system")
    for folder in ("istio", "gateway-api", "mcs-api"):
        kubectl("apply", "--server-side", *files(shared_data / "crds" / folder))
    bookinfo = shared_data / "samples" / "bookinfo"
    kubectl("apply", "-f", str(bookinfo / "platform" / "kube" / "bookinfo.yaml"))
    kubectl("apply", *files(bookinfo / "gateway-api"))
    return kubectl("apply", *files(bookinfo / "networking"))


def test_everything_was_taken(kubectl: Kubectl, applied: str) -> None:
    assert "virtualservice.networking.istio.io/reviews created" in applied
    deployments = kubectl("get", "deployments", "-o", "name").split()
    assert deployments == [
        f"deployment.apps/{name}"
        for name in ("details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
    ]
    hosts = kubectl("get", "virtualservices", "reviews", "--no-headers").split()
    assert hosts[:2] == ["reviews", '["reviews"]']
    route = kubectl.json("get", "httproutes", "reviews")["spec"]["rules"][0]["backendRefs"]
    assert route == [{"group": "", "kind": "Service", "name": "reviews-v3", "port": 9080, "weight": 1}]


def test_client_side_apply_needs_no_help(kubectl: Kubectl, shared_data: Path) -> None:
    done = kubectl.run("apply", "-f", str(shared_data / "samples/bookinfo/platform/kube/bookinfo.yaml"))
    assert done.returncode == 0
    assert done.stderr == ""
    assert {line.split()[-1] for line in done.stdout.splitlines()} == {"unchanged"}


def test_a_virtual_service_in_every_version(kubectl: Kubectl) -> None:
    for version in ("v1", "v1beta1", "v1alpha3"):
        found = kubectl.json("get", f"virtualservices.{version}.networking.istio.io", "reviews")
        assert found["apiVersion"] == f"networking.istio.io/{version}"


@pytest.mark.parametrize(
    ("weights", "message"),
    [((0, 0), "configuration is invalid: total destination weight = 0"), ((5, -1), "weight -1 < 0")],
)
def test_istio_refuses_impossible_weights(kubectl: Kubectl, weights: tuple[int, int], message: str) -> None:
    routes = ",".join(
        f'{{"destination":{{"host":"reviews","subset":"v{number}"}},"weight":{weight}}}'
        for number, weight in enumerate(weights, 1)
    )
    patch = f'{{"spec":{{"http":[{{"route":[{routes}]}}]}}}}'
    refused = kubectl.fails("patch", "virtualservice", "reviews", "--type", "merge", "-p", patch, "--dry-run=server")
    assert 'admission webhook "validation.istio.io" denied the request' in refused
    assert message in refused


def test_strategic_patch_merges_containers_by_name(kubectl: Kubectl, shared_data: Path) -> None:
    patch = '{"spec":{"template":{"spec":{"containers":[{"name":"reviews","env":[{"name":"A","value":"1"}]}]}}}}'
    # One of its own: the applied ones are for all tests.
    own = ("deployment", "reviews-v1", "-n", "patched")
    kubectl("create", "namespace", "patched")
    kubectl("apply", "-n", "patched", "-f", str(shared_data / "samples/bookinfo/platform/kube/bookinfo.yaml"))
    before = kubectl.json("get", *own)["spec"]["template"]["spec"]["containers"][0]
    kubectl("patch", *own, "-p", patch)
    after = kubectl.json("get", *own)["spec"]["template"]["spec"]["containers"]
    assert len(after) == 1
    assert after[0]["image"] == before["image"]
    assert {"name": "A", "value": "1"} in after[0]["env"]
