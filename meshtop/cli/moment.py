"""Moments and durations as they are typed: `--at 2026-08-01T14:05:00Z`, `--at -10m`, `--at 14:05`, `--window 5m`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click


class Duration(click.ParamType[str]):
    """A duration such as `30s`, `5m`, `1h`; kept as text, checked when read."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check that it is a positive duration."""
        if not re.fullmatch(r"(?=\d)(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+ms)?", value.strip()):
            self.fail(f"{value!r} is not a duration; write 30s, 5m or 1h.", param, ctx)
        if not re.search(r"[1-9]", value):
            self.fail("a duration must be longer than nothing.", param, ctx)
        return value.strip()


def parse_moment(text: str, now: datetime) -> float:
    """Unix seconds of a moment; `now` has a time zone, in which `14:05` is read (yesterday's, when it is to come).

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
            raise ValueError(f"{typed!r} is no time of day; write it like 14:05.")
        today = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return (today if today <= now else today - timedelta(days=1)).timestamp()
    return _rfc3339(typed, now)


def _rfc3339(typed: str, now: datetime) -> float:
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise ValueError(f"{typed!r} is no moment; write 2026-08-01T14:05:00Z, -10m or 14:05.") from None
    if moment.tzinfo is None:
        raise ValueError(f"{typed!r} says no time zone; add Z for UTC, or an offset such as +02:00.")
    if moment > now:
        raise ValueError(f"{typed!r} is still to come; write a moment in the past.")
    return moment.timestamp()


class Moment(click.ParamType[float]):
    """A past moment, as Unix seconds."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it, relative to this machine's clock and time zone."""
        try:
            return parse_moment(value, datetime.now().astimezone())
        except ValueError as error:
            self.fail(str(error), param, ctx)
