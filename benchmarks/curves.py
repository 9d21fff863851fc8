"""How costs grow: pods in a cluster, clusters, services; measured, and drawn into docs/pictures as SVG.

    python -m benchmarks.curves [NAME …]        # pods, clusters, services; all by default

Each point is a process of its own or the best of some runs, in CPU seconds. The pace of the machine at that moment
stands under each curve, since it differs by the hour.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from math import log10
from pathlib import Path
from xml.sax.saxutils import escape

import yaml
from msgspec import Struct

from benchmarks._graphs import judge, mesh
from benchmarks._pace import pace
from benchmarks._processes import demo, run
from benchmarks._replay import replay
from benchmarks.fanout import following
from benchmarks.findings import cluster_of
from benchmarks.reading import reading_once

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
PODS = (1_000, 3_000, 10_000, 30_000, 100_000)
CLUSTERS = (3, 10, 30, 100)
SERVICES = (1_000, 3_000, 10_000, 20_000)
RUNS = 3


class Curve(Struct, frozen=True):
    """One line of a plot: its name, and (x, CPU seconds) points."""

    name: str
    points: tuple[tuple[float, float], ...]


class Plot(Struct, frozen=True):
    """A plot with logarithmic axes; `pace` is what a loop of two million turns took, in milliseconds."""

    title: str
    across: str
    curves: tuple[Curve, ...]
    pace: float


def best(work: Callable[[], object], runs: int = RUNS) -> float:
    """CPU seconds of the best of some runs."""
    taken = []
    for _ in range(runs):
        gc.collect()
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def pods() -> Plot:
    """Decoding the pods of one cluster, and judging the configuration over them."""
    import msgspec

    from benchmarks.listing import pod
    from meshtop.analysis.findings.judge import judge_config
    from meshtop.analysis.findings.revisions import JudgedCluster, well_formed
    from meshtop.sources.kubernetes.kinds import BUILTIN, codec

    decoder = codec(next(kind for kind in BUILTIN if kind.plural == "pods"), "v1")
    page = msgspec.json.encode({"kind": "PodList", "metadata": {}, "items": [pod(number) for number in range(500)]})

    def decoded(times: int) -> None:
        for _ in range(times):
            decoder.page(page)

    def judged(cluster: JudgedCluster) -> None:
        judge_config([well_formed(cluster)])

    decoding, judging = [], []
    for count in PODS:
        decoding.append((count, best(partial(decoded, count // 500))))
        judging.append((count, best(partial(judged, cluster_of("east", 100, count // 2)), 1)))
    lines = (Curve("decoding them", tuple(decoding)), Curve("findings of 100 routes over them", tuple(judging)))
    return Plot("One cluster", "pods", lines, pace())


def clusters() -> Plot:
    """Reading recorded clusters once, and following them until all are there: whole processes, imports counted.

    One process at a time; all time limits grow with the machine's slowness. The first reading of each size lets the
    replaying server make its answers and is not counted. The better of two more is; of a hundred clusters, one is.
    A size that does not come to its end is told and left out.
    """
    read: list[tuple[float, float]] = []
    followed: list[tuple[float, float]] = []
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Each of the watches holds a socket.
    with demo() as ready:
        for count in CLUSTERS:
            turns = 1 if count == max(CLUSTERS) else 2
            try:
                with replay(str(ready["kubeconfig"]), count, tls=True) as replayed:
                    names = [c["name"] for c in yaml.safe_load(Path(replayed.kubeconfig).read_text())["clusters"]]
                    once, follow = reading_once(replayed.kubeconfig), following(replayed.kubeconfig, names)
                    run(once, seconds=300)
                    for points, command in ((read, once), (followed, follow)):
                        points.append((count, min(run(command, seconds=300).cpu for _ in range(turns))))
                        print(f"{count} clusters: {points[-1][1]:.2f} s", flush=True)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                if not followed:
                    raise
                print(f"{count} clusters did not come to their end, and are not drawn: {error}", flush=True)
                break
    lines = (Curve("reading them once", tuple(read)), Curve("following them until all are there", tuple(followed)))
    return Plot("Many clusters", "clusters", lines, pace())


def services() -> Plot:
    """The first picture of the graph, and its services placed and drawn whole."""
    from benchmarks.graph import first_picture
    from meshtop.analysis.graph.build import GraphOptions, build_graph
    from meshtop.analysis.graph.draw import GraphDrawing
    from meshtop.analysis.graph.geometry import LayoutOptions
    from meshtop.analysis.graph.layout import layout
    from meshtop.analysis.graph.service_graph import ServiceGraph

    def placed(graph: ServiceGraph) -> None:
        GraphDrawing(graph, layout(graph, LayoutOptions(width=200)))

    first, whole = [], []
    for count in SERVICES:
        edges = mesh(count, 3 * count)
        first.append((count, best(partial(first_picture, edges))))
        if count <= 10_000:
            graph = build_graph(edges, judge, GraphOptions())
            whole.append((count, best(partial(placed, graph), 1)))
    lines = (Curve("first picture (namespaces)", tuple(first)), Curve("every service placed and routed", tuple(whole)))
    return Plot("The graph", "services, each with three calls", lines, pace())


def svg(plot: Plot) -> str:
    """The plot as SVG for light and dark pages."""
    left, top, width, height = 62, 40, 460, 260
    every = [point for curve in plot.curves for point in curve.points]
    x1, x2 = (pick(log10(x) for x, _ in every) for pick in (min, max))
    y1, y2 = (log10(edge) for edge in _decades([y for _, y in every]))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - x1) / ((x2 - x1) or 1)
        return left + width * across, top + height * (1 - (log10(y) - y1) / (y2 - y1))

    parts = [f'<text class="title" x="{left}" y="20">{escape(plot.title)}: CPU seconds</text>']
    for x in sorted({x for x, _ in every}):
        at = place(x, 10**y1)[0]
        parts.append(f'<text x="{at:.0f}" y="{top + height + 18}" text-anchor="middle">{x:,.0f}</text>')
    for power in range(round(y1), round(y2) + 1):
        at = place(10**x1, 10**power)[1]
        parts.append(f'<path class="grid" d="M{left} {at:.0f}h{width}"/>')
        parts.append(f'<text x="{left - 8}" y="{at + 4:.0f}" text-anchor="end">{10.0**power:g}</text>')
    for number, curve in enumerate(plot.curves):
        line = " L".join("{:.1f} {:.1f}".format(*place(x, y)) for x, y in curve.points)
        parts.append(f'<path class="line c{number}" d="M{line}"/>')
        for x, y in curve.points:
            cx, cy = place(x, y)
            parts.append(f'<circle class="dot c{number}" cx="{cx:.1f}" cy="{cy:.1f}" r="3"/>')
            parts.append(f'<text x="{cx:.1f}" y="{cy - 8:.1f}" text-anchor="middle">{y:.2g}</text>')
        legend = top + height + 56 + 18 * number
        parts.append(f'<path class="line c{number}" d="M{left} {legend - 4}h24"/>')
        parts.append(f'<text x="{left + 32}" y="{legend}">{escape(curve.name)}</text>')
    parts.append(f'<text x="{left + width}" y="{top + height + 38}" text-anchor="end">{escape(plot.across)}</text>')
    tall = top + height + 64 + 18 * len(plot.curves)
    parts.append(f'<text class="faint" x="{left}" y="{tall}">at a pace of {plot.pace:.0f} ms (best 65)</text>')
    size = f"{left + width + 40} {tall + 14}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img">\n<style>{_STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _decades(values: list[float]) -> tuple[float, float]:
    low, high = int(log10(min(values)) // 1), int(-(-log10(max(values)) // 1))
    return 10.0**low, 10.0 ** max(high, low + 1)


_STYLE = (
    "svg{background:#fff;font:12px ui-sans-serif,sans-serif}text{fill:#333}.title{font-weight:600;font-size:14px}"
    ".faint{fill:#888}.grid{stroke:#ddd}.line{fill:none;stroke-width:2}.c0{stroke:#1f6feb}.c1{stroke:#b26a00}"
    "circle.c0{fill:#1f6feb}circle.c1{fill:#b26a00}"
    "@media (prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}.grid{stroke:#333}}"
)
PLOTS: dict[str, Callable[[], Plot]] = {"pods": pods, "clusters": clusters, "services": services}


def main() -> None:
    """Measure and draw."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PLOTS:  # Clusters are the dearest: minutes, on a slow machine many.
        plot = PLOTS[name]()
        (FOLDER / f"growth-{name}.svg").write_text(svg(plot))
        for curve in plot.curves:
            told = json.dumps([[x, round(y, 3)] for x, y in curve.points])
            sys.stdout.write(f"{plot.title}, {plot.across}: {curve.name}: {told}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
