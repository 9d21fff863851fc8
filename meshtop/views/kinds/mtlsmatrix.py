"""The kind `mtlsmatrix`: mutual TLS between namespaces, the observed share and the worst declared outcome."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.security.mtls.observed import plaintext
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.traffic.figures import add_all
from meshtop.model.traffic import Edge, Peer, Target
from meshtop.views.frame.columns import Columns, mtls_cell
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section, fact
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.mtlsedges import OUTCOME_ORDER, outcome_cell
from meshtop.views.picture.fleet import domain_unknowns
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import posture_of
from meshtop.views.picture.query import Place

NamespaceId = tuple[str, str]
ELSEWHERE = "(unknown)"
"""Placeholder namespace of unknown callers and of hosts that belong to no namespace."""


class MtlsPair(Struct, frozen=True, rename="camel", kw_only=True):
    """All calls from one namespace to another: requests per second, their share of mutual TLS, the worst outcome."""

    source_cluster: str
    source_namespace: str
    destination_cluster: str
    destination_namespace: str
    outcome: TlsOutcome
    mtls_ratio: float | None
    requests_per_second: float | None
    plaintext_per_second: float | None
    edges: int
    source_tenants: tuple[str, ...] = ()
    destination_tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[MtlsPair]:
    """A row for each pair of namespaces between which there is traffic."""
    pairs: dict[tuple[NamespaceId, NamespaceId], list[tuple[Edge, TlsOutcome]]] = {}
    for edge, verdicts in posture_of(picture).edges:
        worst = min((v.outcome for v in verdicts), key=OUTCOME_ORDER.__getitem__)
        pairs.setdefault((_place(edge.source), _place(edge.destination)), []).append((edge, worst))
    return picture.rows("mtlsmatrix", sorted(pairs.items()), lambda one: _pair(picture, *one[0], one[1]))


def _place(end: Peer | Target) -> NamespaceId:
    return (end.cluster, end.namespace or ELSEWHERE)


def _pair(picture: Picture, left: NamespaceId, right: NamespaceId, found: list[tuple[Edge, TlsOutcome]]) -> MtlsPair:
    sums = add_all([edge.sums for edge, _ in found])
    return MtlsPair(
        source_cluster=left[0],
        source_namespace=left[1],
        destination_cluster=right[0],
        destination_namespace=right[1],
        outcome=min((outcome for _, outcome in found), key=OUTCOME_ORDER.__getitem__),
        mtls_ratio=sums.mtls_ratio,
        requests_per_second=sums.requests,
        plaintext_per_second=plaintext(sums.judged, sums.secured),
        edges=len(found),
        source_tenants=picture.tenants(*left),
        destination_tenants=picture.tenants(*right),
    )


def pair_cell(pair: MtlsPair) -> Cell:
    """A cell of the matrix: the observed share with its sign, or `broken` regardless of the observation."""
    if pair.outcome is TlsOutcome.BROKEN:
        return outcome_cell(TlsOutcome.BROKEN)
    if pair.mtls_ratio is None:
        return outcome_cell(pair.outcome) if pair.outcome is not TlsOutcome.MTLS else Cell("mtls", Tone.DIM)
    return mtls_cell(pair.mtls_ratio)


def _name(cluster: str, namespace: str) -> str:
    return f"{cluster}/{namespace}" if cluster else namespace


def detail(picture: Picture, item: MtlsPair, key: str) -> Detail:
    """The detail of one pair of namespaces."""
    left = (item.source_cluster, item.source_namespace)
    right = (item.destination_cluster, item.destination_namespace)
    return Detail(
        kind="mtlsmatrix",
        key=key,
        title=f"{'/'.join(filter(None, left))} → {'/'.join(filter(None, right))}",
        health=None,
        sections=(
            Section(
                "Mutual TLS",
                (
                    fact("seen", pair_cell(item)),
                    fact("worst outcome", item.outcome),
                    *VIEW.facts(item, "requestsPerSecond", "plaintextPerSecond"),
                ),
            ),
        ),
        related=(
            related(
                picture,
                "mtlsedges",
                "Calls",
                lambda e: (
                    (e.source.cluster, e.source.namespace or ELSEWHERE) == left
                    and (e.destination.cluster, e.destination.namespace or ELSEWHERE) == right
                ),
                "There are no calls.",
            ),
        ),
        charts=(),
    )


c = Columns(MtlsPair)

VIEW: View[MtlsPair] = View(
    kind="mtlsmatrix",
    singular="mtlspair",
    list_kind="MtlsMatrix",
    title="Mutual TLS between namespaces",
    item=MtlsPair,
    columns=(
        c.text("from", "FROM", "The calling namespace.", lambda i: _name(i.source_cluster, i.source_namespace),
               aliases=("source",), priority=0, max_width=48),
        c.text("to", "TO", "The called namespace.", lambda i: _name(i.destination_cluster, i.destination_namespace),
               aliases=("destination",), priority=0, max_width=48),
        c.custom(name="outcome", title="OUTCOME", help_="The worst outcome of the declared settings.",
                 value=lambda i: i.outcome.value, cell=lambda i: outcome_cell(i.outcome),
                 order=lambda i: OUTCOME_ORDER[i.outcome], priority=0, min_width=9),
        c.mtls(priority=0),
        c.rate("requestsPerSecond", "REQ/S", "Requests per second.", "requests_per_second", aliases=("rps",),
               label="requests",               priority=1),
        c.rate("plaintextPerSecond", "PLAIN/S", "Requests per second in plaintext.", "plaintext_per_second",
               aliases=("plaintext",), label="in plaintext", priority=1),
        c.count("edges", "EDGES", "Number of calls included.", "edges", priority=2),
        c.words("cluster", "CLUSTER", "Either cluster.", lambda i: (i.source_cluster, i.destination_cluster),
                hidden=True),
        c.words("namespace", "NAMESPACE", "Either namespace.", lambda i: (i.source_namespace, i.destination_namespace),
                aliases=("ns",), hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.source_cluster, i.source_namespace, f"->{i.destination_cluster}:{i.destination_namespace}"),
    places=lambda i: (
        Place(cluster=i.source_cluster, namespace=i.source_namespace, tenants=i.source_tenants),
        Place(cluster=i.destination_cluster, namespace=i.destination_namespace, tenants=i.destination_tenants),
    ),
    default_sort="outcome,plaintextPerSecond,requestsPerSecond,from,to",
    empty="No traffic was seen in this scope and window.",
    unknowns=domain_unknowns,
    needs=Needs(("PeerAuthentication", "DestinationRule", "Service", "Pod", "ConfigMap"), traffic=True),
    related=("mtlsedges",),
)  # fmt: skip
