"""The kind `edges`: calls between workloads across clusters, with codes and flags in words, both reporters and hops."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from meshtop.analysis.authorization.decision import AccessVerdict, Permission
from meshtop.analysis.authorization.observed import POLICY_KINDS, refused_per_second
from meshtop.analysis.traffic.catch_alls import hosts_behind
from meshtop.analysis.traffic.flags import code_meaning, flag_meaning
from meshtop.analysis.traffic.health import code_status
from meshtop.model.constants import CONTRADICTED_FROM, MUTUAL_TLS_FROM
from meshtop.model.numbers import percent, quantity
from meshtop.model.state import Health
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import NO_TRAFFIC, Edge, Peer, Sums, Target, Traffic
from meshtop.views.frame.charts import (
    ARRIVED,
    DESTINATION_SIDE,
    SOURCE_SIDE,
    Chart,
    bytes_chart,
    equals,
    request_charts,
    to_services,
)
from meshtop.views.frame.columns import HEALTH_TONES, Columns, signed, text_cell
from meshtop.views.frame.detail import BY_NAME, related_at
from meshtop.views.frame.ends import (
    call_path,
    call_title,
    either_end,
    either_end_columns,
    end_columns,
    end_text,
    places_of_call,
    workloads_of_call,
)
from meshtop.views.frame.facts import Detail, Fact, Section, fact, verdict
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import observed_access

OK_CODES = ("2", "3")
POLICY_CELLS: dict[Permission | None, Cell] = {
    Permission.ALLOWED: signed("", "allowed", Tone.PLAIN),
    Permission.DENIED: signed("✗ ", "denied", Tone.FAILING),
    Permission.DEPENDS: signed("", "depends", Tone.PLAIN),
    None: signed("? ", "unknown", Tone.UNKNOWN),
}
POLICY_ORDER = {Permission.DENIED: 0, None: 1, Permission.DEPENDS: 2, Permission.ALLOWED: 3}

CallId = tuple[Peer, Target, str]
"""Both ends and the protocol."""


class EdgeItem(Struct, frozen=True, rename="camel", kw_only=True):
    """An edge (INTERFACE.md, kind edges); `codes` and `flags` are rates per second.

    `policy` is what AuthorizationPolicies say of its calls, null where that is not known; `policy_why` is the reason.
    """

    source: Peer
    destination: Target
    protocol: str
    traffic: Traffic
    codes: dict[str, float]
    flags: dict[str, float]
    mtls_ratio: float | None
    reporters: tuple[str, ...]
    disagreement: float | None
    cross_cluster: bool
    health: Health = Health()
    hops: tuple[str, ...] = ()
    source_tenants: tuple[str, ...] = ()
    destination_tenants: tuple[str, ...] = ()
    policy: Permission | None = None
    policy_why: str = ""
    refused_per_second: float | None = None


def build(picture: Picture) -> list[EdgeItem]:
    """A row for each edge."""
    return picture.rows("edges", picture.edges, lambda edge: _item(picture, edge))


def _item(picture: Picture, edge: Edge) -> EdgeItem:
    verdict = observed_access(picture).edge(edge)
    return EdgeItem(
        source=edge.source,
        destination=edge.destination,
        protocol=edge.protocol,
        traffic=edge.sums.traffic() if edge.sums else NO_TRAFFIC,
        codes=edge.codes,
        flags=edge.flags,
        mtls_ratio=edge.sums.mtls_ratio,
        reporters=tuple(sorted(edge.reports)),
        disagreement=edge.disagreement,
        cross_cluster=edge.cross_cluster,
        health=picture.edge_health(edge),
        hops=edge.hops,
        source_tenants=picture.tenants(edge.source.cluster, edge.source.namespace),
        destination_tenants=picture.tenants(edge.destination.cluster, edge.destination.namespace),
        policy=verdict.permission if isinstance(verdict, AccessVerdict) else None,
        policy_why=verdict.why if isinstance(verdict, AccessVerdict) else verdict,
        refused_per_second=refused_per_second(edge),
    )


def identity(call: Edge | EdgeItem) -> CallId:
    """The identity of a call, the same for an edge and for its row."""
    return (call.source, call.destination, call.protocol)


def _marks(item: EdgeItem) -> tuple[str, ...]:
    """Keywords of an edge for filters: `!mtls` finds edges not entirely mutual TLS, `plaintext` those without any."""
    ratio = item.mtls_ratio
    said = (
        ("mtls", ratio is not None and ratio >= MUTUAL_TLS_FROM),
        ("plaintext", ratio is not None and ratio < MUTUAL_TLS_FROM),
        ("crosscluster", item.cross_cluster),
        ("contradicted", item.disagreement is not None and item.disagreement >= CONTRADICTED_FROM),
    )
    return tuple(word for word, holds in said if holds)


_MOST_HOSTS = 20
"""Maximum number of hosts behind a catch-all that a detail lists."""


def _codes_cell(item: EdgeItem) -> Cell:
    """The codes other than success, the most frequent first."""
    bad = {code: rate for code, rate in item.codes.items() if not code.startswith(OK_CODES) and rate > 0}
    if item.protocol == "grpc":
        bad.pop("0", None)
    return text_cell(",".join(sorted(bad, key=lambda code: (-bad[code], code))))


def _flags_cell(item: EdgeItem) -> Cell:
    said = {flag: rate for flag, rate in item.flags.items() if flag not in ("", "-") and rate > 0}
    return text_cell(",".join(sorted(said, key=lambda flag: (-said[flag], flag))))


def _disagreement_tone(share: float) -> Tone:
    return Tone.DEGRADED if share >= CONTRADICTED_FROM else Tone.DIM


def detail(picture: Picture, item: EdgeItem, key: str) -> Detail:
    """The detail of one edge."""
    ends = workloads_of_call(item)
    return Detail(
        kind="edges",
        key=key,
        title=call_title(item),
        health=item.health,
        sections=(
            Section("Health", verdict(item.health)),
            Section("Ends", (*_end("from", item.source), *_end("to", item.destination), *_way(item))),
            Section("Answers", answers(item.protocol, item.codes, item.flags, picture.thresholds)),
            Section("Policy", policy_facts(item)),
            Section("Reporters", _reporters(picture, item)),
            Section("Volume", _volume(picture, item)),
            *_behind(picture, item),
        ),
        related=(
            related_at(
                picture,
                "workloads",
                "Endpoints",
                ends,
                BY_NAME,
                "Neither end is a workload that is known.",
            ),
        ),
        charts=_charts(picture, item),
    )


def _end(label: str, end: Peer | Target) -> tuple[Fact, ...]:
    where = f" in {end.cluster}" if end.cluster else ""
    version = f", version {end.version}" if end.version else ""
    return (fact(label, f"{end.kind} {end_text(end)}{version}{where}"),)


def _way(item: EdgeItem) -> tuple[Fact, ...]:
    return (
        *VIEW.facts(item, "service", "protocol"),
        fact("hops", item.hops or "none"),
        *VIEW.facts(item, "mtlsRatio"),
    )


def _behind(picture: Picture, item: EdgeItem) -> tuple[Section, ...]:
    """The hosts behind a catch-all, the most requested first; no section for other edges."""
    cluster = picture.snapshot.cluster(item.source.cluster)
    if cluster is None or cluster.telemetry is None:
        return ()
    source = item.source
    hosts = hosts_behind(cluster.telemetry, source.namespace, source.workload, item.destination.service)
    if not hosts:
        return ()
    ranked = sorted(hosts.items(), key=lambda host: (-host[1], host[0]))
    more = (fact("", f"and {len(ranked) - _MOST_HOSTS} more"),) if len(ranked) > _MOST_HOSTS else ()
    return (Section("Hosts", (*(fact(host, f"{quantity(rate)}/s") for host, rate in ranked[:_MOST_HOSTS]), *more)),)


def _volume(picture: Picture, item: EdgeItem) -> tuple[Fact, ...]:
    """Facts about bytes of requests and responses, and gRPC messages, where proxies report them."""
    edge = next((edge for edge in picture.edges if identity(edge) == identity(item)), None)
    return () if edge is None else volume(edge.sums)


def volume(sums: Sums) -> tuple[Fact, ...]:
    """Bytes per second of requests and responses, and gRPC messages per second, as far as they are known."""
    facts = []
    if sums.request_bytes is not None or sums.response_bytes is not None:
        sent, received = quantity(sums.request_bytes), quantity(sums.response_bytes)
        facts.append(fact("throughput", f"{sent}B/s of requests, {received}B/s of responses"))
    if sums.messages_sent is not None or sums.messages_received is not None:
        sent, received = quantity(sums.messages_sent), quantity(sums.messages_received)
        facts.append(fact("messages", f"{sent}/s sent, {received}/s received"))
    return tuple(facts)


def answers(
    protocol: str, codes: Mapping[str, float], flags: Mapping[str, float], thresholds: Thresholds
) -> tuple[Fact, ...]:
    """Codes and flags (rates per second) with their meaning in words, the most frequent first.

    A code is coloured by the health verdict on its share.
    """
    total = sum(codes.values())
    facts = []
    for code, rate in sorted(codes.items(), key=lambda c: -c[1]):
        share = rate / total if total else 0.0
        tone = HEALTH_TONES[code_status(protocol, code, share, thresholds)]
        facts.append(fact(f"{percent(share)} %", f"{code_meaning(protocol, code)}, {quantity(rate)}/s", tone))
    for flag, rate in sorted(flags.items(), key=lambda f: -f[1]):
        if flag not in ("", "-"):
            facts.append(fact(flag, f"{flag_meaning(flag)}, {quantity(rate)}/s", Tone.DEGRADED))
    return tuple(facts) or (fact("", "no requests in this window", Tone.DIM),)


def policy_facts(item: EdgeItem) -> tuple[Fact, ...]:
    """What AuthorizationPolicies say of the calls, and what was answered in fact."""
    facts = [fact("says", POLICY_CELLS[item.policy]), fact("why", item.policy_why)]
    refused, all_ = item.refused_per_second, item.traffic.requests_per_second
    if refused is None or all_ is None:
        return tuple(facts)
    passed = all_ - refused
    if item.policy is Permission.DENIED and passed > 0.01 * all_:
        told = f"{quantity(passed)}/s were not refused: the policy is newer than these calls, or not in force there"
        facts.append(fact("seen", told, Tone.DEGRADED))
    elif refused > 0:
        by = "" if item.policy is Permission.DENIED else ", by the application itself or by what is not told"
        facts.append(fact("seen", f"{quantity(refused)}/s were refused (403){by}", Tone.DEGRADED))
    else:
        facts.append(fact("seen", "none was refused", Tone.DIM))
    return tuple(facts)


def _reporters(picture: Picture, item: EdgeItem) -> tuple[Fact, ...]:
    """Facts about each side's count; for TCP these are connections."""
    edge = next((edge for edge in picture.edges if identity(edge) == identity(item)), None)
    unit = "connections/s" if item.protocol == "tcp" else "/s"
    facts = [fact(name, f"{quantity(rate)} {unit}") for name, rate in sorted(edge.reports.items())] if edge else []
    if item.disagreement is not None:
        tone = Tone.DEGRADED if item.disagreement >= CONTRADICTED_FROM else Tone.PLAIN
        facts.append(fact("disagreement", f"{percent(item.disagreement)} %", tone))
    elif len(facts) == 1:
        facts.append(fact("", "only one side reports it, so there is nothing to compare", Tone.DIM))
    return tuple(facts)


def _charts(picture: Picture, item: EdgeItem) -> tuple[Chart, ...]:
    by_caller = not item.reporters or any(reporter not in ARRIVED for reporter in item.reporters)
    first, second = (item.source, item.destination) if by_caller else (item.destination, item.source)
    cluster = first.cluster or second.cluster
    labels = {"source_workload": item.source.workload, "destination_workload": item.destination.workload}
    # Where the workload is unknown the namespace is that of the service: series say `unknown` for both.
    for side, end in (("source", item.source), ("destination", item.destination)):
        labels[f"{side}_workload_namespace"] = end.namespace if end.workload else ""
    asked = [item.destination.service] if item.destination.service and not item.destination.workload else []
    matchers = (SOURCE_SIDE if by_caller else DESTINATION_SIDE, *equals(labels), *to_services(asked))
    window = picture.snapshot.window_seconds
    if item.protocol == "tcp":
        return (bytes_chart(cluster, matchers, window_seconds=window),)
    return request_charts(cluster, matchers, window_seconds=window)


c = Columns(EdgeItem)
_EITHER_END = either_end_columns()

VIEW: View[EdgeItem] = View(
    kind="edges",
    singular="edge",
    list_kind="EdgeList",
    title="Edges",
    item=EdgeItem,
    columns=(
        *end_columns(),
        c.text("service", "SERVICE", "The requested service.", "destination.service",
               aliases=("host", "svc"), wide=True, priority=7, max_width=60),
        c.text("protocol", "PROTO", "http, grpc or tcp.", "protocol", label="protocol", priority=2, min_width=4),
        c.health(),
        *c.golden(protocol=lambda item: item.protocol, verdict=lambda item: item.health),
        c.mtls(priority=2),
        c.custom(name="codes", title="CODES", help_="Codes other than success, most frequent first.",
                 value=lambda i: tuple(code for code, rate in i.codes.items() if rate > 0), cell=_codes_cell,
                 aliases=("code",), priority=5, max_width=16),
        c.custom(name="flags", title="FLAGS", help_="Envoy's response flags, most frequent first.",
                 value=lambda i: tuple(flag for flag, rate in i.flags.items() if rate > 0 and flag not in ("", "-")),
                 cell=_flags_cell, aliases=("flag",), priority=5, max_width=16),
        c.custom(name="policy", title="POLICY", help_="What AuthorizationPolicies say: allowed, denied or depends.",
                 value=lambda i: i.policy or "unknown", cell=lambda i: POLICY_CELLS[i.policy],
                 order=lambda i: POLICY_ORDER[i.policy], wide=True, priority=6, max_width=12),
        c.rate("refusedPerSecond", "403/S", "Answers per second that refuse: 403, or gRPC's PERMISSION_DENIED.",
               "refused_per_second", aliases=("refused",), wide=True, priority=7),
        c.text("policyWhy", "POLICY WHY", "The policy and rule that decide, or what is not known.", "policy_why",
               hidden=True),
        c.words("reporters", "REPORTERS", "The reporters.", "reporters",
                aliases=("reporter",), wide=True, priority=7),
        c.ratio("disagreement", "DIFF %", "Relative difference of the two ends' reports.", "disagreement",
                tone=_disagreement_tone, wide=True, priority=7),
        c.flag("crossCluster", "CROSS", "Whether it crosses clusters.", "cross_cluster",
               aliases=("cross",), wide=True, priority=6),
        c.words("hops", "VIA", "Gateways and waypoints it passes through.", "hops", aliases=("via",),
                wide=True, priority=7, max_width=48),
        c.words("is", "IS", "mtls, plaintext, crosscluster or contradicted, for filters such as !mtls.", _marks,
                hidden=True),
        *_EITHER_END[:-1],
        c.words("app", "APP", "Either end's app.", either_end(lambda e: e.app), hidden=True),
        c.words("version", "VERSION", "Either end's version.", either_end(lambda e: e.version), hidden=True),
        c.words("kind", "KIND", "Either end's kind.", either_end(lambda e: e.kind), hidden=True),
        *_EITHER_END[-1:],
        *(c.text(f"{side}{part.capitalize()}", f"{title} {part.upper()}", f"The {part} of the {said}.",
                 f"{side}.{part}", hidden=True)
          for side, title, said in (("source", "FROM", "caller"), ("destination", "TO", "called end"))
          for part in ("namespace", "workload", "app", "version", "kind")),
    ),
    build=build,
    detail=detail,
    path=lambda i: call_path(i, i.protocol),
    places=places_of_call,
    default_sort="health,requestsPerSecond,source,destination",
    empty="No traffic was seen in this scope and window.",
    needs=Needs((), traffic=True),
    column_needs=Needs(POLICY_KINDS),
    related=("workloads", "services"),
)  # fmt: skip
