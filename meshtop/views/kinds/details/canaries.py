"""A weighted route opened: its versions side by side, each calling cluster's split, owner, findings."""

from __future__ import annotations

from meshtop.analysis.canary.board import CanaryDestination, CanaryRow
from meshtop.analysis.canary.evidence import wilson
from meshtop.analysis.canary.verdict import Comparison, ComparisonVerdict, Honesty
from meshtop.model.state import Health, HealthStatus, Severity
from meshtop.sources.prometheus.promql import one_of
from meshtop.views.frame.charts import SOURCE_SIDE, request_charts
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related, verdict
from meshtop.views.frame.document import rfc3339
from meshtop.views.frame.numbers import integer, latency, percent, quantity, weight
from meshtop.views.frame.table import Cell
from meshtop.views.kinds.canaries import honesty_cell, verdict_cell
from meshtop.views.picture.picture import Picture


def health_of(row: CanaryRow) -> Health:
    """A route's findings as a verdict: an error is failing, a warning degraded."""
    severities = {one.severity for one in row.findings}
    reasons = tuple(one.message for one in row.findings)
    if Severity.ERROR in severities:
        return Health(HealthStatus.FAILING, reasons)
    if Severity.WARNING in severities:
        return Health(HealthStatus.DEGRADED, reasons)
    if row.honesty.verdict is Honesty.NO_TRAFFIC:
        return Health(HealthStatus.IDLE, reasons)
    known = row.honesty.verdict is Honesty.HONOURED
    return Health(HealthStatus.HEALTHY if known else HealthStatus.UNKNOWN, reasons)


def interval_text(row: CanaryRow, destination: CanaryDestination) -> str:
    """The observed share in percent with Wilson's 95 % interval: `20.4 (19.7 to 21.1)`; "" without traffic."""
    total = row.honesty.requests or 0.0
    if destination.observed_share is None:
        return ""
    found = wilson(destination.observed_share * total, total)
    span = f" ({percent(found.low)} to {percent(found.high)})" if found is not None else ""
    return f"{percent(destination.observed_share)}{span}"


def _version(row: CanaryRow, d: CanaryDestination) -> Section:
    t = d.traffic
    return Section(
        f"{d.name} in {row.cluster}",
        (
            fact("set weight", f"{'-' if d.weight is None else d.weight} ({weight(d.share)} %)"),
            fact("actual weight", f"{text} %" if (text := interval_text(row, d)) else None),
            fact("pods", f"{d.pods.ready} of {d.pods.total} ready"),
            fact("requests", None if t.requests_per_second is None else f"{quantity(t.requests_per_second)}/s"),
            fact("errors", None if t.error_ratio is None else f"{percent(t.error_ratio)} %"),
            fact("p99", None if t.latency_ms.p99 is None else latency(t.latency_ms.p99)),
            fact("host", d.host),
            fact("version", d.version),
        ),
    )


def comparison_text(one: ComparisonVerdict | None) -> str | None:
    """`worse by 3.9 points (3.1 to 4.8), E 4.2e+05`, or how many requests are still to go."""
    if one is None:
        return None
    difference = ""
    if one.difference is not None and one.interval is not None:
        low, high = one.interval.low * 100, one.interval.high * 100
        difference = f" by {one.difference * 100:+.2f} points ({low:+.2f} to {high:+.2f})"
    shown = "" if one.e_value is None else f", E {quantity(one.e_value)}"
    to_go = ""
    if one.verdict is Comparison.NOT_ENOUGH_DATA and one.requests_to_go:
        to_go = f", about {integer(one.requests_to_go)} requests to go"
    return f"{one.verdict.value}{difference}{shown}{to_go}"


def _judgement(row: CanaryRow) -> tuple[Fact, ...]:
    h, v = row.honesty, row.verdict
    evidence = "" if h.e_value is None else f" (E {quantity(h.e_value)}, {quantity(h.requests or 0.0)} requests)"
    slower, bound = comparison_text(v.latency), ""
    if slower is not None and v.bound_ms is not None:
        bound = f", counted as slow above {v.bound_ms:g} ms"
    honest, verdict_ = honesty_cell(h), verdict_cell(v)
    return (
        Fact("weights", Cell(honest.text.strip() + evidence, honest.tone)),
        Fact("verdict", Cell(verdict_.text.strip(), verdict_.tone)),
        fact("errors", comparison_text(v.errors)),
        fact("latency", None if slower is None else slower + bound),
    )


def detail(picture: Picture, item: CanaryRow, key: str) -> Detail:
    """Everything about one weighted route."""
    # The Gateway API splits one service's traffic over others: which of them is reported is the mesh's choice.
    hosts = tuple(sorted({item.host, *(d.host for d in item.destinations)} - {""}))
    change = item.last_change
    owner = item.owner.controller if item.owner.name is None else f"{item.owner.controller} ({item.owner.name})"
    callers = tuple(
        fact(c.cluster, " · ".join(f"{name} {weight(share)} %" for name, share in c.shares.items()))
        for c in item.callers
    )
    return Detail(
        kind="canaries",
        key=key,
        title=f"{item.kind} {item.namespace}/{item.name}#{item.route}",
        health=health_of(item),
        sections=(
            Section("How it does", (*verdict(health_of(item)), *_judgement(item))),
            *(_version(item, d) for d in item.destinations),
            Section("Calling clusters", callers or (fact("seen", None),)),
            Section(
                "What it is",
                (
                    fact("cluster", item.cluster),
                    fact("host", item.host),
                    fact("protocol", item.protocol),
                    fact("delegate of", item.delegate_of),
                    fact("owner", owner),
                    fact(
                        "last change",
                        None if change is None else f"{change.who} at {rfc3339(change.time.timestamp())}",
                    ),
                ),
            ),
            Section("What to do", tuple(fact(f.code, f.fix) for f in item.findings) or (fact("nothing", None),)),
        ),
        related=(
            related(
                picture,
                "edges",
                "Callers",
                lambda e: e.destination.service in hosts,
                "Nobody has called it in this window.",
            ),
        ),
        charts=request_charts(
            item.cluster,
            (SOURCE_SIDE, one_of("destination_service", hosts)),
            window_seconds=picture.snapshot.window_seconds,
        ),
    )
