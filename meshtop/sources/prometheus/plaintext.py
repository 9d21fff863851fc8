"""Plaintext of the last day: callers, servers, amounts, and since when. Cheap, and queried rarely.

Only series of plaintext are read over the whole day, which are few in a healthy mesh. Whether a destination was
measured for the whole day is known from one lookup at its beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.telemetry import PlaintextDay, Sample
from meshtop.sources.prometheus.answers import QueryFailed, decode_samples
from meshtop.sources.prometheus.engine import Engine
from meshtop.sources.prometheus.promql import Matcher, equal, one_of, selector

SPAN_SECONDS = 86_400.0
EVERY_SECONDS = 600.0
"""Seconds until an answer is queried again."""
STEP_SECONDS = 300.0
_REQUESTS, _CONNECTIONS = "istio_requests_total", "istio_tcp_connections_opened_total"
_TARGET = ("destination_cluster", "destination_workload_namespace", "destination_workload")
_ENDS = ("source_cluster", "source_workload_namespace", "source_workload", *_TARGET)
_KNOWING = Matcher("reporter", "=~", "destination|waypoint")
_PLAIN = Matcher("connection_security_policy", "=", "none")
_PLAIN_ZTUNNEL = (
    Matcher("reporter", "=", "destination"),
    Matcher("connection_security_policy", "=", "unknown"),
    Matcher("destination_workload", "!=", "unknown"),
)


def plaintext_queries(matchers: Mapping[str, str], span_seconds: float = SPAN_SECONDS) -> Mapping[str, str]:
    """The four queries by the field of PlaintextDay that they fill.

    ztunnel never says `none`: its plaintext reads `unknown` (reference: Telemetry, Ambient).
    """
    span, step = duration_text(span_seconds), duration_text(STEP_SECONDS)
    always = equal(matchers)
    requests = selector(_REQUESTS, (_KNOWING, _PLAIN, *always))
    sidecars = selector(_CONNECTIONS, (_KNOWING, _PLAIN, *always))
    ztunnels = selector(_CONNECTIONS, (*_PLAIN_ZTUNNEL, *always))
    either = one_of("__name__", (_REQUESTS, _CONNECTIONS))
    ends, target = ", ".join(_ENDS), ", ".join(_TARGET)
    firsts = " or ".join(f"timestamp({series})" for series in (requests, sidecars, ztunnels))
    return {
        "requests": f"sum by ({ends}) (increase({requests}[{span}])) > 0",
        "connections": f"sum by ({ends}) (increase({sidecars}[{span}]) or increase({ztunnels}[{span}])) > 0",
        "first_seen": f"min by ({ends}) (min_over_time(({firsts})[{span}:{step}]))",
        "measured": f"group by ({target}) ({selector('', (either, _KNOWING, *always))} offset {span})",
    }


async def read_plaintext_day(engine: Engine, *, matchers: Mapping[str, str], at: float) -> PlaintextDay | None:
    """Query the day that ends at `at` (Unix seconds); None if the counts or the measured destinations are missing."""
    queries = plaintext_queries(matchers)

    async def ask(name: str) -> Sequence[Sample] | None:
        try:
            answer = await decode_samples(await engine.query(queries[name], at=at))
        except QueryFailed:
            return None
        # Of a series that could not be understood nobody knows whether it was plaintext.
        return None if answer.odd else answer.items

    answers = dict(zip(queries, await asyncio.gather(*map(ask, queries)), strict=True))
    requests, connections, measured = (answers[name] for name in ("requests", "connections", "measured"))
    if requests is None or connections is None or measured is None:
        return None
    return PlaintextDay(
        at=at,
        span_seconds=SPAN_SECONDS,
        requests=tuple(requests),
        connections=tuple(connections),
        first_seen=tuple(answers["first_seen"] or ()),
        measured=tuple(measured),
    )
