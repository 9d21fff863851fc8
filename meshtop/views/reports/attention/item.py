"""The items of `attention` as scripts and screens see them (INTERFACE.md, kind attention)."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from meshtop.model.attention import Acknowledgement
from meshtop.model.state import Severity
from meshtop.views.frame.table import Tone
from meshtop.views.frame.things import Thing

TONES = {Severity.ERROR: Tone.FAILING, Severity.WARNING: Tone.DEGRADED, Severity.INFO: Tone.DIM}
SIGNS = {Severity.ERROR: "✗", Severity.WARNING: "▲", Severity.INFO: "~"}


class Impact(Struct, frozen=True, rename="camel", kw_only=True):
    """Who is hit, and how hard: requests per second that it touches, of which so many fail or are slow.

    `unseenPerSecond` are requests of which nothing is heard any more, null where nobody knows how many. `tenants` are
    those of the place and of the callers, `workloads` counts what is affected.
    """

    requests_per_second: float = 0.0
    errors_per_second: float = 0.0
    slow_per_second: float = 0.0
    plaintext_per_second: float = 0.0
    unseen_per_second: float | None = 0.0
    tenants: tuple[str, ...] = ()
    workloads: int = 0


class FoldedItem(Struct, frozen=True, rename="camel", kw_only=True):
    """What follows from an item, and since when."""

    id: str
    severity: Severity
    title: str
    since: datetime | None


class PrecedingChange(Struct, frozen=True, rename="camel", kw_only=True):
    """What changed just before an item began: it may be the cause, and is the first thing to look at."""

    title: str
    time: datetime


class SuspectedChange(Struct, frozen=True, rename="camel", kw_only=True):
    """A change that may be the cause: its key in `changes`, what it was and when, how likely (0 to 1), and why."""

    key: str
    title: str
    time: datetime
    score: float
    why: str


class AttentionItem(Struct, frozen=True, rename="camel", kw_only=True):
    """One thing that needs attention.

    `since` is when it began, null where nothing tells; where `lasting` is true it was so from the beginning of what
    could be read, and began then or earlier. `firstSeen` is when meshtop saw it first, remembered on this machine.
    `places` are CLUSTER or CLUSTER/NAMESPACE. `changes` are suspected, the likeliest first. `rank` orders the list: the
    first is 0.
    """

    id: str
    severity: Severity
    title: str
    since: datetime | None
    first_seen: datetime
    impact: Impact
    cause: PrecedingChange | None
    consequences: tuple[FoldedItem, ...]
    acknowledged: Acknowledgement | None
    about: tuple[Thing, ...]
    findings: tuple[str, ...]
    lasting: bool = False
    places: tuple[str, ...] = ()
    rank: int = 0
    changes: tuple[SuspectedChange, ...] = ()

    @property
    def tone(self) -> Tone:
        """Its colour; what is acknowledged steps back."""
        return Tone.DIM if self.acknowledged is not None else TONES[self.severity]

    @property
    def mark(self) -> str:
        """What stands before the title of what is acknowledged, to tell it without colour."""
        return "✓ " if self.acknowledged is not None else ""

    @property
    def sign(self) -> str:
        """The sign that tells how bad it is without colour."""
        return SIGNS[self.severity]
