"""Objects over an inventory: what is applied keeps its age, what is new is the youngest, what is removed is gone."""

from __future__ import annotations

import pytest

from meshtop.analysis.inventory.overlay import OverlaidObject, objects_in, with_objects
from meshtop.analysis.inventory.workloads import workloads
from meshtop.model.kube import ConfigObject, Inventory, Meta, Namespace, Service, ServicePort
from tests import worlds

NOW = 1_000.0
SIDECAR = OverlaidObject("Sidecar", "shop", "default")


def sidecar(name: str = "default", *, created: float = 0.0, **spec: object) -> ConfigObject:
    meta = Meta(name=name, namespace="shop", created=created)
    return ConfigObject(group="networking.istio.io", version="v1", kind="Sidecar", meta=meta, spec=spec)


def holding(*objects: ConfigObject) -> Inventory:
    return Inventory(config={"Sidecar": objects})


def test_what_is_applied_over_an_object_keeps_its_age_and_is_a_new_generation() -> None:
    held = sidecar(created=5.0, egress=[])
    found = with_objects(holding(held), holding(sidecar(egress=[{"hosts": ["*/*"]}])), now=NOW).config["Sidecar"]
    assert [(one.meta.created, one.generation) for one in found] == [(5.0, 1)]
    assert found[0].spec == {"egress": [{"hosts": ["*/*"]}]}
    assert with_objects(holding(held), holding(sidecar(egress=[])), now=NOW).config["Sidecar"][0].generation == 0


def test_what_is_new_is_the_youngest() -> None:
    found = with_objects(holding(sidecar(created=5.0)), holding(sidecar("other")), now=NOW).config["Sidecar"]
    assert [(one.meta.name, one.meta.created) for one in found] == [("default", 5.0), ("other", NOW)]


def test_what_is_removed_is_gone_and_may_be_applied_anew() -> None:
    held = holding(sidecar(created=5.0), sidecar("other", created=6.0))
    assert [o.meta.name for o in with_objects(held, Inventory(), [SIDECAR]).config["Sidecar"]] == ["other"]
    anew = with_objects(held, holding(sidecar()), [SIDECAR], now=NOW).config["Sidecar"]
    assert [(one.meta.name, one.meta.created) for one in anew] == [("other", 6.0), ("default", NOW)]


def test_every_object_of_a_cluster_has_a_name_and_can_be_removed() -> None:
    held = worlds.inventory(cluster_id="east")
    names = [name for name, _ in objects_in(held)]
    assert len(names) == len(set(names)) > 10
    assert list(objects_in(with_objects(held, Inventory(), names))) == []


@pytest.mark.parametrize(("selector", "behind"), [({"app": "reviews"}, {"reviews-v1", "reviews-v2"}),
                                                  ({"app": "reviews", "version": "v2"}, {"reviews-v2"}),
                                                  ({"app": "nobody"}, set())])  # fmt: skip
def test_endpoints_follow_a_selector(selector: dict[str, str], behind: set[str]) -> None:
    held = worlds.inventory(cluster_id="east")
    service = Service(meta=Meta(name="reviews", namespace="shop"), selector=selector, ports=(ServicePort(9080),))
    found = with_objects(held, Inventory(services=(service,)), now=NOW)
    assert {one.name for one in workloads(found, "east") if "reviews" in one.services} == behind
    if selector != {"app": "reviews"}:
        slices = [one for one in found.endpoint_slices if one.service == "reviews"]
        named = {(end.target_name or "").rpartition("-5d8f7c")[0] for one in slices for end in one.endpoints}
        assert named == behind


def test_slices_of_a_removed_service_are_gone() -> None:
    held = worlds.inventory(cluster_id="east")
    found = with_objects(held, Inventory(), [OverlaidObject("Service", "shop", "reviews")])
    assert not [one for one in found.endpoint_slices if one.service == "reviews"]


def test_marks_that_are_not_named_stay() -> None:
    held = worlds.inventory(cluster_id="east")
    bare = Namespace(meta=Meta(name="shop", labels={"team": "web"}))
    found = {one.meta.name: one.meta for one in with_objects(held, Inventory(namespaces=(bare,)), now=NOW).namespaces}
    before = {one.meta.name: one.meta for one in held.namespaces}
    assert found["shop"].labels == {**before["shop"].labels, "team": "web"}
    assert (found["shop"].uid, list(found)) == (before["shop"].uid, list(before))
