"""Label sets that every refresh names again: decoded once, and the same object for as long as they come."""

from __future__ import annotations

import sys

import msgspec
from msgspec import structs

from meshtop.model.telemetry import Labels

_decode = msgspec.json.Decoder(Labels).decode


class LabelSets:
    """Labels by the JSON text that an engine writes for them; a set that two refreshes did not name is forgotten.

    A refresh differs from the one before it in its numbers and hardly in its series. Two Snapshots share their labels,
    which are most of what they weigh, and equal values of labels are one string.
    """

    def __init__(self) -> None:
        self._now: dict[bytes, Labels] = {}
        self._before: dict[bytes, Labels] = {}

    def __len__(self) -> int:
        return len(self._now.keys() | self._before.keys())

    def begin_refresh(self) -> None:
        """Forget the sets that the last two refreshes did not name."""
        if self._now:
            self._before, self._now = self._now, {}

    def decode(self, raw: msgspec.Raw) -> Labels:
        """The labels of a JSON object. Raises msgspec.MsgspecError for what is none."""
        text = bytes(raw)
        labels = self._now.get(text)
        if labels is None:
            labels = self._before.get(text)
            if labels is None:
                labels = Labels(*map(sys.intern, structs.astuple(_decode(text))))
            self._now[text] = labels
        return labels
