"""Generated meshes for the benchmarks of the graph.

Tiers of services that mostly call the next tier, some hubs that many call, a few calls back, over three clusters with
eight namespaces each; always the same for a seed.
"""

from __future__ import annotations

import random
from math import inf

from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Buckets, Edge, Peer, PeerKind, Sums, Target

TIERS = 7


def mesh(services: int, calls: int, seed: int = 7) -> list[Edge]:
    """A generated mesh of so many services and calls between them."""
    rng = random.Random(seed)
    tier = sorted(rng.randrange(TIERS) for _ in range(services))
    peers = []
    for n in range(services):
        name = f"service-{n}"
        where = {"cluster": f"cluster-{n % 3}", "namespace": f"team-{rng.randrange(8)}"}
        peers.append(Peer(**where, workload=name, app=name, kind=PeerKind.WORKLOAD))
    by_tier = [[n for n in range(services) if tier[n] == t] for t in range(TIERS)]
    chosen: set[tuple[int, int]] = set()
    while len(chosen) < calls:
        a = rng.randrange(services)
        step = rng.choices((1, 2, 3, -1), (80, 12, 5, 3))[0]
        there = by_tier[tier[a] + step] if 0 <= tier[a] + step < TIERS else []
        if there:
            chosen.add((a, there[min(int(rng.expovariate(6.0) * len(there)), len(there) - 1)]))
    edges = []
    for a, b in sorted(chosen):
        rate = round(rng.uniform(0, 900), 1) if rng.random() > 0.1 else 0.0
        sums = Sums(
            requests=rate,
            errors=rate * rng.choice((0.0, 0.0, 0.0, 0.0, 0.02, 0.1)),
            buckets=Buckets((25.0, 250.0, inf), (rate * 0.9, rate, rate)),
            secured=rate,
            judged=rate,
        )
        s, d = peers[a], peers[b]
        target = Target(
            cluster=d.cluster, namespace=d.namespace, workload=d.workload, app=d.app, kind=d.kind, service=d.app
        )
        edges.append(
            Edge(source=s, destination=target, protocol="http", sums=sums, cross_cluster=s.cluster != d.cluster)
        )
    return edges


def judge(edge: Edge) -> Health:
    """A verdict by the share of errors alone."""
    if not edge.sums.requests:
        return Health(HealthStatus.IDLE)
    ratio = (edge.sums.errors or 0.0) / edge.sums.requests
    status = HealthStatus.FAILING if ratio > 0.05 else HealthStatus.DEGRADED if ratio > 0.01 else HealthStatus.HEALTHY
    return Health(status)
