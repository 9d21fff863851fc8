"""What an analysis is given to make its results one by one, so that a defect in one does not cost the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class RowMaker(Protocol):
    """Makes a result of each thing; whoever gives it decides what becomes of a thing whose making raises.

    `kind` is the list that the results belong to.
    """

    def __call__(self, kind: str, things: Iterable[Thing], make: Callable[[Thing], Result], /) -> list[Result]:
        """The results, in the order of the things; those that could not be made may be missing."""


def all_or_none(kind: str, things: Iterable[Thing], make: Callable[[Thing], Result], /) -> list[Result]:
    """The maker that guards nothing: the first exception passes."""
    return [make(thing) for thing in things]
