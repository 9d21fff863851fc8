"""How long a change of configuration takes to reach the proxies, by istiod's own measure."""

from __future__ import annotations

from math import inf, isinf

from meshtop.model.telemetry import Telemetry
from meshtop.model.traffic import Buckets

CONVERGENCE_METRIC = "pilot_proxy_convergence_time_bucket"
"""Seconds between a change and the moment at which a proxy has all of it."""
REACHES = 0.99
"""The share of the proxies that a change must have reached before it is taken to be in force."""


def convergence_times(telemetry: Telemetry | None) -> Buckets:
    """How long changes took to reach a control plane's proxies, in milliseconds; empty where it is not read."""
    buckets: dict[float, float] = {}
    for sample in telemetry.control if telemetry is not None else ():
        bound = _bound(sample.labels.get("le")) if sample.metric == CONVERGENCE_METRIC else None
        if bound is not None:
            buckets[bound * 1000] = buckets.get(bound * 1000, 0.0) + sample.value
    bounds = tuple(sorted(buckets))
    return Buckets(bounds, tuple(buckets[b] for b in bounds)) if bounds and isinf(bounds[-1]) else Buckets()


def convergence_seconds(telemetry: Telemetry | None) -> float | None:
    """After how many seconds a change has reached nearly all proxies; None where nothing was pushed or read."""
    found = convergence_times(telemetry).quantile(REACHES)
    return None if found is None else found / 1000


def _bound(text: str | None) -> float | None:
    try:
        return inf if text in ("+Inf", "Inf") else float(text or "")
    except ValueError:
        return None
