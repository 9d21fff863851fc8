"""What needs attention, as it is remembered between runs: seen first, acknowledged, gone; and what changed before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from meshtop.model.state import Severity


class Acknowledgement(Struct, frozen=True, rename="camel", kw_only=True):
    """That somebody knows of an item: it steps back, until `until` or, without one, until it goes away.

    `severity` is how bad it was then: what gets worse is news again.
    """

    at: datetime
    until: datetime | None = None
    reason: str = ""
    severity: Severity | None = None


class Remembered(Struct, frozen=True, kw_only=True):
    """What is remembered of an item: when it was seen first (Unix seconds), and whether it is acknowledged.

    `since` is when it began, of what takes the evidence of that with it: the earliest that was known while it was seen.
    """

    first_seen: float
    since: float | None = None
    acknowledged: Acknowledgement | None = None


class Sighting(Struct, frozen=True, kw_only=True):
    """An item as it is seen at a moment.

    `clusters` are those that it could not be told without; `scope` tells it from one of the same id in another fleet:
    of each cluster the UID or, where that is not known, the API server, sorted and joined by commas. `follows` is the
    id of its cause, where it is only a consequence: it is there, and no item of its own. What is `silent` says nothing
    of when it fell silent to those who come later: the earliest `since` that anybody knew stands.
    """

    id: str
    severity: Severity
    title: str
    since: float | None
    clusters: tuple[str, ...] = ()
    scope: str = ""
    follows: str = ""
    silent: bool = False


class PastChange(Struct, frozen=True, kw_only=True):
    """Something that somebody changed: when (Unix seconds), in a sentence, the object, who, and in which action."""

    at: float
    title: str
    cluster: str = ""
    namespace: str = ""
    name: str = ""
    kind: str = ""
    who: str = ""
    action: str = ""


class AttentionLog(Protocol):
    """Remembers what needed attention from one run to the next, and knows what this machine changed."""

    def see(
        self,
        sightings: Iterable[Sighting],
        at: float,
        *,
        read: Mapping[str, str],
        servers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Remembered]:
        """What is remembered of these items, seen at Unix seconds `at`.

        Others that stand in clusters that were `read` only are gone: what they are known by (UID, else server), by
        name. `servers` are the API servers of clusters whose UID is known, by it.
        """

    def changes(self, since: float, until: float) -> tuple[PastChange, ...]:
        """What meshtop changed in that time, by its journal."""


class Forgetful:
    """Remembers nothing: every item is seen for the first time."""

    def see(
        self,
        sightings: Iterable[Sighting],
        at: float,
        *,
        read: Mapping[str, str],
        servers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Remembered]:
        """Nothing."""
        return {}

    def changes(self, since: float, until: float) -> tuple[PastChange, ...]:
        """None that is known."""
        return ()
