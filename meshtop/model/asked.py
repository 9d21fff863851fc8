"""What is asked of the clusters for an answer: everything, or only what the answer is worked out from."""

from __future__ import annotations

from msgspec import Struct


class Asked(Struct, frozen=True):
    """Kinds (by their names in `Inventory.kinds`) and queries (fields of Telemetry, `control_…`); None is all of them.

    With `findings` there is also what only findings on the configuration are worked out from: extensions of proxies,
    webhooks as a whole, definitions of kinds, injectors' values, the names of Secrets where gateways run. Few users
    look at them, and fewer may read all of it, so that None does not mean it.

    What was not asked is not known: nothing may be said about it, least of all that it is not there.
    """

    kinds: frozenset[str] | None = None
    queries: frozenset[str] | None = None
    findings: bool = False

    def asks_kind(self, kind: str) -> bool:
        """Whether this kind is asked for."""
        return self.kinds is None or kind in self.kinds

    def asks_query(self, query: str) -> bool:
        """Whether this query is asked."""
        return self.queries is None or query in self.queries

    def covers(self, other: Asked) -> bool:
        """Whether all kinds and queries are asked here that are asked there.

        Findings without what only they need are fewer, and say what is unknown to them: they are counted like that.
        """
        return _within(other.kinds, self.kinds) and _within(other.queries, self.queries)

    def __or__(self, other: Asked) -> Asked:
        """What is asked by either."""
        return Asked(
            _both(self.kinds, other.kinds), _both(self.queries, other.queries), self.findings or other.findings
        )


EVERYTHING_ASKED = Asked()
"""All kinds and queries, without what only findings on the configuration need."""
EVERYTHING_WITH_FINDINGS = Asked(findings=True)
"""All that there is to ask."""


def _within(some: frozenset[str] | None, all_: frozenset[str] | None) -> bool:
    return all_ is None or (some is not None and some <= all_)


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other
