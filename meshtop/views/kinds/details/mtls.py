"""A workload's mutual TLS opened: the chain of decisions, who sends plaintext, who is authorized, and the fixes."""

from __future__ import annotations

from meshtop.analysis.security.authorization import Authorization, PolicyTarget, authorization
from meshtop.analysis.security.mtls.config import IstioConfig, unreadable
from meshtop.analysis.security.mtls.observed import PlaintextSource, WorkloadDay
from meshtop.analysis.security.mtls.posture import WorkloadPosture
from meshtop.analysis.security.mtls.server import ServerPolicy
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.sources.prometheus.promql import Matcher, selector
from meshtop.views.frame.charts import DESTINATION_SIDE, Chart, ChartLine, equals
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related_items
from meshtop.views.frame.numbers import age, percent, quantity
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.details.findings import finding_facts
from meshtop.views.kinds.mtls import MtlsItem
from meshtop.views.kinds.mtlsedges import MtlsEdgeItem
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_of, moment_of, posture_of

Place = tuple[str, str, str]


def detail(picture: Picture, item: MtlsItem, key: str) -> Detail:
    """Everything about one workload's mutual TLS."""
    where = (item.cluster, item.namespace, item.workload)
    standing = posture_of(picture).workloads[where]
    edges: list[MtlsEdgeItem] = view("mtlsedges").all_items(picture)
    into = [e for e in edges if (e.destination.cluster, e.destination.namespace, e.destination.workload) == where]
    out = [e for e in edges if (e.source.cluster, e.source.namespace, e.source.workload) == where]
    return Detail(
        kind="mtls",
        key=key,
        title=f"{item.namespace}/{item.workload}",
        health=None,
        sections=(
            Section("Declared", declared_facts(standing)),
            Section("Seen", seen_facts(standing, moment_of(picture))),
            *(Section(f.code, finding_facts(f)) for f in item.findings),
            Section("Who is authorized", authorization_facts(picture, where)),
        ),
        related=(
            related_items("mtlsedges", "Callers", into, "Nobody has called it in this window."),
            related_items("mtlsedges", "Calls", out, "It has called nobody in this window."),
        ),
        charts=(_chart(picture, item),),
    )


def declared_facts(standing: WorkloadPosture) -> tuple[Fact, ...]:
    """The chain of decisions, mesh first, each with its object; then what was ignored."""
    party, policy = standing.party, standing.policy
    facts = [fact("proxy", str(party.proxy))]
    if party.unknown:
        facts = [fact("proxy", f"unknown: {party.unknown}", Tone.UNKNOWN)]
    if policy is None:
        return (*facts, fact("accepts", f"unknown: {standing.unknown}", Tone.UNKNOWN))
    if party.gateway:
        return (*facts, fact("accepts", "what its Gateway object says; PeerAuthentications do not count for gateways"))
    return (*facts, fact("accepts", f"{policy.mode}, by {policy.decided_by()}", Tone.STRONG), *_chain(policy))


def _chain(policy: ServerPolicy) -> tuple[Fact, ...]:
    steps = [fact("default", "PERMISSIVE, where nothing else decides", Tone.DIM)]
    for step in policy.chain:
        said = f"{step.mode} by {step.policy}" if step.mode is not None else f"inherits ({step.policy} is UNSET)"
        steps.append(fact(step.level.value, said))
    steps += [fact("ignored", line, Tone.DEGRADED) for line in policy.ignored]
    return tuple(steps)


def seen_facts(standing: WorkloadPosture, now: float) -> tuple[Fact, ...]:
    """The share of mutual TLS by protocol, who sends plaintext and since when, and the last day."""
    seen = standing.seen
    sums = seen.sums
    facts = []
    for what, secured, judged in (
        ("requests", sums.secured, sums.judged),
        ("TCP bytes", sums.secured_bytes, sums.judged_bytes),
    ):
        if judged:
            ratio = (secured or 0.0) / judged
            tone = Tone.PLAIN if ratio >= 1 else Tone.DEGRADED
            facts.append(fact(f"mTLS of {what}", f"{percent(ratio)} % of {quantity(judged)}/s", tone))
    if not facts:
        facts.append(fact("mTLS", "not seen: no reporter that knows has counted anything in this window", Tone.DIM))
    facts += [fact("plaintext from", source_text(source, now), Tone.DEGRADED) for source in seen.sources]
    facts.append(fact("last day", day_text(seen.day), Tone.DIM))
    return tuple(facts)


def source_text(source: PlaintextSource, now: float) -> str:
    """Who, how much and since when."""
    amounts = []
    if source.requests_per_second:
        amounts.append(f"{quantity(source.requests_per_second)} requests/s")
    if source.bytes_per_second:
        amounts.append(f"{quantity(source.bytes_per_second)} B/s of TCP")
    if source.last_day:
        amounts.append(f"{quantity(source.last_day)} within a day")
    since = "since when was not measured"
    if source.since is not None:
        since = f"first seen {age(now - source.since.timestamp())} ago"
    return f"{source.title}: {', '.join(amounts) or 'nothing in this window'}; {since}"


def day_text(day: WorkloadDay | None) -> str:
    """What is known of the last day."""
    if day is None:
        return "plaintext of the last day was not measured"
    if day.total:
        return f"{quantity(day.total)} requests and connections in plaintext"
    return "no plaintext" if day.measured else "no plaintext, but it has not been measured for a whole day"


def authorization_facts(picture: Picture, where: Place) -> tuple[Fact, ...]:
    """The AuthorizationPolicies and RequestAuthentications that apply, in the order in which they are asked."""
    found = authorization_of(picture, where)
    if isinstance(found, str):
        return (fact("", f"unknown: {found}", Tone.UNKNOWN),)
    facts = [fact(p.action.value, f"{p.policy}: {p.meaning} (applies by {p.by})") for p in found.policies]
    facts.append(fact("anything else", found.verdict, Tone.STRONG))
    facts += [fact("tokens", line) for line in found.authentications]
    return tuple(facts)


def authorization_of(picture: Picture, where: Place) -> Authorization | str:
    """What decides on requests to a workload, or why that is not known."""
    home = mesh_of(picture).config_of(where[0])
    if not isinstance(home, IstioConfig):
        return home
    cluster = picture.snapshot.cluster(home.cluster)
    inventory = cluster.inventory if cluster is not None else None
    silent = unreadable(home.cluster, inventory, "AuthorizationPolicy", "RequestAuthentication")
    if silent or inventory is None:
        return silent or f"The inventory of {home.cluster} is not known."
    workload = next((w for w in picture.workloads_in(where[0], where[1]) if w.name == where[2]), None)
    party = mesh_of(picture).parties.find(where)
    subject = PolicyTarget(
        namespace=where[1],
        labels=party.labels if party is not None else {},
        services=party.services if party is not None else (),
        gateway=workload.is_gateway if workload is not None else False,
        waypoint=workload.is_waypoint if workload is not None else False,
    )
    return authorization(
        inventory.config.get("AuthorizationPolicy", ()),
        inventory.config.get("RequestAuthentication", ()),
        subject,
        home.root_namespace,
    )


def _chart(picture: Picture, item: MtlsItem) -> Chart:
    """Requests over time by how they came."""
    labels = {"destination_workload": item.workload, "destination_workload_namespace": item.namespace}
    window = duration_text(picture.snapshot.window_seconds)

    def line(name: str, policy: str) -> ChartLine:
        chosen = (DESTINATION_SIDE, *equals(labels), Matcher("connection_security_policy", "=", policy))
        return ChartLine(name, "/s", f"sum(rate({selector('istio_requests_total', chosen)}[{window}]))")

    return Chart("Requests by security", "/s", item.cluster, (line("mTLS", "mutual_tls"), line("plaintext", "none")))
