"""Totals of a scope, with every edge counted once."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from meshtop.analysis.traffic.figures import add_all
from meshtop.analysis.traffic.silence import Silence
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import State
from meshtop.model.telemetry import History, Line
from meshtop.model.traffic import Edge, Peer, Sums, Target
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query

_SUMS: Key[Sums] = Key("sums of a scope")


def sums_in(picture: Picture, query: Query) -> Sums:
    """Traffic into the scope, and from it to places outside of every cluster; each edge once."""
    query = picture.resolved(query)
    return picture.cached(
        _SUMS.at(query.clusters, query.namespaces, query.tenant),
        lambda: add_all([edge.sums for edge in picture.edges if _in(picture, query, edge)]),
    )


def _in(picture: Picture, query: Query, edge: Edge) -> bool:
    end: Peer | Target = edge.destination if edge.destination.cluster else edge.source
    place = Place(cluster=end.cluster, namespace=end.namespace, tenants=picture.tenants(end.cluster, end.namespace))
    return query.holds((place,))


def histories_in(picture: Picture, query: Query) -> list[tuple[str, History]]:
    """The last hour of each cluster in the scope, with its name; known for whole clusters only."""
    return [] if query.namespaces or query.tenant else cluster_histories(picture, query.clusters)


def cluster_histories(picture: Picture, clusters: Sequence[str] = ()) -> list[tuple[str, History]]:
    """The last hour of these clusters (all without names), all at the newest moments of any of them.

    A cluster that does not answer any more keeps its last answer, which says nothing of what came after it.
    """
    found = [
        (cluster.name, cluster.history)
        for cluster in picture.snapshot.clusters
        if cluster.history is not None and (not clusters or cluster.name in clusters)
    ]
    times = max((history.requests.times for _, history in found), key=lambda one: one[-1:], default=())
    return [
        (
            name,
            History(
                requests=_at(history.requests, times),
                errors=_at(history.errors, times),
                p99_ms=_at(history.p99_ms, times),
            ),
        )
        for name, history in found
    ]


def _at(line: Line, times: tuple[float, ...]) -> Line:
    """A line at other moments; a gap where it has none of that moment."""
    if line.times == times:
        return line
    known = dict(zip(line.times, line.values, strict=True))
    return structs.replace(line, times=times, values=tuple(known.get(when) for when in times))


def without_traffic(picture: Picture, query: Query) -> list[str]:
    """Clusters of the scope whose Prometheus gave no answer or no data; they are missing from sums."""
    return [
        cluster.name
        for cluster in picture.snapshot.clusters
        if (not query.clusters or cluster.name in query.clusters) and lacks_traffic(picture, cluster)
    ]


def lacks_traffic(picture: Picture, cluster: ClusterSnapshot) -> bool:
    """Whether a cluster's Prometheus gave no answer or no data: what others say of it is not its traffic."""
    if cluster.telemetry is not None:
        return picture.telemetry_states[cluster.name] is Silence.NO_DATA
    silent = (State.UNREACHABLE, State.DENIED)
    return (
        cluster.prometheus.state in silent or cluster.kubernetes.state in silent or cluster.prometheus.error is not None
    )
