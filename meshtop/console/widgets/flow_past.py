"""What became of a Flow's centre, from the lines of its plots: the course of requests and errors, p99 an hour ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from msgspec import Struct

from meshtop.model.telemetry import Line
from meshtop.views.frame.hour_ago import HOUR_SECONDS

_CHANGED = 0.2
"""From this part of change on, p99 of an hour ago is worth a figure: below it, any two readings differ so much."""
REQUESTS, ERRORS, P99 = range(3)
"""The charts of a Flow, in their order."""


class FlowPast(Struct, frozen=True):
    """Requests a second and the share of failed ones in equal intervals, and p99 an hour ago in milliseconds.

    Each is empty, or None, where it was not asked for, where it is not known, and where what is known does not add up.
    """

    requests: tuple[float | None, ...] = ()
    errors: tuple[float | None, ...] = ()
    p99_before: float | None = None

    def differs(self, p99: float) -> bool:
        """Whether p99 was clearly another an hour ago."""
        return self.p99_before is not None and abs(p99 - self.p99_before) > _CHANGED * self.p99_before


def flow_past(lines: Mapping[int, Sequence[Line]], *, counted: bool) -> FlowPast:
    """What the lines of a Flow's charts tell, by their index; `counted`: those of requests are all that there are.

    Neither shares nor quantiles of several clusters add up, so of those nothing is told.
    """
    errors, p99 = lines.get(ERRORS, ()), lines.get(P99, ())
    return FlowPast(
        _added(lines.get(REQUESTS, ())) if counted else (),
        tuple(errors[0].values) if len(errors) == 1 else (),
        _an_hour_ago(p99[0]) if len(p99) == 1 else None,
    )


def _added(lines: Sequence[Line]) -> tuple[float | None, ...]:
    known = [line for line in lines if line.times]
    if not known or any(line.times != known[0].times for line in known):
        return ()
    return tuple(
        sum(value for value in values if value is not None) if any(value is not None for value in values) else None
        for values in zip(*(line.values for line in known), strict=True)
    )


def _an_hour_ago(line: Line) -> float | None:
    """The value nearest to an hour before the last; None where the line does not reach so far back."""
    if len(line.times) < 2:
        return None
    wanted, step = line.times[-1] - HOUR_SECONDS, line.times[1] - line.times[0]
    at = min(range(len(line.times)), key=lambda index: abs(line.times[index] - wanted))
    value = line.values[at]
    near = abs(line.times[at] - wanted) <= step
    return value if near and value is not None and isfinite(value) else None
