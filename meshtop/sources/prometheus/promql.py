"""PromQL: quoting, and the list of all named queries that meshtop sends."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from msgspec import Struct

from meshtop.analysis.traffic.metrics import (
    CONTROL,
    METRIC_LABEL,
    RECORDED_PREFIX,
    TRAFFIC,
    ControlMetrics,
    duration_text,
)

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATORS = ("=", "!=", "=~", "!~")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_REGEX_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


def quote(value: str) -> str:
    """A PromQL string literal for exactly `value`, with any content.

    Control characters are written as escapes; a lone surrogate, which no UTF-8 can carry, becomes U+FFFD.
    """
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    out = ['"']
    for char in value:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char < " " or "\x7f" <= char <= "\x9f":
            out.append(f"\\u{ord(char):04x}")
        elif "\ud800" <= char <= "\udfff":
            out.append("\ufffd")
        else:
            out.append(char)
    out.append('"')
    return "".join(out)


def regex_literal(value: str) -> str:
    """A regular expression (RE2) that matches `value` and nothing else."""
    return _REGEX_SPECIAL.sub(lambda match: "\\" + match[0], value)


class Matcher(Struct, frozen=True):
    """A label, an operator (=, !=, =~, !~) and a value not yet quoted; raises ValueError for an impossible label."""

    label: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        if not _LABEL.fullmatch(self.label):
            raise ValueError(f"{self.label!r} is not a label's name; use letters, digits and _, with no digit first")
        if self.operator not in _OPERATORS:
            raise ValueError(f"{self.operator!r} is not an operator of PromQL; use one of {' '.join(_OPERATORS)}")

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{quote(self.value)}"


def one_of(label: str, values: Collection[str], *, negated: bool = False) -> Matcher:
    """A matcher for any (or none) of these values."""
    return Matcher(label, "!~" if negated else "=~", "|".join(regex_literal(value) for value in values))


def equal(matchers: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers as the settings write them: label to value."""
    return tuple(Matcher(label, "=", value) for label, value in matchers.items())


def selector(metric: str, matchers: Sequence[Matcher] = ()) -> str:
    """A series selector: the metric's name and its matchers."""
    return f"{metric}{{{','.join(map(str, matchers))}}}" if matchers else metric


def refresh_queries(
    window_seconds: float,
    matchers: Mapping[str, str],
    *,
    narrow: Sequence[Matcher] | None = None,
    extra_by: Sequence[str] = (),
    recorded: Collection[str] = (),
) -> Mapping[str, str]:
    """The queries of one refresh by name: the fields of Telemetry, then `control_…`.

    `matchers` (label to value) go into every selector, `narrow` only into those of traffic. `extra_by` are labels to
    group by besides Istio's own. `recorded` are names of recording rules that exist: their rates are taken as they are.
    """
    cut = tuple(narrow or ())
    return _refresh_queries(window_seconds, tuple(matchers.items()), cut, tuple(extra_by), frozenset(recorded))


@lru_cache(maxsize=64)
def _refresh_queries(
    window_seconds: float,
    matchers: tuple[tuple[str, str], ...],
    narrow: tuple[Matcher, ...],
    extra_by: tuple[str, ...],
    recorded: frozenset[str],
) -> Mapping[str, str]:
    """As `refresh_queries`: clusters that are selected in the same way are asked the same."""
    window = duration_text(window_seconds)
    always = equal(dict(matchers))
    queries: dict[str, str] = {}
    for metric in TRAFFIC:
        chosen = (*always, *narrow)
        rule = metric.recorded(window)
        rate = selector(rule, chosen) if rule in recorded else f"rate({selector(metric.name, chosen)}[{window}])"
        queries[metric.field] = f"sum by ({', '.join((*extra_by, *metric.by))}) ({rate})"
    for group in CONTROL:
        queries[group.query] = _control_query(group, window, always, extra_by)
    return MappingProxyType(queries)


def _control_query(group: ControlMetrics, window: str, always: Sequence[Matcher], extra_by: Sequence[str]) -> str:
    by = ", ".join((*extra_by, *group.by))
    if not group.counters:
        chosen = (Matcher(group.only[0], "=~", group.only[1]),) if group.only else ()
        gauges = (
            f"{group.fold} by (__name__, {by}) ({selector('', (one_of('__name__', group.names), *chosen, *always))})"
        )
        if group.lowest:
            return f"bottomk by ({', '.join((*extra_by, 'resource_name'))}) ({group.lowest}, {gauges})"
        return gauges
    parts = [
        f"label_replace({group.fold} by ({by}) (rate({selector(name, always)}[{window}])), "
        f'{quote(METRIC_LABEL)}, {quote(name)}, "", "")'
        for name in group.names
    ]
    return " or ".join(parts)


def recorded_query(matchers: Mapping[str, str]) -> str:
    """The query for meshtop's existing recording rules: one sample for each name."""
    name = Matcher("__name__", "=~", f"{RECORDED_PREFIX}istio_.+:rate.+")
    return f"count by (__name__) ({selector('', (name, *equal(matchers)))})"


SCRAPES_SECONDS = 300.0
"""The time over which scrapes are counted."""


ALWAYS_THERE = ("istio_requests_total", "istio_tcp_connections_opened_total", "istio_build", "pilot_info")
"""Metrics of which a Prometheus that reads a mesh has one at least."""


def known_query(matchers: Mapping[str, str], label: str) -> str:
    """The query for which clusters an engine above all of them knows: one sample for each value of their label."""
    return f"count by ({label}) ({selector('', (one_of('__name__', ALWAYS_THERE), *equal(matchers)))})"


def scrapes_query(matchers: Mapping[str, str]) -> str:
    """The query for how often Istio was scraped in five minutes: the most samples of a gauge that is always there."""
    chosen = (one_of("__name__", ("istio_build", "pilot_info")), *equal(matchers))
    return f"max(count_over_time({selector('', chosen)}[{duration_text(SCRAPES_SECONDS)}]))"


def history_queries(window_seconds: float, matchers: Mapping[str, str]) -> Mapping[str, str]:
    """A cluster's golden signals over time: requests and errors per second, and p99 in ms.

    As in the official dashboards' mesh totals, requests are counted by the source (or the waypoint).
    """
    window = duration_text(window_seconds)
    reports = (one_of("reporter", ("source", "waypoint")), *equal(matchers))
    return {
        "requests": requests_rate(window, reports),
        "errors": errors_rate(window, reports),
        "p99_ms": _quantile(0.99, window, reports),
    }


def rates_of(metric: str, window: str, *selections: Sequence[Matcher]) -> str:
    """The rates of a metric's series that any of the selections takes; no series is in two of them."""
    return " or ".join(f"rate({selector(metric, one)}[{window}])" for one in selections)


def requests_rate(window: str, *selections: Sequence[Matcher]) -> str:
    """Requests per second of what the selections take."""
    return f"sum({rates_of('istio_requests_total', window, *selections)})"


def errors_rate(window: str, *selections: Sequence[Matcher]) -> str:
    """Errors per second of what the selections take, for figures over time and for charts.

    No response, 5xx, and for gRPC 4xx and every status but OK: what the counting of edges takes for an error."""
    chosen = [(*which, *one) for one in selections for which in failures()]
    return requests_rate(window, *chosen)


def errors_percent(window: str, *selections: Sequence[Matcher]) -> str:
    """Percentage of requests that failed, of what the selections take: zero without failures, nothing without calls."""
    total = requests_rate(window, *selections)
    return f"100 * ({errors_rate(window, *selections)} or 0 * {total}) / ({total} > 0)"


def failures() -> tuple[tuple[Matcher, ...], ...]:
    """What selects failed requests; a series that failed is in exactly one of them."""
    grpc = Matcher("request_protocol", "=", "grpc")
    return (
        (Matcher("response_code", "=~", "0|5.."),),
        (grpc, Matcher("response_code", "=~", "4..")),
        (grpc, Matcher("response_code", "!~", "0|4..|5.."), Matcher("grpc_response_status", "!~", "0|")),
    )


def _quantile(q: float, window: str, reports: Sequence[Matcher]) -> str:
    buckets = selector("istio_request_duration_milliseconds_bucket", reports)
    return f"histogram_quantile({q:g}, sum by (le) (rate({buckets}[{window}])))"
