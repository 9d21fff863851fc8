"""What writes is sent once: after a broken connection the cluster is read, never written to again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meshtop.actions.events import ActionOutcome
from meshtop.actions.shift.recover import find_action
from tests.actions.lossy import Loses, lossy
from tests.actions.mesh import Cluster, Scene, plan
from tests.actions.shift.telling import AFTER, ended


def writes_a_route(method: str, path: str) -> bool:
    return method == "PATCH" and "/virtualservices/" in path and "dryRun" not in path


def takes_a_lease(method: str, path: str) -> bool:
    return method == "POST" and "/leases" in path


def renews_a_lease(method: str, path: str) -> bool:
    return method == "PUT" and "/leases/" in path


def lets_a_lease_go(method: str, path: str) -> bool:
    return method == "DELETE" and "/leases/" in path


@pytest.mark.parametrize("loses", [writes_a_route, takes_a_lease, renews_a_lease, lets_a_lease_go])
async def test_a_request_whose_answer_is_lost_is_not_sent_again(
    scene: Scene, clusters: dict[str, Cluster], tmp_path: Path, loses: Loses
) -> None:
    west = clusters["west"]
    async with lossy(west.server.url, loses) as proxy:
        behind = Cluster("west", west.store, replace(west.server, url=proxy.url))
        one = Scene({"east": clusters["east"], "west": behind}, tmp_path / "lossy")
        events = await one.shift(plan())
        await one.close()
    assert proxy.lost == 1
    # Had the patch been sent a second time, the version it was made for would be gone: a conflict with nobody.
    assert (ended(events).outcome, one.weights) == (ActionOutcome.DONE, AFTER)
    for chosen in (writes_a_route, takes_a_lease, lets_a_lease_go):
        times = sum(count for (method, path), count in proxy.arrived.items() if chosen(method, path))
        assert times <= 1, (chosen.__name__, proxy.arrived)
    assert sum(count for key, count in proxy.arrived.items() if writes_a_route(*key)) == 1


async def test_a_lost_answer_is_written_down_as_what_the_cluster_says(
    scene: Scene, clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    west = clusters["west"]
    async with lossy(west.server.url, writes_a_route) as proxy:
        behind = Cluster("west", west.store, replace(west.server, url=proxy.url))
        one = Scene({"west": behind}, tmp_path / "lossy")
        assert ended(await one.shift(plan())).outcome is ActionOutcome.DONE
        action = find_action(one.journal, None)
        await one.close()
    assert [(e.event, e.detail.get("weights")) for e in action.entries if e.event in ("intended", "done")] == [
        ("intended", None),
        ("done", [50, 50]),
    ]
    assert proxy.lost == 1
