"""What outlives a Picture: answers that were worked out before, for as long as what they came from is the very same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from msgspec import Struct

Answer = TypeVar("Answer")


class Key(Struct, Generic[Answer], frozen=True):
    """Under what an answer is kept, and of which type it is: a name that no other key has, and what it is asked for."""

    name: str
    of: tuple[Hashable, ...] = ()

    def at(self, *of: Hashable) -> Key[Answer]:
        """The key of this answer for one thing: a cluster, a kind, a query."""
        return Key(self.name, of)


class Memory:
    """The last answer under each key, and the objects that it was made from.

    Snapshots hand on what did not change as the same frozen object, so identity tells whether an answer still holds.
    An answer is overwritten by the next one under its key: what is kept is one Picture's worth. Used from several
    threads at once it may work something out twice, never wrongly.
    """

    def __init__(self) -> None:
        self._held: dict[Key[Any], tuple[tuple[object, ...], Hashable, Any]] = {}

    def get_or_make(
        self, key: Key[Answer], inputs: tuple[object, ...], make: Callable[[], Answer], *, also: Hashable = ()
    ) -> Answer:
        """What `make` gives, made anew only when one of the objects that it is made from is another one.

        `also` is what else it follows from, compared by value.
        """
        held = self._held.get(key)
        if held is not None and held[1] == also and _identical(held[0], inputs):
            kept: Answer = held[2]
            return kept
        answer = make()
        self._held[key] = (inputs, also, answer)
        return answer


def _identical(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(before is after for before, after in zip(one, other, strict=True))
