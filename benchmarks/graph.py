"""How long the service graph takes: building, layout with routing, drawing; stalls; and what moves on a refresh.

Meshes are generated with a seed: tiers of services that mostly call the next tier, some hubs that many call, a few
calls back, over three clusters with eight namespaces each. Run: `python -m benchmarks.graph [HOW_MANY_SIZES]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from benchmarks._graphs import judge, mesh
from benchmarks._rows import goal_row
from benchmarks._rows import report as print_rows
from meshtop.analysis.graph.build import GraphOptions, build_graph, has_more_nodes
from meshtop.analysis.graph.draw import GraphDrawing
from meshtop.analysis.graph.geometry import Layout, LayoutOptions
from meshtop.analysis.graph.layout import layout, layout_steps
from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.node_lines import BAD
from meshtop.analysis.graph.service_graph import Level, ServiceGraph
from meshtop.model.traffic import Edge, PeerKind, Sums, Target
from meshtop.process import prepare_process

SIZES = ((100, 300), (300, 900), (1_000, 3_000), (3_000, 9_000))
ORDINARY = 2
"""Of the sizes, the ones that do not need minutes."""
ROUNDS = 5
_WHOLE_UP_TO = 400


def rounds(work: Callable[[], object]) -> list[float]:
    """Milliseconds of CPU of some runs."""
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        taken.append((time.process_time() - start) * 1_000)
    return taken


def timed(work: Callable[[], object]) -> float:
    """Of the best of some runs: what else the machine does only adds."""
    return min(rounds(work))


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
        whole,
        f"{longest_stall(graph):.1f}",
        f"{moved(placed, same)}",
        f"{moved(placed, grown)}",
        f"{placed.width}x{placed.height}",
    ]


def first_picture(edges: Sequence[Edge]) -> None:
    """What opening the graph of a big mesh costs before something is drawn: the level, its graph, places, cells.

    As the console does: a look at what is ill, which does not fit here, and then the finest level of at most sixty
    nodes, namespaces here, tried and drawn, from the observed edges on.
    """
    ill = partial(has_more_nodes, edges, GraphOptions(), 60, lambda edge: judge(edge).status in BAD)
    if has_more_nodes(edges, GraphOptions(), 60) and ill():
        graph = build_graph(edges, judge, GraphOptions(level=Level.NAMESPACES))
        placed = layout(graph, LayoutOptions(width=200, numbers=True))
        GraphDrawing(graph, placed, metric=GraphMetric.RATE).paint(0, 0, 200, 60)


def goals() -> None:
    """The rows of the goals."""
    small, big = mesh(300, 900), mesh(3_000, 9_000)
    graph = build_graph(small, judge, GraphOptions())

    def drawn() -> None:
        placed = layout(graph, LayoutOptions(width=200, numbers=True))
        GraphDrawing(graph, placed, metric=GraphMetric.RATE).paint(0, 0, 200, 60)

    print_rows([goal_row("graph-300", rounds(drawn)), goal_row("graph-3000", rounds(lambda: first_picture(big)))])


def main() -> None:
    """Print a table for each size, and the largest one by levels; the process is prepared as the console's is."""
    prepare_process()
    head = ["nodes", "edges", "build", "layout", "window", "both", "all", "stall"]
    head += ["rate moved", "node moved", "cells"]
    rows = [["level", *head]]
    for services, calls in SIZES[: int(sys.argv[1]) if len(sys.argv) > 1 else ORDINARY]:
        rows.append(["services", *report(mesh(services, calls), GraphOptions())])
    for level in (Level.NAMESPACES, Level.CLUSTERS):
        rows.append([level.value, *report(mesh(*SIZES[-1]), GraphOptions(level=level))])
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    print("milliseconds of CPU, the best of 5 runs; window = 200x60 cells drawn, all = the whole drawing")
    for row in rows:
        print("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)))
    goals()


if __name__ == "__main__":
    main()
