"""A shift from its first weight to its end, on served clusters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from meshtop.actions.events import ActionOutcome, EventKind
from meshtop.actions.journal.journal import ActionState, EntryKind
from meshtop.actions.lease import ShiftLease
from meshtop.actions.shift.plan import Guard, OnLoss
from meshtop.actions.shift.preflight import preflight
from meshtop.actions.shift.recover import find_action, resume
from meshtop.actions.shift.runner import ShiftRunner
from meshtop.actions.shift.targets import route_object
from meshtop.model.state import State
from meshtop.model.telemetry import Sample
from meshtop.sources.problem import SourceProblem
from tests.actions.faults import answering, applied_but_silent, not_accepted, not_logged_in, silent
from tests.actions.mesh import QUICK, Cluster, FakeMetrics, Hurried, Scene, plan, virtual_service, window_seconds
from tests.actions.shift.telling import AFTER, BEFORE, ended


async def test_a_shift_arrives_in_every_cluster(scene: Scene) -> None:
    before = scene.clusters["east"].object
    events = await scene.shift(plan(reason="because"))
    assert ended(events).outcome is ActionOutcome.DONE
    assert scene.weights == AFTER
    confirmed = [e.cluster for e in events if e.kind is EventKind.CONFIRMED]
    assert sorted(confirmed) == ["east", "west"]
    reports = [e.message for e in events if e.kind is EventKind.NOTE and e.message.startswith("Guard: ")]
    assert len(reports) == 1, "each step ends with what the guard made of it"
    assert "v2 is not worse than v1" in reports[0]
    assert "; worse from " in reports[0], "and how much it would have taken to take it back"
    after = scene.clusters["east"].object
    for obj in (before, after):
        for route in obj["spec"]["http"][0]["route"]:
            route.pop("weight")
    assert after["spec"] == before["spec"]
    managers = {entry["manager"] for entry in after["metadata"]["managedFields"]}
    assert "meshtop" in managers
    action = find_action(scene.journal, None)
    assert (action.state, action.who, action.reason) == (ActionState.DONE, "maria", "because")
    written = [(e.event, e.cluster) for e in action.entries if e.event is not EntryKind.NOTE]
    assert written == [(e, c) for c in ("east", "west") for e in (EntryKind.INTENDED, EntryKind.DONE)]
    assert [path for wire in scene.wires.values() for method, path in wire.sent if method == "DELETE"]


async def test_a_bad_canary_is_taken_back(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.errors["v2"] = 0.1
    events = await scene.shift(plan())
    assert (ended(events).outcome, ended(events).restored) == (ActionOutcome.GUARD_FAILED, True)
    message = ended(events).message
    assert "v2 is worse than v1, certain: " in message
    assert "errors 600 of 6,000 against 12 of 6,000; worse from " in message
    assert scene.weights == BEFORE
    assert find_action(scene.journal, None).state is ActionState.ROLLED_BACK


async def test_bad_in_one_cluster_only_is_seen(scene: Scene) -> None:
    scene.clusters["east"].metrics.rate = 2000.0
    scene.clusters["west"].metrics.rate = 40.0
    scene.clusters["west"].metrics.errors["v2"] = 0.2
    events = await scene.shift(plan())
    assert ended(events).outcome is ActionOutcome.GUARD_FAILED
    assert "v2 is worse than v1 in west, certain" in ended(events).message
    assert scene.weights == BEFORE


async def test_at_all_of_it_the_baseline_is_remembered(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.errors["v2"] = 0.002
    events = await scene.shift(plan(steps=({"v2": 50}, {"v2": 100})))
    assert ended(events).outcome is ActionOutcome.DONE
    verdicts = [e.verdict for e in events if e.kind is EventKind.OBSERVED and e.step == 2]
    assert verdicts[-1] is not None
    assert verdicts[-1].errors is not None


async def test_a_split_that_does_not_follow_is_taken_back(scene: Scene) -> None:
    scene.clusters["west"].metrics.honest = False
    events = await scene.shift(plan())
    assert ended(events).outcome is ActionOutcome.NOT_FOLLOWED
    assert "west" in ended(events).message
    assert scene.weights == BEFORE


async def test_no_traffic_is_said_and_is_neither_success_nor_failure(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.rate = 0.0
    events = await scene.shift(plan())
    assert ended(events).outcome is ActionOutcome.DONE
    assert all("no traffic" in e.message for e in events if e.kind is EventKind.CONFIRMED)
    watched = [e.observed for e in events if e.kind is EventKind.OBSERVED and e.observed]
    assert all(one.actual == {} for observed in watched for one in observed)


async def test_a_plan_that_cannot_be_judged_is_held_and_can_be_resumed(scene: Scene) -> None:
    for cluster in scene.clusters.values():
        cluster.metrics.rate = 0.5
    events = await scene.shift(plan(steps=({"v2": 50}, {"v2": 60})))
    assert ended(events).outcome is ActionOutcome.HELD
    assert "too little traffic yet to compare v2 with v1, about" in ended(events).message
    assert scene.weights == AFTER
    for cluster in scene.clusters.values():
        cluster.metrics.rate = 500.0
    action = find_action(scene.journal, None)
    runner = await resume(action, scene.fleet, scene.journal, controls=Hurried(scene.clock), sleep=scene.clock.sleep)
    events = [event async for event in runner.run()]
    assert ended(events).outcome is ActionOutcome.DONE
    assert scene.weights == {"east": (40, 60), "west": (40, 60)}


@pytest.mark.parametrize(
    ("script", "outcome", "weights"),
    [
        ({2: "abort"}, ActionOutcome.ABORTED, BEFORE),
        ({2: "hold"}, ActionOutcome.HELD, AFTER),
        ({1: "skip", 2: "skip"}, ActionOutcome.DONE, {"east": (0, 100), "west": (0, 100)}),
        ({1: "pause", 40: "resume"}, ActionOutcome.DONE, {"east": (0, 100), "west": (0, 100)}),
    ],
)
async def test_keys(
    scene: Scene, script: Mapping[int, str], outcome: ActionOutcome, weights: dict[str, tuple[int, int]]
) -> None:
    events = await scene.shift(plan(steps=({"v2": 50}, {"v2": 100})), script)
    assert ended(events).outcome is outcome
    assert scene.weights == weights
    if "pause" in script.values():
        sorts = [e.kind for e in events]
        assert sorts.index(EventKind.PAUSED) < sorts.index(EventKind.RESUMED)


async def test_waves_go_one_after_another(scene: Scene) -> None:
    events = await scene.shift(plan(steps=({"v2": 30}, {"v2": 50}), waves=(("west",), ("east",))))
    order = [(e.cluster, e.step) for e in events if e.kind is EventKind.WRITTEN]
    assert order == [("west", 1), ("west", 2), ("east", 1), ("east", 2)]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (answering(409), ActionOutcome.CONFLICT),
        (answering(422), ActionOutcome.REFUSED),
        (answering(403), ActionOutcome.REFUSED),
        (answering(500), ActionOutcome.LOST),
        (answering(429), ActionOutcome.LOST),
        (silent, ActionOutcome.LOST),
        (not_logged_in, ActionOutcome.LOST),
        (not_accepted, ActionOutcome.REFUSED),
    ],
)
@pytest.mark.parametrize("on_loss", list(OnLoss))
async def test_faults_in_the_second_cluster(scene: Scene, fault: Any, outcome: ActionOutcome, on_loss: OnLoss) -> None:
    scene.wires["west"].faults.append(("PATCH", fault))
    events = await scene.shift(plan(on_loss=on_loss))
    assert ended(events).outcome is outcome
    assert scene.weights == (BEFORE if on_loss is OnLoss.TAKE_BACK else {"east": (50, 50), "west": (80, 20)})
    state = find_action(scene.journal, None).state
    assert state is (ActionState.ROLLED_BACK if on_loss is OnLoss.TAKE_BACK else ActionState.HELD)


POLICY = "ValidatingAdmissionPolicy 'freeze' with binding 'all' denied request: no weights on a Friday"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (422, f'virtualservices "reviews" is forbidden: {POLICY}'),
        (403, f'virtualservices "reviews" is forbidden: {POLICY}'),
        (403, 'admission webhook "freeze.shop" denied the request: no weights on a Friday'),
        (400, 'admission webhook "freeze.shop" denied the request: no weights on a Friday'),
        (409, 'admission webhook "freeze.shop" denied the request: no weights on a Friday'),
        (422, 'VirtualService "reviews" is invalid: spec.http: no weights on a Friday'),
        (422, "no weights on a Friday"),
    ],
)
async def test_what_admission_denies_is_refused_in_its_own_words(scene: Scene, code: int, message: str) -> None:
    async def denies(*_: Any) -> httpx.Response:
        body = {"kind": "Status", "message": message, "code": code}
        return httpx.Response(code, json=body, request=httpx.Request("PATCH", "http://test"))

    scene.wires["west"].faults.append(("PATCH", denies))
    last = ended(await scene.shift(plan()))
    assert last.outcome is ActionOutcome.REFUSED
    assert "no weights on a Friday" in last.message
    assert "was changed" not in last.message


async def test_a_failed_test_is_somebody_s_change(scene: Scene) -> None:
    async def overtaken(*_: Any) -> None:
        scene.clusters["west"].put(virtual_service((60, 40)))

    scene.wires["west"].faults.append(("PATCH", overtaken))
    last = ended(await scene.shift(plan()))
    assert last.outcome is ActionOutcome.CONFLICT
    assert "60/40 where 80/20 was expected" in last.message


async def test_an_answer_that_is_lost_is_looked_up(scene: Scene) -> None:
    scene.wires["west"].faults.append(("PATCH", applied_but_silent))
    assert ended(await scene.shift(plan())).outcome is ActionOutcome.DONE
    assert scene.weights == AFTER


async def test_somebody_else_s_change_is_never_overwritten(scene: Scene) -> None:
    found = await preflight(plan(), scene.fleet)
    assert found.refusal is None
    scene.clusters["west"].put(virtual_service((60, 40)), manager="argocd-controller")
    runner = ShiftRunner.begin(
        found, scene.fleet, scene.journal, controls=Hurried(scene.clock), sleep=scene.clock.sleep
    )
    events = [event async for event in runner.run()]
    assert ended(events).outcome is ActionOutcome.CONFLICT
    assert "60/40 where 80/20 was expected" in ended(events).message
    assert "argocd-controller wrote it last" in ended(events).message
    assert scene.weights == {"east": (80, 20), "west": (60, 40)}


async def test_a_lease_that_is_taken_over_ends_the_shift(
    scene: Scene, clusters: dict[str, Cluster], tmp_path: Path
) -> None:
    other = Scene(clusters, tmp_path / "other")
    place = route_object(other.fleet.survey.surveyed[0].route)
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
    assert ended(events).outcome is ActionOutcome.CONFLICT
    assert "paul@desk" in ended(events).message
    await other.close()


class Pushing(FakeMetrics):
    """Until a push has reached every proxy, half of what is sent to v2 fails: old proxies know no such subset."""

    def __init__(self, cluster: Cluster, pushed_at: float) -> None:
        super().__init__(cluster.name, cluster.store)
        self.pushed_at = pushed_at

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        seconds = window_seconds(expression)
        assert at is not None
        pushing = min(seconds, max(0.0, self.pushed_at - (at - seconds)))
        self.errors["v2"] = (0.5 * pushing + 0.002 * (seconds - pushing)) / seconds
        return await super().samples(expression, at=at)


@pytest.mark.parametrize(("settle", "outcome"), [(30.0, ActionOutcome.DONE), (0.0, ActionOutcome.GUARD_FAILED)])
async def test_what_happens_until_the_push_has_settled_is_not_the_canary_s_fault(
    scene: Scene, settle: float, outcome: ActionOutcome
) -> None:
    for name, cluster in scene.clusters.items():
        scene.fleet.members[name].metrics = Pushing(cluster, scene.clock.now + 25.0)
    events = await scene.shift(plan(pace=structs.replace(QUICK, settle=settle)))
    assert ended(events).outcome is outcome


async def test_requests_from_before_the_weights_had_settled_are_never_counted(scene: Scene) -> None:
    begins: list[float] = []

    class Noting(FakeMetrics):
        async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
            assert at is not None
            # The look before the step asks only whether there is any telemetry.
            if at > scene.clock.began:
                begins.append(at - window_seconds(expression))
            return await super().samples(expression, at=at)

    for name, cluster in scene.clusters.items():
        scene.fleet.members[name].metrics = Noting(name, cluster.store)
    events = await scene.shift(plan(pace=structs.replace(QUICK, settle=20.0), guard=Guard(latency=False)))
    assert ended(events).outcome is ActionOutcome.DONE
    action = find_action(scene.journal, None)
    assert begins
    # One step: it was written in no time at all, at the moment at which the shift began.
    assert min(begins) >= scene.clock.began + 20.0 - 0.5, "a window's length is whole seconds"
    assert action.state is ActionState.DONE


async def test_everything_is_taken_back_the_last_one_changed_first(scene: Scene) -> None:
    events = await scene.shift(plan(waves=(("east",), ("west",))), {1: "skip", 3: "abort"})
    assert ended(events).outcome is ActionOutcome.ABORTED
    changed = [e.cluster for e in events if e.kind is EventKind.WRITTEN]
    restored = [e.cluster for e in events if e.kind is EventKind.RESTORED]
    assert (changed, restored) == (["east", "west"], ["west", "east"])
    patches = [(e.cluster, e.detail["to"]) for e in find_action(scene.journal, None).entries if e.event == "intended"]
    assert patches == [("east", [50, 50]), ("west", [50, 50]), ("west", [80, 20]), ("east", [80, 20])]


class Nowhere(FakeMetrics):
    """No Prometheus was found in the cluster."""

    state = State.NONE

    async def samples(self, expression: str, *, at: float | None = None) -> tuple[Sample, ...]:
        raise SourceProblem(self.state, "No Prometheus was found.")


@pytest.mark.parametrize("metrics", [None, Nowhere])
async def test_without_a_prometheus_it_is_said_once_and_the_plan_goes_on(
    scene: Scene, metrics: type[FakeMetrics] | None
) -> None:
    for name, cluster in scene.clusters.items():
        scene.fleet.members[name].metrics = None if metrics is None else metrics(name, cluster.store)
    steps = ({"v2": 30}, {"v2": 40}, {"v2": 50})
    events = await scene.shift(plan(steps=steps, every_seconds=20.0, guard=Guard(errors=False, latency=False)))
    assert ended(events).outcome is ActionOutcome.DONE
    assert [e.message for e in events if e.kind is EventKind.NOTE] == [
        "No Prometheus for east, west: no split can be confirmed."
    ]
    assert [e.kind for e in events].count(EventKind.OBSERVED) == len(steps)
    assert scene.clock.now - scene.clock.began == 60.0, "each step lasts as the plan says"
    assert scene.weights == AFTER


async def test_a_guard_without_a_prometheus_asks_after_the_step(scene: Scene) -> None:
    for member in scene.fleet.members.values():
        member.metrics = None
    events = await scene.shift(plan(steps=({"v2": 30}, {"v2": 50}), every_seconds=20.0))
    assert ended(events).outcome is ActionOutcome.HELD
    assert scene.clock.now - scene.clock.began == 20.0


async def test_a_prometheus_that_fails_is_waited_for_and_ends_no_shift(scene: Scene) -> None:
    class Down(Nowhere):
        state = State.UNREACHABLE

    for name, cluster in scene.clusters.items():
        scene.fleet.members[name].metrics = Down(name, cluster.store)
    events = await scene.shift(plan(every_seconds=20.0, guard=Guard(errors=False, latency=False)))
    assert ended(events).outcome is ActionOutcome.DONE
    assert scene.clock.now - scene.clock.began >= QUICK.patience
    assert [e.message for e in events if e.kind is EventKind.CONFIRMED] == [
        f"{name}: telemetry is incomplete, split not confirmed." for name in ("east", "west")
    ]


async def test_a_login_that_fails_before_the_write_leaves_no_doubt_and_after_it_does(scene: Scene) -> None:
    scene.wires["west"].faults.append(("PATCH", not_logged_in))
    await scene.shift(plan(on_loss=OnLoss.HOLD))
    kinds = [entry.event for entry in find_action(scene.journal, None).entries]
    assert EntryKind.UNKNOWN not in kinds
    assert EntryKind.REFUSED in kinds


async def test_nobody_may_look_after_a_lost_answer_so_the_outcome_is_unknown(scene: Scene) -> None:
    scene.wires["west"].faults += [("PATCH", applied_but_silent), ("GET", not_logged_in)]
    last = ended(await scene.shift(plan(on_loss=OnLoss.HOLD)))
    assert last.outcome is ActionOutcome.LOST
    kinds = [entry.event for entry in find_action(scene.journal, None).entries]
    assert EntryKind.UNKNOWN in kinds
