"""The first line of NOW: the golden signals of the scope, what became of them in an hour, and their courses."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.numbers import UNKNOWN, latency, percent, quantity
from meshtop.model.telemetry import History
from meshtop.model.text import cell_width, clean
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import Sums
from meshtop.views.frame.columns import error_tone
from meshtop.views.frame.hour_ago import HourlyChange, added_change, hour_ago
from meshtop.views.frame.sparkline import scale_of, sparkline
from meshtop.views.frame.table import Tone

MARGIN = 2
SPARK_WIDTH = 8
MOST_SPARK = 24
_APART = 3


class ClusterHistory(Struct, frozen=True):
    """The last hour of a cluster."""

    cluster: str
    history: History


class _Total(Struct, frozen=True):
    """A figure with its label, what became of it, and its course."""

    label: str
    figure: str
    tone: Tone
    change: str = ""
    course: tuple[float | None, ...] = ()

    def width(self, *, changed: bool, spark: int) -> int:
        """Cells that it takes."""
        change = cell_width(self.change) + 1 if changed and self.change else 0
        course = spark + 1 if spark and self.course else 0
        return cell_width(self.label) + 1 + cell_width(self.figure) + change + course


def headline(
    sums: Sums, histories: Sequence[ClusterHistory], width: int, thresholds: Thresholds, missing: Sequence[str] = ()
) -> TextLine:
    """The golden signals of the scope in one line, with what is known of the last hour as far as there is room.

    Requests and errors are added across clusters; the p99 is that of the added buckets, which are not kept, so its
    change is that of the cluster where it changed most. `missing` are clusters of the scope with unknown traffic; the
    line names them.
    """
    totals = _totals(sums, histories, thresholds)
    lacking = f"? without {', '.join(map(clean, missing))}" if missing else ""
    room = width - MARGIN - (cell_width(lacking) + _APART if lacking else 0) - _APART * (len(totals) - 1)
    changed = sum(one.width(changed=True, spark=0) for one in totals) <= room
    courses = sum(bool(one.course) for one in totals)
    spare = room - sum(one.width(changed=changed, spark=0) for one in totals)
    spark = min(MOST_SPARK, spare // courses - 1) if courses and changed else 0
    spark = spark if spark >= SPARK_WIDTH else 0
    runs: list[TextRun] = []
    x = MARGIN
    for one in totals:
        tone = one.tone if one.tone in (Tone.DEGRADED, Tone.FAILING) else Tone.DIM
        parts = [(one.label, Tone.DIM), (one.figure, one.tone)]
        if changed and one.change:
            parts.append((one.change, tone))
        if spark and one.course:
            low, high = scale_of(one.course)
            parts.append((sparkline(one.course, spark, low=low, high=high), tone))
        for text, of in parts:
            runs.append(TextRun(x, text, of))
            x += cell_width(text) + 1
        x += _APART - 1
    if lacking:
        runs.append(TextRun(x, lacking, Tone.UNKNOWN))
    return TextLine("plain", tuple(run for run in runs if run.x + cell_width(run.text) <= width))


def _totals(sums: Sums, histories: Sequence[ClusterHistory], thresholds: Thresholds) -> list[_Total]:
    traffic = sums.traffic()
    bad = error_tone(traffic.error_ratio or 0.0, thresholds)
    requests = [hour_ago(one.history.requests) for one in histories]
    errors = [hour_ago(one.history.errors) for one in histories]
    ratio = percent(traffic.error_ratio)
    slow, course = _slower(histories)
    return [
        _Total(
            "REQ/S",
            quantity(traffic.requests_per_second),
            Tone.STRONG,
            added_change(requests).text,
            tuple(_added([one.history.requests.values for one in histories])),
        ),
        _Total(
            "ERRORS",
            ratio if ratio == UNKNOWN else f"{ratio} %",
            Tone.STRONG if bad is Tone.PLAIN else bad,
            _ratio_change(requests, errors).text,
            _error_ratios(histories),
        ),
        _Total("P99", latency(traffic.latency_ms.p99), Tone.STRONG, slow, course),
        _Total("mTLS", UNKNOWN if sums.mtls_ratio is None else f"{percent(sums.mtls_ratio)} %", Tone.STRONG),
    ]


def _slower(histories: Sequence[ClusterHistory]) -> tuple[str, tuple[float | None, ...]]:
    """What became of the p99 in the cluster in which it changed most, and its course there."""
    changes = [(one, hour_ago(one.history.p99_ms)) for one in histories]
    known = [(one, change) for one, change in changes if change.ratio is not None]
    if not known:
        return UNKNOWN, ()
    one, change = max(known, key=lambda pair: max(pair[1].ratio or 0.0, 1 / (pair[1].ratio or 1.0)))
    name = f"{clean(one.cluster)} " if len(histories) > 1 else ""
    return f"{name}{change.text}", one.history.p99_ms.values


def _ratio_change(requests: Sequence[HourlyChange], errors: Sequence[HourlyChange]) -> HourlyChange:
    """What became of the share of failed requests, over clusters of which all is known at both ends."""
    pairs = [(r, e) for r, e in zip(requests, errors, strict=True) if None not in (r.now, r.before, e.now, e.before)]
    all_, failed = added_change([r for r, _ in pairs]), added_change([e for _, e in pairs])
    return HourlyChange(_share(failed.now, all_.now), _share(failed.before, all_.before))


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _error_ratios(histories: Sequence[ClusterHistory]) -> tuple[float | None, ...]:
    all_ = _added([one.history.requests.values for one in histories])
    failed = _added([one.history.errors.values for one in histories])
    return tuple(_share(part, whole) for part, whole in zip(failed, all_, strict=False))


def _added(lines: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Point by point sums of series that may be added; a point where no series has a value is a gap."""
    length = max((len(line) for line in lines), default=0)
    columns = [[line[i - length] for line in lines if len(line) >= length - i] for i in range(length)]
    return [sum(known) if (known := [v for v in column if v is not None]) else None for column in columns]
