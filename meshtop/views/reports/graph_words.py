"""A node or an edge of the graph in one line: `reviews → ratings  HTTP 260/s  4.1 % errors  503 UC  p99 1.24s  …`."""

from __future__ import annotations

from collections.abc import Iterable

from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode
from meshtop.analysis.traffic.flags import GRPC_STATUS, is_error
from meshtop.model.constants import CONTRADICTED_FROM
from meshtop.model.numbers import latency, percent, quantity
from meshtop.model.state import Health, HealthStatus
from meshtop.model.text import clean
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import Sums
from meshtop.views.frame.columns import HEALTH_SIGNS, HEALTH_TONES, error_tone, mtls_tone
from meshtop.views.frame.table import Cell, Tone


def node_name(node: GraphNode | None, beside: GraphNode | None = None) -> str:
    """A node's name, with its namespace and cluster where they differ from those of `beside`."""
    if node is None:
        return "?"
    parts = [clean(node.label)]
    if beside is not None and node.namespace and node.namespace != beside.namespace and node.label != node.namespace:
        parts.insert(0, clean(node.namespace))
    if beside is not None and node.cluster and node.cluster != beside.cluster and node.label != node.cluster:
        parts.insert(0, clean(node.cluster))
    return "/".join(parts)


def edge_name(lookup: GraphLookup, edge: GraphEdge) -> str:
    """`reviews → ratings`."""
    source, target = lookup.node(edge.source), lookup.node(edge.target)
    return f"{node_name(source, target)} → {node_name(target, source)}"


def protocol_of(edge: GraphEdge) -> str:
    """The protocol of an edge that has one only; "" for a mixture."""
    names = {name for name, _ in edge.protocols}
    return names.pop() if len(names) == 1 else ""


def bad_codes(edge: GraphEdge, most: int = 2) -> str:
    """The codes and flags that are errors, the most frequent first: `503 UC`."""
    protocol = "grpc" if any(name == "grpc" for name, _ in edge.protocols) else "http"
    codes = sorted((c for c in edge.codes if is_error(protocol, c[0]) and c[1] > 0), key=lambda c: (-c[1], c[0]))
    flags = sorted((f for f in edge.flags if f[0] not in ("", "-") and f[1] > 0), key=lambda f: (-f[1], f[0]))
    return " ".join([*(_code(protocol, c) for c, _ in codes[:most]), *(clean(f) for f, _ in flags[:most])])


def _code(protocol: str, code: str) -> str:
    return GRPC_STATUS.get(code, clean(code)) if protocol == "grpc" else clean(code)


def edge_line(lookup: GraphLookup, edge: GraphEdge, thresholds: Thresholds) -> list[Cell]:
    """An edge in one line, the most important parts first."""
    cells = [Cell(edge_name(lookup, edge), Tone.STRONG)]
    cells += _sign(edge.health)
    protocols = "+".join(clean(name).upper() for name, _ in edge.protocols)
    cells += _traffic(edge.sums, protocols, bad_codes(edge), thresholds, protocol_of(edge))
    cells += _mtls(edge.sums)
    if edge.disagreement is not None and edge.disagreement >= 0.005:
        tone = Tone.DEGRADED if edge.disagreement >= CONTRADICTED_FROM else Tone.DIM
        cells.append(Cell(f"src≠dst {percent(edge.disagreement)} %", tone))
    if edge.cross_cluster:
        cells.append(Cell("across clusters", Tone.DIM))
    if edge.hops:
        cells.append(Cell("via " + ", ".join(clean(hop) for hop in edge.hops), Tone.DIM))
    if edge.members > 1:
        cells.append(Cell(f"{edge.members} edges", Tone.DIM))
    return cells + _reasons(edge.health)


def node_line(node: GraphNode, thresholds: Thresholds) -> list[Cell]:
    """A node in one line: its inbound traffic, or its own calls where it receives none."""
    asked = _has_traffic(node.inbound)
    cells = [Cell(clean(node.label), Tone.STRONG)]
    where = "/".join(clean(p) for p in (node.cluster, node.namespace) if p and p != node.label)
    if where:
        cells.append(Cell(f"in {where}", Tone.DIM))
    if node.health is not None:
        cells += _sign(node.health)
    if asked:
        cells += [*_traffic(node.inbound, "in", "", thresholds), *_mtls(node.inbound)]
    if _has_traffic(node.outbound):
        cells += _traffic(node.outbound, "out", "", thresholds)[: 2 if asked else None]
    if _has_traffic(node.internal):
        cells.append(Cell(f"within {_rate(node.internal)}", Tone.DIM))
    return cells + (_reasons(node.health) if node.health is not None else [])


def _has_traffic(sums: Sums) -> bool:
    return any(v is not None for v in (sums.requests, sums.sent, sums.received, sums.connections))


def _sign(health: Health) -> list[Cell]:
    if health.status is HealthStatus.HEALTHY:
        return []
    return [Cell(f"{HEALTH_SIGNS[health.status]}{health.status}", HEALTH_TONES[health.status])]


def _reasons(health: Health) -> list[Cell]:
    if health.status in (HealthStatus.HEALTHY, HealthStatus.IDLE):
        return []
    return [Cell(clean(reason), HEALTH_TONES[health.status]) for reason in health.reasons]


def _rate(sums: Sums) -> str:
    if sums.requests is not None:
        return f"{quantity(sums.requests)}/s"
    if sums.sent is not None or sums.received is not None:
        return f"{quantity((sums.sent or 0.0) + (sums.received or 0.0))}B/s"
    return f"{quantity(sums.connections)} connections/s"


def _traffic(sums: Sums, what: str, codes: str, thresholds: Thresholds, protocol: str = "") -> list[Cell]:
    cells = [Cell(f"{what} {_rate(sums)}".strip())]
    traffic = sums.traffic()
    if traffic.error_ratio:
        tone = error_tone(traffic.error_ratio, thresholds, protocol)
        cells.append(Cell(" ".join(filter(None, (f"{percent(traffic.error_ratio)} %", codes or "errors"))), tone))
    p99 = traffic.latency_ms.p99
    if p99 is not None:
        cells.append(Cell(f"p99 {latency(p99)}"))
    return cells


def _mtls(sums: Sums) -> list[Cell]:
    ratio = sums.mtls_ratio
    return [] if ratio is None else [Cell(f"mTLS {percent(ratio)} %", mtls_tone(ratio))]


def joined(cells: Iterable[Cell], gap: str = "  ") -> str:
    """The cells as one text."""
    return gap.join(cell.text for cell in cells)
