"""How traffic rises and falls: rates whose integral is known in closed form.

A counter is the integral of a rate, so a counter's value at any moment, days back or now, costs a few
cosines and no memory. Time is Unix seconds; a curve's mean rate is 1 per second.
"""

from __future__ import annotations

from math import cos, pi, sin, tau
from random import Random

DAY = 86_400.0

NOISE_PERIODS = ((5_820.0, 0.035), (1_390.0, 0.04), (431.0, 0.035), (157.0, 0.03), (61.0, 0.02))
"""Periods (seconds) and greatest amplitudes of the noise on top of the day curve."""

KEPT_MOMENTS = 600
"""Moments of which a curve remembers the integral: those of a day at every five minutes, of two scraped pods."""


class Curve:
    """A rate that is always positive: `1 + Σ amplitude·sin(frequency·t + phase)` with `Σ amplitude < 1`."""

    __slots__ = ("_integral_terms", "_memo", "_origin", "_rate_terms", "_start")

    def __init__(self, terms: list[tuple[float, float, float]], origin: float) -> None:
        """`terms` are (amplitude, period in seconds, phase in radians); the integral is 0 at `origin`."""
        if sum(abs(amplitude) for amplitude, _, _ in terms) >= 1:
            raise ValueError("the amplitudes of a curve must sum to less than 1, or its rate could turn negative")
        self._origin = origin
        self._rate_terms = [(amplitude, tau / period, phase) for amplitude, period, phase in terms]
        self._integral_terms = [(-a / w, w, phase) for a, w, phase in self._rate_terms]
        self._memo: dict[int, float] = {}
        self._start = sum(a * cos(phase) for a, _, phase in self._integral_terms)

    @classmethod
    def seeded(cls, random: Random, origin: float, *, peak_hour: float, liveliness: float = 1.0) -> Curve:
        """A day curve with its peak at `peak_hour` (UTC) and noise drawn from `random`.

        `origin` must be a midnight (UTC), so that the hour means what it says.
        """
        day = 0.30 + 0.08 * random.random()
        terms = [
            (day, DAY, pi / 2 - tau * peak_hour / 24),
            (0.09 * random.random(), DAY / 2, tau * random.random()),
        ]
        terms += [
            (
                amplitude * liveliness * (0.5 + random.random() / 2),
                period * (0.9 + 0.2 * random.random()),
                tau * random.random(),
            )
            for period, amplitude in NOISE_PERIODS
        ]
        return cls(terms, origin)

    def rate(self, at: float) -> float:
        """The rate at a moment, around 1."""
        t = at - self._origin
        return 1.0 + sum(a * sin(w * t + phase) for a, w, phase in self._rate_terms)

    def integral(self, at: float) -> float:
        """What has been counted from the origin to a moment, by a mean rate of 1 per second."""
        t = at - self._origin
        total = t - self._start
        for a, w, phase in self._integral_terms:
            total += a * cos(w * t + phase)
        return total

    def counted(self, stamp: int) -> float:
        """The integral at a moment in milliseconds; those asked for last are kept.

        All counters of a flow ask for the same moments, so only the first of them computes.
        """
        known = self._memo.get(stamp)
        if known is None:
            if len(self._memo) >= KEPT_MOMENTS:
                self._memo.clear()
            known = self._memo[stamp] = self.integral(stamp / 1000)
        return known
