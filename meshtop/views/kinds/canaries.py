"""The kind `canaries`: every weighted route of every cluster, its observed split, and each version's health."""

from __future__ import annotations

from functools import partial

from meshtop.analysis.canary.board import CanaryDestination, CanaryRow, board_order
from meshtop.analysis.canary.evidence import Interval
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.verdict import Comparison, Honesty, HonestyVerdict
from meshtop.model.mesh import Ready
from meshtop.model.numbers import latency, percent, quantity, weight
from meshtop.model.state import Health, HealthStatus, Severity
from meshtop.sources.prometheus.promql import one_of
from meshtop.views.frame.charts import SOURCE_SIDE, charts_by_cluster
from meshtop.views.frame.columns import NOTHING, Columns, ready_cell, signed, text_cell
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Fact, Section, fact, verdict
from meshtop.views.frame.moments import ago
from meshtop.views.frame.rules import held_object, rules_section
from meshtop.views.frame.table import Align, Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import domain_unknowns, obeys_unknowns
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place

VERDICT_TONES = {
    Comparison.WORSE: Tone.DEGRADED,
    Comparison.NOT_WORSE: Tone.PLAIN,
    Comparison.NOT_ENOUGH_DATA: Tone.UNKNOWN,
}
VERDICT_SIGNS = {Comparison.WORSE: "▲ ", Comparison.NOT_WORSE: "", Comparison.NOT_ENOUGH_DATA: "? "}
VERDICT_ORDER = {Comparison.WORSE: 0, Comparison.NOT_ENOUGH_DATA: 1, Comparison.NOT_WORSE: 2}
SPLIT_TONES = {
    Honesty.NOT_HONOURED: Tone.FAILING,
    Honesty.HONOURED: Tone.PLAIN,
    Honesty.NOT_ENOUGH_DATA: Tone.UNKNOWN,
    Honesty.NO_TRAFFIC: Tone.DIM,
}
SPLIT_SIGNS = {
    Honesty.NOT_HONOURED: "✗ ",
    Honesty.HONOURED: "",
    Honesty.NOT_ENOUGH_DATA: "? ",
    Honesty.NO_TRAFFIC: "",
}
SPLIT_ORDER = {Honesty.NOT_HONOURED: 0, Honesty.NOT_ENOUGH_DATA: 1, Honesty.NO_TRAFFIC: 2, Honesty.HONOURED: 3}


_IN_BRIEF: Key[list[CanaryRow]] = Key("canaries in brief")


def build(picture: Picture, *, in_brief: bool = False) -> list[CanaryRow]:
    """A row for each weighted route of each cluster."""
    board = picture.canaries
    make = partial(board.row, in_brief=in_brief)
    rows = picture.rows("canaries", board.survey.surveyed, make, lambda surveyed: surveyed.route)
    return sorted(rows, key=board_order)


def rows_in_brief(picture: Picture) -> list[CanaryRow]:
    """The same rows without what takes nine tenths of judging them, and is read only where they are shown.

    These are the intervals, and from how many bad answers on a canary is worse. What is bad has them all the same.
    """
    return picture.cached(_IN_BRIEF, partial(build, picture, in_brief=True))


def verdict_cell(verdict: CanaryVerdict) -> Cell:
    """A verdict with its sign."""
    return signed(VERDICT_SIGNS[verdict.verdict], verdict.words, VERDICT_TONES[verdict.verdict])


def split_cell(honesty: HonestyVerdict) -> Cell:
    """Whether the observed split matches the weights, with its sign."""
    return signed(SPLIT_SIGNS[honesty.verdict], honesty.words, SPLIT_TONES[honesty.verdict])


def set_text(row: CanaryRow) -> str:
    """The split as written: `v2 80 · v3 20`."""
    return " · ".join(f"{d.name} {weight(d.share)}" for d in row.destinations)


def _set_cell(row: CanaryRow) -> Cell:
    """The split with short names: the route's name is removed from its backends' names."""
    names = [d.name for d in row.destinations]
    start = f"{row.name}-"
    if all(name.startswith(start) and len(name) > len(start) for name in names):
        names = [name.removeprefix(start) for name in names]
    shares = (weight(d.share) for d in row.destinations)
    return text_cell(" · ".join(f"{name} {share}" for name, share in zip(names, shares, strict=True)))


def _actual_cell(row: CanaryRow) -> Cell:
    if all(d.observed_share is None for d in row.destinations):
        return NOTHING
    tone = Tone.FAILING if row.honesty.verdict is Honesty.NOT_HONOURED else Tone.PLAIN
    return text_cell(" · ".join(f"{100 * (d.observed_share or 0.0):.1f}" for d in row.destinations), tone)


def _pods(row: CanaryRow) -> Ready:
    return Ready(sum(d.pods.ready for d in row.destinations), sum(d.pods.total for d in row.destinations))


def _findings_cell(row: CanaryRow) -> Cell:
    if not row.findings:
        return text_cell("")
    severities = {one.severity for one in row.findings}
    tone = Tone.DIM
    if Severity.ERROR in severities:
        tone = Tone.FAILING
    elif Severity.WARNING in severities:
        tone = Tone.DEGRADED
    return text_cell(",".join(one.code.removeprefix("CANARY-").lower() for one in row.findings), tone)


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
    """The observed share in percent with its interval: `20.4 (19.7 to 21.1)`; "" without traffic."""
    return _with_interval(destination.observed_share, destination.share_interval)


def _with_interval(share: float | None, interval: Interval | None) -> str:
    if share is None:
        return ""
    span = f" ({percent(interval.low)} to {percent(interval.high)})" if interval is not None else ""
    return f"{percent(share)}{span}"


def _version(row: CanaryRow, d: CanaryDestination) -> Section:
    t = d.traffic
    return Section(
        f"{d.name} in {row.cluster}",
        (
            fact("set weight", f"{'-' if d.weight is None else d.weight} ({weight(d.share)} %)"),
            fact("actual weight", f"{text} %" if (text := interval_text(row, d)) else None),
            fact("pods", f"{d.pods.ready} of {d.pods.total} ready"),
            fact("requests", None if t.requests_per_second is None else f"{quantity(t.requests_per_second)}/s"),
            fact("errors", f"{text} %" if (text := _with_interval(t.error_ratio, d.error_interval)) else None),
            fact("p99", None if t.latency_ms.p99 is None else latency(t.latency_ms.p99)),
            fact("host", d.host),
            fact("version", d.version),
        ),
    )


def _judgement(row: CanaryRow) -> tuple[Fact, ...]:
    h, v = row.honesty, row.verdict
    requests = f" ({quantity(h.requests)} requests)" if h.requests else ""
    split, verdict_ = split_cell(h), verdict_cell(v)
    return (
        Fact("split", Cell(f"{h.summary}{requests}", split.tone)),
        Fact("verdict", Cell(v.summary, verdict_.tone)),
        *(
            fact(name, f"{one.summary} ({one.explanation})" if one.explanation else one.summary)
            for name, one in v.questions
        ),
        fact("evidence", _evidence(v)),
    )


def _evidence(v: CanaryVerdict) -> str | None:
    """The e-value, for whoever wants to know how the verdict comes about."""
    if v.e_value is None or v.e_value_needed is None:
        return None
    return f"E {v.e_value:.3g}; {v.e_value_needed:.3g} is certain"


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
            Section("Health", (*verdict(health_of(item)), *_judgement(item))),
            *(_version(item, d) for d in item.destinations),
            Section("Calling clusters", callers or (fact("seen", None),)),
            Section(
                "About",
                (
                    *VIEW.facts(item, "cluster", "host", "protocol"),
                    fact("delegate of", item.delegate_of),
                    fact("owner", owner),
                    fact(
                        "last change",
                        None
                        if change is None
                        else f"{change.who}, {ago(change.time.timestamp(), picture.snapshot.at)}",
                    ),
                ),
            ),
            *_rules(picture, item),
            Section("Fixes", tuple(fact(f.code, f.fix) for f in item.findings) or (fact("nothing", None),)),
        ),
        related=(
            related(
                picture,
                "edges",
                "Callers",
                lambda e: e.destination.service in hosts,
                "No calls to it in this window.",
            ),
        ),
        # Callers of a remote cluster obey the route too, and report to a Prometheus of their own.
        charts=charts_by_cluster(
            dict.fromkeys(
                [c.cluster for c in item.callers] or [item.cluster], (SOURCE_SIDE, one_of("destination_service", hosts))
            ),
            window_seconds=picture.snapshot.window_seconds,
        ),
    )


def _rules(picture: Picture, item: CanaryRow) -> tuple[Section, ...]:
    """All that the route's object does besides weighing, its own rule first."""
    obj = held_object(picture, item.cluster, item.kind, item.namespace, item.name)
    return () if obj is None else (rules_section(obj, item.route),)


c = Columns(CanaryRow)

VIEW: View[CanaryRow] = View(
    kind="canaries",
    singular="canary",
    list_kind="CanaryList",
    title="Canaries",
    item=CanaryRow,
    columns=(
        c.text("service", "SERVICE", "The service whose versions are weighted.", "service", aliases=("svc",), wide=True,
               priority=6, max_width=60),
        c.text("namespace", "NAMESPACE", "The route's namespace.", "namespace", aliases=("ns",), priority=2),
        c.text("name", "ROUTE OF", "The object that holds the weights.", "name", priority=0, min_width=7,
               max_width=40),
        c.text("route", "#", "The route's name, else its number.", "route", priority=3, max_width=16),
        c.text("kind", "KIND", "VirtualService, HTTPRoute, GRPCRoute, TCPRoute or TLSRoute.", "kind", wide=True,
               priority=7),
        c.text("cluster", "CLUSTER", "The cluster whose callers follow it.", "cluster", priority=0, max_width=32),
        c.text("protocol", "PROTO", "http, grpc, tcp or tls.", "protocol", label="protocol", wide=True, priority=7),
        c.custom(name="set", title="SET %", help_="The weights, as shares.", value=set_text,
                 cell=_set_cell, priority=0, min_width=14, max_width=48),
        c.custom(name="actual", title="ACTUAL %", help_="The observed shares, in the same order.",
                 value=lambda r: tuple(d.observed_share for d in r.destinations), cell=_actual_cell, priority=1,
                 min_width=11, max_width=32),
        c.custom(name="honesty", title="SPLIT", help_="Whether the observed split matches the weights: as set, or off.",
                 value=lambda r: (r.honesty.verdict.value, r.honesty.words),
                 cell=lambda r: split_cell(r.honesty), order=lambda r: SPLIT_ORDER[r.honesty.verdict],
                 aliases=("split",), priority=2, min_width=8, max_width=20),
        c.custom(name="verdict", title="VERDICT", help_="Whether the canary is worse than its baseline.",
                 value=lambda r: (r.verdict.verdict.value, r.verdict.words), cell=lambda r: verdict_cell(r.verdict),
                 order=lambda r: VERDICT_ORDER[r.verdict.verdict], priority=0, min_width=20, max_width=22),
        c.count("requestsToGo", "TO GO", "About how many requests until a verdict.",
                lambda r: r.verdict.requests_to_go, wide=True, priority=6),
        c.rate("requests", "REQUESTS", "Requests since the weights last changed, at most an hour's.",
               lambda r: r.honesty.requests, unit="", aliases=("reqs",), wide=True, priority=5),
        c.custom(name="pods", title="PODS", help_="Ready pods behind all destinations in this cluster.",
                 value=lambda r: _pods(r).ready, cell=lambda r: ready_cell(_pods(r)), align=Align.RIGHT,
                 numeric=True, priority=4),
        c.text("owner", "OWNER", "The controller that owns the weights, if any.", "owner.controller", priority=4,
               max_width=16),
        c.text("changedBy", "CHANGED BY", "The field manager that changed the object last.",
               lambda r: r.last_change.who if r.last_change else None, wide=True, priority=6, max_width=28),
        c.custom(name="findings", title="FINDINGS", help_="Findings by code (docs/findings.md).",
                 value=lambda r: tuple(f.code for f in r.findings), cell=_findings_cell,
                 aliases=("finding", "code"), priority=2, max_width=40),
        c.words("destination", "DESTINATION", "Names of destinations.", lambda r: tuple(d.name for d in r.destinations),
                hidden=True),
        c.text("host", "HOST", "The host it answers for.", "host", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda r: (r.cluster, r.namespace, f"{r.name}#{r.route}"),
    key=lambda r: r.id,
    places=lambda r: (Place(cluster=r.cluster, namespace=r.namespace),),
    default_sort="verdict,honesty,service,name,route,cluster",
    empty="There are no weighted routes in these clusters.",
    unknowns=lambda picture: (*obeys_unknowns(picture), *domain_unknowns(picture)),
    needs=Needs(("VirtualService", "HTTPRoute", "GRPCRoute", "TCPRoute",
                 "TLSRoute", "DestinationRule", "Service", "Pod", "Sidecar"), traffic=True),
    related=("edges", "workloads"),
)  # fmt: skip
