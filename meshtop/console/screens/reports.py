"""Settings and doctor inside the console (`:settings`, `:doctor`): texts that are worked out on another thread."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.message import Message

from meshtop.console.screens.base import MeshScreen
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.workers import work_on_thread
from meshtop.log import defects_logged
from meshtop.model.errors import MeshtopError
from meshtop.model.text import cell_width, clean, cut, fit
from meshtop.views.frame.table import Cell, Tone

if TYPE_CHECKING:
    from meshtop.settings.origins import Setting
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)
Lines = Callable[[int], list[TextLine]]
_MARGIN = 2
_CONTINUED = 4
_BLANK = TextLine("plain", ())


class ReportMade(Message):
    """Message: the text is there, as a function of the width."""

    def __init__(self, make: Lines) -> None:
        super().__init__()
        self.make = make


class ReportScreen(MeshScreen):
    """A text over the current screen; subclasses work it out in `make_report`, on another thread."""

    TITLE_OF_REPORT = ""

    @property
    def place(self) -> str:
        """The title in the breadcrumb."""
        return self.TITLE_OF_REPORT

    @property
    def is_place(self) -> bool:
        """False: esc goes back to what it was opened over."""
        return False

    def body(self) -> ComposeResult:
        """One scrolled text."""
        yield LineView(lambda width: [_BLANK, _line(_MARGIN, "Reading …", Tone.DIM, width)], id="report")

    def make_report(self, picture: Picture | None) -> Lines:
        """The text; called on another thread."""
        raise NotImplementedError

    def begin(self) -> None:
        """Work the text out, on another thread."""
        picture = self.host.picture

        def work() -> None:
            with defects_logged(_log, f"making {self.TITLE_OF_REPORT}"):
                try:
                    made = self.make_report(picture)
                except MeshtopError as error:
                    made = _sentence(str(error))
            self.post_message(ReportMade(made))

        work_on_thread(self, work, exclusive=True, group="report")

    def on_report_made(self, message: ReportMade) -> None:
        """Show it."""
        self.query_one("#report", LineView).show(message.make)


class SettingsScreen(ReportScreen):
    """The settings in force and where each comes from, as `meshtop config view` prints them."""

    TITLE_OF_REPORT = "Settings"

    def __init__(self, settings: Callable[[], Sequence[Setting]]) -> None:
        super().__init__()
        self._settings = settings

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return "The settings in force and where each comes from; meshtop config view prints the same."

    def on_mount(self) -> None:
        """They do not change while the console runs."""
        self.begin()

    def make_report(self, picture: Picture | None) -> Lines:
        """A line for each setting: what was set first, then what is as it is by default."""
        found = self._settings()
        given = [one for one in found if one.origin != "default"]
        others = [one for one in found if one.origin == "default"]

        def lines(width: int) -> list[TextLine]:
            made = [_BLANK]
            for title, settings in (("SET", given), ("BY DEFAULT", others)):
                if settings:
                    made += [_line(_MARGIN, title, Tone.DIM, width), *_setting_lines(settings, width), _BLANK]
            return made

        return lines


class DoctorScreen(ReportScreen):
    """What can be reached, read and found in each cluster and what to do, as `meshtop doctor` prints it."""

    TITLE_OF_REPORT = "Doctor"

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return "What can be reached and read in each cluster, and what to do about what cannot; r looks again."

    def refresh_picture(self, picture: Picture) -> None:
        """Look at what was read since."""
        self.begin()

    def make_report(self, picture: Picture | None) -> Lines:
        """The report on what was read by now."""
        from meshtop.views.reports.doctor import examine
        from meshtop.views.reports.doctor_lines import doctor_lines

        if picture is None:
            return _sentence("Nothing was read yet.")
        report = examine(picture.snapshot, lambda: picture.facts)
        return lambda width: [
            _BLANK,
            *(
                line
                for one in doctor_lines(report, max(20, width - 2 * _MARGIN), verbose=True)
                for line in _cells(one, width)
            ),
        ]


def _line(x: int, text: str, tone: Tone, width: int) -> TextLine:
    return TextLine("plain", (TextRun(x, cut(text, max(0, width - x)), tone),))


def _sentence(text: str) -> Lines:
    return lambda width: [
        _BLANK,
        *(
            _line(_MARGIN, piece, Tone.PLAIN, width)
            for piece in textwrap.wrap(clean(text), max(10, width - 2 * _MARGIN))
        ),
    ]


def _setting_lines(settings: Sequence[Setting], width: int) -> list[TextLine]:
    """Key, value and origin in columns."""
    keys = min(max(cell_width(one.key) for one in settings), width // 2)
    origins = min(max(cell_width(clean(one.origin)) for one in settings), width // 3)
    values = max(0, width - keys - origins - 4 * _MARGIN)
    return [
        TextLine(
            "plain",
            (
                TextRun(_MARGIN, fit(clean(one.key), keys), Tone.PLAIN),
                TextRun(2 * _MARGIN + keys, fit(clean(written(one.value)), values), Tone.STRONG),
                TextRun(3 * _MARGIN + keys + values, cut(clean(one.origin), origins), Tone.DIM),
            ),
        )
        for one in settings
    ]


def written(value: object) -> str:
    """A value as it is written in the file."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cells(line: Sequence[Cell], width: int) -> list[TextLine]:
    """Cells one after the other; what does not fit goes on in the next line, further in."""
    room = max(10, width - 2 * _MARGIN)
    text = "".join(cell.text for cell in line)
    if cell_width(text) <= room:
        runs, x = [], _MARGIN
        for cell in line:
            runs.append(TextRun(x, cell.text, cell.tone))
            x += cell_width(cell.text)
        return [TextLine("plain", tuple(runs))]
    indent = " " * (len(text) - len(text.lstrip()) + _CONTINUED)
    first, *rest = textwrap.wrap(text, room, subsequent_indent=indent, drop_whitespace=True) or [""]
    first = text[: len(text) - len(text.lstrip())] + first.lstrip()
    tone = next((cell.tone for cell in line if cell.tone is not Tone.PLAIN), Tone.PLAIN)
    return [
        _line(_MARGIN, piece, tone if tone in (Tone.FAILING, Tone.DEGRADED) else Tone.PLAIN, width)
        for piece in (first, *rest)
    ]
