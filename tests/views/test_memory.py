"""Answers are kept exactly as long as the objects they were made from."""

from __future__ import annotations

from meshtop.views.memory import Memory


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
