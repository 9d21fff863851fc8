"""Totals of a scope, with every edge counted once."""

from __future__ import annotations

from meshtop.analysis.traffic.figures import add_all
from meshtop.analysis.traffic.silence import Silence
from meshtop.model.state import State
from meshtop.model.telemetry import History
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
    if query.namespaces or query.tenant:
        return []
    return [
        (cluster.name, cluster.history)
        for cluster in picture.snapshot.clusters
        if cluster.history is not None and (not query.clusters or cluster.name in query.clusters)
    ]


def without_traffic(picture: Picture, query: Query) -> list[str]:
    """Clusters of the scope whose Prometheus gave no answer or no data; they are missing from sums."""
    silent = (State.UNREACHABLE, State.DENIED)
    return [
        cluster.name
        for cluster in picture.snapshot.clusters
        if (not query.clusters or cluster.name in query.clusters)
        and (
            picture.telemetry_states[cluster.name] is Silence.NO_DATA
            if cluster.telemetry is not None
            else cluster.prometheus.state in silent or cluster.kubernetes.state in silent or cluster.prometheus.error
        )
    ]
