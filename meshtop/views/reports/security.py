"""The security overview: shares of mutual TLS, findings by severity, next expiries, and two matrices."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from msgspec import Struct, structs

from meshtop.analysis.security.mtls.observed import plaintext
from meshtop.analysis.traffic.figures import add_all
from meshtop.model.state import Severity
from meshtop.model.traffic import Edge, Sums
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Cell, Table, Tone
from meshtop.views.kinds.certificates import CertificateItem
from meshtop.views.kinds.findings import FindingItem
from meshtop.views.kinds.mtlsmatrix import ELSEWHERE, MtlsPair, pair_cell
from meshtop.views.kinds.trust import TrustItem, trust_cell
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import posture_of
from meshtop.views.picture.query import Place, Query

EVERYTHING = Query()
NOBODY = "(none)"
"""The tenant of namespaces without a mark."""


class Share(Struct, frozen=True, kw_only=True):
    """Traffic into a cluster, namespace or tenant: the share of mutual TLS, and plaintext per second."""

    name: str
    mtls_ratio: float | None
    requests_per_second: float | None
    plaintext_per_second: float | None
    findings: int


class Overview(Struct, frozen=True, kw_only=True):
    """All that the overview shows; findings and certificates are the worst first."""

    total: Share
    clusters: tuple[Share, ...]
    namespaces: tuple[Share, ...]
    tenants: tuple[Share, ...]
    findings: tuple[FindingItem, ...]
    severities: dict[Severity, int]
    certificates: tuple[CertificateItem, ...]
    unmeasured_days: tuple[str, ...]
    """Clusters whose last day was not measured, so that readiness for STRICT is unknown there."""


c = Columns(Share)
SHARE_COLUMNS = (
    c.text("name", "NAME", "The cluster, namespace or tenant.", "name", priority=0, max_width=40),
    c.mtls(priority=0),
    c.rate("requestsPerSecond", "REQ/S", "Requests per second that it receives.", "requests_per_second", priority=1),
    c.rate("plaintextPerSecond", "PLAIN/S", "Requests per second that it receives in plaintext.",
           "plaintext_per_second", priority=1),
    c.count("findings", "FINDINGS", "Errors and warnings in it.", "findings", priority=2),
)  # fmt: skip


def overview(picture: Picture, query: Query = EVERYTHING) -> Overview:
    """The overview of a scope."""
    scope = Query(clusters=query.clusters, namespaces=query.namespaces, tenant=query.tenant)
    findings = [item for item in view("findings").items(picture, scope) if not item.on_configuration]
    edges = [edge for edge, _ in posture_of(picture).edges if _receives(picture, edge, query)]
    serious = [f for f in findings if f.severity is not Severity.INFO]
    snapshot = picture.snapshot
    return Overview(
        total=_share("", edges, len(serious)),
        clusters=_shares(edges, lambda e: (e.destination.cluster,), serious, lambda f: (f.cluster,)),
        namespaces=_shares(edges, lambda e: (_namespace(e),), serious, lambda f: (f"{f.cluster}/{f.namespace}",)),
        tenants=_shares(
            edges,
            lambda e: picture.tenants(e.destination.cluster, e.destination.namespace) or (NOBODY,),
            serious,
            lambda f: f.tenants or (NOBODY,),
        ),
        findings=tuple(findings),
        severities={severity: sum(f.severity is severity for f in findings) for severity in Severity},
        certificates=tuple(view("certificates").items(picture, Query(clusters=query.clusters))),
        unmeasured_days=tuple(
            cluster.name
            for cluster in snapshot.clusters
            if cluster.telemetry is None or cluster.telemetry.plaintext_day is None
        ),
    )


def _receives(picture: Picture, edge: Edge, query: Query) -> bool:
    end = edge.destination
    place = Place(cluster=end.cluster, namespace=end.namespace, tenants=picture.tenants(end.cluster, end.namespace))
    return query.holds((place,))


def _namespace(edge: Edge) -> str:
    return f"{edge.destination.cluster}/{edge.destination.namespace}"


def _shares(
    edges: Iterable[Edge],
    groups: Callable[[Edge], Sequence[str]],
    findings: Iterable[FindingItem],
    places: Callable[[FindingItem], Sequence[str]],
) -> tuple[Share, ...]:
    """Shares by group, those with most plaintext first; a namespace with several tenants counts for each."""
    parts: dict[str, list[Edge]] = {}
    for edge in edges:
        for group in groups(edge):
            parts.setdefault(group, []).append(edge)
    counts: dict[Hashable, int] = {}
    for finding in findings:
        for place in places(finding):
            counts[place] = counts.get(place, 0) + 1
    found = [_share(name, part, counts.get(name, 0)) for name, part in parts.items()]
    return tuple(sorted(found, key=lambda s: (-(s.plaintext_per_second or 0.0), -(s.requests_per_second or 0), s.name)))


def _share(name: str, edges: Sequence[Edge], findings: int) -> Share:
    sums: Sums = add_all([edge.sums for edge in edges])
    return Share(
        name=name,
        mtls_ratio=sums.mtls_ratio,
        requests_per_second=sums.requests,
        plaintext_per_second=plaintext(sums.judged, sums.secured),
        findings=findings,
    )


def shares_table(shares: Sequence[Share], title: str = "NAME") -> Table[Share]:
    """Shares as a table; the title says of what they are."""
    first, *others = SHARE_COLUMNS
    return Table((structs.replace(first, title=title), *others), shares, lambda share: share.name)


class Matrix(Struct, frozen=True):
    """A matrix of names and cells; `cells` maps (row, column) to a cell and may be sparse."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]


def namespace_matrix(picture: Picture, query: Query = EVERYTHING) -> Matrix:
    """From namespace (row) to namespace (column): the observed share of mutual TLS, or `broken`."""
    pairs: list[MtlsPair] = view("mtlsmatrix").items(picture, query)
    named = [
        (f"{p.source_cluster}/{p.source_namespace}".lstrip("/"),
         f"{p.destination_cluster}/{p.destination_namespace}".lstrip("/"), p)
        for p in pairs
    ]  # fmt: skip
    return Matrix(
        tuple(sorted({left for left, _, _ in named}, key=_known_first)),
        tuple(sorted({right for _, right, _ in named}, key=_known_first)),
        {(left, right): pair_cell(pair) for left, right, pair in named},
    )


def _known_first(name: str) -> tuple[bool, str]:
    return name.endswith(ELSEWHERE), name


def trust_matrix(picture: Picture, query: Query = EVERYTHING) -> Matrix:
    """Cluster × cluster: yes, no or unknown; the diagonal is blank."""
    pairs: list[TrustItem] = view("trust").items(picture, query)
    names = tuple(dict.fromkeys(c.name for c in picture.snapshot.clusters))
    known = tuple(n for n in names if any(n in (p.left, p.right) for p in pairs))
    cells = {(name, name): Cell("·", Tone.DIM) for name in known}
    for pair in pairs:
        cells[pair.left, pair.right] = cells[pair.right, pair.left] = trust_cell(pair)
    return Matrix(known, known, cells)
