"""What refuses a shift before anything is sent, and the preview of what is not refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.lease import ShiftLease
from meshtop.actions.shift.preflight import CheckStatus, owner_check, preflight
from meshtop.actions.shift.preview import preview
from meshtop.actions.shift.targets import route_object
from meshtop.analysis.canary.owners import route_owner
from meshtop.analysis.canary.survey import Survey
from meshtop.analysis.identity.meshes import TELLING_KINDS
from meshtop.model.kube import ConfigObject, KindStatus, Manager, Meta, Owner
from meshtop.model.mesh import Obeyed
from tests.actions.mesh import Cluster, Scene, board_cluster, plan, virtual_service
from tests.actions.shift.telling import BEFORE


async def test_read_only_and_policy_refuse_before_anything_is_sent(
    clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    locked = Scene(clusters, tmp_path / "locked", read_only=("west",))
    forbidden = Scene(
        clusters, tmp_path / "forbidden", policy=lambda right, cluster, namespace: f"no {right} in {cluster}"
    )
    for one in (locked, forbidden):
        found = await preflight(plan(), one.fleet)
        assert found.refusal is not None
        assert found.refusal.kind is ErrorKind.REFUSED
        assert [sent for wire in one.wires.values() for sent in wire.sent] == []
        await one.close()


async def test_clusters_of_no_known_mesh_say_what_was_not_read(clusters: dict[str, Cluster], tmp_path: Path) -> None:
    one = Scene(clusters, tmp_path)
    inventory = clusters["west"].inventory()
    kinds = tuple(KindStatus(kind=kind, state="denied" if kind == "Secret" else "fresh") for kind in TELLING_KINDS)
    west = board_cluster("west", structs.replace(inventory, kinds=kinds))
    one.fleet.survey = Survey(
        [
            board_cluster("east", clusters["east"].inventory()),
            structs.replace(west, facts=structs.replace(west.facts, group="another")),
        ]
    )
    with pytest.raises(ActionError, match=r"not known to be one mesh \(east, west\).*Secret of west \(denied\)"):
        await preflight(plan(), one.fleet)
    await one.close()


async def test_somebody_without_the_right_is_refused(clusters: dict[str, Cluster], tmp_path: Path) -> None:
    one = Scene(clusters, tmp_path / "viewer", user="viewer")
    found = await preflight(plan(), one.fleet)
    assert found.refusal is not None
    assert (found.refusal.kind, "patch virtualservices in shop" in found.refusal.message) == (ErrorKind.REFUSED, True)
    await one.close()


@pytest.mark.parametrize(
    ("metadata", "manager", "override", "kind"),
    [
        ({"ownerReferences": [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "reviews", "uid": "u"}]},
         "flagger", "", ErrorKind.CONFLICT),
        ({"annotations": {"flagger.kubernetes.app/original-configuration": "{}"}}, "x", "flagger owns it", None),
        ({"labels": {"argo-rollouts.argoproj.io/managed-by-rollouts": "reviews"}}, "x", "", ErrorKind.CONFLICT),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}, "x", "", ErrorKind.CONFLICT),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "x", "gitops owns it", None),
        ({}, "argocd-controller", "", ErrorKind.CONFLICT),
        ({}, "kubectl-edit", "", None),
    ],
)  # fmt: skip
def test_owners(
    metadata: dict[str, Any],
    manager: str,
    override: str,
    kind: ErrorKind | None,
) -> None:
    owner = metadata.get("ownerReferences", [{}])[0]
    obj = ConfigObject(
        group="networking.istio.io",
        version="v1",
        kind="VirtualService",
        meta=Meta(
            name="reviews",
            namespace="shop",
            labels=metadata.get("labels", {}),
            annotations=metadata.get("annotations", {}),
            owner=Owner(owner["kind"], owner["name"]) if owner else None,
        ),
        managers=(Manager(manager, "Update", 1.0),),
    )
    check = owner_check("east", route_owner(obj, {}), override)
    assert check.kind is kind
    assert (check.status is CheckStatus.REFUSED) is (kind is not None)


async def test_a_version_without_pods_or_subset_gets_no_weight(scene: Scene) -> None:
    found = await preflight(plan(steps=({"v2": 30},)), scene.fleet)
    assert [c.status for c in found.checks if c.name == "pods"] == [CheckStatus.OK, CheckStatus.OK]
    scene.clusters["east"].put(virtual_service((80, 20, 0)))
    scene.clusters["west"].put(virtual_service((80, 20, 0)))
    again = Scene(scene.clusters, scene.journal.path.parent / "again")
    found = await preflight(plan(steps=({"v3": 30},)), again.fleet)
    assert found.refusal is not None
    assert "no DestinationRule defines subset v3" in found.refusal.message
    await again.close()


async def test_preview_is_a_diff_of_weights_only(scene: Scene) -> None:
    found = await preflight(plan(), scene.fleet)
    shown = await preview(found, scene.fleet)
    changed = [line for line in shown[0].lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert [line.strip("+- ") for line in changed] == ["weight: 80", "weight: 50", "weight: 20", "weight: 50"]
    assert scene.weights == BEFORE


async def test_two_meshtops_at_once(scene: Scene, clusters: dict[str, Cluster], tmp_path: Path) -> None:
    other = Scene(clusters, tmp_path / "other")
    surveyed = other.fleet.survey.surveyed[0]
    lease = ShiftLease(
        other.fleet.members["east"].api, route_object(surveyed.route), action="theirs", holder="paul@desk", seconds=60
    )
    await lease.take(other.clock())
    found = await preflight(plan(), scene.fleet)
    assert found.refusal is not None
    assert (found.refusal.kind, "paul@desk is changing" in found.refusal.message) == (ErrorKind.CONFLICT, True)
    scene.clock.now += 120
    found = await preflight(plan(), scene.fleet)
    assert found.refusal is None
    await lease.take(scene.clock())
    await lease.release()
    assert await lease.holder() is None
    await other.close()


async def test_a_cluster_that_cannot_be_read_must_be_left_out_in_words(
    clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    one = Scene(clusters, tmp_path / "north", unread={"north": "north does not answer."})
    with pytest.raises(ActionError) as caught:
        await preflight(plan(), one.fleet)
    assert caught.value.kind is ErrorKind.UNREACHABLE
    found = await preflight(plan(), one.fleet, clusters=("east",))
    assert found.plan.clusters == ("east",)
    assert any(c.cluster == "west" and c.status is CheckStatus.WARNING for c in found.checks)
    await one.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"route": "shop/nope"}, "No cluster has"),
        ({"route": "nope"}, "is not a route"),
        ({"waves": (("south",),)}, "no cluster south"),
        ({"waves": (("east",), ("east",))}, "is in two waves"),
    ],
)
async def test_plans_that_mean_nothing(scene: Scene, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ActionError, match=words) as caught:
        await preflight(plan(**more), scene.fleet)
    assert caught.value.kind is ErrorKind.USAGE


def doubtful(clusters: dict[str, Cluster], *names: str) -> Survey:
    """East and west, of which it is not known whose objects the named ones obey."""
    found = []
    for name in ("east", "west"):
        one = board_cluster(name, clusters[name].inventory())
        answer = Obeyed(cluster=name, servers=(name,))
        if name in names:
            answer = Obeyed(why=f"Which primary {name} obeys is not known: north may serve it.")
        found.append(structs.replace(one, facts=structs.replace(one.facts, group="mesh", obeys=answer)))
    return Survey(found)


async def test_a_cluster_that_obeys_nobody_knows_whom_is_left_out_and_said(
    clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    one = Scene(clusters, tmp_path)
    one.fleet.survey = doubtful(clusters, "west")
    found = await preflight(plan(waves=()), one.fleet)
    assert [target.cluster for target in found.targets] == ["east"]
    (said,) = [check for check in found.checks if (check.cluster, check.name) == ("west", "mesh")]
    assert (said.status, "north may serve it" in said.message) == (CheckStatus.WARNING, True)
    await one.close()


async def test_where_nobody_knows_who_reads_it_a_route_is_written_only_where_that_is_asked_for(
    clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    one = Scene(clusters, tmp_path)
    one.fleet.survey = doubtful(clusters, "east", "west")
    with pytest.raises(ActionError, match="north may serve it") as caught:
        await preflight(plan(waves=()), one.fleet)
    assert (caught.value.kind, "--cluster east" in caught.value.remedy) == (ErrorKind.USAGE, True)
    found = await preflight(plan(waves=()), one.fleet, clusters=("west",))
    assert [target.cluster for target in found.targets] == ["west"]
    assert any("goes by its own objects: Which primary west obeys" in check.message for check in found.checks)
    await one.close()
