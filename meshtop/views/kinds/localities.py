"""The kind `localities`: where a host's endpoints are, where its traffic goes, and the share that crosses."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.fleet.locality import ClusterFlow, HostLocality, LocalityEndpoints
from meshtop.model.numbers import quantity
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section, fact
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import localities_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place


class LocalityItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A host: its ready endpoints by place, its traffic from cluster to cluster, and the shares that cross."""

    host: str
    namespace: str
    mesh: str
    endpoints: tuple[LocalityEndpoints, ...]
    flows: tuple[ClusterFlow, ...]
    requests_per_second: float | None
    bytes_per_second: float | None
    cross_cluster_ratio: float | None
    cross_region_ratio: float | None
    tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[LocalityItem]:
    """A row for each host that has endpoints."""
    return picture.rows("localities", localities_of(picture), lambda found: _item(picture, found))


def _item(picture: Picture, found: HostLocality) -> LocalityItem:
    requests = [f.requests_per_second for f in found.flows if f.requests_per_second is not None]
    sizes = [f.bytes_per_second for f in found.flows if f.bytes_per_second is not None]
    return LocalityItem(
        host=found.host,
        namespace=found.namespace,
        mesh=found.mesh,
        endpoints=found.stands,
        flows=found.flows,
        requests_per_second=sum(requests) if requests else None,
        bytes_per_second=sum(sizes) if sizes else None,
        cross_cluster_ratio=found.cross_cluster,
        cross_region_ratio=found.cross_region,
        tenants=tuple(dict.fromkeys(t for name in found.clusters for t in picture.tenants(name, found.namespace))),
    )


def _stands(item: LocalityItem) -> tuple[str, ...]:
    """Endpoints by cluster and zone: `east/eu-1a 3`."""
    return tuple(f"{s.cluster}{'/' + s.zone if s.zone else ''} {s.endpoints}" for s in item.endpoints)


def _clusters(item: LocalityItem) -> tuple[str, ...]:
    """Endpoints by cluster: `east 9`."""
    counts: dict[str, int] = {}
    for stand in item.endpoints:
        counts[stand.cluster] = counts.get(stand.cluster, 0) + stand.endpoints
    return tuple(f"{name} {count}" for name, count in counts.items())


def detail(picture: Picture, item: LocalityItem, key: str) -> Detail:
    """The detail of one host's localities."""
    flows = [
        fact(
            f"{flow.source} → {flow.target}",
            " ".join(
                f"{quantity(value)}{unit}"
                for value, unit in ((flow.requests_per_second, "/s"), (flow.bytes_per_second, " B/s"))
                if value is not None
            ),
        )
        for flow in item.flows
    ]
    return Detail(
        kind="localities",
        key=key,
        title=item.host,
        health=None,
        sections=(
            Section(
                "Ready endpoints",
                tuple(
                    fact(" ".join(part for part in (s.cluster, s.region, s.zone) if part), s.endpoints)
                    for s in item.endpoints
                ),
            ),
            Section(
                "Traffic",
                (
                    *VIEW.facts(item, "crossClusterRatio", "crossRegionRatio"),
                    *flows,
                ),
            ),
        ),
        related=(
            related(
                picture,
                "services",
                "Services",
                lambda s: item.host in s.hosts and s.cluster in {e.cluster for e in item.endpoints},
                "No Service of that host is known.",
            ),
        ),
        charts=(),
    )


c = Columns(LocalityItem)

VIEW: View[LocalityItem] = View(
    kind="localities",
    singular="locality",
    list_kind="LocalityList",
    title="Placement by locality",
    item=LocalityItem,
    columns=(
        c.text("host", "HOST", "The host that callers request.", "host", priority=0, min_width=16, max_width=64),
        c.words("endpoints", "ENDPOINTS", "Ready endpoints in each cluster.", _clusters, priority=1, max_width=60),
        c.words("places", "BY ZONE", "Ready endpoints in each cluster and zone.", _stands, wide=True, priority=4,
                max_width=90, aliases=("zones", "zone")),
        c.rate("requestsPerSecond", "REQ/S", "Requests per second.", "requests_per_second", aliases=("rps",),
               priority=2),
        c.rate("bytesPerSecond", "B/S", "TCP bytes per second, both ways.", "bytes_per_second", unit="B/s", wide=True,
               priority=5),
        c.ratio("crossClusterRatio", "CROSS CLUSTER %", "Part of the traffic that goes to another cluster.",
                "cross_cluster_ratio", aliases=("crossCluster",), label="crosses clusters", priority=1),
        c.ratio("crossRegionRatio", "CROSS REGION %", "Part of the traffic that goes to another region.",
                "cross_region_ratio", aliases=("crossRegion",), label="crosses regions", priority=2),
        c.words("region", "REGIONS", "Regions that have an endpoint.",
                lambda i: tuple(dict.fromkeys(s.region for s in i.endpoints if s.region)), wide=True, priority=5),
        c.text("mesh", "MESH", "The mesh.", "mesh", priority=5),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), wide=True, priority=6),
        c.words("tenant", "TENANT", "The namespace's tenants.", "tenants", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.mesh, i.host),
    places=lambda i: tuple(Place(cluster=s.cluster, namespace=i.namespace, tenants=i.tenants) for s in i.endpoints),
    default_sort="crossClusterRatio,requestsPerSecond,host",
    empty="No host in this scope has endpoints.",
    needs=Needs(("Service", "EndpointSlice", "Node", "WorkloadEntry", "ServiceEntry"), traffic=True),
    related=("services", "discovery"),
)  # fmt: skip
