"""A cache of label sets, which repeat at every refresh: each is decoded once and stays the identical object."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec
from msgspec import structs

from meshtop.model.telemetry import Labels

_decode = msgspec.json.Decoder(Labels).decode


class LabelSets:
    """Labels by their JSON text; a set not used in two refreshes is dropped.

    Refreshes differ in numbers and hardly in series. Snapshots share their labels, which are most of their memory, and
    equal label values are one string. The texts themselves, several times as long, are not kept but a mark of 128 bits.
    """

    def __init__(self) -> None:
        self._now: dict[int, Labels] = {}
        self._before: dict[int, Labels] = {}
        self._named: dict[int, tuple[str, int, Labels]] = {}
        self._named_before: dict[int, tuple[str, int, Labels]] = {}

    def __len__(self) -> int:
        return len(self._now.keys() | self._before.keys())

    def begin_refresh(self) -> None:
        """Drop the sets not used in the last two refreshes."""
        if self._now:
            self._before, self._now = self._now, {}
            self._named_before, self._named = self._named, {}

    def decode(self, raw: msgspec.Raw | bytes) -> Labels:
        """The labels of a JSON object. Raises msgspec.MsgspecError if it is invalid."""
        text = bytes(raw)
        return self._marked(text, _mark(text))

    def decode_named(
        self, raw: msgspec.Raw | bytes, unnamed: Callable[[bytes], tuple[str, bytes]]
    ) -> tuple[str, Labels]:
        """The name of a question in the text, and the labels of the text without it, the same object as `decode` gives.

        `unnamed` takes a text apart, once for each that repeats. Raises what that raises, and as `decode`.
        """
        text = bytes(raw)
        mark = _mark(text)
        found = self._named.get(mark)
        if found is None:
            found = self._named_before.get(mark)
            if found is None:
                name, rest = unnamed(text)
                of_rest = _mark(rest)
                found = (sys.intern(name), of_rest, self._marked(rest, of_rest))
            else:
                self._now[found[1]] = found[2]
            self._named[mark] = found
        return found[0], found[2]

    def _marked(self, text: bytes, mark: int) -> Labels:
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
