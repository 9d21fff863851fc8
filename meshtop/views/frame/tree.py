"""Rows as a tree: hierarchy, folding, and the guide lines before the names.

Pure functions: siblings are sorted among themselves, a filter keeps matching rows and their ancestors, and folding
is stored by key, so that it survives changes of rows and order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from msgspec import Struct, structs

from meshtop.views.frame.sort import SortKey, sort_items
from meshtop.views.frame.table import Cell, Column

Item = TypeVar("Item")

_OPEN, _FOLDED = "▾ ", "▸ "
_LEAF = "─ "


class Folding(Struct, frozen=True):
    """Which rows are open: those opened or folded by the user, by key, and otherwise the first `depth` levels.

    `shut` are rows that are initially folded although their level is open.
    """

    depth: int = 0
    opened: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    shut: frozenset[str] = frozenset()

    def is_open(self, key: str, depth: int) -> bool:
        """Whether a row's children are shown; `depth` counts its ancestors."""
        return key in self.opened or (depth < self.depth and key not in self.folded and key not in self.shut)

    def opening(self, *keys: str) -> Folding:
        """This folding with the rows of these keys open."""
        return structs.replace(self, opened=self.opened | set(keys), folded=self.folded - set(keys))

    def closing(self, *keys: str) -> Folding:
        """This folding with the rows of these keys folded."""
        return structs.replace(self, opened=self.opened - set(keys), folded=self.folded | set(keys))


ALL_OPEN = Folding(depth=1_000)


class Twig(Struct, Generic[Item], frozen=True):
    """A row of the tree: `lead` are its guide lines, `open` is None for a row without children."""

    key: str
    item: Item
    depth: int
    parent: str | None
    lead: str
    open: bool | None


class Tree(Generic[Item]):
    """Items with their parents' keys; children of a missing parent are at the top level.

    `rank` puts some siblings after others in any order.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        key: Callable[[Item], str],
        parent: Callable[[Item], str | None],
        rank: Callable[[Item], int],
    ) -> None:
        self._key = key
        self._rank = rank
        self._items = {key(item): item for item in items}
        self._parents = {key(item): parent(item) for item in items}
        self._children: dict[str | None, list[Item]] = {}
        for item in items:
            above = parent(item)
            self._children.setdefault(above if above in self._items else None, []).append(item)

    @property
    def branches(self) -> tuple[str, ...]:
        """Keys of the rows with children."""
        return tuple(key for key in self._items if key in self._children)

    def ancestors(self, key: str) -> tuple[str, ...]:
        """Ancestors of a row, the nearest first."""
        found: list[str] = []
        above = self._parents.get(key)
        while above is not None and above in self._items and above not in found:
            found.append(above)
            above = self._parents.get(above)
        return tuple(found)

    def rows(
        self, folding: Folding, order: Sequence[SortKey[Item]], passes: Callable[[Item], bool] | None = None
    ) -> list[Twig[Item]]:
        """The rows to show, from the top down; with `passes`, matching rows and their ancestors."""
        kept = None
        if passes is not None:
            matching = [key for key, item in self._items.items() if passes(item)]
            kept = {*matching, *(above for key in matching for above in self.ancestors(key))}
        return list(self._below(None, 0, "", folding, order, kept))

    def _below(
        self,
        above: str | None,
        depth: int,
        guides: str,
        folding: Folding,
        order: Sequence[SortKey[Item]],
        kept: set[str] | None,
    ) -> Iterator[Twig[Item]]:
        siblings = self._siblings(above, order, kept)
        for number, item in enumerate(siblings):
            key, last = self._key(item), number == len(siblings) - 1
            leaf = not self._siblings(key, (), kept)
            is_open = None if leaf else folding.is_open(key, depth)
            yield Twig(key, item, depth, above, _lead(depth, guides, last=last, is_open=is_open), is_open)
            if is_open:
                inside = guides + ("" if depth == 0 else "  " if last else "│ ")
                yield from self._below(key, depth + 1, inside, folding, order, kept)

    def _siblings(self, above: str | None, order: Sequence[SortKey[Item]], kept: set[str] | None) -> list[Item]:
        some = [i for i in self._children.get(above, ()) if kept is None or self._key(i) in kept]
        return sorted(sort_items(sorted(some, key=self._key), order), key=self._rank)


def _lead(depth: int, guides: str, *, last: bool, is_open: bool | None) -> str:
    branch = "" if depth == 0 else "└─" if last else "├─"
    sign = (_LEAF if depth else "  ") if is_open is None else _OPEN if is_open else _FOLDED
    return f"{guides}{branch}{sign}"


class TreeTable(Generic[Item]):
    """Rows of a tree as a table (`TableModel`): guide lines precede the first column, other columns are unchanged."""

    def __init__(self, columns: Sequence[Column[Item]], twigs: Sequence[Twig[Item]]) -> None:
        self.columns = tuple(columns)
        self.twigs = tuple(twigs)
        self._places = {twig.key: index for index, twig in enumerate(self.twigs)}

    def __len__(self) -> int:
        return len(self.twigs)

    def key(self, index: int) -> str:
        """The identity of a row."""
        return self.twigs[index].key

    def twig(self, key: str) -> Twig[Item] | None:
        """The row with a key; None where it is not shown."""
        index = self._places.get(key)
        return None if index is None else self.twigs[index]

    def cell(self, index: int, column: int) -> Cell:
        """The formatted cell."""
        twig = self.twigs[index]
        cell = self.columns[column].cell(twig.item)
        return structs.replace(cell, lead=twig.lead) if column == 0 else cell
