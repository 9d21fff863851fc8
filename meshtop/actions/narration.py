"""A running shift in lines, in the words of Argo Rollouts; the command and the console tell it alike."""

from __future__ import annotations

from meshtop.actions.events import ShiftEvent, Sort
from meshtop.actions.verify import Observed


def line_of(event: ShiftEvent) -> str:
    """One event as one line."""
    place = f"Step {event.step}/{event.steps}" + (f", wave {event.wave}/{event.waves}" if event.waves > 1 else "")
    if event.sort is Sort.STEP:
        return f"{place}: {event.message}"
    if event.sort is Sort.WATCHED:
        left = "" if not event.seconds_left else f", {event.seconds_left:.0f} s left"
        splits = "; ".join(_split(one) for one in event.observed)
        return f"  {splits}; guard: {_guard(event)}{left}"
    if event.sort in (Sort.SET, Sort.CONFIRMED, Sort.RESTORED, Sort.LEFT, Sort.PAUSED, Sort.GOES_ON, Sort.NOTE):
        return f"  {event.message}"
    return event.message


def _split(one: Observed) -> str:
    weights = " ".join(
        f"{name} SetWeight {weight} ActualWeight {one.actual[name] * 100:.1f}"
        if name in one.actual
        else f"{name} SetWeight {weight} ActualWeight -"
        for name, weight in one.set.items()
    )
    return f"{one.cluster}: {weights} ({one.follows.value}, {one.requests or 0:.0f} requests)"


def _guard(event: ShiftEvent) -> str:
    verdict = event.verdict
    if verdict is None:
        return "off"
    shown = "" if verdict.e_value is None else f", E {verdict.e_value:.3g}"
    to_go = f", about {verdict.requests_to_go} requests to go" if verdict.requests_to_go else ""
    return f"{verdict.verdict.value}{shown}{to_go}"
