"""What changed just before: new pods, and containers that were started again, by Kubernetes' own times."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.model.snapshot import Snapshot
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.view import attention
from tests import worlds

TROUBLE = worlds.AT - 120.0


def fleet(restarted_at: float | None) -> Snapshot:
    """reviews-v2 has a pod that is not ready for two minutes, and another one whose container was started again."""
    east = worlds.east(sick=True)
    assert east.inventory is not None
    pods = []
    for pod in east.inventory.pods:
        if pod.meta.name.startswith("reviews-v2"):
            restarted = restarted_at if pod.ready else None
            pod = structs.replace(
                pod, changed_at=None if pod.ready else TROUBLE, restarted_at=restarted, restart_reason="OOMKilled"
            )
        pods.append(pod)
    return worlds.world(structs.replace(east, inventory=structs.replace(east.inventory, pods=tuple(pods))))


@pytest.mark.parametrize(("before", "named"), [(30.0, True), (3_600.0, False), (-60.0, False), (None, False)])
def test_a_container_that_was_started_again_just_before_is_named(before: float | None, named: bool) -> None:
    picture = Picture(fleet(None if before is None else TROUBLE - before))
    (item,) = [one for one in attention(picture) if one.id == "workload/east/shop/reviews-v2"]
    assert item.since is not None
    assert item.since.timestamp() == TROUBLE
    told = None if item.cause is None else item.cause.title
    assert told == ("a container of reviews-v2 in east restarted (OOMKilled)" if named else None)
