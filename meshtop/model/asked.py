"""What is asked of the clusters for an answer: everything, or only what the answer is worked out from."""

from __future__ import annotations

from msgspec import Struct


class Asked(Struct, frozen=True):
    """Kinds (by their names in `Inventory.kinds`) and queries (fields of Telemetry, `control_…`); None is all of them.

    What was not asked is not known: nothing may be said about it, least of all that it is not there.
    """

    kinds: frozenset[str] | None = None
    queries: frozenset[str] | None = None

    def asks_kind(self, kind: str) -> bool:
        """Whether this kind is asked for."""
        return self.kinds is None or kind in self.kinds

    def asks_query(self, query: str) -> bool:
        """Whether this query is asked."""
        return self.queries is None or query in self.queries

    def covers(self, other: Asked) -> bool:
        """Whether everything is asked here that is asked there."""
        return _within(other.kinds, self.kinds) and _within(other.queries, self.queries)

    def __or__(self, other: Asked) -> Asked:
        """What is asked by either."""
        return Asked(_both(self.kinds, other.kinds), _both(self.queries, other.queries))


EVERYTHING_ASKED = Asked()


def _within(some: frozenset[str] | None, all_: frozenset[str] | None) -> bool:
    return all_ is None or (some is not None and some <= all_)


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other
