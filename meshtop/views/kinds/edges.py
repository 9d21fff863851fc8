"""The kind `edges`: who calls whom, counted once, across clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.model.constants import CONTRADICTED_FROM, MUTUAL_TLS_FROM
from meshtop.model.state import Health
from meshtop.model.traffic import NO_TRAFFIC, Edge, Peer, PeerKind, Target, Traffic
from meshtop.views.frame import columns as c
from meshtop.views.frame.columns import text_cell
from meshtop.views.frame.table import Cell, Column, Tone
from meshtop.views.frame.view import View
from meshtop.views.picture.query import Place

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

OK_CODES = ("2", "3")


class EdgeItem(Struct, frozen=True, rename="camel", kw_only=True):
    """An edge (INTERFACE.md, kind edges); `codes` and `flags` are rates per second."""

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


def build(picture: Picture) -> list[EdgeItem]:
    """A row for each edge."""
    return [_item(picture, edge) for edge in picture.edges]


def _item(picture: Picture, edge: Edge) -> EdgeItem:
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
    )


def end_name(end: Peer | Target) -> str:
    """What one end is called: its workload, else the service or app, else its kind."""
    if end.workload:
        return end.workload
    service = end.service if isinstance(end, Target) else ""
    return service or end.app or end.kind.value


def end_text(end: Peer | Target) -> str:
    """`NAMESPACE/NAME`, or the name alone for what has no namespace."""
    name = end_name(end)
    return f"{end.namespace}/{name}" if end.namespace else name


def _end_cell(end: Peer | Target) -> Cell:
    return text_cell(end_text(end), Tone.UNKNOWN if end.kind is PeerKind.UNKNOWN else Tone.PLAIN)


def _ends(name: str) -> c.Get:
    """The values of both ends, for filters that mean either."""
    return lambda i: tuple(dict.fromkeys(v for v in (getattr(i.source, name), getattr(i.destination, name)) if v))


def _path(item: EdgeItem) -> tuple[str, ...]:
    """Both ends and the protocol: `east`, `shop`, `web->east:shop:reviews-v2:reviews.shop:http`."""
    source, destination = item.source, item.destination
    right = ":".join(
        (destination.cluster, destination.namespace, end_name(destination), destination.service, item.protocol)
    )
    return (source.cluster, source.namespace, f"{end_name(source)}->{right}")


def _places(item: EdgeItem) -> tuple[Place, ...]:
    return tuple(
        Place(cluster=end.cluster, namespace=end.namespace, tenants=tenants)
        for end, tenants in ((item.source, item.source_tenants), (item.destination, item.destination_tenants))
    )


def _marks(item: EdgeItem) -> tuple[str, ...]:
    """What an edge is in a word, so that `!mtls` finds what is not wholly mutual TLS, and `plaintext` what is not."""
    ratio = item.mtls_ratio
    said = (
        ("mtls", ratio is not None and ratio >= MUTUAL_TLS_FROM),
        ("plaintext", ratio is not None and ratio < MUTUAL_TLS_FROM),
        ("crosscluster", item.cross_cluster),
        ("contradicted", item.disagreement is not None and item.disagreement >= CONTRADICTED_FROM),
    )
    return tuple(word for word, holds in said if holds)


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


VIEW: View[EdgeItem] = View(
    kind="edges",
    singular="edge",
    list_kind="EdgeList",
    title="Edges",
    item=EdgeItem,
    columns=(
        c.text("sourceCluster", "CLUSTER", "The caller's cluster.", "source.cluster", priority=1, max_width=24),
        Column(name="source", title="FROM", help="Who calls.", value=lambda i: end_text(i.source),
               cell=lambda i: _end_cell(i.source), aliases=("from",), priority=0, min_width=8, max_width=48),
        c.text("destinationCluster", "TO CLUSTER", "The cluster that answers.", "destination.cluster",
               priority=4, max_width=24),
        Column(name="destination", title="TO", help="Who is called.", value=lambda i: end_text(i.destination),
               cell=lambda i: _end_cell(i.destination), aliases=("to",), priority=0, min_width=8, max_width=48),
        c.text("service", "SERVICE", "The service that was asked for.", "destination.service",
               aliases=("host", "svc"), wide=True, priority=7, max_width=60),
        c.text("protocol", "PROTO", "http, grpc or tcp.", "protocol", priority=2, min_width=4),
        c.health(),
        *c.golden(),
        c.mtls(priority=2),
        Column(name="codes", title="CODES", help="Codes other than success, most frequent first.",
               value=lambda i: tuple(code for code, rate in i.codes.items() if rate > 0), cell=_codes_cell,
               aliases=("code",), priority=5, max_width=16),
        Column(name="flags", title="FLAGS", help="Envoy's response flags, most frequent first.",
               value=lambda i: tuple(flag for flag, rate in i.flags.items() if rate > 0 and flag not in ("", "-")),
               cell=_flags_cell, aliases=("flag",), priority=5, max_width=16),
        c.words("reporters", "REPORTERS", "Whose reports there are.", "reporters",
                aliases=("reporter",), wide=True, priority=7),
        c.ratio("disagreement", "DIFF %", "How far the two ends' reports are apart.", "disagreement",
                tone=_disagreement_tone, wide=True, priority=7),
        c.flag("crossCluster", "CROSS", "Whether it crosses clusters.", "cross_cluster",
               aliases=("cross",), wide=True, priority=6),
        c.words("hops", "VIA", "Gateways and waypoints it passes through.", "hops", aliases=("via",),
                wide=True, priority=7, max_width=48),
        c.words("is", "IS", "mtls, plaintext, crosscluster or contradicted, for filters such as !mtls.", _marks,
                hidden=True),
        c.words("cluster", "CLUSTER", "Either end's cluster.", _ends("cluster"), hidden=True),
        c.words("namespace", "NAMESPACE", "Either end's namespace.", _ends("namespace"), aliases=("ns",), hidden=True),
        c.words("workload", "WORKLOAD", "Either end's workload.", _ends("workload"), aliases=("wl",), hidden=True),
        c.words("app", "APP", "Either end's app.", _ends("app"), hidden=True),
        c.words("version", "VERSION", "Either end's version.", _ends("version"), hidden=True),
        c.words("kind", "KIND", "Either end's kind.", _ends("kind"), hidden=True),
        c.words("tenant", "TENANT", "Either end's tenant.",
                lambda i: tuple(dict.fromkeys(i.source_tenants + i.destination_tenants)), hidden=True),
        *(c.text(f"{side}{part.capitalize()}", f"{title} {part.upper()}", f"The {part} of the {said}.",
                 f"{side}.{part}", hidden=True)
          for side, title, said in (("source", "FROM", "caller"), ("destination", "TO", "called end"))
          for part in ("namespace", "workload", "app", "version", "kind")),
    ),
    build=build,
    path=_path,
    places=_places,
    default_sort="health,requestsPerSecond,source,destination",
    empty="No traffic was seen in this scope and window.",
    related=("workloads", "services"),
)  # fmt: skip
