"""The kind `canaries`: every weighted route of every cluster, what the mesh sends, and how each version does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtop.analysis.canary.board import CanaryRow
from meshtop.analysis.canary.judging import CanaryVerdict
from meshtop.analysis.canary.verdict import Comparison, Honesty, HonestyVerdict
from meshtop.model.mesh import Ready
from meshtop.model.state import Severity
from meshtop.views.frame import columns as c
from meshtop.views.frame.columns import NOTHING, ready_cell, text_cell
from meshtop.views.frame.numbers import weight
from meshtop.views.frame.table import Align, Cell, Column, Tone
from meshtop.views.frame.view import View
from meshtop.views.picture.query import Place

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

VERDICT_TONES = {
    Comparison.WORSE: Tone.DEGRADED,
    Comparison.NOT_WORSE: Tone.PLAIN,
    Comparison.NOT_ENOUGH_DATA: Tone.UNKNOWN,
}
VERDICT_SIGNS = {Comparison.WORSE: "▲ ", Comparison.NOT_WORSE: "", Comparison.NOT_ENOUGH_DATA: "? "}
VERDICT_ORDER = {Comparison.WORSE: 0, Comparison.NOT_ENOUGH_DATA: 1, Comparison.NOT_WORSE: 2}
HONESTY_TONES = {
    Honesty.NOT_HONOURED: Tone.FAILING,
    Honesty.HONOURED: Tone.PLAIN,
    Honesty.NOT_ENOUGH_DATA: Tone.UNKNOWN,
    Honesty.NO_TRAFFIC: Tone.DIM,
}
HONESTY_SIGNS = {
    Honesty.NOT_HONOURED: "✗ ",
    Honesty.HONOURED: "",
    Honesty.NOT_ENOUGH_DATA: "? ",
    Honesty.NO_TRAFFIC: "",
}
HONESTY_ORDER = {Honesty.NOT_HONOURED: 0, Honesty.NOT_ENOUGH_DATA: 1, Honesty.NO_TRAFFIC: 2, Honesty.HONOURED: 3}


def build(picture: Picture) -> list[CanaryRow]:
    """A row for each weighted route of each cluster."""
    return list(picture.canaries.rows())


def verdict_cell(verdict: CanaryVerdict) -> Cell:
    """A verdict with its sign."""
    return c.signed(VERDICT_SIGNS[verdict.verdict], verdict.verdict.value, VERDICT_TONES[verdict.verdict])


def honesty_cell(honesty: HonestyVerdict) -> Cell:
    """Whether the mesh sends what the weights say, with its sign."""
    return c.signed(HONESTY_SIGNS[honesty.verdict], honesty.verdict.value, HONESTY_TONES[honesty.verdict])


def set_text(row: CanaryRow) -> str:
    """The split as written: `v2 80 · v3 20`."""
    return " · ".join(f"{d.name} {weight(d.share)}" for d in row.destinations)


def _set_cell(row: CanaryRow) -> Cell:
    """The split with names as short as they are clear: backends that are called after their route without its name."""
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


VIEW: View[CanaryRow] = View(
    kind="canaries",
    singular="canary",
    list_kind="CanaryList",
    title="Canaries",
    item=CanaryRow,
    columns=(
        c.text("service", "SERVICE", "The service whose versions are weighed.", "service", aliases=("svc",), wide=True,
               priority=6, max_width=60),
        c.text("namespace", "NAMESPACE", "The route's namespace.", "namespace", aliases=("ns",), priority=2),
        c.text("name", "ROUTE OF", "The object that holds the weights.", "name", priority=0, min_width=7,
               max_width=40),
        c.text("route", "#", "The route's name, else its number.", "route", priority=3, max_width=16),
        c.text("kind", "KIND", "VirtualService, HTTPRoute, GRPCRoute, TCPRoute or TLSRoute.", "kind", wide=True,
               priority=7),
        c.text("cluster", "CLUSTER", "The cluster whose callers obey it.", "cluster", priority=0, max_width=32),
        c.text("protocol", "PROTO", "http, grpc, tcp or tls.", "protocol", wide=True, priority=7),
        Column(name="set", title="SET %", help="The weights, as shares.", value=set_text,
               cell=_set_cell, priority=0, min_width=14, max_width=48),
        Column(name="actual", title="ACTUAL %", help="What the callers were seen to send, in the same order.",
               value=lambda r: tuple(d.observed_share for d in r.destinations), cell=_actual_cell, priority=1,
               min_width=11, max_width=32),
        Column(name="honesty", title="HONEST", help="Whether the mesh sends what the weights say.",
               value=lambda r: r.honesty.verdict.value, cell=lambda r: honesty_cell(r.honesty),
               order=lambda r: HONESTY_ORDER[r.honesty.verdict], priority=2, min_width=8, max_width=17),
        Column(name="verdict", title="VERDICT", help="Whether the canary is worse than its baseline.",
               value=lambda r: r.verdict.verdict.value, cell=lambda r: verdict_cell(r.verdict),
               order=lambda r: VERDICT_ORDER[r.verdict.verdict], priority=0, min_width=8, max_width=17),
        c.count("requestsToGo", "TO GO", "About how many requests until a verdict.",
                lambda r: r.verdict.requests_to_go, wide=True, priority=6),
        c.rate("requests", "REQUESTS", "Requests since the weights last changed, at most an hour's.",
               lambda r: r.honesty.requests, unit="", aliases=("reqs",), wide=True, priority=5),
        Column(name="pods", title="PODS", help="Ready pods behind all destinations in this cluster.",
               value=lambda r: _pods(r).ready, cell=lambda r: ready_cell(_pods(r)), align=Align.RIGHT,
               numeric=True, priority=4),
        c.text("owner", "OWNER", "The controller that owns the weights, if any.", "owner.controller", priority=4,
               max_width=16),
        c.text("changedBy", "CHANGED BY", "Who changed the object last.",
               lambda r: r.last_change.who if r.last_change else None, wide=True, priority=6, max_width=28),
        Column(name="findings", title="FINDINGS", help="What is wrong: codes of docs/findings.md.",
               value=lambda r: tuple(f.code for f in r.findings), cell=_findings_cell,
               aliases=("finding", "code"), priority=2, max_width=40),
        c.words("destination", "DESTINATION", "Names of destinations.", lambda r: tuple(d.name for d in r.destinations),
                hidden=True),
        c.words("host", "HOST", "The host it answers for.", "host", hidden=True),
    ),
    build=build,
    path=lambda r: (r.cluster, r.namespace, f"{r.name}#{r.route}"),
    key=lambda r: r.id,
    places=lambda r: (Place(cluster=r.cluster, namespace=r.namespace),),
    default_sort="verdict,honesty,service,name,route,cluster",
    empty="No route with weights is in these clusters.",
    related=("edges", "workloads"),
)  # fmt: skip
