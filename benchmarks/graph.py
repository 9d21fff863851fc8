"""How long the service graph takes: building, layout with routing, drawing; stalls; and what moves on a refresh.

Meshes are generated with a seed: tiers of services that mostly call the next tier, some hubs that many call, a few
calls back, over three clusters with eight namespaces each. Run: `python benchmarks/graph.py [HOW_MANY_SIZES]`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from math import inf

from msgspec.structs import replace

from meshtop.analysis.graph.build import GraphOptions, build_graph
from meshtop.analysis.graph.draw import GraphDrawing, Highlight
from meshtop.analysis.graph.geometry import Layout, LayoutOptions
from meshtop.analysis.graph.layout import layout, layout_steps
from meshtop.analysis.graph.service_graph import Level, ServiceGraph
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Buckets, Edge, Peer, PeerKind, Sums, Target

SIZES = ((100, 300), (300, 900), (1_000, 3_000), (3_000, 9_000))
ROUNDS = 5
TIERS = 7
_WHOLE_UP_TO = 400


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


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of the best of some runs: what else the machine does only adds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1_000)
    return min(taken)


def longest_stall(graph: ServiceGraph, previous: Layout | None = None) -> float:
    """The longest time between two yields, in milliseconds: the best of some runs."""
    worst = []
    for _ in range(ROUNDS):
        longest, steps, start = 0.0, layout_steps(graph, LayoutOptions(width=200), previous), time.perf_counter()
        for _ in steps:
            longest, start = max(longest, time.perf_counter() - start), time.perf_counter()
        worst.append(max(longest, time.perf_counter() - start) * 1_000)
    return min(worst)


def moved(before: Layout, after: Layout) -> int:
    """How many boxes that are in both stand elsewhere."""
    return sum(
        (box.x, box.y) != (after.boxes[name].x, after.boxes[name].y)
        for name, box in before.boxes.items()
        if name in after.boxes
    )


def report(edges: Sequence[Edge], options: GraphOptions) -> list[str]:
    """One line of figures."""
    graph = build_graph(edges, judge, options)
    build = timed(lambda: build_graph(edges, judge, options))
    placed = layout(graph, LayoutOptions(width=200))
    lay = timed(lambda: layout(graph, LayoutOptions(width=200)))
    draw = timed(lambda: GraphDrawing(graph, placed).paint(0, 0, 200, 60))
    whole = f"{timed(lambda: GraphDrawing(graph, placed).paint()):.1f}" if len(graph.nodes) < _WHOLE_UP_TO else "-"
    busier = [replace(e, sums=e.sums + e.sums) for e in edges]
    moved_cursor = timed(lambda: GraphDrawing(graph, placed, highlight=Highlight(node=graph.nodes[0].id)))
    same = layout(build_graph(busier, judge, options), LayoutOptions(width=200), placed)
    caller = edges[len(edges) // 2].source
    newcomer = Target(
        cluster=caller.cluster,
        namespace=caller.namespace,
        workload="newcomer",
        app="newcomer",
        kind=PeerKind.WORKLOAD,
        service="newcomer",
    )
    new = Edge(source=caller, destination=newcomer, protocol="http", sums=Sums(requests=1.0))
    grown = layout(build_graph([*edges, new], judge, options), LayoutOptions(width=200), placed)
    return [
        f"{len(graph.nodes)}",
        f"{len(graph.edges)}",
        f"{build:.1f}",
        f"{lay:.1f}",
        f"{draw:.1f}",
        f"{lay + draw:.1f}",
        f"{moved_cursor:.1f}",
        whole,
        f"{longest_stall(graph):.1f}",
        f"{moved(placed, same)}",
        f"{moved(placed, grown)}",
        f"{placed.width}x{placed.height}",
    ]


def main() -> None:
    """Print a table for each size, and the largest one by levels."""
    head = ["nodes", "edges", "build", "layout", "window", "both", "cursor", "all", "stall"]
    head += ["rate moved", "node moved", "cells"]
    rows = [["level", *head]]
    for services, calls in SIZES[: int(sys.argv[1]) if len(sys.argv) > 1 else len(SIZES)]:
        rows.append(["services", *report(mesh(services, calls), GraphOptions())])
    for level in (Level.NAMESPACES, Level.CLUSTERS):
        rows.append([level.value, *report(mesh(*SIZES[-1]), GraphOptions(level=level))])
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    print("milliseconds, the best of 5 runs; window = 200x60 cells drawn, all = the whole drawing")
    for row in rows:
        print("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
