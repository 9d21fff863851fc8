"""The kind `discovery`: one row for each host, how each cluster resolves and reaches it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from meshtop.analysis.fleet.discovery import HostReachability, HostRow
from meshtop.model.state import Finding
from meshtop.views.frame.columns import Columns, list_cell
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section, fact
from meshtop.views.frame.findings import findings_section
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import discovery_of, unnamed_domains
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place

SIGNS = {
    HostReachability.LOCAL: "●",
    HostReachability.REMOTE: "→",
    HostReachability.EXTERNAL: "↗",
    HostReachability.NO_ENDPOINTS: "○",
    HostReachability.UNREACHABLE: "✗",
    HostReachability.UNRESOLVED: "·",
    HostReachability.UNKNOWN: "?",
}
TONES = {
    HostReachability.LOCAL: Tone.PLAIN,
    HostReachability.REMOTE: Tone.PLAIN,
    HostReachability.EXTERNAL: Tone.PLAIN,
    HostReachability.NO_ENDPOINTS: Tone.DEGRADED,
    HostReachability.UNREACHABLE: Tone.FAILING,
    HostReachability.UNRESOLVED: Tone.DIM,
    HostReachability.UNKNOWN: Tone.UNKNOWN,
}
_ORDER = (
    HostReachability.UNREACHABLE,
    HostReachability.NO_ENDPOINTS,
    HostReachability.UNKNOWN,
    HostReachability.REMOTE,
    HostReachability.LOCAL,
    HostReachability.EXTERNAL,
    HostReachability.UNRESOLVED,
)


class DiscoveryItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A host (INTERFACE.md, kind discovery); `clusters` maps each cluster of its mesh to: local (endpoints there),
    remote (endpoints in a cluster that it reaches), external, no-endpoints, unreachable, unresolved, unknown.
    """

    host: str
    clusters: dict[str, HostReachability]
    dns_name: str
    exported: bool
    imported: bool
    reachable_from: tuple[str, ...]
    findings: tuple[Finding, ...]
    namespace: str = ""
    mesh: str = ""
    exported_by: tuple[str, ...] = ()
    imported_by: tuple[str, ...] = ()
    cluster_local: bool | None = False
    legacy_names: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[DiscoveryItem]:
    """A row for each host of each mesh."""
    return picture.rows("discovery", discovery_of(picture).hosts, lambda row: _item(picture, row))


def _item(picture: Picture, row: HostRow) -> DiscoveryItem:
    return DiscoveryItem(
        host=row.host,
        clusters=row.clusters,
        dns_name=row.dns_name,
        exported=bool(row.exported_by),
        imported=bool(row.imported_by),
        reachable_from=row.reachable_from,
        findings=row.findings,
        namespace=row.namespace,
        mesh=row.mesh,
        exported_by=row.exported_by,
        imported_by=row.imported_by,
        cluster_local=row.cluster_local,
        legacy_names=row.legacy_names,
        tenants=tuple(dict.fromkeys(t for name in row.clusters for t in picture.tenants(name, row.namespace))),
    )


def _worst(item: DiscoveryItem) -> HostReachability:
    return min(item.clusters.values(), key=_ORDER.index)


def _marks(item: DiscoveryItem) -> Cell:
    text = " ".join(f"{SIGNS[mark]}{name}" for name, mark in item.clusters.items())
    return Cell(text, TONES[_worst(item)])


def _finding_cell(item: DiscoveryItem) -> Cell:
    return list_cell((f.code.removeprefix("DISCOVERY-").lower() for f in item.findings), Tone.DEGRADED)


def _serves(service: Any, item: DiscoveryItem) -> bool:
    """Whether a Service is the one behind a host, whose domain may not be known."""
    short = f"{service.name}.{service.namespace}.svc"
    return item.host in service.hosts or item.host == short


def detail(picture: Picture, item: DiscoveryItem, key: str) -> Detail:
    """The detail of one host."""
    between = [x for x in discovery_of(picture).links if x.source in item.clusters and x.target in item.clusters]
    said = {True: Cell("reaches it"), False: Cell("✗ does not reach it", Tone.FAILING), None: Cell("? unknown")}
    paths = [fact(f"{link.source} → {link.target}", said[link.up]) for link in between]
    return Detail(
        kind="discovery",
        key=key,
        title=item.host,
        health=None,
        sections=(
            Section(
                "By cluster",
                tuple(fact(name, Cell(f"{SIGNS[mark]} {mark}", TONES[mark])) for name, mark in item.clusters.items()),
            ),
            Section(
                "About",
                VIEW.facts(item, "mesh", "dnsName", "exported", "imported", "clusterLocal", "legacyNames"),
            ),
            Section("Links between clusters", tuple(paths)),
            findings_section((*item.findings, *(found for link in between for found in link.findings))),
        ),
        related=(
            related(
                picture,
                "services",
                "Services",
                lambda s: s.cluster in item.clusters and _serves(s, item),
                "No Service of that host is known.",
            ),
        ),
        charts=(),
    )


c = Columns(DiscoveryItem)

VIEW: View[DiscoveryItem] = View(
    kind="discovery",
    singular="discovery",
    list_kind="DiscoveryList",
    title="Discovery",
    item=DiscoveryItem,
    columns=(
        c.text("host", "HOST", "The host that callers request.", "host", priority=0, min_width=16, max_width=64),
        c.custom(name="clusters", title="CLUSTERS",
                 help_="● endpoints there, → reaches them elsewhere, ↗ external, ○ none anywhere, ✗ cannot reach them, "
                 "· does not resolve, ? unknown.",
                 value=lambda i: tuple(f"{name}:{mark}" for name, mark in i.clusters.items()), cell=_marks,
                 order=lambda i: _ORDER.index(_worst(i)), priority=0, min_width=12, max_width=80,
                 aliases=("cluster", "mark")),
        c.words("exported", "EXPORTED BY", "Clusters that export it (ServiceExport).", "exported_by", priority=3),
        c.words("imported", "IMPORTED BY", "Clusters that import it (ServiceImport).", "imported_by", priority=3),
        c.custom(name="finding", title="FINDINGS", help_="Findings by code (docs/findings.md).",
                 value=lambda i: tuple(f.code for f in i.findings), cell=_finding_cell, aliases=("findings",),
                 priority=2, max_width=60),
        c.text("mesh", "MESH", "The mesh.", "mesh", priority=5),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), wide=True, priority=5),
        c.text("dnsName", "DNS NAME", "The name that reaches all clusters' endpoints.", "dns_name", label="DNS name",
               wide=True,               priority=6, max_width=64),
        c.words("reachableFrom", "REACHABLE FROM", "Clusters that resolve and reach it.", "reachable_from", wide=True,
                priority=6),
        c.flag("clusterLocal", "CLUSTER LOCAL", "Whether the mesh keeps it within each cluster.", "cluster_local",
               label="cluster-local",                wide=True, priority=6),
        c.words("legacyNames", "LEGACY NAMES", "Names of KubeFed's DNS.", "legacy_names", wide=True, priority=7),
        c.words("tenant", "TENANT", "The namespace's tenants.", "tenants", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.mesh, i.host),
    places=lambda i: tuple(Place(cluster=name, namespace=i.namespace, tenants=i.tenants) for name in i.clusters),
    default_sort="clusters,host",
    empty="No host is known in this scope.",
    needs=Needs(("Service", "EndpointSlice", "ServiceEntry", "ConfigMap", "Secret")),
    unknowns=unnamed_domains,
    related=("services", "members"),
)  # fmt: skip
