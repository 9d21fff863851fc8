"""A cache of label sets, which repeat at every refresh: each is decoded once and stays the identical object."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable

import msgspec
from msgspec import structs

from meshtop.model.telemetry import Labels
from meshtop.process import give_way
from meshtop.sources.problem import NOT_UNDERSTOOD

_decode = msgspec.json.Decoder(Labels).decode
_LE = b'"le":"'
_PLAIN = re.compile(rb"[0-9A-Za-z+.-]+")
"""Bounds that stand in JSON as they are."""
_PIECE = 10_000
"""So many sets are taken down without asking whether to stand aside: a millisecond."""


def _interned(text: bytes) -> Labels:
    return Labels(*map(sys.intern, structs.astuple(_decode(text))))


class NewLabels:
    """Labels of one answer that nobody has seen before.

    Most of them are buckets, and those of one histogram differ in their bound alone: what else they say is decoded for
    the first one.
    """

    def __init__(self) -> None:
        self._histograms: dict[tuple[int, bytes], Labels | None] = {}
        """What buckets say but for the bound, by where it was and the text without it; None where that is not told."""
        self._bounds: dict[bytes, str | None] = {}

    def decode(self, text: bytes) -> Labels:
        """Raises msgspec.MsgspecError."""
        start = text.rfind(_LE)
        if start >= 0:
            end = text.find(b'"', start + len(_LE))
            bound = text[start + len(_LE) : end]
            histogram_of = start, text[:start] + text[end:]
            if histogram_of not in self._histograms:
                self._histograms[histogram_of] = _but_for_the_bound(text[:start], text[end + 1 :])
            if bound not in self._bounds:
                self._bounds[bound] = sys.intern(bound.decode()) if _PLAIN.fullmatch(bound) else None
            histogram, le = self._histograms[histogram_of], self._bounds[bound]
            if histogram is not None and le is not None:
                return structs.replace(histogram, le=le)
        return _interned(text)


def _but_for_the_bound(head: bytes, tail: bytes) -> Labels | None:
    """The labels before and after a bound; None where it may belong to something else than the series."""
    if head.rfind(b"{") or b"{" in tail:
        return None
    text = head[:-1] + tail if head.endswith(b",") else head + tail.removeprefix(b",")
    try:
        labels = _interned(text)
    except NOT_UNDERSTOOD:
        return None
    # With another bound before it, the whole text says which one counts.
    return None if labels.le else labels


class _Order:
    """The series of an answer in their order: the first half of the mark of each, the mark, and the label set."""

    __slots__ = ("halves", "marks", "sets")

    def __init__(self) -> None:
        self.halves = array("q")
        self.marks: list[int] = []
        self.sets: list[Labels] = []

    def add(self, half: int, mark: int, labels: Labels) -> None:
        """One more series."""
        self.halves.append(half)
        self.marks.append(mark)
        self.sets.append(labels)

    def first(self, count: int) -> _Order:
        """So many of its series, as another order."""
        some = _Order()
        some.halves, some.marks, some.sets = self.halves[:count], self.marks[:count], self.sets[:count]
        return some


_NO_ORDER = _Order()


class LabelSets:
    """Labels by their JSON text; a set not used in two refreshes is dropped.

    Refreshes differ in numbers and hardly in series. Snapshots share their labels, which are most of their memory, and
    equal label values are one string. The texts themselves, several times as long, are not kept but a mark of 128 bits.
    The series of an answer mostly come in the order of the last one, which is kept too (`in_order`).
    """

    def __init__(self) -> None:
        self._now: dict[int, Labels] = {}
        self._before: dict[int, Labels] = {}
        self._orders: dict[int, _Order] = {}
        self._orders_before: dict[int, _Order] = {}
        self._named: dict[int, tuple[str, int, Labels]] = {}
        self._named_before: dict[int, tuple[str, int, Labels]] = {}

    def __len__(self) -> int:
        return len(self._now.keys() | self._before.keys())

    def begin_refresh(self) -> None:
        """Drop the sets not used in the last two refreshes."""
        if self._now:
            self._before, self._now = self._now, {}
            self._orders_before, self._orders = self._orders, {}
            self._named_before, self._named = self._named, {}

    def decode(self, raw: msgspec.Raw | bytes) -> Labels:
        """The labels of a JSON object. Raises msgspec.MsgspecError if it is invalid."""
        text = bytes(raw)
        return self.marked(_mark(text), text)

    def in_order(self) -> LabelsInOrder:
        """Decodes the labels of one answer, from its first series to its last."""
        return LabelsInOrder(self)

    def order_after(self, mark: int) -> _Order:
        """The series of the last answer that began with the one of this mark; none where there was no such answer."""
        return self._orders.get(mark) or self._orders_before.get(mark) or _NO_ORDER

    def keep(self, order: _Order) -> None:
        """The series of an answer were these."""
        marks, sets = order.marks, order.sets
        if marks:
            self._orders[marks[0]] = order
        for start in range(0, len(marks), _PIECE):
            give_way()
            self._now.update(zip(marks[start : start + _PIECE], sets[start : start + _PIECE], strict=True))

    def decode_named(
        self,
        raw: msgspec.Raw | bytes,
        unnamed: Callable[[bytes], tuple[str, bytes]],
        new: Callable[[bytes], Labels] = _interned,
    ) -> tuple[str, Labels]:
        """The name of a question in the text, and the labels of the text without it, the same object as `decode` gives.

        `unnamed` takes a text apart, once for each that repeats, and `new` decodes labels that are not known. Raises
        what these raise.
        """
        text = bytes(raw)
        mark = _mark(text)
        found = self._named.get(mark)
        if found is None:
            found = self._named_before.get(mark)
            if found is None:
                name, rest = unnamed(text)
                of_rest = _mark(rest)
                found = (sys.intern(name), of_rest, self.marked(of_rest, rest, new))
            else:
                self._now[found[1]] = found[2]
            self._named[mark] = found
        return found[0], found[2]

    def marked(self, mark: int, text: bytes, new: Callable[[bytes], Labels] = _interned) -> Labels:
        """The labels of a text of this mark; raises what `new` raises, which decodes those that are not known."""
        labels = self._now.get(mark)
        if labels is None:
            labels = self._before.get(mark)
            if labels is None:
                labels = new(text)
            self._now[mark] = labels
        return labels


class LabelsInOrder:
    """Decodes the labels of one answer, whose series mostly come in the order of the last one that began alike.

    Where a series stands in the place that it had there, the first half of its mark tells that: another one has the
    same there once in 10^19 times.
    """

    def __init__(self, sets: LabelSets) -> None:
        self._known = sets
        self._new = NewLabels().decode
        self._before = _NO_ORDER
        self._halves, self._sets = _NO_ORDER.halves, _NO_ORDER.sets
        self._at = 0
        self._own: _Order | None = None
        """What is not in that order: from the first series on that has another place."""

    def decode(self, raw: msgspec.Raw | bytes) -> Labels:
        """The labels of the next series. Raises msgspec.MsgspecError if they are invalid."""
        text = bytes(raw)
        half = hash(text)
        at = self._at
        if at < len(self._halves) and self._halves[at] == half:
            self._at = at + 1
            if self._own is not None:
                self._own.add(half, self._before.marks[at], self._sets[at])
            return self._sets[at]
        return self._elsewhere(half, text)

    def end(self) -> None:
        """There are no more series."""
        order = self._own
        if order is None:
            order = self._before if self._at == len(self._halves) else self._before.first(self._at)
        self._known.keep(order)

    def _elsewhere(self, half: int, text: bytes) -> Labels:
        mark, at = _mark(text), self._at
        labels = self._known.marked(mark, text, self._new)
        if not at and self._own is None:
            before = self._known.order_after(mark)
            if before.marks:
                self._before, self._halves, self._sets, self._at = before, before.halves, before.sets, 1
                return labels
        if self._own is None:
            self._own = self._before.first(at)
        self._own.add(half, mark, labels)
        if at + 1 < len(self._halves) and self._before.marks[at + 1] == mark:
            # The one that stood here is gone; else this one is new, and that one may still come.
            self._at = at + 2
        return labels


def _mark(text: bytes) -> int:
    """Tells one text from every other: two of Python's own hashes, which are keyed anew in every process.

    Of two texts, one of which goes on, the hashes say nothing of each other (SipHash). Of a million texts two have the
    same mark once in 10^26 runs, and nobody can aim at it. A checksum such as CRC-32 in place of the second hash takes
    twice as long as that.
    """
    return hash(text) << 64 ^ hash(text + b"\0")
