"""An old picture is freed a little at a time."""

from __future__ import annotations

import weakref

import pytest
from msgspec import structs

from meshtop.console import leaving
from meshtop.console.leaving import LeavingPicture, parts_of
from meshtop.views.frame.registry import view
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from tests.console.stage import busy_world

ROWS: Key[list[object]] = Key("rows of a test")
INDEX: Key[dict[int, list[Row]]] = Key("an index of a test")
LOOK_UP: Key[object] = Key("what looks into an index of a test")


class Row:
    """Something of which can be seen when it is freed."""


def test_what_only_a_picture_held_is_freed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "AT_ONCE", 10)
    picture = Picture(busy_world())
    alive: weakref.WeakSet[Row] = weakref.WeakSet()

    def rows() -> list[object]:
        made = [Row() for _ in range(95)]
        alive.update(made)
        return [*made]

    view("services").all_items(picture)
    picture.cached(ROWS, rows)
    held = LeavingPicture(picture)
    del picture
    assert len(alive) == 95, "the picture is gone, and its rows are not"
    steps: list[int] = []
    monkeypatch.setattr("time.sleep", lambda _: steps.append(len(alive)))
    held.let_go()
    assert len(alive) == 0
    assert all(before - after <= 10 for before, after in zip([95, *steps], steps, strict=False))


def know_an_index(picture: Picture, alive: weakref.WeakSet[Row]) -> None:
    """Let a picture know an index, and a function that knows it too."""
    index = picture.cached(INDEX, lambda: {number: [Row()] for number in range(95)})
    alive.update(row for rows in index.values() for row in rows)
    picture.cached(LOOK_UP, lambda: index.get)


def test_a_snapshot_does_not_take_its_series_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a function of the picture's take an index of all edges that it knows."""
    monkeypatch.setattr(leaving, "AT_ONCE", 10)
    world = busy_world()
    alive: weakref.WeakSet[Row] = weakref.WeakSet()
    samples = [Row() for _ in range(95)]
    alive.update(samples)
    first, *others = world.clusters
    assert first.telemetry is not None
    telemetry = structs.replace(first.telemetry, requests=tuple(samples))
    picture = Picture(structs.replace(world, clusters=(structs.replace(first, telemetry=telemetry), *others)))
    del first, telemetry, samples

    know_an_index(picture, alive)
    held = LeavingPicture(picture)
    del picture
    assert len(alive) == 190, "the picture is gone, and what it knew is not"
    steps: list[int] = []
    monkeypatch.setattr("time.sleep", lambda _: steps.append(len(alive)))
    held.let_go()
    assert len(alive) == 0
    assert all(before - after <= 10 for before, after in zip([190, *steps], steps, strict=False))


def test_series_of_a_picture_are_held_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "MANY", 1)
    picture = Picture(busy_world())
    held = {id(part) for part in parts_of(picture)[0]}
    samples = [s for c in picture.snapshot.clusters if c.telemetry is not None for s in c.telemetry.requests]
    assert samples
    assert {id(sample) for sample in samples} <= held


def test_the_picture_of_a_small_fleet_goes_at_once() -> None:
    picture = Picture(busy_world())
    gone = weakref.ref(picture)
    held = LeavingPicture(picture)
    del picture
    assert gone() is not None
    held.release()
    assert gone() is None
