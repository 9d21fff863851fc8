"""The kind `mtls`: every workload's mutual TLS mode and the deciding object, observed traffic, findings and fixes."""

from __future__ import annotations

from msgspec import Struct, field

from meshtop.analysis.authorization.attachment import EnforcementPoint, Enforcer
from meshtop.analysis.authorization.listing import Authorization, authorization
from meshtop.analysis.security.mtls.config import IstioConfig, unreadable
from meshtop.analysis.security.mtls.observed import PlaintextSource, WorkloadDay
from meshtop.analysis.security.mtls.posture import WorkloadPosture
from meshtop.analysis.security.mtls.server import ServerPolicy
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.mesh import Proxy
from meshtop.model.numbers import age, percent, quantity
from meshtop.model.state import Finding
from meshtop.sources.prometheus.promql import Matcher, selector
from meshtop.views.frame.charts import DESTINATION_SIDE, Chart, ChartLine, equals
from meshtop.views.frame.columns import NOTHING, Columns, text_cell
from meshtop.views.frame.detail import related_items
from meshtop.views.frame.facts import Detail, Fact, Section, fact
from meshtop.views.frame.findings import applicable, finding_facts, findings_column
from meshtop.views.frame.owners import tenant_column, tenant_text
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.mtlsedges import VIEW as MTLS_EDGES
from meshtop.views.picture.fleet import domain_unknowns
from meshtop.views.picture.picture import Picture, WorkloadId
from meshtop.views.picture.posture import findings_at, mesh_of, moment_of, posture_of
from meshtop.views.picture.query import Place


class Declared(Struct, frozen=True, rename="camel", kw_only=True):
    """A workload's mode (null: not known, or decided elsewhere), and the level and object that decided.

    `ports` are workload ports with a mode of their own.
    """

    mode: str | None
    from_: str | None = field(name="from")
    policy: str | None
    ports: dict[str, str]


class Observed(Struct, frozen=True, rename="camel", kw_only=True):
    """Observed security of incoming traffic; null where no reporter can tell.

    `plaintextPerSecond` counts requests, `plaintextBytesPerSecond` TCP bytes. `plaintextLastDay` is null where the
    last day was not measured.
    """

    mtls_ratio: float | None
    plaintext_per_second: float | None
    plaintext_sources: tuple[PlaintextSource, ...]
    plaintext_bytes_per_second: float | None = None
    plaintext_last_day: float | None = None


class MtlsItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A workload (INTERFACE.md, kind mtls); `unknown` is the reason why its mode is not known."""

    cluster: str
    namespace: str
    workload: str
    proxy: Proxy | None
    declared: Declared
    observed: Observed
    findings: tuple[Finding, ...]
    tenant: str | None = None
    unknown: str | None = None
    tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[MtlsItem]:
    """A row for each workload and virtual machine of each cluster."""
    return picture.rows("mtls", posture_of(picture).workloads.values(), lambda standing: _item(picture, standing))


def _item(picture: Picture, standing: WorkloadPosture) -> MtlsItem:
    party, seen = standing.party, standing.seen
    tenants = picture.tenants(party.cluster, party.namespace)
    day = seen.day
    return MtlsItem(
        cluster=party.cluster,
        namespace=party.namespace,
        workload=party.name,
        proxy=None if party.unknown and party.proxy is Proxy.NONE else party.proxy,
        declared=_declared(standing),
        observed=Observed(
            mtls_ratio=seen.sums.mtls_ratio,
            plaintext_per_second=seen.plaintext_requests,
            plaintext_sources=seen.sources,
            plaintext_bytes_per_second=seen.plaintext_bytes,
            plaintext_last_day=day.total if day is not None and (day.measured or day.total) else None,
        ),
        findings=tuple(
            applicable(located.finding, picture.snapshot.cluster(located.cluster))
            for located in findings_at(picture, party.id)
        ),
        tenant=tenant_text(tenants),
        unknown=standing.unknown or party.unknown,
        tenants=tenants,
    )


def _declared(standing: WorkloadPosture) -> Declared:
    policy = standing.policy
    if policy is None or standing.party.gateway:
        # A gateway takes what its Gateway object says; PeerAuthentications do not count for it.
        return Declared(mode=None, from_=None, policy=None, ports={})
    return Declared(
        mode=policy.mode.value,
        from_=policy.level.value,
        policy=policy.policy,
        ports={str(port): mode.value for port, mode in sorted(policy.ports.items())},
    )


def _mode_cell(item: MtlsItem) -> Cell:
    mode, ports = item.declared.mode, item.declared.ports
    if mode is None:
        return Cell("? unknown", Tone.UNKNOWN) if item.unknown else NOTHING
    if item.proxy is Proxy.NONE:
        return text_cell(mode.lower(), Tone.DIM)
    tone = {"STRICT": Tone.PLAIN, "DISABLE": Tone.DEGRADED}.get(mode, Tone.PLAIN)
    return text_cell(mode.lower() + (f" +{len(ports)} port{'s' if len(ports) > 1 else ''}" if ports else ""), tone)


def _sources(item: MtlsItem) -> tuple[str, ...]:
    return tuple(s.title for s in item.observed.plaintext_sources)


def detail(picture: Picture, item: MtlsItem, key: str) -> Detail:
    """The detail of one workload's mutual TLS."""
    where = (item.cluster, item.namespace, item.workload)
    standing = posture_of(picture).workloads[where]
    edges = MTLS_EDGES.all_items(picture)
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
            Section("Authorization", authorization_facts(picture, where)),
        ),
        related=(
            related_items(picture, "mtlsedges", "Callers", into, "No calls to it in this window."),
            related_items(picture, "mtlsedges", "Calls", out, "No calls from it in this window."),
        ),
        charts=(_chart(picture, item),),
    )


def declared_facts(standing: WorkloadPosture) -> tuple[Fact, ...]:
    """The chain of decisions, mesh first, each with its object; then ignored policies."""
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
    """Facts: the share of mutual TLS by protocol, senders of plaintext and since when, and the last day."""
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
        facts.append(fact("mTLS", "not observed: no reporter that can tell counted anything in this window", Tone.DIM))
    facts += [fact("plaintext from", source_text(source, now), Tone.DEGRADED) for source in seen.sources]
    facts.append(fact("last day", day_text(seen.day), Tone.DIM))
    return tuple(facts)


def source_text(source: PlaintextSource, now: float) -> str:
    """A plaintext sender in words: name, amount, and since when."""
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
    """The plaintext of the last day in words."""
    if day is None:
        return "plaintext of the last day was not measured"
    if day.total:
        return f"{quantity(day.total)} requests and connections in plaintext"
    return "no plaintext" if day.measured else "no plaintext, but it has not been measured for a whole day"


def authorization_facts(picture: Picture, where: WorkloadId) -> tuple[Fact, ...]:
    """The AuthorizationPolicies and RequestAuthentications that apply, in the order of evaluation."""
    found = authorization_of(picture, where)
    if isinstance(found, str):
        return (fact("", f"unknown: {found}", Tone.UNKNOWN),)
    facts = [fact(p.action.value, f"{p.policy}: {p.meaning} (applies by {p.by})") for p in found.policies]
    facts.append(fact("anything else", found.verdict, Tone.STRONG))
    facts += [fact("tokens", line) for line in found.authentications]
    return tuple(facts)


def authorization_of(picture: Picture, where: WorkloadId) -> Authorization | str:
    """The authorization of requests to a workload, or the reason why it is unknown."""
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
    enforcer = Enforcer.SIDECAR
    if workload is not None and (workload.is_waypoint or workload.is_gateway):
        enforcer = Enforcer.WAYPOINT if workload.is_waypoint else Enforcer.GATEWAY
    point = EnforcementPoint(
        enforcer=enforcer,
        namespace=where[1],
        name=where[2],
        labels=party.labels if party is not None else {},
    )
    return authorization(
        inventory.config.get("AuthorizationPolicy", ()),
        inventory.config.get("RequestAuthentication", ()),
        point,
        party.services if party is not None else (),
        home.root_namespace,
    )


def _chart(picture: Picture, item: MtlsItem) -> Chart:
    """Chart of requests by connection security."""
    labels = {"destination_workload": item.workload, "destination_workload_namespace": item.namespace}
    window = duration_text(picture.snapshot.window_seconds)

    def line(name: str, policy: str) -> ChartLine:
        chosen = (DESTINATION_SIDE, *equals(labels), Matcher("connection_security_policy", "=", policy))
        return ChartLine(name, "/s", f"sum(rate({selector('istio_requests_total', chosen)}[{window}]))")

    return Chart("Requests by security", "/s", item.cluster, (line("mTLS", "mutual_tls"), line("plaintext", "none")))


c = Columns(MtlsItem)

VIEW: View[MtlsItem] = View(
    kind="mtls",
    singular="mtls",
    list_kind="MtlsList",
    title="Mutual TLS",
    item=MtlsItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=1, max_width=32),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), priority=1),
        c.text("workload", "WORKLOAD", "The workload that is called.", "workload", aliases=("wl", "name"),
               priority=0, min_width=8, max_width=48),
        c.custom(name="mode", title="DECLARED", help_="The mode: strict, permissive or disable.",
                 value=lambda i: i.declared.mode, cell=_mode_cell, aliases=("declared",), priority=0, min_width=8,
                 max_width=20),
        c.text("from", "FROM", "The level that decided: default, mesh, namespace, workload.", "declared.from_",
               priority=4),
        c.text("policy", "POLICY", "The object that decided.", "declared.policy", wide=True, priority=6, max_width=48),
        c.mtls(lambda i: i.observed.mtls_ratio, priority=1),
        c.rate("plaintextPerSecond", "PLAIN/S", "Requests per second that came in plaintext.",
               lambda i: i.observed.plaintext_per_second, aliases=("plaintext",), priority=2,
               tone=lambda v: Tone.DEGRADED if v else Tone.PLAIN),
        c.rate("plaintextBytes", "PLAIN B/S", "TCP bytes per second in plaintext.",
               lambda i: i.observed.plaintext_bytes_per_second, unit="B/s", wide=True, priority=6),
        c.rate("plaintextLastDay", "PLAIN/DAY", "Requests and connections in plaintext within the last day; a dash"
               " where the day was not measured.", lambda i: i.observed.plaintext_last_day, unit="", wide=True,
               priority=6),
        c.words("plaintextSources", "PLAINTEXT FROM", "Who sends plaintext.", _sources,
                wide=True, priority=7, max_width=60),
        c.text("proxy", "PROXY", "How it joins the mesh: sidecar, ambient, none.", "proxy", priority=3),
        tenant_column(wide=True, priority=6),
        findings_column(priority=1, max_width=36),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.namespace, i.workload),
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace, tenants=i.tenants),),
    default_sort="findings,plaintextPerSecond,namespace,workload",
    empty="There is no workload in this scope.",
    unknowns=domain_unknowns,
    needs=Needs(("Pod", "Deployment", "StatefulSet",
                 "DaemonSet", "ReplicaSet", "PeerAuthentication", "ConfigMap"), traffic=True),
    related=("mtlsedges", "workloads"),
)  # fmt: skip
