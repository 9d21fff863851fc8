"""Anytime-valid evidence on counts: evaluating it repeatedly does not raise the false-alarm rate.

The e-value is that of Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022,
arXiv 2011.03567): a Dirichlet mixture centred on the null hypothesis, divided by the null's likelihood. By
Ville's inequality it reaches 1/alpha with probability at most alpha, at any moment, when the null is true.
Everything is computed in logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, lgamma, log, sqrt

from msgspec import Struct

CONCENTRATION = 20.0
"""K: how strongly the mixture is centred on the null hypothesis (20, as measured in reference/anchors.md)."""


def log_evidence(counts: Sequence[float], shares: Sequence[float], concentration: float = CONCENTRATION) -> float:
    """The natural logarithm of the e-value of `counts` against the shares they should have.

    `shares` are not negative and sum to 1; a count on a share of 0 is infinite evidence. Without counts the evidence
    is 0.0. Raises ValueError when lengths differ or all shares are 0.
    """
    if len(counts) != len(shares):
        raise ValueError("each count needs the share it should have")
    total_share = sum(shares)
    if total_share <= 0 or any(share < 0 for share in shares) or any(count < 0 for count in counts):
        raise ValueError("shares and counts are not negative, and some share is above 0")
    if any(count > 0 and share == 0 for count, share in zip(counts, shares, strict=True)):
        return inf
    parts = [(n, s / total_share) for n, s in zip(counts, shares, strict=True) if s > 0]
    if len(parts) < 2:
        return 0.0
    total = sum(n for n, _ in parts)
    result = lgamma(concentration) - lgamma(concentration + total)
    for n, share in parts:
        prior = concentration * share
        result += lgamma(prior + n) - lgamma(prior) - n * log(share)
    return result


class Interval(Struct, frozen=True):
    """A confidence interval of a share or of a difference of shares."""

    low: float
    high: float


def wilson(successes: float, total: float, z: float = 1.96) -> Interval | None:
    """Wilson's score interval of a share (95 % for z = 1.96); None without observations."""
    if total <= 0:
        return None
    share = min(1.0, successes / total)
    middle = share + z * z / (2 * total)
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return Interval(max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def newcombe(
    successes: float, total: float, other_successes: float, other_total: float, z: float = 1.96
) -> Interval | None:
    """Newcombe's interval of the difference of two shares (method 10, Statistics in Medicine 1998)."""
    one, two = wilson(successes, total, z), wilson(other_successes, other_total, z)
    if one is None or two is None:
        return None
    p, q = successes / total, other_successes / other_total
    difference = p - q
    low = difference - sqrt((p - one.low) ** 2 + (two.high - q) ** 2)
    high = difference + sqrt((one.high - p) ** 2 + (q - two.low) ** 2)
    return Interval(max(-1.0, low), min(1.0, high))
