"""The kind `mtls --edges`: for every call the settings of client and server, the outcome, and the fix."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.security.mtls.conflicts import fix_of
from meshtop.analysis.security.mtls.mesh import TlsVerdict
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.security.mtls.server import Mode
from meshtop.model.numbers import percent, quantity
from meshtop.model.state import Finding, Severity
from meshtop.model.traffic import Edge, Peer, Target
from meshtop.views.frame.columns import Columns, signed
from meshtop.views.frame.detail import related
from meshtop.views.frame.ends import (
    call_path,
    call_title,
    either_end_columns,
    end_columns,
    places_of_call,
    workloads_of_call,
)
from meshtop.views.frame.facts import Detail, Section, fact
from meshtop.views.frame.findings import finding_facts
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import domain_unknowns
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_of, posture_of

OUTCOME_TONES = {
    TlsOutcome.MTLS: Tone.PLAIN,
    TlsOutcome.PLAINTEXT: Tone.DEGRADED,
    TlsOutcome.BROKEN: Tone.FAILING,
    TlsOutcome.UNKNOWN: Tone.UNKNOWN,
}
OUTCOME_SIGNS = {TlsOutcome.MTLS: "", TlsOutcome.PLAINTEXT: "▲ ", TlsOutcome.BROKEN: "✗ ", TlsOutcome.UNKNOWN: "? "}
OUTCOME_ORDER = {TlsOutcome.BROKEN: 0, TlsOutcome.PLAINTEXT: 1, TlsOutcome.UNKNOWN: 2, TlsOutcome.MTLS: 3}


class MtlsEdgeItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A call to a Service port (INTERFACE.md, kind mtls with --edges).

    `port` is null where all ports of the service are alike, or none is known; modes are null where not known.
    """

    source: Peer
    destination: Target
    port: int | None
    server_mode: str | None
    client_mode: str | None
    outcome: TlsOutcome
    why: str
    code: str | None = None
    protocol: str = ""
    mtls_ratio: float | None = None
    requests_per_second: float | None = None
    server_policy: str | None = None
    client_policy: str | None = None
    source_tenants: tuple[str, ...] = ()
    destination_tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[MtlsEdgeItem]:
    """A row for each edge; several where its ports differ and telemetry does not say which is used."""
    judged = [(edge, verdict) for edge, verdicts in posture_of(picture).edges for verdict in verdicts]
    return picture.rows("mtlsedges", judged, lambda one: _item(picture, *one))


def _item(picture: Picture, edge: Edge, verdict: TlsVerdict) -> MtlsEdgeItem:
    policy = verdict.policy
    return MtlsEdgeItem(
        source=edge.source,
        destination=edge.destination,
        port=verdict.port,
        server_mode=None if verdict.server_mode is Mode.UNKNOWN else verdict.server_mode.value,
        client_mode=verdict.client_mode.value if verdict.client_mode is not None else None,
        outcome=verdict.outcome,
        why=verdict.why,
        code=verdict.code,
        protocol=edge.protocol,
        mtls_ratio=edge.sums.mtls_ratio,
        requests_per_second=edge.sums.requests,
        server_policy=policy.decided_by(verdict.target) if policy is not None else None,
        client_policy=verdict.client_policy,
        source_tenants=picture.tenants(edge.source.cluster, edge.source.namespace),
        destination_tenants=picture.tenants(edge.destination.cluster, edge.destination.namespace),
    )


def outcome_cell(outcome: TlsOutcome) -> Cell:
    """An outcome with its sign."""
    return signed(OUTCOME_SIGNS[outcome], outcome.value, OUTCOME_TONES[outcome])


def detail(picture: Picture, item: MtlsEdgeItem, key: str) -> Detail:
    """The detail of one call's mutual TLS."""
    ends = workloads_of_call(item)
    seen = (
        "not observed by a reporter that can tell" if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} % mTLS"
    )
    rate = "" if item.requests_per_second is None else f", {quantity(item.requests_per_second)} requests/s"
    sections = [
        Section(
            "Outcome",
            (
                fact("outcome", Cell(OUTCOME_SIGNS[item.outcome] + item.outcome.value, OUTCOME_TONES[item.outcome])),
                *VIEW.facts(item, "why"),
                fact("seen", seen + rate, Tone.PLAIN if item.mtls_ratio in (None, 1.0) else Tone.DEGRADED),
            ),
        ),
        Section(
            "Declared",
            (
                *VIEW.facts(item, "port"),
                fact("client", f"{item.client_mode or 'unknown'}, by {item.client_policy or 'no rule'}"),
                fact("server", f"{item.server_mode or 'unknown'}, by {item.server_policy or 'nothing that is known'}"),
            ),
        ),
    ]
    if item.code is not None:
        fix = _fix(picture, item)
        finding = Finding(code=item.code, severity=Severity.ERROR, message=item.why, fix=fix)
        sections.append(Section(item.code, finding_facts(finding)))
    return Detail(
        kind="mtlsedges",
        key=key,
        title=call_title(item),
        health=None,
        sections=tuple(sections),
        related=(
            related(
                picture,
                "mtls",
                "Endpoints",
                lambda m: (m.cluster, m.namespace, m.workload) in ends,
                "Neither end is a workload that is known.",
            ),
        ),
        charts=(),
    )


def _fix(picture: Picture, item: MtlsEdgeItem) -> str | None:
    items = VIEW.all_items(picture)
    verdicts = [verdict for _, found in posture_of(picture).edges for verdict in found]
    chosen = next((v for i, v in zip(items, verdicts, strict=True) if i is item), None)
    return fix_of(mesh_of(picture), chosen) if chosen is not None else None


c = Columns(MtlsEdgeItem)

VIEW: View[MtlsEdgeItem] = View(
    kind="mtlsedges",
    singular="mtlsedge",
    list_kind="MtlsEdgeList",
    title="Mutual TLS of calls",
    item=MtlsEdgeItem,
    columns=(
        *end_columns(destination=3),
        c.count("port", "PORT", "The Service's port; a dash where all are alike.", "port", priority=2),
        c.text("protocol", "PROTO", "http, grpc or tcp.", "protocol", priority=4),
        c.text("clientMode", "CLIENT", "The caller's TLS mode; AUTO is auto mTLS.", "client_mode", priority=2),
        c.text("serverMode", "SERVER", "The server's mode.", "server_mode", priority=2),
        c.custom(name="outcome", title="OUTCOME", help_="The outcome: mtls, plaintext, broken or unknown.",
                 value=lambda i: i.outcome.value, cell=lambda i: outcome_cell(i.outcome),
                 order=lambda i: OUTCOME_ORDER[i.outcome], priority=0, min_width=9, max_width=12),
        c.mtls(priority=1),
        c.rate("requestsPerSecond", "REQ/S", "Requests per second.", "requests_per_second", aliases=("rps",),
               priority=2),
        c.text("code", "CODE", "The conflict (docs/findings.md).", "code", priority=3, max_width=32),
        c.text("why", "WHY", "The reason, in a sentence.", "why", priority=5, max_width=100, wide=True),
        c.text("clientPolicy", "CLIENT BY", "The object that decides for the caller.", "client_policy", hidden=True),
        c.text("serverPolicy", "SERVER BY", "The object that decides for the server.", "server_policy", hidden=True),
        *either_end_columns(),
        c.text("service", "SERVICE", "The requested service.", "destination.service", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: call_path(i, i.protocol, str(i.port or "any")),
    places=places_of_call,
    default_sort="outcome,requestsPerSecond,source,destination",
    empty="No traffic was seen in this scope and window.",
    unknowns=domain_unknowns,
    needs=Needs(("PeerAuthentication", "DestinationRule", "Service", "Pod", "ConfigMap", "Sidecar"), traffic=True),
    related=("mtls", "edges"),
)  # fmt: skip
