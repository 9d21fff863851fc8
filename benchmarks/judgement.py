"""How often the judgement of canaries cries wolf, and how soon it sees what matters: `python -m benchmarks.judgement`.

Every simulated look is 15 s after the last, as the console's. False alarms are counted at the edge of the margin, where
they are most likely, over a whole day; what is worth seeing is looked for over an hour. Random numbers are seeded by
row and block of runs, so that each table can be made again, with any number of processes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from math import log
from multiprocessing import Pool
from multiprocessing.pool import Pool as Pooled
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from meshtop.analysis.canary.evidence import (
    LADDER,
    Counts,
    log_evidence_worse,
    split_bounds,
    split_evidence,
)
from meshtop.analysis.canary.verdict import DEFAULT_MARGIN_OF_ERRORS
from meshtop.model.constants import DEFAULT_ALPHA, DEFAULT_SPLIT_MARGIN

LOOKS_A_MINUTE = 4
DAY, HOUR = 24 * 60, 60
RUNS, POWER_RUNS = 200, 100
SEED = 20260801
RUNS_AT_ONCE = 500
"""So many days are simulated together, as arrays."""
Alarms = npt.NDArray[np.int64]
Counted = npt.NDArray[np.float64]
ALPHA_OF_NINE = DEFAULT_ALPHA / 9
"""What is left for one question where split, errors and slow answers are asked about in three clusters."""


class Versions(NamedTuple):
    """Requests a minute to the canary and to its baseline, and the share of each that fails."""

    canary: int
    baseline: int
    canary_errors: float
    baseline_errors: float

    def __str__(self) -> str:
        cells = (f"{self.canary:,}", f"{self.baseline:,}", f"{self.canary_errors:.3g}", f"{self.baseline_errors:.3g}")
        return " | ".join(cells)


class Split(NamedTuple):
    """Requests a minute, the canary's weight, and the share that it gets."""

    requests: int
    weight: float
    share: float

    def __str__(self) -> str:
        return f"{self.requests:,} | {self.weight:.0%} | {self.share:.1%}"


class Days:
    """Requests and failures so far of many independent simulated days, look by look."""

    def __init__(self, chance: np.random.Generator, days: int, a_minute: int, share: float) -> None:
        self._chance, self._a_minute, self._share = chance, a_minute, share
        self.requests = 0
        self.hit = np.zeros(days)

    def go_on(self, look: int) -> None:
        """Add what comes until a look, which are numbered from 1 on."""
        requests = self._a_minute * look // LOOKS_A_MINUTE
        self.hit += self._chance.binomial(requests - self.requests, self._share, size=len(self.hit))
        self.requests = requests


def many_above(hits: Counted, total: Counted | float, bound: Counted | float) -> Counted:
    """`log_evidence_above` of many counts at once."""
    return _many(hits, total, bound, odds=np.array([odds for odds, _ in LADDER]))


def many_below(hits: Counted, total: Counted | float, bound: Counted | float) -> Counted:
    """`log_evidence_below` of many counts at once."""
    return _many(hits, total, bound, odds=np.array([1 / odds for odds, _ in LADDER]))


def _many(hits: Counted, total: Counted | float, bound: Counted | float, odds: Counted) -> Counted:
    weights = np.array([weight for _, weight in LADDER])
    steps = np.multiply.outer(hits, np.log(odds)) + np.log(weights)
    steps -= np.asarray(total)[..., None] * np.log1p(np.multiply.outer(np.asarray(bound), odds - 1))
    most = steps.max(axis=-1)
    found: Counted = most + np.log(np.exp(steps - most[..., None]).sum(axis=-1))
    return found


def worse_at(chance: np.random.Generator, case: Versions, alpha: float, looks: int, days: int) -> Alarms:
    """The look of each day at which the canary is called worse; 0 when it never is.

    The evidence is the least over all shares that the baseline may have, so any one of them may rule an alarm out: the
    one that was seen, or the pooled one. Only what neither rules out is worked out by the judgement itself.
    """
    margin, enough = DEFAULT_MARGIN_OF_ERRORS, -log(alpha)
    canaries = Days(chance, days, case.canary, case.canary_errors)
    baselines = Days(chance, days, case.baseline, case.baseline_errors)
    found = np.zeros(days, dtype=np.int64)
    for look in range(1, looks + 1):
        canaries.go_on(look)
        baselines.go_on(look)
        n, m = canaries.requests, baselines.requests
        if not n or not m:
            continue
        # Less of the canary's requests are bad than the baseline's: that is never worse.
        left = np.flatnonzero((found == 0) & (baselines.hit < m) & (canaries.hit * m > baselines.hit * n))
        for weight in (0.0, 0.5, 1.0):
            bad, usual = canaries.hit[left], baselines.hit[left]
            share = (usual + weight * bad) / (m + weight * n)
            bound = np.minimum(1.0, share + np.maximum(margin.absolute, margin.relative * share))
            left = left[many_above(bad, n, bound) + many_below(usual, m, share) >= enough]
        for day in left.tolist():
            counts = Counts(n, canaries.hit[day].item()), Counts(m, baselines.hit[day].item())
            if log_evidence_worse(*counts, margin) >= enough:
                found[day] = look
    return found


def off_at(chance: np.random.Generator, case: Split, alpha: float, looks: int, days: int) -> Alarms:
    """The look of each day at which a split is called off; 0 when it never is."""
    enough, shares = -log(alpha), (1 - case.weight, case.weight)
    _, bounds = split_bounds(shares, DEFAULT_SPLIT_MARGIN)
    requests = Days(chance, days, case.requests, case.share)
    found = np.zeros(days, dtype=np.int64)
    for look in range(1, looks + 1):
        requests.go_on(look)
        n, left = requests.requests, np.flatnonzero(found == 0)
        hit = requests.hit[left]
        # The e-value of the split is a mean of these two and of the same two of the other destination.
        most = np.maximum(many_above(hit, n, bounds.high), many_below(hit, n, bounds.low))
        for day in left[most >= enough].tolist():
            canary = requests.hit[day].item()
            if split_evidence((n - canary, canary), shares, DEFAULT_SPLIT_MARGIN).off >= enough:
                found[day] = look
    return found


Case = Versions | Split
EDGE: Sequence[Case] = (
    Versions(60, 60, 0.015, 0.01),
    Versions(60, 1140, 0.015, 0.01),
    Versions(60, 60, 0.0625, 0.05),
    Versions(60, 60, 0.005, 0.0),
    Versions(60, 60, 0.01, 0.01),
    Split(60, 0.2, 0.22),
    Split(60, 0.05, 0.07),
)
FOUND: Sequence[Case] = (
    Versions(60, 60, 0.03, 0.01),
    Versions(60, 60, 0.05, 0.01),
    Versions(60, 60, 0.10, 0.01),
    Versions(6, 114, 0.05, 0.01),
    Versions(6, 114, 0.20, 0.01),
    Versions(60, 1140, 0.03, 0.01),
    Versions(60, 1140, 0.05, 0.01),
    Split(60, 0.2, 0.3),
    Split(1200, 0.2, 0.25),
)


def alarms(case: Case, alpha: float, minutes: int, runs: int) -> list[float]:
    """The minutes of the first alarms of those runs that have one, the earliest first."""
    found: list[float] = []
    for first in range(0, runs, RUNS_AT_ONCE):
        found += alarms_of_block(first, case, alpha, minutes, runs)
    return sorted(found)


def alarms_of_block(first: int, case: Case, alpha: float, minutes: int, runs: int) -> list[float]:
    """The same for the runs from `first` on that are simulated at once."""
    chance = np.random.default_rng([SEED, first, *f"{case} {minutes}".encode()])
    simulate: Callable[..., Alarms] = worse_at if isinstance(case, Versions) else off_at
    looks = simulate(chance, case, alpha, minutes * LOOKS_A_MINUTE, min(RUNS_AT_ONCE, runs - first))
    return [look / LOOKS_A_MINUTE for look in looks.tolist() if look]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judgement", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="simulated days for each row of false alarms")
    parser.add_argument("--power-runs", type=int, default=POWER_RUNS, help="simulated hours for each row of power")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args(arguments)
    with Pool(asked.processes) as pool:
        _print_false_alarms(asked.runs, pool)
        _print_power(asked.power_runs, pool)


def _shared_out(pool: Pooled, case: Case, alpha: float, minutes: int, runs: int) -> list[float]:
    """`alarms`, its blocks shared out to processes; the same alarms with any number of them."""
    block = partial(alarms_of_block, case=case, alpha=alpha, minutes=minutes, runs=runs)
    return sorted(minute for found in pool.imap_unordered(block, range(0, runs, RUNS_AT_ONCE)) for minute in found)


def _print_false_alarms(runs: int, pool: Pooled) -> None:
    versions = "canary/min | baseline/min | canary errors | baseline errors"
    for kind, heading in ((Versions, versions), (Split, "requests/min | weight | share")):
        print(f"| {heading} | days | false alarms (alpha {DEFAULT_ALPHA:g}) | seconds |")
        print(f"|{'---:|' * (heading.count('|') + 4)}")
        for case in (one for one in EDGE if isinstance(one, kind)):
            began = perf_counter()
            found = _shared_out(pool, case, DEFAULT_ALPHA, DAY, runs)
            print(f"| {case} | {runs:,} | {len(found) / runs:.2%} | {perf_counter() - began:.0f} |", flush=True)
        print()


def _print_power(runs: int, pool: Pooled) -> None:
    versions = "canary/min | baseline/min | canary errors | baseline errors"
    for kind, heading in ((Versions, versions), (Split, "requests/min | weight | share")):
        print(f"| {heading} | alpha | found in an hour | median minute | nine of ten by |")
        print(f"|{'---:|' * (heading.count('|') + 5)}")
        for case in (one for one in FOUND if isinstance(one, kind)):
            for alpha in (DEFAULT_ALPHA, ALPHA_OF_NINE):
                found = _shared_out(pool, case, alpha, HOUR, runs)
                middle = f"{median(found):g}" if 2 * len(found) > runs else "-"
                late = f"{found[9 * runs // 10 - 1]:g}" if len(found) >= 9 * runs // 10 else "-"
                share = len(found) / runs
                print(f"| {case} | {alpha:.2g} | {share:.1%} | {middle} | {late} |", flush=True)
        print()


if __name__ == "__main__":
    main()
