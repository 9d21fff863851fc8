"""Verdicts in words: honesty of a split, and a canary against its baseline.

Each verdict carries its own words (`summary`), so that a report, the console, a shift's log and JSON say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache
from math import ceil, exp, log

from msgspec import Struct, structs

from meshtop.analysis.canary.evidence import (
    Counts,
    Interval,
    Margin,
    difference_interval,
    log_evidence_worse,
    shows_not_worse,
    shows_worse,
    split_evidence,
)
from meshtop.model.constants import DEFAULT_ALPHA, DEFAULT_MARGIN, DEFAULT_MINIMUM_REQUESTS, DEFAULT_RELATIVE_MARGIN
from meshtop.model.numbers import written_out

E_VALUE_CAP = 1e12
"""E-values are shown up to this; beyond it they say nothing more to a person."""
WORTH_SEEING = 3.0
"""A canary that errs this many times as often as its baseline is what a verdict must be able to see."""
WORTH_SEEING_AT_LEAST = 0.02
"""... and never less than this difference in the share of errors, nor less than twice the margin."""
LIKELY_AT = 0.5
"""What part of the evidence that is asked for, as a logarithm, makes something likely."""
DEFAULT_MARGIN_OF_ERRORS = Margin(DEFAULT_MARGIN, DEFAULT_RELATIVE_MARGIN)
"""By how much more than its baseline a canary may err without being called worse."""
_SEARCH_LIMIT = 10_000_000
_NEAR_ENOUGH = 1.02
_NEAR_ENOUGH_BAD = 200
"""Numbers of bad answers are told to one part in so many."""
_REMEMBERED = 2048


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


class Certainty(StrEnum):
    """How sure a verdict is.

    `CERTAIN` is wrong in at most alpha of all cases, however often one looks. `LIKELY` of what is bad is half of that
    evidence (the verdict is still not enough data), of what is good that something worth seeing would have shown.
    """

    CERTAIN = "certain"
    LIKELY = "likely"


NOT_KNOWN = "not known"
"""The verdict in words where it is not for want of requests that nothing is said."""
_WORDS = {
    Comparison.WORSE: "worse",
    Comparison.NOT_WORSE: "not worse",
    Comparison.NOT_ENOUGH_DATA: "too little traffic",
}


def verdict_words(verdict: Comparison, certainty: Certainty | None) -> str:
    """A comparison in few words: `worse, certain`, `worse, likely`, `not worse, likely`, `too little traffic`."""
    if certainty is None:
        return _WORDS[verdict]
    word = _WORDS[Comparison.WORSE if verdict is Comparison.NOT_ENOUGH_DATA else verdict]
    return f"{word}, {certainty.value}"


_SPLIT_WORDS = {
    Honesty.HONOURED: "as set",
    Honesty.NOT_HONOURED: "off",
    Honesty.NOT_ENOUGH_DATA: "too little traffic",
    Honesty.NO_TRAFFIC: "no traffic",
}


def honesty_words(verdict: Honesty, certainty: Certainty | None) -> str:
    """A split in few words: `as set, likely`, `off, certain`, `off, likely`, `too little traffic`, `no traffic`."""
    if certainty is None:
        return _SPLIT_WORDS[verdict]
    word = _SPLIT_WORDS[Honesty.NOT_HONOURED if verdict is Honesty.NOT_ENOUGH_DATA else verdict]
    return f"{word}, {certainty.value}"


class HonestyVerdict(Struct, frozen=True, rename="camel"):
    """The honesty of a split, its evidence, and how many requests are still to be seen.

    `summary` says it in words; it is made of the rest where it is not given.
    """

    verdict: Honesty
    e_value: float | None = None
    requests: float | None = None
    requests_to_go: int | None = None
    certainty: Certainty | None = None
    summary: str = ""

    def __post_init__(self) -> None:
        if not self.summary:
            yet = " yet" if self.verdict is Honesty.NOT_ENOUGH_DATA and self.certainty is None else ""
            known = self.words != NOT_KNOWN
            words = f"{self.words}{yet if known else ''}{to_go_words(self.requests_to_go)}"
            structs.force_setattr(self, "summary", words)

    @property
    def words(self) -> str:
        """The verdict in few words; where more requests would not tell it, traffic is not what is missing."""
        if self.verdict is Honesty.NOT_ENOUGH_DATA and self.certainty is None and self.requests_to_go is None:
            return NOT_KNOWN
        return honesty_words(self.verdict, self.certainty)

    @property
    def is_bad(self) -> bool:
        """Whether the split is called off."""
        return self.verdict is Honesty.NOT_HONOURED

    @property
    def may_be_bad(self) -> bool:
        """Whether the split is likely off, without being called so yet."""
        return self.verdict is Honesty.NOT_ENOUGH_DATA and self.certainty is Certainty.LIKELY


class ComparisonVerdict(Struct, frozen=True, rename="camel"):
    """One comparison of a canary with its baseline; `summary` says it in words, made of the rest where it is not given.

    `difference` is canary minus baseline; `canary` and `baseline` are what was counted. `interval` is its confidence
    sequence: at every look it holds what is true with probability 1 - alpha. `worse_from` is about how many bad
    answers of the canary, of the requests seen so far, are enough to call it worse; None where no number is.
    """

    verdict: Comparison
    e_value: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    requests_to_go: int | None = None
    certainty: Certainty | None = None
    worse_from: int | None = None
    canary: Counts | None = None
    baseline: Counts | None = None
    summary: str = ""

    def __post_init__(self) -> None:
        if not self.summary:
            yet = " yet" if self.verdict is Comparison.NOT_ENOUGH_DATA and self.certainty is None else ""
            figures = f": {self.figures}" if self.figures else ""
            words = f"{verdict_words(self.verdict, self.certainty)}{yet}{figures}{to_go_words(self.requests_to_go)}"
            structs.force_setattr(self, "summary", words)

    @property
    def is_bad(self) -> bool:
        """Whether the canary is called worse."""
        return self.verdict is Comparison.WORSE

    @property
    def may_be_bad(self) -> bool:
        """Whether the canary is likely worse, without being called so yet."""
        return self.verdict is Comparison.NOT_ENOUGH_DATA and self.certainty is Certainty.LIKELY

    @property
    def figures(self) -> str:
        """The difference in percentage points with its interval: `+3.9 points (3.1 to 4.8)`; "" where unknown."""
        return "" if self.difference is None else _points(self.difference, self.interval)

    def figures_of(self, what: str) -> str:
        """The same of something: `+3.9 points of errors (3.1 to 4.8)`; "" where unknown."""
        return "" if self.difference is None else _points(self.difference, self.interval, f" of {what}")

    @property
    def explanation(self) -> str:
        """What was counted, and what it takes: `31 of 600 against 6 of 2,400; worse from 22 on`; "" where unknown."""
        if self.canary is None or self.baseline is None:
            return ""
        one, other = (f"{written_out(c.bad)} of {written_out(c.requests)}" for c in (self.canary, self.baseline))
        from_ = "" if self.worse_from is None else f"; worse from {written_out(self.worse_from)} on"
        return f"{one} against {other}{from_}"


def e_value(log_e: float) -> float:
    """An e-value for display, capped so that it stays finite."""
    return min(E_VALUE_CAP, exp(min(log_e, log(E_VALUE_CAP))))


def to_go_words(requests_to_go: int | None) -> str:
    """`, about 1,200 requests to go`; "" where none are, or nobody knows."""
    if not requests_to_go:
        return ""
    return f", about {written_out(requests_to_go)} {'request' if requests_to_go == 1 else 'requests'} to go"


def honesty(
    requests: Sequence[float],
    weights: Sequence[float],
    *,
    alpha: float = DEFAULT_ALPHA,
    minimum_requests: int = DEFAULT_MINIMUM_REQUESTS,
    margin: float = 0.0,
) -> HonestyVerdict:
    """Test the requests of each destination against the configured weights (any positive sum).

    `requests` count since the weights were set, without mirrors. A split is not honoured when the evidence that some
    share is off by more than the margin reaches 1/alpha; it is honoured once enough requests were seen without that.
    """
    total = sum(requests)
    if total <= 0:
        return HonestyVerdict(Honesty.NO_TRAFFIC, None, total)
    evidence = split_evidence(requests, weights, margin)
    shown, enough = e_value(evidence.off), -log(alpha)
    if evidence.off >= enough:
        return HonestyVerdict(Honesty.NOT_HONOURED, shown, total, 0, Certainty.CERTAIN)
    if evidence.off >= LIKELY_AT * enough:
        to_go = ceil(total * (enough / evidence.off - 1.0))
        return HonestyVerdict(Honesty.NOT_ENOUGH_DATA, shown, total, to_go, Certainty.LIKELY)
    if total < minimum_requests:
        return HonestyVerdict(Honesty.NOT_ENOUGH_DATA, shown, total, ceil(minimum_requests - total))
    certainty = Certainty.CERTAIN if evidence.as_set >= enough else Certainty.LIKELY
    return HonestyVerdict(Honesty.HONOURED, shown, total, 0, certainty)


def worth_seeing(baseline_ratio: float, margin: Margin) -> float:
    """The share of bad answers at which nobody may take a canary for good."""
    beyond = 2 * (margin.bound(baseline_ratio) - baseline_ratio)
    return min(1.0, max(WORTH_SEEING * baseline_ratio, baseline_ratio + max(WORTH_SEEING_AT_LEAST, beyond)))


def requests_needed(
    baseline_ratio: float,
    canary_share: float,
    *,
    alpha: float = DEFAULT_ALPHA,
    margin: Margin = DEFAULT_MARGIN_OF_ERRORS,
) -> int | None:
    """How many requests, canary and baseline together, show a canary that is worse by what is worth seeing.

    Expected counts are put into the test. None when no number of requests up to ten million is enough.
    """
    if not 0 < canary_share < 1:
        return None
    bad = worth_seeing(baseline_ratio, margin)

    def shows(total: int) -> bool:
        n = total * canary_share
        canary, baseline = Counts(n, n * bad), Counts(total - n, (total - n) * baseline_ratio)
        return shows_worse(canary, baseline, margin, -log(alpha))

    return _first(shows, 64, _SEARCH_LIMIT)


def _first(shows: Callable[[int], bool], start: int, limit: int) -> int | None:
    """About the first number from which on `shows` is true (never too small); None when it is above the limit."""
    high = start
    while not shows(high):
        high *= 2
        if high > limit:
            return None
    low = high // 2
    while high - low > 1 and high > low * _NEAR_ENOUGH:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high


@lru_cache(_REMEMBERED)
def compare(
    canary: Counts,
    baseline: Counts,
    *,
    alpha: float = DEFAULT_ALPHA,
    minimum_requests: int = DEFAULT_MINIMUM_REQUESTS,
    margin: Margin = DEFAULT_MARGIN_OF_ERRORS,
    in_brief: bool = False,
) -> ComparisonVerdict:
    """Whether a canary's answers are bad more often than its baseline's by more than the margin.

    The interval of the difference and from how many bad answers on it is worse take nine tenths of the work: `in_brief`
    leaves them out, unless the canary is called worse or may be, of which somebody is told with its figures.
    """
    if canary.requests <= 0 or baseline.requests <= 0:
        return ComparisonVerdict(Comparison.NOT_ENOUGH_DATA)
    total, enough = canary.requests + baseline.requests, -log(alpha)
    log_e = log_evidence_worse(canary, baseline, margin)
    to_go: float | None = 0.0
    if log_e >= enough:
        verdict, certainty = Comparison.WORSE, Certainty.CERTAIN
    elif log_e >= LIKELY_AT * enough:
        verdict, certainty = Comparison.NOT_ENOUGH_DATA, Certainty.LIKELY
        to_go = total * (enough / log_e - 1.0)
    elif total >= minimum_requests and shows_not_worse(canary, baseline, margin, enough):
        verdict, certainty = Comparison.NOT_WORSE, Certainty.CERTAIN
    else:
        needed = requests_needed(baseline.bad / baseline.requests, canary.requests / total, alpha=alpha, margin=margin)
        to_go = None if needed is None else max(needed, minimum_requests) - total
        if to_go is not None and to_go <= 0:
            verdict, certainty, to_go = Comparison.NOT_WORSE, Certainty.LIKELY, 0.0
        else:
            verdict, certainty = Comparison.NOT_ENOUGH_DATA, None
    difference = canary.bad / canary.requests - baseline.bad / baseline.requests
    whole = not in_brief or log_e >= LIKELY_AT * enough
    return ComparisonVerdict(
        verdict=verdict,
        e_value=e_value(log_e),
        difference=difference,
        interval=difference_interval(canary, baseline, alpha) if whole else None,
        requests_to_go=None if to_go is None else ceil(to_go),
        certainty=certainty,
        worse_from=_worse_from(canary, baseline, margin, enough) if whole else None,
        canary=canary,
        baseline=baseline,
    )


def _worse_from(canary: Counts, baseline: Counts, margin: Margin, enough: float) -> int | None:
    """About how many bad answers among the canary's requests so far are enough to call it worse; never too few."""

    def is_worse(bad: int) -> bool:
        counts = Counts(canary.requests, min(canary.requests, bad))
        return shows_worse(counts, baseline, margin, enough)

    whole = int(canary.requests)
    if whole < 1 or not is_worse(whole):
        return None
    # It lies a little above what the margin allows, which is much less than all.
    low = min(whole - 1, int(whole * margin.bound(baseline.bad / baseline.requests)))
    if is_worse(low):
        low = 0
    high, step = low + 1, max(1, low // 50)
    while high < whole and not is_worse(high):
        low, high, step = high, min(whole, high + step), step * 2
    while high - low > max(1, high // _NEAR_ENOUGH_BAD):
        middle = (low + high) // 2
        low, high = (low, middle) if is_worse(middle) else (middle, high)
    return high


def _points(difference: float, interval: Interval | None, of: str = "") -> str:
    """A difference of shares in percentage points, of what, and its interval where that is known."""
    if interval is None:
        return f"{_rounded(difference, 1):+.1f} points{of}"
    digits = 1 if interval.high - interval.low >= 0.01 else 2
    low, high = _rounded(interval.low, digits), _rounded(interval.high, digits)
    return f"{_rounded(difference, digits):+.{digits}f} points{of} ({low:.{digits}f} to {high:.{digits}f})"


def _rounded(share: float, digits: int) -> float:
    """A share in percent; what rounds to nothing has no sign."""
    return round(100 * share, digits) + 0.0
