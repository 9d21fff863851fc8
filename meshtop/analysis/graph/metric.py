"""The one metric that a drawing shows on its edges and beside its names: rate, errors, p99, or mutual TLS."""

from __future__ import annotations

import re
from enum import StrEnum

from meshtop.analysis.graph.service_graph import GraphNode
from meshtop.model.traffic import Sums

UNKNOWN = "–"
MOST_CELLS = 7
_DIGIT_TOO_MANY = re.compile(r"(\.\d)\d|\.\d(?!\d)|(?<=<)0(?=\.)")


class GraphMetric(StrEnum):
    """What the numbers of a drawing are."""

    RATE = "rate"
    ERRORS = "errors"
    P99 = "p99"
    MTLS = "mTLS"

    @property
    def following(self) -> GraphMetric:
        """The next one, from the last to the first."""
        every = list(GraphMetric)
        return every[(every.index(self) + 1) % len(every)]


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


def flow(sums: Sums) -> str:
    """The volume per second: requests, else bytes, else connections; a dash where nothing is known."""
    if sums.requests is not None:
        return f"{rate(sums.requests)}/s"
    if sums.sent is not None or sums.received is not None:
        return f"{rate((sums.sent or 0.0) + (sums.received or 0.0))}B/s"
    if sums.connections is not None:
        return f"{rate(sums.connections)}c/s"
    if sums.messages_sent is not None or sums.messages_received is not None:
        return f"{rate((sums.messages_sent or 0.0) + (sums.messages_received or 0.0))}m/s"
    return UNKNOWN


def percent_text(ratio: float) -> str:
    """A ratio as a percentage, never rounded up to 100 or down to 0."""
    value = ratio * 100
    if 0 < value < 0.01:
        return "<0.01%"
    if 99.95 <= value < 100:
        return ">99.9%"
    return f"{rate(value)}%"


def short_latency(value: float) -> str:
    """A latency given in milliseconds, in milliseconds or seconds."""
    return f"{rate(value / 1000)}s" if value >= 999.5 else f"{rate(value)}ms"


def metric_text(sums: Sums, metric: GraphMetric) -> str:
    """The number of a metric with its unit, at most `MOST_CELLS` cells; a dash where it is not known."""
    if metric is GraphMetric.RATE:
        text = flow(sums)
        return text if len(text) <= MOST_CELLS else _DIGIT_TOO_MANY.sub(r"\1", text)
    if metric is GraphMetric.ERRORS:
        return percent_text((sums.errors or 0.0) / sums.requests) if sums.requests else UNKNOWN
    if metric is GraphMetric.P99:
        p99 = sums.buckets.quantile(0.99)
        return UNKNOWN if p99 is None else short_latency(p99)
    ratio = sums.mtls_ratio
    return UNKNOWN if ratio is None else percent_text(ratio)


def node_sums(node: GraphNode) -> Sums:
    """The traffic that a node's number is about: what it receives, else what stays inside it, else its own calls."""
    return next((s for s in (node.inbound, node.internal) if flow(s) != UNKNOWN), node.outbound)
