"""Exports of the graph: Graphviz dot, Mermaid, JSON; every name is quoted as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshtop.analysis.graph.metric import flow, percent_text
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, NodeKind, ServiceGraph
from meshtop.model.state import Health, HealthStatus
from meshtop.model.text import clean
from meshtop.model.traffic import Sums

_COLOUR = {
    HealthStatus.FAILING: "#c62828",
    HealthStatus.DEGRADED: "#b26a00",
    HealthStatus.UNKNOWN: "#777777",
    HealthStatus.HEALTHY: "#444444",
    HealthStatus.IDLE: "#999999",
}
_SHAPE = {NodeKind.EXTERNAL: "ellipse", NodeKind.UNKNOWN: "ellipse", NodeKind.GATEWAY: "hexagon"}


def _numbers(graph: ServiceGraph) -> dict[str, str]:
    """Short unique names, by position, for notations that restrict ids."""
    ids = [*(n.id for n in graph.nodes), *(g.id for g in graph.groups)]
    return {name: f"n{i}" for i, name in enumerate(ids)}


def _children(graph: ServiceGraph) -> tuple[dict[str | None, list[str]], dict[str | None, list[GraphNode]]]:
    groups: dict[str | None, list[str]] = {}
    nodes: dict[str | None, list[GraphNode]] = {}
    for group in graph.groups:
        groups.setdefault(group.parent, []).append(group.id)
    for node in graph.nodes:
        nodes.setdefault(node.group, []).append(node)
    return groups, nodes


def _edge_text(edge: GraphEdge) -> str:
    parts = [flow(edge.sums)]
    if edge.sums.requests and edge.sums.errors:
        parts.append(f"{percent_text(edge.sums.errors / edge.sums.requests)} errors")
    if edge.mtls_ratio is not None:
        parts.append("mTLS" if edge.mtls_ratio >= 1 else f"mTLS {percent_text(edge.mtls_ratio)}")
    return ", ".join(parts)


def quote_dot(text: str) -> str:
    """A dot string; backslashes are doubled, so that dot's own escapes (`\\N`, `\\G`) never appear."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_dot(graph: ServiceGraph) -> str:
    """The graph for Graphviz, groups as clusters."""
    number = _numbers(graph)
    labels = {g.id: g.label for g in graph.groups}
    groups, nodes = _children(graph)

    def inside(parent: str | None, indent: str) -> Iterator[str]:
        for node in nodes.get(parent, ()):
            status = node.health.status if node.health else HealthStatus.HEALTHY
            shape = _SHAPE.get(node.kind, "box")
            yield f'{indent}{number[node.id]} [label={quote_dot(node.label)} shape={shape} color="{_COLOUR[status]}"];'
        for group in groups.get(parent, ()):
            yield f"{indent}subgraph cluster_{number[group]} {{"
            yield f"{indent}  label={quote_dot(labels[group])};"
            yield from inside(group, indent + "  ")
            yield f"{indent}}}"

    lines = ["digraph mesh {", "  rankdir=LR;", *inside(None, "  ")]
    for e in graph.edges:
        style = "dashed" if e.health.status == HealthStatus.IDLE else "solid"
        lines.append(
            f"  {number[e.source]} -> {number[e.target]} [label={quote_dot(_edge_text(e))} "
            f'color="{_COLOUR[e.health.status]}" style={style}];'
        )
    return "\n".join([*lines, "}", ""])


def quote_mermaid(text: str) -> str:
    """A Mermaid string: everything but letters, digits and a few plain signs becomes an entity code."""
    return '"' + "".join(c if c.isalnum() or c in " .-_/,%" else f"#{ord(c)};" for c in clean(text)) + '"'


def to_mermaid(graph: ServiceGraph) -> str:
    """The graph as a Mermaid flowchart, groups as subgraphs."""
    number = _numbers(graph)
    labels = {g.id: g.label for g in graph.groups}
    groups, nodes = _children(graph)

    def inside(parent: str | None, indent: str) -> Iterator[str]:
        for node in nodes.get(parent, ()):
            opening, closing = ("([", "])") if _SHAPE.get(node.kind) == "ellipse" else ("[", "]")
            yield f"{indent}{number[node.id]}{opening}{quote_mermaid(node.label)}{closing}"
        for group in groups.get(parent, ()):
            yield f"{indent}subgraph {number[group]}[{quote_mermaid(labels[group])}]"
            yield from inside(group, indent + "  ")
            yield f"{indent}end"

    lines = ["flowchart LR", *inside(None, "  ")]
    for at, e in enumerate(graph.edges):
        arrow = "-.->" if e.health.status == HealthStatus.IDLE else "-->"
        lines.append(f"  {number[e.source]} {arrow}|{quote_mermaid(_edge_text(e))}| {number[e.target]}")
        if e.health.status in (HealthStatus.FAILING, HealthStatus.DEGRADED):
            lines.append(f"  linkStyle {at} stroke:{_COLOUR[e.health.status]}")
    return "\n".join([*lines, ""])


def _traffic(sums: Sums) -> dict[str, Any]:
    t = sums.traffic()
    return {
        "requestsPerSecond": t.requests_per_second,
        "errorsPerSecond": t.errors_per_second,
        "errorRatio": t.error_ratio,
        "latencyMs": {n: getattr(t.latency_ms, n) for n in ("p50", "p90", "p95", "p99", "mean")},
        "bytesPerSecond": {"sent": t.bytes_per_second.sent, "received": t.bytes_per_second.received},
        "connectionsPerSecond": t.connections_per_second,
    }


def _health(health: Health | None) -> dict[str, Any] | None:
    return None if health is None else {"status": health.status.value, "reasons": list(health.reasons)}


def graph_json(graph: ServiceGraph) -> dict[str, Any]:
    """The graph as plain data, ready for a JSON printer; unknown numbers are null."""
    return {
        "nodes": [
            {
                "id": n.id,
                "label": n.label,
                "kind": n.kind.value,
                "group": n.group,
                "cluster": n.cluster or None,
                "namespace": n.namespace or None,
                "tenant": n.tenant or None,
                "members": n.members,
                "inbound": _traffic(n.inbound),
                "outbound": _traffic(n.outbound),
                "internal": _traffic(n.internal),
                "health": _health(n.health),
            }
            for n in graph.nodes
        ],
        "edges": [
            {
                "source": e.source,
                "target": e.target,
                "protocols": {name: _traffic(s) for name, s in e.protocols},
                "traffic": _traffic(e.sums),
                "codes": dict(e.codes),
                "flags": dict(e.flags),
                "mtlsRatio": e.mtls_ratio,
                "disagreement": e.disagreement,
                "crossCluster": e.cross_cluster,
                "hops": list(e.hops),
                "members": e.members,
                "health": _health(e.health),
            }
            for e in graph.edges
        ],
        "groups": [{"id": g.id, "label": g.label, "kind": g.kind.value, "parent": g.parent} for g in graph.groups],
    }
