"""A canary's versions beside each other, cluster by cluster, as lines with a cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, cut, fit
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.reports.cockpit import Cockpit, CockpitVersion

_MARGIN = 2
_BAR = 20
_NARROW_BAR = 8
_WITH_BAR, _WITH_LONG_BAR = 88, 100
"""Widths in cells from which a version has a short bar, and a long one: the words of the verdict are worth more."""
_LEAST_VERDICT = 12
_NAME_MOST = 24


class _Column(NamedTuple):
    title: str
    width: int
    cell: Callable[[CockpitVersion], Cell]


_FIGURES = (
    _Column("REQ/S", 7, lambda v: v.requests),
    _Column("ERR %", 7, lambda v: v.errors),
    _Column("P99 ms", 8, lambda v: v.p99),
    _Column("READY", 6, lambda v: v.ready),
)


def share_bar(share: float, seen: float | None, width: int) -> tuple[tuple[str, Tone], ...]:
    """The seen share as a bar, in which `┃` marks the set one where both differ by half a cell or more."""
    filled = round(width * (share if seen is None else seen))
    mark = min(width - 1, round(width * share))
    cells = ["█" if i < filled else "░" for i in range(width)]
    if seen is None:
        return (("".join(cells), Tone.DIM),)
    if abs(seen - share) * width < 1:
        return (("█" * filled, Tone.ACCENT), ("░" * (width - filled), Tone.FAINT))
    cells[mark] = "┃"
    return (("".join(cells), Tone.FAILING),)


def version_table(shown: Cockpit, chosen: tuple[str, str] | None, width: int) -> list[TextLine]:
    """The table of versions; `chosen` is the cluster and version under the cursor."""
    names = [version.name for cluster in shown.clusters for version in cluster.versions]
    name = min(_NAME_MOST, max((cell_width(text) for text in names), default=0) + 2)
    bar = _BAR if width >= _WITH_LONG_BAR else _NARROW_BAR if width >= _WITH_BAR else 0
    lines = [_heads(name, bar, width)]
    for cluster in shown.clusters:
        lines.append(_cluster_line(cluster.name, cluster.split, width))
        for version in cluster.versions:
            ground = "cursor" if chosen == (version.cluster, version.name) else "plain"
            lines.append(TextLine(ground, tuple(_version(version, name, bar, width))))
    return lines


def _cluster_line(name: str, split: Cell, width: int) -> TextLine:
    shown = cut(name, max(0, width - _MARGIN))
    x = _MARGIN + cell_width(shown) + 1
    return TextLine(
        "plain",
        (TextRun(_MARGIN, shown, Tone.STRONG), TextRun(x, cut(split.text, max(0, width - x)), split.tone)),
    )


def _heads(name: int, bar: int, width: int) -> TextLine:
    runs = [TextRun(_MARGIN + 2 + name, f"{'SET %':>6} {'SEEN %':>7}", Tone.DIM)]
    x = _MARGIN + 2 + name + 14 + (bar + 2 if bar else 0)
    for column in _FIGURES:
        runs.append(TextRun(x, fit(column.title, column.width, right=True), Tone.DIM))
        x += column.width + 1
    if width - x - 1 >= _LEAST_VERDICT:
        runs.append(TextRun(x + 3, "VERDICT", Tone.DIM))
    return TextLine("plain", tuple(run for run in runs if run.x + cell_width(run.text) <= width))


def _version(version: CockpitVersion, name: int, bar: int, width: int) -> Sequence[TextRun]:
    x = _MARGIN + 2
    runs = [TextRun(x, fit(version.name, name), Tone.STRONG)]
    x += name
    runs.append(TextRun(x, fit(version.set_.text, 6, right=True), version.set_.tone))
    runs.append(TextRun(x + 7, fit(version.actual.text, 7, right=True), version.actual.tone))
    x += 14
    if bar:
        at = x + 2
        for text, tone in share_bar(version.share, version.seen, bar):
            if text:
                runs.append(TextRun(at, text, tone))
                at += len(text)
        x += bar + 2
    for column in _FIGURES:
        cell = column.cell(version)
        runs.append(TextRun(x, fit(cell.text, column.width, right=True), cell.tone))
        x += column.width + 1
    runs = [run for run in runs if run.x + cell_width(run.text) <= width]
    if (room := width - x - 2) >= _LEAST_VERDICT:
        # The interval goes first, then the difference, then the rest.
        text = version.verdict.text
        for end in (" (", " · "):
            if cell_width(text) > room:
                text = text.rpartition(end)[0] or text
        runs.append(TextRun(x + 1, cut(text, room), version.verdict.tone))
    return runs
