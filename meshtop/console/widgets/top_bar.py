"""The two lines at the top: places and what runs; breadcrumb, scope and freshness.

Usage::

    bar = TopBar()
    bar.show(TopBarModel(tabs=(View("1", "Now"), View("2", "Services")), current="Now", crumbs=("us-east",),
                         scope=("all clusters", "last 5m"), state="live · 2 s ago", read_only=True))
"""

from __future__ import annotations

from msgspec import Struct
from textual import events
from textual.message import Message
from textual.widget import Widget

from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cell_width, clean, cut
from meshtop.views.frame.table import Tone

PRODUCT = "meshtop"
_BETWEEN = " · "
_CLOCK_FROM = 100
"""Width in cells from which the time of day is shown."""
JOURNAL_KEY = "J"
"""The key that opens what runs, which a click on it does too."""


class PlaceTab(Struct, frozen=True):
    """A place's name and the number key that opens it."""

    key: str
    name: str


class TopBarState(Struct, frozen=True):
    """Content of the top bar: `state` is the data's freshness (`live · 2 s ago`), `crumbs` what is opened in the place.

    `clock` is the time of day, `answers` how many clusters answer (`3/3 ok`). `notice` is about unfinished actions,
    with the key that opens them; `chip` about what runs in the background, from its longest form to its shortest.
    """

    tabs: tuple[PlaceTab, ...] = ()
    current: str = ""
    crumbs: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    state: str = ""
    state_tone: Tone = Tone.DIM
    read_only: bool = False
    notice: str = ""
    chip: tuple[str, ...] = ()
    chip_tone: Tone = Tone.ACCENT
    clock: str = ""
    answers: str = ""
    answers_tone: Tone = Tone.DIM


class _Spot(Struct, frozen=True):
    x: int
    end: int
    key: str


def top_lines(model: TopBarState, width: int) -> tuple[list[TextLine], list[_Spot]]:
    """Both lines in `width` cells, and the clickable spans: places and what runs; breadcrumb, scope and freshness.

    On narrow screens the product's name is dropped first, then what runs is said shorter, then other places are
    shortened to their number; places never move otherwise, all numbers, and that something runs, stay visible.
    """
    chips = tuple(map(clean, model.chip)) or ("",)
    for product, short, chip in (
        (True, False, chips[0]),
        (False, False, chips[0]),
        *((False, False, chip) for chip in chips[1:-1]),
        (True, True, chips[0]),
        (False, True, chips[0]),
        *((False, True, chip) for chip in chips[1:]),
    ):
        line, spots, end = _views_line(model, product=product, short=short)
        if end + _chip_width(chip) <= width:
            break
    if chip:
        x = width - cell_width(chip) - 1
        line = TextLine("header", (*line.runs, TextRun(x, chip, model.chip_tone)))
        spots.append(_Spot(x, x + cell_width(chip), JOURNAL_KEY))
    return [line, _scope_line(model, width)], spots


def _chip_width(chip: str) -> int:
    return cell_width(chip) + 3 if chip else 0


def _views_line(model: TopBarState, *, product: bool, short: bool) -> tuple[TextLine, list[_Spot], int]:
    runs = [TextRun(1, PRODUCT, Tone.STRONG)] if product else []
    spots: list[_Spot] = []
    x = 1 + len(PRODUCT) + 2 if product else 1
    for view in model.tabs:
        current = view.name == model.current
        text = view.key if short and not current else f"{view.key} {view.name}"
        runs.append(TextRun(x, text, Tone.ACCENT if current else Tone.DIM))
        spots.append(_Spot(x, x + cell_width(text), view.key))
        x += cell_width(text) + 2
    return TextLine("header", tuple(runs)), spots, x - 2


def _trail(model: TopBarState) -> str:
    """What is opened: a page that no number key leads to by its own name, then what is opened in it."""
    beside = () if any(view.name == model.current for view in model.tabs) else (model.current,)
    return " ▸ ".join(clean(crumb) for crumb in (*beside, *model.crumbs) if crumb)


def _right(model: TopBarState, width: int) -> list[tuple[str, Tone]]:
    """What stands at the right of the second line; the clock where there is room for it."""
    clock = clean(model.clock) if width >= _CLOCK_FROM else ""
    parts = [(clock, Tone.DIM), (clean(model.state), model.state_tone), (clean(model.answers), model.answers_tone)]
    shown = [part for part in parts if part[0]]
    joined = [piece for part in shown for piece in ((_BETWEEN, Tone.DIM), part)][1:]
    return [*joined, *((("  RO", Tone.ACCENT),) if model.read_only else ())]


def _scope_line(model: TopBarState, width: int) -> TextLine:
    right = _right(model, width)
    x = max(1, width - 1 - sum(cell_width(text) for text, _ in right))
    runs: list[TextRun] = []
    start = 1
    trail = _trail(model)
    scope = _BETWEEN.join(clean(part) for part in model.scope if part)
    for text, tone in ((clean(model.notice), Tone.DEGRADED), (trail, Tone.ACCENT), (scope, Tone.PLAIN)):
        room = x - 2 - start
        if not text or room < 1:
            continue
        # What is opened leaves a little of the scope in sight.
        shown = cut(text, max(1, room * 2 // 3) if text is trail and scope and cell_width(text) + 12 > room else room)
        runs.append(TextRun(start, shown, tone))
        start += cell_width(shown) + 3
    for text, tone in right:
        runs.append(TextRun(x, text, tone))
        x += cell_width(text)
    return TextLine("header", tuple(runs))


class TopBar(LineWidget):
    """The top bar widget; a click on a place posts `PlaceChosen`."""

    class PlaceChosen(Message):
        """Message: a place was clicked."""

        def __init__(self, bar: Widget, key: str) -> None:
            super().__init__()
            self.bar = bar
            self.key = key

    def __init__(self, model: TopBarState | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._bar_model = model or TopBarState()
        self._spots: list[_Spot] = []

    def show(self, model: TopBarState) -> None:
        """Show another state."""
        self._bar_model = model
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The two lines."""
        lines, self._spots = top_lines(self._bar_model, width)
        return lines[:height]

    def on_click(self, event: events.Click) -> None:
        """Open the place under the mouse."""
        for spot in self._spots:
            if event.y == 0 and spot.x <= event.x < spot.end:
                self.post_message(self.PlaceChosen(self, spot.key))
