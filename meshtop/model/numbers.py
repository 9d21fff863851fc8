"""Numbers for display: at most three significant digits, the unit in the heading.

Unknown (None) is a dash, zero is `0`; a small number other than zero is never shown as `0`, and a share below 1 never
as `100`.
"""

from __future__ import annotations

from math import isfinite

UNKNOWN = "–"

_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
SMALLEST = 0.001


def quantity(value: float | None) -> str:
    """A rate, an amount or bytes: `12.4k`, `402`, `0.52`."""
    if value is None or value != value:
        return UNKNOWN
    if not isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value < 0:
        return "-" + quantity(-value)
    if value == 0:
        return "0"
    if value < SMALLEST:
        return f"<{SMALLEST}"
    rounded = float(f"{value:.3g}")
    for step, letter in _STEPS:
        if rounded >= step:
            return _digits(rounded / step, exact=value % step == 0) + letter
    return _digits(rounded, exact=value == int(value))


def percent(ratio: float | None) -> str:
    """A measured share from 0 to 1 as a percentage without its sign: `0.52`, `1.00`, `98.2`, `100`.

    Trailing zeros are kept, so that a column of percentages lines up.
    """
    if ratio is None or ratio != ratio:
        return UNKNOWN
    if 0 < ratio < 0.0001:
        return "<0.01"
    if 0.9995 <= ratio < 1:
        return ">99.9"
    shown = float(f"{ratio * 100:.3g}")
    if shown in (0, 100):
        return quantity(shown)
    return f"{shown:.2f}" if 0 < shown < 10 else _digits(shown, exact=False)


def weight(share: float | None) -> str:
    """A configured weight's share as a percentage: `80`, `33.3`; without trailing zeros, as it is exact."""
    return UNKNOWN if share is None or share != share else f"{share * 100:.3g}"


def milliseconds(value: float | None) -> str:
    """A latency under a heading that says ms: `0.95`, `45.3`, `412`, `3640`; shortened only above 99,999."""
    if value is None or not isfinite(value) or not 1000 <= float(f"{value:.3g}") < 100_000:
        return quantity(value)
    return f"{float(f'{value:.3g}'):.0f}"


def latency(value: float | None) -> str:
    """A latency in running text, with the unit that suits it: `95 ms`, `1.24 s`, `2.10 min`; a dash when unknown."""
    if value is None or not isfinite(value):
        return UNKNOWN
    shown = float(f"{value:.3g}")
    if shown < 1000:
        return f"{quantity(value)} ms"
    return f"{quantity(value / 1000)} s" if shown < 60_000 else f"{quantity(value / 60_000)} min"


def integer(value: int | None) -> str:
    """A count, written out up to 99,999, shortened above."""
    if value is None:
        return UNKNOWN
    return str(value) if abs(value) < 100_000 else quantity(value)


def written_out(number: float) -> str:
    """A count in a sentence, written out whole: `450`, `30,000`; what was counted at all is at least 1."""
    return f"{max(1.0, number):,.0f}" if number > 0 else "0"


def number_of(number: int, noun: str) -> str:
    """A number of things with their name: `1 edge`, `2 edges`; the noun is given in the singular, and takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def age(seconds: float | None) -> str:
    """A duration in its largest unit: `40s`, `12m`, `5h`, `9d`."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    for length, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= length:
            return f"{whole // length}{letter}"
    return f"{whole}s"


def _digits(value: float, *, exact: bool) -> str:
    """Three significant digits of a number from 0.001 to 1000."""
    if exact and value == int(value):
        return str(int(value))
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    if value >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}".rstrip("0")
