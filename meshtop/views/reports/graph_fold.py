"""Folding of graphs that do not fit: what is ill and what is looked at is drawn, the rest counted until it is opened.

One concept for every size: healthy nodes are a fold of their frame, a healthy namespace is one node, and in the end
healthy namespaces are a fold of their cluster. `GraphFolding` chooses how much of it a window needs, and keeps the
choice across refreshes, in which what becomes ill comes to light.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from meshtop.analysis.graph.build import GraphOptions, ends_of, has_more_nodes
from meshtop.analysis.graph.fold import FoldPlan, fold_graph, ill_nodes, is_fold, plan_folds
from meshtop.analysis.graph.geometry import Layout, LayoutOptions
from meshtop.analysis.graph.layout import layout
from meshtop.analysis.graph.select import nodes_of
from meshtop.analysis.graph.service_graph import Level, NodeKind, ServiceGraph
from meshtop.analysis.traffic.health import SEVERITY
from meshtop.model.state import HealthStatus
from meshtop.model.traffic import Edge
from meshtop.views.picture.memory import Key
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import GROUP_KINDS, Sight, edges_in, most_readable, service_graph, tenants

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

MOST_DRAWN = 400
"""Nodes up to which everything is drawn if asked for: beyond, nobody reads it, and placing it takes seconds."""
_ILL = (HealthStatus.DEGRADED, HealthStatus.FAILING)
_FINE = (Level.SERVICES, Level.WORKLOADS)


class FoldRoom(NamedTuple):
    """The cells that a drawing has."""

    width: int
    height: int


class _Stage(IntEnum):
    """How much is folded: nothing, healthy nodes, healthy frames away from what is ill, or all healthy frames."""

    NOTHING = 0
    NODES = 1
    FAR_FRAMES = 2
    FRAMES = 3


class _Survey(NamedTuple):
    """The namespaces of a scope: their nodes, those next to each, and how ill those are that are called badly.

    `touched` are the ends of all bad calls.
    """

    members: dict[str, set[str]]
    beside: dict[str, set[str]]
    ill: dict[str, int]
    touched: set[str]

    @property
    def namespaces(self) -> set[str]:
        """All but what stands for itself (a host outside, say), which has no namespace to be folded into."""
        return {name for name in self.members if name.startswith(f"{NodeKind.NAMESPACE.value}/")}

    def home(self, at: str | None) -> str | None:
        """The namespace that a node is in, or that it is."""
        return next((n for n in sorted(self.namespaces) if at == n or at in self.members[n]), None)


_SURVEY: Key[_Survey] = Key("the graph's namespaces")


class _Choice(NamedTuple):
    """A level, what is folded there, and the namespaces that are open (None: all are)."""

    level: Level
    stage: _Stage
    opened: frozenset[str] | None = None


def open_namespaces(
    picture: Picture, query: Query, sight: Sight, at: str | None, most: int = MOST_DRAWN
) -> frozenset[str] | None:
    """The namespaces to draw open where a graph has more than `most` nodes; None where it need not be folded.

    First that of the node `at`, then those that are called badly, the worst first, then those next to an open one,
    the others by name: as many as fit. What a user opened is open, and does not count.
    """
    if not _has_namespaces(sight):
        return None
    survey = _survey(picture, query, sight)
    members, groups = survey.members, survey.namespaces
    if len(set().union(*members.values())) <= most:
        return None
    room = most - sum(len(members[name]) for name in members.keys() - groups) - len(groups)
    found: set[str] = set()
    here = survey.home(at)
    near = survey.beside.get(here or "", set())
    for name in sorted(groups, key=lambda n: (n != here, -survey.ill.get(n, 0), n not in near, n)):
        if len(members[name]) - 1 <= room:
            found.add(name)
            room -= len(members[name]) - 1
    return frozenset(found)


def folded(picture: Picture, query: Query, sight: Sight, opened: Collection[str]) -> Sight:
    """The sight with every namespace closed that is neither in `opened` nor was opened by the user."""
    ends = ends_of(edges_in(picture, query), _coarse(picture, sight))
    names = {end for pair in ends for end in pair if end.startswith(f"{NodeKind.NAMESPACE.value}/")}
    return replace(sight, collapsed=sight.collapsed | (names - frozenset(opened) - sight.expanded))


class GraphFolding:
    """What of a graph is folded: chosen when another graph is asked for, and kept by refreshes."""

    def __init__(self) -> None:
        self._asked: tuple[object, ...] | None = None
        self._choice: _Choice | None = None
        self._kept: frozenset[str] = frozenset()
        self._drawn: tuple[Sight, Sight] | None = None
        self.placed: Layout | None = None
        """Where everything stands in what was found to fit."""

    def apply(
        self,
        picture: Picture,
        query: Query,
        sight: Sight,
        at: str | None,
        room: FoldRoom | None = None,
        *,
        any_level: bool = False,
    ) -> Sight:
        """The sight to draw, with the cursor on node `at`; with `any_level` at the finest level that fits `room`.

        A sight that is not `whole` is folded until it fits. Called on the worker thread of the layout.
        """
        plain = replace(sight, level=Level.SERVICES, expanded=frozenset(), collapsed=frozenset(), hidden=frozenset())
        asked = query, plain, room if not sight.whole or any_level else None, picture.snapshot.settled
        chosen = self._choice
        if chosen is None or self._asked != asked or not (any_level or sight.level is chosen.level):
            self._asked, self._kept = asked, frozenset({at} if at is not None and not is_fold(at) else ())
            chosen = self._choice = self._choose(picture, query, sight, at, room, any_level)
        shown = replace(sight, level=chosen.level)
        drawn = self._draw(picture, query, shown, chosen)
        self._drawn = shown, drawn
        return drawn

    def _choose(
        self, picture: Picture, query: Query, sight: Sight, at: str | None, room: FoldRoom | None, any_level: bool
    ) -> _Choice:
        if room is None or (sight.whole and not any_level):
            return _Choice(sight.level, _Stage.NOTHING, open_namespaces(picture, query, sight, at))
        levels = list(reversed(sight.levels[:-1])) if any_level else [sight.level]
        for level in levels:
            for choice in self._ways(picture, query, replace(sight, level=level), at, room):
                graph = service_graph(picture, query, self._draw(picture, query, replace(sight, level=level), choice))
                self.placed = _fitting(graph, room)
                if self.placed is not None:
                    return choice
        if any_level:
            return _Choice(levels[-1], _Stage.NOTHING)
        opened = open_namespaces(picture, query, sight, at)
        return _Choice(sight.level, _Stage.FRAMES if opened is None else _Stage.NOTHING, opened)

    def _ways(self, picture: Picture, query: Query, sight: Sight, at: str | None, room: FoldRoom) -> Iterator[_Choice]:
        """What to try at a level, from everything on to ever less."""
        options = GraphOptions(level=sight.level, grouping=sight.grouping, tenants=tenants(picture))
        most, narrowed = most_readable(*room), sight.focus is not None or sight.path is not None
        if narrowed or not has_more_nodes(edges_in(picture, query), options, most):
            yield _Choice(sight.level, _Stage.NOTHING)
        opened: frozenset[str] | None = None
        if _has_namespaces(sight):
            edges = edges_in(picture, query)
            if has_more_nodes(edges, options, most, lambda edge: picture.edge_health(edge).status in _ILL):
                return
            survey = _survey(picture, query, sight)
            opened = frozenset({*survey.touched, *filter(None, [survey.home(at)])})
        for stage in (_Stage.NODES, _Stage.FAR_FRAMES, _Stage.FRAMES):
            yield _Choice(sight.level, stage, opened)

    def _draw(self, picture: Picture, query: Query, sight: Sight, choice: _Choice) -> Sight:
        drawn = sight
        if choice.opened is not None:
            opened = choice.opened
            if choice.stage:
                opened |= _survey(picture, query, sight).touched
            drawn = folded(picture, query, sight, opened)
            if choice.stage:  # what is ill without bad calls shows only in the lists
                listed = ill_nodes(service_graph(picture, query, drawn)) & drawn.collapsed - sight.collapsed
                drawn = replace(drawn, collapsed=drawn.collapsed - listed)
        if choice.stage is _Stage.NOTHING:
            return drawn
        graph = service_graph(picture, query, drawn)
        pins = [end for name in (sight.focus, *(sight.path or ())) if name for end in nodes_of(graph, name)]
        self._kept |= {*ill_nodes(graph), *pins}
        leave = GROUP_KINDS if sight.level in _FINE else ()
        plan = plan_folds(graph, self._kept, sight.expanded, leave)
        if choice.stage > _Stage.NODES:
            rest = fold_graph(graph, plan)
            near = {end for e in rest.edges for end in (e.source, e.target) if {e.source, e.target} & self._kept}
            keep = self._kept | near if choice.stage is _Stage.FAR_FRAMES else self._kept
            plan = plan.and_then(plan_folds(rest, keep, sight.expanded))
        return replace(drawn, folds=self._same(plan))

    def _same(self, plan: FoldPlan) -> FoldPlan:
        """The plan of before where nothing changed: what was made of it is still known then."""
        before = self._drawn[1].folds if self._drawn is not None else None
        return before if before is not None and before.rounds == plan.rounds else plan

    @property
    def level(self) -> Level | None:
        """The level that was chosen."""
        return self._choice.level if self._choice is not None else None

    def of(self, sight: Sight) -> Sight:
        """What was drawn for a sight; the sight itself where nothing is folded."""
        drawn = self._drawn
        return drawn[1] if drawn is not None and drawn[0] == sight else sight

    def count(self, sight: Sight) -> int:
        """How many nodes of the drawing stand for folded ones."""
        drawn = self.of(sight)
        closed = drawn.collapsed - sight.collapsed
        if drawn.folds is None:
            return len(closed)
        return len({drawn.folds.of(name) for name in closed} | drawn.folds.folds)


def _has_namespaces(sight: Sight) -> bool:
    """Whether namespaces can be closed: at a fine level, and not where a graph is narrowed to few nodes anyway."""
    narrowed = sight.focus is not None or sight.path is not None
    return sight.level in _FINE and not narrowed and NodeKind.NAMESPACE in sight.grouping


def _fitting(graph: ServiceGraph, room: FoldRoom) -> Layout | None:
    """The layout in which all of a graph can be seen at once, and be read; None where there is none."""
    if len(graph.nodes) > most_readable(*room):
        return None
    placed = layout(graph, LayoutOptions(width=room.width, numbers=True))
    return placed if placed.width <= room.width and placed.height <= room.height else None


def _survey(picture: Picture, query: Query, sight: Sight) -> _Survey:
    placed = (sight.level, sight.grouping, sight.expanded, sight.collapsed)
    return picture.cached(_SURVEY.at(query, *placed), lambda: _surveyed(picture, query, sight))


def _surveyed(picture: Picture, query: Query, sight: Sight) -> _Survey:
    edges = edges_in(picture, query)
    fine, coarse = _ends(picture, edges, sight), ends_of(edges, _coarse(picture, sight))
    found = _Survey({}, {}, {}, set())
    for edge, nodes, ends in zip(edges, fine, coarse, strict=True):
        for node, group in zip(nodes, ends, strict=True):
            found.members.setdefault(group, set()).add(node)
        source, target = ends
        found.beside.setdefault(source, set()).add(target)
        found.beside.setdefault(target, set()).add(source)
        status = picture.edge_health(edge).status
        if status in _ILL:
            found.touched.update(ends)
            found.ill[target] = max(found.ill.get(target, 0), SEVERITY[status])
    return found


def _coarse(picture: Picture, sight: Sight) -> GraphOptions:
    return GraphOptions(level=Level.NAMESPACES, grouping=sight.grouping, tenants=tenants(picture))


def _ends(picture: Picture, edges: Sequence[Edge], sight: Sight) -> list[tuple[str, str]]:
    options = GraphOptions(
        level=sight.level,
        grouping=sight.grouping,
        expanded=sight.expanded,
        collapsed=sight.collapsed,
        tenants=tenants(picture),
    )
    return ends_of(edges, options)
