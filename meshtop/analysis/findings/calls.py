"""How many requests a second reach each Service, for the order of findings and for routes that nobody calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from meshtop.analysis.findings.finding import Touched
from meshtop.model.traffic import Edge

_OF_CLUSTER = re.compile(r"([^.]+)\.([^.]+)\.svc(?:\..*)?")


class Calls(Struct, frozen=True):
    """Requests (TCP: connections) a second by Service, and by namespace under the name "".

    `complete` is whether the telemetry of every cluster was read, so that a Service without requests has none.
    """

    rates: Mapping[Touched, float]
    complete: bool = False

    def touching(self, touches: Iterable[Touched]) -> float | None:
        """The requests a second of some Services together; None where that is not known."""
        wanted = tuple(touches)
        if not wanted or not (self.complete or any(one in self.rates for one in wanted)):
            return None
        return sum(self.rates.get(one, 0.0) for one in wanted)


def calls_of(edges: Iterable[Edge], *, complete: bool) -> Calls:
    """What edges say about each Service."""
    rates: dict[Touched, float] = {}
    for edge in edges:
        rate = edge.sums.requests if edge.sums.requests is not None else edge.sums.connections
        if not rate:
            continue
        target = edge.destination
        found = _OF_CLUSTER.fullmatch(target.service)
        key = (found[2], found[1]) if found else (target.namespace, target.service)
        rates[key] = rates.get(key, 0.0) + rate
        if key[1]:
            home = (key[0], "")
            rates[home] = rates.get(home, 0.0) + rate
    return Calls(rates, complete)
