"""An object of any shape costs its row, and never a page: every kind and every report is made beside it.

What people and controllers write into `spec`, `status`, labels, annotations and ConfigMaps may be anything that JSON
can say; the server checks only what a schema says, and schemas leave much open.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.cli.printers import json_text, to_csv
from meshtop.model.kube import ConfigObject, Meta
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.sources.kubernetes.kinds import CONFIG, IDENTITY, REGISTRIES
from meshtop.views.frame.detail import detail
from meshtop.views.frame.document import document
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import attention
from meshtop.views.reports.doctor import examine
from tests import worlds

OBJECTS = {kind.key: kind for kind in (*CONFIG, *IDENTITY, *REGISTRIES)}
WORDS = [
    "action", "address", "addresses", "allowedRoutes", "analysis", "apiGroups", "backendRefs", "canary",
    "canaryWeight", "cluster", "clusterClaims", "clusterName", "clusters", "conditions", "connection", "delegate",
    "destination", "egress", "endpoints", "exportTo", "from", "gatewayClassName", "gateways", "group", "headers",
    "host", "hosts", "http", "issuer", "istio", "jwtRules", "kind", "labels", "listeners", "locality", "manifests",
    "match", "matchLabels", "metadata", "mode", "mtls", "name", "namespace", "network", "number", "overrides",
    "parentRefs", "parents", "phase", "placement", "port", "portLevelMtls", "portLevelSettings", "ports",
    "principals", "reason", "resourceSelectors", "resources", "roleRef", "route", "rules", "selector", "server",
    "servers", "source", "spec", "status", "strategy", "subjects", "subset", "subsets", "targetRef", "targetRefs",
    "tcp", "template", "tls", "to", "trafficPolicy", "trafficRouting", "type", "verbs", "virtualService", "weight",
    "weights", "workload", "workloadSelector",
]  # fmt: skip
MEANT = [
    "STRICT",
    "*",
    ".",
    "reviews",
    "reviews.shop.svc.cluster.local",
    "v1",
    "True",
    "VirtualService",
    "Service",
    "1s",
]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.sampled_from(MEANT)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)
TREES = st.dictionaries(st.sampled_from(WORDS), JSON, max_size=5)
NAMES = st.sampled_from(["", "reviews", "shop", "istio-system", "a/b", "x y", "\x1b[31m", "é" * 3])
LABELS = st.dictionaries(
    st.sampled_from(["app", "version", "istio", "istio.io/rev", "istio-injection", "topology.istio.io/network", "x"]),
    NAMES, max_size=3,
)  # fmt: skip


@st.composite
def odd(draw: st.DrawFn) -> ConfigObject:
    """An object of some kind, of any shape."""
    kind = draw(st.sampled_from(sorted(OBJECTS)))
    meta = Meta(
        name=draw(NAMES),
        namespace=draw(st.sampled_from(["", "shop", "istio-system", "nowhere"])),
        created=draw(st.floats(0, 2e9)),
        labels=draw(LABELS),
        annotations=draw(LABELS),
    )
    return ConfigObject(
        group=OBJECTS[kind].group,
        version="v1",
        kind=kind.split(".")[0],
        meta=meta,
        spec=draw(TREES),
        status=draw(TREES),
    )


def beside(cluster: ClusterSnapshot, objects: list[ConfigObject]) -> ClusterSnapshot:
    """The cluster with these objects too."""
    inventory = cluster.inventory
    assert inventory is not None
    config = dict(inventory.config)
    for obj in objects:
        key = next(key for key, kind in OBJECTS.items() if key.split(".")[0] == obj.kind and kind.group == obj.group)
        config[key] = (*config.get(key, ()), obj)
    return structs.replace(cluster, inventory=structs.replace(inventory, config=config))


MOST_OPENED = 4


def all_pages(picture: Picture) -> None:
    """Every kind as its list, as JSON and CSV, and some of its rows opened; then what is said of the whole."""
    everything = Query()
    for kind in KINDS:
        shown = view(kind.name)
        items = shown.items(picture, everything)
        json_text(document(shown, picture, items, everything))
        to_csv(shown.item, items)
        table = shown.table(picture, everything, wide=True)
        for item in items:
            for column in (*table.columns, *shown.fields):
                column.full_cell(item)
        # Those that stand apart are opened, and a few of the many that are alike.
        for item in items[:: max(1, len(items) // MOST_OPENED)]:
            assert detail(picture, kind.name, shown.key(item)) is not None
    attention(picture)
    examine(picture.snapshot, lambda: picture.facts)


@given(st.lists(odd(), min_size=1, max_size=4), st.lists(odd(), max_size=2))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_objects_of_any_shape_cost_no_page(east: list[ConfigObject], west: list[ConfigObject]) -> None:
    all_pages(Picture(worlds.world(beside(worlds.east(), east), beside(worlds.west(), west))))


TEXTS = st.text(max_size=40) | JSON.map(str)
SETTINGS = st.dictionaries(st.sampled_from(["mesh", "meshNetworks", "values", "root-cert.pem"]), TEXTS, max_size=4)


@given(SETTINGS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_config_maps_of_any_text_cost_no_page(data: dict[str, str]) -> None:
    east = worlds.east()
    assert east.inventory is not None
    names = ("istio", "values", "istio-ca-root-cert")
    maps = {f"istio-system/{name}": dict(data) for name in names}
    odd_settings = structs.replace(east, inventory=structs.replace(east.inventory, config_maps=maps))
    all_pages(Picture(worlds.world(odd_settings, worlds.west())))


@pytest.mark.parametrize("kind", sorted(OBJECTS))
def test_an_empty_object_of_every_kind_costs_no_page(kind: str) -> None:
    bare = ConfigObject(group=OBJECTS[kind].group, version="v1", kind=kind.split(".")[0], meta=Meta(name="bare"))
    all_pages(Picture(worlds.world(beside(worlds.east(), [bare]))))
