"""Prometheus' JSON: envelopes, and the values of queries."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from meshtop.demo.prom.columns import SeriesColumn
from meshtop.demo.prom.engine import Answer
from meshtop.demo.prom.errors import QueryError
from meshtop.demo.prom.numbers import format_value

TRUNCATED = "results truncated due to limit"


def success(data: Any, warnings: list[str] | None = None) -> web.Response:
    """A success envelope; ``warnings`` only when there are any."""
    body: dict[str, Any] = {"status": "success", "data": data}
    if warnings:
        body["warnings"] = warnings
    return _json(body, 200)


def failure(error: QueryError) -> web.Response:
    """An error envelope with the error's status."""
    return _json({"status": "error", "errorType": error.kind, "error": str(error)}, error.status)


def _json(body: dict[str, Any], status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def seconds(time_ms: int) -> int | float:
    """A time as Prometheus writes it: seconds, with a fraction only where there is one."""
    return time_ms / 1000 if time_ms % 1000 else time_ms // 1000


def instant_data(answer: Answer) -> dict[str, Any]:
    """``data`` of ``/api/v1/query``."""
    time = seconds(answer.times[0])
    result: Any
    match answer.kind:
        case "scalar":
            result = [time, format_value(answer.scalar[0])]
        case "string":
            result = [time, answer.text]
        case "matrix":
            result = [
                {"metric": dict(labels), "values": [(seconds(t), format_value(v)) for t, v in points]}
                for labels, points in answer.matrix
            ]
        case "vector":
            result = [
                {"metric": dict(column.labels), "value": (time, format_value(value))}
                for column in answer.vector
                if (value := column.values[0]) is not None
            ]
    return {"resultType": answer.kind, "result": result}


def range_data(answer: Answer) -> dict[str, Any]:
    """``data`` of ``/api/v1/query_range``."""
    vector = answer.vector if answer.kind == "vector" else [SeriesColumn({}, list(answer.scalar))]
    times = [seconds(time) for time in answer.times]
    result = []
    for column in vector:
        points = zip(times, column.values, strict=True)
        result.append(
            {"metric": dict(column.labels), "values": [(t, format_value(v)) for t, v in points if v is not None]}
        )
    return {"resultType": "matrix", "result": result}


def statistics(answer: Answer, took: float) -> dict[str, Any]:
    """``stats`` of a query: ``took`` is the evaluation's time in seconds."""
    return {
        "timings": {
            "evalTotalTime": took,
            "resultSortTime": 0,
            "queryPreparationTime": 0,
            "innerEvalTime": took,
            "execQueueTime": 0,
            "execTotalTime": took,
        },
        "samples": {"totalQueryableSamples": answer.samples_read, "peakSamples": answer.samples_peak},
    }
