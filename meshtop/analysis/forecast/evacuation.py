"""What becomes of the calls that were seen, if a cluster takes nothing any more and calls nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.forecast.calls import SeenCall, rate_of, seen_calls
from meshtop.analysis.forecast.departure import Departure
from meshtop.analysis.forecast.differences import BREAKING, CallDifference, CallForecast, forecast_calls
from meshtop.analysis.forecast.world import ForecastWorld
from meshtop.model.row_maker import RowMaker, all_or_none
from meshtop.model.traffic import Edge


class EvacuationForecast(Struct, frozen=True, kw_only=True):
    """The calls of the callers that are left; `own` are those of the cluster itself, which end with it.

    `takes_more` is by how much more (requests, for TCP connections, per second) each other cluster would answer.
    """

    calls: CallForecast
    own: tuple[SeenCall, ...]
    takes_more: Mapping[str, float]
    losses: Mapping[str, tuple[float, str]]
    """By host, in lower case, the share (0 to 1) of the calls from other clusters into this one that fail, and why."""


def caller_cluster(edge: Edge) -> str:
    """The cluster of a caller; where telemetry does not name it, the one that is called: there it was measured."""
    return edge.source.cluster or edge.destination.cluster


def answers_in(call: SeenCall, cluster: str) -> bool:
    """Whether a call was answered in a cluster, or nobody knows where."""
    return any(edge.destination.cluster in (cluster, "") for edge in call.edges)


def forecast_evacuation(
    world: ForecastWorld, departure: Departure, edges: Sequence[Edge], rows: RowMaker = all_or_none
) -> EvacuationForecast:
    """The forecast of calls for a cluster that leaves; `rows` (kind whatif) keeps out a call that cannot be judged.

    A call that is not answered there now does not lose anything by it, so that only the others are followed.
    """
    # By edges, as a caller of whom nothing is known may be one in each cluster.
    left = seen_calls(edge for edge in edges if caller_cluster(edge) != departure.cluster)
    concerned = [call for call in left if answers_in(call, departure.cluster)]
    found = forecast_calls(
        world, world.without(departure), concerned, touched=lambda call: answers_in(call, departure.cluster), rows=rows
    )
    untouched = len(left) - len(concerned)
    return EvacuationForecast(
        calls=CallForecast(found.differences, calls=len(left), same=found.same + untouched),
        own=seen_calls(edge for edge in edges if caller_cluster(edge) == departure.cluster),
        takes_more=_takes_more(found.differences),
        losses=_losses(found.differences, departure.cluster),
    )


def _takes_more(differences: Iterable[CallDifference]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in differences:
        rate = one.per_second / one.share if one.share else 0.0
        for cluster, share in one.shifts.items():
            if share > 0:
                found[cluster] = found.get(cluster, 0.0) + share * rate
    return found


def _losses(differences: Iterable[CallDifference], cluster: str) -> dict[str, tuple[float, str]]:
    """By host how much of what others call there fails."""
    gone: dict[str, float] = {}
    failing: dict[str, float] = {}
    why: dict[str, str] = {}
    seen: set[int] = set()
    for one in differences:
        host = one.call.service.lower()
        if id(one.call) not in seen:
            seen.add(id(one.call))
            gone[host] = gone.get(host, 0.0) + rate_into(one.call, cluster)
        if one.effect in BREAKING:
            failing[host] = failing.get(host, 0.0) + min(one.per_second, rate_into(one.call, cluster))
            why.setdefault(host, one.why)
    return {host: (min(failing[host] / gone[host], 1.0), why[host]) for host in failing if host and gone[host] > 0}


def rate_into(call: SeenCall, cluster: str) -> float:
    """Requests (for TCP connections) per second of a call that a cluster answers."""
    return sum(rate_of(edge) for edge in call.edges if edge.destination.cluster == cluster)
