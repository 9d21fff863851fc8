"""What comes and goes in `attention` from one look to the next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from meshtop.model.state import Severity
from meshtop.model.text import clean
from meshtop.views.frame.moments import clock
from meshtop.views.reports.attention.item import SIGNS, AttentionItem
from meshtop.views.reports.attention.view import hit_text

SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)
"""The worst first."""


class AttentionEventKind(StrEnum):
    """What became of an item; `there` is what was there when watching began."""

    THERE = "there"
    CAME = "came"
    WORSE = "worse"
    BETTER = "better"
    GONE = "gone"


class AttentionEvent(Struct, frozen=True, rename="camel", kw_only=True):
    """Something that came, went, or changed how bad it is; of what went, `item` is how it was last."""

    event: AttentionEventKind
    time: datetime
    item: AttentionItem

    @property
    def rings(self) -> bool:
        """Whether somebody should be called: it is news, and bad, and nobody has acknowledged it."""
        return self.event in (AttentionEventKind.CAME, AttentionEventKind.WORSE) and self.item.acknowledged is None

    def line(self) -> str:
        """The event in one line."""
        item = self.item
        began = clock(item.since, self.time.timestamp(), "%H:%M:%S") if item.since and not item.lasting else ""
        since = f" since {began}Z" if began else ""
        hit = hit_text(item)
        more = f" (+{len(item.consequences)})" if item.consequences else ""
        told = " · ".join(filter(None, (f"{clean(item.title)}{more}{since}", hit, item.id)))
        return f"{self.time:%H:%M:%S}Z {self.event:<6} {SIGNS[item.severity]} {told}"


class AttentionChanges:
    """Holds each look against the one before. What became the consequence of something else has not gone away."""

    def __init__(self) -> None:
        self._before: dict[str, AttentionItem] | None = None

    def look(self, items: Iterable[AttentionItem], at: float) -> list[AttentionEvent]:
        """What changed since the last look, at Unix seconds; the first look finds what is there."""
        now = {item.id: item for item in items}
        moment = datetime.fromtimestamp(at, UTC)
        before, self._before = self._before, now

        def event(kind: AttentionEventKind, item: AttentionItem) -> AttentionEvent:
            return AttentionEvent(event=kind, time=moment, item=item)

        if before is None:
            return [event(AttentionEventKind.THERE, item) for item in now.values()]
        found = []
        for item in now.values():
            was = before.get(item.id)
            if was is None:
                found.append(event(AttentionEventKind.CAME, item))
            elif was.severity is not item.severity:
                worse = SEVERITIES.index(item.severity) < SEVERITIES.index(was.severity)
                found.append(event(AttentionEventKind.WORSE if worse else AttentionEventKind.BETTER, item))
        below = {one.id for item in now.values() for one in item.consequences}
        found += [
            event(AttentionEventKind.GONE, item) for id_, item in before.items() if id_ not in now and id_ not in below
        ]
        return found
