"""What a figure was an hour ago, and what became of it, in as few signs as fit beside it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.model.numbers import UNKNOWN, quantity
from meshtop.model.telemetry import Line

HOUR_SECONDS = 3600.0
_MANIFOLD = 3.0
"""From so many times on a change is told as a factor: `×5` is read faster than `+400 %`."""
_CURRENT = 2


class HourlyChange(Struct, frozen=True):
    """A figure now and an hour ago, measured in the same way; None where it is not known."""

    now: float | None = None
    before: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as much it is; None where that is not known, or it was nothing."""
        if self.now is None or not self.before:
            return None
        return self.now / self.before

    @property
    def text(self) -> str:
        """`+68 %`, `×5`, `−1 %`, `new` where there was nothing, a dash where one of them is not known."""
        if self.now is None or self.before is None:
            return UNKNOWN
        if self.ratio is None:
            return "new" if self.now > 0 else "0 %"
        if self.ratio >= _MANIFOLD:
            return f"×{quantity(float(f'{self.ratio:.2g}'))}"
        change = round((self.ratio - 1) * 100)
        return f"{'+' if change > 0 else '−' if change < 0 else ''}{abs(change)} %"


def hour_ago(line: Line) -> HourlyChange:
    """The latest value of a series, and the one an hour before its last moment."""
    return change_in(line.times, line.values)


def change_in(times: Sequence[float], values: Sequence[float | None]) -> HourlyChange:
    """The same of values at moments (Unix seconds) that are equally far apart."""
    if len(times) < 2 or len(times) != len(values):
        return HourlyChange()
    step = times[1] - times[0]
    index = len(times) - 1 - round(HOUR_SECONDS / step) if step > 0 else -1
    now = next((value for value in reversed(values[-_CURRENT:]) if value is not None), None)
    return HourlyChange(now, values[index] if index >= 0 else None)


def added_change(changes: Sequence[HourlyChange]) -> HourlyChange:
    """What became of a sum, over those parts that are known at both ends: one that is lost is no decline."""
    known = [(one.now, one.before) for one in changes if one.now is not None and one.before is not None]
    if not known:
        return HourlyChange()
    return HourlyChange(sum(now for now, _ in known), sum(before for _, before in known))
