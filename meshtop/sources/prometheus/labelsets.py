"""A cache of label sets, which repeat at every refresh: each is decoded once and stays the identical object."""

from __future__ import annotations

import sys

import msgspec
from msgspec import structs

from meshtop.model.telemetry import Labels

_decode = msgspec.json.Decoder(Labels).decode


class LabelSets:
    """Labels by their JSON text; a set not used in two refreshes is dropped.

    Refreshes differ in numbers and hardly in series. Snapshots share their labels, which are most of their memory, and
    equal label values are one string.
    """

    def __init__(self) -> None:
        self._now: dict[bytes, Labels] = {}
        self._before: dict[bytes, Labels] = {}

    def __len__(self) -> int:
        return len(self._now.keys() | self._before.keys())

    def begin_refresh(self) -> None:
        """Drop the sets not used in the last two refreshes."""
        if self._now:
            self._before, self._now = self._now, {}

    def decode(self, raw: msgspec.Raw) -> Labels:
        """The labels of a JSON object. Raises msgspec.MsgspecError if it is invalid."""
        text = bytes(raw)
        labels = self._now.get(text)
        if labels is None:
            labels = self._before.get(text)
            if labels is None:
                labels = Labels(*map(sys.intern, structs.astuple(_decode(text))))
            self._now[text] = labels
        return labels
