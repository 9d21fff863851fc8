"""Answers are kept exactly as long as the objects they were made from."""

from __future__ import annotations

import pkgutil
from collections.abc import Hashable
from importlib import import_module
from typing import Any

import pytest
from msgspec import structs

import meshtop.views
from meshtop.model.snapshot import Snapshot
from meshtop.views.picture.memory import Key, Memory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_of
from tests import worlds

EDGES: Key[object] = Key("edges")
FACTS: Key[object] = Key("facts")


def test_the_same_objects_give_the_same_answer_without_making_it_again() -> None:
    memory, made = Memory(), []
    inputs = (object(), object())

    def make() -> object:
        made.append(1)
        return object()

    first = memory.get_or_make(EDGES, inputs, make)
    assert memory.get_or_make(EDGES, inputs, make) is first
    assert len(made) == 1


def test_another_object_that_is_equal_is_another_one() -> None:
    memory = Memory()
    one, other = [1], [1]
    first = memory.get_or_make(EDGES, (one,), object)
    assert memory.get_or_make(EDGES, (other,), object) is not first
    assert memory.get_or_make(EDGES, (one,), object) is not first, "only the latest answer is kept"


def test_more_or_fewer_inputs_are_other_inputs() -> None:
    memory, one = Memory(), object()
    first = memory.get_or_make(EDGES, (one,), object)
    second = memory.get_or_make(EDGES, (one, one), object)
    assert second is not first
    assert memory.get_or_make(EDGES, (), object) is not second


def test_names_do_not_mix() -> None:
    memory, one = Memory(), object()
    assert memory.get_or_make(EDGES, (one,), object) is not memory.get_or_make(FACTS, (one,), object)


def test_an_answer_for_one_thing_is_not_that_for_another() -> None:
    memory, one = Memory(), object()
    east = memory.get_or_make(EDGES.at("east"), (one,), object)
    assert memory.get_or_make(EDGES.at("west"), (one,), object) is not east
    assert memory.get_or_make(EDGES.at("east"), (one,), object) is east


def test_no_two_keys_of_the_house_have_one_name() -> None:
    found: dict[str, set[int]] = {}
    for module in pkgutil.walk_packages(meshtop.views.__path__, "meshtop.views."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Key):
                found.setdefault(value.name, set()).add(id(value))
    assert len(found) > 20
    assert not [name for name, keys in found.items() if len(keys) > 1]


def test_two_sessions_in_one_process_keep_what_is_declared_apart() -> None:
    ours, theirs = Memory(), Memory()
    world, other = worlds.world(worlds.east()), worlds.world(worlds.west())
    first = mesh_of(Picture(world, memory=ours))
    mesh_of(Picture(other, memory=theirs))
    assert mesh_of(Picture(world, memory=ours)) is first
    assert mesh_of(Picture(world, memory=theirs)) is not first


def test_what_else_an_answer_follows_from_is_compared_by_value() -> None:
    memory, one = Memory(), object()
    first = memory.get_or_make(EDGES, (one,), object, also=("synced", 1))
    assert memory.get_or_make(EDGES, (one,), object, also=("synced", 1)) is first
    assert memory.get_or_make(EDGES, (one,), object, also=("synced", 2)) is not first


def test_comparisons_of_configuration_are_made_again_when_an_inventory_changes_and_only_then() -> None:
    memory, calls = Memory(), []

    def made(snapshot: Snapshot, also: Hashable = ()) -> int:
        def make() -> int:
            calls.append(1)
            return len(calls)

        return Picture(snapshot, memory=memory).unless_changed(Key("test"), make, also=also)

    east, west = worlds.east(), worlds.west()
    assert made(worlds.world(east, west)) == 1
    assert east.telemetry is not None
    later = structs.replace(east, telemetry=structs.replace(east.telemetry), kubernetes=worlds.fresh())
    assert made(worlds.world(later, west, sequence=2, at=worlds.AT + 5)) == 1
    assert made(worlds.world(east, west), also="synced") == 2
    assert made(worlds.world(worlds.east(), west), also="synced") == 3
    assert made(worlds.world(worlds.north()), also="synced") == 4
    assert made(worlds.world(), also="synced") == 5


def test_one_picture_compares_its_inventories_once_for_each_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Hashable] = []
    look = Memory.get_or_make

    def noted(self: Memory, key: Key[Any], inputs: Any, make: Any, *, also: Hashable = ()) -> Any:
        asked.append(key.name)
        return look(self, key, inputs, make, also=also)

    monkeypatch.setattr(Memory, "get_or_make", noted)
    picture = Picture(worlds.world(worlds.east(), worlds.west()))
    found = [picture.unless_changed(Key("test"), object, also=also) for also in ("", "", "synced")]
    assert found[0] is found[1] is not found[2]
    assert asked.count("test") == 2
