"""Durations as users write and read them."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """`90.0` as `1m30s`, `300.0` as `5m`, `0.25` as `250ms`: the inverse of `parse_duration`, to the millisecond."""
    millis = round(seconds * 1000)
    hours, rest = divmod(millis, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    whole, millis = divmod(rest, 1000)
    parts = [
        f"{amount}{unit}" for amount, unit in ((hours, "h"), (minutes, "m"), (whole, "s"), (millis, "ms")) if amount
    ]
    return "".join(parts) or "0s"
