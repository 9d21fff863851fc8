"""What a proxy counts, as closed-form functions of time: counters and histograms that need no memory of the past.

A stream is one label set of one reporter. Its counters are `Σ_eras rate_era · (F(end) − F(start))`, where F is the
integral of its flow's curve and an era begins whenever configuration or health changes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import ceil, erf, exp, inf, log, sqrt
from typing import NamedTuple, overload

from meshtop.demo.world.curve import Curve

INTERVAL_MS = 15_000
"""The scrape interval of Istio's Prometheus addon."""

BOUNDS = (
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000,
    1_800_000, 3_600_000, inf,
)  # fmt: skip
"""Upper bounds of Envoy's default histogram buckets, which Istio uses for milliseconds and for bytes."""

LE = tuple("+Inf" if bound == inf else f"{bound:g}" if bound < 1e6 else str(int(bound)) for bound in BOUNDS)

Labels = Mapping[str, str]
Points = tuple[Sequence[int], Sequence[float]]


class Target:
    """A scraped pod: its labels, when within the interval it is scraped, and when it was there."""

    __slots__ = ("_clock", "_memo", "_spans", "job", "labels", "offset_ms")

    def __init__(self, labels: Labels, job: str, offset_ms: int, clock: Callable[[], float], since: float) -> None:
        self.labels = labels
        self.job = job
        self.offset_ms = offset_ms
        self._clock = clock
        self._spans: list[tuple[float, float]] = [(since, inf)]
        self._memo: tuple[int, int, list[int]] = (0, -1, [])

    @property
    def up(self) -> bool:
        """Whether the pod is there at present."""
        return self._spans[-1][1] == inf

    def turn(self, up: bool, at: float) -> None:
        """Note that the pod appeared or vanished at a moment."""
        if up == self.up:
            return
        self._memo = (0, -1, [])
        if up:
            self._spans.append((at, inf))
        else:
            self._spans[-1] = (self._spans[-1][0], at)

    def stamps(self, start_ms: int, end_ms: int) -> list[int]:
        """The moments (ms) at which it was scraped between two moments, both included, and never in the future."""
        asked_from, asked_until, found = self._memo
        if asked_from == start_ms and asked_until == end_ms:
            return found
        now = int(self._clock() * 1000)
        first = ceil((start_ms - self.offset_ms) / INTERVAL_MS)
        last = (min(end_ms, now) - self.offset_ms) // INTERVAL_MS
        found = [n * INTERVAL_MS + self.offset_ms for n in range(first, last + 1)]
        if len(self._spans) > 1 or self._spans[0][1] < inf or (found and found[0] < self._spans[0][0] * 1000):
            found = [t for t in found if any(since * 1000 <= t < until * 1000 for since, until in self._spans)]
        if end_ms <= now:
            # What is over stays as it is, until the pod turns; one list for all series of the target.
            self._memo = (start_ms, end_ms, found)
        return found


class Profile(NamedTuple):
    """How a request looks: log-normal latency (median in ms, sigma) and mean sizes in bytes."""

    median_ms: float
    spread: float
    request_bytes: float = 0.0
    response_bytes: float = 0.0


class Era(NamedTuple):
    """A stretch of time with one rate (per second at a mean hour) and one profile; `counted` is F at its start."""

    at: float
    counted: float
    rate: float
    profile: Profile


class Elapsed:
    """What a mean rate of 1 had counted since its era began, at the scrape moments of a stream in some interval.

    Each moment is worked out when it is looked at, once for all counters of the stream: a rate looks at two of many.
    """

    __slots__ = ("_stream", "known", "stamps")

    def __init__(self, stream: Stream, stamps: list[int]) -> None:
        self._stream = stream
        self.stamps = stamps
        self.known: dict[int, tuple[int, float]] = {}

    def at(self, index: int) -> tuple[int, float]:
        """The era of a moment, and what had been counted in it. Raises IndexError."""
        stream, stamp = self._stream, self.stamps[index]
        era = bisect_right(stream.starts, stamp) - 1
        found = self.known[index] = (era, stream.curve.counted(stamp) - stream.eras[era].counted)
        return found


class Stream:
    """One label set of one reporter, with every era since it was first seen; `starts` are theirs in ms."""

    __slots__ = ("_memo", "curve", "eras", "labels", "starts", "target")

    def __init__(self, labels: Labels, target: Target, curve: Curve) -> None:
        self.labels = labels
        self.target = target
        self.curve = curve
        self.eras: list[Era] = []
        self.starts: list[float] = []
        self._memo: tuple[list[int], int, Elapsed] | None = None

    def turn(self, at: float, rate: float, profile: Profile) -> None:
        """Begin an era, unless nothing changes."""
        if self.eras and self.eras[-1].rate == rate and (self.eras[-1].profile == profile or not rate):
            return
        self.eras.append(Era(at, self.curve.integral(at), rate, profile))
        self.starts.append(at * 1000)

    def elapsed(self, start_ms: int, end_ms: int) -> Elapsed:
        """The scrape moments between two moments, with what a mean rate of 1 had counted at each."""
        stamps = self.target.stamps(start_ms, end_ms)
        known = self._memo
        if known is not None and known[0] is stamps and known[1] == len(self.eras):
            return known[2]
        seen = stamps
        if stamps and stamps[0] < self.starts[0]:
            seen = [t for t in stamps if t >= self.starts[0]]
        found = Elapsed(self, seen)
        self._memo = (stamps, len(self.eras), found)
        return found


class Counted(Sequence[float]):
    """A counter's values at its scrape moments, each worked out when it is looked at."""

    __slots__ = ("_elapsed", "_sums", "_whole")

    monotonic = True

    def __init__(self, elapsed: Elapsed, sums: list[tuple[float, float]], whole: bool) -> None:
        self._elapsed = elapsed
        self._sums = sums
        self._whole = whole

    def __len__(self) -> int:
        return len(self._elapsed.stamps)

    def __iter__(self) -> Iterator[float]:
        known, at, sums = self._elapsed.known, self._elapsed.at, self._sums
        for index in range(len(self._elapsed.stamps)):
            era, elapsed = known.get(index) or at(index)
            value = sums[era][0] + sums[era][1] * elapsed
            yield value // 1.0 if self._whole else value

    @overload
    def __getitem__(self, index: int) -> float: ...

    @overload
    def __getitem__(self, index: slice) -> list[float]: ...

    def __getitem__(self, index: int | slice) -> float | list[float]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
            if index < 0:
                raise IndexError(index)
        era, elapsed = self._elapsed.known.get(index) or self._elapsed.at(index)
        before, rate = self._sums[era]
        # Adding to the sum before the era, in this order, keeps buckets monotonic in spite of rounding.
        value = before + rate * elapsed
        return value // 1.0 if self._whole else value


class CounterSeries:
    """A counter of a stream; `weight` turns an era into its rate per second, `whole` counters count in integers."""

    __slots__ = ("_sums", "_weight", "_whole", "labels", "stream")

    def __init__(self, labels: Labels, stream: Stream, weight: Callable[[Era], float], whole: bool = True) -> None:
        self.labels = labels
        self.stream = stream
        self._weight = weight
        self._whole = whole
        self._sums: list[tuple[float, float]] = []

    def samples(self, start_ms: int, end_ms: int) -> Points:
        """Timestamps (ms) and values between two moments, both included."""
        elapsed = self.stream.elapsed(start_ms, end_ms)
        if len(self._sums) != len(self.stream.eras):
            self._sums = self._accumulated()
        return elapsed.stamps, Counted(elapsed, self._sums, self._whole)

    def _accumulated(self) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        for i, era in enumerate(self.stream.eras):
            before = 0.0
            if i:
                previous = self.stream.eras[i - 1]
                before = found[-1][0] + found[-1][1] * (era.counted - previous.counted)
            found.append((before, self._weight(era)))
        return found


@lru_cache(maxsize=4096)
def bucket_shares(bounds: tuple[float, ...], median: float, spread: float) -> tuple[float, ...]:
    """The share of a log-normal distribution below each bound; the last bound is infinite and its share 1."""
    if median <= 0:
        return (1.0,) * len(bounds)
    mu = log(median)
    return (*((1 + erf((log(bound) - mu) / (spread * sqrt(2)))) / 2 for bound in bounds[:-1]), 1.0)


@lru_cache(maxsize=4096)
def shares(median: float, spread: float) -> tuple[float, ...]:
    """The share below each of Envoy's bounds."""
    return bucket_shares(BOUNDS, median, spread)


def mean(median: float, spread: float) -> float:
    """The mean of a log-normal distribution."""
    return median * exp(spread * spread / 2)


BYTES_SPREAD = 0.5
