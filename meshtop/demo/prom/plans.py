"""What labels alone decide about an operation, kept while the same series come again.

A refresh asks the same questions every few seconds, over the same series: which of them match, who belongs to which
group, who finds whom. None of that depends on values.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from operator import is_
from typing import Any, TypeVar, cast

Made = TypeVar("Made")

KEPT_PARTS = 400_000
"""Label sets and series that all plans of an engine may be made of: some 10 MB of references, besides label sets that
plans make (those without a name above all), of which none has more than it was made of."""
WORTHWHILE = 8
"""Of fewer parts a plan is made as fast as it is found."""


class Plans:
    """Plans by what they are for and the objects they were made of; those used last are kept.

    With ``most`` 0 nothing is kept: for sources whose series are other objects at each look.
    """

    def __init__(self, most: int = KEPT_PARTS) -> None:
        self._most = most
        self._size = 0
        self._known: OrderedDict[Hashable, tuple[list[Any], Any]] = OrderedDict()

    @property
    def kept(self) -> bool:
        """Whether anything is kept."""
        return self._most > 0

    def of(self, purpose: Hashable, parts: list[Any], make: Callable[[], Made]) -> Made:
        """The plan for a purpose over these very objects, made unless it is known. Plans must not be changed."""
        if not WORTHWHILE <= len(parts) <= self._most:
            return make()
        key = (purpose, len(parts), id(parts[0]), id(parts[-1]))
        known = self._known.get(key)
        if known is not None and same(known[0], parts):
            self._known.move_to_end(key)
            return cast(Made, known[1])
        made = make()
        if known is None:
            self._size += len(parts)
        self._known[key] = (parts, made)
        self._known.move_to_end(key)
        while self._size > self._most:
            _, (dropped, _) = self._known.popitem(last=False)
            self._size -= len(dropped)
        return made


def same(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether two sequences of one length hold the same objects; equal ones are not enough, their order may differ."""
    return all(map(is_, one, other))
