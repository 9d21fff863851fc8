"""A step of the cursor in the graph of the console, at 300, 3,000 and 10,000 nodes, and the picture that it walks in.

    python -m benchmarks.steps [STEPS]

The widget runs in an application without a terminal, 200 × 60 cells. A step is the CPU from an arrow key's action to
the lines that Textual is told to redraw, scrolling included; what Textual does with them then is the same for every
size and is the second figure. Walks are random with a seed: sideways along edges, up, down, through edges, and jumps.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time

from textual.app import App, ComposeResult

from benchmarks._graphs import judge, mesh
from benchmarks._rows import Row, goal_row, middles, part, report, row_of
from meshtop import process
from meshtop.analysis.graph.build import GraphOptions, build_graph
from meshtop.analysis.graph.service_graph import ServiceGraph
from meshtop.analysis.graph.walk import Direction
from meshtop.console.widgets.graph_cursor import GraphCursor
from meshtop.console.widgets.graph_view import GraphView

SIZES = {"step-300": (300, 900), "step-3000": (3_000, 9_000), "step-10000": (10_000, 30_000)}
"""Nodes and edges by the name of the goal."""
STEPS = 160
WALK = 40
"""Steps from where a walk begins anew, which are a round."""


class _Stage(App[None]):
    """The graph's widget alone."""

    CSS = "GraphView { width: 1fr; height: 1fr; }"

    def compose(self) -> ComposeResult:
        """Nothing else."""
        yield GraphView()


async def walked(graph: ServiceGraph, steps: int) -> tuple[list[float], list[float]]:
    """Milliseconds of CPU of each step, and of each step with Textual's drawing of it."""
    app, rng = _Stage(), random.Random(7)
    own, whole = [], []
    async with app.run_test(size=(200, 60)) as pilot:
        view = app.query_one(GraphView)
        view.show(lambda: graph)
        while view.scene is None or view.working:
            await asyncio.sleep(0.05)
        await pilot.pause()
        process.collect_all()
        for step in range(steps):
            if step % WALK == 0:
                view.go_to(rng.choice(graph.nodes).id)
                await pilot.pause()
            way = rng.choice((*Direction, *Direction, None))
            began = time.process_time()
            if way is None:
                view.next_edge(1)
            elif view.cursor.edge is not None:
                view.move(GraphCursor(view.cursor.node))
            else:
                view.walk(way)
            own.append(1000 * (time.process_time() - began))
            await pilot.pause()
            whole.append(1000 * (time.process_time() - began))
    return own, whole


def main() -> None:
    """Measure each size and print its rows."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    process.prepare_process()
    rows: list[Row] = []
    for goal, (services, calls) in SIZES.items():
        graph = build_graph(mesh(services, calls), judge, GraphOptions())
        own, whole = asyncio.run(walked(graph, steps))
        rows.append(goal_row(goal, middles(own, WALK), note=f"p99 {part(own, 0.99):.1f} ms, worst {max(own):.1f} ms"))
        name = f"cursor step in the graph, {services:,} nodes, with Textual's drawing"
        rows.append(row_of(name, middles(whole, WALK), "ms", note=f"p99 {part(whole, 0.99):.1f} ms"))
    report(rows)


if __name__ == "__main__":
    main()
