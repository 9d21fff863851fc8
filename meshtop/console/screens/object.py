"""One object in every cluster as YAML, with who wrote what: side by side, or a page for each on narrow screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen

from meshtop.console.guarded import Guarded
from meshtop.console.host import host_of
from meshtop.console.widgets.choice import Pages
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import clean, cut
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.model.shown_object import ShownObject
    from meshtop.views.reports.object_report import WantedObject

WIDE = 120
"""Width in cells from which clusters stand side by side."""
MOST_BESIDE = 3


class ObjectArrived(Message):
    """Message: the object was read in every cluster; or why not, in a sentence."""

    def __init__(self, read: Sequence[ShownObject], problem: str = "") -> None:
        super().__init__()
        self.read = tuple(read)
        self.problem = problem


class ObjectPage(Struct, frozen=True):
    """What is shown of one cluster: its heading, and its lines with their tones."""

    title: str
    lines: tuple[tuple[str, Tone], ...]


class ObjectScreen(Guarded, ModalScreen[None]):
    """The object over the current screen; tab goes through clusters, esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "page(1)", "next cluster", id="object.next"),
        Binding("shift+tab", "page(-1)", "previous cluster", id="object.previous", show=False),
        Binding("c,y", "copy", "copy", id="object.copy"),
        Binding("n", "next_difference", "next difference", id="object.difference"),
        Binding("escape,q,Y", "dismiss", "back", id="object.back"),
    ]

    def __init__(self, wanted: WantedObject) -> None:
        super().__init__()
        self._wanted = wanted
        self._pages: tuple[ObjectPage, ...] = ()
        self._first = 0
        self._said = "Reading …"

    def compose(self) -> ComposeResult:
        """A heading, and as many texts as there is room for."""
        with Vertical(id="object"):
            yield Pages(id="object-pages")
            with Horizontal(id="object-texts"):
                for number in range(MOST_BESIDE):
                    yield LineView(id=f"object-{number}")

    def on_mount(self) -> None:
        """Ask every cluster."""
        wanted = self._wanted
        asked: Future[tuple[ShownObject, ...]] | None = host_of(self).session.ask(
            lambda observatory: observatory.objects(wanted.kind, wanted.namespace, wanted.name)
        )
        if asked is None:
            self._said = "Nothing is read yet; try again in a moment."
        else:
            asked.add_done_callback(self._answered)
        self._arrange()

    def _answered(self, asked: Future[tuple[ShownObject, ...]]) -> None:
        """Called on another thread: only a message may be posted from there."""
        if asked.cancelled():
            return
        error = asked.exception()
        if error is not None:
            self.post_message(ObjectArrived((), f"It could not be read: {error}"))
        else:
            self.post_message(ObjectArrived(asked.result()))

    def on_object_arrived(self, message: ObjectArrived) -> None:
        """Show it, as far as the access policy lets the user see it."""
        from meshtop.views.reports.object_report import may_be_read, placed_objects

        host = host_of(self)
        picture = host.picture
        found = placed_objects(message.read)
        shown = [one for one in found if picture is None or may_be_read(picture.access, one)]
        ring = host.session.change_ring
        seen = ring.seen(0.0, host.now()) if ring is not None else []
        scopes = {c.name: {c.uid, c.server} for c in picture.snapshot.clusters} if picture is not None else {}
        kinds = {one.cluster: one.kind for one in message.read}
        self._pages = tuple(
            _page(one, kinds.get(one.cluster, ""), [s for s in seen if s.scope in scopes.get(one.cluster, ())], shown)
            for one in shown
        )
        problems = [one.error for one in message.read if one.error and not one.unknown_kind]
        if not self._pages:
            nothing = "The access policy hides it." if found else "No cluster has it any more."
            self._said = message.problem or "; ".join(problems) or nothing
        self._arrange()

    def _arrange(self) -> None:
        """Put as many clusters side by side as fit."""
        beside = min(MOST_BESIDE, len(self._pages)) if self.size.width >= WIDE else 1
        names = tuple(page.title for page in self._pages)
        self.query_one("#object-pages", Pages).show(names, self._first)
        for number in range(MOST_BESIDE):
            text = self.query_one(f"#object-{number}", LineView)
            text.display = number < max(1, beside)
            if self._pages and text.display:
                page = self._pages[(self._first + number) % len(self._pages)]
                text.show(_drawn(page))
            elif number == 0:
                text.show(_drawn(ObjectPage(self._wanted.title, ((self._said, Tone.DIM),))))
        self.query_one("#object-0", LineView).focus()

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

    def action_next_difference(self) -> None:
        """Scroll every text to its next line that differs between the clusters."""
        for text, page in zip(self.query(LineView), self._in_order(), strict=False):
            rows = [i + 2 for i, (_, tone) in enumerate(page.lines) if tone is Tone.DEGRADED]
            here = text.scroll_offset.y
            after = next((row for row in rows if row > here + 1), rows[0] if rows else None)
            if after is not None:
                text.scroll_to(y=max(0, after - 1), animate=False)

    def _in_order(self) -> list[ObjectPage]:
        return [*self._pages[self._first :], *self._pages[: self._first]]


def _page(one: object, kind: str, seen: Sequence[object], everywhere: Sequence[object]) -> ObjectPage:
    from meshtop.views.reports.object_report import marked_lines

    return ObjectPage(*marked_lines(one, kind, seen, everywhere))  # type: ignore[arg-type]


def _drawn(page: ObjectPage) -> Callable[[int], list[TextLine]]:
    def lines(width: int) -> list[TextLine]:
        head = TextLine("plain", (TextRun(1, cut(page.title, max(0, width - 2)), Tone.STRONG),))
        texts = [
            TextLine("plain", (TextRun(1, cut(clean(text), max(0, width - 2)), tone),)) for text, tone in page.lines
        ]
        return [head, TextLine("plain", ()), *texts]

    return lines
