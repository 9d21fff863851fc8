"""When something began: the point at which a course left its own past.

Errors are found by the likeliest single change of a binomial rate, then walked back to the first point that proves more
failures than the past had; latencies and request rates by the least squares of their logarithms. A change that lies
before the course began has no onset here, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import log

from msgspec import Struct

from meshtop.analysis.traffic.bounds import proves

PROOF = 12.0
"""By so much in logarithms a change must be likelier than none: once in some hundred thousand courses by chance."""
ALPHA = 0.001
LEAST_BEFORE = 8
"""So many points of the past must be there: two minutes of scrapes."""
LEAST_AFTER = 3
"""A latency or rate must have stayed so many points where it went."""
_SMALL = 1e-9


class Onset(Struct, frozen=True):
    """When something began (Unix seconds), and how it was before and is since.

    `exact` is False where it was so from the beginning of what is known: then it began at `at` or earlier.
    """

    at: float
    before: float
    after: float
    exact: bool = True


def errors_onset(
    times: Sequence[float], requests: Sequence[float | None], errors: Sequence[float | None]
) -> Onset | None:
    """When the share of errors left its past upwards; None without requests or errors.

    Rates are per second at `times`; `before` and `after` are shares. Good to a scrape or two: the first point that
    shows errors stands up to one scrape after them.
    """
    step = times[1] - times[0] if len(times) > 1 else 0.0
    points = [
        (at, (r or 0.0) * step, min(e or 0.0, r or 0.0) * step)
        for at, r, e in zip(times, requests, errors, strict=True)
        if r
    ]
    if len(points) < 2 or not any(failed for _, _, failed in points):
        return None
    totals = [0.0, *accumulate(total for _, total, _ in points)]
    failures = [0.0, *accumulate(failed for _, _, failed in points)]
    whole = _likelihood(failures[-1], totals[-1])
    best, where = 0.0, 0
    for i in range(1, len(points)):
        before, after = failures[i] / totals[i], (failures[-1] - failures[i]) / (totals[-1] - totals[i])
        if after <= before:
            continue
        gain = _likelihood(failures[i], totals[i]) - whole
        gain += _likelihood(failures[-1] - failures[i], totals[-1] - totals[i])
        if gain > best:
            best, where = gain, i
    share = failures[-1] / totals[-1]
    if best < PROOF or where == 0:
        silent = sum(1 for at in times if at < points[0][0])
        if silent >= LEAST_BEFORE:
            # Nobody asked before: it has failed since somebody does.
            return Onset(points[0][0] - step, 0.0, share)
        return Onset(points[0][0], share, share, exact=False)
    after = (failures[-1] - failures[where]) / (totals[-1] - totals[where])
    while where > 1:
        past = failures[where - 1] / totals[where - 1]
        _, total, failed = points[where - 1]
        if not proves(failed, total, max(2 * past, _SMALL), ALPHA):
            break
        where -= 1
    before = failures[where] / totals[where]
    return Onset(points[where][0] - step, before, after)


def level_onset(times: Sequence[float], values: Sequence[float | None], *, factor: float) -> Onset | None:
    """When a level (a latency, a request rate) rose by `factor` or more and stayed; None where it did not.

    Every point since must lie above every point of the past, so that a course that swings is not taken for one that
    rose: that so many points are the largest by chance happens once in thousands.
    """
    points = [(at, value) for at, value in zip(times, values, strict=True) if value is not None and value > 0]
    if len(points) < LEAST_BEFORE + LEAST_AFTER:
        return None
    # It brings fractions and decimals with it, and few runs look at courses.
    from statistics import median

    now = median(value for _, value in points[-LEAST_AFTER:])
    if now < factor * min(value for _, value in points):
        # It is nowhere near: most courses end here, and thousands are looked at.
        return None
    step = times[1] - times[0]
    logs = [log(value) for _, value in points]
    sums = [0.0, *accumulate(logs)]
    best, where = 0.0, 0
    count = len(points)
    for i in range(LEAST_BEFORE, count - LEAST_AFTER + 1):
        before, after = sums[i] / i, (sums[-1] - sums[i]) / (count - i)
        # What a change here explains of the squares.
        gain = (after - before) ** 2 * i * (count - i) / count
        if after > before and gain > best:
            best, where = gain, i
    if where == 0:
        return None
    # The rate's window makes a ramp of a step: its foot is where it began.
    highest = max(value for _, value in points[: max(LEAST_BEFORE, where - 4)])
    while where > LEAST_BEFORE and points[where - 1][1] > highest:
        where -= 1
    usual = median(value for _, value in points[:where])
    if now < factor * usual or min(value for _, value in points[-LEAST_AFTER:]) <= highest:
        return None
    return Onset(points[where][0] - step, usual, now)


def _likelihood(failed: float, total: float) -> float:
    """The logarithm of the largest likelihood of so many failures."""
    if failed <= 0 or failed >= total:
        return 0.0
    share = failed / total
    return failed * log(share) + (total - failed) * log(1 - share)


def appeared(times: Sequence[float], values: Sequence[float | None], beside: Sequence[float | None]) -> Onset | None:
    """When something came that was not there before; None where it was there from the beginning, or is not there.

    `beside` is what else was measured there: without it nothing tells that it was not there.
    """
    first = next((i for i, value in enumerate(values) if value), None)
    if first is None or sum(value is not None for value in beside[:first]) < LEAST_BEFORE:
        return None
    now = next((value for value in reversed(values) if value is not None), 0.0)
    return Onset(times[first] - (times[1] - times[0]), 0.0, now)
