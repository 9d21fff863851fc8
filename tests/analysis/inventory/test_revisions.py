from __future__ import annotations

import pytest

from meshtop.analysis.inventory.revisions import Revisions, asked_revision
from meshtop.model.kube import Container, Inventory, Meta, Namespace, Pod

STATUS = "sidecar.istio.io/status"
REV, INJECT, INJECTION = "istio.io/rev", "sidecar.istio.io/inject", "istio-injection"
SIDECAR = (Container("app"), Container("istio-proxy"))


@pytest.mark.parametrize(
    ("namespace", "pod", "asked"),
    [
        ({INJECTION: "enabled"}, {}, "default"),
        ({INJECTION: "enabled", REV: "1-28"}, {REV: "1-29"}, "default"),
        ({INJECTION: "disabled", REV: "1-28"}, {INJECT: "true"}, None),
        ({REV: "1-27"}, {REV: "1-28"}, "1-27"),
        ({}, {REV: "1-28"}, "1-28"),
        ({}, {INJECT: "true"}, "default"),
        ({REV: "1-27"}, {INJECT: "false"}, None),
        ({}, {}, None),
    ],
)
def test_what_labels_ask_for(namespace: dict[str, str], pod: dict[str, str], asked: str | None) -> None:
    assert asked_revision(namespace, pod) == asked


@pytest.mark.parametrize(
    ("namespace", "labels", "status", "containers", "revision"),
    [
        pytest.param({REV: "1-27"}, {REV: "1-28"}, '{"revision": "1-27"}', SIDECAR, "1-27", id="the status first"),
        pytest.param({REV: "1-28"}, {}, '{"revision": "1-27"}', SIDECAR, "1-27", id="not restarted"),
        pytest.param({REV: "1-27"}, {REV: "1-28"}, "", SIDECAR, "1-27", id="without a status the namespace"),
        pytest.param({REV: "prod"}, {}, "", SIDECAR, "1-28", id="a tag is resolved"),
        pytest.param({INJECTION: "enabled"}, {}, "", SIDECAR, "1-27", id="the tag default"),
        pytest.param({}, {REV: "1-28"}, "[" * 9000, SIDECAR, "1-28", id="a status that cannot be understood"),
        pytest.param({}, {REV: "1-28"}, '{"revision": 7}', SIDECAR, "1-28", id="a status of another shape"),
        pytest.param({REV: "1-28"}, {REV: "1-28"}, "", (Container("app"),), None, id="without a proxy"),
        pytest.param({}, {}, "", SIDECAR, None, id="nothing says it"),
    ],
)
def test_the_revision_of_a_pod(
    namespace: dict[str, str], labels: dict[str, str], status: str, containers: tuple[Container, ...],
    revision: str | None,
) -> None:  # fmt: skip
    tags = {"prod": "1-28", "default": "1-27"}
    inventory = Inventory(
        namespaces=(Namespace(meta=Meta(name="shop", labels=namespace)),),
        webhooks=tuple(Meta(name=t, labels={"istio.io/tag": t, REV: r}) for t, r in tags.items()),
    )
    pod = Pod(meta=Meta(name="p", namespace="shop", labels=labels, annotations={STATUS: status}), containers=containers)
    assert Revisions(inventory).of("shop", labels, pod) == revision


def test_a_template_without_pods_has_what_its_labels_ask_for() -> None:
    inventory = Inventory(namespaces=(Namespace(meta=Meta(name="shop", labels={REV: "1-27"})),))
    assert Revisions(inventory).of("shop", {REV: "1-28"}, None) == "1-27"
