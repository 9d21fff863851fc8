"""The kind `mtls --edges`: for every call what client and server declare, and what follows from both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.security.mtls.mesh import TlsVerdict
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.security.mtls.server import Mode
from meshtop.model.traffic import Edge, Peer, Target
from meshtop.views.frame import columns as c
from meshtop.views.frame.columns import text_cell
from meshtop.views.frame.table import Cell, Column, Tone
from meshtop.views.frame.view import View
from meshtop.views.kinds.edges import end_name, end_text
from meshtop.views.picture.posture import posture_of
from meshtop.views.picture.query import Place

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

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
    return [_item(picture, edge, v) for edge, verdicts in posture_of(picture).edges for v in verdicts]


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


def _path(item: MtlsEdgeItem) -> tuple[str, ...]:
    source, destination = item.source, item.destination
    right = ":".join(
        (destination.cluster, destination.namespace, end_name(destination), destination.service, item.protocol)
    )
    return (source.cluster, source.namespace, f"{end_name(source)}->{right}:{item.port or 'any'}")


def _places(item: MtlsEdgeItem) -> tuple[Place, ...]:
    return tuple(
        Place(cluster=end.cluster, namespace=end.namespace, tenants=tenants)
        for end, tenants in ((item.source, item.source_tenants), (item.destination, item.destination_tenants))
    )


def outcome_cell(outcome: TlsOutcome) -> Cell:
    """An outcome with its sign."""
    return c.signed(OUTCOME_SIGNS[outcome], outcome.value, OUTCOME_TONES[outcome])


def _ends(name: str) -> c.Get:
    return lambda i: tuple(dict.fromkeys(v for v in (getattr(i.source, name), getattr(i.destination, name)) if v))


VIEW: View[MtlsEdgeItem] = View(
    kind="mtlsedges",
    singular="mtlsedge",
    list_kind="MtlsEdgeList",
    title="Mutual TLS of calls",
    item=MtlsEdgeItem,
    columns=(
        c.text("sourceCluster", "CLUSTER", "The caller's cluster.", "source.cluster", priority=1, max_width=24),
        Column(name="source", title="FROM", help="Who calls.", value=lambda i: end_text(i.source),
               cell=lambda i: text_cell(end_text(i.source)), priority=0, min_width=8, max_width=48),
        c.text("destinationCluster", "TO CLUSTER", "The cluster that answers.", "destination.cluster", priority=3,
               max_width=24),
        Column(name="destination", title="TO", help="Who is called.", value=lambda i: end_text(i.destination),
               cell=lambda i: text_cell(end_text(i.destination)), aliases=("to",), priority=0, min_width=8,
               max_width=48),
        c.count("port", "PORT", "The Service's port; a dash where all are alike.", "port", priority=2),
        c.text("protocol", "PROTO", "http, grpc or tcp.", "protocol", priority=4),
        c.text("clientMode", "CLIENT", "What the caller sends: AUTO is auto mTLS.", "client_mode", priority=2),
        c.text("serverMode", "SERVER", "What the server accepts.", "server_mode", priority=2),
        Column(name="outcome", title="OUTCOME", help="What follows: mtls, plaintext, broken or unknown.",
               value=lambda i: i.outcome.value, cell=lambda i: outcome_cell(i.outcome),
               order=lambda i: OUTCOME_ORDER[i.outcome], priority=0, min_width=9, max_width=12),
        c.mtls(priority=1),
        c.rate("requestsPerSecond", "REQ/S", "Requests per second.", "requests_per_second", aliases=("rps",),
               priority=2),
        c.text("code", "CODE", "The conflict (docs/findings.md).", "code", priority=3, max_width=32),
        c.text("why", "WHY", "Why, in a sentence.", "why", priority=5, max_width=100, wide=True),
        c.text("clientPolicy", "CLIENT BY", "The object that decides for the caller.", "client_policy", hidden=True),
        c.text("serverPolicy", "SERVER BY", "The object that decides for the server.", "server_policy", hidden=True),
        c.words("cluster", "CLUSTER", "Either end's cluster.", _ends("cluster"), hidden=True),
        c.words("namespace", "NAMESPACE", "Either end's namespace.", _ends("namespace"), aliases=("ns",), hidden=True),
        c.words("workload", "WORKLOAD", "Either end's workload.", _ends("workload"), aliases=("wl",), hidden=True),
        c.text("service", "SERVICE", "The service that was asked for.", "destination.service", hidden=True),
        c.words("tenant", "TENANT", "Either end's tenant.",
                lambda i: tuple(dict.fromkeys(i.source_tenants + i.destination_tenants)), hidden=True),
    ),
    build=build,
    path=_path,
    places=_places,
    default_sort="outcome,requestsPerSecond,source,destination",
    empty="No traffic was seen in this scope and window.",
    related=("mtls", "edges"),
)  # fmt: skip
