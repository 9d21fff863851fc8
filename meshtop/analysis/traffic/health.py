"""Health of edges and workloads, with its reasons in numbers and with the confidence of what it rests on.

A share of failures is judged by what it proves (`judge.py`): one failed request of 95 says nothing, five of five say
much. No traffic is idle; idle, unknown, stale and partial are never healthy.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct

from meshtop.analysis.traffic.flags import (
    GRPC_STATUS,
    NO_RESPONSE,
    code_meaning,
    connection_failed,
    flag_meaning,
)
from meshtop.analysis.traffic.judge import CallsCounted, FailureKind, HealthJudge, Proof, least_share
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.analysis.traffic.naming import BLACK_HOLE
from meshtop.analysis.traffic.silence import Silence
from meshtop.model.numbers import quantity, written_out
from meshtop.model.state import Health, HealthStatus, LateHealth, State
from meshtop.model.thresholds import Thresholds, health_status
from meshtop.model.traffic import UNKNOWN_THAT_MATTERS, Edge

_KINDS = {
    "http5xx": "requests failed",
    "http4xx": "requests were answered 4xx",
    "grpc": "gRPC calls failed",
    "no_response": "requests got no answer",
}
SEVERITY = {
    HealthStatus.FAILING: 5,
    HealthStatus.DEGRADED: 4,
    HealthStatus.UNKNOWN: 3,
    HealthStatus.HEALTHY: 2,
    HealthStatus.IDLE: 1,
}
"""Rank of verdicts when several are combined, the worst highest; idle gives way to anything with traffic."""
_FLOWING = Health(HealthStatus.HEALTHY, ("TCP traffic; it has no response codes to judge by",))
_NO_TRAFFIC = Health(HealthStatus.IDLE, ("no traffic in this window",))
_NOWHERE = Health(HealthStatus.FAILING, ("TCP goes to the BlackHoleCluster: its host is unknown",))
_UNTOLD = Health(HealthStatus.UNKNOWN, ("connections are opened, but nothing tells whether they reach a server",))
_DOUBT: dict[State | Silence, str] = {
    State.STALE: "telemetry of {cluster} is stale",
    State.PARTIAL: "telemetry of {cluster} is partial",
    State.UNREACHABLE: "{cluster} cannot be reached",
    State.DENIED: "{cluster} denies access to its telemetry",
    State.NONE: "the traffic of {cluster} is not known",
    Silence.NO_DATA: "no telemetry of {cluster} in this window",
}


class Lately(Struct, frozen=True, kw_only=True):
    """What a workload's courses say of its last minute, and of its latency against its own past.

    `failed` of `requests` are per second over `seconds`. `latency_ms` and `usual_ms` are means, both None where the
    latency is no slower than it used to be, or where its past is not known.
    """

    requests: float
    failed: float
    seconds: float
    latency_ms: float | None = None
    usual_ms: float | None = None


DEFAULT_JUDGE = HealthJudge()
"""Judges every share alone, over the default window and by the default bounds."""


def edge_health(
    edge: Edge, judge: HealthJudge = DEFAULT_JUDGE, states: Mapping[str, State | Silence] | None = None
) -> Health:
    """The health of one edge. `states` gives the state of each cluster's telemetry; one left out is taken as fresh."""
    return calls_health((edge,), judge, states)


def calls_health(
    edges: Sequence[Edge],
    judge: HealthJudge = DEFAULT_JUDGE,
    states: Mapping[str, State | Silence] | None = None,
) -> Health:
    """The health of several edges combined, protocol by protocol, such as all calls to one service."""
    verdicts = _of_calls(edges, judge, "")
    if verdicts:
        verdict = worst(verdicts)
    elif edges and all(edge.protocol != "tcp" and edge.sums.requests is None for edge in edges):
        verdict = Health(HealthStatus.UNKNOWN, ("no requests are reported for this edge",))
    elif edges and all(edge.protocol == "tcp" for edge in edges):
        verdict = Health(HealthStatus.IDLE, ("no bytes and no connections in this window",))
    else:
        verdict = Health(HealthStatus.IDLE, ("no requests in this window",))
    if not states:
        return verdict
    clusters = {end.cluster for edge in edges for end in (edge.source, edge.destination)}
    return _with_doubt(verdict, clusters - {""}, states)


def workload_health(
    readiness: Health,
    inbound: Sequence[Edge],
    outbound: Sequence[Edge] = (),
    judge: HealthJudge = DEFAULT_JUDGE,
    states: Mapping[str, State | Silence] | None = None,
    cluster: str = "",
    lately: Lately | None = None,
    question: Hashable = None,
) -> Health:
    """The worst of a workload's readiness and the health of its inbound and outbound traffic, by protocol.

    Ready without traffic is idle; what runs no pod at all (scaled to 0, finished) idles whatever is known of its
    traffic. `cluster` is the workload's own, for the doubt when it has no edge. `lately` is what its last minute says,
    which needs no window to fill; `question` tells it from others in the judge's memory.
    """
    calls = inbound_verdicts(inbound, judge, question)
    if outbound:
        calls = [*calls, *outbound_verdicts(outbound, judge, question)]
    clusters = (cluster,) if cluster else {e.destination.cluster for e in inbound} - {""}
    return verdict_with_calls(readiness, calls, judge, states, clusters, lately, question)


def inbound_verdicts(
    inbound: Sequence[Edge], judge: HealthJudge = DEFAULT_JUDGE, question: Hashable = None
) -> Sequence[Health]:
    """The verdicts on what is asked of a workload, for `verdict_with_calls`."""
    return _of_calls(inbound, judge, "in", question)


def outbound_verdicts(
    outbound: Sequence[Edge], judge: HealthJudge = DEFAULT_JUDGE, question: Hashable = None
) -> Sequence[Health]:
    """The verdicts on what a workload asks others, for `verdict_with_calls`."""
    return _of_calls(outbound, judge, "out", question)


def verdict_with_calls(
    readiness: Health,
    calls: Sequence[Health],
    judge: HealthJudge,
    states: Mapping[str, State | Silence] | None,
    clusters: Iterable[str],
    lately: Lately | None,
    question: Hashable,
) -> Health:
    """As `workload_health`, from verdicts on its calls; `clusters` are those whose telemetry they rest on."""
    if readiness.status is HealthStatus.IDLE and not calls:
        return readiness
    verdicts = calls if readiness.status in (HealthStatus.HEALTHY, HealthStatus.UNKNOWN) else [readiness, *calls]
    if lately is not None:
        known = worst(verdicts).status if verdicts else HealthStatus.IDLE
        verdicts = [*verdicts, *_of_late(lately, judge, question, known=known)]
    verdict = worst(verdicts) if verdicts else _NO_TRAFFIC
    return _with_doubt(verdict, clusters, states) if states else verdict


def _of_late(lately: Lately, judge: HealthJudge, question: Hashable, *, known: HealthStatus) -> list[Health]:
    """What the last minute adds: failures, where the window does not say as much already (`known`), and latency."""
    bounds = judge.thresholds
    kind = FailureKind(_KINDS["http5xx"], bounds.http5xx_degraded, bounds.http5xx_failing, "lately")
    counted = judge.proof(lately.failed, lately.requests, kind, seconds=lately.seconds)
    if question is not None:
        (counted,) = judge.standing(question, (counted,))
    verdicts: list[Health] = []
    if counted.status is not HealthStatus.HEALTHY and SEVERITY[counted.status] > SEVERITY[known]:
        verdicts.append(LateHealth(counted.status, partial(_told, counted, bounds.alpha)))
    if lately.latency_ms is not None and lately.usual_ms is not None:
        slow = f"{_ms(lately.latency_ms)} on average, {_ms(lately.usual_ms)} before"
        verdicts.append(Health(HealthStatus.DEGRADED, (f"slower than in its own past: {slow}",)))
    return verdicts


def worst(verdicts: Iterable[Health]) -> Health:
    """The worst verdict, its reasons first; healthy and idle parts add no reasons to others. No verdicts give unknown.

    Idle parts are ignored: the whole is idle only if every part is.
    """
    ordered = list(verdicts)
    if len(ordered) == 1:
        return ordered[0]
    if not ordered:
        return Health(HealthStatus.UNKNOWN, ("nothing is known",))
    ordered.sort(key=_least_severe)
    status = ordered[0].status
    telling = [v for v in ordered if v.status is status or SEVERITY[v.status] > SEVERITY[HealthStatus.HEALTHY]]
    return LateHealth(status, partial(_all_told, telling))


def _least_severe(verdict: Health) -> int:
    return -SEVERITY[verdict.status]


def _all_told(verdicts: Sequence[Health]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))


def _of_calls(edges: Sequence[Edge], judge: HealthJudge, side: str, question: Hashable = None) -> Sequence[Health]:
    """A verdict on each protocol that carries something, of all these edges together; none where nothing flows."""
    if not edges:
        return ()
    asked = (edges, side, question)
    if len(edges) == 1 and edges[0].protocol != "tcp":
        only = edges[0]
        known = judge.counted
        counted = None if known is None else known.get(id(only.codes))
        if counted is None:
            counted = _counted(only.protocol, only.codes, judge)
            if known is not None:
                known[id(only.codes)] = counted
        verdict = _verdict(counted, only.protocol, judge, asked)
        return () if verdict is None else (verdict,)
    codes: dict[str, dict[str, float]] = {}
    for edge in edges:
        if edge.protocol != "tcp":
            into = codes.setdefault(edge.protocol, {})
            for code, rate in edge.codes.items():
                into[code] = into.get(code, 0.0) + rate
    verdicts: list[Health] = []
    for protocol in sorted(codes):
        verdict = _verdict(_counted(protocol, codes[protocol], judge), protocol, judge, asked)
        if verdict is not None:
            verdicts.append(verdict)
    flows = [edge for edge in edges if edge.protocol == "tcp" and _moves(edge)]
    return [*verdicts, _of_flows(flows, judge, asked)] if flows else verdicts


_Asked = tuple[Sequence[Edge], str, Hashable]
"""What a verdict is about: the edges, their side, and what is asked for; the edges themselves where that is None."""


def _about(asked: _Asked) -> Hashable:
    """The same words for the same thing at every refresh. Made only where something fails, which is seldom."""
    edges, side, question = asked
    if question is None:
        question = frozenset((edge.source, edge.destination) for edge in edges)
    return question if side == "in" else (side, question)


def _of_flows(edges: Sequence[Edge], judge: HealthJudge, asked: _Asked) -> Health:
    """Judge TCP by its connections: those that the flags say failed, and those that ended in the black hole."""
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
    if opened > 0 and failed > 0:
        bounds = judge.thresholds
        kind = FailureKind("connections failed", bounds.no_response_degraded, bounds.no_response_failing, "tcp")
        (counted,) = judge.standing(_about(asked), (judge.proof(failed, opened, kind),))
        if counted.status is not HealthStatus.HEALTHY:
            mostly = max(told, key=lambda flag: (told[flag], flag), default="")
            why = f" (mostly: {flag_meaning(mostly)})" if mostly else ""
            return LateHealth(counted.status, partial(_told, counted, bounds.alpha, why))
    silent = [edge for edge in edges if not edge.sums.sent and not edge.sums.received]
    if len(silent) == len(edges) and any(edge.flags.get("") for edge in edges):
        return _UNTOLD
    return _FLOWING


def _moves(edge: Edge) -> bool:
    sums = edge.sums
    return bool(sums.sent or sums.received or sums.connections)


def _counted(protocol: str, codes: Mapping[str, float], judge: HealthJudge) -> CallsCounted:
    """What these codes prove (requests per second each), and the verdict that follows by themselves."""
    rate = sum(codes.values())
    if rate <= 0:
        return CallsCounted(codes, (), None)
    # Tens of thousands of calls come through here at a refresh: one look a code, by texts whose hashes are known.
    kinds = judge.kinds_of(protocol)
    failures: dict[str, tuple[FailureKind, float, float, str]] = {}
    for code, part in codes.items():
        if part <= 0:
            continue
        if code in kinds:
            kind = kinds[code]
        else:
            kind = kinds[code] = _kind_of(protocol, code, judge.thresholds)
        if kind is None:
            continue
        what = kind.what
        if what in failures:
            _, whole, most, example = failures[what]
            failures[what] = (kind, whole + part, *max((most, example), (part, code)))
        else:
            failures[what] = (kind, part, part, code)
    proofs = [judge.proof(part, rate, kind, code) for kind, part, _, code in failures.values()] if failures else ()
    return CallsCounted(codes, proofs, _verdict_of(proofs, protocol, codes, rate, judge))


def _verdict(counted: CallsCounted, protocol: str, judge: HealthJudge, asked: _Asked) -> Health | None:
    """The verdict on what was counted, and on what was said before of whom it is asked."""
    proofs = counted.proofs
    if not proofs:
        return counted.verdict
    standing = judge.standing(_about(asked), proofs)
    if standing is proofs:
        return counted.verdict
    return _verdict_of(standing, protocol, counted.codes, sum(counted.codes.values()), judge)


def _verdict_of(
    proofs: Sequence[Proof], protocol: str, codes: Mapping[str, float], rate: float, judge: HealthJudge
) -> Health:
    """The worst of what is proven, and doubt where too many requests have no code, at `rate` per second in all."""
    status, worst_yet = HealthStatus.HEALTHY, SEVERITY[HealthStatus.HEALTHY]
    for proof in proofs:
        severity = SEVERITY[proof.status]
        if severity > worst_yet:
            status, worst_yet = proof.status, severity
    told: Health | None = None
    if status is not HealthStatus.HEALTHY:
        told = LateHealth(status, partial(_told_of_codes, proofs, protocol, judge.thresholds.alpha))
    untold = codes[""] / rate if "" in codes else 0.0
    if untold > UNKNOWN_THAT_MATTERS:
        doubt = LateHealth(HealthStatus.UNKNOWN, partial(_doubt_of_codes, untold, rate))
        return doubt if told is None else worst([told, doubt])
    return LateHealth(HealthStatus.HEALTHY, partial(_well, rate, protocol)) if told is None else told


def _told_of_codes(proofs: Sequence[Proof], protocol: str, alpha: float) -> tuple[str, ...]:
    """A sentence for each proven kind of failure, the worst first: what it is, and the code that most came with."""
    told: list[str] = []
    proven = [proof for proof in proofs if proof.status is not HealthStatus.HEALTHY]
    for counted in sorted(proven, key=lambda one: -SEVERITY[one.status]):
        mostly = "" if counted.code == NO_RESPONSE else f" (mostly {code_meaning(protocol, counted.code)})"
        told.extend(_told(counted, alpha, mostly))
    return tuple(dict.fromkeys(told))


def _doubt_of_codes(untold: float, rate: float) -> tuple[str, ...]:
    return (f"how {_percent(untold)} of {_rate(rate)} req/s end is not known: the metrics hold no code",)


def _well(rate: float, protocol: str) -> tuple[str, ...]:
    return (f"{_rate(rate)} {protocol} req/s within the thresholds",)


def _kind_of(protocol: str, code: str, thresholds: Thresholds) -> FailureKind | None:
    """The kind of failure that a code is; None where it is not a failure."""
    if code == NO_RESPONSE:
        kind = "no_response"
    elif len(code) == 3 and code[0] in "45":
        kind = f"http{code[0]}xx" if protocol == "http" else "grpc"
    elif protocol == "grpc" and code in GRPC_STATUS and code != "0":
        kind = "grpc"
    else:
        return None
    degraded, failing = getattr(thresholds, f"{kind}_degraded"), getattr(thresholds, f"{kind}_failing")
    return FailureKind(_KINDS[kind], degraded, failing, sys.intern(f"{protocol} {kind}"))


def code_status(protocol: str, code: str, share: float, thresholds: Thresholds) -> HealthStatus:
    """Health by the share of one code (or `-`, no response) in a service's responses."""
    kind = _kind_of(protocol, code, thresholds)
    return HealthStatus.HEALTHY if kind is None else health_status(share, kind.degraded, kind.failing)


def _told(counted: Proof, alpha: float, why: str = "") -> tuple[str, ...]:
    """`12 of 240 requests failed in 5m: 5.0 %, at least 1.7 %`; what is only held says by which bound."""
    failed, total = written_out(counted.failed), written_out(counted.total)
    numbers = f"{failed} of {total} {counted.kind.what} in {duration_text(counted.seconds)}"
    if counted.held:
        return (f"{numbers}: {_percent(counted.share)}, and {_percent(counted.bound)} or more a while ago{why}",)
    return (f"{numbers}: {_percent(counted.share)}, at least {_percent(least_share(counted, alpha))}{why}",)


def _ms(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{milliseconds:.3g} ms"


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.01:
        return "less than 0.01 %"
    text = f"{percent:.2f}" if percent < 1 else f"{percent:.1f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _rate(rate: float) -> str:
    return quantity(rate)


def _with_doubt(verdict: Health, clusters: Iterable[str], states: Mapping[str, State | Silence]) -> Health:
    """The verdict with doubts about its data added as reasons; healthy or idle on doubtful data becomes unknown."""
    doubtful = [cluster for cluster in clusters if states.get(cluster, State.FRESH) is not State.FRESH]
    if not doubtful:
        return verdict
    doubts = tuple(_DOUBT[states[cluster]].format(cluster=cluster) for cluster in sorted(doubtful))
    if verdict.status in (HealthStatus.HEALTHY, HealthStatus.IDLE):
        return LateHealth(HealthStatus.UNKNOWN, partial(_one_after_the_other, doubts, verdict))
    return LateHealth(verdict.status, partial(_one_after_the_other, verdict, doubts))


def _one_after_the_other(first: Health | tuple[str, ...], then: Health | tuple[str, ...]) -> tuple[str, ...]:
    one, other = (part.reasons if isinstance(part, Health) else part for part in (first, then))
    return one + other
