"""Copying configuration between served clusters: refused, dry-run, applied, lost, taken back."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec import structs

from meshtop.actions.at_hand import identities
from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.events import ActionEvent, ActionOutcome, EventKind
from meshtop.actions.journal.journal import Action, ActionState, EntryKind
from meshtop.actions.lease import ShiftLease
from meshtop.actions.propagate.apply import MANAGER, apply, lease_place, read
from meshtop.actions.propagate.copy import ObjectChange, ObjectCopy, Propagation, plan_copies, run
from meshtop.actions.propagate.objects import ObjectRef, in_order
from meshtop.actions.propagate.undo import undo
from meshtop.demo.kube.resource import Json
from meshtop.model.state import State
from meshtop.sources.problem import SourceProblem
from tests.actions.mesh import NETWORKING, Cluster, FaultyWire, Scene, mesh, virtual_service

ROUTE = ObjectRef(
    kind="VirtualService", group=NETWORKING, version="v1", plural="virtualservices", namespace="shop", name="reviews"
)


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Cluster]]:
    with mesh("east", "west", "north") as found:
        yield found


@pytest.fixture
def three(served: Mapping[str, Cluster]) -> Mapping[str, Cluster]:
    """East has 80/20; west and north 50/50, written by the manager that creates them there."""
    served["east"].reset((80, 20))
    for name in ("west", "north"):
        clear(served[name])
        served[name].reset((50, 50))
    return served


@pytest_asyncio.fixture
async def scene(three: Mapping[str, Cluster], tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(three, tmp_path)
    yield made
    await made.close()


def clear(cluster: Cluster) -> None:
    """Take the route away, and with it who owned its fields."""
    cluster.server.call(lambda: cluster.store.delete(NETWORKING, "VirtualService", "shop", "reviews"))


def wanted(*waves: tuple[str, ...], force: bool = True, refs: tuple[ObjectRef, ...] = (ROUTE,)) -> Propagation:
    return Propagation(
        subject="virtualservice shop/reviews", source="east", waves=waves or (("west",),), refs=refs, force=force
    )


async def go(
    scene: Scene, plan: Propagation, copies: list[ObjectCopy] | None = None
) -> tuple[list[ActionEvent], Action]:
    copies = copies if copies is not None else await plan_copies(plan, scene.fleet)
    said = [one async for one in run(plan, copies, scene.fleet, scene.journal)]
    action = scene.journal.last(kind="propagate")
    assert action is not None
    return said, action


async def back(scene: Scene, action: Action) -> ActionEvent:
    current = scene.journal.action(action.id)
    assert current is not None
    return [one async for one in undo(current, scene.fleet, scene.journal)][-1]


def held(scene: Scene, action: Action) -> bool:
    current = scene.journal.action(action.id)
    return current is not None and current.state is ActionState.HELD


def writes(scene: Scene, cluster: str) -> list[str]:
    """What was sent to write objects; the Lease beside them is none of them."""
    return [method for method, path in scene.wires[cluster].sent if method != "GET" and "/leases" not in path]


async def test_a_copy_is_shown_by_the_server_before_it_is_written(scene: Scene) -> None:
    (copy,) = await plan_copies(wanted(), scene.fleet)
    assert copy.change is ObjectChange.UPDATE
    assert "-      weight: 50" in copy.lines
    assert "+      weight: 80" in copy.lines
    assert scene.clusters["west"].weights == (50, 50)


async def test_it_is_written_journaled_and_taken_back(scene: Scene) -> None:
    said, action = await go(scene, wanted())
    assert [e.kind for e in said] == [EventKind.STARTED, EventKind.WRITTEN, EventKind.ENDED]
    assert {e.action for e in said} == {action.id}
    assert (said[-1].outcome, scene.clusters["west"].weights) == (ActionOutcome.DONE, (80, 20))
    assert [e.event for e in action.entries] == [EntryKind.INTENDED, EntryKind.DONE]
    assert (action.kind, action.who, action.unanswered()) == ("propagate", "maria", ())
    ended = await back(scene, action)
    assert ended.restored
    assert (ended.outcome, scene.clusters["west"].weights) == (ActionOutcome.ROLLED_BACK, (50, 50))
    again = await back(scene, action)
    assert (again.outcome, scene.clusters["west"].weights) == (ActionOutcome.ROLLED_BACK, (50, 50))


async def test_what_is_not_there_is_created_and_deleted_again(scene: Scene) -> None:
    clear(scene.clusters["west"])
    (copy,) = await plan_copies(wanted(), scene.fleet)
    assert copy.change is ObjectChange.CREATE
    _, action = await go(scene, wanted(), [copy])
    assert scene.clusters["west"].weights == (80, 20)
    await back(scene, action)
    api = scene.fleet.members["west"].api
    assert await read(api, ROUTE) is None


async def test_what_is_the_same_already_is_not_written(scene: Scene) -> None:
    scene.clusters["west"].reset((80, 20))
    (copy,) = await plan_copies(wanted(), scene.fleet)
    assert (copy.change, copy.lines) == (ObjectChange.NONE, ())
    before = scene.clusters["west"].object["metadata"]["resourceVersion"]
    await go(scene, wanted(), [copy])
    assert scene.clusters["west"].object["metadata"]["resourceVersion"] == before


async def test_a_field_of_another_manager_is_not_taken(scene: Scene) -> None:
    with pytest.raises(ActionError, match="conflict with") as caught:
        await plan_copies(wanted(force=False), scene.fleet)
    assert caught.value.kind is ErrorKind.CONFLICT
    assert "--force" in caught.value.remedy
    assert scene.clusters["west"].weights == (50, 50)


async def test_read_only_and_the_policy_refuse_before_anything_is_sent(
    three: Mapping[str, Cluster], tmp_path: Path
) -> None:
    asked: list[tuple[str, str, str]] = []

    def policy(right: str, cluster: str, namespace: str) -> str | None:
        asked.append((right, cluster, namespace))
        return "maria may not"

    for more in ({"read_only": ("west",)}, {"policy": policy}):
        scene = Scene(three, tmp_path, **more)
        with pytest.raises(ActionError) as caught:
            await plan_copies(wanted(), scene.fleet)
        assert caught.value.kind is ErrorKind.REFUSED
        assert not any(wire.sent for wire in scene.wires.values())
        await scene.close()
    assert asked == [("propagate", "west", "shop")]


async def test_who_may_not_patch_is_refused(three: Mapping[str, Cluster], tmp_path: Path) -> None:
    scene = Scene(three, tmp_path, user="viewer")
    with pytest.raises(ActionError) as caught:
        await plan_copies(wanted(), scene.fleet)
    assert caught.value.kind is ErrorKind.REFUSED
    await scene.close()


@pytest.mark.parametrize(
    ("plan", "match"),
    [
        (wanted(("east",)), "is the source"),
        (wanted(("nowhere",)), "no cluster nowhere"),
        (wanted(refs=()), "nothing of"),
        (Propagation(subject="x", source="east", waves=(), refs=(ROUTE,)), "--to"),
    ],
)
async def test_what_makes_no_sense_is_said(scene: Scene, plan: Propagation, match: str) -> None:
    with pytest.raises(ActionError, match=match) as caught:
        await plan_copies(plan, scene.fleet)
    assert caught.value.kind is ErrorKind.USAGE


async def lose_before(wire: FaultyWire, *request: Any) -> None:
    raise SourceProblem(State.UNREACHABLE, "the line broke.")


async def lose_after(wire: FaultyWire, method: str, path: str, params: Any, headers: Any, content: Any) -> None:
    await wire.connection.request(method, path, params=params, headers=headers, content=content)
    raise SourceProblem(State.UNREACHABLE, "the line broke.")


async def test_an_answer_that_was_lost_after_it_took_effect_counts(scene: Scene) -> None:
    scene.wires["west"].faults.append(("PATCH", lose_after))
    said, action = await go(scene, wanted())
    assert (said[-1].outcome, scene.clusters["west"].weights) == (ActionOutcome.DONE, (80, 20))
    assert not action.unanswered()


async def test_when_one_cluster_fails_the_waves_before_are_taken_back(scene: Scene) -> None:
    scene.wires["north"].faults.append(("PATCH", lose_before))
    said, action = await go(scene, wanted(("west",), ("north",)))
    assert any("west: VirtualService shop/reviews changed" in one.message for one in said)
    assert (said[-1].outcome, said[-1].restored) == (ActionOutcome.LOST, True)
    assert said[-1].error is not None
    assert said[-1].error.kind is ErrorKind.UNREACHABLE
    assert [scene.clusters[name].weights for name in ("west", "north")] == [(50, 50), (50, 50)]
    assert action.state is ActionState.ROLLED_BACK


async def test_a_later_wave_is_not_touched_when_an_earlier_one_fails(scene: Scene) -> None:
    plan = wanted(("west",), ("north",))
    copies = await plan_copies(plan, scene.fleet)
    count = len(writes(scene, "north"))
    scene.wires["west"].faults.append(("PATCH", lose_before))
    await go(scene, plan, copies)
    assert len(writes(scene, "north")) == count


async def test_what_changed_since_the_diff_is_not_overwritten(scene: Scene) -> None:
    copies = await plan_copies(wanted(), scene.fleet)
    scene.clusters["west"].reset((10, 90))
    said, _ = await go(scene, wanted(), copies)
    assert said[-1].error is not None
    assert said[-1].error.kind is ErrorKind.CONFLICT
    assert scene.clusters["west"].weights == (10, 90)


async def test_a_route_that_somebody_shifts_is_not_copied_over(scene: Scene) -> None:
    where = lease_place("west", ROUTE)
    lease = ShiftLease(scene.fleet.members["west"].api, where, action="theirs", holder="paul@desk", seconds=60)
    await lease.take(scene.clock())
    with pytest.raises(ActionError, match="paul@desk is changing VirtualService shop/reviews in west") as caught:
        await go(scene, wanted())
    assert caught.value.kind is ErrorKind.CONFLICT
    assert scene.clusters["west"].weights == (50, 50)
    action = scene.journal.last(kind="propagate")
    assert action is not None
    assert action.state is ActionState.FAILED
    await lease.release()
    _, action = await go(scene, wanted())
    assert action.state is ActionState.DONE
    assert await lease.holder() is None


async def test_what_somebody_changed_since_is_left_alone(scene: Scene) -> None:
    _, action = await go(scene, wanted(("west", "north")))
    scene.clusters["west"].reset((10, 90))
    ended = await back(scene, action)
    assert (ended.outcome, ended.restored, held(scene, action)) == (ActionOutcome.CONFLICT, False, True)
    assert ended.error is not None
    assert ended.error.kind is ErrorKind.CONFLICT
    assert [scene.clusters[name].weights for name in ("west", "north")] == [(10, 90), (50, 50)]


async def test_a_cluster_that_is_gone_holds_the_action_until_it_is_back(scene: Scene) -> None:
    _, action = await go(scene, wanted(("west", "north")))
    scene.wires["west"].dead = True
    ended = await back(scene, action)
    assert (ended.outcome, ended.error and ended.error.kind) == (ActionOutcome.LOST, ErrorKind.UNREACHABLE)
    assert held(scene, action)
    assert scene.clusters["north"].weights == (50, 50)
    scene.wires["west"].dead = False
    assert (await back(scene, action)).outcome is ActionOutcome.ROLLED_BACK
    assert scene.clusters["west"].weights == (50, 50)


@pytest.mark.parametrize("took_effect", [True, False])
async def test_what_a_kill_left_in_doubt_is_read_from_the_cluster(scene: Scene, took_effect: bool) -> None:
    (copy,) = await plan_copies(wanted(), scene.fleet)
    which = await identities(scene.fleet, ["west"])
    action = scene.journal.begin(kind="propagate", who="m", origin="o", reason="", subject="s", plan={}, clusters=which)
    thing = {name: getattr(ROUTE, name) for name in ObjectRef.__struct_fields__}
    detail = {"thing": thing, "before": copy.before, "wanted": copy.body}
    scene.journal.write(action.id, EntryKind.INTENDED, cluster="west", object_=ROUTE.title, **detail)
    if took_effect:
        await apply(scene.fleet.members["west"].api, ROUTE, copy.body, copy.before, force=True)
        assert scene.clusters["west"].weights == (80, 20)
    assert (await back(scene, action)).outcome is ActionOutcome.ROLLED_BACK
    assert scene.clusters["west"].weights == (50, 50)


NEW = ObjectRef(kind="Namespace", group="", version="v1", plural="namespaces", namespace="", name="fresh")


async def test_a_namespace_and_what_is_in_it_go_in_order_and_a_namespace_is_never_deleted(scene: Scene) -> None:
    inside = ObjectRef(kind="VirtualService", group=NETWORKING, version="v1", plural="virtualservices",
                   namespace="fresh", name="reviews")  # fmt: skip
    east = scene.clusters["east"]
    east.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}})
    route: Json = {**east.object, "metadata": {"name": "reviews", "namespace": "fresh"}}
    east.put(route)
    plan = wanted(refs=tuple(in_order([inside, NEW])))
    copies = await plan_copies(plan, scene.fleet)
    assert [(c.ref.kind, c.change, c.unchecked) for c in copies] == [
        ("Namespace", ObjectChange.CREATE, False),
        ("VirtualService", ObjectChange.CREATE, True),
    ]
    _, action = await go(scene, plan, copies)
    api = scene.fleet.members["west"].api
    assert await read(api, inside) is not None
    ended = await back(scene, action)
    assert (ended.outcome, held(scene, action)) == (ActionOutcome.CONFLICT, True)
    assert await read(api, inside) is None
    assert await read(api, NEW) is not None


def test_the_writer_has_a_name_of_its_own() -> None:
    # Weights are patched as `meshtop`; what is applied here must not take them for its own.
    assert MANAGER != "meshtop"


async def test_a_copy_is_not_taken_back_in_another_cluster_of_the_name(
    three: Mapping[str, Cluster], tmp_path: Path
) -> None:
    first = Scene({name: three[name] for name in ("east", "west")}, tmp_path)
    clear(three["west"])
    _, action = await go(first, wanted())
    other = Scene({"west": Cluster("west", three["north"].store, three["north"].server)}, tmp_path)
    with pytest.raises(ActionError, match="is not here") as caught:
        await back(other, action)
    assert caught.value.kind is ErrorKind.CONFLICT
    assert (writes(other, "west"), three["north"].weights) == ([], (50, 50))
    renamed = Scene({"elsewhere": Cluster("elsewhere", three["west"].store, three["west"].server)}, tmp_path)
    assert (await back(renamed, action)).restored
    assert await read(renamed.fleet.members["elsewhere"].api, ROUTE) is None
    for scene in (first, other, renamed):
        await scene.close()


async def test_what_was_created_again_is_not_deleted(scene: Scene) -> None:
    clear(scene.clusters["west"])
    _, action = await go(scene, wanted())
    clear(scene.clusters["west"])
    scene.clusters["west"].reset((80, 20))
    ended = await back(scene, action)
    assert (ended.outcome, ended.restored) == (ActionOutcome.CONFLICT, False)
    assert scene.clusters["west"].weights == (80, 20)


async def apply_as(scene: Scene, manager: str, first: int, *, force: bool = False) -> None:
    """A server-side apply of the route's weights by somebody."""
    obj = virtual_service((first, 100 - first))
    await scene.fleet.members["west"].api.send(
        "PATCH",
        ROUTE.path,
        what="apply",
        body=obj,
        headers={"Content-Type": "application/apply-patch+yaml"},
        params={"fieldManager": manager, "force": "true" if force else "false"},
    )


def managers(scene: Scene) -> list[Json]:
    found = scene.clusters["west"].object["metadata"]["managedFields"]
    return [{key: value for key, value in one.items() if key != "time"} for one in found]


async def test_fields_that_were_taken_over_belong_to_their_owner_again(scene: Scene) -> None:
    await apply_as(scene, "team", 30, force=True)
    before = managers(scene)
    _, action = await go(scene, wanted())
    assert any(one["manager"] == MANAGER for one in managers(scene))
    assert (await back(scene, action)).outcome is ActionOutcome.ROLLED_BACK
    assert scene.clusters["west"].weights == (30, 70)
    assert managers(scene) == before
    await apply_as(scene, "team", 35)
    assert scene.clusters["west"].weights == (35, 65)


async def test_ownership_is_given_back_over_a_write_in_between(scene: Scene) -> None:
    await apply_as(scene, "team", 30, force=True)
    _, action = await go(scene, wanted())

    async def overtaken(*_: object) -> None:
        obj = copy.deepcopy(scene.clusters["west"].object)
        del obj["metadata"]["managedFields"]
        obj["metadata"].setdefault("annotations", {})["meta.helm.sh/x"] = "y"
        scene.clusters["west"].put(obj, manager="tool")

    scene.wires["west"].faults.append(("PATCH", overtaken))
    assert (await back(scene, action)).outcome is ActionOutcome.ROLLED_BACK
    names = [one["manager"] for one in managers(scene)]
    assert ("tool" in names, "team" in names, MANAGER in names) == (True, True, False)
    await apply_as(scene, "team", 35)


@pytest.mark.parametrize(
    ("marks", "owner"),
    [
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD shop"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}, "Argo CD shop"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux shop"),
        ({"labels": {"helm.toolkit.fluxcd.io/namespace": "shop"}}, "Flux"),
        ({"labels": {"kubefed.io/managed": "true"}}, "KubeFed"),
        ({"annotations": {"work.karmada.io/name": "reviews"}}, "Karmada"),
        ({"ownerReferences": [{"kind": "AppliedManifestWork", "name": "w", "uid": "1", "apiVersion": "x/v1"}]},
         "Open Cluster Management"),
    ],
)  # fmt: skip
async def test_what_a_controller_owns_is_refused_unless_it_is_named(
    scene: Scene, marks: dict[str, Any], owner: str
) -> None:
    clear(scene.clusters["west"])
    scene.clusters["west"].put(virtual_service((50, 50), **marks), manager="kubectl-create")
    with pytest.raises(ActionError, match=f"{owner} owns VirtualService shop/reviews in west") as caught:
        await plan_copies(wanted(), scene.fleet)
    assert caught.value.kind is ErrorKind.CONFLICT
    with pytest.raises(ActionError, match="owns"):
        await plan_copies(structs.replace(wanted(), override="somebody owns it"), scene.fleet)
    (copy,) = await plan_copies(structs.replace(wanted(), override=f"{owner} owns it"), scene.fleet)
    assert copy.change is ObjectChange.UPDATE
