"""Parameters of API requests, from the query string and a posted form."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence

import promql_parser as grammar
from aiohttp import web

from meshtop.demo.prom.errors import BadData
from meshtop.demo.prom.matchers import Matcher
from meshtop.demo.prom.parse import parse_selector


class Params:
    """The parameters of one request. Every method raises BadData naming the parameter that is wrong."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    @classmethod
    async def of(cls, request: web.Request) -> Params:
        """Those of a request; a posted form's come first, as in Go's ``Request.Form``."""
        posted: list[tuple[str, str]] = []
        if request.method == "POST" and request.content_type == "application/x-www-form-urlencoded":
            posted = [(key, value) for key, value in (await request.post()).items() if isinstance(value, str)]
        return cls([*posted, *request.query.items()])

    def text(self, name: str) -> str:
        """The first value of a parameter, or ""."""
        return next((value for key, value in self._pairs if key == name), "")

    def all(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for key, value in self._pairs if key == name]

    def moment(self, name: str, default: int | None = None) -> int:
        """A time in milliseconds: Unix seconds or RFC 3339."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            seconds = float(text)
        except ValueError:
            seconds = _rfc3339(text)
        if not math.isfinite(seconds):
            raise BadData(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')
        return math.floor(seconds * 1000 + 0.5)

    def duration(self, name: str) -> float:
        """A duration in seconds: a number, or text as in ``1m30s``."""
        text = self.text(name)
        try:
            seconds = float(text)
        except ValueError:
            seconds = _duration(text)
        if not math.isfinite(seconds):
            raise BadData(f'invalid parameter "{name}": cannot parse "{text}" to a valid duration')
        return seconds

    def timeout(self) -> float | None:
        """The client's own time limit in seconds, if it gave one."""
        return self.duration("timeout") if self.text("timeout") else None

    def limit(self) -> int:
        """The most results the client wants; 0 for all."""
        text = self.text("limit")
        if not text:
            return 0
        if not text.isdecimal():
            raise BadData('invalid parameter "limit": limit must be a non-negative number')
        return int(text)

    def matchers(self) -> list[tuple[Matcher, ...]]:
        """The selectors of ``match[]``."""
        try:
            return [parse_selector(text) for text in self.all("match[]")]
        except BadData as err:
            raise BadData(f'invalid parameter "match[]": {err}') from err


_ZERO = re.compile(r"(?:0+(?:ms|[smhdwy]))+", re.ASCII)


def _duration(text: str) -> float:
    if _ZERO.fullmatch(text):
        # The grammar has no durations of zero, the API has.
        return 0.0
    try:
        return float(grammar.parse_duration(text).total_seconds())
    except (ValueError, OverflowError):
        return math.nan


def _rfc3339(text: str) -> float:
    if "T" not in text:
        return math.nan
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return moment.timestamp() if moment.tzinfo is not None else math.nan
