"""The answer to a question of `meshtop whatif` as a screen shows it: the verdict, sentences, and tables that open.

The sentences and columns are those that the command prints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from meshtop.analysis.fleet.locality import EvacuationEffect
from meshtop.analysis.forecast.differences import ForecastEffect
from meshtop.analysis.security.mtls.whatif import Effect
from meshtop.model.numbers import number_of, quantity
from meshtop.model.snapshot import Snapshot
from meshtop.model.text import clean
from meshtop.settings.durations import format_duration
from meshtop.views.frame.columns import signed
from meshtop.views.frame.detail import find_item, related_items
from meshtop.views.frame.ends import call_path
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Cell, Table, Tone
from meshtop.views.frame.unknowns import doubt
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import moment_of
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import without_traffic
from meshtop.views.reports.evacuate import evacuate_answer, evacuated_table, evacuation_sentences
from meshtop.views.reports.forecast import forecast_of
from meshtop.views.reports.forecast_words import forecast_sentences, forecast_table, forecast_verdict
from meshtop.views.reports.questions import ForecastKind, WhatIfQuestion
from meshtop.views.reports.whatif import affected_table, knows_scope, strict_answer, strict_sentences, strict_unknowns

if TYPE_CHECKING:
    from meshtop.model.evidence import Unknown

MakePicture = Callable[[Snapshot], Picture]
"""Makes the Picture of a Snapshot as it would be."""


class AnswerTable(Struct, frozen=True, kw_only=True):
    """The rows of an answer: those that matter, and all; `title` says what they are, `empty` that none matters.

    `opens` gives the kind and key of the item that a row leads to, by the Picture that is shown then and the row's key;
    None where there is none. An answer holds no Picture: that of a big fleet is freed in steps by whoever replaces it.
    """

    title: str
    matters: Table[Any]
    all_: Table[Any]
    empty: str
    opens: Callable[[Picture, str], tuple[str, str] | None]


class WhatIfAnswer(Struct, frozen=True, kw_only=True):
    """An answer: the verdict, what else is to be said, and on what it stands.

    `doubts` is what it could not take into account, "" where that is nothing.
    """

    verdict: Cell
    sentences: tuple[str, ...]
    doubts: str
    stands_on: str
    tables: tuple[AnswerTable, ...]


def answered(picture: Picture, question: WhatIfQuestion, make: MakePicture) -> WhatIfAnswer:
    """The answer by what a Picture shows; `make` makes the Picture of what would be."""
    if question.kind is ForecastKind.STRICT:
        return _strict(picture, question.subject)
    if question.kind is ForecastKind.EVACUATE:
        return _evacuated(picture, question.subject)
    return _applied(picture, question, make)


def _verdict(sentence: str, *, bad: bool, unsure: bool) -> Cell:
    if bad:
        return signed("✗ ", clean(sentence), Tone.FAILING)
    return signed("? ", clean(sentence), Tone.UNKNOWN) if unsure else signed("✓ ", clean(sentence), Tone.GOOD)


def _answer(
    picture: Picture,
    sentences: Sequence[str],
    unknowns: Sequence[Unknown],
    tables: Sequence[AnswerTable],
    *,
    bad: bool,
    unsure: bool,
    also: str = "",
) -> WhatIfAnswer:
    first, *others = sentences
    lost = picture.lost.sentence("whatif", "answer")
    return WhatIfAnswer(
        verdict=_verdict(first, bad=bad, unsure=unsure or bool(unknowns)),
        sentences=tuple(map(clean, others)),
        doubts=" ".join(filter(None, (doubt(unknowns) if unknowns else "", lost))),
        stands_on=_stands_on(picture, also),
        tables=tuple(tables),
    )


def _span(picture: Picture) -> str:
    return format_duration(picture.snapshot.window_seconds)


def _stands_on(picture: Picture, also: str) -> str:
    """Which calls it knows, and of when, for somebody who is going to act on it."""
    if len(without_traffic(picture, Query())) == len(picture.snapshot.clusters):
        return "The traffic of no cluster was read, so it stands on no calls. Nothing is written."
    at = datetime.fromtimestamp(moment_of(picture), UTC)
    return f"Stands on the calls of the last {_span(picture)}{also}, as of {at:%H:%M:%S}Z. Nothing is written."


def _opens(rows: Table[Any], to: Callable[[Picture, Any], tuple[str, str] | None]) -> Any:
    """A function from a row's key to what it leads to, looked up when it is asked."""

    def opens(picture: Picture, key: str) -> tuple[str, str] | None:
        found = next((item for number, item in enumerate(rows.items) if rows.key(number) == key), None)
        return None if found is None else to(picture, found)

    return opens


def _call_of(picture: Picture, item: Any) -> tuple[str, str] | None:
    """The edge of a call; where there is none of just these ends, the workload that is called, else the caller."""
    edge = ("edges", "/".join(call_path(item, item.protocol)))
    end, caller = item.destination, item.source
    for kind, key in (
        edge,
        ("workloads", f"{end.cluster}/{end.namespace}/{end.workload}"),
        ("workloads", f"{caller.cluster}/{caller.namespace}/{caller.workload}"),
    ):
        if find_item(picture, kind, key) is not None:
            return kind, key
    return None


def _service_of(picture: Picture, item: Any) -> tuple[str, str] | None:
    of_services = view("services")
    found = next((one for one in of_services.all_items(picture) if item.host in one.hosts), None)
    return None if found is None else ("services", of_services.key(found))


def _strict(picture: Picture, scope: str) -> WhatIfAnswer:
    answer = strict_answer(picture, scope)
    unknowns = strict_unknowns(picture, answer)
    rows = affected_table(answer.items)
    worse = affected_table([item for item in answer.items if item.effect is not Effect.FINE])
    sentences = strict_sentences(answer)
    if knows_scope(picture, scope) is False:
        sentences = (f"There is no namespace {scope} in any cluster that was read.",)
    day = " and on plaintext of the last day" if answer.summary.day_measured else ""
    table = AnswerTable(
        title=f"Calls {len(answer.items)}",
        matters=worse,
        all_=rows,
        empty="No call that was seen would break." if answer.items else "No call was seen.",
        opens=_opens(rows, _call_of),
    )
    unsure = bool(answer.summary.unknown) or not answer.items or not answer.summary.day_measured
    return _answer(picture, sentences, unknowns, (table,), bad=bool(answer.summary.breaks), unsure=unsure, also=day)


_QUIET = (EvacuationEffect.GROWS, EvacuationEffect.IDLE)


def _evacuated(picture: Picture, cluster: str) -> WhatIfAnswer:
    if cluster not in picture.facts:
        return _unread(picture, cluster)
    answer = evacuate_answer(picture, cluster)
    hosts = evacuated_table(answer.items)
    calls = forecast_table(answer.calls.items)
    tables = (
        AnswerTable(
            title=f"Hosts {len(answer.items)}",
            matters=evacuated_table([item for item in answer.items if item.fate not in _QUIET]),
            all_=hosts,
            empty=f"Every host of {cluster} has endpoints enough elsewhere.",
            opens=_opens(hosts, _service_of),
        ),
        AnswerTable(
            title=f"Calls {len(answer.calls.items)}",
            matters=forecast_table(
                [one for one in answer.calls.items if one.breaks or one.effect is ForecastEffect.DEPENDS]
            ),
            all_=calls,
            empty="No call from another cluster would fail.",
            opens=_opens(calls, _call_of),
        ),
    )
    bad = bool(answer.summary.gone or answer.summary.doubles or answer.calls.summary.breaks)
    sentences = evacuation_sentences(answer)
    return _answer(
        picture,
        (*sentences[:1], *_since_then(picture, cluster), *sentences[1:]),
        answer.unknowns,
        tables,
        bad=bad,
        unsure=bool(answer.summary.unknown),
    )


def _since_then(picture: Picture, cluster: str) -> tuple[str, ...]:
    """That a cluster does not answer now: what is said of it is what was read last."""
    found = picture.snapshot.cluster(cluster)
    error = found.kubernetes.error if found is not None else None
    return (f"{cluster} does not answer now, so this is what was read of it last.",) if error else ()


def _unread(picture: Picture, cluster: str) -> WhatIfAnswer:
    """What is known of a cluster of which nothing was ever read: who calls it from others."""
    calls = [
        item
        for item in view("edges").all_items(picture)
        if item.destination.cluster == cluster and item.source.cluster != cluster
    ]
    tenants = sorted({tenant for item in calls for tenant in item.source_tenants})
    shown = related_items(picture, "edges", "Calls", calls, "").table
    known = picture.snapshot.cluster(cluster)
    why = known.kubernetes.error if known is not None else None
    rate = sum(item.traffic.requests_per_second or 0.0 for item in calls)
    often = f" ({quantity(rate)}/s)" if rate else ""
    mute = [clean(name) for name in without_traffic(picture, Query()) if name != cluster]
    unheard = (f"Who calls it from {', '.join(mute)} is unknown: their traffic was not read.",) if mute else ()
    told = "was seen to lead" if mute else "leads"
    sentences = [
        f"{cluster} could not be read, so what runs there is unknown.",
        *([why] if why else []),
        f"{number_of(len(calls), 'call')} from other clusters would lead there{often}."
        if calls
        else f"No call from another cluster {told} there.",
        *([f"Tenants that call: {', '.join(tenants)}."] if tenants else []),
        *unheard,
    ]
    table = AnswerTable(
        title=f"Calls {len(calls)}",
        matters=shown,
        all_=shown,
        empty="No other cluster was seen to call it.",
        opens=lambda _, key: ("edges", key),
    )
    return _answer(picture, sentences, (), (table,), bad=False, unsure=True)


def _applied(picture: Picture, question: WhatIfQuestion, make: MakePicture) -> WhatIfAnswer:
    assert question.change is not None, "a question about objects has them"
    answer = forecast_of(picture, make, question.change)
    span = _span(picture)
    verdict = forecast_verdict(answer, span)
    said = forecast_sentences(answer, span)
    rows = forecast_table(answer.items)
    told = [item for item in answer.items if item.effect is not ForecastEffect.FAILS_ALREADY]
    table = AnswerTable(
        title=f"Calls {len(answer.items)}",
        matters=forecast_table(told),
        all_=rows,
        empty="No call that was seen would change.",
        opens=_opens(rows, _call_of),
    )
    return _answer(
        picture,
        (verdict, *(one for one in said if one != verdict)),
        answer.unknowns,
        (table,),
        bad=bool(answer.summary.breaks),
        unsure=not answer.summary.calls or bool(answer.summary.depends),
    )
