"""The column picker (`K`): which columns of a kind are shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from meshtop.console.guarded import Guarded
from meshtop.console.widgets.line_widget import LineView
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.model.text import cut, fit
from meshtop.views.frame.table import AnyColumn, Tone

_HEAD = "space show, hide · J K move · R as at first · enter keep · esc leave"
_TITLE_WIDTH = 16


class ColumnList:
    """Columns in an order, some of them shown; the first shown one stays, as it names the row."""

    def __init__(self, columns: Sequence[AnyColumn], shown: Sequence[str]) -> None:
        self.columns = {column.name: column for column in columns}
        kept = [name for name in shown if name in self.columns]
        self.order = [*kept, *(name for name in self.columns if name not in kept)]
        self.shown = set(kept)
        self.at = 0

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names of the shown columns, in order."""
        return tuple(name for name in self.order if name in self.shown)

    def go(self, step: int) -> None:
        """Select another column."""
        self.at = max(0, min(len(self.order) - 1, self.at + step))

    def move(self, step: int) -> None:
        """Move the selected column."""
        to = max(0, min(len(self.order) - 1, self.at + step))
        self.order.insert(to, self.order.pop(self.at))
        self.at = to

    def turn(self) -> bool:
        """Show or hide the selected column; False where it is the only one."""
        name = self.order[self.at]
        if self.shown == {name}:
            return False
        self.shown ^= {name}
        return True


class ColumnScreen(Guarded, ModalScreen[None]):
    """The picker over its table; `done` gets the names of the shown columns, none for those of the kind."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "go(1)", "next column", id="columns.down", priority=True),
        Binding("k,up", "go(-1)", "previous column", id="columns.up", priority=True),
        Binding("J,shift+down", "move(1)", "move it on", id="columns.later"),
        Binding("K,shift+up", "move(-1)", "move it back", id="columns.earlier"),
        Binding("space", "turn", "show or hide", id="columns.turn", priority=True),
        Binding("R", "reset", "as at first", id="columns.reset"),
        Binding("enter", "keep", "keep", id="columns.keep"),
        Binding("escape,q", "dismiss", "leave", id="columns.leave"),
    ]

    def __init__(
        self,
        title: str,
        columns: Sequence[AnyColumn],
        shown: Sequence[str],
        done: Callable[[tuple[str, ...]], None],
    ) -> None:
        super().__init__()
        self._title = title
        self._done = done
        self.list = ColumnList(columns, shown)

    def compose(self) -> ComposeResult:
        """One scrolled list."""
        yield LineView(self._lines, id="columns")

    def _lines(self, width: int) -> list[TextLine]:
        room = max(0, width - 2)
        lines = [
            TextLine("plain", (TextRun(1, cut(f"Columns of {self._title}", room), Tone.STRONG),)),
            TextLine("plain", (TextRun(1, cut(_HEAD, room), Tone.DIM),)),
            TextLine("plain", ()),
        ]
        for number, name in enumerate(self.list.order):
            column, here = self.list.columns[name], number == self.list.at
            shown = name in self.list.shown
            left = f"{'▸' if here else ' '} [{'x' if shown else ' '}] {fit(column.title, _TITLE_WIDTH)}  "
            runs = [TextRun(1, cut(left, room), Tone.PLAIN if shown else Tone.DIM)]
            if (rest := room - len(left)) > 0:
                runs.append(TextRun(1 + len(left), cut(column.help, rest), Tone.DIM))
            lines.append(TextLine("cursor" if here else "plain", tuple(runs)))
        return lines

    def _redraw(self) -> None:
        view = self.query_one(LineView)
        view.show(self._lines)
        line, top, height = self.list.at + 3, view.scroll_offset.y, view.size.height
        if line < top + 3:
            view.scroll_to(y=max(0, line - 3), animate=False)
        elif line >= top + height:
            view.scroll_to(y=line - height + 1, animate=False)

    def action_go(self, step: int) -> None:
        """Select another column."""
        self.list.go(step)
        self._redraw()

    def action_move(self, step: int) -> None:
        """Move the selected column."""
        self.list.move(step)
        self._redraw()

    def action_turn(self) -> None:
        """Show or hide the selected column."""
        if not self.list.turn():
            self.app.bell()
        self._redraw()

    def action_reset(self) -> None:
        """Show the kind's own columns again."""
        self.dismiss()
        self._done(())

    def action_keep(self) -> None:
        """Keep what is shown."""
        self.dismiss()
        self._done(self.list.chosen)
