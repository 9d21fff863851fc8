"""Rows as a tree: who stands under whom, what is folded, and the guides before the names.

Pure functions: siblings are sorted among themselves, a filter keeps what matches and what leads to it, and folding
belongs to keys, so that it holds while rows come, go and change their order.
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
    """What is open: what a key press opened or folded, by key, and else the rows of the first `depth` levels.

    `shut` are rows that are folded at first although their level is open.
    """

    depth: int = 0
    opened: frozenset[str] = frozenset()
    folded: frozenset[str] = frozenset()
    shut: frozenset[str] = frozenset()

    def is_open(self, key: str, depth: int) -> bool:
        """Whether what stands under a row is shown; `depth` counts the rows above it."""
        return key in self.opened or (depth < self.depth and key not in self.folded and key not in self.shut)

    def opening(self, *keys: str) -> Folding:
        """This folding with the rows of these keys open."""
        return structs.replace(self, opened=self.opened | set(keys), folded=self.folded - set(keys))

    def closing(self, *keys: str) -> Folding:
        """This folding with the rows of these keys folded."""
        return structs.replace(self, opened=self.opened - set(keys), folded=self.folded | set(keys))


ALL_OPEN = Folding(depth=1_000)


class Twig(Struct, Generic[Item], frozen=True):
    """A row of the tree: `lead` are its guides, `open` is None for a row that nothing stands under."""

    key: str
    item: Item
    depth: int
    parent: str | None
    lead: str
    open: bool | None


class Tree(Generic[Item]):
    """Items with the key of what each stands under; a parent that is not among them leaves its children on top.

    `rank` puts some siblings after others whatever the order is.
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
        """The rows that have others under them."""
        return tuple(key for key in self._items if key in self._children)

    def ancestors(self, key: str) -> tuple[str, ...]:
        """What a row stands under, the nearest first."""
        found: list[str] = []
        above = self._parents.get(key)
        while above is not None and above in self._items and above not in found:
            found.append(above)
            above = self._parents.get(above)
        return tuple(found)

    def rows(
        self, folding: Folding, order: Sequence[SortKey[Item]], passes: Callable[[Item], bool] | None = None
    ) -> list[Twig[Item]]:
        """The rows to show, from the top down; with `passes` what matches and what it stands under."""
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
    """Rows of a tree as a table (`TableModel`): guides before the first column, the other columns as ever."""

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
