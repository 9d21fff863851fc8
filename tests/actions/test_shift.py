"""A shift from preflight to its end, on served clusters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshtop.actions.errors import ActionError, Kind
from meshtop.actions.journal.journal import ActionState, Event
from meshtop.actions.lease import ShiftLease
from meshtop.actions.shift.events import Outcome, ShiftEvent, Sort
from meshtop.actions.shift.plan import Guard, OnLoss, parse_guard, parse_steps
from meshtop.actions.shift.preflight import Mark, owner_check, preflight
from meshtop.actions.shift.preview import preview
from meshtop.actions.shift.recover import find_action, resume, rollback
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.actions.shift.targets import place_of
from meshtop.analysis.canary.owners import route_owner
from meshtop.model.kube import ConfigObject, Manager, Meta, Owner
from meshtop.model.state import State
from meshtop.sources.http.problem import SourceProblem
from tests.actions.mesh import Cluster, FaultyWire, Hurried, Scene, plan, virtual_service

BEFORE = {"east": (80, 20), "west": (80, 20)}
AFTER = {"east": (50, 50), "west": (50, 50)}


def ended(events: list[ShiftEvent]) -> ShiftEvent:
    assert events[-1].sort is Sort.ENDED
    return events[-1]


async def status(code: int) -> httpx.Response:
    body = {"kind": "Status", "message": f"said {code}", "code": code}
    return httpx.Response(code, json=body, request=httpx.Request("PATCH", "http://test"))


def answering(code: int) -> Any:
    async def fault(*_: Any) -> httpx.Response:
        return await status(code)

    return fault


async def silent(*_: Any) -> None:
    raise SourceProblem(State.UNREACHABLE, "the cluster does not answer.")


async def applied_but_silent(
    wire: FaultyWire, method: str, path: str, params: Any, headers: Any, content: bytes | None
) -> None:
    await wire.connection.request(method, path, params=params, headers=headers, content=content)
    raise SourceProblem(State.UNREACHABLE, "the answer was lost.")


async def applied_then_dead(wire: FaultyWire, *request: Any) -> None:
    wire.dead = True
    await applied_but_silent(wire, *request)


@pytest.mark.parametrize(
    ("to", "steps", "expected"),
    [
        ("v2=20", None, ({"v2": 20},)),
        ("v2=20,v3=10", None, ({"v2": 20, "v3": 10},)),
        ("v2", "5,25,50", ({"v2": 5}, {"v2": 25}, {"v2": 50})),
        ("v2=100", "5,25", ({"v2": 5}, {"v2": 25}, {"v2": 100})),
        ("v2=25", "5,25", ({"v2": 5}, {"v2": 25})),
    ],
)
def test_steps(to: str, steps: str | None, expected: tuple[dict[str, int], ...]) -> None:
    assert parse_steps(to, steps) == expected


@pytest.mark.parametrize(
    ("to", "steps"), [("v2", None), ("v2=1,v3=2", "5"), ("v2,v3", "5"), ("v2", "5,x"), ("v2", "101")]
)
def test_steps_that_are_none(to: str, steps: str | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_steps(to, steps)


def test_guards() -> None:
    assert parse_guard("none") == Guard(errors=False, latency=False)
    assert parse_guard("errors") == Guard(errors=True, latency=False)
    with pytest.raises(ValueError, match="no guard"):
        parse_guard("errors,none")


async def test_a_shift_arrives_in_every_cluster(scene: Scene) -> None:
    before = scene.clusters["east"].object
    events = await scene.shift(plan(reason="because"))
    assert ended(events).outcome is Outcome.DONE
    assert scene.weights == AFTER
    confirmed = [e.cluster for e in events if e.sort is Sort.CONFIRMED]
    assert sorted(confirmed) == ["east", "west"]
    after = scene.clusters["east"].object
    for obj in (before, after):
        for route in obj["spec"]["http"][0]["route"]:
            route.pop("weight")
    assert after["spec"] == before["spec"]
    managers = {entry["manager"] for entry in after["metadata"]["managedFields"]}
    assert "meshtop" in managers
    action = find_action(scene.journal, None)
    assert (action.state, action.who, action.reason) == (ActionState.DONE, "maria", "because")
    written = [(e.event, e.cluster) for e in action.entries if e.event is not Event.NOTE]
    assert written == [(e, c) for c in ("east", "west") for e in (Event.INTENDED, Event.DONE)]
    assert [path for wire in scene.wires.values() for method, path in wire.sent if method == "DELETE"]


async def test_a_bad_canary_is_taken_back(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.errors["v2"] = 0.1
    events = await scene.shift(plan())
    assert (ended(events).outcome, ended(events).restored) == (Outcome.GUARD_FAILED, True)
    assert "v2 is worse than v1 in errors" in ended(events).message
    assert scene.weights == BEFORE
    assert find_action(scene.journal, None).state is ActionState.ROLLED_BACK


async def test_bad_in_one_cluster_only_is_seen(scene: Scene) -> None:
    scene.clusters["east"].metrics.rate = 2000.0
    scene.clusters["west"].metrics.rate = 40.0
    scene.clusters["west"].metrics.errors["v2"] = 0.2
    assert ended(await scene.shift(plan())).outcome is Outcome.GUARD_FAILED
    assert scene.weights == BEFORE


async def test_at_all_of_it_the_baseline_is_remembered(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.errors["v2"] = 0.002
    events = await scene.shift(plan(steps=({"v2": 50}, {"v2": 100})))
    assert ended(events).outcome is Outcome.DONE
    verdicts = [e.verdict for e in events if e.sort is Sort.WATCHED and e.step == 2]
    assert verdicts[-1] is not None
    assert verdicts[-1].errors is not None


async def test_a_split_that_does_not_follow_is_taken_back(scene: Scene) -> None:
    scene.clusters["west"].metrics.honest = False
    events = await scene.shift(plan())
    assert ended(events).outcome is Outcome.NOT_FOLLOWED
    assert "west" in ended(events).message
    assert scene.weights == BEFORE


async def test_no_traffic_is_said_and_is_neither_success_nor_failure(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.rate = 0.0
    events = await scene.shift(plan())
    assert ended(events).outcome is Outcome.DONE
    assert all("no traffic" in e.message for e in events if e.sort is Sort.CONFIRMED)
    watched = [e.observed for e in events if e.sort is Sort.WATCHED and e.observed]
    assert all(one.actual == {} for observed in watched for one in observed)


async def test_a_plan_that_cannot_be_judged_is_held_and_can_be_resumed(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.rate = 0.5
    events = await scene.shift(plan(steps=({"v2": 50}, {"v2": 60})))
    assert ended(events).outcome is Outcome.HELD
    assert "Not enough data" in ended(events).message
    assert scene.weights == AFTER
    for cluster in scene.clusters.values():
        cluster.metrics.rate = 500.0
    action = find_action(scene.journal, None)
    runner = resume(action, scene.fleet, scene.journal, controls=Hurried(scene.clock), sleep=scene.clock.sleep)
    events = [event async for event in runner.run()]
    assert ended(events).outcome is Outcome.DONE
    assert scene.weights == {"east": (40, 60), "west": (40, 60)}


@pytest.mark.parametrize(
    ("script", "outcome", "weights"),
    [
        ({2: "abort"}, Outcome.ABORTED, BEFORE),
        ({2: "hold"}, Outcome.HELD, AFTER),
        ({1: "skip", 2: "skip"}, Outcome.DONE, {"east": (0, 100), "west": (0, 100)}),
        ({1: "pause", 40: "go_on"}, Outcome.DONE, {"east": (0, 100), "west": (0, 100)}),
    ],
)
async def test_keys(
    scene: Scene, script: Mapping[int, str], outcome: Outcome, weights: dict[str, tuple[int, int]]
) -> None:
    events = await scene.shift(plan(steps=({"v2": 50}, {"v2": 100})), script)
    assert ended(events).outcome is outcome
    assert scene.weights == weights
    if "pause" in script.values():
        sorts = [e.sort for e in events]
        assert sorts.index(Sort.PAUSED) < sorts.index(Sort.GOES_ON)


async def test_waves_go_one_after_another(scene: Scene) -> None:
    events = await scene.shift(plan(steps=({"v2": 30}, {"v2": 50}), waves=(("west",), ("east",))))
    order = [(e.cluster, e.step) for e in events if e.sort is Sort.SET]
    assert order == [("west", 1), ("west", 2), ("east", 1), ("east", 2)]


async def test_absent_weights_are_restored_as_absent(
    scene: Scene, clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    clusters["east"].put(virtual_service((100, None)))
    other = Scene({"east": clusters["east"]}, tmp_path / "other")
    await other.shift(plan(guard=Guard(errors=False, latency=False)))
    assert list(clusters["east"].weights) == [50, 50]
    action = find_action(other.journal, None)
    events = [e async for e in rollback(action, other.fleet, other.journal, sleep=other.clock.sleep)]
    assert ended(events).outcome is Outcome.ROLLED_BACK
    assert list(clusters["east"].weights) == [100, None]
    await other.close()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (answering(409), Outcome.CONFLICT),
        (answering(422), Outcome.CONFLICT),
        (answering(403), Outcome.REFUSED),
        (answering(500), Outcome.LOST),
        (answering(429), Outcome.LOST),
        (silent, Outcome.LOST),
    ],
)
@pytest.mark.parametrize("on_loss", list(OnLoss))
async def test_faults_in_the_second_cluster(scene: Scene, fault: Any, outcome: Outcome, on_loss: OnLoss) -> None:
    scene.wires["west"].faults.append(("PATCH", fault))
    events = await scene.shift(plan(on_loss=on_loss))
    assert ended(events).outcome is outcome
    assert scene.weights == (BEFORE if on_loss is OnLoss.TAKE_BACK else {"east": (50, 50), "west": (80, 20)})
    state = find_action(scene.journal, None).state
    assert state is (ActionState.ROLLED_BACK if on_loss is OnLoss.TAKE_BACK else ActionState.HELD)


async def test_an_answer_that_is_lost_is_looked_up(scene: Scene) -> None:
    scene.wires["west"].faults.append(("PATCH", applied_but_silent))
    assert ended(await scene.shift(plan())).outcome is Outcome.DONE
    assert scene.weights == AFTER


async def test_a_cluster_that_stays_away_is_written_down_and_taken_back_later(scene: Scene) -> None:
    wire = scene.wires["west"]
    wire.faults.append(("PATCH", applied_then_dead))
    events = await scene.shift(plan())
    assert (ended(events).outcome, ended(events).restored) == (Outcome.LOST, False)
    assert scene.weights == {"east": (80, 20), "west": (50, 50)}
    action = find_action(scene.journal, None)
    assert action.state is ActionState.TAKING_BACK
    assert [e.cluster for e in action.entries if e.event is Event.UNKNOWN] == ["west"]
    with pytest.raises(ActionError, match="rollback finishes that"):
        resume(action, scene.fleet, scene.journal)
    wire.dead = False
    events = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert ended(events).outcome is Outcome.ROLLED_BACK
    assert scene.weights == BEFORE


async def test_somebody_else_s_change_is_never_overwritten(scene: Scene) -> None:
    found = await preflight(plan(), scene.fleet)
    assert found.refusal is None
    scene.clusters["west"].put(virtual_service((60, 40)), manager="argocd-controller")
    runner = ShiftRunner.begin(
        found, scene.fleet, scene.journal, controls=Hurried(scene.clock), sleep=scene.clock.sleep
    )
    events = [event async for event in runner.run()]
    assert ended(events).outcome is Outcome.CONFLICT
    assert "60/40 where 80/20 was expected" in ended(events).message
    assert "argocd-controller wrote it last" in ended(events).message
    assert scene.weights == {"east": (80, 20), "west": (60, 40)}


async def test_rollback_leaves_what_somebody_else_changed(scene: Scene) -> None:
    await scene.shift(plan())
    scene.clusters["west"].put(virtual_service((10, 90)))
    action = find_action(scene.journal, None)
    events = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    assert ended(events).outcome is Outcome.CONFLICT
    assert scene.weights == {"east": (80, 20), "west": (10, 90)}


async def test_rollback_twice_and_unknown_ids(scene: Scene) -> None:
    await scene.shift(plan())
    action = find_action(scene.journal, None)
    _ = [e async for e in rollback(action, scene.fleet, scene.journal, sleep=scene.clock.sleep)]
    with pytest.raises(ActionError, match="rolled back already"):
        _ = [e async for e in rollback(find_action(scene.journal, action.id), scene.fleet, scene.journal)]
    with pytest.raises(ActionError, match="nothing to resume"):
        resume(find_action(scene.journal, action.id), scene.fleet, scene.journal)
    with pytest.raises(ActionError, match="no single action"):
        find_action(scene.journal, "nope")


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
        assert found.refusal.kind is Kind.REFUSED
        assert [sent for wire in one.wires.values() for sent in wire.sent] == []
        await one.close()


async def test_somebody_without_the_right_is_refused(clusters: dict[str, Cluster], tmp_path: Path) -> None:
    one = Scene(clusters, tmp_path / "viewer", user="viewer")
    found = await preflight(plan(), one.fleet)
    assert found.refusal is not None
    assert (found.refusal.kind, "patch virtualservices in shop" in found.refusal.message) == (Kind.REFUSED, True)
    await one.close()


@pytest.mark.parametrize(
    ("metadata", "manager", "override", "kind"),
    [
        ({"ownerReferences": [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "reviews", "uid": "u"}]},
         "flagger", "", Kind.CONFLICT),
        ({"annotations": {"flagger.kubernetes.app/original-configuration": "{}"}}, "x", "flagger owns it", None),
        ({"labels": {"argo-rollouts.argoproj.io/managed-by-rollouts": "reviews"}}, "x", "", Kind.CONFLICT),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}, "x", "", Kind.CONFLICT),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "x", "gitops owns it", None),
        ({}, "argocd-controller", "", Kind.CONFLICT),
        ({}, "kubectl-edit", "", None),
    ],
)  # fmt: skip
def test_owners(
    metadata: dict[str, Any],
    manager: str,
    override: str,
    kind: Kind | None,
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
    assert (check.mark is Mark.REFUSED) is (kind is not None)


async def test_a_version_without_pods_or_subset_gets_no_weight(scene: Scene) -> None:
    found = await preflight(plan(steps=({"v2": 30},)), scene.fleet)
    assert [c.mark for c in found.checks if c.name == "pods"] == [Mark.OK, Mark.OK]
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
        other.fleet.members["east"].api, place_of(surveyed.route), action="theirs", holder="paul@desk", seconds=60
    )
    await lease.take(other.clock())
    found = await preflight(plan(), scene.fleet)
    assert found.refusal is not None
    assert (found.refusal.kind, "paul@desk is changing" in found.refusal.message) == (Kind.CONFLICT, True)
    scene.clock.now += 120
    found = await preflight(plan(), scene.fleet)
    assert found.refusal is None
    await lease.take(scene.clock())
    await lease.release()
    assert await lease.look() is None
    await other.close()


async def test_a_lease_that_is_taken_over_ends_the_shift(
    scene: Scene, clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    other = Scene(clusters, tmp_path / "other")
    place = place_of(other.fleet.survey.surveyed[0].route)
    thief = ShiftLease(other.fleet.members["east"].api, place, action="theirs", holder="paul@desk", seconds=600)

    class Stolen(Hurried):
        async def wait(self, seconds: float) -> None:
            await super().wait(seconds)
            if self.waits == 2:
                self.clock.now += 300
                await thief.take(self.clock())

    found = await preflight(plan(every_seconds=600.0), scene.fleet)
    runner = ShiftRunner.begin(found, scene.fleet, scene.journal, controls=Stolen(scene.clock), sleep=scene.clock.sleep)
    events = [event async for event in runner.run()]
    assert ended(events).outcome is Outcome.CONFLICT
    assert "paul@desk" in ended(events).message
    await other.close()


async def test_a_cluster_that_cannot_be_read_must_be_left_out_in_words(
    clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    one = Scene(clusters, tmp_path / "north", unread={"north": "north does not answer."})
    with pytest.raises(ActionError) as caught:
        await preflight(plan(), one.fleet)
    assert caught.value.kind is Kind.UNREACHABLE
    found = await preflight(plan(), one.fleet, clusters=("east",))
    assert found.plan.clusters == ("east",)
    assert any(c.cluster == "west" and c.mark is Mark.WARNING for c in found.checks)
    await one.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"route": "shop/nope"}, "No cluster has"),
        ({"route": "nope"}, "names no route"),
        ({"waves": (("south",),)}, "no cluster south"),
        ({"waves": (("east",), ("east",))}, "stands in two waves"),
    ],
)
async def test_plans_that_mean_nothing(scene: Scene, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ActionError, match=words) as caught:
        await preflight(plan(**more), scene.fleet)
    assert caught.value.kind is Kind.USAGE
