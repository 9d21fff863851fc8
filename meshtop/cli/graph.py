"""`meshtop graph`: the service graph as text, a tree, dot, Mermaid, JSON or SVG."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.analysis.graph.service_graph import ServiceGraph
    from meshtop.cli.text_table import Style
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.picture.picture import Picture
    from meshtop.views.picture.query import Query
    from meshtop.views.reports.graph import Sight

FORMATS = ("text", "tree", "dot", "mermaid", "json", "svg")
LEVELS = ("clusters", "tenants", "namespaces", "services", "workloads")
READABLE_CELLS = 128
"""Maximum width of a readable drawing; without --level, `-o text` chooses a level that fits."""


@click.command("graph", short_help="Print the service graph: -o text, tree, dot, mermaid, json, svg.")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", help="How to print (text).")
@click.option("--level", type=click.Choice(LEVELS), help="Level of nodes (services; as text the finest readable one).")
@click.option("--focus", metavar="NODE", help="Only this node and its surroundings: NAME or NAMESPACE/NAME.")
@click.option("--hops", type=click.IntRange(0, 20), metavar="N", help="Number of hops around it (1; tree: all).")
@click.option("--path", nargs=2, metavar="A B", help="Only the shortest paths from one node to another.")
@click.option("--filter", "filter_", metavar="EXPR", default="", help="Such as 'errorRatio:>1% !mtls:>0.99'.")
@click.option("--idle", is_flag=True, help="Include edges without traffic in the window.")
@click.option("--unhealthy", is_flag=True, help="Only edges that are degraded, failing or unknown.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    output: str,
    level: str | None,
    focus: str | None,
    hops: int | None,
    path: tuple[str, str] | None,
    filter_: str,
    idle: bool,
    unhealthy: bool,
) -> int:
    """Print who calls whom over all clusters, each edge counted once, with its rate, verdict, p95 and mutual TLS.

    As text it can be pasted anywhere: the drawing, then the worst edges in words. As a tree it is one line for each
    call, from the entry points or from --focus down. A filter works as in `get edges`.
    """
    from meshtop.analysis.graph.service_graph import Level
    from meshtop.views.frame.document import missing
    from meshtop.views.frame.filter import FilterError
    from meshtop.views.kinds.edges import VIEW
    from meshtop.views.picture.asks import GRAPH
    from meshtop.views.reports.graph import BY_CLUSTER, GROUPINGS, Sight, lost_in_graph

    session = open_session(ctx)
    query = session.query(filter_=filter_)
    VIEW.check(query)
    grouping = GROUPINGS[1][1] if level == "tenants" else BY_CLUSTER
    sight = Sight(level=Level(level or "services"), grouping=grouping, idle=idle, unhealthy=unhealthy)
    root: str | None = None
    snapshot = once(session, asked=GRAPH)
    picture = session.picture(snapshot)
    if level is None and output == "text" and focus is None and path is None:
        sight = _readable(picture, query, sight, session.style(sys.stdout))
    try:
        if output == "tree":
            graph, root = tree_graph(picture, query, sight, focus=focus, path=path)
        else:
            graph = narrowed_graph(picture, query, sight, focus=focus, hops=1 if hops is None else hops, path=path)
    except FilterError as error:
        say_missing(session, snapshot)  # a node may be missing only because its source is
        if missing(snapshot):
            raise CommandError(str(error), exit_code(snapshot) or Exit.UNREACHABLE) from error
        raise
    if output == "tree":
        write(_tree(graph, root, hops, session))
    else:
        write(_rendered(output, session, picture, query, sight, graph))
    say_missing(session, snapshot)
    code = exit_code(snapshot)
    if lost := lost_in_graph(picture):
        say(f"meshtop: {lost}")
        return Exit.DEFECT
    if not graph.nodes and code is Exit.FINE:
        say(f"meshtop: {_why_empty(picture, query, path)}")
        return Exit.BAD if path else code
    return code


def _readable(picture: Picture, query: Query, sight: Sight, style: Style) -> Sight:
    """The finest level that is readable."""
    from meshtop.views.reports.graph import readable_level, service_graph

    found = replace(sight, level=readable_level(picture, query, sight, width=max(READABLE_CELLS, style.width or 0)))
    if found.level is not sight.level:
        nodes = len(service_graph(picture, query, sight).nodes)
        say(
            f"meshtop: {nodes} services are too many to read; these are {found.level.value} "
            "(--level services shows them, --focus and -n fewer)."
        )
    return found


def narrowed_graph(
    picture: Picture, query: Query, sight: Sight, *, focus: str | None, hops: int, path: tuple[str, str] | None
) -> ServiceGraph:
    """The graph, narrowed to the named nodes. Raises FilterError for an unknown node."""
    from meshtop.analysis.graph.select import focus as around
    from meshtop.analysis.graph.select import paths_between
    from meshtop.views.reports.graph import resolve, service_graph

    whole = service_graph(picture, query, sight)
    graph = whole
    if path:
        start, end = (resolve(whole, name).id for name in path)
        graph = paths_between(whole, start, end)
        if graph.node(end) is None:
            return replace(graph, nodes=(), edges=(), groups=())
    if focus is not None:
        graph = around(graph, resolve(graph, focus).id, hops, hops)
    return graph


def tree_graph(
    picture: Picture, query: Query, sight: Sight, *, focus: str | None, path: tuple[str, str] | None
) -> tuple[ServiceGraph, str | None]:
    """The graph of a tree, and the node that it begins with (None: its entry points). Raises FilterError."""
    from meshtop.views.reports.graph import resolve

    graph = narrowed_graph(picture, query, sight, focus=None, hops=0, path=path)
    return graph, None if focus is None else resolve(graph, focus).id


def _tree(graph: ServiceGraph, root: str | None, hops: int | None, session: Session) -> str:
    from meshtop.analysis.graph.call_tree import entry_points
    from meshtop.analysis.graph.lookup import GraphLookup
    from meshtop.views.frame.table import Tone
    from meshtop.views.reports.flow_tree import tree_report

    style = session.style(sys.stdout)
    lookup = GraphLookup(graph)
    roots = entry_points(lookup) if root is None else (root,)
    lines = []
    for cells in tree_report(lookup, roots, deep=hops).lines:
        parts = [(cell.lead, Tone.DIM) for cell in cells[:1] if cell.lead]
        parts += [(cell.text, cell.tone) for cell in cells]
        last = len(parts) - 1
        told = [(text.rstrip() if number == last else text, tone) for number, (text, tone) in enumerate(parts)]
        lines.append("".join(style.paint(style.plain(text), tone) for text, tone in told).rstrip())
    return "\n".join(lines)


def _why_empty(picture: Picture, query: Query, path: tuple[str, str] | None) -> str:
    from meshtop.views.frame.unknowns import told
    from meshtop.views.kinds.edges import VIEW

    unknowns = VIEW.unknowns(picture, query)
    if path:
        return told(f"No call path leads from {path[0]} to {path[1]}.", unknowns)
    if not picture.edges:
        return told(VIEW.empty, unknowns)
    count = len(picture.edges)
    left_out = f"({count} {'was' if count == 1 else 'were'} left out; --idle adds those without traffic)"
    return told(f"No edges match {left_out}.", unknowns)


def _rendered(output: str, session: Session, picture: Picture, query: Query, sight: Sight, graph: ServiceGraph) -> str:
    if output == "text":
        from meshtop.cli.graph_text import graph_text

        style = session.style(sys.stdout)
        return graph_text(picture, graph, query, sight, style)
    if output == "json":
        from meshtop.cli.printers import json_text

        return json_text(graph_document(picture.snapshot, sight, graph))
    from meshtop.model.text import escape_json

    if output == "svg":
        from meshtop.analysis.graph.layout import layout
        from meshtop.analysis.graph.svg import to_svg

        return to_svg(graph, layout(graph)).rstrip("\n")
    from meshtop.analysis.graph.export import to_dot, to_mermaid

    made = to_dot(graph) if output == "dot" else to_mermaid(graph)
    return escape_json(made).rstrip("\n")


def graph_document(snapshot: Snapshot, sight: Sight, graph: ServiceGraph) -> dict[str, Any]:
    """The document of `-o json`: the moment, the window, the sources, nodes, edges and groups."""
    from meshtop.analysis.graph.export import graph_json as data
    from meshtop.settings.durations import format_duration
    from meshtop.views.frame.document import API_VERSION, rfc3339, sources

    return {
        "apiVersion": API_VERSION,
        "kind": "ServiceGraph",
        "generatedAt": rfc3339(snapshot.moment if snapshot.moment is not None else snapshot.at),
        "window": format_duration(snapshot.window_seconds),
        "level": sight.level.value,
        "sources": sources(snapshot),
        **data(graph),
    }
