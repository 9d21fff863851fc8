"""A cache of label sets, which repeat at every refresh: each is decoded once and stays the identical object."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable

import msgspec
from msgspec import structs

from meshtop.model.telemetry import Labels

_decode = msgspec.json.Decoder(Labels).decode


class _Order:
    """The series of an answer in their order: the first half of the mark of each, the mark, and the label set."""

    __slots__ = ("halves", "marks", "sets")

    def __init__(self) -> None:
        self.halves = array("q")
        self.marks: list[int] = []
        self.sets: list[Labels] = []


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

    def __len__(self) -> int:
        return len(self._now.keys() | self._before.keys())

    def begin_refresh(self) -> None:
        """Drop the sets not used in the last two refreshes."""
        if self._now:
            self._before, self._now = self._now, {}
            self._orders_before, self._orders = self._orders, {}

    def decode(self, raw: msgspec.Raw | bytes) -> Labels:
        """The labels of a JSON object. Raises msgspec.MsgspecError if it is invalid."""
        text = bytes(raw)
        return self._marked(_mark(text), text)

    def in_order(self) -> Callable[[msgspec.Raw | bytes], Labels]:
        """As `decode`, for the series of one answer in their order.

        Where a series stands in the place that it had, in the last answer that began with the same one, the first half
        of its mark tells that: another one has the same there once in 10^19 times.
        """
        order, before, at = _Order(), _NO_ORDER, 0
        halves, marks, sets = before.halves, before.marks, before.sets

        def decode(raw: msgspec.Raw | bytes) -> Labels:
            nonlocal halves, marks, sets, at
            text = bytes(raw)
            half = hash(text)
            if at < len(halves) and halves[at] == half:
                mark, labels = marks[at], sets[at]
                self._now[mark] = labels
                at += 1
            else:
                mark = _mark(text)
                labels = self._marked(mark, text)
                if not order.marks:
                    # It is the first.
                    before = self._orders.get(mark) or self._orders_before.get(mark) or _NO_ORDER
                    halves, marks, sets = before.halves, before.marks, before.sets
                    self._orders[mark] = order
                    at = 1
                elif at + 1 < len(marks) and marks[at + 1] == mark:
                    # The one that stood here is gone; else this one is new, and that one may still come.
                    at += 2
            order.halves.append(half)
            order.marks.append(mark)
            order.sets.append(labels)
            return labels

        return decode

    def _marked(self, mark: int, text: bytes) -> Labels:
        labels = self._now.get(mark)
        if labels is None:
            labels = self._before.get(mark)
            if labels is None:
                labels = Labels(*map(sys.intern, structs.astuple(_decode(text))))
            self._now[mark] = labels
        return labels


def _mark(text: bytes) -> int:
    """Tells one text from every other: two of Python's own hashes, which are keyed anew in every process.

    Of two texts, one of which goes on, the hashes say nothing of each other (SipHash). Of a million texts two have the
    same mark once in 10^26 runs, and nobody can aim at it. A checksum such as CRC-32 in place of the second hash takes
    twice as long as that.
    """
    return hash(text) << 64 ^ hash(text + b"\0")
