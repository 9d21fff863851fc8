"""What befalls the world: deviations from the plan, piecewise constant in time. Scenarios are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Errors = tuple[tuple[str, float], ...]
VersionKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the world deviates from its plan at present. A cluster "" means every cluster.

    `errors` and `slower` are by (cluster, service, version); `busier` multiplies what a (cluster, service) does of its
    own accord, `calls` multiplies one caller's calls (caller, callee); `split` are weights that routes had before the
    objects of today; `untrusted` clusters have a root of their own; `intruder` is plaintext requests per second from
    outside the mesh to a (cluster, service). `convergence` is the median delay (seconds) of a cluster's control plane,
    `rejects` the configurations per second that its proxies refuse.
    """

    errors: Mapping[VersionKey, Errors] = field(default_factory=dict)
    slower: Mapping[VersionKey, float] = field(default_factory=dict)
    busier: Mapping[tuple[str, str], float] = field(default_factory=dict)
    calls: Mapping[tuple[str, str], float] = field(default_factory=dict)
    split: Mapping[tuple[str, str], Mapping[str, float]] = field(default_factory=dict)
    down: frozenset[str] = frozenset()
    untrusted: frozenset[str] = frozenset()
    intruder: Mapping[tuple[str, str], float] = field(default_factory=dict)
    convergence: Mapping[str, float] = field(default_factory=dict)
    rejects: Mapping[str, float] = field(default_factory=dict)

    def errors_of(self, cluster: str, service: str, version: str, planned: Errors) -> Errors:
        """The error shares of a version."""
        return self.errors.get((cluster, service, version)) or self.errors.get(("", service, version)) or planned

    def slowness(self, cluster: str, service: str, version: str) -> float:
        """The factor on the latency of a version."""
        return self.slower.get((cluster, service, version), 1.0) * self.slower.get(("", service, version), 1.0)

    def business(self, cluster: str, service: str) -> float:
        """The factor on what a service does of its own accord or gets from outside."""
        return self.busier.get((cluster, service), 1.0) * self.busier.get(("", service), 1.0)
