"""The plan of a shift: steps of weights, clusters in waves, a guard, and what to do when a cluster fails."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.canary.weights import WHOLE, parse_targets
from meshtop.model.constants import DEFAULT_STEP_SECONDS

PUSH_SECONDS = 10.0
"""Seconds allowed for istiod to push a change to every proxy before requests are counted."""
SCRAPE_SECONDS = 15.0
WINDOW_SECONDS = 4 * SCRAPE_SECONDS
"""Four scrapes, the window over which a split is confirmed (reference/istio.md, "Did it take effect?")."""


class OnLoss(StrEnum):
    """What to do with the other clusters when one is unreachable or conflicts in the middle of a step."""

    TAKE_BACK = "take-back"
    HOLD = "hold"


class Guard(Struct, frozen=True, rename="camel"):
    """The signals watched during a step; none when both are False."""

    errors: bool = True
    latency: bool = True

    @property
    def on(self) -> bool:
        """Whether anything is watched."""
        return self.errors or self.latency


class ShiftPace(Struct, frozen=True, rename="camel"):
    """Timing of a shift, in seconds: `settle` until requests count, `patience` until a split must be seen,
    `poll` between measurements, `lease` until an unrenewed Lease expires.
    """

    settle: float = PUSH_SECONDS
    patience: float = PUSH_SECONDS + SCRAPE_SECONDS + WINDOW_SECONDS
    poll: float = 5.0
    lease: float = 60.0


class ShiftPlan(Struct, frozen=True, rename="camel", kw_only=True):
    """The plan of a shift. Each step has weights in percent; destinations that are not named share the rest.

    Every wave goes through all steps before the next wave begins, so that a bad canary affects few clusters.
    """

    route: str
    steps: tuple[dict[str, int], ...]
    waves: tuple[tuple[str, ...], ...] = ()
    every_seconds: float = DEFAULT_STEP_SECONDS
    guard: Guard = Guard()
    on_loss: OnLoss = OnLoss.TAKE_BACK
    reason: str = ""
    override: str = ""
    wait: bool = True
    pace: ShiftPace = ShiftPace()

    @property
    def clusters(self) -> tuple[str, ...]:
        """All clusters, in the order of the waves."""
        return tuple(dict.fromkeys(cluster for wave in self.waves for cluster in wave))

    def stages(self) -> list[tuple[int, int]]:
        """Every (wave, step) in order."""
        return [(wave, step) for wave in range(len(self.waves)) for step in range(len(self.steps))]


def parse_steps(to: str, plan: str | None) -> tuple[dict[str, int], ...]:
    """The steps of `--to` and `--plan`. With a plan `--to` names one destination; its weight, where given, is the end.

    Raises ValueError with how to write it.
    """
    if plan is None:
        return (parse_targets(to),)
    name, equals, _ = to.strip().rpartition("=")
    end: dict[str, int] = {}
    if equals:
        end = parse_targets(to)
        if len(end) != 1:
            raise ValueError("a plan moves one destination; name only that in --to")
        name = next(iter(end))
    else:
        name = to.strip()
    if not name or "," in name:
        raise ValueError("a plan moves one destination; name only that in --to")
    weights = []
    for part in plan.split(","):
        if not part.strip().isdecimal() or not 0 <= int(part) <= WHOLE:
            raise ValueError(f"{part.strip()!r} is not a step; a plan is whole percents such as 5,25,50,100")
        weights.append(int(part))
    if end and weights[-1] != end[name]:
        weights.append(end[name])
    return tuple({name: weight} for weight in weights)


def parse_guard(text: str) -> Guard:
    """`errors`, `latency`, both, or `none`. Raises ValueError."""
    words = {word.strip() for word in text.split(",") if word.strip()}
    if words == {"none"}:
        return Guard(errors=False, latency=False)
    if not words or words - {"errors", "latency"}:
        raise ValueError(f"{text!r} is not a guard; write errors, latency, errors,latency or none")
    return Guard(errors="errors" in words, latency="latency" in words)
