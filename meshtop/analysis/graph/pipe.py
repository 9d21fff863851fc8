"""One node of a graph as a pipe: who calls it, whom it calls, in which shares, and the way through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.service_graph import GraphEdge
from meshtop.model.constants import MUTUAL_TLS_FROM
from meshtop.model.state import HealthStatus
from meshtop.model.traffic import Sums

MOST_STEPS = 8
"""Steps that a way is followed to each side: more fit on no line."""
_BAD = {HealthStatus.FAILING: 0, HealthStatus.DEGRADED: 1}


class CallShare(Struct, frozen=True):
    """What part of all that enters (or leaves) a node is one of its calls, each 0…1, None where it cannot be told.

    `traffic` is the part of its requests, or of its bytes where the call is TCP only; `errors` that of its failed
    requests. The shares of the requests of one side add up to at most 1, and so do those of its bytes.
    """

    traffic: float | None = None
    errors: float | None = None


class PassingWay(Struct, frozen=True):
    """The way through a node: ids from the first caller to the last callee, and the place of the node among them."""

    nodes: tuple[str, ...]
    at: int


def carried_bytes(sums: Sums) -> float | None:
    """Bytes of TCP per second, both ways; None without TCP."""
    if sums.sent is None and sums.received is None:
        return None
    return (sums.sent or 0.0) + (sums.received or 0.0)


def is_plaintext(edge: GraphEdge) -> bool:
    """Whether so much of a call was seen without mutual TLS that it is no rounding."""
    ratio = edge.mtls_ratio
    return ratio is not None and ratio < MUTUAL_TLS_FROM


def by_importance(edge: GraphEdge) -> tuple[int, bool, float, float, str]:
    """The sort key of the calls of one node: what fails, is degraded, is plaintext; then by requests, then by bytes."""
    sums = edge.sums
    bad = _BAD.get(edge.health.status, len(_BAD) + (not is_plaintext(edge)))
    return bad, sums.requests is None, -(sums.requests or 0.0), -(carried_bytes(sums) or 0.0), edge.id


def calls_into(lookup: GraphLookup, node: str) -> list[GraphEdge]:
    """The calls that a node receives from others, the important ones first."""
    return sorted((e for e in lookup.edges_at(node) if e.target == node != e.source), key=by_importance)


def calls_out_of(lookup: GraphLookup, node: str) -> list[GraphEdge]:
    """The calls that a node makes, also to itself, the important ones first."""
    return sorted((e for e in lookup.edges_at(node) if e.source == node), key=by_importance)


def call_share(sums: Sums, whole: Sums) -> CallShare:
    """What part of `whole` a call is."""
    if sums.requests is not None:
        traffic = _part(sums.requests, whole.requests)
    else:
        traffic = _part(carried_bytes(sums), carried_bytes(whole))
    errors = _part(sums.errors or 0.0, whole.errors) if sums.requests is not None else None
    return CallShare(traffic, errors)


def _part(value: float | None, whole: float | None) -> float | None:
    return None if value is None or not whole else min(1.0, value / whole)


def passing_way(lookup: GraphLookup, node: str, most: int = MOST_STEPS) -> PassingWay:
    """The way on which most goes through a node, or where it hurts: to each side along the most important call.

    It ends where nobody calls or is called, and before it would come to a node twice.
    """
    before = _followed(node, most, {node}, lambda at: (e.source for e in calls_into(lookup, at)))
    after = _followed(node, most, {node, *before}, lambda at: (e.target for e in calls_out_of(lookup, at)))
    return PassingWay((*reversed(before), node, *after), len(before))


def _followed(node: str, most: int, seen: set[str], ends: Callable[[str], Iterable[str]]) -> list[str]:
    way: list[str] = []
    while len(way) < most:
        following = next((end for end in ends(node) if end not in seen), None)
        if following is None:
            break
        way.append(following)
        seen.add(following)
        node = following
    return way
