"""Answers are kept exactly as long as the objects they were made from."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import structs

from meshtop.model.snapshot import Snapshot
from meshtop.views.picture.memory import Memory
from meshtop.views.picture.picture import Picture
from tests import worlds


def test_the_same_objects_give_the_same_answer_without_making_it_again() -> None:
    memory, made = Memory(), []
    inputs = (object(), object())

    def make() -> object:
        made.append(1)
        return object()

    first = memory.same("edges", inputs, make)
    assert memory.same("edges", inputs, make) is first
    assert len(made) == 1


def test_another_object_that_is_equal_is_another_one() -> None:
    memory = Memory()
    one, other = [1], [1]
    first = memory.same("edges", (one,), object)
    assert memory.same("edges", (other,), object) is not first
    assert memory.same("edges", (one,), object) is not first, "only the latest answer is kept"


def test_more_or_fewer_inputs_are_other_inputs() -> None:
    memory, one = Memory(), object()
    first = memory.same("edges", (one,), object)
    second = memory.same("edges", (one, one), object)
    assert second is not first
    assert memory.same("edges", (), object) is not second


def test_names_do_not_mix() -> None:
    memory, one = Memory(), object()
    assert memory.same("edges", (one,), object) is not memory.same("facts", (one,), object)


def test_what_else_an_answer_follows_from_is_compared_by_value() -> None:
    memory, one = Memory(), object()
    first = memory.same("edges", (one,), object, also=("synced", 1))
    assert memory.same("edges", (one,), object, also=("synced", 1)) is first
    assert memory.same("edges", (one,), object, also=("synced", 2)) is not first


def test_comparisons_of_configuration_are_made_again_when_an_inventory_changes_and_only_then() -> None:
    memory, calls = Memory(), []

    def made(snapshot: Snapshot, also: Hashable = ()) -> int:
        def make() -> int:
            calls.append(1)
            return len(calls)

        return Picture(snapshot, memory=memory).unless_changed("test", make, also=also)

    east, west = worlds.east(), worlds.west()
    assert made(worlds.world(east, west)) == 1
    later = structs.replace(east, telemetry=None, kubernetes=worlds.fresh())
    assert made(worlds.world(later, west, sequence=2, at=worlds.AT + 5)) == 1
    assert made(worlds.world(east, west), also="synced") == 2
    assert made(worlds.world(worlds.east(), west), also="synced") == 3
    assert made(worlds.world(worlds.north()), also="synced") == 4
    assert made(worlds.world(), also="synced") == 5
