"""Where one has been: steps back and forward, as descriptions that keep no closed screen alive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from msgspec import Struct, structs

from meshtop.console.scope import Scope

MOST_STEPS = 100
"""So many steps are remembered in each direction."""


class Opened(StrEnum):
    """How a screen was opened: as a place, as the detail of a thing, or as the graph around it."""

    PLACE = "place"
    DETAIL = "detail"
    GRAPH = "graph"


class InnerWay(Struct, frozen=True):
    """What a screen showed, and the steps behind and ahead of that inside it, as values of its own."""

    here: Struct
    behind: tuple[Struct, ...] = ()
    ahead: tuple[Struct, ...] = ()


class Visit(Struct, frozen=True):
    """One screen, by how it was opened.

    `cursor` is the key of the row that was chosen on it, `inner` the way inside it.
    """

    how: Opened
    kind: str
    key: str = ""
    cursor: str | None = None
    inner: InnerWay | None = None


class Whereabouts(Struct, frozen=True):
    """The opened screens, the place first, and the scope."""

    visits: tuple[Visit, ...]
    scope: Scope

    def is_same(self, other: Whereabouts) -> bool:
        """Whether both are one place in one scope; where the cursor stands, the order and the filter do not count."""
        mine, theirs = self.scope.query, other.scope.query
        return [(v.how, v.kind, v.key) for v in self.visits] == [(v.how, v.kind, v.key) for v in other.visits] and (
            mine.clusters,
            mine.namespaces,
            mine.tenant,
        ) == (theirs.clusters, theirs.namespaces, theirs.tenant)


class Trail:
    """The steps behind and ahead of where one is, bounded."""

    def __init__(self) -> None:
        self.behind: list[Whereabouts] = []
        self.ahead: list[Whereabouts] = []
        self._within: bool | None = None
        """Whether the step that is being made was noted; None outside of one."""

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """What is done inside is one step, however many screens and limits it takes."""
        outer, self._within = self._within, self._within or False
        try:
            yield
        finally:
            self._within = outer

    def leaving(self, here: Whereabouts) -> None:
        """Note that one goes on from here; what was ahead is another way."""
        if self._within:
            return
        if self._within is not None:
            self._within = True
        self.ahead.clear()
        if not self.behind or not self.behind[-1].is_same(here):
            self._add(self.behind, here)
        else:
            self.behind[-1] = here

    def went_back(self, here: Whereabouts, there: Whereabouts) -> None:
        """Note that one went back from here to there, by closing or widening."""
        if here.is_same(there):
            return
        self._add(self.ahead, here)
        if self.behind and self.behind[-1].is_same(there):
            self.behind.pop()

    def back(self, here: Whereabouts) -> Whereabouts | None:
        """The step before; None where there is none."""
        return self._turn(here, self.behind, self.ahead)

    def forward(self, here: Whereabouts) -> Whereabouts | None:
        """The step that one came back from; None where there is none."""
        return self._turn(here, self.ahead, self.behind)

    def _turn(self, here: Whereabouts, source: list[Whereabouts], target: list[Whereabouts]) -> Whereabouts | None:
        while source:
            found = source.pop()
            if not found.is_same(here):
                self._add(target, here)
                return found
        return None

    def _add(self, steps: list[Whereabouts], one: Whereabouts) -> None:
        steps.append(one)
        del steps[:-MOST_STEPS]


def as_left(visit: Visit, cursor: str | None, inner: InnerWay | None = None) -> Visit:
    """The visit with the row that is chosen now, and the way inside the screen."""
    return structs.replace(visit, cursor=cursor, inner=inner)
