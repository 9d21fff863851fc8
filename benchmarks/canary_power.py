"""How often the canary verdict cries wolf, and how soon it sees a worse canary: `python -m benchmarks.canary_power`.

One request a second to each of two versions in the first table; looked at every minute for an hour, as an operator
does. Random numbers are seeded, so the table can be made again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median

from meshtop.analysis.canary.verdict import Comparison, Counts, compare

RUNS = 400
LOOKS = 60
SEED = 20260801


def draw(chance: random.Random, count: int, share: float) -> int:
    """How many of `count` requests fail."""
    return sum(chance.random() < share for _ in range(count))


def found_at(chance: random.Random, per_look: tuple[int, int], errors: tuple[float, float], alpha: float) -> int | None:
    """The look at which the canary is called worse, None when it never is."""
    canary = baseline = (0, 0)
    for look in range(1, LOOKS + 1):
        canary = (canary[0] + per_look[0], canary[1] + draw(chance, per_look[0], errors[0]))
        baseline = (baseline[0] + per_look[1], baseline[1] + draw(chance, per_look[1], errors[1]))
        verdict = compare(Counts(*map(float, canary)), Counts(*map(float, baseline)), alpha=alpha)
        if verdict.verdict is Comparison.WORSE:
            return look
    return None


def row(per_look: tuple[int, int], errors: tuple[float, float], alpha: float = 0.05) -> tuple[float, float | None]:
    """The share of runs that call the canary worse, and the median look at which those do."""
    chance = random.Random(SEED)
    looks = [found_at(chance, per_look, errors, alpha) for _ in range(RUNS)]
    seen = [look for look in looks if look is not None]
    return len(seen) / RUNS, median(seen) if seen else None


CASES: Sequence[tuple[tuple[int, int], tuple[float, float]]] = (
    ((60, 60), (0.01, 0.01)),
    ((60, 60), (0.05, 0.05)),
    ((6, 114), (0.01, 0.01)),
    ((60, 60), (0.03, 0.01)),
    ((60, 60), (0.05, 0.01)),
    ((60, 60), (0.10, 0.01)),
    ((6, 114), (0.05, 0.01)),
    ((6, 114), (0.20, 0.01)),
    ((60, 1140), (0.03, 0.01)),
    ((60, 1140), (0.05, 0.01)),
)


def main() -> None:
    """Print the table."""
    print("| canary/min | baseline/min | canary errors | baseline errors | called worse | median minute |")
    print("|---:|---:|---:|---:|---:|---:|")
    for per_look, errors in CASES:
        share, look = row(per_look, errors)
        at = "-" if look is None else f"{look:g}"
        print(f"| {per_look[0]} | {per_look[1]} | {errors[0]:.0%} | {errors[1]:.0%} | {share:.1%} | {at} |")


if __name__ == "__main__":
    main()
