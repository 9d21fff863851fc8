"""Evidence for a fact: whether it was read, is absent, or was not read and why.

These three never collapse into two: what was not read is unknown, and is neither shown as a default nor counted as
nothing. A source's state (fresh, stale, denied …) describes its last read as a whole; evidence describes a single fact.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Reading(StrEnum):
    """Whether a fact is known: read (perhaps as empty), absent (the server has no such kind or object), or not read."""

    READ = "read"
    ABSENT = "absent"
    NOT_READ = "not-read"


class WhyUnknown(StrEnum):
    """Why something was not read; the words of `unknowns[]` in JSON (docs/json.md).

    `NOT_READ`: not requested yet. `UNSUPPORTED`: this kind of cluster or engine cannot provide it. `NO_DATA`: it was
    asked for, and the answer holds nothing to judge by.
    """

    DENIED = "denied"
    UNREACHABLE = "unreachable"
    STALE = "stale"
    NOT_READ = "not-read"
    UNSUPPORTED = "unsupported"
    NO_DATA = "no-data"


class Evidence(Struct, frozen=True):
    """How well one fact is known; `why` is set if and only if it was not read."""

    reading: Reading
    why: WhyUnknown | None = None

    @property
    def known(self) -> bool:
        """Whether the fact is reliable: it was read, or is known to be absent."""
        return self.reading is not Reading.NOT_READ


READ = Evidence(Reading.READ)
ABSENT = Evidence(Reading.ABSENT)


def not_read(why: WhyUnknown) -> Evidence:
    """Evidence for a fact that was not read, with the reason."""
    return Evidence(Reading.NOT_READ, why)


class Unknown(Struct, frozen=True, rename="camel"):
    """What an answer could not take into account: `what` in a few words (a kind, a file, traffic), where, and why."""

    what: str
    cluster: str
    why: WhyUnknown
