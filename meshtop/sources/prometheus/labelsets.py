"""A cache of label sets, which repeat at every refresh: each is decoded once and stays the identical object."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import msgspec
from msgspec import structs

from meshtop.model.telemetry import Labels
from meshtop.sources.problem import NOT_UNDERSTOOD

_decode = msgspec.json.Decoder(Labels).decode
_LE = b'"le":"'
_PLAIN = re.compile(rb"[0-9A-Za-z+.-]+")
"""Bounds that stand in JSON as they are."""


class LabelSets:
    """Labels by their JSON text; a set not used in two refreshes is dropped.

    Refreshes differ in numbers and hardly in series. Snapshots share their labels, which are most of their memory, and
    equal label values are one string. The texts themselves, several times as long, are not kept but a mark of 128 bits.
    """

    def __init__(self) -> None:
        self._now: dict[int, Labels] = {}
        self._before: dict[int, Labels] = {}

    def __len__(self) -> int:
        return len(self._now.keys() | self._before.keys())

    def begin_refresh(self) -> None:
        """Drop the sets not used in the last two refreshes."""
        if self._now:
            self._before, self._now = self._now, {}

    def decode(self, raw: msgspec.Raw | bytes) -> Labels:
        """The labels of a JSON object. Raises msgspec.MsgspecError if it is invalid."""
        return self.of_one_answer()(raw)

    def of_one_answer(self) -> Callable[[msgspec.Raw | bytes], Labels]:
        """`decode` for the series of one answer, which have much in common while they are new."""
        new = _NewLabels().decode

        def decode(raw: msgspec.Raw | bytes) -> Labels:
            text = bytes(raw)
            mark = _mark(text)
            labels = self._now.get(mark)
            if labels is None:
                labels = self._before.get(mark)
                if labels is None:
                    labels = new(text)
                self._now[mark] = labels
            return labels

        return decode


class _NewLabels:
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


def _interned(text: bytes) -> Labels:
    return Labels(*map(sys.intern, structs.astuple(_decode(text))))


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


def _mark(text: bytes) -> int:
    """Tells one text from every other: two of Python's own hashes, which are keyed anew in every process.

    Of two texts, one of which goes on, the hashes say nothing of each other (SipHash). Of a million texts two have the
    same mark once in 10^26 runs, and nobody can aim at it. A checksum such as CRC-32 in place of the second hash takes
    twice as long as that.
    """
    return hash(text) << 64 ^ hash(text + b"\0")
