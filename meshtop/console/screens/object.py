"""Texts that clusters answer with, side by side or page by page: the YAML of an object, with who wrote what."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen

from meshtop.console.guarded import Guarded
from meshtop.console.host import host_of
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import CellsLine, LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import clean, cut
from meshtop.views.frame.table import Cell, Tone

if TYPE_CHECKING:
    from textual.widgets import Input

    from meshtop.model.shown_object import ShownObject
    from meshtop.views.reports.object_report import PlacedObject, WantedObject

WIDE = 120
"""Width in cells from which clusters stand side by side."""
MOST_BESIDE = 3
HEAD_LINES = 2
"""Lines above those of a page."""


class ClusterPage(Struct, frozen=True):
    """What is shown of one cluster: its heading, and its lines with their tones."""

    title: str
    lines: tuple[tuple[str, Tone], ...]


class ReadInClusters(Message):
    """Message: what was asked for was read in every cluster; or why not, in a sentence."""

    def __init__(self, read: Sequence[Any], problem: str = "") -> None:
        super().__init__()
        self.read = tuple(read)
        self.problem = problem


class ClusterPagesScreen(Guarded, ModalScreen[None]):
    """Texts of clusters over the current screen, read when it opens: side by side, else page by page (tab).

    `/` searches in all of them. Subclasses say what is asked (`ask`) and what the answer looks like (`pages_of`).
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "page(1)", "next cluster", id="object.next"),
        Binding("shift+tab", "page(-1)", "previous cluster", id="object.previous", show=False),
        Binding("c,y", "copy", "copy", id="object.copy"),
        Binding("slash", "search", "search", id="object.search"),
        Binding("n", "next(1)", "next match, else next difference", id="object.difference"),
        Binding("N", "next(-1)", "match before", id="object.before", show=False),
        Binding("escape,q", "leave", "back", id="object.back"),
    ]
    KEYS: ClassVar[str] = "tab next cluster · / search · n next difference · c copy · esc back"
    WRAPS: ClassVar[bool] = False
    """Whether a line that is too long goes on below; else it is cut, so that lines of clusters stay side by side."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._pages: tuple[ClusterPage, ...] = ()
        self._first = 0
        self._said = "Reading …"
        self._sought = ""

    def compose(self) -> ComposeResult:
        """A heading, and as many texts as there is room for; the line to search with stands below."""
        with Vertical(id="object"):
            yield Pages(id="object-pages")
            with Horizontal(id="object-texts"):
                for number in range(MOST_BESIDE):
                    yield LineView(id=f"object-{number}")
            yield CellsLine(id="object-keys")

    def ask(self) -> Future[Any] | None:
        """Begin to read; None where nothing can be read yet."""
        raise NotImplementedError

    def pages_of(self, read: Sequence[Any]) -> tuple[list[ClusterPage], str]:
        """A page for each cluster, and what to say where there is none."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Ask every cluster."""
        asked = self.ask()
        if asked is None:
            self._said = "Nothing is read yet; try again in a moment."
        else:
            asked.add_done_callback(self._answered)
        self._arrange()

    def _answered(self, asked: Future[Any]) -> None:
        """Called on another thread: only a message may be posted from there."""
        if asked.cancelled():
            return
        error = asked.exception()
        if error is not None:
            self.post_message(ReadInClusters((), f"It could not be read: {error}"))
        else:
            self.post_message(ReadInClusters(asked.result()))

    def on_read_in_clusters(self, message: ReadInClusters) -> None:
        """Show it, as far as the access policy lets the user see it."""
        pages, nothing = self.pages_of(message.read)
        self._pages = tuple(pages)
        if not pages:
            self._said = message.problem or nothing
        self._arrange()

    def _arrange(self) -> None:
        """Put as many clusters side by side as fit."""
        beside = min(MOST_BESIDE, len(self._pages)) if self.size.width >= WIDE else 1
        names = tuple(page.title for page in self._pages)
        pages = self.query_one("#object-pages", Pages)
        pages.display = len(names) > 1
        pages.show(names, self._first)
        for number in range(MOST_BESIDE):
            text = self.query_one(f"#object-{number}", LineView)
            text.display = number < max(1, beside)
            if self._pages and text.display:
                page = self._pages[(self._first + number) % len(self._pages)]
                text.show(_drawn(page, self._sought, wraps=self.WRAPS))
            elif number == 0:
                text.show(_drawn(ClusterPage(self._title, ((self._said, Tone.DIM),)), "", wraps=True))
        self._say_keys()
        if self.focused is None or isinstance(self.focused, LineView):
            self.query_one("#object-0", LineView).focus()

    def _say_keys(self) -> None:
        found = sum(self._is_sought(text) for page in self._pages for text, _ in page.lines)
        said = f"/{self._sought}: {found} line{'s' * (found != 1)} · n next, N before" if self._sought else self.KEYS
        missed = bool(self._sought) and not found
        self.query_one("#object-keys", CellsLine).show((Cell(said, Tone.DEGRADED if missed else Tone.DIM),))

    def _is_sought(self, text: str) -> bool:
        return bool(self._sought) and self._sought.lower() in text.lower()

    def on_resize(self) -> None:
        """More room shows more clusters."""
        self._arrange()

    def action_page(self, step: int) -> None:
        """Go to another cluster."""
        if self._pages:
            self._first = (self._first + step) % len(self._pages)
            self._arrange()

    def action_copy(self) -> None:
        """Copy the text of the first cluster to the terminal's clipboard."""
        if self._pages:
            self.app.copy_to_clipboard("\n".join(line for line, _ in self._pages[self._first].lines))
            self.notify("Copied.")

    async def action_search(self) -> None:
        """Type what to search for; what is found is marked as it is typed."""
        from textual.widgets import Input

        found = self.query(Input)
        line = found.first() if found else Input(compact=True, select_on_focus=True, id="object-search")
        line.cursor_blink = False  # a blinking cursor would send bytes for ever
        line.value = self._sought
        if not line.is_mounted:
            await self.query_one("#object").mount(line)
        line.display = True
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Mark what is found."""
        self._sought = event.value.strip()
        self._arrange()

    def on_input_submitted(self) -> None:
        """Go to the first line that was found."""
        self._end_search()
        self.action_next(1)

    def _end_search(self) -> None:
        for line in self.query("#object-search"):
            line.display = False
        self.query_one("#object-0", LineView).focus()

    def action_leave(self) -> None:
        """End the search, else go back."""
        if self.focused is not None and self.focused.id == "object-search":
            self._end_search()
        elif self._sought:
            self._sought = ""
            self._arrange()
        else:
            self.dismiss()

    def action_next(self, step: int) -> None:
        """Scroll every text to its next line that was found; without a search, to one that differs."""
        for text, page in zip(self.query(LineView), self._in_order(), strict=False):
            lines = lines_of_page(page, text.scrollable_content_region.width, wraps=self.WRAPS)
            rows = [
                number + HEAD_LINES
                for number, (line, tone) in enumerate(lines)
                if (self._is_sought(line) if self._sought else tone is Tone.DEGRADED)
            ]
            here = text.scroll_offset.y + 1
            if step > 0:
                after = next((row for row in rows if row > here), rows[0] if rows else None)
            else:
                after = next((row for row in reversed(rows) if row < here), rows[-1] if rows else None)
            if after is not None:
                text.scroll_to(y=max(0, after - 1), animate=False)

    def _in_order(self) -> list[ClusterPage]:
        return [*self._pages[self._first :], *self._pages[: self._first]]


class ObjectScreen(ClusterPagesScreen):
    """An object as YAML in every cluster that has it, with who wrote what; lines that differ are marked."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("Y", "dismiss", "back", id="object.same", show=False)]

    def __init__(self, wanted: WantedObject) -> None:
        super().__init__(wanted.title)
        self._wanted = wanted

    def ask(self) -> Future[Any] | None:
        """The object, of every cluster."""
        wanted = self._wanted
        return host_of(self).session.ask(
            lambda observatory: observatory.objects(wanted.kind, wanted.namespace, wanted.name)
        )

    def pages_of(self, read: Sequence[ShownObject]) -> tuple[list[ClusterPage], str]:
        """Its YAML and history, cluster by cluster."""
        from meshtop.views.reports.object_report import marked_lines, may_be_read, placed_objects

        host = host_of(self)
        picture = host.picture
        found = placed_objects(read)
        shown = [one for one in found if picture is None or may_be_read(picture.access, one)]
        ring = host.session.change_ring
        seen = ring.seen(0.0, host.now()) if ring is not None else []
        scopes = {c.name: {c.uid, c.server} for c in picture.snapshot.clusters} if picture is not None else {}
        kinds = {one.cluster: one.kind for one in read}

        def page(one: PlacedObject) -> ClusterPage:
            known = [change for change in seen if change.scope in scopes.get(one.cluster, ())]
            return ClusterPage(*marked_lines(one, kinds.get(one.cluster, ""), known, shown))

        problems = [one.error for one in read if one.error and not one.unknown_kind]
        nothing = "The access policy hides it." if found else "No cluster has it any more."
        return [page(one) for one in shown], "; ".join(problems) or nothing


def lines_of_page(page: ClusterPage, width: int, *, wraps: bool) -> list[tuple[str, Tone]]:
    """The lines of a page as they are drawn in a width, harmless to a terminal."""
    room = max(8, width - 2)
    if not wraps:
        return [(cut(clean_line(text), room), tone) for text, tone in page.lines]
    return [
        (piece, tone)
        for text, tone in page.lines
        for piece in textwrap.wrap(clean_line(text), room, subsequent_indent="    ", break_on_hyphens=False) or [""]
    ]


def _drawn(page: ClusterPage, sought: str, *, wraps: bool) -> Callable[[int], list[TextLine]]:
    def lines(width: int) -> list[TextLine]:
        head = TextLine("plain", (TextRun(1, cut(page.title, max(0, width - 2)), Tone.STRONG),))
        texts = [
            TextLine("cursor" if sought and sought.lower() in text.lower() else "plain", (TextRun(1, text, tone),))
            for text, tone in lines_of_page(page, width, wraps=wraps)
        ]
        return [head, TextLine("plain", ()), *texts]

    return lines


def clean_line(text: str) -> str:
    """A line of YAML or of a description, harmless to a terminal, with its indentation."""
    inner = text.lstrip(" ")
    return " " * (len(text) - len(inner)) + clean(inner)
