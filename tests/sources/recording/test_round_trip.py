"""What is read of a recording is what was written, at every moment and in every order."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from msgspec import Struct, structs

from meshtop.model.canary import RouteCounts
from meshtop.model.changes import KubeEvent, Traces
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.snapshot import Snapshot
from meshtop.model.telemetry import CallCourse, Courses, History, Line, PlaintextDay, Telemetry
from meshtop.sources.recording.recorded import RecordedSnapshots
from meshtop.sources.recording.shapes import (
    COUNT_FIELDS,
    COURSE_FIELDS,
    DAY_FIELDS,
    LINES,
    PARTS,
    TRAFFIC_FIELDS,
    MomentFrame,
    TelemetryFrame,
    TracesFrame,
)
from tests import worlds
from tests.sources.recording.moments import read, story, written


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("whole_every", [1, 3, 40])
def test_every_moment_comes_back(tmp_path: Path, seed: int, whole_every: int) -> None:
    told = story(25, seed)
    assert read(written(tmp_path / "x.rec", told, whole_every=whole_every)) == told


def test_moments_come_in_any_order(tmp_path: Path) -> None:
    told = story(25)
    recording = RecordedSnapshots(written(tmp_path / "x.rec", told))
    order = [*range(25), *range(25)]
    Random(1).shuffle(order)
    for position in order:
        assert recording.snapshot(position) == told[position]
    recording.close()


def test_a_moment_is_the_last_one_not_after(tmp_path: Path) -> None:
    recording = RecordedSnapshots(written(tmp_path / "x.rec", story(4)))
    asked = [recording.position(worlds.AT + seconds) for seconds in (-5, 0, 14.9, 15, 1e9)]
    assert asked == [0, 0, 0, 1, 3]
    recording.close()


def test_a_clock_that_goes_back_hides_nothing(tmp_path: Path) -> None:
    first, second, third = story(3)
    told = [second, third, first]
    assert read(written(tmp_path / "x.rec", told)) == [first, second, third]


def test_what_did_not_change_is_the_identical_object(tmp_path: Path) -> None:
    # Results that are derived from it are kept for as long as it is.
    calm = worlds.world(at=worlds.AT)
    later = worlds.world(*calm.clusters, sequence=2, at=worlds.AT + 15)
    recording = RecordedSnapshots(written(tmp_path / "x.rec", [calm, later]))
    before, after = recording.snapshot(0), recording.snapshot(1)
    assert before.clusters[0].inventory is after.clusters[0].inventory
    assert before.clusters[0].telemetry is after.clusters[0].telemetry
    recording.close()


def test_labels_are_one_object_for_all_moments(tmp_path: Path) -> None:
    told = story(10)
    found = [one.labels for s in read(written(tmp_path / "x.rec", told)) for c in s.clusters if c.telemetry
             for one in c.telemetry.requests]  # fmt: skip
    assert len({id(labels) for labels in found}) == len(set(found))


def test_what_messagepack_cannot_say_is_written_as_near_as_it_can(tmp_path: Path) -> None:
    odd = ConfigObject(group="networking.istio.io", version="v1", kind="EnvoyFilter", meta=worlds.meta("odd", "shop"),
                       spec={"much": 2**70, "half": "\ud800", "fine": 1})  # fmt: skip
    east = worlds.east()
    assert east.inventory is not None
    east.inventory.config["EnvoyFilter"] = (odd,)
    (found,) = read(written(tmp_path / "x.rec", [worlds.world(east)]))
    inventory = found.clusters[0].inventory
    assert inventory is not None
    assert inventory.config["EnvoyFilter"][0].spec == {"much": float(2**70), "half": "?", "fine": 1}


def test_marks_of_changes_that_are_read_anew_cost_only_what_changed(tmp_path: Path) -> None:
    def moments(changing: int) -> list[Snapshot]:
        found = []
        for i in range(12):
            # Made anew each time, as from an answer: none is the same object as before.
            events = tuple(
                KubeEvent(reason="BackOff", kind="Pod", namespace="shop", name=f"pod-{n}", message=f"again {n * n}",
                          last=worlds.AT + (15.0 * i if n < changing else 0.0))
                for n in range(400)
            )  # fmt: skip
            east = worlds.east()
            assert east.inventory is not None
            inventory = structs.replace(east.inventory, traces=Traces(events=events[i % 3 :]) if i != 5 else None)
            east = structs.replace(east, inventory=inventory)
            found.append(worlds.world(east, sequence=i + 1, at=worlds.AT + 15.0 * i))
        return found

    sizes = {}
    for changing in (0, 4, 400):
        told = moments(changing)
        path = written(tmp_path / f"{changing}.rec", told)
        assert read(path) == told
        sizes[changing] = path.stat().st_size
    assert sizes[4] - sizes[0] < (sizes[400] - sizes[0]) / 10


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Traces, set(TracesFrame.__struct_fields__)),
        (Inventory, {*PARTS, "version", "uid", "identity", "config", "config_maps", "kinds", "traces"}),
        (Telemetry, {*TRAFFIC_FIELDS, *TelemetryFrame.__struct_fields__[:6], "control", "plaintext_day"}),
        (PlaintextDay, {*DAY_FIELDS, "at", "span_seconds"}),
        (RouteCounts, {*COUNT_FIELDS, "labels", "since", "at", "identity"}),
        (Courses, {"times", "window_seconds", "calls"}),
        (CallCourse, {*COURSE_FIELDS, "source", "destination", "service"}),
        (History, set(LINES)),
        (Line, {"name", "unit", "times", "values"}),
        (Snapshot, {*MomentFrame.__struct_fields__} - {"whole"}),
    ],
)
def test_no_field_is_forgotten(kind: type[Struct], told: set[str]) -> None:
    """Who gives one of these another field has to say how it is recorded."""
    assert set(kind.__struct_fields__) == told
