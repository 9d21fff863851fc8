"""How fast an error budget burns, by several windows and rates (SRE workbook, chapter 5, "Alerting on SLOs").

A budget burns at 1 when it lasts exactly as long as its window. Two windows must both be above a rate: the long one
says that it matters, the short one that it still goes on.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.traffic.bounds import proves
from meshtop.model.alerting import SloReading
from meshtop.model.constants import USUAL_WINDOW_SECONDS
from meshtop.model.state import Severity

HOUR, DAY = 3600.0, 86_400.0
CERTAIN = 0.01
"""How often few requests may say that a budget burns which does not."""


class BurnPair(Struct, frozen=True):
    """Two windows (seconds), the rate that both must exceed, and how bad that is."""

    short: float
    long: float
    factor: float
    severity: Severity


PAIRS = (
    BurnPair(300.0, HOUR, 14.4, Severity.ERROR),
    BurnPair(1800.0, 6 * HOUR, 6.0, Severity.ERROR),
    BurnPair(2 * HOUR, DAY, 3.0, Severity.WARNING),
    BurnPair(6 * HOUR, 3 * DAY, 1.0, Severity.WARNING),
)
"""The workbook's table 5-8, of a window of 30 days, the fastest first."""
FAST_WINDOWS = (300.0, 1800.0, HOUR, 2 * HOUR, 6 * HOUR)
SLOW_WINDOWS = (DAY, 3 * DAY)


def burn_pairs(window_seconds: float | None) -> tuple[BurnPair, ...]:
    """The pairs for a window: rates are scaled so that each still spends the same part of the budget.

    Pairs whose rate would then be below 1, or whose long window does not fit, say nothing; the fastest is always there.
    """
    scale = min(1.0, (window_seconds or USUAL_WINDOW_SECONDS) / USUAL_WINDOW_SECONDS)
    scaled = [BurnPair(p.short, p.long, p.factor * scale, p.severity) for p in PAIRS]
    fit = [p for p in scaled if p.factor >= 1.0 and p.long < (window_seconds or USUAL_WINDOW_SECONDS)]
    return tuple(fit) or (BurnPair(PAIRS[0].short, PAIRS[0].long, max(1.0, scaled[0].factor), PAIRS[0].severity),)


class SloState(StrEnum):
    """What is to be said of an objective; without traffic, or without an objective, it is unknown and never ok."""

    OK = "ok"
    BURNING = "burning"
    SPENT = "spent"
    UNKNOWN = "unknown"


class SloVerdict(Struct, frozen=True, kw_only=True):
    """What is said of an objective: the pair of windows that decides, their rates, and why in a sentence."""

    state: SloState
    pair: BurnPair
    short: float | None
    long: float | None
    why: str
    severity: Severity = Severity.INFO


def judge_slo(reading: SloReading) -> SloVerdict:
    """Judge one objective by its windows and its budget."""
    pairs = burn_pairs(reading.window_seconds)
    first = pairs[0]
    objective = reading.objective
    if objective is None or not 0 < objective < 1:
        return SloVerdict(
            state=SloState.UNKNOWN, pair=first, short=None, long=None, why="its objective is not recorded"
        )
    budget = 1.0 - objective

    def burn(window: float) -> float | None:
        ratio = reading.ratios.get(window)
        return None if ratio is None else ratio / budget

    def said(state: SloState, pair: BurnPair, why: str, severity: Severity = Severity.INFO) -> SloVerdict:
        return SloVerdict(
            state=state, pair=pair, short=burn(pair.short), long=burn(pair.long), why=why, severity=severity
        )

    burning = next((pair for pair in pairs if _exceeds(reading, pair, budget)), None)
    if reading.budget_left is not None and reading.budget_left <= 0:
        worst = Severity.WARNING if burning is None else burning.severity
        return said(SloState.SPENT, burning or first, "its error budget is spent", worst)
    if burning is not None:
        why = f"its error budget burns {burn(burning.long):.1f} times as fast as it may"
        return said(SloState.BURNING, burning, why, burning.severity)
    if burn(first.short) is None or burn(first.long) is None:
        none = not reading.ratios
        return said(SloState.UNKNOWN, first, "it has no traffic" if none else "it has no traffic at present")
    return said(SloState.OK, first, "its error budget lasts")


def _exceeds(reading: SloReading, pair: BurnPair, budget: float) -> bool:
    """Whether both windows are above the pair's rate, and the long one by more than a few requests may be by chance."""
    bound = pair.factor * budget
    short, long = reading.ratios.get(pair.short), reading.ratios.get(pair.long)
    if short is None or long is None or short <= bound or long <= bound:
        return False
    counted = reading.counts.get(pair.long)
    return counted is None or proves(*counted, min(bound, 0.999999), CERTAIN)
