"""The report `whatif apply` in words: a table of calls, and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from meshtop.analysis.forecast.differences import ForecastEffect
from meshtop.model.numbers import quantity, written_out
from meshtop.model.state import Severity
from meshtop.model.text import clean
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.ends import end_columns, end_text
from meshtop.views.frame.table import Cell, Column, Table, Tone
from meshtop.views.kinds.findings import FindingItem
from meshtop.views.reports.forecast import ForecastAnswer, ForecastCounts, ForecastItem, ForecastObject, ObjectFate

_TONES = {
    ForecastEffect.DEPENDS: Tone.UNKNOWN,
    ForecastEffect.MOVES: Tone.DEGRADED,
    ForecastEffect.MENDS: Tone.GOOD,
    ForecastEffect.FAILS_ALREADY: Tone.DIM,
}
_SIGNS = {
    ForecastEffect.DEPENDS: "? ",
    ForecastEffect.MOVES: "▲ ",
    ForecastEffect.MENDS: "",
    ForecastEffect.FAILS_ALREADY: "",
}
_BREAKS = {
    ForecastEffect.DENIED: "denied",
    ForecastEffect.MTLS: "broken by mutual TLS",
    ForecastEffect.NO_ENDPOINTS: "without endpoints",
    ForecastEffect.UNREACHABLE: "not reachable any more",
    ForecastEffect.FAULT: "ended by a fault",
}
_MOST = 5
"""So many of a kind are named in a sentence."""


def _effect_cell(item: ForecastItem) -> Cell:
    return Cell(_SIGNS.get(item.effect, "✗ ") + item.effect.value, _TONES.get(item.effect, Tone.FAILING))


c = Columns(ForecastItem)
_ENDS = end_columns(source=3, destination=3)
COLUMNS: tuple[Column[ForecastItem], ...] = (
    c.custom(name="effect", title="EFFECT", help_="What happens to the call.", value=lambda i: i.effect.value,
             cell=_effect_cell, priority=0, min_width=14),
    *_ENDS[:2],
    c.text("sourceTenant", "TENANT", "The caller's tenant.", "source_tenant", priority=4, max_width=20),
    *_ENDS[2:],
    c.rate("perSecond", "CALLS/S", "Requests (for TCP connections) per second that are concerned.", "per_second",
           priority=1),
    c.text("share", "SHARE", "The share of the call that is concerned.", lambda i: f"{100 * i.share:.3g} %",
           priority=2),
    c.text("why", "WHY", "The reason, in a sentence.", "why", priority=1, max_width=110),
)  # fmt: skip


def forecast_table(items: Sequence[ForecastItem]) -> Table[ForecastItem]:
    """The calls as a table, the worst first."""

    def key(item: ForecastItem) -> str:
        ends = f"{item.source.cluster}/{end_text(item.source)}->{end_text(item.destination)}"
        return f"{ends}/{item.destination.service}/{item.protocol}/{item.effect}/{item.why}"

    return Table(COLUMNS, items, key)


def forecast_sentences(answer: ForecastAnswer, span: str) -> tuple[str, ...]:
    """The answer in sentences: the objects, the calls, each cluster's, findings, and what is not judged."""
    return tuple(
        map(clean, (*_of_objects(answer.objects), *_of_calls(answer, span), *_of_findings(answer), *_unjudged(answer)))
    )


def forecast_verdict(answer: ForecastAnswer, span: str) -> str:
    """What becomes of calls, in the first sentence on them."""
    return clean(next(iter(_of_calls(answer, span))))


def _of_calls(answer: ForecastAnswer, span: str) -> Iterable[str]:
    summary = answer.summary
    if not summary.calls:
        yield f"No call was seen in the last {span}, so it is not known whether any would break."
        return
    seen = f"{_counted(summary.calls, 'call')} seen in the last {span}"
    yield from sentences_of_calls(summary, answer.items, answer.clusters, seen)


class _Callers(Protocol):
    """How many calls of a cluster's callers would break."""

    @property
    def cluster(self) -> str: ...

    @property
    def breaks(self) -> int: ...


def sentences_of_calls(
    summary: ForecastCounts, items: Sequence[ForecastItem], clusters: Sequence[_Callers], seen: str
) -> Iterable[str]:
    """What becomes of calls, in sentences; `seen` says of how many (`3 calls seen in the last hour`)."""
    if not items:
        yield f"Of {seen} none would change."
        return
    if summary.breaks:
        rate = f" ({quantity(summary.broken_per_second)}/s)" if summary.broken_per_second else ""
        kinds = [
            f"{written_out(number)} {word}"
            for effect, word in _BREAKS.items()
            if (number := sum(item.effect is effect for item in items))
        ]
        yield f"Of {seen} {written_out(summary.breaks)} would break{rate}: {', '.join(kinds)}."
        by_cluster = [f"{one.cluster} {written_out(one.breaks)}" for one in clusters if one.breaks]
        tenants = sorted({one.source_tenant for one in items if one.breaks and one.source_tenant})
        whose = f"; tenants that call: {', '.join(tenants[:_MOST])}{_more(len(tenants))}" if tenants else ""
        yield f"Callers by cluster: {', '.join(by_cluster) or 'unknown'}{whose}."
    else:
        yield f"Of {seen} none would break."
    for number, one, several in (
        (summary.moves, "goes elsewhere", "go elsewhere"),
        (summary.depends, "hangs on what is not known", "hang on what is not known"),
        (summary.mends, "that fails would work", "that fail would work"),
        (summary.fails_already, "fails already", "fail already"),
    ):
        if number:
            yield f"{_counted(number, 'call')} {one if number == 1 else several}."


def _of_objects(objects: Sequence[ForecastObject]) -> Iterable[str]:
    """What becomes of each object, with the clusters in which it is so."""
    places: dict[tuple[str, ObjectFate], list[str]] = {}
    for one in objects:
        place = f"{one.namespace}/" if one.namespace else ""
        places.setdefault((f"{one.kind} {place}{one.name}", one.change), []).append(one.cluster)
    words = {
        ObjectFate.NEW: "is new in",
        ObjectFate.CHANGED: "changes in",
        ObjectFate.SAME: "is there already as it is, in",
        ObjectFate.REMOVED: "is deleted in",
        ObjectFate.NOT_THERE: "is not there in",
        ObjectFate.NO_NAMESPACE: "cannot be applied for want of its namespace in",
    }
    for (name, change), clusters in list(places.items())[: 4 * _MOST]:
        yield f"{name} {words[change]} {', '.join(clusters[:_MOST])}{_more(len(clusters))}."
    if len(places) > 4 * _MOST:
        yield f"And so on for {len(places) - 4 * _MOST} more; -o json names all."


def _of_findings(answer: ForecastAnswer) -> Iterable[str]:
    for word, items in (("Comes", answer.findings.come), ("Goes", answer.findings.go)):
        told = [one for one in items if one.severity is not Severity.INFO] or list(items)
        for item in told[:_MOST]:
            yield f"{word}: {_finding(item)}"
        if len(items) > len(told[:_MOST]):
            yield f"{word}: {len(items) - len(told[:_MOST])} more findings; -o json names all."


def _finding(item: FindingItem) -> str:
    place = f"{item.namespace}/" if item.namespace and item.kind != "Namespace" else ""
    return f"{item.code} {item.kind} {place}{item.name} in {item.cluster}: {item.message}"


def _unjudged(answer: ForecastAnswer) -> Iterable[str]:
    told: dict[tuple[str, str], dict[str, None]] = {}
    for one in answer.objects:
        if not one.judged:
            place = f"{one.namespace}/" if one.namespace else ""
            told.setdefault((one.kind, one.why), {})[f"{one.kind} {place}{one.name}"] = None
    for (_, why), names in told.items():
        listed = list(names)
        yield f"Not judged: {', '.join(listed[:_MOST])}{_more(len(listed))}: {why}."
    for kind in answer.passed_over:
        yield f"Not judged: {kind} is a kind that meshtop does not read."


def _counted(number: int, thing: str) -> str:
    return f"{written_out(number)} {thing}{'s' * (number != 1)}"


def _more(number: int) -> str:
    return f" and {number - _MOST} more" if number > _MOST else ""
