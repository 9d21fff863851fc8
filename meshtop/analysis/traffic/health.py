"""Health of edges and workloads, with its reasons in words and with the confidence of what it rests on.

No traffic is idle; idle, unknown, stale and partial are never healthy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshtop.analysis.traffic.flags import GRPC_STATUS, NO_RESPONSE, code_meaning
from meshtop.model.state import Health, HealthStatus, State
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds, status_of
from meshtop.model.traffic import Edge

_KINDS = {"http5xx": "5xx", "http4xx": "4xx", "grpc": "gRPC errors", "no_response": "without an answer"}
_RANK = {
    HealthStatus.FAILING: 4,
    HealthStatus.DEGRADED: 3,
    HealthStatus.UNKNOWN: 2,
    HealthStatus.HEALTHY: 1,
    HealthStatus.IDLE: 0,
}
_FLOWING = Health(HealthStatus.HEALTHY, ("TCP flows; it carries no codes to judge by",))
_DOUBT = {
    State.STALE: "what {cluster} said is stale",
    State.PARTIAL: "what {cluster} said is partial",
    State.UNREACHABLE: "{cluster} cannot be reached",
    State.DENIED: "{cluster} denies the reading of its telemetry",
    State.NONE: "nothing is known of {cluster} yet",
}


def edge_health(
    edge: Edge, thresholds: Thresholds = DEFAULT_THRESHOLDS, states: Mapping[str, State] | None = None
) -> Health:
    """The health of one edge. `states` gives the state of each cluster's telemetry; one left out is taken as fresh."""
    clusters = {edge.source.cluster, edge.destination.cluster} - {""}
    verdict = _judge(edge.codes, edge, thresholds)
    return _with_doubt(verdict, clusters, states or {})


def workload_health(
    readiness: Health,
    inbound: Sequence[Edge],
    outbound: Sequence[Edge] = (),
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    states: Mapping[str, State] | None = None,
    cluster: str = "",
) -> Health:
    """The worst of a workload's readiness and of what is asked of it and what it asks, protocol by protocol.

    Ready without traffic is idle. `cluster` is the workload's own, for the doubt when it has no edge.
    """
    verdicts = []
    if readiness.status not in (HealthStatus.HEALTHY, HealthStatus.UNKNOWN):
        verdicts.append(readiness)
    for edges in (inbound, outbound):
        codes: dict[str, dict[str, float]] = {}
        for edge in edges:
            into = codes.setdefault(edge.protocol, {})
            for code, rate in edge.codes.items():
                into[code] = into.get(code, 0.0) + rate
        for protocol in sorted(codes):
            rate = sum(codes[protocol].values())
            if rate > 0:
                verdicts.append(_of_codes(protocol, codes[protocol], rate, thresholds))
        if any(e.protocol == "tcp" and _moves(e) for e in edges):
            verdicts.append(_FLOWING)
    if not verdicts:
        verdicts = [Health(HealthStatus.IDLE, ("no traffic in this window",))]
    clusters = {cluster} if cluster else {e.destination.cluster for e in inbound}
    return _with_doubt(worst(verdicts), clusters - {""}, states or {})


def worst(verdicts: Iterable[Health]) -> Health:
    """The worst verdict, its reasons first; what is healthy or idle adds none to what is not. Nothing is unknown.

    A part that idles says nothing of the whole: only where every part idles is the whole idle.
    """
    ordered = sorted(verdicts, key=lambda verdict: -_RANK[verdict.status])
    if len(ordered) == 1:
        return ordered[0]
    if not ordered:
        return Health(HealthStatus.UNKNOWN, ("nothing is known",))
    status = ordered[0].status
    telling = [v for v in ordered if v.status is status or _RANK[v.status] > _RANK[HealthStatus.HEALTHY]]
    return Health(status, tuple(dict.fromkeys(reason for verdict in telling for reason in verdict.reasons)))


def _judge(codes: Mapping[str, float], edge: Edge, thresholds: Thresholds) -> Health:
    if edge.protocol == "tcp":
        if _moves(edge):
            return _FLOWING
        return Health(HealthStatus.IDLE, ("no bytes and no connections in this window",))
    rate = edge.sums.requests
    if rate is None:
        return Health(HealthStatus.UNKNOWN, ("no requests are reported for this edge",))
    if rate <= 0:
        return Health(HealthStatus.IDLE, ("no requests in this window",))
    return _of_codes(edge.protocol, codes, rate, thresholds)


def _moves(edge: Edge) -> bool:
    sums = edge.sums
    return bool(sums.sent or sums.received or sums.connections)


def _of_codes(protocol: str, codes: Mapping[str, float], rate: float, thresholds: Thresholds) -> Health:
    """Judge codes that came at `rate` requests per second in all."""
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
    if verdicts:
        return worst(verdicts)
    return Health(HealthStatus.HEALTHY, (f"{_rate(rate)} {protocol} req/s within the thresholds",))


def _threshold(protocol: str, code: str, thresholds: Thresholds) -> tuple[str, float, float] | None:
    """What kind of failure a code is, and its two bounds; None where it is no failure."""
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
    """What the share of one code (or `-`, no answer) in a service's answers says of its health."""
    judged = _threshold(protocol, code, thresholds)
    return HealthStatus.HEALTHY if judged is None else status_of(share, judged[1], judged[2])


def _verdict(judged: tuple[str, float, float], share: float, rate: float, protocol: str, code: str) -> Health | None:
    what, degraded, failing = judged
    status = status_of(share, degraded, failing)
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
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _with_doubt(verdict: Health, clusters: Iterable[str], states: Mapping[str, State]) -> Health:
    """Say what is doubtful; what looks healthy or idle on doubtful data is unknown."""
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
