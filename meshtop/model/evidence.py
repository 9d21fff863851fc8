"""What an answer stands on: whether a fact was read, is absent, or was not read and why.

These three never collapse into two: what was not read is unknown, and is neither shown as a default nor counted as
nothing. A source's own words (fresh, stale, denied …) say how the reading went; here it is said of a single fact.
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

    `NOT_READ` is what nobody asked for yet; `UNSUPPORTED` what this kind of cluster or engine cannot tell.
    """

    DENIED = "denied"
    UNREACHABLE = "unreachable"
    STALE = "stale"
    NOT_READ = "not-read"
    UNSUPPORTED = "unsupported"


class Evidence(Struct, frozen=True):
    """How well one fact is known; `why` is set exactly where it was not read."""

    reading: Reading
    why: WhyUnknown | None = None

    @property
    def known(self) -> bool:
        """Whether the fact may be built on: it was read, or is known to be absent."""
        return self.reading is not Reading.NOT_READ


READ = Evidence(Reading.READ)
ABSENT = Evidence(Reading.ABSENT)


def not_read(why: WhyUnknown) -> Evidence:
    """The evidence of something that was not read."""
    return Evidence(Reading.NOT_READ, why)


class Unknown(Struct, frozen=True, rename="camel"):
    """What an answer could not take into account: `what` in a few words (a kind, a file, traffic), where, and why."""

    what: str
    cluster: str
    why: WhyUnknown
