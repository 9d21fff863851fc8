"""What if: what a change would do to the calls that are seen, before it is made. Nothing is ever written from here."""

from __future__ import annotations

import logging
import re
import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import FLEET, place_title
from meshtop.console.screens.base import MeshScreen
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.console.workers import work_on_thread
from meshtop.log import defects_logged
from meshtop.model.errors import MeshtopError
from meshtop.model.text import clean
from meshtop.views.frame.detail import find_item
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from textual.screen import Screen

    from meshtop.views.picture.picture import Picture
    from meshtop.views.reports.answers import AnswerTable, MakePicture, WhatIfAnswer
    from meshtop.views.reports.questions import WhatIfQuestion

_log = logging.getLogger(__name__)
_AN_OBJECT = re.compile(r"^[ \t]*[{\[-]?[ \t]*[\"']?(?:apiVersion|kind)[\"']?[ \t]*:|\"kind\"[ \t]*:", re.MULTILINE)
_LOW = 30
"""Height in lines below which sentences take at most half of the screen, and a third from there on."""
AGAIN_SECONDS = 5.0
"""Seconds between two answers to one question: of a big fleet each takes a thread that long."""
_DEFECT = "A defect of meshtop: the answer could not be worked out. The log has it."
NOT_OBJECTS = "What was pasted is no object: YAML or JSON with apiVersion and kind is, and its forecast opens."


class PastedObjects(Struct, frozen=True, kw_only=True):
    """Text that was pasted; objects that name no namespace are in `home`, and `clusters` (none: all) take them."""

    text: str
    home: str
    clusters: tuple[str, ...]


class WhatIfAnswered(Message):
    """Message: a question was answered from a picture; or why it cannot be, in a sentence."""

    def __init__(
        self, questions: Sequence[WhatIfQuestion], number: int, answer: WhatIfAnswer | None, problem: str
    ) -> None:
        super().__init__()
        self.questions = tuple(questions)
        self.number = number
        self.answer = answer
        self.problem = problem


class WhatIfScreen(MeshScreen):
    """The questions about a thing, of which one is answered; tab goes on, enter opens a call, esc goes back."""

    AUTO_FOCUS = "#calls"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "page(1)", "next question", id="whatif.next"),
        Binding("shift+tab", "page(-1)", "previous question", id="whatif.previous", show=False),
        Binding("a", "all", "all/what matters", id="whatif.all"),
        Binding("n", "words", "sentences", id="whatif.words"),
    ]

    def __init__(
        self, kind: str, questions: Sequence[WhatIfQuestion] = (), *, pasted: PastedObjects | None = None
    ) -> None:
        super().__init__()
        self._from = kind
        self._questions = tuple(questions)
        self._pasted = pasted
        self._number = 0
        self._table = 0
        self._all = False
        self._answer: WhatIfAnswer | None = None
        self._problem = ""
        self._asked_at: float | None = None
        """The moment of the picture that was asked last, in Unix seconds; None where one is to be asked at once."""
        self._busy = False
        self._make: MakePicture | None = None

    @property
    def place(self) -> str:
        """The place from which it was asked."""
        return place_title(self._from)

    @property
    def is_place(self) -> bool:
        """False: it was opened from a place, and closes to it."""
        return False

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "What a change would do to the calls that are seen, as meshtop whatif says it. Nothing is written, from "
            "here or later. Paste YAML anywhere in the console for the forecast of its objects."
        )

    def crumbs(self) -> tuple[str, ...]:
        """What is asked."""
        return ("what if", self._questions[self._number].title if self._questions else "pasted objects")

    def body(self) -> ComposeResult:
        """Questions, the verdict with its sentences, and calls or hosts."""
        with Vertical(classes="whatif"):
            yield Pages(id="questions")
            yield LineView(id="verdict")
            yield LiveTable(id="calls", sortable=False, waiting=Note("Working it out …", "It takes a moment."))

    @property
    def rows(self) -> LiveTable:
        """The calls, or hosts."""
        return self.query_one("#calls", LiveTable)

    @property
    def chosen(self) -> tuple[str, str] | None:
        """The kind and key of what the row under the cursor leads to."""
        shown, key, picture = self._shown_table(), self.rows.cursor_key, self.host.picture
        return None if shown is None or key is None or picture is None else shown.opens(picture, key)

    def request(self) -> PictureRequest:
        """What the question takes, for as long as it is open."""
        if not self._questions:
            return PictureRequest()
        question = self._questions[self._number]
        return PictureRequest(asked=question.asked)

    def refresh_picture(self, picture: Picture) -> None:
        """Ask again, of what is read now."""
        at = picture.snapshot.at
        if self._asked_at is None or abs(at - self._asked_at) >= AGAIN_SECONDS:
            self._ask(picture)
        self._draw()

    def _ask(self, picture: Picture) -> None:
        """Have the question answered on another thread; while one is, the next picture waits for it."""
        if self._busy or (self._problem and self._pasted is not None and not self._questions):
            return
        self._make = self._make or self.host.session.forecaster()
        if self._make is None:
            return
        self._busy, self._asked_at = True, picture.snapshot.at
        work = partial(self._work, picture, self._make, self._questions, self._number)
        work_on_thread(self, work, group="whatif")

    def _work(self, picture: Picture, make: MakePicture, questions: tuple[WhatIfQuestion, ...], number: int) -> None:
        answer: WhatIfAnswer | None = None
        problem = _DEFECT
        try:
            with defects_logged(_log, "working out what would be"):
                from meshtop.views.reports.answers import answered

                try:
                    questions = questions or self._read()
                    answer, problem = answered(picture, questions[number], make), ""
                except MeshtopError as error:
                    problem = error.sentences
        finally:
            self.post_message(WhatIfAnswered(questions, number, answer, problem))

    def _read(self) -> tuple[WhatIfQuestion, ...]:
        """The question that pasted text is. Raises ObjectsRefused."""
        from meshtop.views.reports.questions import objects_applied

        assert self._pasted is not None, "without questions there is something pasted"
        return (objects_applied(self._pasted.text, home=self._pasted.home, clusters=self._pasted.clusters),)

    def let_go(self) -> None:
        """It is closed: what was forecast is a second picture's rows."""
        self._answer = self._make = None

    def on_what_if_answered(self, message: WhatIfAnswered) -> None:
        """Show the answer, unless another question was chosen meanwhile; then ask what has come since."""
        self._busy = False
        if message.number == self._number:
            self._questions = message.questions
            self._answer, self._problem = message.answer, message.problem
        else:
            self._asked_at = None
        self.update()

    def _shown_table(self) -> AnswerTable | None:
        tables = self._answer.tables if self._answer is not None else ()
        return tables[min(self._table, len(tables) - 1)] if tables else None

    def _page_names(self) -> tuple[tuple[str, ...], int]:
        """The names of questions, the open one with each of its tables; and the number of what is shown."""
        tables = self._answer.tables if self._answer is not None else ()
        names: list[str] = []
        current = 0
        for number, question in enumerate(self._questions):
            if number == self._number and len(tables) > 1:
                current = len(names) + self._table
                names += [f"{question.title}: {table.title}" for table in tables]
            else:
                current = len(names) if number == self._number else current
                names.append(question.title)
        return tuple(names), current

    def _draw(self) -> None:
        self.query_one("#questions", Pages).show(*self._page_names())
        self.refresh_bindings()
        view = self.query_one("#verdict", LineView)
        room = max(20, self.size.width - 4)
        lines = self._lines(room)
        most = self.size.height // 2 - 2 if self.size.height < _LOW else self.size.height // 3
        view.styles.height = max(1, min(len(lines), max(4, most)))
        view.show(lambda width: self._lines(max(20, width - 4)))
        shown, rows = self._shown_table(), self.rows
        rows.display = not self._problem
        if shown is None:
            return
        table = shown.all_ if self._all else shown.matters
        more = "" if self._all or not len(shown.all_) else f"a shows all {len(shown.all_)}."
        rows.explain_empty(Note(shown.empty, "", more))
        rows.show(table)

    def _lines(self, room: int) -> list[TextLine]:
        """The verdict, sentences, what is not certain, and on what all of it stands."""
        told: list[tuple[str, Tone]] = []
        if self._problem:
            told = [(f"✗ {clean(self._problem)}", Tone.FAILING), ("Nothing was sent anywhere.", Tone.DIM)]
        elif self._answer is not None:
            found = self._answer
            told = [(found.verdict.text, found.verdict.tone)]
            told += [(sentence, Tone.PLAIN) for sentence in found.sentences]
            told += [(f"Not certain: {found.doubts}", Tone.UNKNOWN)] if found.doubts else []
            told += [(found.stands_on, Tone.DIM)]
        return [
            TextLine("plain", (TextRun(2, piece, tone),))
            for text, tone in told
            for piece in textwrap.wrap(text, room, subsequent_indent="  ", break_on_hyphens=False)
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the key for pages if there is only one."""
        return len(self._page_names()[0]) > 1 if action == "page" else super().check_action(action, parameters)

    def action_page(self, step: int) -> None:
        """Go to the next table, else to the next question."""
        tables = len(self._answer.tables) if self._answer is not None else 0
        if 0 <= self._table + step < tables:
            self._table += step
            self._draw()
            return
        self._go_to((self._number + step) % max(1, len(self._questions)))

    def _go_to(self, number: int) -> None:
        if number != self._number:
            self._number, self._answer, self._problem, self._asked_at = number, None, "", None
            self.rows.wait(Note("Working it out …", "It takes a moment."))
        self._table = 0
        self.update()

    def on_pages_chosen(self, event: Pages.Chosen) -> None:
        """A question was clicked, or a table of the open one."""
        tables = len(self._answer.tables) if self._answer is not None else 1
        beyond = event.index - self._number
        if 0 <= beyond < max(1, tables):
            self._table = beyond
            self._draw()
        else:
            self._go_to(event.index if beyond < 0 else event.index - max(1, tables) + 1)

    def action_all(self) -> None:
        """Show every row, or only what would break or is not known."""
        self._all = not self._all
        self._draw()

    def action_words(self) -> None:
        """Scroll the sentences, or go back to the table."""
        words = self.query_one("#verdict", LineView)
        (self.rows if words.has_focus else words).focus()

    def on_live_table_row_chosen(self, event: LiveTable.RowChosen) -> None:
        """Open the call or host."""
        chosen = self.chosen
        if chosen is None:
            self.say("There is no page of just this; its ends are in Services.")
        else:
            self.host.open_detail(*chosen)

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """Columns and their meanings, for the help."""
        shown = self._shown_table()
        return () if shown is None else tuple((column.title, column.help) for column in shown.all_.columns)


def what_if_about(screen: MeshScreen, subjects: Sequence[tuple[str, str]]) -> Screen[object] | str:
    """The screen that answers what can be asked about things (kind and key); a sentence where nothing can be."""
    from meshtop.views.reports.questions import questions_about

    picture = screen.host.picture
    if picture is None:
        return "Nothing was read yet."
    questions: dict[str, WhatIfQuestion] = {}
    for kind, key in subjects:
        item = find_item(picture, kind, key)
        for question in () if item is None else questions_about(picture, kind, item):
            questions.setdefault(question.title, question)
    if not questions:
        return "W asks about a namespace, workload, service, route, finding or cluster: select a row of one."
    return WhatIfScreen(subjects[0][0], tuple(questions.values()))


def what_if_pasted(screen: MeshScreen, text: str) -> Screen[object] | str:
    """The screen with the forecast of pasted objects; a sentence where there are none in the text."""
    if not _AN_OBJECT.search(text):
        return NOT_OBJECTS
    query = screen.host.scope.query
    named = [one for one in query.namespaces if not set(one) & set("*?[")]
    home = named[0] if len(named) == 1 else "default"
    kind = str(getattr(screen, "kind", "") or FLEET)
    return WhatIfScreen(kind, pasted=PastedObjects(text=text, home=home, clusters=tuple(query.clusters)))
