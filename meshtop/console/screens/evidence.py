"""Evidence of what is on the screen: a text to paste where people talk about an outage, and other forms of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Struct
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from meshtop.console.screens.copied import copied_head
from meshtop.console.screens.text import MOST_COPIED, TextScreen, as_json
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.line_widget import LineView, wrapped_lines
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.told import Told, ToldLines, ToldTable
from meshtop.console.widgets.top_bar import TopBar
from meshtop.model.text import clean, cut
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot

TEXT, MARKDOWN, JSON = "text", "Markdown", "JSON"


class ShownEvidence(Struct, frozen=True):
    """What is copied: the lines of its head, what the widgets tell, and the items behind it, if it is of items."""

    head: tuple[str, ...]
    parts: tuple[Told, ...]
    item: object = None

    def form(self, name: str) -> str:
        """The evidence as text, Markdown or JSON."""
        return {TEXT: self.as_text, MARKDOWN: self.as_markdown, JSON: self.as_json}[name]()

    def as_text(self) -> str:
        """Aligned tables and sentences under the head."""
        return "\n\n".join("\n".join(lines) for lines in (self.head, *(part.text for part in self.parts))) + "\n"

    def as_markdown(self) -> str:
        """Tables as tables, everything else as it is."""
        place, *rest = self.head
        parts = [(f"**{place}**", "", *(f"- {line}" for line in rest))]
        for part in self.parts:
            parts.append(part.markdown if isinstance(part, ToldTable) else ("```text", *part.text, "```"))
        return "\n\n".join("\n".join(lines) for lines in parts) + "\n"

    def as_json(self) -> str:
        """The items as `get` prints them; without any, what the widgets tell."""
        if self.item is not None:
            return as_json(self.item)
        tables = [
            [dict(zip(part.titles, row, strict=True)) for row in part.rows]
            for part in self.parts
            if isinstance(part, ToldTable)
        ]
        lines = [line for part in self.parts if isinstance(part, ToldLines) for line in part.text if line]
        return msgspec.json.format(
            msgspec.json.encode({"head": self.head, "tables": tables, "lines": lines}), indent=2
        ).decode()


def evidence_of(
    screen: Widget, place: Sequence[str], scope: Sequence[str], snapshot: Snapshot, item: object
) -> ShownEvidence:
    """What a screen shows, from above to below, under its place, scope, moment and sources."""
    return ShownEvidence(copied_head(place, scope, snapshot), tuple(told_by(screen)), item)


def told_by(screen: Widget) -> list[Told]:
    """What the visible widgets between the bars tell."""
    found: list[Told] = []
    for child in screen.children:
        if not child.display or isinstance(child, TopBar | BottomBar) or child.has_class("side"):
            continue
        if isinstance(child, Container) or child.children:
            found += told_by(child)
            continue
        tell = getattr(child, "told", None)
        told = tell() if callable(tell) else None
        if told is not None and any(told.text):
            found.append(told)
    return found


class EvidenceScreen(TextScreen):
    """What was copied, whole, with its other forms a key away; each is copied as it is shown.

    The terminal may not take it (OSC 52), and a browser does not: then it can be selected here.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "form('text')", "text", id="evidence.text"),
        Binding("m", "form('Markdown')", "Markdown", id="evidence.markdown"),
        Binding("j", "form('JSON')", "JSON", id="evidence.json", priority=True),
    ]

    def __init__(self, evidence: ShownEvidence) -> None:
        super().__init__("", evidence.form(TEXT))
        self._evidence = evidence
        self._form = TEXT
        self._copied = False

    def on_mount(self) -> None:
        """Copy it at once."""
        self.action_copy()

    def action_form(self, name: str) -> None:
        """Show and copy another form."""
        self._form, self._text = name, self._evidence.form(name)
        self.action_copy()
        self.query_one("#text", LineView).scroll_home(animate=False)

    def action_copy(self) -> None:
        """Copy the text to the terminal's clipboard."""
        self._copied = len(self._text.encode()) <= MOST_COPIED and not self.app.is_web
        if self._copied:
            self.app.copy_to_clipboard(self._text)
        self.query_one("#text", LineView).show(self._lines)

    @property
    def said(self) -> str:
        """What became of it."""
        if self._copied:
            return f"Copied as {self._form}. Without a clipboard, select it here (shift, mouse)."
        why = "A browser takes no text from here" if self.app.is_web else "Too long for a terminal's clipboard"
        return f"{why}: select it ({self._form})."

    def _lines(self, width: int) -> list[TextLine]:
        keys = "m Markdown · j JSON · t text · esc back"
        room = max(0, width - 1)
        head: Sequence[tuple[str, Tone]] = (
            (self.said, Tone.GOOD if self._copied else Tone.DEGRADED),
            (keys, Tone.DIM),
            ("", Tone.DIM),
        )
        lines = [TextLine("plain", (TextRun(0, cut(text, room), tone),)) for text, tone in head]
        for line in self._text.rstrip("\n").split("\n"):
            lines += [TextLine("plain", (TextRun(0, piece, Tone.PLAIN),)) for piece in wrapped_lines(clean(line), room)]
        return lines
