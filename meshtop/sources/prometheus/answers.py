"""Responses of an engine: samples decoded directly into the model, and failures as sentences."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct, field

from meshtop.model.state import State
from meshtop.model.telemetry import Labels, Sample, Scalar
from meshtop.process import give_way
from meshtop.sources.problem import NOT_UNDERSTOOD, SourceProblem, error_text
from meshtop.sources.prometheus.labelsets import LabelSets

_TOO_MUCH = re.compile(
    r"too many (?:samples|time ?series|series|chunks|unique)|err-mimir-max|exceed\w*[^.]{0,40}(?:maximum|limit)"
    r"|maximum number of (?:series|chunks|samples)|-search\.max|cannot select more than|response (?:is )?too large",
    re.IGNORECASE,
)
CHUNK = 500
"""Number of series decoded before yielding to the event loop, and to the console (a millisecond)."""
_SHORT = 4_000_000
"""Bytes of an answer that is taken apart in one pass: of a longer one, the parts would be in memory all at once."""


class QueryFailed(SourceProblem):
    """A failed query; `too_much` means that a narrower query may succeed."""

    def __init__(
        self,
        state: State,
        message: str,
        remedy: str = "",
        *,
        too_much: bool = False,
        code: int | None = None,
    ) -> None:
        super().__init__(state, message, remedy, code=code, too_much=too_much)


Part = TypeVar("Part")


class _Data(Struct, Generic[Part]):
    result_type: str = field(default="", name="resultType")
    result: list[Part] = field(default_factory=list)


class _Envelope(Struct, Generic[Part]):
    """The common frame of every answer. A result of raw parts is decoded piece by piece, however long it is."""

    status: str = ""
    data: _Data[Part] | None = None
    error: str = ""
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)
    is_partial: bool = field(default=False, name="isPartial")


class RawSeries(Struct, gc=False):
    """A series whose labels are still JSON text."""

    metric: msgspec.Raw
    value: tuple[float, str] | None = None


class _Series(Struct, gc=False):
    metric: Labels
    value: tuple[float, str] | None = None


class _AnySeries(Struct):
    metric: dict[str, str]
    value: tuple[float, str] | None = None


RangeSeries = tuple[dict[str, str], list[tuple[float, float]]]
"""A series of a range answer: its labels, and its (Unix seconds, value) pairs."""


class _RangeSeries(Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = field(default_factory=list)


_envelope = msgspec.json.Decoder(_Envelope[msgspec.Raw])
_series_envelope = msgspec.json.Decoder(_Envelope[RawSeries])
_series = msgspec.json.Decoder(_Series)
_raw_series = msgspec.json.Decoder(RawSeries)
_any_series = msgspec.json.Decoder(_AnySeries)
_range_series = msgspec.json.Decoder(_RangeSeries)

Item = TypeVar("Item")


class Vector(Struct, Generic[Item]):
    """The usable samples of one answer and what is to be said of it; `partial` when something was left out.

    `dropped` counts series without a usable number, `odd` those that could not be understood.
    """

    items: list[Item] = field(default_factory=list)
    dropped: int = 0
    odd: int = 0
    notes: tuple[str, ...] = ()
    partial: bool = False


async def in_chunks(raws: Sequence[Item]) -> AsyncIterator[Sequence[Item]]:
    """The series of an answer, so many at a time that neither the event loop nor the console waits for long."""
    for start in range(0, len(raws), CHUNK):
        if start:
            await asyncio.sleep(0)
        give_way()
        yield raws[start : start + CHUNK]


async def decode_samples(body: bytes, known: LabelSets | None = None) -> Vector[Sample]:
    """An instant vector of Istio's metrics; NaN and infinite rates are dropped and counted.

    `known` keeps labels from one refresh to the next; a single query needs none.
    """
    vector: Vector[Sample] = Vector()
    raws = open_series(body, vector)
    labels_in_order = (LabelSets() if known is None else known).in_order()
    items, decode, labels, isfinite = vector.items, _raw_series.decode, labels_in_order.decode, math.isfinite
    async for some in in_chunks(raws):
        for raw in some:
            try:
                series = raw if isinstance(raw, RawSeries) else decode(raw)
                value = float(series.value[1]) if series.value is not None else math.nan
                if isfinite(value):
                    items.append(Sample(labels(series.metric), value))
                else:
                    vector.dropped += 1
            except NOT_UNDERSTOOD as error:
                _leave_out(vector, error, len(raws))
    labels_in_order.end()
    return vector


async def decode_scalars(body: bytes, name_label: str) -> Vector[Scalar]:
    """An instant vector of metrics with whatever labels they carry; `name_label` holds the metric's name."""
    vector: Vector[Scalar] = Vector()
    raws = _open(body, "vector", vector)
    for raw in raws:
        try:
            series = _any_series.decode(raw)
            value = float(series.value[1]) if series.value is not None else math.nan
        except NOT_UNDERSTOOD as error:
            _leave_out(vector, error, len(raws))
            continue
        if math.isfinite(value):
            name = series.metric.pop("__name__", "") or series.metric.pop(name_label, "")
            vector.items.append(Scalar(name, series.metric, value))
        else:
            vector.dropped += 1
    return vector


def decode_labelled_matrix(body: bytes, frame: Vector[RangeSeries] | None = None) -> list[RangeSeries]:
    """A range answer with the labels of each series, without NaN and infinities; its warnings go into `frame`.

    Series are added up, and a sum would be too low without one of them: an odd one costs the answer (QueryFailed).
    """
    try:
        series = [_range_series.decode(raw) for raw in _open(body, "matrix", Vector() if frame is None else frame)]
        return [(s.metric, [(at, v) for at, text in s.values if math.isfinite(v := float(text))]) for s in series]
    except NOT_UNDERSTOOD as error:
        raise unreadable_answer(error) from error


class Split(Struct, Generic[Item]):
    """One answer for many clusters, by the value of the label that names the cluster."""

    parts: dict[str, list[Item]] = field(default_factory=dict)
    vector: Vector[Item] = field(default_factory=Vector)


async def decode_split(body: bytes, label: str) -> Split[Sample]:
    """An instant vector of Istio's metrics about many clusters, split by the label that names the cluster."""
    tag = _tag_decoder(label)
    split: Split[Sample] = Split()
    raws = _open(body, "vector", split.vector)
    parts = split.parts
    async for some in in_chunks(raws):
        for raw in some:
            try:
                series = _series.decode(raw)
                value = float(series.value[1]) if series.value is not None else math.nan
                cluster = tag.decode(raw).metric.cluster
            except NOT_UNDERSTOOD as error:
                _leave_out(split.vector, error, len(raws))
                continue
            if math.isfinite(value):
                parts.setdefault(cluster, []).append(Sample(series.metric, value))
            else:
                split.vector.dropped += 1
    return split


class _Tag(Struct):
    cluster: str = ""


class _Tagged(Struct):
    metric: _Tag


def _tag_decoder(label: str) -> msgspec.json.Decoder[_Tagged]:
    tag = msgspec.defstruct("Tag", [("cluster", str, "")], rename={"cluster": label})
    return msgspec.json.Decoder(msgspec.defstruct("Tagged", [("metric", tag)]))


def _leave_out(vector: Vector[Item], error: Exception, series: int) -> None:
    """Leave out one series that is none; raises QueryFailed where every one of them was."""
    vector.odd += 1
    vector.partial = True
    if vector.odd == series:
        raise unreadable_answer(error) from error


def _open(body: bytes, expected: str, vector: Vector[Item]) -> list[msgspec.Raw]:
    """The raw results of a good answer; its warnings go into `vector`. Raises QueryFailed."""
    try:
        envelope = _envelope.decode(body)
    except NOT_UNDERSTOOD as error:
        raise unreadable_answer(error, body) from error
    _check(envelope, expected, vector)
    return [] if envelope.data is None else envelope.data.result


def open_series(body: bytes, vector: Vector[Sample]) -> Sequence[RawSeries | msgspec.Raw]:
    """The series of a good answer, whose warnings go into `vector`. Raises QueryFailed.

    Those of a short one are taken apart in the same pass; they are raw where one of them is odd.
    """
    if len(body) > _SHORT:
        return _open(body, "vector", vector)
    try:
        envelope = _series_envelope.decode(body)
    except NOT_UNDERSTOOD:
        return _open(body, "vector", vector)
    _check(envelope, "vector", vector)
    return [] if envelope.data is None else envelope.data.result


def _check(envelope: _Envelope[Any], expected: str, vector: Vector[Item]) -> None:
    """Take over what an answer says of itself. Raises QueryFailed unless it is a good one of this type."""
    if envelope.status != "success" or envelope.data is None:
        raise query_refused(envelope.error or "no reason given", None)
    if envelope.data.result_type not in (expected, ""):
        raise unreadable_answer(ValueError(f"expected a {expected}, not a {envelope.data.result_type}"))
    vector.notes = tuple(dict.fromkeys((*envelope.warnings, *envelope.infos)))
    vector.partial = envelope.is_partial or bool(envelope.warnings)


def query_refused(message: str, code: int | None) -> QueryFailed:
    """The failure of a query that the engine refused; `too_much` is derived from its message."""
    return QueryFailed(
        State.PARTIAL,
        f"Prometheus refused a query: {message.strip().rstrip('.')}.",
        too_much=_TOO_MUCH.search(message) is not None,
        code=code,
    )


def error_of(body: bytes) -> str | None:
    """The sentence of a failed answer, by Prometheus or by the API server's proxy; None when there is none."""
    try:
        said = msgspec.json.decode(body, type=dict[str, object])
    except NOT_UNDERSTOOD:
        return None
    for key in ("error", "message"):
        if isinstance(said.get(key), str) and said[key]:
            return str(said[key])
    return None


def looks_like_page(body: bytes) -> bool:
    """Whether the answer is a web page, as a login proxy in front of the engine gives."""
    start = body[:256].lstrip().lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml")) or b"<html" in start


def unreadable_answer(error: Exception, body: bytes = b"") -> QueryFailed:
    """The failure of an answer that is not what Prometheus writes: a login page denies, anything else is no engine."""
    if looks_like_page(body):
        return QueryFailed(
            State.DENIED,
            "A web page came instead of data: something in front of Prometheus asks for a login.",
            "Give prometheus.bearerTokenFile, basicAuth or headers in the settings, or the URL behind the login.",
        )
    return QueryFailed(
        State.UNREACHABLE,
        f"The answer is not what Prometheus writes ({error_text(error)}).",
        "See whether the address is that of a Prometheus API: meshtop doctor shows it.",
    )
