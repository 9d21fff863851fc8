"""Option types for moments and durations: `--at 2026-08-01T14:05:00Z`, `--at -10m`, `--at 14:05`, `--window 5m`."""

from __future__ import annotations

from datetime import datetime

import click

from meshtop.settings.durations import positive_duration
from meshtop.views.frame.moments import parse_moment


class Duration(click.ParamType[str]):
    """A duration such as `30s`, `5m`, `1h`; kept as text, checked when read."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check that it is a positive duration."""
        try:
            positive_duration(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        return value.strip()


class WrittenMoment(float):
    """A moment (Unix seconds) with its text: what it means depends on which moment is the present."""

    text: str = ""

    def before(self, present: float) -> WrittenMoment:
        """The moment that the text means if `present` (Unix seconds) is now. Raises ValueError."""
        return written_moment(self.text, datetime.fromtimestamp(present).astimezone())


def written_moment(text: str, now: datetime) -> WrittenMoment:
    """The moment of a text. Raises ValueError with what to write."""
    found = WrittenMoment(parse_moment(text, now))
    found.text = text
    return found


class Moment(click.ParamType[float]):
    """A past moment, as Unix seconds."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse it, relative to this machine's clock and time zone; in a recording, to the end of that."""
        recording = getattr(ctx.find_root().obj, "recording", None) if ctx is not None else None
        now = datetime.now() if recording is None else datetime.fromtimestamp(recording.moments[-1])
        try:
            return written_moment(value, now.astimezone())
        except ValueError as error:
            self.fail(str(error), param, ctx)
