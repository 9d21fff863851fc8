"""Geometry of a layout in character cells: x to the right, y down, both from 0."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct, field


class Point(NamedTuple):
    """Coordinates of a cell."""

    x: int
    y: int


class Box(Struct, frozen=True):
    """A rectangle of cells, a frame's border included; `column` is the node's layer.

    A node stands on the first row of its own; a second one only leads lines.
    """

    x: int
    y: int
    width: int
    height: int
    column: int = 0

    @property
    def right(self) -> int:
        """The x of the rightmost cell."""
        return self.x + self.width - 1

    @property
    def bottom(self) -> int:
        """The y of the lowest cell."""
        return self.y + self.height - 1

    def meets(self, other: Box) -> bool:
        """Whether two rectangles share a cell."""
        return self.x <= other.right and other.x <= self.right and self.y <= other.bottom and other.y <= self.bottom

    def shared(self, other: Box) -> Box | None:
        """The cells that are in both; None where none are."""
        if not self.meets(other):
            return None
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Box(x, y, min(self.right, other.right) - x + 1, min(self.bottom, other.bottom) - y + 1)

    def holds(self, x: int, y: int) -> bool:
        """Whether a cell lies in it."""
        return self.x <= x <= self.right and self.y <= y <= self.bottom


class Route(Struct, frozen=True):
    """The course of one edge: corners from the source's border to the target's, each step horizontal or vertical.

    `net` names the bundle it shares lines with; `slot` is its longest horizontal run that is not shared or
    crossed, where a label can be written: (first x, last x, y).
    """

    points: tuple[Point, ...]
    net: int
    slot: tuple[int, int, int] | None = None


class LayoutColumn(Struct, frozen=True):
    """One layer: the x of its boxes, their width, the gap of cells that follows."""

    x: int
    width: int
    gap: int


class Shape(Struct, frozen=True):
    """The input of a layout; two graphs of equal shape get the same layout."""

    nodes: tuple[tuple[str, str | None, int], ...]
    edges: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, str | None], ...]


class LayoutOptions(Struct, frozen=True, kw_only=True):
    """Options of a layout.

    `width` is the width to aim for, in cells (None: no limit known); it decides how much is left for labels and
    how things without edges between them are packed, at the first layout only. `numbers` leaves room for a number
    beside each name.
    """

    width: int | None = None
    numbers: bool = False


class Layout(Struct, frozen=True, kw_only=True):
    """The geometry of a drawing, by ids of nodes, edges and groups.

    `lanes` are the rows on which bundles pass a column; they are kept so that the next layout can keep them.
    """

    boxes: dict[str, Box] = field(default_factory=dict)
    frames: dict[str, Box] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    columns: tuple[LayoutColumn, ...] = ()
    lanes: dict[str, dict[int, int]] = field(default_factory=dict)
    width: int = 0
    height: int = 0
    shape: Shape = Shape((), (), ())
