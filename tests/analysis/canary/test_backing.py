"""What is behind a Service: the workloads that its selector takes, without a look at all others."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.analysis.canary.backing import MemberBacking
from meshtop.model.mesh import Workload
from meshtop.views.picture.picture import Picture
from tests import worlds

SHOP = "shop"


def backing(*, selector: dict[str, str]) -> MemberBacking:
    """The workloads of east, where the Service reviews has another selector."""
    east = worlds.east()
    assert east.inventory is not None
    services = tuple(
        structs.replace(one, selector=selector) if one.meta.name == "reviews" else one
        for one in east.inventory.services
    )
    held = structs.replace(east.inventory, services=services)
    picture = Picture(worlds.world(structs.replace(east, inventory=held)))
    return MemberBacking(held, picture.workloads_in("east"), picture.machines_in("east"))


@pytest.mark.parametrize(
    ("selector", "labels", "names"),
    [
        ({"app": "reviews"}, {}, ["reviews-v1", "reviews-v2"]),
        ({"app": "reviews", "version": "v2"}, {}, ["reviews-v2"]),
        ({"version": "v1"}, {}, ["reviews-v1", "web-v1"]),
        ({"app": "reviews"}, {"version": "v1"}, ["reviews-v1"]),
        ({"app": "nobody"}, {}, []),
        ({"app": "reviews", "tier": "gold"}, {}, []),
    ],
)
def test_a_selector_takes_pods_by_all_its_labels(
    selector: dict[str, str], labels: dict[str, str], names: list[str]
) -> None:
    found = backing(selector=selector).behind((SHOP, "reviews"), worlds.REVIEWS_HOST, labels)
    assert sorted(name for one in found for name in one.names) == names
    assert all(one.pods.ready == 2 for one in found)


def test_workloads_that_have_none_of_the_labels_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    here = backing(selector={"app": "reviews"})
    looked: list[str] = []
    own = MemberBacking._of_workload

    def counted(self: MemberBacking, workload: Workload, *more: Any) -> object:
        looked.append(workload.name)
        return own(self, workload, *more)

    monkeypatch.setattr(MemberBacking, "_of_workload", counted)
    here.behind((SHOP, "reviews"), worlds.REVIEWS_HOST, {})
    assert sorted(looked) == ["reviews-v1", "reviews-v2"]
