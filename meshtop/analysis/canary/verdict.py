"""Statistical verdicts: whether a split matches its weights, and a canary compared with its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import ceil, exp, log

from msgspec import Struct

from meshtop.analysis.canary.evidence import Interval, log_evidence, newcombe
from meshtop.model.constants import DEFAULT_ALPHA, DEFAULT_MINIMUM_REQUESTS

E_VALUE_CAP = 1e12
"""Cap of e-values as shown; larger ones carry no further information for a reader."""
WORTH_SEEING = 2.0
"""Smallest error ratio, relative to the baseline's, that a verdict must be able to detect."""
WORTH_SEEING_AT_LEAST = 0.01
"""Smallest absolute difference in the share of errors that a verdict must be able to detect."""
_SEARCH_LIMIT = 10_000_000


class Honesty(StrEnum):
    """Whether the observed split matches the weights (INTERFACE.md, `honesty`)."""

    HONOURED = "honoured"
    NOT_HONOURED = "not-honoured"
    NOT_ENOUGH_DATA = "not-enough-data"
    NO_TRAFFIC = "no-traffic"


class Comparison(StrEnum):
    """Whether a canary is worse than its baseline (INTERFACE.md, `verdict`)."""

    WORSE = "worse"
    NOT_WORSE = "not-worse"
    NOT_ENOUGH_DATA = "not-enough-data"


class HonestyVerdict(Struct, frozen=True, rename="camel"):
    """The honesty of a split, its evidence, and how many more requests are needed for a verdict."""

    verdict: Honesty
    e_value: float | None = None
    requests: float | None = None
    requests_to_go: int | None = None


class Counts(Struct, frozen=True):
    """Requests to one version since the weights last changed, and how many of them were bad."""

    requests: float
    bad: float


class ComparisonVerdict(Struct, frozen=True, rename="camel"):
    """One comparison of a canary with its baseline; `difference` is canary minus baseline, with its interval."""

    verdict: Comparison
    e_value: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    requests_to_go: int | None = None


def e_value(log_e: float) -> float:
    """An e-value for display, capped so that it stays finite."""
    return min(E_VALUE_CAP, exp(min(log_e, log(E_VALUE_CAP))))


def honesty(
    requests: Sequence[float],
    weights: Sequence[float],
    *,
    alpha: float = DEFAULT_ALPHA,
    minimum_requests: int = DEFAULT_MINIMUM_REQUESTS,
) -> HonestyVerdict:
    """Test the requests of each destination against the configured weights (any positive sum).

    `requests` are counted since the weights were set, without mirrored ones. A split is not honoured when the evidence
    against it reaches 1/alpha; it is honoured once enough requests were seen without that.
    """
    total = sum(requests)
    if total <= 0:
        return HonestyVerdict(Honesty.NO_TRAFFIC, None, total, None)
    log_e = log_evidence(requests, weights)
    shown = e_value(log_e)
    if log_e >= -log(alpha):
        return HonestyVerdict(Honesty.NOT_HONOURED, shown, total, 0)
    if total < minimum_requests:
        return HonestyVerdict(Honesty.NOT_ENOUGH_DATA, shown, total, ceil(minimum_requests - total))
    return HonestyVerdict(Honesty.HONOURED, shown, total, 0)


def _log_evidence_of_worse(canary: Counts, baseline: Counts) -> float:
    total = canary.requests + baseline.requests
    if total <= 0 or canary.requests <= 0 or baseline.requests <= 0:
        return 0.0
    share = canary.requests / total
    return log_evidence((canary.bad, baseline.bad), (share, 1 - share))


def requests_needed(baseline_ratio: float, canary_share: float, *, alpha: float = DEFAULT_ALPHA) -> int | None:
    """How many requests (canary plus baseline) are needed to detect a canary that is noticeably worse.

    Noticeably worse means twice the baseline's share of bad responses, and at least one point more; the test is run on
    the expected counts. None when ten million requests are not enough.
    """
    if not 0 < canary_share < 1:
        return None
    bad = min(1.0, max(baseline_ratio * WORTH_SEEING, baseline_ratio + WORTH_SEEING_AT_LEAST))

    def shows(total: int) -> bool:
        n = total * canary_share
        canary, baseline = Counts(n, n * bad), Counts(total - n, (total - n) * baseline_ratio)
        return _log_evidence_of_worse(canary, baseline) >= -log(alpha)

    high = 64
    while not shows(high):
        high *= 2
        if high > _SEARCH_LIMIT:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high


def compare(
    canary: Counts, baseline: Counts, *, alpha: float = DEFAULT_ALPHA, minimum_requests: int = DEFAULT_MINIMUM_REQUESTS
) -> ComparisonVerdict:
    """Whether a canary's responses are bad more often than its baseline's.

    The verdict is decided on anytime-valid evidence; Newcombe's interval of the difference is added for display.
    """
    interval = newcombe(canary.bad, canary.requests, baseline.bad, baseline.requests)
    total = canary.requests + baseline.requests
    if canary.requests <= 0 or baseline.requests <= 0:
        return ComparisonVerdict(Comparison.NOT_ENOUGH_DATA, None, None, interval, None)
    log_e = _log_evidence_of_worse(canary, baseline)
    difference = canary.bad / canary.requests - baseline.bad / baseline.requests
    shown = e_value(log_e)
    if log_e >= -log(alpha) and difference > 0:
        return ComparisonVerdict(Comparison.WORSE, shown, difference, interval, 0)
    needed = requests_needed(baseline.bad / baseline.requests, canary.requests / total, alpha=alpha)
    if needed is None:
        return ComparisonVerdict(Comparison.NOT_ENOUGH_DATA, shown, difference, interval, None)
    to_go = max(needed, minimum_requests) - total
    if to_go > 0:
        return ComparisonVerdict(Comparison.NOT_ENOUGH_DATA, shown, difference, interval, ceil(to_go))
    return ComparisonVerdict(Comparison.NOT_WORSE, shown, difference, interval, 0)
