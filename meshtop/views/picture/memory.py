"""A cache that outlives Pictures: results are reused while their inputs are the identical objects."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from msgspec import Struct

Answer = TypeVar("Answer")


class Key(Struct, Generic[Answer], frozen=True):
    """A typed cache key: a unique name, and the thing that the result is for."""

    name: str
    of: tuple[Hashable, ...] = ()

    def at(self, *of: Hashable) -> Key[Answer]:
        """The key for one thing: a cluster, a kind, a query."""
        return Key(self.name, of)


class Memory:
    """The last result under each key, and the objects that it was made from.

    Snapshots share unchanged parts as the identical frozen object, so identity tells whether a result is still valid.
    A result is overwritten by the next one under its key, so the cache holds one Picture's worth. Concurrent use from
    several threads may compute a result twice, but never wrongly.
    """

    def __init__(self) -> None:
        self._held: dict[Key[Any], tuple[tuple[object, ...], Hashable, Any]] = {}

    def get_or_make(
        self, key: Key[Answer], inputs: tuple[object, ...], make: Callable[[], Answer], *, also: Hashable = ()
    ) -> Answer:
        """The result of `make`, recomputed only when one of the input objects is not the identical one.

        `also` are further inputs, compared by value.
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
