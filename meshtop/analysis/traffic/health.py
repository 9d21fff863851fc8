"""Health of edges and workloads with reasons in words, limited by the confidence of the underlying data.

No traffic is idle; idle, unknown, stale and partial are never healthy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshtop.analysis.traffic.flags import (
    GRPC_STATUS,
    NO_RESPONSE,
    code_meaning,
    connection_failed,
    flag_meaning,
)
from meshtop.analysis.traffic.naming import BLACK_HOLE
from meshtop.model.numbers import quantity
from meshtop.model.state import Health, HealthStatus, State
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds, health_status
from meshtop.model.traffic import UNKNOWN_THAT_MATTERS, Edge

_KINDS = {"http5xx": "5xx", "http4xx": "4xx", "grpc": "gRPC errors", "no_response": "without an answer"}
SEVERITY = {
    HealthStatus.FAILING: 5,
    HealthStatus.DEGRADED: 4,
    HealthStatus.UNKNOWN: 3,
    HealthStatus.HEALTHY: 2,
    HealthStatus.IDLE: 1,
}
"""Rank of verdicts when several are combined, the worst highest; idle gives way to anything with traffic."""
_FLOWING = Health(HealthStatus.HEALTHY, ("TCP traffic; it has no response codes to judge by",))
_NOWHERE = Health(HealthStatus.FAILING, ("TCP goes to the BlackHoleCluster: its host is unknown",))
_UNTOLD = Health(HealthStatus.UNKNOWN, ("connections are opened, but nothing tells whether they reach a server",))
_DOUBT = {
    State.STALE: "telemetry of {cluster} is stale",
    State.PARTIAL: "telemetry of {cluster} is partial",
    State.UNREACHABLE: "{cluster} cannot be reached",
    State.DENIED: "{cluster} denies access to its telemetry",
    State.NONE: "the traffic of {cluster} is not known",
}


def edge_health(
    edge: Edge, thresholds: Thresholds = DEFAULT_THRESHOLDS, states: Mapping[str, State] | None = None
) -> Health:
    """The health of one edge. `states` gives the state of each cluster's telemetry; missing clusters count as fresh."""
    return calls_health((edge,), thresholds, states)


def calls_health(
    edges: Sequence[Edge], thresholds: Thresholds = DEFAULT_THRESHOLDS, states: Mapping[str, State] | None = None
) -> Health:
    """The health of several edges combined, protocol by protocol, such as all calls to one service."""
    clusters = {end.cluster for edge in edges for end in (edge.source, edge.destination)} - {""}
    verdicts = _of_calls(edges, thresholds)
    if verdicts:
        verdict = worst(verdicts)
    elif edges and all(edge.protocol != "tcp" and edge.sums.requests is None for edge in edges):
        verdict = Health(HealthStatus.UNKNOWN, ("no requests are reported for this edge",))
    elif edges and all(edge.protocol == "tcp" for edge in edges):
        verdict = Health(HealthStatus.IDLE, ("no bytes and no connections in this window",))
    else:
        verdict = Health(HealthStatus.IDLE, ("no requests in this window",))
    return _with_doubt(verdict, clusters, states or {})


def workload_health(
    readiness: Health,
    inbound: Sequence[Edge],
    outbound: Sequence[Edge] = (),
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    states: Mapping[str, State] | None = None,
    cluster: str = "",
) -> Health:
    """The worst of a workload's readiness and the health of its inbound and outbound traffic, by protocol.

    Ready without traffic is idle; what runs no pod at all (scaled to 0, finished) idles whatever is known of its
    traffic. `cluster` is the workload's own, for the doubt when it has no edge.
    """
    calls = [verdict for edges in (inbound, outbound) for verdict in _of_calls(edges, thresholds)]
    if readiness.status is HealthStatus.IDLE and not calls:
        return readiness
    verdicts = [] if readiness.status in (HealthStatus.HEALTHY, HealthStatus.UNKNOWN) else [readiness]
    verdicts += calls
    if not verdicts:
        verdicts = [Health(HealthStatus.IDLE, ("no traffic in this window",))]
    clusters = {cluster} if cluster else {e.destination.cluster for e in inbound}
    return _with_doubt(worst(verdicts), clusters - {""}, states or {})


def worst(verdicts: Iterable[Health]) -> Health:
    """The worst verdict, its reasons first; healthy and idle parts add no reasons to others. No verdicts give unknown.

    Idle parts are ignored: the whole is idle only if every part is.
    """
    ordered = sorted(verdicts, key=lambda verdict: -SEVERITY[verdict.status])
    if len(ordered) == 1:
        return ordered[0]
    if not ordered:
        return Health(HealthStatus.UNKNOWN, ("nothing is known",))
    status = ordered[0].status
    telling = [v for v in ordered if v.status is status or SEVERITY[v.status] > SEVERITY[HealthStatus.HEALTHY]]
    return Health(status, tuple(dict.fromkeys(reason for verdict in telling for reason in verdict.reasons)))


def _of_calls(edges: Sequence[Edge], thresholds: Thresholds) -> list[Health]:
    """One verdict for each protocol with traffic, over all these edges; empty without traffic."""
    codes: dict[str, dict[str, float]] = {}
    for edge in edges:
        if edge.protocol != "tcp":
            into = codes.setdefault(edge.protocol, {})
            for code, rate in edge.codes.items():
                into[code] = into.get(code, 0.0) + rate
    verdicts = []
    for protocol in sorted(codes):
        rate = sum(codes[protocol].values())
        if rate > 0:
            verdicts.append(_of_codes(protocol, codes[protocol], rate, thresholds))
    flows = [edge for edge in edges if edge.protocol == "tcp" and _moves(edge)]
    return [*verdicts, _of_flows(flows, thresholds)] if flows else verdicts


def _of_flows(edges: Sequence[Edge], thresholds: Thresholds) -> Health:
    """The verdict on TCP by connections: those that failed by their flags, and those sent to the BlackHoleCluster."""
    if all(edge.destination.service == BLACK_HOLE and not edge.destination.workload for edge in edges):
        return _NOWHERE
    opened = failed = 0.0
    told: dict[str, float] = {}
    for edge in edges:
        connections = edge.sums.connections or 0.0
        opened += connections
        if edge.destination.service == BLACK_HOLE and not edge.destination.workload:
            failed += connections
            continue
        flags = {flag: rate for flag, rate in edge.flags.items() if connection_failed(flag)}
        failed += min(connections, sum(flags.values()))
        for flag, rate in flags.items():
            told[flag] = told.get(flag, 0.0) + rate
    if opened > 0:
        share = failed / opened
        status = health_status(share, thresholds.no_response_degraded, thresholds.no_response_failing)
        if status is not HealthStatus.HEALTHY:
            mostly = max(told, key=lambda flag: (told[flag], flag), default="")
            why = f" (mostly: {flag_meaning(mostly)})" if mostly else ""
            return Health(status, (f"{_percent(share)} of {_rate(opened)} connections/s fail{why}",))
    silent = [edge for edge in edges if not edge.sums.sent and not edge.sums.received]
    if len(silent) == len(edges) and any(edge.flags.get("") for edge in edges):
        return _UNTOLD
    return _FLOWING


def _moves(edge: Edge) -> bool:
    sums = edge.sums
    return bool(sums.sent or sums.received or sums.connections)


def _of_codes(protocol: str, codes: Mapping[str, float], rate: float, thresholds: Thresholds) -> Health:
    """The verdict on response codes at a total of `rate` requests per second."""
    shares: dict[tuple[str, float, float], float] = {}
    examples: dict[tuple[str, float, float], tuple[float, str]] = {}
    for code, part in codes.items():
        judged = _threshold(protocol, code, thresholds)
        if judged is None or part <= 0:
            continue
        shares[judged] = shares.get(judged, 0.0) + part / rate
        examples[judged] = max(examples.get(judged, (0.0, "")), (part, code))
    judgements = (_verdict(judged, share, rate, protocol, examples[judged][1]) for judged, share in shares.items())
    verdicts = [verdict for verdict in judgements if verdict is not None]
    untold = codes.get("", 0.0) / rate
    if untold > UNKNOWN_THAT_MATTERS:
        doubt = f"how {_percent(untold)} of {_rate(rate)} req/s end is not known: the metrics hold no code"
        verdicts.append(Health(HealthStatus.UNKNOWN, (doubt,)))
    if verdicts:
        return worst(verdicts)
    return Health(HealthStatus.HEALTHY, (f"{_rate(rate)} {protocol} req/s within the thresholds",))


def _threshold(protocol: str, code: str, thresholds: Thresholds) -> tuple[str, float, float] | None:
    """The kind of failure that a code is, and its two thresholds; None where it is not a failure."""
    if code == NO_RESPONSE:
        kind = "no_response"
    elif len(code) == 3 and code[0] in "45":
        kind = f"http{code[0]}xx" if protocol == "http" else "grpc"
    elif protocol == "grpc" and code in GRPC_STATUS and code != "0":
        kind = "grpc"
    else:
        return None
    return _KINDS[kind], getattr(thresholds, f"{kind}_degraded"), getattr(thresholds, f"{kind}_failing")


def code_status(protocol: str, code: str, share: float, thresholds: Thresholds) -> HealthStatus:
    """Health by the share of one code (or `-`, no response) in a service's responses."""
    judged = _threshold(protocol, code, thresholds)
    return HealthStatus.HEALTHY if judged is None else health_status(share, judged[1], judged[2])


def _verdict(judged: tuple[str, float, float], share: float, rate: float, protocol: str, code: str) -> Health | None:
    what, degraded, failing = judged
    status = health_status(share, degraded, failing)
    if status is HealthStatus.HEALTHY:
        return None
    bound = failing if status is HealthStatus.FAILING else degraded
    above = "above" if bound == 0 else "at or above"
    mostly = "" if code == NO_RESPONSE else f" (mostly {code_meaning(protocol, code)})"
    return Health(status, (f"{_percent(share)} {what} of {_rate(rate)} req/s, {above} {_percent(bound)}{mostly}",))


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.01:
        return "less than 0.01 %"
    text = f"{percent:.2f}" if percent < 1 else f"{percent:.1f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _rate(rate: float) -> str:
    return quantity(rate)


def _with_doubt(verdict: Health, clusters: Iterable[str], states: Mapping[str, State]) -> Health:
    """The verdict with doubts about its data added as reasons; healthy or idle on doubtful data becomes unknown."""
    doubts = tuple(
        _DOUBT[state].format(cluster=cluster)
        for cluster in sorted(clusters)
        if (state := states.get(cluster, State.FRESH)) is not State.FRESH
    )
    if not doubts:
        return verdict
    if verdict.status in (HealthStatus.HEALTHY, HealthStatus.IDLE):
        return Health(HealthStatus.UNKNOWN, doubts + verdict.reasons)
    return Health(verdict.status, verdict.reasons + doubts)
