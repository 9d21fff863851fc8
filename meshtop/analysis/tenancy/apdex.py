"""Apdex from histogram buckets (Apdex Alliance, Technical Specification 1.1)."""

from __future__ import annotations

from math import inf

from meshtop.model.traffic import Buckets

TARGET_MS = 500.0
"""The time within which a user is satisfied, unless the settings say another; four times as long is tolerated."""


def apdex(buckets: Buckets, target_ms: float = TARGET_MS) -> float | None:
    """The share of satisfied requests plus half of the tolerated ones, 0 to 1; None when nothing was timed.

    Requests are judged by their duration alone: buckets do not tell which of them failed.
    """
    if not buckets.bounds or buckets.bounds[-1] != inf or buckets.rates[-1] <= 0:
        return None
    satisfied, tolerated = _within(buckets, target_ms), _within(buckets, 4 * target_ms)
    return (satisfied + max(0.0, tolerated - satisfied) / 2) / buckets.rates[-1]


def _within(buckets: Buckets, milliseconds: float) -> float:
    """The rate of requests no slower than this, by linear interpolation within a bucket; rates never fall."""
    lower_bound = lower_rate = 0.0
    for bound, rate in zip(buckets.bounds, buckets.rates, strict=True):
        upper = max(rate, lower_rate)
        if bound >= milliseconds:
            if bound == inf:
                return lower_rate
            return lower_rate + (upper - lower_rate) * (milliseconds - lower_bound) / (bound - lower_bound)
        lower_bound, lower_rate = bound, upper
    return lower_rate
