"""The calls that were seen, as one client's to one host: what a change of configuration acts on.

Edges tell apart who answered; which of them a call reaches is what routes decide, so that they are taken together here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from meshtop.analysis.authorization.observed import refused_per_second
from meshtop.analysis.security.mtls.observed import plaintext
from meshtop.model.traffic import Edge, Peer, PeerKind, Target

ServerId = tuple[str, str, str]
"""Cluster, namespace and name of the workload that answered."""
_NOTHING = 1e-9


class SeenCall(Struct, frozen=True, kw_only=True):
    """All calls of one client to one host with one protocol, by the workloads that answered.

    `service` is the host as telemetry names it, "" where it names none. `rate` is per second: requests, for TCP
    connections; `working` is what of it was answered without an error and not refused.
    """

    source: Peer
    service: str
    namespace: str
    protocol: str
    external: bool
    edges: tuple[Edge, ...]
    rate: float
    working: float

    @property
    def destination(self) -> Target:
        """What is called, whichever workload answers: the one that answers most."""
        return max(self.edges, key=rate_of).destination

    @property
    def by_server(self) -> Mapping[ServerId, Edge]:
        """The edge to each workload that answered."""
        ends = ((edge.destination, edge) for edge in self.edges)
        return {(end.cluster, end.namespace, end.workload): edge for end, edge in ends if end.workload}

    def working_share(self, server: ServerId | None) -> float:
        """The share of the calls to a workload that worked; that of all calls where none were seen to it."""
        edge = self.by_server.get(server) if server is not None else None
        rate, working = (rate_of(edge), _working(edge)) if edge is not None else (self.rate, self.working)
        return working / rate if rate > _NOTHING else 1.0

    @property
    def fails(self) -> bool:
        """Whether there are calls, and none of them works."""
        return self.rate > _NOTHING and self.working <= _NOTHING


def rate_of(edge: Edge) -> float:
    """Requests per second of an edge; for TCP, connections."""
    sums = edge.sums
    found = sums.requests if sums.requests is not None else sums.connections
    return found or 0.0


def plaintext_of(edge: Edge) -> float:
    """The share of an edge that was seen in plaintext, 0 where nobody can tell."""
    sums = edge.sums
    for judged, secured in ((sums.judged, sums.secured), (sums.judged_bytes, sums.secured_bytes)):
        if judged:
            return (plaintext(judged, secured) or 0.0) / judged
    return 0.0


def _working(edge: Edge) -> float:
    failing = (edge.sums.errors or 0.0) + (refused_per_second(edge) or 0.0)
    return max(rate_of(edge) - failing, 0.0)


_Key = tuple[Peer, str, str, str, bool]


def seen_calls(edges: Iterable[Edge]) -> tuple[SeenCall, ...]:
    """The calls of edges, in the order in which clients and hosts first come."""
    found: dict[_Key, list[Edge]] = {}
    for edge in edges:
        target = edge.destination
        # Where telemetry names no service, the workload that answered is what was called.
        host = target.service or ("" if not target.workload else f"\0{target.cluster}/{target.workload}")
        key = (edge.source, host.lower(), target.namespace, edge.protocol, target.kind is PeerKind.EXTERNAL)
        found.setdefault(key, []).append(edge)
    return tuple(
        SeenCall(
            source=source,
            service=several[0].destination.service,
            namespace=namespace,
            protocol=protocol,
            external=external,
            edges=tuple(several),
            rate=sum(map(rate_of, several)),
            working=sum(map(_working, several)),
        )
        for (source, _, namespace, protocol, external), several in found.items()
    )
