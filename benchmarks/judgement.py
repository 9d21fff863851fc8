"""How often the judgement of canaries cries wolf, and how soon it sees what matters: `python -m benchmarks.judgement`.

Every simulated look is 15 s after the last, as the console's. False alarms are counted at the edge of the margin, where
they are most likely, over a whole day; what is worth seeing is looked for over an hour. Random numbers are seeded by
row and run, so that each table can be made again, with any number of processes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from math import inf, log, log1p
from multiprocessing import Pool
from statistics import median
from time import perf_counter
from typing import NamedTuple

from meshtop.analysis.canary.evidence import (
    Counts,
    log_evidence_above,
    log_evidence_below,
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


def hits(chance: random.Random, share: float) -> Iterator[int]:
    """The numbers of the requests that fail, from 1 on: the gaps between them are geometric."""
    place, scale = 0, log1p(-share)
    while True:
        place += int(log(1.0 - chance.random()) / scale) + 1
        yield place


def counted(chance: random.Random, a_minute: int, share: float, looks: int) -> Iterator[tuple[int, int]]:
    """Requests and failures so far, at each look."""
    failures, found = hits(chance, share) if share > 0 else iter((1 << 62,)), 0
    following = next(failures)
    for look in range(1, looks + 1):
        requests = a_minute * look // LOOKS_A_MINUTE
        while following <= requests:
            found += 1
            following = next(failures)
        yield requests, found


def worse_at(chance: random.Random, case: Versions, alpha: float, looks: int) -> int | None:
    """The look at which the canary is called worse; None when it never is.

    The evidence is the least over all shares that the baseline may have, so any one of them may rule an alarm out: the
    share that was seen. Of a fixed one it is known how much it can grow until the next look, and most looks are left
    out.
    """
    margin, enough = DEFAULT_MARGIN_OF_ERRORS, -log(alpha)
    canaries = counted(chance, case.canary, case.canary_errors, looks)
    baselines = counted(chance, case.baseline, case.baseline_errors, looks)
    at_most, for_each_bad, for_each_good, last_bad, last_good = inf, 0.0, 0.0, 0, 0
    for look, ((n, bad), (m, usual)) in enumerate(zip(canaries, baselines, strict=True), 1):
        if not n or not m or usual >= m:
            continue
        if at_most + (bad - last_bad) * for_each_bad + (m - usual - last_good) * for_each_good < enough:
            continue
        seen = usual / m
        bound = margin.bound(seen)
        at_most = log_evidence_above(bad, n, bound) + log_evidence_below(usual, m, seen)
        for_each_bad, for_each_good, last_bad, last_good = -log(bound), -log1p(-seen), bad, m - usual
        if at_most >= enough and log_evidence_worse(Counts(n, bad), Counts(m, usual), margin) >= enough:
            return look
    return None


def off_at(chance: random.Random, case: Split, alpha: float, looks: int) -> int | None:
    """The look at which a split is called off; None when it never is. Looks are left out as in `worse_at`."""
    enough, shares = -log(alpha), (1 - case.weight, case.weight)
    _, bounds = split_bounds(shares, DEFAULT_SPLIT_MARGIN)
    for_each_more, for_each_fewer = -log(bounds.high), -log1p(-bounds.low)
    more = fewer = inf
    last = others = 0
    for look, (n, canary) in enumerate(counted(chance, case.requests, case.share, looks), 1):
        grown = max(more + (canary - last) * for_each_more, fewer + (n - canary - others) * for_each_fewer)
        if grown < enough:
            continue
        last, others = canary, n - canary
        more, fewer = log_evidence_above(canary, n, bounds.high), log_evidence_below(canary, n, bounds.low)
        # The e-value of the split is a mean of these two and of the same two of the other destination.
        if max(more, fewer) < enough:
            continue
        if split_evidence((n - canary, canary), shares, DEFAULT_SPLIT_MARGIN).off >= enough:
            return look
    return None


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


def alarm_at(run: int, case: Case, alpha: float, minutes: int) -> int | None:
    """The look of the first alarm in one run; None when there is none."""
    chance = random.Random(f"{SEED} {case} {minutes} {run}")
    simulate: Callable[..., int | None] = worse_at if isinstance(case, Versions) else off_at
    return simulate(chance, case, alpha, minutes * LOOKS_A_MINUTE)


def alarms(
    case: Case, alpha: float, minutes: int, runs: int, each: Callable[..., Iterable[int | None]] = map
) -> list[float]:
    """The minutes of the first alarms of those runs that have one, the earliest first."""
    looks = each(partial(alarm_at, case=case, alpha=alpha, minutes=minutes), range(runs))
    return sorted(look / LOOKS_A_MINUTE for look in looks if look is not None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judgement", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="simulated days for each row of false alarms")
    parser.add_argument("--power-runs", type=int, default=POWER_RUNS, help="simulated hours for each row of power")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args(arguments)
    with Pool(asked.processes) as pool:
        each = partial(pool.imap_unordered, chunksize=8)
        _print_false_alarms(asked.runs, each)
        _print_power(asked.power_runs, each)


def _print_false_alarms(runs: int, each: Callable[..., Iterable[int | None]]) -> None:
    versions = "canary/min | baseline/min | canary errors | baseline errors"
    for kind, heading in ((Versions, versions), (Split, "requests/min | weight | share")):
        print(f"| {heading} | days | false alarms (alpha {DEFAULT_ALPHA:g}) | seconds |")
        print(f"|{'---:|' * (heading.count('|') + 4)}")
        for case in (one for one in EDGE if isinstance(one, kind)):
            began = perf_counter()
            found = alarms(case, DEFAULT_ALPHA, DAY, runs, each)
            print(f"| {case} | {runs:,} | {len(found) / runs:.2%} | {perf_counter() - began:.0f} |", flush=True)
        print()


def _print_power(runs: int, each: Callable[..., Iterable[int | None]]) -> None:
    versions = "canary/min | baseline/min | canary errors | baseline errors"
    for kind, heading in ((Versions, versions), (Split, "requests/min | weight | share")):
        print(f"| {heading} | alpha | found in an hour | median minute | nine of ten by |")
        print(f"|{'---:|' * (heading.count('|') + 5)}")
        for case in (one for one in FOUND if isinstance(one, kind)):
            for alpha in (DEFAULT_ALPHA, ALPHA_OF_NINE):
                found = alarms(case, alpha, HOUR, runs, each)
                middle = f"{median(found):g}" if 2 * len(found) > runs else "-"
                late = f"{found[9 * runs // 10 - 1]:g}" if len(found) >= 9 * runs // 10 else "-"
                share = len(found) / runs
                print(f"| {case} | {alpha:.2g} | {share:.1%} | {middle} | {late} |", flush=True)
        print()


if __name__ == "__main__":
    main()
