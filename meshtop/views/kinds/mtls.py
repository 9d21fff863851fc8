"""The kind `mtls`: for every workload what it accepts and who decided, what is seen, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from meshtop.analysis.security.mtls.observed import PlaintextSource
from meshtop.analysis.security.mtls.posture import WorkloadPosture
from meshtop.model.mesh import Proxy
from meshtop.model.state import Finding, Severity
from meshtop.views.frame import columns as c
from meshtop.views.frame.columns import NOTHING, text_cell
from meshtop.views.frame.table import Cell, Column, Tone
from meshtop.views.frame.view import View
from meshtop.views.kinds.tenants import tenant_column, tenant_text
from meshtop.views.picture.posture import findings_at, posture_of
from meshtop.views.picture.query import Place

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

SEVERITY_TONES = {Severity.ERROR: Tone.FAILING, Severity.WARNING: Tone.DEGRADED, Severity.INFO: Tone.DIM}
SEVERITY_SIGNS = {Severity.ERROR: "✗ ", Severity.WARNING: "▲ ", Severity.INFO: ""}
SEVERITY_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


class Declared(Struct, frozen=True, rename="camel", kw_only=True):
    """What a workload accepts (null: not known, or decided elsewhere), the level and the object that decided.

    `ports` are workload ports with a mode of their own.
    """

    mode: str | None
    from_: str | None = field(name="from")
    policy: str | None
    ports: dict[str, str]


class Observed(Struct, frozen=True, rename="camel", kw_only=True):
    """What the reporters that know have seen of incoming traffic; null where none does.

    `plaintextPerSecond` counts requests, `plaintextBytesPerSecond` TCP bytes. `plaintextLastDay` is null where the
    last day was not measured.
    """

    mtls_ratio: float | None
    plaintext_per_second: float | None
    plaintext_sources: tuple[PlaintextSource, ...]
    plaintext_bytes_per_second: float | None = None
    plaintext_last_day: float | None = None


class MtlsItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A workload (INTERFACE.md, kind mtls); `unknown` says why what is declared is not known."""

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
    return [_item(picture, standing) for standing in posture_of(picture).workloads.values()]


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
        findings=findings_at(picture, party.id),
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


def findings_cell(findings: tuple[Finding, ...]) -> Cell:
    """The worst finding's code, and how many more."""
    if not findings:
        return NOTHING
    worst = min(findings, key=lambda f: SEVERITY_ORDER[f.severity])
    more = f" +{len(findings) - 1}" if len(findings) > 1 else ""
    return Cell(f"{SEVERITY_SIGNS[worst.severity]}{worst.code}{more}", SEVERITY_TONES[worst.severity])


def _worst(item: MtlsItem) -> int:
    return min((SEVERITY_ORDER[f.severity] for f in item.findings), default=len(SEVERITY_ORDER))


def _sources(item: MtlsItem) -> tuple[str, ...]:
    return tuple(s.title for s in item.observed.plaintext_sources)


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
        Column(name="mode", title="DECLARED", help="What it accepts: strict, permissive or disable.",
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
        Column(name="findings", title="FINDINGS", help="What is wrong, the worst first (docs/findings.md).",
               value=lambda i: tuple(f.code for f in i.findings), cell=lambda i: findings_cell(i.findings),
               order=_worst, aliases=("finding", "code"), priority=1, min_width=10, max_width=36),
    ),
    build=build,
    path=lambda i: (i.cluster, i.namespace, i.workload),
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace, tenants=i.tenants),),
    default_sort="findings,plaintextPerSecond,namespace,workload",
    empty="No workload is in this scope.",
    related=("mtlsedges", "workloads"),
)  # fmt: skip
