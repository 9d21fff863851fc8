"""All calls from a thing down as a tree, one line for each: to read, and to paste into a chat."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtop.analysis.graph.call_tree import entry_points
from meshtop.analysis.graph.service_graph import Level
from meshtop.console.making import Made, Making
from meshtop.console.places import GRAPH, place_title
from meshtop.console.screens.base import MeshScreen
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.told import ToldLines
from meshtop.model.numbers import number_of
from meshtop.model.text import cell_width, cut
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.picture.query import Query
from meshtop.views.reports.flow import flow_index, flow_sight
from meshtop.views.reports.flow_tree import TreeReport, line_text, tree_report
from meshtop.views.reports.graph_words import node_name

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

MOST_LINES_SHOWN = 2_000
"""Lines that are shown; nobody reads more of them, and the command has all."""


class _Tree(NamedTuple):
    title: str
    report: TreeReport


def _grown(picture: Picture, query: Query, level: Level, root: str | None) -> _Tree:
    lookup = flow_index(picture, query, flow_sight(level)).lookup
    node = lookup.node(root)
    roots = entry_points(lookup) if root is None else (root,)
    title = "entry points" if root is None else node_name(node)
    return _Tree(title, tree_report(lookup, roots, most=MOST_LINES_SHOWN))


class _TreeLines(LineView):
    """The lines on the screen, cut to its width; copied they are whole, as `meshtop graph -o tree` prints them."""

    def __init__(self, screen: CallTreeScreen) -> None:
        super().__init__(id="tree")
        self._of = screen

    def told(self) -> ToldLines:
        """Whole lines."""
        return ToldLines(tuple(line_text(cells) for cells in self._of.report.lines))


class CallTreeScreen(MeshScreen):
    """The tree below a node, or below all entry points; esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("T", "entries", "from all entry points", id="tree.entries"),
    ]

    def __init__(self, root: str, level: Level) -> None:
        super().__init__()
        self._root, self._level = root, level
        self._whole = False
        self._tree: _Tree | None = None
        self._making = Making(self)

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(GRAPH)

    @property
    def is_place(self) -> bool:
        """False: it closes to what it was opened from."""
        return False

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return (
            "Every call is one line below who makes it, what hurts first, then by rate; the calls of what is reached "
            "twice are told once. ↺ leads back to a line above. T begins at the entry points, which nobody calls; y "
            "copies it to paste, as meshtop graph -o tree prints it."
        )

    def crumbs(self) -> tuple[str, ...]:
        """What the tree begins with."""
        return ("tree", *((self._tree.title,) if self._tree is not None else ()))

    def kinds(self) -> frozenset[str]:
        """Edges."""
        return frozenset({"edges"})

    def body(self) -> ComposeResult:
        """The lines."""
        with Vertical(classes="flow"):
            yield _TreeLines(self)

    def refresh_picture(self, picture: Picture) -> None:
        """Make the tree again, off this thread."""
        query = self.host.scope.filtered("").for_kind("edges")
        self._making.ask(partial(_grown, picture, query, self._level, None if self._whole else self._root))

    def on_made(self, message: Made) -> None:
        """Show the tree."""
        if not self._making.take(message):
            return
        if message.error is not None:
            self.say(f"The tree cannot be shown: {message.error}", Tone.FAILING)
            return
        assert isinstance(message.answer, _Tree)
        self._tree = message.answer
        self.query_one("#tree", LineView).show(self._lines)
        if self.focused is None:
            self.query_one("#tree", LineView).focus()
        self.update_chrome()

    @property
    def working(self) -> bool:
        """Whether something newer than what is shown is being made."""
        return self._making.busy

    @property
    def report(self) -> TreeReport:
        """The tree that is shown; empty while it is made."""
        return self._tree.report if self._tree is not None else TreeReport(())

    def _lines(self, width: int) -> list[TextLine]:
        report = self.report
        lines = [_line(cells, width) for cells in report.lines]
        if not lines:
            said = "No calls from here in this window; T begins at the entry points."
            return [TextLine("plain", (TextRun(2, cut(said, max(0, width - 3)), Tone.DIM),))]
        if report.more:
            said = f"and {number_of(report.more, 'more call')}; meshtop graph -o tree prints all"
            lines.append(TextLine("plain", (TextRun(2, cut(said, max(0, width - 3)), Tone.DIM),)))
        return lines

    def action_entries(self) -> None:
        """Begin at the entry points, or at the one thing again."""
        self._whole = not self._whole
        self._making.forget()
        self.update()


def _line(cells: tuple[Cell, ...], width: int) -> TextLine:
    runs: list[TextRun] = []
    x = 2
    for cell in cells:
        for text, tone in ((cell.lead, Tone.DIM), (cell.text, cell.tone)):
            shown = cut(text, max(0, width - x))
            if shown:
                runs.append(TextRun(x, shown, tone))
                x += cell_width(shown)
    return TextLine("plain", tuple(runs))
