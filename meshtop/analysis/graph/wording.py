"""Texts of the drawing: names, tags and chips of nodes, labels of edges in several lengths."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping

from meshtop.analysis.graph.metric import (
    MOST_CELLS,
    UNKNOWN,
    GraphMetric,
    flow,
    metric_text,
    percent_text,
    short_latency,
)
from meshtop.analysis.graph.service_graph import GraphEdge, GraphGroup, GraphNode, NodeKind, ServiceGraph
from meshtop.model.state import HealthStatus
from meshtop.model.text import cell_width, cut, cut_middle

_WIDEST = 28
_TAGS = {
    NodeKind.GATEWAY: "gateway",
    NodeKind.WAYPOINT: "waypoint",
    NodeKind.VIRTUAL_MACHINE: "vm",
    NodeKind.EXTERNAL: "external",
    NodeKind.UNKNOWN: "unknown",
}
_GROUPS = (NodeKind.CLUSTER, NodeKind.TENANT, NodeKind.NAMESPACE)


NUMBER_WIDTH = MOST_CELLS + 1
"""Cells kept for a node's number and the sign before it, whatever they are, so that a refresh moves no node."""
_MOST_CHIPS, _CHIP_WIDTH = 4, 8


def caption(node: GraphNode) -> str:
    """A node's name in at most 28 cells; a long one is cut in the middle, since names differ at either end."""
    return cut_middle(node.label, _WIDEST) or "·"


def tag(node: GraphNode) -> str:
    """What a node is where neither its frame nor its name shows it: a gateway, a namespace of 12 workloads."""
    if node.kind in _GROUPS:
        return f"({node.members})"
    word = _TAGS.get(node.kind, "")
    return "" if word in node.label.casefold() else word


def node_width(node: GraphNode, chips: Mapping[str, str], *, numbers: bool) -> int:
    """The cells of a node's line: `[name tag chips  ▲ 1.89%]`."""
    words = [caption(node), tag(node), chips.get(node.id, "")]
    return 2 + sum(cell_width(word) + 1 for word in words if word) + (NUMBER_WIDTH if numbers else 1)


def short_names(names: Collection[str]) -> dict[str, str]:
    """Short forms of names that still differ: the first parts (`eu` of `eu-west`), else the last, else the names."""
    parts = {name: [part for part in name.split("-") if part] or [name] for name in sorted(names)}
    for at in (0, -1):
        short = {name: cut(of[at], _CHIP_WIDTH) for name, of in parts.items()}
        if len(set(short.values())) == len(short):
            return short
    return {name: cut_middle(name, 2 * _CHIP_WIDTH) for name in parts}


def cluster_chips(graph: ServiceGraph) -> dict[str, str]:
    """By node a chip for each cluster that it is in: of all where frames do not tell the cluster, else of those that
    call, or are called, across clusters.
    """
    names = {name for node in graph.nodes for name in node.clusters}
    if len(names) < 2:
        return {}
    short = short_names(names)
    told = any(group.kind is NodeKind.CLUSTER for group in graph.groups)
    crossing = {end for edge in graph.edges if edge.cross_cluster for end in (edge.source, edge.target)}
    chips = {}
    for node in graph.nodes:
        if node.kind is not NodeKind.CLUSTER and node.clusters and (not told or node.id in crossing):
            shown = "·".join(short[name] for name in node.clusters[:_MOST_CHIPS])
            more = len(node.clusters) - _MOST_CHIPS
            chips[node.id] = f"{shown}+{more}" if more > 0 else shown
    return chips


def title_of(name: str, groups: Mapping[str, GraphGroup], frames: Container[str]) -> str:
    """A frame's title: the names of the groups merged into it, then the group's own."""
    labels: list[str] = []
    group = groups.get(name)
    while group is not None:
        labels.append(cut(group.label, _WIDEST))
        group = groups.get(group.parent) if group.parent else None
        if group is not None and group.id in frames:
            break
    return " / ".join(reversed(labels))


def edge_labels(edge: GraphEdge, signs: dict[HealthStatus, str], locked: str, open_: str) -> list[str]:
    """The label of an edge from its longest to its shortest form.

    Rate, health sign with the error ratio, p95, mutual TLS. Shorter forms drop p95 first; plaintext is kept longest
    after rate and sign.
    """
    how_much = flow(edge.sums)
    sign = signs.get(edge.health.status, "")
    errors = ""
    if edge.sums.requests and edge.sums.errors:
        errors = percent_text(edge.sums.errors / edge.sums.requests)
    p95 = edge.sums.buckets.quantile(0.95)
    slow = "" if p95 is None else short_latency(p95)
    ratio = edge.mtls_ratio
    lock = "" if ratio is None else locked if ratio >= 1 else f"{open_}{percent_text(ratio)}" if ratio > 0 else open_
    plain = lock if ratio is not None and ratio < 1 else ""
    fault = f"{sign}{errors}" if sign or errors else ""
    forms = (
        (how_much, fault, slow, lock),
        (how_much, fault, lock),
        (how_much, fault, plain),
        (how_much, sign, plain),
        (how_much, sign),
        (fault, plain) if fault or plain else (how_much,),
        (fault,),
        (sign,),
    )
    texts = [" ".join(part for part in form if part) for form in forms]
    return [t for t in dict.fromkeys(texts) if t]


def metric_labels(edge: GraphEdge, signs: Mapping[HealthStatus, str], metric: GraphMetric) -> list[str]:
    """The label of an edge where one metric was chosen: its number with the sign of its health, else the sign alone."""
    sign, number = signs.get(edge.health.status, ""), metric_text(edge.sums, metric)
    return [text for text in dict.fromkeys((sign + number * (number != UNKNOWN), sign)) if text]
