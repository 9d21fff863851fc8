"""The cell diff: tracks the terminal's content as cells, and sends only changed runs.

Textual sends a whole region whenever one of its cells may have changed. `CellDiff` works between Textual's
composed update and the driver. Its invariant: a cell is skipped only where it is known that the
terminal already shows it. Everything uncertain (a new size, a resumed terminal, an escape that was
written past the diff, a character whose width differs between terminals) is sent as Textual would send it.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshtop.console.terminal.cells import DEFAULT_PEN, Pen, ScreenCell, change_pen

# A gap of this many unchanged cells costs no more bytes to send again than to jump over (`ESC [ n C`).
_BRIDGE = 4
RESET = "\x1b[m"
"""What gives the terminal the default pen."""


def is_certain(text: str) -> bool:
    """Whether all terminals agree on the width: one code point, and no emoji."""
    return len(text) <= 1 and text < "\U00010000"


class CellDiff:
    """The known content of the terminal; None is an unknown cell."""

    def __init__(self) -> None:
        self._width = 0
        self._rows: list[list[ScreenCell | None]] = []
        self._uneven: set[int] = set()
        self._out: list[str] = []
        self._pen: Pen = DEFAULT_PEN
        self._pen_is_sure = False
        self._at: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """The tracked size in columns and lines."""
        return self._width, len(self._rows)

    def resize(self, width: int, height: int) -> None:
        """Set another size, with unknown content."""
        self._width = width
        self._rows = [[None] * width for _ in range(height)]
        self._uneven.clear()
        self._pen = DEFAULT_PEN
        self._pen_is_sure = False
        self._at = None

    def forget(self) -> None:
        """Mark all cells as unknown, so that each is sent again when Textual next draws it."""
        self.resize(*self.size)

    def paint(self, y: int, x: int, cells: Sequence[ScreenCell], *, plain: bool = False) -> None:
        """Put cells at a place; changes are added to the output.

        `plain`: none of them is wide, combining or uncertain, so neighbours need no check.
        """
        if not 0 <= y < len(self._rows) or x < 0 or x >= self._width:
            return
        row = self._rows[y]
        end = min(self._width, x + len(cells))
        new = list(cells[: end - x])
        old = row[x:end]
        if old == new:
            return
        changed = [before != after for before, after in zip(old, new, strict=True)]
        row[x:end] = new
        if not plain:
            self._uneven.add(y)
        if y in self._uneven:
            self._look_around(row, x, old, new, changed)
        self._send(y, x, new, changed)

    def _look_around(
        self,
        row: list[ScreenCell | None],
        x: int,
        old: Sequence[ScreenCell | None],
        new: Sequence[ScreenCell],
        changed: list[bool],
    ) -> None:
        """Send wide characters as a whole, and mark neighbours that they may have damaged as unknown."""
        end = x + len(new)
        _widen(changed, old, new)
        if x and changed[0] and _is_half(old[0]):
            row[x - 1] = None  # the first half of a wide character whose second half is drawn over
        if end < self._width and changed[-1] and (_is_half(row[end]) or not is_certain(new[-1].text)):
            row[end] = None  # the second half of one whose first half is drawn over, or what an emoji may cover

    def take(self) -> str:
        """The bytes that bring the terminal up to date; empty where it is.

        The pen stays as it is, as what changes next is often drawn with it too: a clock is most of what an idle screen
        sends. Whatever is written past the diff must begin with `reset`.
        """
        if not self._out:
            return ""
        if self._pen.link:
            self._out.append(change_pen(self._pen, DEFAULT_PEN))
            self._pen = DEFAULT_PEN
        data = ("" if self._pen_is_sure else RESET) + "".join(self._out)
        self._pen_is_sure = True
        self._out.clear()
        self._at = None
        return data

    def reset(self) -> str:
        """The bytes that give the terminal the default pen; empty where it surely has that."""
        data = "" if self._pen_is_sure and self._pen == DEFAULT_PEN else RESET
        self._pen = DEFAULT_PEN
        return data

    def _send(self, y: int, x: int, new: Sequence[ScreenCell], changed: Sequence[bool]) -> None:
        out = self._out
        index, last = 0, len(new)
        while index < last:
            if not changed[index]:
                index += 1
                continue
            self._bridge(y, x, new[:index])
            self._move(y, x + index)
            while index < last and changed[index]:
                cell = new[index]
                index += 1
                if not cell.text:
                    continue
                if self._at is None:
                    self._move(y, x + index - 1)
                out.append(change_pen(self._pen, cell.pen))
                out.append(cell.text)
                self._pen = cell.pen
                if not is_certain(cell.text):
                    self._at = None
                elif self._at is not None:
                    wide = index < last and not new[index].text
                    self._at = (self._at[0], self._at[1] + (2 if wide else 1))

    def _bridge(self, y: int, x: int, before: Sequence[ScreenCell]) -> None:
        """Redraw a short unchanged gap where that costs no more bytes than a cursor movement."""
        if self._at is None or self._at[0] != y:
            return
        start = self._at[1] - x
        gap = before[start:] if start >= 0 else ()
        if 0 < len(gap) <= _BRIDGE and all(cell.pen == self._pen and cell.text.isascii() and cell.text for cell in gap):
            self._out.extend(cell.text for cell in gap)
            self._at = (y, x + len(before))

    def _move(self, y: int, x: int) -> None:
        if self._at == (y, x):
            return
        if self._at is not None and self._at[0] == y and self._at[1] < x:
            step = x - self._at[1]
            self._out.append(f"\x1b[{step}C" if step > 1 else "\x1b[C")
        else:
            self._out.append(f"\x1b[{y + 1};{x + 1}H")
        self._at = (y, x)


def _is_half(cell: ScreenCell | None) -> bool:
    return cell is not None and not cell.text


def _widen(changed: list[bool], old: Sequence[ScreenCell | None], new: Sequence[ScreenCell]) -> None:
    """Mark wide characters as a whole as changed, and neighbours of characters with uncertain width."""
    for index in range(1, len(new)):
        if changed[index] and not new[index].text:
            changed[index - 1] = True
    for index in range(len(new)):
        before = old[index]
        unsure = not is_certain(new[index].text) or (before is not None and not is_certain(before.text))
        if changed[index] and unsure:
            step = index + 1
            while step < len(new) and not new[step].text:
                changed[step] = True
                step += 1
            if step < len(new):
                changed[step] = True
