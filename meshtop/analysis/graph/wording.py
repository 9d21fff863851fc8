"""Texts of the drawing: captions and tags of boxes, labels of edges, in several lengths."""

from __future__ import annotations

from collections.abc import Container, Mapping

from meshtop.analysis.graph.service_graph import GraphEdge, GraphGroup, GraphNode, NodeKind
from meshtop.model.state import HealthStatus
from meshtop.model.text import cut

_WIDEST = 28
_TAGS = {
    NodeKind.GATEWAY: "gateway",
    NodeKind.WAYPOINT: "waypoint",
    NodeKind.VIRTUAL_MACHINE: "vm",
    NodeKind.EXTERNAL: "external",
    NodeKind.UNKNOWN: "unknown",
}
_GROUPS = (NodeKind.CLUSTER, NodeKind.TENANT, NodeKind.NAMESPACE)


def caption(node: GraphNode) -> str:
    """A box's name, at most 28 cells."""
    return cut(node.label, _WIDEST) or "·"


def tag(node: GraphNode) -> str:
    """The kind of a node where its frame does not show it: a gateway, a namespace of 12 workloads."""
    if node.kind in _GROUPS:
        return f"{node.kind.value} {node.members}" if node.members < 10_000 else node.kind.value
    return _TAGS.get(node.kind, "")


def tag_width(node: GraphNode) -> int:
    """The width reserved for a node's tag, whatever its numbers are, so that a refresh does not move boxes."""
    return len(node.kind.value) + 5 if node.kind in _GROUPS else len(_TAGS.get(node.kind, ""))


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


def rate(value: float) -> str:
    """A rate with at most three significant digits and k or M: 0.4, 7.2, 412, 12.4k."""
    for limit, unit in ((999.5e3, "M"), (999.5, "k"), (0.0, "")):
        if abs(value) >= limit:
            scaled = value / {"M": 1e6, "k": 1e3, "": 1.0}[unit]
            break
    if scaled == 0:
        return "0"
    if 0 < abs(scaled) < 0.0095:
        return "<0.01"
    digits = 0 if abs(scaled) >= 99.5 else 1 if abs(scaled) >= 9.95 else 2
    text = f"{scaled:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + unit


def flow(edge: GraphEdge) -> str:
    """An edge's volume per second: requests, else bytes, else connections; `-` where nothing is known."""
    s = edge.sums
    if s.requests is not None:
        return f"{rate(s.requests)}/s"
    if s.sent is not None or s.received is not None:
        return f"{rate((s.sent or 0.0) + (s.received or 0.0))}B/s"
    if s.connections is not None:
        return f"{rate(s.connections)}c/s"
    if s.messages_sent is not None or s.messages_received is not None:
        return f"{rate((s.messages_sent or 0.0) + (s.messages_received or 0.0))}m/s"
    return "-"


def percent_text(ratio: float) -> str:
    """A ratio as a percentage, never rounded up to 100 or down to 0."""
    value = ratio * 100
    if 0 < value < 0.01:
        return "<0.01%"
    if 99.95 <= value < 100:
        return ">99.9%"
    return f"{rate(value)}%"


def edge_labels(edge: GraphEdge, signs: dict[HealthStatus, str], locked: str, open_: str) -> list[str]:
    """The label of an edge from its longest to its shortest form.

    Rate, health sign with the error ratio, p95, mutual TLS. Shorter forms drop p95 first; plaintext is kept longest
    after rate and sign.
    """
    how_much = flow(edge)
    sign = signs.get(edge.health.status, "")
    errors = ""
    if edge.sums.requests and edge.sums.errors:
        errors = percent_text(edge.sums.errors / edge.sums.requests)
    p95 = edge.sums.buckets.quantile(0.95)
    slow = "" if p95 is None else f"{rate(p95 / 1000)}s" if p95 >= 999.5 else f"{rate(p95)}ms"
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
