"""The status of a running shift, in Argo Rollouts' terms: step, set and actual weights by cluster, guard, time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.numbers import UNKNOWN, quantity
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.actions.shift.progress import ClusterProgress, Progress

_MARGIN = 2
_BAR = 12
_FEWEST_LINES = 4
"""The step, the guard, the headings and one cluster."""
_FOLLOWS = {
    "follows": ("✓ follows", Tone.GOOD),
    "does-not-follow": ("✗ does not", Tone.FAILING),
    "no-traffic": ("? no traffic", Tone.UNKNOWN),
    "unknown": ("? unknown", Tone.UNKNOWN),
    "waiting": ("… waiting", Tone.DIM),
}
_VERDICTS = {
    "worse": ("✗", Tone.FAILING),
    "not-worse": ("✓", Tone.GOOD),
    "not-enough-data": ("?", Tone.UNKNOWN),
}
_ENDS = {
    "done": ("✓ Done", Tone.GOOD),
    "rolled-back": ("✓ Rolled back", Tone.GOOD),
    "guard-failed": ("✗ The guard failed", Tone.FAILING),
    "not-followed": ("✗ The split did not follow", Tone.FAILING),
    "aborted": ("▲ Aborted", Tone.DEGRADED),
    "held": ("▲ Held", Tone.DEGRADED),
    "conflict": ("✗ Changed by another", Tone.FAILING),
    "lost": ("✗ A cluster was lost", Tone.FAILING),
    "refused": ("✗ Refused", Tone.FAILING),
}
Words = list[tuple[str, Tone]]


def span(seconds: float) -> str:
    """A duration to the second: `1m 12s`, `45s`, `1h 2m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s" if whole % 60 else f"{whole // 60}m"
    return f"{whole // 3600}h {whole % 3600 // 60}m"


def status_lines(progress: Progress, now: float, width: int, most: int) -> list[TextLine]:
    """The status in at most `most` lines; clusters that do not fit are counted."""
    lines = [_pair(_where(progress), _time(progress, now), width), _line([*_guard(progress, width)], width)]
    table = _table(progress, width)
    room = max(_FEWEST_LINES, most) - len(lines)
    if len(table) > room:
        left = len(table) - room + 1
        table = [*table[: room - 1], _line([(f"and {left} more clusters", Tone.DIM)], width)]
    return lines + table


def chip_texts(subject: str, progress: Progress | None, now: float) -> tuple[tuple[str, ...], Tone]:
    """A running action for the top bar, from the longest form to the shortest; without progress only its subject."""
    if progress is None:
        return (f"⟳ {subject}: J", "⟳"), Tone.ACCENT
    if progress.outcome is not None:
        text, tone = _ENDS[progress.outcome.value]
        sign, _, words = text.partition(" ")
        return (f"{sign} {subject} {words.lower()}: J", f"{text}: J", sign), tone
    verdict = progress.verdict
    if progress.taking_back or (verdict is not None and verdict.verdict.value == "worse"):
        tone = Tone.DEGRADED
    else:
        tone = Tone.ACCENT
    step = f"step {progress.step}/{progress.steps}" if progress.step else "begins"
    if progress.taking_back:
        step = "rolls back"
    left = progress.until - now if progress.until is not None and not progress.taking_back else 0.0
    time = "paused" if progress.paused else span(left) if left >= 1 else ""
    least = " ".join(filter(None, ("⟳", time)))
    return (f"⟳ {' · '.join(filter(None, (f'{subject} {step}', time)))}: J", f"{least} {step}: J", least), tone


def _where(progress: Progress) -> Words:
    if progress.outcome is not None:
        restored: Words = [("· everything is as before", Tone.PLAIN)] if progress.restored else []
        return [_ENDS[progress.outcome.value], *restored]
    if progress.taking_back:
        return [("Rolling everything back", Tone.DEGRADED)]
    if not progress.step:
        return [("Beginning", Tone.STRONG)]
    words: Words = [(f"Step {progress.step}/{progress.steps}", Tone.STRONG)]
    if progress.waves > 1:
        words.append((f"wave {progress.wave}/{progress.waves}", Tone.STRONG))
    words.append(("SetWeight", Tone.DIM))
    words.append((_weights(progress.wanted.items()), Tone.STRONG))
    return words


def _time(progress: Progress, now: float) -> Words:
    if progress.outcome is not None or progress.taking_back:
        return []
    if progress.paused:
        return [("▲ paused", Tone.ACCENT)]
    if progress.until is None:
        return []
    left = progress.until - now
    if left <= 0:
        return [("until it can be judged", Tone.DIM)]
    done = round(_BAR * max(0.0, 1 - left / progress.every_seconds))
    bar = "█" * done + "░" * (_BAR - done)
    return [(bar, Tone.DIM), (f"{span(left)} left of {span(progress.every_seconds)}", Tone.PLAIN)]


def _guard(progress: Progress, width: int) -> Iterable[tuple[str, Tone]]:
    yield "Guard", Tone.DIM
    verdict = progress.verdict
    if not progress.guarded:
        yield "off", Tone.DIM
        return
    if verdict is None:
        yield "waits for requests" if progress.outcome is None else UNKNOWN, Tone.DIM
        return
    sign, tone = _VERDICTS[verdict.verdict.value]
    text = clean(verdict.summary)
    yield f"{sign} {text}", tone
    room = width - 2 * _MARGIN - len("Guard ") - cell_width(text) - 3
    for name, one in verdict.questions:
        # What is bad says its figures in the summary already.
        if one.is_bad or one.may_be_bad or not one.figures:
            continue
        text = f"{name} {one.figures}"
        room -= cell_width(text) + 3
        if room >= 0:
            yield f"· {text}", Tone.DIM


def _table(progress: Progress, width: int) -> list[TextLine]:
    wanted = progress.wanted
    order = sorted(progress.clusters, key=lambda c: (c.wave != progress.wave, c.wave))
    rows = [_row(progress, one, wanted) for one in order]
    heads = ("CLUSTER", "SETWEIGHT", "ACTUALWEIGHT (95 %)", "SPLIT", "REQUESTS")
    widths = [max(len(head), *(cell_width(row[i][0]) for row in rows)) for i, head in enumerate(heads)]
    spare = width - 2 * _MARGIN - 2 * (len(heads) - 1) - sum(widths)
    if spare < 0:
        widths[0] = max(8, widths[0] + spare)
    lines = [_columns([(head, Tone.DIM) for head in heads], widths, width)]
    return lines + [_columns(row, widths, width) for row in rows]


def _row(progress: Progress, one: ClusterProgress, wanted: dict[str, int]) -> Words:
    cells: Words = [(clean(one.cluster), Tone.PLAIN)]
    cells.append((_weights((name, one.weights.get(name)) for name in wanted), Tone.STRONG))
    seen = one.observed
    if seen is None:
        waits = progress.outcome is None and not progress.taking_back and one.wave > progress.wave
        note = (f"waits for wave {one.wave}", Tone.DIM) if waits else (UNKNOWN, Tone.DIM)
        if one.left:
            note = ("✗ left as it is", Tone.FAILING)
        return [*cells, (UNKNOWN, Tone.DIM), note, ("", Tone.DIM)]
    actual = " · ".join(_actual(name, seen.actual.get(name), seen.intervals.get(name)) for name in wanted)
    return [*cells, (actual, Tone.STRONG), _FOLLOWS[seen.status.value], (quantity(seen.requests), Tone.PLAIN)]


def _actual(name: str, share: float | None, interval: object) -> str:
    if share is None:
        return f"{clean(name)} {UNKNOWN}"
    low, high = getattr(interval, "low", None), getattr(interval, "high", None)
    about = f" ({low * 100:.1f} to {high * 100:.1f})" if low is not None and high is not None else ""
    return f"{clean(name)} {share * 100:.1f}{about}"


def _weights(weights: Iterable[tuple[str, int | None]]) -> str:
    return " · ".join(f"{clean(name)} {'-' if weight is None else weight}" for name, weight in weights)


def _columns(cells: Sequence[tuple[str, Tone]], widths: Sequence[int], width: int) -> TextLine:
    runs, x = [], _MARGIN
    last = len(cells) - 1
    for number, ((text, tone), room) in enumerate(zip(cells, widths, strict=True)):
        room = min(room, width - x)
        if room <= 0:
            break
        runs.append(TextRun(x, fit(text, room, right=number == last), tone))
        x += room + 2
    return TextLine("plain", tuple(runs))


def _line(words: Words, width: int) -> TextLine:
    return TextLine("plain", tuple(_runs(words, width)))


def _runs(words: Words, width: int) -> Iterable[TextRun]:
    x = _MARGIN
    for text, tone in words:
        shown = cut(clean(text), max(0, width - x))
        if shown:
            yield TextRun(x, shown, tone)
        x += cell_width(shown) + 1


def _pair(left: Words, right: Words, width: int) -> TextLine:
    """A line of left-aligned and right-aligned text; the left one is cut if needed."""
    length = sum(cell_width(text) + 1 for text, _ in right)
    start = max(_MARGIN, width - _MARGIN - length + 1)
    runs = list(_runs(left, start - 1 if right else width))
    for text, tone in right:
        runs.append(TextRun(start, text, tone))
        start += cell_width(text) + 1
    return TextLine("plain", tuple(runs))


class ShiftStatus(LineWidget):
    """The status widget, as high as needed; empty until a shift runs."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.progress: Progress | None = None
        self._now = 0.0
        self.display = False

    def show(self, progress: Progress, now: float, most: int) -> None:
        """Show another state in at most `most` lines."""
        self.progress, self._now = progress, now
        height = len(status_lines(progress, now, self.size.width or 80, most))
        self.display = True
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The lines."""
        return [] if self.progress is None else status_lines(self.progress, self._now, width, height)
