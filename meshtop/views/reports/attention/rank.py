"""What comes first: by what it costs a second, weighed by how new it is."""

from __future__ import annotations

from msgspec import structs

from meshtop.model.state import Severity
from meshtop.views.reports.attention.item import AttentionItem, Impact

SLOW, UNSEEN, PLAINTEXT = 0.1, 0.1, 0.2
"""A request that is slow, of which nothing is heard, or that goes unencrypted, against one that fails."""
HOUR = 3600.0
OLDEST = 0.005
"""What is known for a week or more still counts so much."""
UNDATED = 0.3
"""Of what nothing tells since when, nothing tells that it is new."""
DAY = 24 * HOUR
LITTLE = 1.0
"""What costs less than so many failing requests a second is little; beyond that an old error is one still."""
_MEASURED = frozenset({"workloads", "edges", "virtualmachines"})
"""Kinds of which calls tell what it costs; what a lost control plane or root of trust costs, nobody has counted."""
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


def harm(impact: Impact, elsewhere: float) -> float:
    """What an impact costs, in failing requests per second; `elsewhere` stands for requests that nobody could count."""
    unseen = elsewhere if impact.unseen_per_second is None else impact.unseen_per_second
    return (
        impact.errors_per_second
        + SLOW * impact.slow_per_second
        + UNSEEN * unseen
        + PLAINTEXT * impact.plaintext_per_second
    )


def newness(item: AttentionItem, now: float) -> float:
    """From 1 for what began now towards nothing: half after an hour, a twenty-fifth after a day."""
    began = item.since.timestamp() if item.since is not None else None
    seen = item.first_seen.timestamp()
    if began is None and now - seen < 60.0:
        return UNDATED
    return max(OLDEST, 1 / (1 + max(0.0, now - (seen if began is None else min(began, now))) / HOUR))


def stepped_back(item: AttentionItem, now: float, elsewhere: float) -> AttentionItem:
    """The item, as a warning where it is an error that is old and costs little: somebody who looks has seen it.

    Old is what was there for all of the time that could be read, and what began, or was first seen, a day ago.
    """
    if item.severity is not Severity.ERROR or not item.about or item.about[0].kind not in _MEASURED:
        return item
    known = [moment.timestamp() for moment in (item.since, item.first_seen) if moment is not None]
    old = item.lasting or now - min(known) >= DAY
    return structs.replace(item, severity=Severity.WARNING) if old and harm(item.impact, elsewhere) < LITTLE else item


def rank_key(item: AttentionItem, now: float, elsewhere: float) -> tuple[bool, float, int, float, str]:
    """To sort by: what is acknowledged last, then harm by newness, severity, newness, and the id."""
    new = newness(item, now)
    cost = harm(item.impact, elsewhere) * new
    # What costs less than a request in a hundred seconds is not told apart by it.
    return (item.acknowledged is not None, -round(cost, 2), _ORDER.index(item.severity), -round(new, 1), item.id)
