"""Which cluster an action is taken back in: two kubeconfigs may call two clusters by one name, or one by two."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from meshtop.actions.at_hand import last_at_hand
from meshtop.actions.cluster_identity import SYSTEM_NAMESPACE, ClusterIdentity
from meshtop.actions.errors import ActionError
from meshtop.actions.events import ActionOutcome
from meshtop.actions.journal.journal import ActionState, Journal
from meshtop.actions.shift.recover import find_action, resume, rollback
from meshtop.model.errors import Exit
from tests.actions.faults import answering
from tests.actions.mesh import Cluster, Hurried, Scene, plan, virtual_service
from tests.actions.shift.telling import ended


def under(name: str, cluster: Cluster, folder: Path) -> Scene:
    """One cluster as another kubeconfig calls it, with the journal of all kubeconfigs of this user."""
    renamed = Cluster(name, cluster.store, cluster.server)
    return Scene({name: renamed}, folder)


def writes(scene: Scene) -> list[str]:
    return [method for wire in scene.wires.values() for method, _ in wire.sent if method != "GET"]


async def take_back(scene: Scene) -> ActionOutcome | None:
    action = find_action(scene.journal, None)
    return ended([e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]).outcome


@pytest.fixture
def served(clusters: Mapping[str, Cluster]) -> Mapping[str, Cluster]:
    for cluster in clusters.values():
        cluster.reset()
    return clusters


async def test_another_cluster_of_the_name_is_not_here(served: Mapping[str, Cluster], tmp_path: Path) -> None:
    staging = under("prod", served["east"], tmp_path)
    await staging.shift(plan())
    served["west"].reset((50, 50))
    other = under("prod", served["west"], tmp_path)
    for attempt in (take_back, last):
        with pytest.raises(ActionError, match="is not here: what is called prod here is another cluster") as caught:
            await attempt(other)
        assert caught.value.exit_code == Exit.CONFLICT
    assert writes(other) == []
    assert served["west"].weights == (50, 50)
    assert find_action(staging.journal, None).state is ActionState.DONE, "nothing is closed"
    assert await take_back(staging) is ActionOutcome.ROLLED_BACK
    assert served["east"].weights == (80, 20)
    await staging.close()
    await other.close()


async def last(scene: Scene) -> str:
    return (await last_at_hand(scene.journal, scene.fleet, "shift")).id


async def test_the_same_cluster_of_another_name_is_taken_back(served: Mapping[str, Cluster], tmp_path: Path) -> None:
    staging = under("prod", served["east"], tmp_path)
    await staging.shift(plan())
    both = Scene(
        {
            "prod": Cluster("prod", served["west"].store, served["west"].server),
            "stage": Cluster("stage", served["east"].store, served["east"].server),
        },
        tmp_path,
    )
    assert await last(both) == find_action(both.journal, None).id
    assert await take_back(both) is ActionOutcome.ROLLED_BACK
    assert (served["east"].weights, served["west"].weights) == ((80, 20), (80, 20))
    assert [m for m, _ in both.wires["prod"].sent if m != "GET"] == []
    await staging.close()
    await both.close()


async def test_a_shift_is_resumed_under_another_name(served: Mapping[str, Cluster], tmp_path: Path) -> None:
    first = under("prod", served["east"], tmp_path)
    await first.shift(plan(steps=({"v2": 50}, {"v2": 60})), {1: "hold"})
    assert served["east"].weights == (50, 50)
    second = under("stage", served["east"], tmp_path)
    action = find_action(second.journal, None)
    other = under("prod", served["west"], tmp_path)
    with pytest.raises(ActionError, match="is not here"):
        await resume(action, other.fleet, other.journal)
    await other.close()
    assert action.state is ActionState.HELD
    runner = await resume(
        action, second.fleet, second.journal, controls=Hurried(second.clock), sleep=second.clock.sleep
    )
    assert ended([e async for e in runner.run()]).outcome is ActionOutcome.DONE
    assert served["east"].weights == (40, 60)
    await first.close()
    await second.close()


async def test_the_last_shift_is_the_last_one_of_the_clusters_at_hand(
    served: Mapping[str, Cluster], tmp_path: Path
) -> None:
    east, west = under("prod", served["east"], tmp_path), under("prod", served["west"], tmp_path)
    await east.shift(plan())
    mine = find_action(east.journal, None).id
    await west.shift(plan())
    assert await last(east) == mine != await last(west)
    for scene in (east, west):
        await scene.close()


async def test_what_is_silent_is_asked_who_it_is_before_anything_is_sent(
    served: Mapping[str, Cluster], tmp_path: Path
) -> None:
    staging = under("prod", served["east"], tmp_path)
    await staging.shift(plan())
    served["west"].reset((50, 50))
    other = under("prod", served["west"], tmp_path)
    wire = other.wires["prod"]
    wire.faults.append(("GET", answering(503)))
    # It answers again right after: by then it must still say which cluster it is.
    with pytest.raises(ActionError, match="is not here"):
        await take_back(other)
    assert find_action(other.journal, None).state is ActionState.DONE
    assert served["west"].weights == (50, 50)
    assert [m for m, _ in wire.sent if m != "GET"] == []
    await staging.close()
    await other.close()


async def test_without_the_right_to_read_the_uid_the_server_tells_and_it_is_said(
    served: Mapping[str, Cluster], tmp_path: Path
) -> None:
    east = under("prod", served["east"], tmp_path)
    east.wires["prod"].faults.append(("GET", answering(403)))
    await east.fleet.members["prod"].api.identity()
    await east.shift(plan())
    action = find_action(east.journal, None)
    assert action.clusters == {"prod": ClusterIdentity("", served["east"].server.url)}
    assert "no UID of the cluster" in {e.detail.get("note") for e in action.entries}
    served["west"].reset((50, 50))
    west = under("prod", served["west"], tmp_path)
    with pytest.raises(ActionError, match="is not here"):
        await take_back(west)
    assert await take_back(east) is ActionOutcome.ROLLED_BACK
    assert ("GET", SYSTEM_NAMESPACE) in east.wires["prod"].sent
    for scene in (east, west):
        await scene.close()


async def test_an_object_that_was_created_again_is_somebody_else_s(
    served: Mapping[str, Cluster], tmp_path: Path
) -> None:
    east = under("prod", served["east"], tmp_path)
    await east.shift(plan())
    cluster = served["east"]
    cluster.server.call(lambda: cluster.store.delete("networking.istio.io", "VirtualService", "shop", "reviews"))
    cluster.put(virtual_service((50, 50), uid="another"))
    assert await take_back(east) is ActionOutcome.CONFLICT
    assert cluster.weights == (50, 50)
    await east.close()


async def test_an_action_of_an_older_journal_is_told_and_left(served: Mapping[str, Cluster], tmp_path: Path) -> None:
    east = under("prod", served["east"], tmp_path)
    await east.shift(plan())
    await east.close()
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("DROP TABLE clusters")
        database.execute("PRAGMA user_version=1")
    journal = Journal(tmp_path / "journal.db")
    action = find_action(journal, None)
    assert (action.clusters, action.state) == ({}, ActionState.DONE)
    journal.close()
    again = under("prod", served["east"], tmp_path)
    with pytest.raises(ActionError, match="does not identify the cluster prod of action"):
        await take_back(again)
    assert served["east"].weights == (50, 50)
    await again.close()
