"""What outlives a Picture: answers that were worked out before, for as long as what they came from is the very same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Memory:
    """The last answer under each name, and the objects that it was made from.

    Snapshots hand on what did not change as the same frozen object, so identity tells whether an answer still holds.
    A name is overwritten by its next answer: what is kept is one Picture's worth. Used from several threads at once it
    may work something out twice, never wrongly.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[tuple[object, ...], Hashable, Any]] = {}

    def same(
        self, name: str, made_from: tuple[object, ...], make: Callable[[], Answer], *, also: Hashable = ()
    ) -> Answer:
        """What `make` gives, made anew only when one of the objects that it is made from is another one.

        `also` is what else it follows from, compared by value.
        """
        held = self._held.get(name)
        if held is not None and held[1] == also and _are_the_same(held[0], made_from):
            kept: Answer = held[2]
            return kept
        answer = make()
        self._held[name] = (made_from, also, answer)
        return answer


def _are_the_same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(before is after for before, after in zip(one, other, strict=True))
