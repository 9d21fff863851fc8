"""The Flow's widget: a cursor over callers, the centre and callees, and messages about where it leads.

Usage::

    view = FlowView(waiting=Note("Reading …"))
    view.show(flow, detail, thresholds)   # Centred, Opened and Highlighted come up to the screen
"""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from meshtop.analysis.graph.metric import GraphMetric
from meshtop.console.widgets.flow_lines import FlowDrawing, draw_flow, natural_height
from meshtop.console.widgets.flow_past import FlowPast
from meshtop.console.widgets.flow_rows import FlowRow
from meshtop.console.widgets.flow_sheet import CALLEES, CALLERS, CENTRE, FlowCursor, FlowModel
from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine
from meshtop.console.widgets.notes import Note, note_lines
from meshtop.model.thresholds import Thresholds
from meshtop.views.reports.flow import Flow, FlowCall
from meshtop.views.reports.flow_detail import FlowDetail


def _key(keys: str, action: str, description: str, name: str, *, shown: str | None = None) -> Binding:
    return Binding(keys, action, description, id=f"flow.{name}", show=shown is not None, key_display=shown)


class FlowView(LineWidget, can_focus=True):
    """Draws a Flow; the cursor stays on the node that it is on while figures change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _key("left,h", "walk(-1)", "caller/callee", "left", shown="←→"),
        _key("right,l", "walk(1)", "to callees, and further", "right"),
        _key("up,k", "move(-1)", "up", "up"),
        _key("down,j", "move(1)", "down", "down"),
        _key("home", "end(-1)", "first line", "first"),
        _key("end,G", "end(1)", "last line", "last"),
        _key("enter", "choose", "centre there", "choose", shown="enter"),
    ]
    ALLOW_SELECT = False

    class Centred(Message):
        """Message: a node is to be the centre; `side` is where the cursor goes then."""

        def __init__(self, node: str, side: int) -> None:
            super().__init__()
            self.node = node
            self.side = side

    class Opened(Message):
        """Message: the centre is to be opened."""

    class Below(Message):
        """Message: the cursor is to leave downwards."""

    class Highlighted(Message):
        """Message: the cursor is on another line."""

    def __init__(self, *, waiting: Note | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._note = waiting or Note("Reading …")
        self.model: FlowModel | None = None
        self.metric = GraphMetric.RATE
        self.only_ill = False
        """Whether all healthy calls are counted instead of shown."""
        self._drawing: FlowDrawing | None = None

    @property
    def call(self) -> FlowCall | None:
        """The call under the cursor; None on the centre, and on a count of calls."""
        row = self.row
        return row.call if row is not None else None

    @property
    def row(self) -> FlowRow | None:
        """The row under the cursor; None on the centre."""
        if self.model is None:
            return None
        rows = self.rows(self.model.cursor.side)
        return rows[self.model.cursor.row] if self.model.cursor.row < len(rows) else None

    def rows(self, side: int) -> list[FlowRow]:
        """The rows of a side as they are drawn."""
        if self._drawing is None or side == CENTRE:
            return []
        return self._drawing.callers if side == CALLERS else self._drawing.callees

    def explain(self, note: Note) -> None:
        """Show a note instead of a Flow."""
        self._note, self.model, self._drawing = note, None, None
        self.draw()

    def show(
        self,
        flow: Flow,
        detail: FlowDetail,
        thresholds: Thresholds,
        *,
        hops: int = 1,
        side: int | None = None,
        on: str | None = None,
    ) -> None:
        """Show a Flow; the cursor goes to node `on`, to the first line of `side`, or stays on what it is on.

        Where the call of `on` is folded, its side is opened.
        """
        before, call = self.model, self.call
        same = before is not None and before.flow.centre.id == flow.centre.id
        opened = before.opened if before is not None and same else frozenset()
        self.model = FlowModel(
            flow=flow,
            detail=detail,
            thresholds=thresholds,
            metric=self.metric,
            opened=opened,
            hops=hops,
            only_ill=self.only_ill,
            keyed=self.has_focus,
            past=before.past if before is not None and same else FlowPast(),
        )
        self._redraw()
        self._unfold(on)
        if same and before is not None and side is None:
            cursor = self._found(before.cursor, call)
        else:
            cursor = self._line_of(on) or self._first(CALLERS if side is None else side)
        self._put(cursor)

    def _line_of(self, node: str | None) -> FlowCursor | None:
        """The line of a node, on whichever side it is."""
        for side in (CALLERS, CALLEES):
            for number, row in enumerate(self.rows(side)):
                if row.call is not None and row.depth == 0 and row.call.node.id == node:
                    return FlowCursor(side, number)
        return None

    def _unfold(self, node: str | None) -> None:
        """Open the side on which the call of a node is folded."""
        for side in (CALLERS, CALLEES):
            if self.model is not None and any(c.node.id == node for row in self.rows(side) for c in row.folded):
                self.model = replace(self.model, opened=self.model.opened | {side})
                self._redraw()

    def _found(self, cursor: FlowCursor, call: FlowCall | None) -> FlowCursor:
        """Where the call of the cursor is now; else the same line, as far as there is one."""
        rows = self.rows(cursor.side)
        if call is not None:
            for number, row in enumerate(rows):
                if row.call is not None and row.call.edge.id == call.edge.id:
                    return FlowCursor(cursor.side, number)
        if not rows:
            return FlowCursor()
        return FlowCursor(cursor.side, min(cursor.row, len(rows) - 1))

    def _first(self, side: int) -> FlowCursor:
        """The first line of a side; of the other where it has none, and the centre where both have none."""
        for one in (side, -side):
            if one != CENTRE and self.rows(one):
                return FlowCursor(one, 0)
        return FlowCursor()

    def _put(self, cursor: FlowCursor) -> None:
        assert self.model is not None
        if cursor != self.model.cursor:
            self.model = replace(self.model, cursor=cursor)
            self._redraw()
        self.draw()
        self.post_message(self.Highlighted())

    def _redraw(self) -> None:
        """Work out the lines, without drawing them."""
        width, height = self.size.width, self.size.height
        if self.model is not None:
            self._drawing = draw_flow(self.model, width or 80, height or 20)

    def natural_height(self, width: int, room: int) -> int:
        """The lines that it could use: with all that it can say where that fits into `room`, else its calls alone."""
        if self.model is None:
            return 0
        whole = natural_height(self.model, width)
        return whole if whole <= room else natural_height(self.model, width, spaced=False)

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """The Flow, or the note."""
        if self.model is None:
            return note_lines(self._note, width, height)
        self._drawing = draw_flow(self.model, width, height)
        return self._drawing.lines

    def measure(self, metric: GraphMetric) -> None:
        """Let the bars measure something else."""
        self.metric = metric
        if self.model is not None:
            self.model = replace(self.model, metric=metric)
            self.draw()

    def leave_out_healthy(self, only_ill: bool) -> None:
        """Count all healthy calls, or show them again as far as there is room."""
        self.only_ill = only_ill
        if self.model is not None:
            call = self.call
            self.model = replace(self.model, only_ill=only_ill, opened=frozenset())
            self._redraw()
            self._put(self._found(self.model.cursor, call))

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show the cursor with the keyboard alone."""
        super().watch_has_focus(has_focus)
        if self.model is not None:
            self.model = replace(self.model, keyed=has_focus)
            self.draw()

    def tell(self, past: FlowPast) -> None:
        """Say what became of the centre."""
        if self.model is not None and past != self.model.past:
            self.model = replace(self.model, past=past)
            self.draw()

    # The cursor

    def action_move(self, step: int) -> None:
        """Up or down a side; past its end to the other side, and at last to what stands below."""
        if self.model is None:
            return
        side, row = self.model.cursor
        if side == CENTRE and (self.rows(step) or step < 0):
            self.action_side(step)
        elif 0 <= row + step < len(self.rows(side)):
            self._put(FlowCursor(side, row + step))
        elif side == -step and self.rows(step):
            self._put(FlowCursor(step, 0 if step > 0 else len(self.rows(step)) - 1))
        elif step > 0:
            self.post_message(self.Below())

    def action_side(self, side: int) -> None:
        """Go to a side."""
        if self.model is not None and self.rows(side):
            self._put(FlowCursor(side, 0))

    def action_walk(self, step: int) -> None:
        """Towards callers or callees: over the centre to the other side, and from a side on to what is there."""
        if self.model is None:
            return
        side = self.model.cursor.side
        if side == CENTRE:
            self.action_side(step)
        elif side != step:
            self._put(FlowCursor())
        elif self.call is not None:
            self._centre(self.call, step)
        else:
            self.action_choose()

    def action_end(self, step: int) -> None:
        """The first or the last line of the side."""
        if self.model is not None and self.rows(self.model.cursor.side):
            rows = self.rows(self.model.cursor.side)
            self._put(FlowCursor(self.model.cursor.side, 0 if step < 0 else len(rows) - 1))

    def action_choose(self) -> None:
        """Centre on what the cursor is on; open what is folded, or the centre itself."""
        if self.model is None:
            return
        side, row = self.model.cursor, self.row
        if side.side == CENTRE:
            self.post_message(self.Opened())
        elif row is not None and row.folded:
            self.model = replace(self.model, opened=self.model.opened | {side.side})
            self._redraw()
            self._put(side)
        elif row is not None and row.call is not None:
            self._centre(row.call, side.side)

    def _centre(self, call: FlowCall, side: int) -> None:
        assert self.model is not None
        if call.node.id == self.model.flow.centre.id:
            self._put(FlowCursor())
        else:
            self.post_message(self.Centred(call.node.id, side))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Down a side."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Up a side."""
        event.stop()
        self.action_move(-1)

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked; a second click centres on it."""
        hits = self._drawing.hits if self._drawing is not None else []
        hit = next((h for h in hits if h.y <= event.y <= h.bottom and h.x <= event.x < h.right), None)
        if hit is None or self.model is None:
            return
        self._put(hit.cursor)
        if event.chain == 2:
            self.action_choose()
