"""The title and the legend of a chart: beside the plot where there is room, else beside or below the title."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.console.widgets.chart_model import ChartModel, current_value, highest_value, short_number, value_at
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.numbers import UNKNOWN
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.table import Tone

LEGEND_APART = 8
"""Height from which a legend that does not fit beside the title gets a line of its own."""
LEAST_COLUMNS = 24
"""So many columns of the plot remain where the legend stands at its right."""
_LONGEST_NAME = 20


class LegendKey(Struct, frozen=True):
    """What the legend says of a series: its name, tone, and its value now or at the cursor, and its highest."""

    name: str
    tone: Tone
    value: str
    highest: str

    @property
    def full(self) -> str:
        """All of it."""
        return f"{self.name} {self.value} max {self.highest}"

    @property
    def short(self) -> str:
        """Without the highest value."""
        return f"{self.name} {self.value}"


def legend_keys(model: ChartModel, tones: Sequence[Tone], cursor: float | None) -> list[LegendKey]:
    """What is said of each series: its value at the cursor's moment (Unix seconds), else the present one."""
    share = None if cursor is None else model.share(cursor)
    return [
        LegendKey(
            series.name,
            tone,
            _number(current_value(series) if share is None else value_at(series, share), model.unit),
            _number(highest_value(series), model.unit),
        )
        for series, tone in zip(model.series, tones, strict=True)
    ]


def _number(value: float | None, unit: str) -> str:
    return UNKNOWN if value is None else short_number(value, unit)


class SideLegend(Struct, frozen=True):
    """The legend at the right of the plot: its width, and that of each of its columns."""

    width: int
    name: int
    value: int

    def runs(self, key: LegendKey, x: int) -> tuple[TextRun, ...]:
        """A line of it."""
        value_x = x + 2 + self.name + 1 + self.value - cell_width(key.value)
        return (
            TextRun(x, "━", key.tone),
            TextRun(x + 2, cut(key.name, self.name), Tone.PLAIN),
            TextRun(value_x, key.value, Tone.STRONG),
            TextRun(x + 2 + self.name + 1 + self.value + 1, f"max {key.highest}", Tone.DIM),
        )


def side_legend(keys: Sequence[LegendKey], room: int, rows: int) -> SideLegend | None:
    """The legend beside the plot where there is room for it, and for the plot."""
    if not keys or rows < len(keys):
        return None
    name = min(_LONGEST_NAME, max(cell_width(key.name) for key in keys))
    value = max(cell_width(key.value) for key in keys)
    width = 2 + name + 1 + value + 5 + max(cell_width(key.highest) for key in keys)
    return SideLegend(width, name, value) if room - width - 2 >= LEAST_COLUMNS else None


def chart_heading(
    model: ChartModel, keys: Sequence[LegendKey], width: int, height: int, choices: tuple[TextRun, ...]
) -> list[TextLine]:
    """Title and legend: in one line if they fit, else the legend below, else cut beside the title."""
    title = cut(f"{model.title} {model.unit}".strip(), width)
    x = cell_width(title)
    where = cut(f" · {model.where}", max(0, width - x)) if model.where else ""
    head = (TextRun(0, title, Tone.STRONG), *([TextRun(x, where, Tone.DIM)] if where else ()))
    x += cell_width(where) + 3
    chosen = _right(choices, x, width)
    room = min((run.x - 2 for run in chosen), default=width)
    tones = [key.tone for key in keys]
    full, short, names = [k.full for k in keys], [k.short for k in keys], [k.name for k in keys]
    for entries in (full, short, names) if height < LEGEND_APART else (full, short):
        legend = _legend(entries, tones, x, room)
        if len(legend) == 2 * len(entries):
            return [TextLine("plain", (*head, *legend, *chosen))]
    if height < LEGEND_APART:
        return [TextLine("plain", (*head, *_legend(short, tones, x, room), *chosen))]
    below = max((_legend(entries, tones, 0, width) for entries in (full, short, names)), key=len)
    return [TextLine("plain", (*head, *chosen)), TextLine("plain", tuple(below))]


def _right(runs: tuple[TextRun, ...], least: int, width: int) -> tuple[TextRun, ...]:
    """Runs moved to the right edge; none where they do not fit behind what is there."""
    if not runs:
        return ()
    start = width - (runs[-1].x + cell_width(runs[-1].text))
    return tuple(TextRun(run.x + start, run.text, run.tone) for run in runs) if start >= least else ()


def _legend(entries: Sequence[str], tones: Sequence[Tone], x: int, width: int) -> list[TextRun]:
    """A sign and a name for each line, as many as fit from a column on."""
    runs: list[TextRun] = []
    for entry, tone in zip(entries, tones, strict=True):
        if x + cell_width(entry) + 2 > width:
            break
        runs += [TextRun(x, "━", tone), TextRun(x + 2, entry, Tone.PLAIN)]
        x += cell_width(entry) + 5
    return runs
