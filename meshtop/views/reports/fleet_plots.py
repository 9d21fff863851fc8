"""The plots of NOW: the share of errors and the p99 of each cluster in the scope."""

from __future__ import annotations

from msgspec import structs

from meshtop.model.telemetry import History, Line
from meshtop.views.frame.charts import MOST_LINES, SOURCE_SIDE, Chart, RequestsLine, charts_of_lines
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import cluster_histories


def fleet_charts(picture: Picture, query: Query) -> tuple[Chart, ...]:
    """Error ratio and p99, with a line for each of the clusters that were read, as their callers report them.

    Of more clusters than lines can be told apart, those with the most errors in the last hour are drawn.
    """
    lines = [RequestsLine(name, name, (SOURCE_SIDE,)) for name in _clusters(picture, query)]
    # Two of a name make charts that are named by cluster, which one alone would not be.
    _, errors, slow = charts_of_lines(lines if len(lines) > 1 else lines * 2, window_seconds=_window(picture))
    total = len(cluster_histories(picture, query.clusters))
    some = f" ({len(lines)} of {total} clusters)" if total > len(lines) else ""
    return tuple(
        structs.replace(chart, title=f"{chart.title}{some}", cluster="", lines=chart.lines[: len(lines)])
        for chart in (errors, slow)
    )


def lines_of_history(picture: Picture, query: Query, seconds: float) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """The same lines out of what was read anyway, of so many last seconds of it."""
    chosen = _clusters(picture, query)
    shown = {name: history for name, history in cluster_histories(picture, query.clusters) if name in chosen}
    errors = [_last(_ratio(name, history), seconds) for name, history in shown.items()]
    slow = [_last(structs.replace(history.p99_ms, name=name), seconds) for name, history in shown.items()]
    return tuple(errors), tuple(slow)


def _window(picture: Picture) -> float:
    return picture.snapshot.window_seconds


def _clusters(picture: Picture, query: Query) -> list[str]:
    """The clusters that have a line, in the order of the snapshot, so that none changes its place."""
    found = cluster_histories(picture, query.clusters)
    worst = sorted(found, key=lambda one: -max((v for v in one[1].errors.values if v is not None), default=-1.0))
    chosen = {name for name, _ in worst[:MOST_LINES]}
    return [name for name, _ in found if name in chosen]


def _ratio(name: str, history: History) -> Line:
    values = tuple(
        100 * failed / all_ if failed is not None and all_ else None
        for failed, all_ in zip(history.errors.values, history.requests.values, strict=True)
    )
    return Line(name=name, unit="%", times=history.requests.times, values=values)


def _last(line: Line, seconds: float) -> Line:
    if len(line.times) < 2:
        return line
    step = line.times[1] - line.times[0]
    points = round(seconds / step) + 1 if step > 0 else len(line.times)
    return structs.replace(line, times=line.times[-points:], values=line.values[-points:])
