"""Moments as people write and read them: `2026-08-01T14:05:00Z`, `-10m`, `14:05`; `3m ago (14:03Z)`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from meshtop.model.numbers import age

DAY_SECONDS = 86_400.0


def ago(at: float, now: float) -> str:
    """How long ago a moment was, and when (UTC): `3m ago (14:03Z)`, with the date from a day on."""
    moment = datetime.fromtimestamp(at, UTC)
    form = "%H:%M" if abs(now - at) < DAY_SECONDS else "%Y-%m-%d %H:%M"
    return f"{age(now - at)} ago ({moment:{form}}Z)"


def clock(moment: datetime, now: float, form: str = "%H:%M") -> str:
    """A time of day (UTC), with the date before it from a day on: an hour alone would be read as today's."""
    dated = abs(now - moment.timestamp()) >= DAY_SECONDS
    return f"{moment.astimezone(UTC):{f'%m-%d {form}' if dated else form}}"


def parse_moment(text: str, now: datetime) -> float:
    """Unix seconds of a moment; `14:05` is in the time zone of `now` (of yesterday if still in the future).

    Raises ValueError with what to write.
    """
    typed = text.strip()
    if typed.lower() == "now":
        return now.timestamp()
    if match := re.fullmatch(r"-(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", typed):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        if any(match.groups()):
            try:
                return (now - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)).timestamp()
            except (OverflowError, ValueError) as error:
                raise ValueError(f"{typed!r} is too long ago.") from error
    if match := re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", typed):
        hour, minute, second = (int(part or 0) for part in match.groups())
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"{typed!r} is not a time of day; write it like 14:05.")
        today = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return (today if today <= now else today - timedelta(days=1)).timestamp()
    return _rfc3339(typed, now)


def _rfc3339(typed: str, now: datetime) -> float:
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise ValueError(f"{typed!r} is not a moment; write 2026-08-01T14:05:00Z, -10m or 14:05.") from None
    if moment.tzinfo is None:
        raise ValueError(f"{typed!r} has no time zone; add Z for UTC, or an offset such as +02:00.")
    if moment > now:
        raise ValueError(f"{typed!r} is in the future; write a moment in the past.")
    return moment.timestamp()
