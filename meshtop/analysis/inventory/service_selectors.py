"""Which Services select which labels, without comparing every Service with every workload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

Pair = tuple[str, str]


class SelectorIndex:
    """Selectors by namespace and by their rarest pair; a selector without pairs selects nothing."""

    def __init__(self, selectors: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
        """`selectors` are (namespace, name, pairs)."""
        kept = [(namespace, name, pairs) for namespace, name, pairs in selectors if pairs]
        uses = Counter((namespace, pair) for namespace, _, pairs in kept for pair in pairs.items())
        self._by_pair: dict[tuple[str, Pair], list[tuple[str, Mapping[str, str]]]] = {}
        for namespace, name, pairs in kept:
            rarest = min(pairs.items(), key=lambda pair: (uses[(namespace, pair)], pair))
            self._by_pair.setdefault((namespace, rarest), []).append((name, pairs))

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The names whose selector is part of the labels, sorted."""
        by_pair = self._by_pair
        found = {
            name
            for pair in labels.items()
            for name, pairs in by_pair.get((namespace, pair), ())
            if all(labels.get(key) == value for key, value in pairs.items())
        }
        return tuple(sorted(found))
