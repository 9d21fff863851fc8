"""What becomes of the calls that were seen, if a cluster is evacuated: the same forecast as of `whatif apply`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.forecast.calls import rate_of, seen_calls
from meshtop.analysis.forecast.departure import Departure
from meshtop.analysis.forecast.evacuation import EvacuationForecast, forecast_evacuation
from meshtop.model.numbers import quantity, written_out
from meshtop.views.picture.fleet import discovery_of
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.forecast import ForecastCounts, ForecastItem, forecast_counts, forecast_item, seen_world
from meshtop.views.reports.forecast_words import sentences_of_calls


class RemainingCluster(Struct, frozen=True, rename="camel", kw_only=True):
    """A cluster that stays: what becomes of its callers' calls, and what it would have to answer.

    `answersPerSecond` is what its workloads answer now, `takesMorePerSecond` what they would answer besides (requests,
    for TCP connections), `loadFactor` both together divided by now: None where they answer nothing now. `tenants` are
    those of callers whose calls would fail.
    """

    cluster: str
    calls: int
    breaks: int
    depends: int
    moves: int
    broken_per_second: float
    answers_per_second: float
    takes_more_per_second: float
    load_factor: float | None
    loses_control_plane: bool
    tenants: tuple[str, ...]


class EvacuatedCalls(Struct, frozen=True, rename="camel", kw_only=True):
    """The calls of callers that stay, the worst first; `own` calls of the cluster itself end with it."""

    items: tuple[ForecastItem, ...] = ()
    summary: ForecastCounts = ForecastCounts(
        calls=0, breaks=0, depends=0, moves=0, mends=0, fails_already=0, broken_per_second=0.0
    )
    clusters: tuple[RemainingCluster, ...] = ()
    own: int = 0
    own_per_second: float = 0.0
    losses: Mapping[str, tuple[float, str]] = {}
    """By host, in lower case, the share of what others call in the cluster that would fail, and why."""


def departure_of(picture: Picture, cluster: str, *, serves: Collection[str], unread: Iterable[str]) -> Departure:
    """A cluster that leaves, and what is known of the ways between the others.

    `serves` are the clusters with no control plane but its own, `unread` those whose endpoints could not be read.
    """
    found = discovery_of(picture)
    mesh = picture.facts[cluster].mesh or f"cluster {cluster}"
    return Departure(
        cluster=cluster,
        orphans=frozenset(serves),
        perhaps=frozenset(picture.meshes.perhaps(cluster)),
        unread=frozenset(unread) - {cluster},
        links={(link.source, link.target): link.up for link in found.links},
        local={row.host.lower(): row.cluster_local for row in found.hosts if row.mesh == mesh},
    )


def evacuated_calls(picture: Picture, departure: Departure) -> EvacuatedCalls:
    """The calls that a Picture shows, followed as they are and without the cluster."""
    forecast = forecast_evacuation(seen_world(picture), departure, picture.edges, picture.rows)
    items = tuple(picture.rows("whatif", forecast.calls.differences, lambda one: forecast_item(picture, one)))
    return EvacuatedCalls(
        items=items,
        summary=forecast_counts("", items, forecast.calls.calls),
        clusters=tuple(_remaining(picture, departure, forecast, items)),
        own=len(forecast.own),
        own_per_second=sum(call.rate for call in forecast.own),
        losses=forecast.losses,
    )


def _remaining(
    picture: Picture, departure: Departure, forecast: EvacuationForecast, items: Sequence[ForecastItem]
) -> Iterable[RemainingCluster]:
    answers: dict[str, float] = {}
    for edge in picture.edges:
        where = edge.destination.cluster
        answers[where] = answers.get(where, 0.0) + rate_of(edge)
    callers: dict[str, int] = {}
    for call in seen_calls(picture.edges):
        callers[call.source.cluster] = callers.get(call.source.cluster, 0) + 1
    for cluster in picture.snapshot.clusters:
        name = cluster.name
        if name == departure.cluster:
            continue
        own = [item for item in items if item.source.cluster == name]
        counts = forecast_counts(name, own, callers.get(name, 0))
        now, more = answers.get(name, 0.0), forecast.takes_more.get(name, 0.0)
        yield RemainingCluster(
            cluster=name,
            calls=counts.calls,
            breaks=counts.breaks,
            depends=counts.depends,
            moves=counts.moves,
            broken_per_second=counts.broken_per_second,
            answers_per_second=now,
            takes_more_per_second=more,
            load_factor=(now + more) / now if now else None,
            loses_control_plane=name in departure.orphans,
            tenants=tuple(sorted({item.source_tenant for item in own if item.breaks and item.source_tenant})),
        )


def sentences_of_evacuated_calls(calls: EvacuatedCalls, cluster: str) -> Iterable[str]:
    """What becomes of calls, in sentences: those that break, what moves where, and those that end with the cluster."""
    if calls.summary.calls:
        seen = f"{written_out(calls.summary.calls)} call{'s' * (calls.summary.calls != 1)} from other clusters"
        yield from sentences_of_calls(calls.summary, calls.items, calls.clusters, seen)
    takes = [
        f"{one.cluster} {quantity(one.takes_more_per_second)}/s"
        + (f" (× {one.load_factor:.3g} of what it answers now)" if one.load_factor is not None else "")
        for one in calls.clusters
        if one.takes_more_per_second > 0
    ]
    if takes:
        yield f"Calls that go elsewhere give more to: {', '.join(takes)}."
    if calls.own:
        one = calls.own == 1
        rate = f" ({quantity(calls.own_per_second)}/s)" if calls.own_per_second else ""
        yield f"{written_out(calls.own)} call{'' if one else 's'} of {cluster}'s own{rate} end{'s' * one} with it."
