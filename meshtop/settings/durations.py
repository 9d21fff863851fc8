"""Durations as users write and read them."""

from __future__ import annotations

import re

MOST_SECONDS = 365 * 86_400
"""The longest duration that is taken: no telemetry that meshtop asks for reaches back further."""
_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?"
)


def parse_duration(text: object) -> float:
    """Seconds of a duration written `30s`, `5m`, `1h`, `1h30m`, `2d`.

    Raises ValueError with what to write instead, also for one of more than a year.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"write a duration with its unit, such as {text}s or 5m")
    match = _DURATION.fullmatch(str(text).strip())
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration; write 30s, 5m or 1h")
    days, hours, minutes, seconds, millis = (float(part or 0) for part in match.groups())
    found = days * 86_400 + hours * 3600 + minutes * 60 + seconds + millis / 1000
    if found > MOST_SECONDS:
        raise ValueError(f"{str(text).strip()} is too long; the most is {MOST_SECONDS // 86_400}d")
    return found


def positive_duration(text: object) -> float:
    """Seconds of a duration that is longer than zero; raises ValueError as `parse_duration` does."""
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError("a duration must be longer than zero")
    return seconds


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
