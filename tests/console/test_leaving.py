"""An old picture is freed a little at a time."""

from __future__ import annotations

import weakref

import pytest

from meshtop.console import leaving
from meshtop.console.leaving import LeavingPicture, parts_of
from meshtop.views.frame.registry import view
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from tests.console.stage import busy_world

ROWS: Key[list[object]] = Key("rows of a test")


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


def test_series_of_a_picture_are_held_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "MANY", 1)
    picture = Picture(busy_world())
    held = {id(part) for part in parts_of(picture)}
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
