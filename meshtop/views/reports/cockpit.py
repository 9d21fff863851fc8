"""A canary's cockpit: its versions beside each other in every cluster of the mesh, and their courses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.canary.board import CanaryDestination, CanaryRow
from meshtop.analysis.canary.judging import CanaryVerdict, worst_verdict
from meshtop.analysis.canary.verdict import NOT_KNOWN, Comparison, Honesty
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.numbers import milliseconds, percent, quantity, weight
from meshtop.model.state import Severity
from meshtop.model.text import clean
from meshtop.sources.prometheus.promql import Matcher, errors_percent, one_of, selector
from meshtop.views.frame.charts import MOST_LINES, SOURCE_SIDE, Chart, ChartLine, equals
from meshtop.views.frame.columns import NOTHING, ready_cell, signed, text_cell
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.moments import ago
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.canaries import SPLIT_SIGNS, SPLIT_TONES, VERDICT_SIGNS, VERDICT_TONES, VIEW
from meshtop.views.picture.picture import Picture
from meshtop.views.reports.attention.notice.canaries import IllCanary, ill_canary

WORSE = "✗ "
"""What is before a figure that makes a version worse."""
EARLY_SECONDS = 120.0
"""For so long after a change, the proxies following and two scrapes, nothing is known yet."""


class CockpitVersion(Struct, frozen=True, kw_only=True):
    """One version of a route in one cluster, as cells.

    `share` and `seen` are fractions (set and seen; None: no traffic was counted); `verdict` is empty for a version that
    nothing was said of.
    """

    cluster: str
    name: str
    share: float
    seen: float | None
    set_: Cell
    actual: Cell
    requests: Cell
    errors: Cell
    p99: Cell
    ready: Cell
    verdict: Cell


class CockpitCluster(Struct, frozen=True, kw_only=True):
    """A cluster whose callers obey the route: how its split does, and its versions."""

    name: str
    split: Cell
    versions: tuple[CockpitVersion, ...]


class Cockpit(Struct, frozen=True, kw_only=True):
    """All that is needed to decide about a canary.

    `headline` is the verdict as a sentence, and `candidate` the version that it is about: the one that is judged, else
    the one with the smallest share. `others` are clusters that have such a route outside the mesh.
    """

    label: str
    headline: Cell
    candidate: str
    clusters: tuple[CockpitCluster, ...]
    rows: tuple[CanaryRow, ...]
    others: tuple[str, ...] = ()


def cockpit(picture: Picture, key: str) -> Cockpit | None:
    """The cockpit of a route by the key of one of its rows; None when the route does not exist (any more)."""
    row: CanaryRow | None = find_item(picture, VIEW.kind, key)
    if row is None:
        return None
    alike = [one for one in VIEW.all_items(picture) if one.label == row.label]
    mine = [one for one in alike if one.cluster == row.cluster or (row.mesh is not None and one.mesh == row.mesh)]
    mine.sort(key=lambda one: (one.cluster != row.cluster, one.cluster))
    worst = worst_verdict([one.verdict for one in mine])
    found = {one.cluster: ill_canary(picture, one) for one in mine if worst.verdict is not Comparison.WORSE}
    ill = {cluster: one for cluster, one in found.items() if one is not None}
    return Cockpit(
        label=row.label,
        headline=_headline(worst, mine, ill, picture.snapshot.at),
        candidate=next(iter(ill.values())).canary.name if ill else worst.canary or _smallest(row),
        clusters=tuple(_cluster(one, ill.get(one.cluster)) for one in mine),
        rows=tuple(mine),
        others=tuple(one.cluster for one in alike if one not in mine),
    )


def _smallest(row: CanaryRow) -> str:
    """The version that looks like the canary: the smallest share, of equal ones the last."""
    return min(reversed(row.destinations), key=lambda d: d.share).name if row.destinations else ""


def _headline(worst: CanaryVerdict, rows: Sequence[CanaryRow], ill: Mapping[str, IllCanary], at: float) -> Cell:
    """The verdict; where nothing is bad about the versions, a split that is not as set comes first.

    A canary that is `ill` (by cluster) is told before what was counted since the weights changed, as NOW tells it.
    `at` is the picture's moment, in Unix seconds: what was changed just before cannot be judged yet.
    """
    if ill:
        first = next(iter(ill.values()))
        failing = any(one.fault.severity is Severity.ERROR for one in ill.values())
        told = f"{first.canary.name} is ill, {first.baseline.name} is not, in {', '.join(ill)}: {first.why}"
        since = f"Compared since the weights changed: {worst.summary}"
        return signed(WORSE if failing else "▲ ", clean(f"{told.rstrip('.')}. {since}"), _ill_tone(failing))
    off = [row for row in rows if row.honesty.verdict is Honesty.NOT_HONOURED]
    if worst.verdict is not Comparison.WORSE and off:
        where = ", ".join(row.cluster for row in off)
        return signed(WORSE, clean(f"{off[0].honesty.summary} in {where}"), Tone.FAILING)
    if worst.verdict is Comparison.WORSE:
        return signed(WORSE, clean(worst.summary), Tone.FAILING)
    changed = max((row.last_change.time.timestamp() for row in rows if row.last_change), default=None)
    if worst.words == NOT_KNOWN and changed is not None and 0 <= at - changed < EARLY_SECONDS:
        early = f"too early to judge: the weights changed {ago(changed, at)}"
        return signed(VERDICT_SIGNS[worst.verdict], early, Tone.UNKNOWN)
    return signed(VERDICT_SIGNS[worst.verdict], clean(worst.summary), VERDICT_TONES[worst.verdict])


def _cluster(row: CanaryRow, ill: IllCanary | None) -> CockpitCluster:
    honesty = row.honesty
    words = "no calls take this route" if honesty.verdict is Honesty.NO_TRAFFIC else f"split {honesty.words}"
    return CockpitCluster(
        name=row.cluster,
        split=signed(SPLIT_SIGNS[honesty.verdict], words, SPLIT_TONES[honesty.verdict]),
        versions=tuple(_version(row, d, ill) for d in row.destinations),
    )


def _version(row: CanaryRow, d: CanaryDestination, ill: IllCanary | None) -> CockpitVersion:
    judged = row.verdict if row.verdict.canary == d.name else None
    off = row.honesty.verdict is Honesty.NOT_HONOURED
    return CockpitVersion(
        cluster=row.cluster,
        name=clean(d.name),
        share=d.share,
        seen=d.observed_share,
        set_=text_cell(weight(d.share)),
        actual=NOTHING
        if d.observed_share is None
        else text_cell(f"{100 * d.observed_share:.1f}", Tone.FAILING if off else Tone.PLAIN),
        requests=text_cell(quantity(d.traffic.requests_per_second)),
        errors=_figure(percent(d.traffic.error_ratio), judged is not None and _bad(judged, "errors")),
        p99=_figure(milliseconds(d.traffic.latency_ms.p99), judged is not None and _bad(judged, "latency")),
        ready=ready_cell(d.pods),
        verdict=_verdict_of(row, d, ill),
    )


def _figure(text: str, bad: bool) -> Cell:
    return Cell(WORSE + text, Tone.FAILING) if bad else text_cell(text)


def _bad(verdict: CanaryVerdict, question: str) -> bool:
    answer = verdict.errors if question == "errors" else verdict.latency
    return answer is not None and answer.verdict is Comparison.WORSE


def _verdict(verdict: CanaryVerdict) -> Cell:
    """The verdict in few words, with the difference that makes it."""
    told = [one.figures for _, one in verdict.questions if one.verdict is verdict.verdict and one.figures]
    figures = "" if verdict.verdict is Comparison.NOT_ENOUGH_DATA or not told else told[0]
    text = " · ".join(filter(None, (verdict.words, figures)))
    sign = WORSE if verdict.verdict is Comparison.WORSE else VERDICT_SIGNS[verdict.verdict]
    tone = Tone.FAILING if verdict.verdict is Comparison.WORSE else VERDICT_TONES[verdict.verdict]
    return signed(sign, clean(text), tone)


def _verdict_of(row: CanaryRow, d: CanaryDestination, ill: IllCanary | None) -> Cell:
    """What is said of a version: its verdict, and before it that it is ill; else its part."""
    judged = row.verdict if row.verdict.canary == d.name else None
    said = _verdict(judged) if judged is not None else _role(row, d)
    if ill is None or ill.canary.name != d.name:
        return said
    failing = ill.fault.severity is Severity.ERROR
    compared = f" · compared: {judged.words}" if judged is not None else ""
    return signed(WORSE if failing else "▲ ", clean(f"ill{compared}"), _ill_tone(failing))


def _ill_tone(failing: bool) -> Tone:
    return Tone.FAILING if failing else Tone.DEGRADED


def _role(row: CanaryRow, d: CanaryDestination) -> Cell:
    return signed("", "baseline", Tone.DIM) if row.verdict.baseline == d.name else text_cell("")


def version_charts(row: CanaryRow, *, window_seconds: float) -> tuple[Chart, ...]:
    """Share of errors and p99 of each version of a route, as the callers of its cluster report them.

    Versions that no label tells apart, of one host and without a version, have no lines of their own.
    """
    window = duration_text(window_seconds)
    seen = [caller.cluster for caller in row.callers]
    where = row.cluster if row.cluster in seen or not seen else seen[0]
    errors, slow = [], []
    for name, matchers in _told_apart(row)[:MOST_LINES]:
        chosen = (SOURCE_SIDE, *matchers)
        buckets = f"sum by (le) (rate({selector('istio_request_duration_milliseconds_bucket', chosen)}[{window}]))"
        errors.append(ChartLine(name, "%", errors_percent(window, chosen)))
        slow.append(ChartLine(name, "ms", f"histogram_quantile(0.99, {buckets})"))
    if not errors:
        return ()
    return (Chart("Error ratio", "%", where, tuple(errors)), Chart("Latency p99", "ms", where, tuple(slow)))


def _told_apart(row: CanaryRow) -> list[tuple[str, tuple[Matcher, ...]]]:
    """Each destination with what selects the calls to it."""
    hosts = tuple(sorted({row.host, *(d.host for d in row.destinations)} - {""}))
    by_host = len({d.host for d in row.destinations}) == len(row.destinations) > 1
    found: list[tuple[str, tuple[Matcher, ...]]] = []
    for d in row.destinations:
        if d.version:
            found.append((d.name, (one_of("destination_service", hosts), *equals({"destination_version": d.version}))))
        elif by_host:
            found.append((d.name, equals({"destination_service": d.host})))
    return found
