"""The calls of a graph as a tree, from entry points down: one line for each call, as `pstree` shows processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.pipe import calls_out_of, carried_bytes
from meshtop.analysis.graph.service_graph import GraphEdge

CYCLE = "↺"
"""What stands behind a node that leads back to itself."""
SHARED = "see above"
"""What stands behind a node whose own calls are in a line above."""
DEEPER = "…"
"""What stands behind a node whose own calls are deeper than was asked for."""


class TreeCall(Struct, frozen=True):
    """A line of the tree: the node, the call that leads to it (None at a root), and the strokes that lead to it.

    `mark` says why its own calls are not below it: a cycle, they are above, or they are deeper than asked for.
    """

    node: str
    edge: GraphEdge | None
    lead: str = ""
    mark: str = ""


def entry_points(lookup: GraphLookup) -> tuple[str, ...]:
    """The nodes that nobody else calls, those that call most first; a cycle that nothing leads into has one too."""
    called = {edge.target for edge in lookup.edges.values() if edge.source != edge.target}
    calling = {edge.source for edge in lookup.edges.values()}
    order = sorted(lookup.nodes, key=lambda name: (*_outgoing(lookup, name), name))
    roots = [name for name in order if name not in called and name in calling]
    reached = _reached(lookup, roots)
    for name in order:
        if name in calling and name not in reached:
            roots.append(name)
            reached |= _reached(lookup, [name], reached)
    return tuple(roots)


def _outgoing(lookup: GraphLookup, name: str) -> tuple[float, float]:
    sums = lookup.nodes[name].outbound
    return -(sums.requests or 0.0), -(carried_bytes(sums) or 0.0)


def _reached(lookup: GraphLookup, roots: Sequence[str], before: set[str] | None = None) -> set[str]:
    found, waiting = set(before or ()), list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += (edge.target for edge in lookup.edges_at(name) if edge.source == name)
    return found


def call_tree(lookup: GraphLookup, roots: Sequence[str], *, deep: int | None = None) -> Iterator[TreeCall]:
    """The lines of the tree below `roots`, `deep` calls deep; every call of what is reached is one line.

    The calls of a node that is reached twice are told the first time only. The order is that of importance: what
    hurts first, then by requests.
    """
    told: set[str] = set()
    for root in roots:
        if root in lookup.nodes and root not in told:
            yield TreeCall(root, None)
            if deep == 0:
                continue
            yield from _below(lookup, root, deep, told)


def _below(lookup: GraphLookup, root: str, deep: int | None, told: set[str]) -> Iterator[TreeCall]:
    """What is below a root; with a stack of its own, since a chain of calls may be longer than Python's."""
    told.add(root)
    above = {root}
    stack: list[tuple[str, Iterator[tuple[GraphEdge, bool]], str]] = [(root, _ordered(lookup, root), "")]
    while stack:
        name, calls, lead = stack[-1]
        following = next(calls, None)
        if following is None:
            stack.pop()
            above.discard(name)
            continue
        edge, last = following
        target = edge.target
        goes_on = any(e.source == target for e in lookup.edges_at(target))
        mark = ""
        if target in above:
            mark = CYCLE
        elif goes_on and target in told:
            mark = SHARED
        elif goes_on and deep is not None and len(stack) >= deep:
            mark = DEEPER
        yield TreeCall(target, edge, f"{lead}{'└─ ' if last else '├─ '}", mark)
        if goes_on and not mark:
            told.add(target)
            above.add(target)
            stack.append((target, _ordered(lookup, target), f"{lead}{'   ' if last else '│  '}"))


def _ordered(lookup: GraphLookup, name: str) -> Iterator[tuple[GraphEdge, bool]]:
    calls = calls_out_of(lookup, name)
    return ((edge, number == len(calls)) for number, edge in enumerate(calls, 1))
