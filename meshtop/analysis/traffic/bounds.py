"""What so many failures of so many requests prove: the exact bound of Clopper and Pearson, for one side.

A bare ratio says the same of 1 in 20 as of 1,000 in 20,000. The bound answers which share of failures at least stands
behind what was counted, wrong in no more than `alpha` of all cases (Clopper, Pearson, Biometrika 26, 1934). Counts may
be fractions, as rates of Prometheus give them; the tail of the binomial distribution is the incomplete beta function,
which knows no whole numbers. All in logarithms, so that millions of requests are no trouble.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p, nan, sqrt

_TINY = 1e-300
_CLOSE = 1e-12
_MOST_TERMS = 5_000
_NEAR = 1e-8
"""A step so small, as a share of the bound, ends the search for it: the next one would be its square."""
_SURE = 1e-6
"""So far from the bound, as a share of it, the tail's rounding decides nothing."""
_MOST_COUNTED = 1e7
_WIDEST = 0.25
"""x (1 - x) is at most that, and at most x."""


def proves(failed: float, total: float, share: float, alpha: float) -> bool:
    """Whether `failed` of `total` prove that at least `share` fail, wrong in no more than `alpha` of all cases.

    Cheap where it can be told without the exact tail: below the share nothing is proven, and far above it Chernoff's
    bound, which the exact one never falls behind, is enough.
    """
    if failed <= 0 or total <= 0:
        return False
    if share <= 0:
        return True
    if failed > total:
        failed = total
    ratio = failed / total
    if share >= 1 or ratio < share:
        return ratio >= share >= 1
    surely = -log(alpha)
    # The divergence is the integral of (ratio - x) / (x (1 - x)) from the share to the ratio: never less than this.
    apart = ratio - share
    if total * apart * apart > 2.0 * surely * (ratio if ratio < _WIDEST else _WIDEST):
        return True
    if total * _divergence(ratio, share) >= surely:
        return True
    return binomial_tail(failed, total, share) <= alpha


def at_least(failed: float, total: float, alpha: float) -> float:
    """The share of failures that stands behind `failed` of `total` at least: the lower bound, 0 where none failed."""
    if failed <= 0 or total <= 0:
        return 0.0
    failed = min(failed, total)
    low, high = 0.0, failed / total
    # Halving asks the tail twenty times; only very near the bound, which a few steps find, does it have to.
    near = _bound_near(failed, total, alpha)
    for _ in range(60):
        middle = (low + high) / 2
        sure = abs(middle - near) > _SURE * near
        if middle < near if sure else binomial_tail(failed, total, middle) <= alpha:
            low = middle
        else:
            high = middle
        if high - low <= 1e-5 * high:
            break
    return low


def _bound_near(failed: float, total: float, alpha: float) -> float:
    """The share at which the tail is `alpha`, by Newton's method on its logarithm, which is concave.

    NaN where that does not find it, or for so many that the tail itself is no longer exact to `_SURE`.
    """
    if total > _MOST_COUNTED or not 0 < alpha < 0.5:
        return nan
    a, b, seen = failed, total - failed + 1.0, failed / total
    scale = lgamma(a + b) - lgamma(a) - lgamma(b)
    # Wilson's bound is close; its quantile of the normal distribution is Hastings' (Abramowitz, Stegun 26.2.22).
    t = sqrt(-2 * log(alpha))
    z = t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t)
    spread = z * sqrt(seen * (1 - seen) / total + z * z / (4 * total * total))
    share = (seen + z * z / (2 * total) - spread) / (1 + z * z / total)
    for _ in range(30):
        if not 0 < share < 1:
            return nan
        tail = binomial_tail(failed, total, share)
        if tail <= 0:
            return nan
        density = exp(scale + (a - 1) * log(share) + (b - 1) * log1p(-share))
        if density <= 0:
            return nan
        step = log(tail / alpha) * tail / density
        share = share - step if step < share else share / 2
        if abs(step) <= _NEAR * share:
            return share
    return nan


def binomial_tail(failed: float, total: float, share: float) -> float:
    """The chance of `failed` or more of `total` where each fails with the chance `share`: I_share(k, n - k + 1)."""
    if failed <= 0:
        return 1.0
    if share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    return _incomplete_beta(failed, max(total - failed, 0.0) + 1.0, share)


def _divergence(seen: float, assumed: float) -> float:
    """Kullback and Leibler's divergence of two shares, in nats."""
    gone = 0.0 if seen >= 1 else (1 - seen) * log((1 - seen) / (1 - assumed))
    return seen * log(seen / assumed) + gone


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction on the side where it converges."""
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * _fraction(a, b, x) / a)
    return max(0.0, 1.0 - front * _fraction(b, a, 1.0 - x) / b)


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MOST_TERMS):
        twice = a + 2 * m
        even = m * (b - m) * x / ((twice - 1.0) * twice)
        below, c = 1.0 + even * d, 1.0 + even / c
        # Tens of thousands of bounds come through here at a refresh: `_away` is called only where it does something.
        d, c = 1.0 / (below if below > _TINY else _away(below)), c if c > _TINY else _away(c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / (twice * (twice + 1.0))
        below, c = 1.0 + odd * d, 1.0 + odd / c
        d, c = 1.0 / (below if below > _TINY else _away(below)), c if c > _TINY else _away(c)
        step = d * c
        value *= step
        if abs(step - 1.0) < _CLOSE:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else (_TINY if value >= 0 else -_TINY)
