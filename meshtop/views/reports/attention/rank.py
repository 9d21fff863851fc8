"""What comes first: by what it costs a second, weighed by how new it is."""

from __future__ import annotations

from meshtop.model.state import Severity
from meshtop.views.reports.attention.item import AttentionItem, Impact

SLOW, UNSEEN, PLAINTEXT = 0.1, 0.1, 0.2
"""A request that is slow, of which nothing is heard, or that goes unencrypted, against one that fails."""
HOUR = 3600.0
OLDEST = 0.005
"""What is known for a week or more still counts so much."""
UNDATED = 0.3
"""Of what nothing tells since when, nothing tells that it is new."""
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


def rank_key(item: AttentionItem, now: float, elsewhere: float) -> tuple[bool, float, int, float, str]:
    """To sort by: what is acknowledged last, then harm by newness, severity, newness, and the id."""
    new = newness(item, now)
    cost = harm(item.impact, elsewhere) * new
    # What costs less than a request in a hundred seconds is not told apart by it.
    return (item.acknowledged is not None, -round(cost, 2), _ORDER.index(item.severity), -round(new, 1), item.id)
