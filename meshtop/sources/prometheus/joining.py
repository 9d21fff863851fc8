"""Small questions asked as one: most of what a question costs, here and at the server, does not depend on its answer.

Each expression is marked with its name by `label_replace`, and the marked ones are joined by `or`, which keeps all of
them, as no two have the same mark. Only what was small and came soon is joined, so that an answer that is too big, or
late, costs the others nothing; what a joined answer leaves in doubt is asked again one by one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from meshtop.model.telemetry import Sample, Scalar
from meshtop.sources.problem import ODD_SHAPE
from meshtop.sources.prometheus.answers import (
    QueryFailed,
    RangeSeries,
    RawSeries,
    Vector,
    decode_labelled_matrix,
    decode_scalars,
    in_chunks,
    open_series,
)
from meshtop.sources.prometheus.engine import LONGEST_GET, encoded_length
from meshtop.sources.prometheus.labelsets import LabelSets, NewLabels
from meshtop.sources.prometheus.promql import quote

MARK = "meshtop_asked"
"""The label that says which of the joined expressions a series answers; no metric has it."""
MOST_SERIES = 3_000
"""So many series are joined at most."""
SOON_SECONDS = 2.0
"""What took no longer, one after the other, is joined: a joined question is evaluated in one go, in five seconds."""
LATE_SECONDS = 3.0
MOST_LATE = 2
"""After so many joined answers in a row that took longer, questions are asked one by one."""
APART_SECONDS = 600.0
"""So long everything is asked one by one after a joined question that did not go well."""
_SMALL = (100, 0.1)
"""Series and seconds of a question that nobody has asked yet and that is known to be small."""
_REST_BYTES = 200
"""What a request line holds besides the question."""
_MARKED = re.compile(rb'"%s"\s*:\s*"(\w+)"(\s*,\s*)?' % MARK.encode())


def marked(name: str, expression: str) -> str:
    """The expression with its name (of letters, digits and `_`) on each of its series."""
    return f'label_replace({expression}, {quote(MARK)}, {quote(name)}, "", "")'


def asked_together(expressions: Mapping[str, str]) -> str:
    """One expression for all of them, by name."""
    return " or ".join(marked(name, one) for name, one in expressions.items())


class Joining:
    """Which questions to one engine are asked together, by what they were last time.

    Times are seconds of a clock that only grows; `window_seconds` is the window of the rates, as a longer one costs
    more.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}
        self._window_seconds = 0.0
        self._apart_until = -math.inf
        self._late = 0

    def begin(self, window_seconds: float) -> None:
        """Begin a refresh: what is known of another window says nothing."""
        if window_seconds != self._window_seconds:
            self._window_seconds = window_seconds
            self._seen = {}

    def expect_small(self, names: Iterable[str]) -> None:
        """Join these from the first time on: their answers are small in any installation."""
        for name in names:
            self._seen.setdefault(name, _SMALL)

    def saw(self, name: str, series: int, seconds: float) -> None:
        """Take down how many series one question gave, and how long it took.

        The shortest time counts, as the others say how busy this machine or the server was.
        """
        _, before = self._seen.get(name, (0, math.inf))
        self._seen[name] = (series, min(seconds, before))

    def came(self, series: Mapping[str, int], seconds: float, now: float) -> None:
        """Take down a joined answer: how many series each question gave, and how long all took."""
        self._late = self._late + 1 if seconds > LATE_SECONDS else 0
        if self._late >= MOST_LATE:
            self.keep_apart(now)
            return
        for name, count in series.items():
            self.saw(name, count, seconds)

    def keep_apart(self, now: float) -> None:
        """Join nothing for some minutes."""
        self._apart_until = now + APART_SECONDS
        self._seen = {}
        self._late = 0

    def groups(self, expressions: Mapping[str, str], now: float) -> list[tuple[str, ...]]:
        """The questions to be joined, in groups of two and more whose length every proxy takes; others are in none."""
        if now < self._apart_until:
            return []
        small: set[str] = set()
        series, seconds = 0, 0.0
        for (count, took), name in sorted((self._seen[name], name) for name in expressions if name in self._seen):
            series, seconds = series + count, seconds + took
            if series > MOST_SERIES or seconds > SOON_SECONDS:
                break
            small.add(name)
        # Always in the same order: what stands between may know a question that it was asked before.
        found: list[list[str]] = []
        length = LONGEST_GET
        for name in expressions:
            if name not in small:
                continue
            more = encoded_length(f" or {marked(name, expressions[name])}")
            if length + more > LONGEST_GET - _REST_BYTES:
                found.append([])
                length = 0
            found[-1].append(name)
            length += more
        return [tuple(group) for group in found if len(group) > 1]


async def split_samples(body: bytes, names: Sequence[str], known: LabelSets) -> dict[str, Vector[Sample]] | None:
    """A joined answer about Istio's metrics, one vector for each name; None where anything of it is in doubt.

    Labels are the same objects as if each question had been asked by itself. Raises QueryFailed.
    """
    whole: Vector[Sample] = Vector()
    raws = open_series(body, whole)
    if whole.partial:
        return None
    parts: dict[str, Vector[Sample]] = {name: Vector(notes=whole.notes) for name in names}
    decode, new, isfinite = known.decode_named, NewLabels().decode, math.isfinite
    async for some in in_chunks(raws):
        try:
            for raw in some:
                if not isinstance(raw, RawSeries):
                    return None
                name, labels = decode(raw.metric, _unmarked, new)
                value = float(raw.value[1]) if raw.value is not None else math.nan
                if isfinite(value):
                    parts[name].items.append(Sample(labels, value))
                else:
                    parts[name].dropped += 1
        except ODD_SHAPE:
            return None
    return parts


async def split_scalars(body: bytes, names: Sequence[str], name_label: str) -> dict[str, Vector[Scalar]] | None:
    """A joined answer about other metrics, as `split_samples`; `name_label` holds a metric's name. Raises QueryFailed.

    Series without a usable number are counted for the first name: nobody asks which of these metrics they are of.
    """
    whole = await decode_scalars(body, name_label)
    if whole.partial or whole.odd:
        return None
    parts: dict[str, Vector[Scalar]] = {name: Vector(notes=whole.notes) for name in names}
    parts[names[0]].dropped = whole.dropped
    for item in whole.items:
        name = item.labels.pop(MARK, "")
        if name not in parts:
            return None
        parts[name].items.append(item)
    return parts


async def split_ranges(body: bytes, names: Sequence[str]) -> dict[str, Vector[RangeSeries]] | None:
    """A joined range answer, one vector for each name; None where anything of it is in doubt."""
    whole: Vector[RangeSeries] = Vector()
    try:
        found = decode_labelled_matrix(body, whole)
    except QueryFailed:
        return None
    if whole.partial:
        return None
    parts: dict[str, Vector[RangeSeries]] = {name: Vector(notes=whole.notes) for name in names}
    for labels, values in found:
        name = labels.pop(MARK, "")
        if name not in parts:
            return None
        parts[name].items.append((labels, values))
    return parts


def _unmarked(text: bytes) -> tuple[str, bytes]:
    """A series' name, and its labels as they are without it. Raises ValueError where there is none."""
    found = _MARKED.search(text)
    if found is None:
        raise ValueError("a series of a joined answer has no mark")
    before, after = text[: found.start()], text[found.end() :]
    if found[2] is None:
        before = before.rstrip().removesuffix(b",")
    return found[1].decode(), before + after
