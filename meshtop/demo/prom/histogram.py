"""``histogram_quantile`` over classic histograms, with the monotonicity fix of Prometheus 2.42."""

from __future__ import annotations

import math
from bisect import bisect_left

from meshtop.demo.prom.columns import SeriesColumn, Vector, assemble, identity, without_name
from meshtop.demo.prom.numbers import INF, NAN, divide, parse_float

BUCKET = "le"


def bucket_quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    """The φ-quantile of a histogram given as (upper bound, cumulative count).

    Linear inside a bucket; NaN without a +Inf bucket, without observations, or with a single bucket.
    """
    if q != q:
        return NAN
    if q < 0:
        return -INF
    if q > 1:
        return INF
    bounds, counts = _coalesced(sorted(buckets, key=lambda bucket: bucket[0]))
    if bounds[-1] != INF or len(bounds) < 2 or counts[-1] == 0:
        return NAN
    rank = q * counts[-1]
    if any(math.isnan(count) for count in counts):
        index = _search(counts, rank)
    else:
        index = bisect_left(counts, rank, 0, len(counts) - 1)
    if index == len(bounds) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start, end, count = 0.0, bounds[index], counts[index]
    if index > 0:
        start = bounds[index - 1]
        count -= counts[index - 1]
        rank -= counts[index - 1]
    return start + (end - start) * divide(rank, count)


def _coalesced(buckets: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Bounds and counts with equal bounds joined and counts made to ascend."""
    bounds: list[float] = []
    counts: list[float] = []
    for bound, count in buckets:
        if bounds and bounds[-1] == bound:
            counts[-1] += count
        else:
            bounds.append(bound)
            counts.append(count)
    highest = counts[0]
    for index, count in enumerate(counts):
        if count > highest:
            highest = count
        elif count < highest:
            counts[index] = highest
    return bounds, counts


def _search(counts: list[float], rank: float) -> int:
    """Go's ``sort.Search`` over all but the last count, whose result with NaN depends on the probes it makes."""
    low, high = 0, len(counts) - 1
    while low < high:
        middle = (low + high) // 2
        if counts[middle] >= rank:
            high = middle
        else:
            low = middle + 1
    return low


def histogram_quantile(q: list[float], vector: Vector) -> Vector:
    """The quantile of each histogram at each step. Series without a number in ``le`` are left out."""
    histograms: dict[object, list[tuple[float, SeriesColumn]]] = {}
    for column in vector:
        bound = parse_float(column.labels.get(BUCKET, ""))
        if bound is None:
            continue
        rest = {name: value for name, value in column.labels.items() if name != BUCKET}
        histograms.setdefault(identity(rest), []).append((bound, column))
    result = []
    for members in histograms.values():
        bounds = [bound for bound, _ in members]
        rows = zip(*(column.values for _, column in members), strict=True)
        values = []
        for step, row in enumerate(rows):
            buckets = [(bound, v) for bound, v in zip(bounds, row, strict=True) if v is not None]
            values.append(bucket_quantile(q[step], buckets) if buckets else None)
        labels = {name: value for name, value in members[0][1].labels.items() if name != BUCKET}
        result.append(SeriesColumn(without_name(labels), values))
    return assemble(result)
