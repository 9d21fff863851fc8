"""Charts of a detail: named lines, each a PromQL expression for one cluster's Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from meshtop.analysis.traffic.metrics import duration_text
from meshtop.analysis.traffic.naming import CATCH_ALLS
from meshtop.model.traffic import Edge
from meshtop.sources.prometheus.promql import Matcher, errors_percent, one_of, rates_of, requests_rate

MOST_LINES = 6
"""Maximum of lines in a chart; more could not be distinguished."""
_MOST = 0.9
"""From this part of what callers in several clusters counted on, the called side's reports are as good as all of it."""


class ChartLine(Struct, frozen=True):
    """One line: its name, unit and PromQL expression, and its cluster if it differs from the chart's."""

    name: str
    unit: str
    expression: str
    cluster: str = ""


class Chart(Struct, frozen=True):
    """A chart: a title, a unit, and lines that share it; `cluster` is "" where each line has its own."""

    title: str
    unit: str
    cluster: str
    lines: tuple[ChartLine, ...]


class RequestsLine(NamedTuple):
    """A line of a chart of requests: its name, the cluster whose Prometheus is asked, and the series that it adds.

    `missed` selects further series, of calls that reached nobody and therefore say less of where they went.
    """

    name: str
    cluster: str
    matchers: tuple[Matcher, ...]
    missed: tuple[Matcher, ...] = ()

    @property
    def selections(self) -> tuple[tuple[Matcher, ...], ...]:
        """What selects its series; none is in two of them."""
        return (self.matchers, self.missed) if self.missed else (self.matchers,)


def _latency(quantile: str, window: str, *selections: Sequence[Matcher]) -> str:
    buckets = f"sum by (le) ({rates_of('istio_request_duration_milliseconds_bucket', window, *selections)})"
    return f"histogram_quantile({quantile}, {buckets})"


def request_charts(cluster: str, *selections: Sequence[Matcher], window_seconds: float) -> tuple[Chart, Chart, Chart]:
    """Requests, the share of them that failed, and latency quantiles, of the series that the selections take."""
    window = duration_text(window_seconds)
    requests = ChartLine("requests", "/s", requests_rate(window, *selections))
    quantiles = (
        ChartLine(name, "ms", _latency(quantile, window, *selections))
        for name, quantile in (("p50", "0.5"), ("p99", "0.99"))
    )
    return (
        Chart("Requests", "/s", cluster, (requests,)),
        Chart("Error ratio", "%", cluster, (ChartLine("errors", "%", errors_percent(window, *selections)),)),
        Chart("Latency", "ms", cluster, tuple(quantiles)),
    )


def charts_by_cluster(into: Mapping[str, Sequence[Matcher]], *, window_seconds: float) -> tuple[Chart, ...]:
    """Charts of the series that the matchers select, with a line for each of several clusters."""
    lines = [RequestsLine(cluster, cluster, tuple(matchers)) for cluster, matchers in sorted(into.items())]
    return charts_of_lines(lines, window_seconds=window_seconds)


def charts_of_lines(asked: Sequence[RequestsLine], *, window_seconds: float) -> tuple[Chart, ...]:
    """Requests, error ratio and p99, with a line for each of several questions; neither ratios nor quantiles add up."""
    if len(asked) <= 1:
        return tuple(
            chart
            for one in asked
            for chart in request_charts(one.cluster, *one.selections, window_seconds=window_seconds)
        )
    window = duration_text(window_seconds)
    requests, errors, slow = [], [], []
    for one in asked[:MOST_LINES]:
        name, cluster, selections = one.name, one.cluster, one.selections
        requests.append(ChartLine(name, "/s", requests_rate(window, *selections), cluster))
        errors.append(ChartLine(name, "%", errors_percent(window, *selections), cluster))
        slow.append(ChartLine(name, "ms", _latency("0.99", window, *selections), cluster))
    clusters = {line.cluster for line in asked}
    where = clusters.pop() if len(clusters) == 1 else ""
    left_out = f" ({MOST_LINES} of {len(asked)} lines)" if len(asked) > MOST_LINES else ""
    return (
        Chart(f"Requests{left_out}", "/s", where, tuple(requests)),
        Chart(f"Error ratio{left_out}", "%", where, tuple(errors)),
        Chart(f"Latency p99{left_out}", "ms", where, tuple(slow)),
    )


def charts_of_calls(
    calls: Sequence[Edge],
    home: str,
    called: Sequence[Matcher],
    *,
    answered: Sequence[Matcher] = (),
    missed: Sequence[Matcher] = (),
    by_version: bool = False,
    window_seconds: float,
) -> tuple[Chart, ...]:
    """Charts of calls, from the side with the more complete reports, in every cluster that has some (`asked_of`).

    With `by_version` each version that answers has lines of its own, as far as they can be told apart.
    """
    lines = asked_of(calls, home, called, answered=answered, missed=missed)
    if by_version:
        lines = lines_of_versions(lines, versions_called(calls))
    return charts_of_lines(lines, window_seconds=window_seconds)


def versions_called(calls: Iterable[Edge]) -> tuple[str, ...]:
    """The versions that answer calls, by their label."""
    found = {call.destination.version for call in calls}
    return tuple(sorted(found - {"", "unknown"}))


def lines_of_versions(lines: Sequence[RequestsLine], versions: Sequence[str]) -> tuple[RequestsLine, ...]:
    """A line for each version where there are several, and all of them fit into a chart; else the lines as they are."""
    if len(versions) < 2 or len(lines) * len(versions) > MOST_LINES:
        return tuple(lines)
    return tuple(
        RequestsLine(
            version if len(lines) == 1 else f"{version} {line.name}",
            line.cluster,
            (*line.matchers, *equals({"destination_version": version})),
        )
        for line in lines
        for version in versions
    )


def into_namespaces(names: Sequence[str]) -> tuple[tuple[Matcher, ...], tuple[Matcher, ...]]:
    """What selects calls into namespaces: those that reached a workload there, and those that reached nobody.

    Where no endpoint answered, Istio does not know the workload, and names the namespace of the service alone.
    """
    label, service = "destination_workload_namespace", "destination_service_namespace"
    nobody = one_of(label, ("unknown", ""))
    if len(names) == 1:
        return equals({label: names[0]}), (nobody, *equals({service: names[0]}))
    return (one_of(label, names),), (nobody, one_of(service, names))


def chart_over(chart: Chart, *, window_seconds: float, step: float) -> Chart:
    """The chart asked for at points that are `step` seconds apart: rates over no less than that.

    Between points that are farther apart than the window, what happened would be in none of them.
    """
    if step <= window_seconds:
        return chart
    of, by = f"[{duration_text(window_seconds)}])", f"[{duration_text(step)}])"
    lines = tuple(structs.replace(line, expression=line.expression.replace(of, by)) for line in chart.lines)
    return structs.replace(chart, lines=lines)


def asked_of(
    calls: Sequence[Edge],
    home: str,
    called: Sequence[Matcher],
    *,
    answered: Sequence[Matcher] = (),
    missed: Sequence[Matcher] = (),
) -> tuple[RequestsLine, ...]:
    """Where the calls that the figures count are told, and by which series.

    `home` answers the calls, `called` selects them. Callers in other clusters report to their own Prometheus, so there
    the called side's reports are complete; where they are not, every calling cluster is queried for what it sent, and
    `answered` leaves out calls that other clusters than `home` answered; `missed` selects those that reached nobody.
    """
    arrived = sum(rate for call in calls for reporter, rate in call.reports.items() if reporter in ARRIVED)
    left = sum(rate for call in calls for reporter, rate in call.reports.items() if reporter not in ARRIVED)
    callers = sorted({call.source.cluster for call in calls} - {""})
    alone = callers in ([], [home])
    if not calls or (arrived and (arrived > left if alone else arrived >= _MOST * left)):
        return (RequestsLine(home, home, (DESTINATION_SIDE, *called)),)
    sent = (SOURCE_SIDE, *called, *answered)
    lost = (SOURCE_SIDE, *missed, *answered) if missed else ()
    # What reached nobody counts where it was sent from.
    return tuple(RequestsLine(caller, caller, sent, lost if caller == home else ()) for caller in callers or [home])


def charts_of_calls_out(
    calls: Sequence[Edge], home: str, calling: Sequence[Matcher], *, window_seconds: float
) -> tuple[Chart, ...]:
    """Charts of the calls from `home`, by its own proxies or, if it has none, by the called ones."""
    if not calls or any(reporter not in ARRIVED for call in calls for reporter in call.reports):
        return request_charts(home, (SOURCE_SIDE, *calling), window_seconds=window_seconds)
    answering = sorted({call.destination.cluster for call in calls} - {""}) or [home]
    return charts_by_cluster(dict.fromkeys(answering, (DESTINATION_SIDE, *calling)), window_seconds=window_seconds)


def answered_in(cluster_id: str | None) -> tuple[Matcher, ...]:
    """Calls that a cluster answers, by its id in telemetry, with those whose reporter does not know who did."""
    return (one_of("destination_cluster", (cluster_id, "unknown", "")),) if cluster_id else ()


def bytes_chart(cluster: str, matchers: Sequence[Matcher], *, window_seconds: float) -> Chart:
    """TCP bytes per second from the client's view; Istio's metric names are swapped (istio#32399)."""
    window = duration_text(window_seconds)
    return Chart(
        "TCP bytes",
        "B/s",
        cluster,
        (
            ChartLine("sent", "B/s", f"sum({rates_of('istio_tcp_received_bytes_total', window, matchers)})"),
            ChartLine("received", "B/s", f"sum({rates_of('istio_tcp_sent_bytes_total', window, matchers)})"),
        ),
    )


def equals(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers for exact values; unknown ones are left out."""
    return tuple(Matcher(label, "=", value) for label, value in labels.items() if value)


def to_services(services: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers for requests to services without known workloads.

    Requests that match no service are named after Envoy's catch-all cluster; their host label is arbitrary.
    """
    if not services:
        return ()
    by_name = any(service in CATCH_ALLS for service in services)
    label = "destination_service_name" if by_name else "destination_service"
    return equals({label: services[0]}) if len(services) == 1 else (one_of(label, services),)


ARRIVED = frozenset({"destination", "waypoint"})
"""Reporters at the called end; a waypoint reports for both ends."""


SOURCE_SIDE = Matcher("reporter", "=~", "source|waypoint")
"""Reporter used for outgoing requests, so that none is counted twice."""
DESTINATION_SIDE = Matcher("reporter", "=~", "destination|waypoint")
"""Reporters used for incoming requests."""
