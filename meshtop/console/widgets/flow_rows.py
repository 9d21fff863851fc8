"""The lines of one side of a Flow: calls, what is beyond them, and a count of those for which there is no room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.analysis.graph.pipe import carried_bytes, is_plaintext
from meshtop.analysis.graph.service_graph import GraphNode
from meshtop.model.numbers import UNKNOWN, latency, percent, quantity
from meshtop.model.state import HealthStatus
from meshtop.model.text import clean
from meshtop.model.traffic import Sums
from meshtop.views.frame.columns import HEALTH_SIGNS, HEALTH_TONES, mtls_tone
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.reports.flow import FlowCall

LOCKED, UNLOCKED = "🔒", "🔓"
_CALM = (HealthStatus.HEALTHY, HealthStatus.IDLE)


METRIC_TITLES = {
    GraphMetric.RATE: "share",
    GraphMetric.ERRORS: "errors",
    GraphMetric.P99: "p99",
    GraphMetric.MTLS: "mTLS",
}


class FlowRow(Struct, frozen=True):
    """A line of a side: a call at a depth (0: of the centre itself), or, without a call, a count of others.

    `folded` are the calls that the line stands for; `more` counts calls further out that are not shown.
    """

    call: FlowCall | None
    depth: int = 0
    folded: tuple[FlowCall, ...] = ()
    more: int = 0

    @property
    def text(self) -> str:
        """What a line without a call says: `+ 12 healthy`."""
        if not self.folded:
            return f"+ {self.more} more"
        sick = sum(call.edge.health.status not in _CALM for call in self.folded)
        plain = sum(is_plaintext(call.edge) for call in self.folded)
        told = ((sick, f"{sick} not healthy"), (plain, f"{plain} in plaintext"))
        but = [text for count, text in told if count]
        return ", ".join([f"+ {len(self.folded)} more", *but]) if but else f"+ {len(self.folded)} healthy"


def side_rows(calls: Sequence[FlowCall], room: int, *, opened: bool = False, only_ill: bool = False) -> list[FlowRow]:
    """The rows of a side in `room` lines; what does not fit is one line, unless it was opened: then all are rows.

    With `only_ill` what is healthy is in that line too.
    """
    folded: list[FlowCall] = []
    if only_ill and not opened:
        folded = [call for call in calls if call.edge.health.status in _CALM]
        calls = [call for call in calls if call.edge.health.status not in _CALM]
    rest = [FlowRow(None, folded=tuple(folded))] if folded else []
    every = [list(_rows_of(call, 0)) for call in calls]
    if opened or sum(map(len, every)) + len(rest) <= room:
        return [*(row for rows in every for row in rows), *rest]
    shown: list[FlowRow] = []
    for number, rows in enumerate(every):
        if shown and len(shown) + len(rows) > room - 1:
            return [*shown, FlowRow(None, folded=(*calls[number:], *folded))]
        # Of one that alone is too long, what is furthest goes first.
        shown += rows[: max(1, room - 1 - len(shown))]
    return [*shown, *rest]


def _rows_of(call: FlowCall, depth: int) -> Iterator[FlowRow]:
    yield FlowRow(call, depth)
    for one in call.beyond:
        yield from _rows_of(one, depth + 1)
    if call.more:
        yield FlowRow(None, depth + 1, more=call.more)


def rate_text(sums: Sums) -> str:
    """Requests per second; bytes of TCP where there are none."""
    if sums.requests is not None:
        return quantity(sums.requests)
    carried = carried_bytes(sums)
    return UNKNOWN if carried is None else f"{quantity(carried)}B/s"


def errors_cell(call: FlowCall) -> Cell:
    """The share of failed requests with the sign of the call's health; of TCP the sign alone."""
    status = call.edge.health.status
    sums = call.edge.sums
    text = "" if sums.requests is None else percent(sums.traffic().error_ratio)
    return Cell(f"{HEALTH_SIGNS[status]}{text}".strip(), HEALTH_TONES[status])


def lock_cell(ratio: float | None) -> Cell:
    """A lock for mutual TLS, an open one where part of it was plaintext; nothing where it is not known."""
    if ratio is None:
        return Cell("")
    tone = mtls_tone(ratio)
    return Cell(LOCKED, Tone.DIM) if tone is not Tone.DEGRADED else Cell(UNLOCKED, tone)


def measured(call: FlowCall, metric: GraphMetric, slowest: float | None) -> tuple[float | None, str]:
    """The part of a bar that a call fills (0…1) and its figure; `slowest` is the highest p99 of the side."""
    if metric is GraphMetric.RATE:
        return call.share.traffic, _percent(call.share.traffic)
    if metric is GraphMetric.ERRORS:
        return call.share.errors, _percent(call.share.errors)
    if metric is GraphMetric.MTLS:
        return call.edge.mtls_ratio, _percent(call.edge.mtls_ratio)
    p99 = p99_of(call.edge.sums)
    return (None if p99 is None or not slowest else p99 / slowest), latency(p99)


def p99_of(sums: Sums) -> float | None:
    """The p99 in milliseconds, without the other quantiles."""
    return sums.buckets.quantile(0.99)


def slowest_of(rows: Sequence[FlowRow]) -> float | None:
    """The highest p99 of a side in milliseconds; None where nothing was timed."""
    known = [p99 for row in rows if row.call is not None and (p99 := p99_of(row.call.edge.sums)) is not None]
    return max(known, default=None)


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{percent(share)} %"


def where_text(node: GraphNode) -> str:
    """Whose and where it is: `storefront · us-east`."""
    parts = (node.tenant, node.cluster if node.label != node.cluster else "")
    return " · ".join(clean(part) for part in parts if part)
