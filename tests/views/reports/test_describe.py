"""What clusters say of a thing, in lines: good, sick, denied, hostile; and which object is described for which row."""

from __future__ import annotations

from typing import Any

import pytest

from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.describe import MOST_EVENTS, MOST_PODS, described_lines, described_pages, wanted_description
from meshtop.views.reports.object_report import WantedObject
from tests.console.stage import busy_world

NOW = 1_785_593_400.0  # 2026-08-01T14:10:00Z


def deployment(**status: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": "2026-07-30T14:10:00Z", "generation": 4},
        "spec": {"replicas": 3},
        "status": {"readyReplicas": 2, "updatedReplicas": 3, "observedGeneration": 4, **status},
    }


def pod(name: str, **status: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "creationTimestamp": "2026-08-01T13:10:00Z"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "web:1"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "app", "ready": True, "restartCount": 0}],
            **status,
        },
    }


CRASHING = {
    "containerStatuses": [
        {
            "name": "app", "ready": False, "restartCount": 7,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-08-01T14:05:00Z"}},
        }
    ]
}  # fmt: skip


def event(name: str, minutes: int, **more: Any) -> dict[str, Any]:
    return {"involvedObject": {"kind": "Pod", "name": name}, "lastTimestamp": f"2026-08-01T14:{10 - minutes:02}:00Z",
            "reason": "BackOff", "type": "Warning", "message": "Back-off\nrestarting", "count": 12, **more}  # fmt: skip


def told(
    *trees: dict[str, Any],
    pods: list[dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    pods_error: str | None = None,
    cut_off: bool = False,
) -> list[tuple[str, Tone]]:
    def read(kind: str, found: list[dict[str, Any]] | None, error: str | None = None) -> ShownObject | None:
        if found is None and error is None:
            return None
        return ShownObject(cluster="east", kind=kind, found=tuple(found or ()), error=error)

    described = DescribedObject(
        cluster="east",
        subject=ShownObject(cluster="east", kind="Deployment", found=trees),
        pods=read("Pod", pods, pods_error),
        events=read("Event", events),
        cut_off=cut_off,
    )
    return list(described_lines(described, NOW))


def texts(lines: list[tuple[str, Tone]]) -> str:
    return "\n".join(line for line, _ in lines)


def test_a_deployment_with_a_crashing_pod_tells_why() -> None:
    conditions = [
        {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "not enough",
         "lastTransitionTime": "2026-08-01T14:00:00Z"},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
    ]  # fmt: skip
    lines = told(
        deployment(conditions=conditions),
        pods=[pod("web-ok"), pod("web-bad", **CRASHING)],
        events=[event("web-bad", 2)],
    )
    said = texts(lines)
    assert "age 2d · ready 2/3 · updated 3" in said
    assert ("▲ Available False, 10m  MinimumReplicasUnavailable not enough", Tone.DEGRADED) in lines
    bad = next(number for number, (line, _) in enumerate(lines) if "web-bad " in line)
    good = next(number for number, (line, _) in enumerate(lines) if "web-ok " in line)
    assert bad < good, "those in trouble come first"
    assert lines[bad] == (
        "✗ web-bad  0/1 ready  Running  7 restarts  CrashLoopBackOff (app)  last OOMKilled, exit 137, 5m ago (app)  "
        "on node-1  age 1h",
        Tone.FAILING,
    )
    assert ("▲ 2m ago ×12  BackOff  Pod/web-bad: Back-off restarting", Tone.DEGRADED) in lines
    assert "  web:1  in 2" in said


def test_a_change_that_its_controller_has_not_seen_is_said() -> None:
    assert "has not seen the last change yet (3 of 4)" in texts(told(deployment(observedGeneration=3)))
    assert "has not seen" not in texts(told(deployment()))


@pytest.mark.parametrize(
    ("name", "status", "tone"),
    [
        ("Ready", "True", Tone.PLAIN), ("Ready", "False", Tone.DEGRADED), ("Ready", "Unknown", Tone.UNKNOWN),
        ("MemoryPressure", "True", Tone.DEGRADED), ("MemoryPressure", "False", Tone.PLAIN),
        ("Accepted", "yes", Tone.UNKNOWN),
    ],
)  # fmt: skip
def test_a_condition_is_judged_by_what_it_is(name: str, status: str, tone: Tone) -> None:
    lines = told(deployment(conditions=[{"type": name, "status": status}]))
    assert next(t for line, t in lines if name in line) is tone


def test_what_may_not_be_read_is_said_and_the_rest_is_there() -> None:
    lines = told(deployment(), pods_error="pods of east may not be listed.", events=[])
    assert ("? pods of east may not be listed.", Tone.UNKNOWN) in lines
    assert "ready 2/3" in texts(lines)
    assert "none; a cluster keeps Events for about an hour" in texts(lines)


def test_there_is_an_end_to_pods_and_events() -> None:
    pods = [pod(f"web-{number}") for number in range(MOST_PODS + 5)]
    events = [event(f"web-{number}", number % 10) for number in range(MOST_EVENTS + 7)]
    said = texts(told(deployment(), pods=pods, events=events, cut_off=True))
    assert "and 5 more pods" in said
    assert "and 7 older ones" in said
    assert "EVENTS (OF THE FIRST OF MANY)" in said


def test_a_cluster_is_its_nodes_and_warnings() -> None:
    conditions = [{"type": "Ready", "status": "False", "reason": "KubeletNotReady",
                   "lastTransitionTime": "2026-08-01T14:00:00Z"}]  # fmt: skip
    nodes = (
        {"kind": "Node", "metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        {"kind": "Node", "metadata": {"name": "b"}, "status": {"conditions": conditions}},
        {"kind": "Node", "metadata": {"name": "c"}, "spec": {"unschedulable": True},
         "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
    )  # fmt: skip
    found = DescribedObject(
        cluster="east",
        subject=ShownObject(cluster="east", namespaced=False),
        pods=ShownObject(cluster="east", kind="Node", found=nodes),
        events=ShownObject(cluster="east", kind="Event"),
    )
    lines = list(described_lines(found, NOW))
    assert [line[2:3] for line, _ in lines[1:4]] == ["b", "c", "a"]
    assert lines[1] == ("✗ b  Ready False since 10m: KubeletNotReady  age –", Tone.FAILING)
    assert "cordoned" in lines[2][0]
    assert "no warnings" in texts(lines)


HOSTILE: list[Any] = [None, 3, "\x1b[2Jx", [], {}, [None, 3], {"a": []}, [{"type": None}], {"terminated": 3}]


@pytest.mark.parametrize("odd", HOSTILE)
def test_objects_may_say_what_they_like(odd: Any) -> None:
    fields = ("metadata", "spec", "status")
    inner = ("conditions", "containerStatuses", "replicas", "containers", "ownerReferences", "state", "lastState",
             "creationTimestamp", "name", "message", "involvedObject", "series", "lastTimestamp", "count")  # fmt: skip
    one = {**dict.fromkeys(fields, odd), **dict.fromkeys(inner, odd)}
    two = dict.fromkeys(fields, dict.fromkeys(inner, odd))
    states = dict.fromkeys((*inner, "ready", "restartCount"), odd)
    conditions = dict.fromkeys(("type", "status", "reason", "lastTransitionTime"), odd)
    three = {"status": {"containerStatuses": [states], "conditions": [conditions]}}
    for tree in (one, two, three):
        lines = told(tree, pods=[tree], events=[tree])
        assert "\x1b" not in texts(lines)


def test_clusters_without_the_thing_are_left_out_and_the_row_s_own_comes_first() -> None:
    def one(cluster: str, *found: dict[str, Any], error: str | None = None, unknown: bool = False) -> DescribedObject:
        subject = ShownObject(cluster=cluster, kind="Deployment", found=found, error=error, unknown_kind=unknown)
        return DescribedObject(cluster=cluster, subject=subject)

    read = [one("a", deployment()), one("b"), one("c", error="c did not answer in time."), one("d", deployment()),
            one("e", error="e serves no kind X.", unknown=True)]  # fmt: skip
    assert [name for name, _ in described_pages(read, None, "shop", NOW, "d")] == ["d", "a", "c"]


def test_what_is_described_for_a_row() -> None:
    picture = Picture(busy_world())

    def of(kind: str, name: str) -> WantedObject | None:
        item = next(one for one in view(kind).all_items(picture) if name in view(kind).path(one))
        return wanted_description(picture, kind, item)

    assert of("workloads", "reviews-v1") == WantedObject("Deployment.apps", "shop", "reviews-v1")
    assert of("mtls", "reviews-v1") == WantedObject("Deployment.apps", "shop", "reviews-v1")
    assert of("services", "reviews") == WantedObject("Service", "shop", "reviews")
    assert of("virtualmachines", "ledger-1") == WantedObject("WorkloadEntry", "shop", "ledger-1")
    assert of("clusters", "east") == WantedObject("", "", "east")
    call = view("edges").all_items(picture)[0]
    assert wanted_description(picture, "edges", call) is None
