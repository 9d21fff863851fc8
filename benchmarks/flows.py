"""A walk in the Flow at 300, 3,000 and 10,000 services: what a key costs once a picture's index is made.

    python -m benchmarks.flows [STEPS]

A step is the CPU from the key to the lines: the Flow of another node, at the end of one of its calls, and its drawing
in 200 × 60 cells. Walks are random with a seed. The index is made once for a picture, on a worker thread.
"""

from __future__ import annotations

import random
import sys
import time

from benchmarks._graphs import judge, mesh
from benchmarks._rows import Row, goal_row, middles, part, report
from meshtop import process
from meshtop.analysis.graph.build import GraphOptions, build_graph
from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.console.widgets.flow_lines import draw_flow
from meshtop.console.widgets.flow_sheet import FlowModel
from meshtop.model.thresholds import DEFAULT_THRESHOLDS
from meshtop.views.reports.flow import FlowIndex, flow_in
from meshtop.views.reports.flow_detail import FlowDetail

SIZES = {"flow-300": (300, 900), "flow-3000": (3_000, 9_000), "flow-10000": (10_000, 30_000)}
"""Services and calls by the name of the goal."""
STEPS = 320
WALK = 40
"""Steps from where a walk begins anew, which are a round."""


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
        at = rng.choice(ends if ends and step % WALK else names)
    return taken


def main() -> None:
    """Measure each size and print its rows."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    process.prepare_process()
    rows: list[Row] = []
    for goal, (services, calls) in SIZES.items():
        lookup = GraphLookup(build_graph(mesh(services, calls), judge, GraphOptions()))
        process.collect_all()
        taken = walked(FlowIndex(lookup=lookup, homes={}, twins={}, ill={}, worst=()), steps)
        rows.append(
            goal_row(goal, middles(taken, WALK), note=f"p99 {part(taken, 0.99):.1f} ms, worst {max(taken):.1f} ms")
        )
    report(rows)


if __name__ == "__main__":
    main()
