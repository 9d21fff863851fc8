"""Fuzzy search over many names: a key stays under a frame at tens of thousands of them.

All names are one text, which regular expressions walk in C; only the best tier of hits is looked at in Python, and
scored by Textual's fuzzy matcher. Tiers, the best first: the whole name, its beginning, the beginning of a word in it,
a part of it, its letters in order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec import Struct
from textual.fuzzy import FuzzySearch

MOST_SCORED = 200
"""So many hits of a tier are scored; beyond that the first ones stand for all."""
_PART = 3
"""The tier of names that have what is sought as a part."""
_BEFORE_WORDS = "/-. :#"
_search = FuzzySearch()


class NameHit(Struct, frozen=True):
    """A name that matches: its index, how (0 is the best tier), and the offsets of its matched letters."""

    index: int
    tier: int
    score: float
    offsets: tuple[int, ...]


class NameIndex:
    """Names, searched without regard to case; the order of the names decides between equals."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(name.replace("\n", " ").lower() for name in names)
        self._text = "\n" + "\n".join(self.names) + "\n"
        self._starts: list[int] = []
        at = 1
        for name in self.names:
            self._starts.append(at)
            at += len(name) + 1

    def __len__(self) -> int:
        return len(self.names)

    def search(self, query: str, most: int) -> list[NameHit]:
        """The best hits, the best first; none for an empty query."""
        wanted = " ".join(query.lower().split())
        if not wanted or not self.names:
            return []
        found: dict[int, NameHit] = {}
        for tier, hits in enumerate(self._tiers(wanted)):
            for index, offsets in hits:
                if index not in found:
                    found[index] = NameHit(index, tier, _search.score(self.names[index], offsets), offsets)
            if len(found) >= most or (found and tier == _PART):
                # Letters that are only in order are no answer beside names in which they stand together.
                break
        order = sorted(found.values(), key=lambda hit: (hit.tier, -hit.score, len(self.names[hit.index]), hit.index))
        return order[:most]

    def _tiers(self, wanted: str) -> Iterator[list[tuple[int, tuple[int, ...]]]]:
        yield self._at(f"\n{wanted}\n", wanted)
        yield self._at(f"\n{wanted}", wanted)
        yield [hit for sign in _BEFORE_WORDS for hit in self._at(sign + wanted, wanted)]
        yield self._at(wanted, wanted, skip=0)
        if len(wanted) > 1:
            yield self._in_order(wanted.replace(" ", ""))

    def _at(self, text: str, wanted: str, *, skip: int = 1) -> list[tuple[int, tuple[int, ...]]]:
        """Names in which `text` stands, of which `wanted` begins after `skip` characters."""
        hits: list[tuple[int, tuple[int, ...]]] = []
        at = self._text.find(text)
        while at >= 0 and len(hits) < MOST_SCORED:
            index, offset = self._place(at + skip)
            hits.append((index, tuple(range(offset, offset + len(wanted)))))
            at = self._text.find(text, self._starts[index] + len(self.names[index]))
        return hits

    def _in_order(self, letters: str) -> list[tuple[int, tuple[int, ...]]]:
        """Names that have the letters in this order; each is walked once, whatever it repeats."""
        names = self.names
        able: Sequence[int] = range(len(names))
        for letter in dict.fromkeys(letters):
            able = [index for index in able if letter in names[index]]
        steps = re.compile("".join(f"[^{re.escape(letter)}]*({re.escape(letter)})" for letter in letters))
        hits: list[tuple[int, tuple[int, ...]]] = []
        for index in able:
            if match := steps.match(names[index]):
                hits.append((index, tuple(match.start(group) for group in range(1, len(letters) + 1))))
                if len(hits) >= MOST_SCORED:
                    break
        return hits

    def _place(self, at: int) -> tuple[int, int]:
        """The name at a position of the text, and the offset in it."""
        index = bisect_right(self._starts, at) - 1
        return index, at - self._starts[index]
