"""Anytime-valid evidence on counts: evaluating it repeatedly does not raise the false-alarm rate.

Every question here is whether a share is above a bound (or below it), where the bound already contains the margin that
does not matter. The e-value is a mixture of likelihood ratios: the odds at the bound multiplied by each step of a fixed
ladder, over the odds at the bound itself. While the share is not beyond the bound, each of these is a nonnegative
supermartingale, request by request, and so is their mixture: by Ville's inequality it reaches 1/alpha with probability
alpha at most, at any moment, however often one looks and however many requests there are.

Two versions are compared for every share that the baseline may have: what speaks for a lower one in the baseline times
what speaks for more than the margin above it in the canary. The e-value is the least of these over all such shares
(universal inference: Wasserman, Ramdas and Balakrishnan, PNAS 2020, arXiv 1912.11436), so that it holds whatever the
baseline's share is. Its logarithm is convex on each straight piece of the margin: the least is found, not searched for.
Everything is computed in logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import exp, hypot, inf, log, log1p, nan, sqrt
from typing import NamedTuple

from msgspec import Struct

LADDER = (
    (1.0, 0.10), (1.04, 0.02), (1.1, 0.03), (1.25, 0.08), (1.5, 0.12), (2.0, 0.15), (3.0, 0.17), (5.0, 0.15),
    (9.0, 0.09), (20.0, 0.05), (60.0, 0.02), (300.0, 0.02),
)  # fmt: skip
"""How many times the odds at the bound, and what share of the mixture each has; the shares sum to 1.

Most of it lies where a shift should end soon: at two to five times what is tolerated. The steps near 1 are for many
requests, the last ones for a version that fails altogether. The first is for the side that is known too well to tell.
"""
_ABOVE = tuple((log(weight), log(odds), odds - 1.0) for odds, weight in LADDER)
_BELOW = tuple((log(weight), -log(odds), 1 / odds - 1.0) for odds, weight in LADDER)
_TOLERANCE = 1e-9
"""How near a logarithm of an e-value comes to what it is."""
_ROUGHLY = 1e-3
"""The same for the ends of an interval, which are drawn outwards by as much."""
_NEAR = 2e-2
"""How near the evidence at the end of an interval comes to what is enough."""
_WIDTH = 1e-2
"""How near the end of an interval comes to what it is, as a part of about its width."""
_STEPS = 100


class Interval(Struct, frozen=True):
    """A confidence interval of a share or of a difference of shares."""

    low: float
    high: float


class Margin(Struct, frozen=True):
    """What does not matter: shares apart by `absolute`, or by `relative` of the baseline's, whichever is more."""

    absolute: float = 0.0
    relative: float = 0.0

    def bound(self, share: float) -> float:
        """The largest share that is not worse than a baseline's by more than the margin."""
        return min(1.0, share + max(self.absolute, self.relative * share))

    def pieces(self) -> Iterator[_Line]:
        """The bound as straight lines over the baseline's share, as far as it is below 1."""
        last = min(1.0 - self.absolute, 1.0 / (1.0 + self.relative))
        kink = min(last, self.absolute / self.relative) if self.relative > 0 else last
        yield _Line(0.0, kink, self.absolute, 1.0)
        if kink < last:
            yield _Line(kink, last, 0.0, 1.0 + self.relative)


class _Line(Struct, frozen=True):
    """The bound `shift + slope * share` for shares from `low` to `high`."""

    low: float
    high: float
    shift: float
    slope: float

    def at(self, share: float) -> float:
        return min(1.0, max(0.0, self.shift + self.slope * share))


class _Point(NamedTuple):
    """A function at one place, with its first and second derivatives."""

    value: float
    slope: float
    curvature: float


class _Curve:
    """The logarithm of the e-value of some counts, as a convex function of the bound.

    `above`: that the share of hits is above the bound; else that it is below.
    """

    def __init__(self, hits: float, total: float, *, above: bool) -> None:
        self._total = total
        self._terms = [(start + hits * odds, rise) for start, odds, rise in (_ABOVE if above else _BELOW)]

    def value(self, bound: float) -> float:
        logs = [start - self._total * log1p(bound * rise) for start, rise in self._terms]
        most = max(logs)
        return most + log(sum([exp(one - most) for one in logs]))

    def at(self, bound: float) -> _Point:
        total = self._total
        logs = [start - total * log1p(bound * rise) for start, rise in self._terms]
        most = max(logs)
        whole = first = second = 0.0
        one_more = 1.0 + total
        for one, (_, rise) in zip(logs, self._terms, strict=True):
            part = exp(one - most)
            if part == 0.0:
                continue
            ratio = rise / (1.0 + bound * rise)
            whole += part
            slope = part * total * ratio
            first -= slope
            second += slope * ratio * one_more
        slope = first / whole
        return _Point(most + log(whole), slope, second / whole - slope * slope)


class Counts(Struct, frozen=True):
    """What one version answered since the weights last changed: requests, and those of them that were bad."""

    requests: float
    bad: float


def log_evidence_above(hits: float, total: float, bound: float) -> float:
    """The natural logarithm of the e-value that more than `bound` of all are hits; 0.0 without observations."""
    return _Curve(hits, total, above=True).value(bound) if total > 0 else 0.0


def log_evidence_below(hits: float, total: float, bound: float) -> float:
    """The natural logarithm of the e-value that fewer than `bound` of all are hits; 0.0 without observations."""
    return _Curve(hits, total, above=False).value(bound) if total > 0 else 0.0


def log_evidence_worse(canary: Counts, baseline: Counts, margin: Margin) -> float:
    """The logarithm of the e-value that the canary's share of bad answers is above the baseline's by more than matters.

    It stands against every pair of shares within the margin, and is 0.0 while one of the two has no requests.
    """
    return _log_evidence_apart(canary, baseline, margin.pieces(), above=True)


def log_evidence_not_worse(canary: Counts, baseline: Counts, margin: Margin) -> float:
    """The logarithm of the e-value that the canary's share is not above the baseline's by as much as the margin."""
    return _log_evidence_apart(canary, baseline, margin.pieces(), above=False)


def shows_worse(canary: Counts, baseline: Counts, margin: Margin, enough: float) -> bool:
    """Whether `log_evidence_worse` reaches `enough`, which is mostly plain long before its value is found."""
    return _log_evidence_apart(canary, baseline, margin.pieces(), above=True, enough=enough) >= enough


def shows_not_worse(canary: Counts, baseline: Counts, margin: Margin, enough: float) -> bool:
    """Whether `log_evidence_not_worse` reaches `enough`."""
    return _log_evidence_apart(canary, baseline, margin.pieces(), above=False, enough=enough) >= enough


def _log_evidence_apart(
    canary: Counts, baseline: Counts, pieces: Iterable[_Line], *, above: bool, enough: float = nan
) -> float:
    if canary.requests <= 0 or baseline.requests <= 0:
        return 0.0
    mine = _Curve(canary.bad, canary.requests, above=above)
    theirs = _Curve(baseline.bad, baseline.requests, above=not above)
    start = (canary.bad + baseline.bad) / (canary.requests + baseline.requests)
    return _apart(mine, theirs, pieces, start, enough=enough)[0]


def _apart(
    mine: _Curve,
    theirs: _Curve,
    pieces: Iterable[_Line],
    start: float,
    tolerance: float = _TOLERANCE,
    enough: float = nan,
) -> tuple[float, float]:
    """The least, over the baseline's shares, of what speaks against both shares, and where it is.

    It is looked for from `start` on; given `enough`, only until it is plain whether the least is below that.
    """

    def at(share: float) -> _Point:
        one, other = theirs.at(share), mine.at(line.at(share))
        return _Point(
            one.value + other.value,
            one.slope + line.slope * other.slope,
            one.curvature + line.slope * line.slope * other.curvature,
        )

    found = (inf, start)
    for line in pieces:
        found = min(found, _least(at, line.low, line.high, start, tolerance, enough))
        if found[0] < enough:
            break
    return found


def _least(
    at: Callable[[float], _Point], low: float, high: float, start: float, tolerance: float, enough: float
) -> tuple[float, float]:
    """The least value of a convex function between two bounds: Newton's steps, and halving where those are too slow.

    Unless `enough` is nan it ends as soon as the least is known to be below it (any value there is), or not to be.
    """
    here = at(share := min(high, max(low, start)))
    for step in range(_STEPS):
        width = high - low
        if here.slope < 0:
            low = share
        else:
            high = share
        # Nothing in the bracket can lie lower than the tangent.
        deeper = abs(here.slope) * (high - low)
        if deeper < tolerance or here.value < enough or here.value - deeper >= enough:
            break
        # Where the curve is nearly a chain of straight lines, Newton's steps alone creep.
        creeps = step % 3 == 2 and high - low > width / 2
        wanted = share - here.slope / here.curvature if here.curvature > 0 else inf if here.slope < 0 else -inf
        if creeps or (wanted >= high and high == share) or (wanted <= low and low == share):
            share = (low + high) / 2
        else:
            share = min(high, max(low, wanted))
        here = at(share)
    return here.value, share


class SplitEvidence(Struct, frozen=True):
    """Of a split the logarithms of the e-values that it is off by more than the margin, and that it is not."""

    off: float
    as_set: float


def split_bounds(shares: Sequence[float], margin: float) -> list[Interval]:
    """From where to where each share may be off.

    A destination that should get something gets at least half of it: otherwise one with a weight of 1 could get
    nothing, and nobody would hear of it.
    """
    return [Interval(max(share - margin, share / 2), min(1.0, share + margin)) for share in shares]


def split_evidence(counts: Sequence[float], shares: Sequence[float], margin: float) -> SplitEvidence:
    """Hold the requests of each destination against the shares they should have (any positive sum).

    A split is off when some share lies outside its bounds; the e-value that it is off is the mean of those of all
    destinations in both directions, which is an e-value again. That it is not off is shown by the weakest of them.
    Raises ValueError when lengths differ or nothing is shared out.
    """
    if len(counts) != len(shares):
        raise ValueError("each count needs the share it should have")
    whole = sum(shares)
    if whole <= 0 or any(share < 0 for share in shares) or any(count < 0 for count in counts):
        raise ValueError("shares and counts are not negative, and some share is above 0")
    total = sum(counts)
    if len(counts) < 2 or total <= 0:
        return SplitEvidence(0.0, 0.0)
    off, inside = [], []
    for count, bounds in zip(counts, split_bounds([share / whole for share in shares], margin), strict=True):
        off += [log_evidence_above(count, total, bounds.high), log_evidence_below(count, total, bounds.low)]
        if bounds.high < 1:
            inside.append(log_evidence_below(count, total, bounds.high))
        if bounds.low > 0:
            inside.append(log_evidence_above(count, total, bounds.low))
    return SplitEvidence(_log_mean(off), min(inside, default=0.0))


def _log_mean(logarithms: Sequence[float]) -> float:
    most = max(logarithms)
    return most + log(sum(exp(one - most) for one in logarithms) / len(logarithms))


def share_interval(hits: float, total: float, alpha: float) -> Interval | None:
    """A share's confidence sequence: it holds at every look with probability 1 - alpha; None without observations."""
    if total <= 0:
        return None
    hits = min(hits, total)
    enough, seen = -log(alpha / 2), hits / total
    step = _spread(hits, total)
    up, down = _Curve(hits, total, above=True), _Curve(hits, total, above=False)
    return Interval(
        0.0 if hits <= 0 else _edge(lambda bound: up.value(bound) - enough, seen, -step, 0.0),
        1.0 if hits >= total else _edge(lambda bound: down.value(bound) - enough, seen, step, 1.0),
    )


def difference_interval(canary: Counts, baseline: Counts, alpha: float) -> Interval | None:
    """The confidence sequence of the canary's share minus the baseline's; None while one has no requests."""
    if canary.requests <= 0 or baseline.requests <= 0:
        return None
    enough, theirs = _ROUGHLY - log(alpha / 2), baseline.bad / baseline.requests
    seen = canary.bad / canary.requests - theirs
    step = hypot(_spread(canary.bad, canary.requests), _spread(baseline.bad, baseline.requests))

    def beyond(*, above: bool) -> Callable[[float], float]:
        mine = _Curve(canary.bad, canary.requests, above=above)
        other = _Curve(baseline.bad, baseline.requests, above=not above)

        start = theirs

        def at(difference: float) -> float:
            nonlocal start
            line = _Line(max(0.0, -difference), min(1.0, 1.0 - difference), difference, 1.0)
            evidence, start = _apart(mine, other, (line,), start, _ROUGHLY)
            return evidence - enough

        return at

    return Interval(_edge(beyond(above=True), seen, -step, -1.0), _edge(beyond(above=False), seen, step, 1.0))


def _spread(hits: float, total: float) -> float:
    """About how far a share's confidence sequence reaches."""
    share = (hits + 1.0) / (total + 2.0)
    return 3.0 * sqrt(share * (1 - share) / total)


def _edge(beyond: Callable[[float], float], inside: float, step: float, last: float) -> float:
    """Where `beyond` crosses 0 on the way from a point where it is negative by steps to the `last`; false position."""
    at_inside, outside, exact = beyond(inside), inside, abs(step) * _WIDTH
    while True:
        outside = max(last, outside + step) if step < 0 else min(last, outside + step)
        at_outside = beyond(outside)
        if at_outside > 0:
            break
        if outside == last:
            return last
        inside, at_inside, step = outside, at_outside, step * 2
    kept = 0
    for step_ in range(_STEPS):
        if abs(outside - inside) <= exact:
            break
        middle = (inside + outside) / 2
        if step_ % 3 != 2:
            middle = outside - at_outside * (outside - inside) / (at_outside - at_inside)
        here = beyond(middle)
        if here <= 0:
            inside, at_inside = middle, here
            at_outside = at_outside / 2 if kept < 0 else at_outside
            kept = -1
        else:
            outside, at_outside = middle, here
            at_inside = at_inside / 2 if kept > 0 else at_inside
            kept = 1
            if here < _NEAR:
                break
    return outside
