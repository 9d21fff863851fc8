"""PromQL of service level indicators: which requests to a service there were, and which of them were bad.

As for edges the source (or the waypoint) speaks for a request, and the destination only for callers that report
nothing: a request that never arrived counts too, and none counts twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product

from meshtop.analysis.alerting.recorded import PYRRA_BURN, PYRRA_SERIES, SLOTH_SERIES
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.alerting import SloTarget
from meshtop.sources.prometheus.promql import Matcher, equal, failures, one_of, regex_literal, selector

NAMESPACE_OF, SERVICE_OF = "destination_service_namespace", "destination_service_name"
GROUP = f"{NAMESPACE_OF}, {SERVICE_OF}"
PART, BAD, ALL = "slo_part", "bad", "all"
BACK = "back"
_SPEAKERS = (
    (one_of("reporter", ("source", "waypoint")),),
    (Matcher("reporter", "=", "destination"), Matcher("source_workload", "=", "unknown")),
)
_REQUESTS = "istio_requests_total"
_COUNT, _BUCKET = "istio_request_duration_milliseconds_count", "istio_request_duration_milliseconds_bucket"


def requests_of(target: SloTarget, function: str, window: str, matchers: Mapping[str, str]) -> str:
    """All requests to the services of an objective over a window, by `rate` or `increase`, for each service."""
    metric = _REQUESTS if target.latency_ms is None else _COUNT
    return _summed(function, window, [selector(metric, chosen) for chosen in _chosen(target, matchers)])


def bad_of(target: SloTarget, function: str, window: str, matchers: Mapping[str, str]) -> str:
    """The requests that failed, or with a latency those that took longer."""
    if target.latency_ms is None:
        chosen = product(_chosen(target, matchers), failures())
        return _summed(function, window, [selector(_REQUESTS, (*one, *failed)) for one, failed in chosen])
    # Prometheus 3 writes whole bounds as `250.0`, and those before as `250`.
    within = Matcher("le", "=~", rf"{regex_literal(f'{target.latency_ms:g}')}(\.0)?")
    fast = _summed(function, window, [selector(_BUCKET, (*one, within)) for one in _chosen(target, matchers)])
    return f"({requests_of(target, function, window, matchers)} - {fast})"


def counted_query(target: SloTarget, window_seconds: float, matchers: Mapping[str, str]) -> str:
    """One query for both counts over a window, told apart by a label."""
    window = duration_text(window_seconds)
    bad, all_ = (make(target, "increase", window, matchers) for make in (bad_of, requests_of))
    return f'label_replace({bad}, "{PART}", "{BAD}", "", "") or label_replace({all_}, "{PART}", "{ALL}", "", "")'


def held_query(spans: Collection[float], matchers: Mapping[str, str]) -> str:
    """Which of these spans (seconds) the engine holds: whether it had scraped anything so long ago."""
    up = selector("up", equal(matchers))
    words = map(duration_text, spans)
    return " or ".join(f'label_replace(count({up} offset {back}), "{BACK}", "{back}", "", "")' for back in words)


def recorded_since_query(spans: Collection[float], matchers: Mapping[str, str]) -> str:
    """Which of these spans (seconds) Sloth's rules have recorded: a budget over more is of what there is."""
    short = selector(SLOTH_SERIES[0], equal(matchers))
    words = map(duration_text, spans)
    return " or ".join(
        f'label_replace(count by (sloth_id) ({short} offset {back}), "{BACK}", "{back}", "", "")' for back in words
    )


def recorded_slos_query(matchers: Mapping[str, str]) -> str:
    """The query for objectives that recording rules measure: all their series but Pyrra's burn rates."""
    return selector("", (one_of("__name__", (*SLOTH_SERIES, *PYRRA_SERIES)), *equal(matchers)))


def pyrra_burn_query(matchers: Mapping[str, str]) -> str:
    """The query for Pyrra's burn rates, whose names begin with those of the metrics that they are of."""
    name = Matcher("__name__", "=~", f".+{PYRRA_BURN}[0-9]+[smhdw]")
    return selector("", (name, Matcher("slo", "!=", ""), *equal(matchers)))


def _chosen(target: SloTarget, matchers: Mapping[str, str]) -> list[tuple[Matcher, ...]]:
    of_service = tuple(
        _pattern(label, pattern) for label, pattern in ((NAMESPACE_OF, target.namespace), (SERVICE_OF, target.service))
    )
    return [(*speaker, *(m for m in of_service if m is not None), *equal(matchers)) for speaker in _SPEAKERS]


def _pattern(label: str, pattern: str) -> Matcher | None:
    """What selects a label by a pattern with `*`; None for what selects everything."""
    if pattern == "*":
        return None
    if "*" not in pattern:
        return Matcher(label, "=", pattern)
    return Matcher(label, "=~", ".*".join(map(regex_literal, pattern.split("*"))))


def _summed(function: str, window: str, selectors: Sequence[str]) -> str:
    return f"sum by ({GROUP}) ({' or '.join(f'{function}({one}[{window}])' for one in selectors)})"
