"""A walk in the Flow at 300, 3,000 and 10,000 services: what a key costs once a picture's index is made.

    python -m benchmarks.flows [STEPS]

A step is the CPU from the key to the lines: the Flow of another node, at the end of one of its calls, and its drawing
in 200 × 60 cells. Walks are random with a seed. The index is made once for a picture, on a worker thread.
"""

from __future__ import annotations

import random
import sys
import time
from functools import partial

from benchmarks._graphs import judge, mesh
from benchmarks._rows import Goal, Row, middle, part, report
from meshtop import process
from meshtop.analysis.graph.build import GraphOptions, build_graph
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.console.widgets.flow_lines import draw_flow
from meshtop.console.widgets.flow_sheet import FlowModel
from meshtop.model.thresholds import DEFAULT_THRESHOLDS
from meshtop.views.reports.flow import FlowIndex, flow_in
from meshtop.views.reports.flow_detail import FlowDetail

SIZES = ((300, 900), (3_000, 9_000), (10_000, 30_000))
STEPS = 300
GOAL = Goal(10, "ms")


def walked(index: FlowIndex, steps: int) -> list[float]:
    """Milliseconds of CPU of each step."""
    rng, taken = random.Random(7), []
    names = sorted(index.lookup.nodes)
    at = rng.choice(names)
    for step in range(steps):
        began = time.process_time()
        flow = flow_in(index, at, hops=1)
        assert flow is not None
        model = FlowModel(flow=flow, detail=FlowDetail(), thresholds=DEFAULT_THRESHOLDS)
        draw_flow(model, 200, 57)
        taken.append(1000 * (time.process_time() - began))
        ends = [call.node.id for call in (*flow.callers, *flow.callees)]
        at = rng.choice(ends if ends and step % 40 else names)
    return taken


def main() -> None:
    """Measure each size and print its rows."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    process.prepare_process()
    rows = []
    for services, calls in SIZES:
        lookup = GraphLookup(build_graph(mesh(services, calls), judge, GraphOptions()))
        process.collect_all()
        taken = walked(FlowIndex(lookup=lookup, homes={}, twins={}, ill={}, worst=()), steps)
        name = partial("step in the Flow, {:,} services{}".format, services)
        rows.append(Row(name(""), middle(taken), GOAL, note=f"worst {max(taken):.1f} ms"))
        rows.append(Row(name(", p99"), part(taken, 0.99), GOAL))
    report(rows)


if __name__ == "__main__":
    main()
