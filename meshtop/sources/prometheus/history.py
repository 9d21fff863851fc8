"""The golden signals of a cluster over the last hour, for sparklines and for what changed in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtop.model.telemetry import History, Line
from meshtop.sources.prometheus.collecting import collect_ranges
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.joining import Joining
from meshtop.sources.prometheus.promql import history_queries

_UNITS = {"requests": "/s", "errors": "/s", "p99_ms": "ms"}


async def read_history(
    engine: Engine,
    *,
    matchers: Mapping[str, str],
    window_seconds: float,
    end: float,
    span_seconds: float,
    points: int,
    joining: Joining | None = None,
) -> History | None:
    """Run three range queries, together where `joining` knows them to be small; None if all fail.

    A signal that fails is a line of gaps. The times are multiples of the step, so that later reads have the same ones
    and clusters can be added.
    """
    step = span_seconds / points
    last = end - end % step
    times = tuple(last - (points - 1 - i) * step for i in range(points))
    queries = history_queries(window_seconds, matchers)

    answers = await collect_ranges(
        engine, queries, Joining() if joining is None else joining, start=times[0], end=last, step=step
    )
    lines = {
        name: grid(name, _UNITS[name], times, [values for part in one.parts for _, values in part.items])
        if one.failure is None
        else None
        for name, one in answers.items()
    }
    if all(one is None for one in lines.values()):
        return None
    gaps = (None,) * points
    whole = {n: one or Line(name=n, unit=_UNITS[n], times=times, values=gaps) for n, one in lines.items()}
    if any(value is not None for value in whole["requests"].values) and lines["errors"] is not None:
        # No failing series at a moment with traffic is no error, not a gap.
        errors = tuple(
            0.0 if e is None and r is not None else e
            for e, r in zip(whole["errors"].values, whole["requests"].values, strict=True)
        )
        whole["errors"] = Line(name="errors", unit="/s", times=times, values=errors)
    return History(requests=whole["requests"], errors=whole["errors"], p99_ms=whole["p99_ms"])


def grid(name: str, unit: str, times: Sequence[float], series: Sequence[Sequence[tuple[float, float]]]) -> Line:
    """Values on the wanted times (a gap is None); several series are added."""
    at: dict[int, float] = {}
    for one in series:
        for when, value in one:
            key = round(when * 1000)
            at[key] = at.get(key, 0.0) + value
    values = tuple(at.get(round(when * 1000)) for when in times)
    return Line(name=name, unit=unit, times=tuple(times), values=values)
