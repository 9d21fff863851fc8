"""The kind `services`: Kubernetes Services and ServiceEntries, where they run, their callers and workloads."""

from __future__ import annotations

from functools import partial
from typing import Any

from msgspec import Struct

from meshtop.analysis.traffic.figures import add_all
from meshtop.analysis.traffic.health import worst
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, Meta, Service, ServicePort
from meshtop.model.mesh import VirtualMachine, Workload, sum_ready
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.sources.prometheus.promql import one_of
from meshtop.views.frame.charts import Chart, answered_in, charts_of_calls
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.detail import Index, related_at
from meshtop.views.frame.facts import Detail, Section, fact, verdict
from meshtop.views.frame.owners import tenant_column, tenant_text
from meshtop.views.frame.rules import rules_of_hosts
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place

EXPORT_SUFFIX = "svc.clusterset.local"


class ServiceItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A service of one cluster (INTERFACE.md, kind services).

    `clusters` are those in which it has workloads, `kind` is Service or ServiceEntry.
    """

    cluster: str
    namespace: str
    name: str
    hosts: tuple[str, ...]
    ports: tuple[ServicePort, ...]
    tenant: str | None
    workloads: tuple[str, ...]
    clusters: tuple[str, ...]
    traffic: Traffic = NO_TRAFFIC
    mtls_ratio: float | None = None
    health: Health = Health()
    kind: str = "Service"
    tenants: tuple[str, ...] = ()


class ServiceGround(Struct, frozen=True):
    """What inventories alone say of a service: all of its row but its traffic.

    `asked_as` are its hosts as calls name them; `readiness` is that of the workloads and machines behind it.
    """

    hosts: tuple[str, ...]
    asked_as: tuple[str, ...]
    ports: tuple[ServicePort, ...]
    tenants: tuple[str, ...]
    tenant: str | None
    workloads: tuple[str, ...]
    clusters: tuple[str, ...]
    readiness: Health


_Grounds = dict[tuple[str, int], ServiceGround]
"""By cluster and the identity of the object, which lives as long as the inventories that this is kept with."""
_GROUNDS: Key[_Grounds] = Key("what services rest on")


def build(picture: Picture) -> list[ServiceItem]:
    """A row for each Service and each ServiceEntry of each cluster."""
    items = []
    # Filled in row by row: one that raises is no part of it, and costs its row at the next refresh too.
    grounds = picture.unless_changed(_GROUNDS, dict)
    for cluster in picture.snapshot.clusters:
        inventory = cluster.inventory
        if inventory is None:
            continue
        exported = {export.meta.key for export in inventory.config.get("ServiceExport", ())}
        items += picture.rows(
            "services", inventory.services, partial(_of_cluster, picture, cluster.name, exported, grounds)
        )
        entries = inventory.config.get("ServiceEntry", ())
        items += picture.rows("services", entries, partial(_entry, picture, cluster.name, grounds))
    return items


def _of_cluster(
    picture: Picture, cluster: str, exported: set[tuple[str, str]], grounds: _Grounds, service: Service
) -> ServiceItem:
    ground = grounds.get((cluster, id(service)))
    if ground is None:
        ground = _ground_of_service(picture, cluster, service, service.meta.key in exported)
        grounds[cluster, id(service)] = ground
    return _item(picture, ground, "Service", cluster, service.meta)


def dns_name(namespace: str, name: str, domain: str) -> str:
    """A Service's name in the cluster's DNS, which is also its name in Istio's telemetry."""
    return f"{name}.{namespace}.svc.{domain}"


def _ground_of_service(picture: Picture, cluster: str, service: Service, exported: bool) -> ServiceGround:
    namespace, name = service.meta.key
    facts = picture.facts.get(cluster)
    hosts = [dns_name(namespace, name, facts.domain if facts is not None else CLUSTER_DOMAIN)]
    if exported:
        hosts.append(f"{name}.{namespace}.{EXPORT_SUFFIX}")
    if service.external_name:
        hosts.append(service.external_name)
    return _ground(picture, cluster, namespace, (name,), tuple(hosts), service.ports)


def _entry(picture: Picture, cluster: str, grounds: _Grounds, entry: ConfigObject) -> ServiceItem:
    ground = grounds.get((cluster, id(entry)))
    if ground is None:
        hosts = tuple(str(host) for host in _list(entry.spec.get("hosts")))
        ports = tuple(_port(port) for port in _list(entry.spec.get("ports")) if isinstance(port, dict))
        ground = _ground(picture, cluster, entry.meta.namespace, hosts, hosts, ports)
        grounds[cluster, id(entry)] = ground
    return _item(picture, ground, "ServiceEntry", cluster, entry.meta)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _port(port: dict[str, Any]) -> ServicePort:
    number, target = port.get("number"), port.get("targetPort")
    return ServicePort(
        port=number if isinstance(number, int) else 0,
        name=str(port.get("name", "")),
        app_protocol=str(port.get("protocol", "")).lower() or None,
        target=target if isinstance(target, int) else None,
    )


def _ground(
    picture: Picture,
    cluster: str,
    namespace: str,
    selecting: tuple[str, ...],
    hosts: tuple[str, ...],
    ports: tuple[ServicePort, ...],
) -> ServiceGround:
    """`selecting` is by which names its workloads are known to be its own."""
    backends = picture.backends(cluster, namespace, selecting)
    tenants = picture.tenants(cluster, namespace)
    return ServiceGround(
        hosts=hosts,
        asked_as=tuple(host.lower() for host in hosts),
        ports=ports,
        tenants=tenants,
        tenant=tenant_text(tenants),
        workloads=tuple(sorted({backend.name for backend in backends})),
        clusters=picture.clusters_of_service(cluster, namespace, selecting),
        readiness=_readiness(backends),
    )


def _item(picture: Picture, ground: ServiceGround, kind: str, cluster: str, meta: Meta) -> ServiceItem:
    edges = picture.edges_to_service(cluster, ground.asked_as)
    sums = add_all([edge.sums for edge in edges])
    return ServiceItem(
        cluster=cluster,
        namespace=meta.namespace,
        name=meta.name,
        hosts=ground.hosts,
        ports=ground.ports,
        tenant=ground.tenant,
        workloads=ground.workloads,
        clusters=ground.clusters,
        traffic=sums.traffic(),
        mtls_ratio=sums.mtls_ratio,
        health=picture.verdicts.asked(cluster, ground.hosts, ground.readiness, edges),
        kind=kind,
        tenants=ground.tenants,
    )


def _readiness(behind: tuple[Workload | VirtualMachine, ...]) -> Health:
    """The worst readiness of the workloads and machines that a service selects."""
    ready = [w.readiness for w in behind if isinstance(w, Workload)]
    machines = [m for m in behind if isinstance(m, VirtualMachine)]
    unhealthy = sum(m.healthy is False for m in machines)
    if unhealthy:
        alone = unhealthy == len(behind)
        why = f"{unhealthy} of {len(machines)} virtual machines unhealthy"
        ready.append(Health(HealthStatus.FAILING if alone else HealthStatus.DEGRADED, (why,)))
    return worst(ready) if ready else Health(HealthStatus.UNKNOWN, ())


def health_of_service(picture: Picture, cluster: str, namespace: str, name: str) -> Health | None:
    """The health of a Service as in the list of services; None for an unknown name."""
    facts = picture.facts.get(cluster)
    domain = facts.domain if facts is not None else CLUSTER_DOMAIN
    hosts = (dns_name(namespace, name, domain), f"{name}.{namespace}.{EXPORT_SUFFIX}")
    behind = picture.backends(cluster, namespace, (name,))
    edges = picture.edges_to_service(cluster, hosts)
    if not behind and not edges:
        return None
    return picture.verdicts.asked(cluster, hosts, _readiness(behind), edges)


def _charts(picture: Picture, item: ServiceItem) -> tuple[Chart, ...]:
    """What its figures count, over time."""
    calls = picture.edges_to_service(item.cluster, item.hosts)
    elsewhere = any(
        e.destination.service.lower() in item.hosts and e.destination.cluster not in ("", item.cluster)
        for cluster in dict.fromkeys((*(call.source.cluster for call in calls), item.cluster))
        for e in picture.edges_leaving(cluster)
    )
    return charts_of_calls(
        calls,
        item.cluster,
        (one_of("destination_service", item.hosts),),
        answered=answered_in(picture.cluster_id(item.cluster)) if elsewhere else (),
        by_version=True,
        window_seconds=picture.snapshot.window_seconds,
    )


def _port_text(port: ServicePort) -> str:
    protocol = "" if port.protocol == "TCP" else f"/{port.protocol}"
    return f"{port.port}{protocol}"


BY_SERVICE = Index("by service", lambda w: ((w.cluster, w.namespace, service) for service in w.services))
BY_HOST = Index("by host", lambda e: (e.destination.service.lower(),))


def detail(picture: Picture, item: ServiceItem, key: str) -> Detail:
    """The detail of one service of one cluster."""
    hosts = {host.lower() for host in item.hosts}
    selecting = item.hosts if item.kind == "ServiceEntry" else (item.name,)
    places = [(cluster, item.namespace, name) for cluster in (item.cluster, *item.clusters) for name in selecting]
    machines = related_at(
        picture, "virtualmachines", "Virtual machines", dict.fromkeys(places), BY_SERVICE, "No virtual machine."
    )
    has_machines = bool(machines.table.items)
    return Detail(
        kind="services",
        key=key,
        title=f"{item.namespace}/{item.name}",
        health=item.health,
        sections=(
            Section("Health", verdict(item.health)),
            Section(
                "About",
                (
                    *VIEW.facts(item, "cluster", "kind", "hosts"),
                    fact("ports", tuple(map(port_text, item.ports))),
                    fact("answered by", _answered_by(picture, item, selecting)),
                    *VIEW.facts(item, "clusters", "tenant", "mtlsRatio"),
                ),
            ),
            *rules_of_hosts(picture, item.cluster, hosts, _domain(picture, item.cluster)),
        ),
        related=(
            related_at(
                picture,
                "workloads",
                "Workloads",
                dict.fromkeys(places),
                BY_SERVICE,
                "No pods: virtual machines answer for it."
                if has_machines
                else "No workloads: no pod matches its selector.",
            ),
            *((machines,) if has_machines else ()),
            related_at(
                picture,
                "edges",
                "Callers",
                hosts,
                BY_HOST,
                "No calls to it in this window.",
                lambda e: item.cluster in (e.destination.cluster, e.source.cluster),
            ),
        ),
        charts=_charts(picture, item),
    )


def _domain(picture: Picture, cluster: str) -> str:
    facts = picture.facts.get(cluster)
    return facts.domain if facts is not None else CLUSTER_DOMAIN


def _answered_by(picture: Picture, item: ServiceItem, selecting: tuple[str, ...]) -> tuple[str, ...]:
    """The workloads that serve it in its cluster, with counts of the pods that the Service selects."""
    found = []
    for backend in picture.backends(item.cluster, item.namespace, selecting):
        if isinstance(backend, VirtualMachine):
            found.append(f"{backend.name} (virtual machine)")
            continue
        behind = sum_ready(backend.pods_behind(name) for name in selecting)
        of = f" of {backend.pods.total}" if behind.total < backend.pods.total else ""
        found.append(f"{backend.name} ({behind.total}{of} pods, {behind.ready} ready)")
    return tuple(dict.fromkeys(found))


def port_text(port: ServicePort) -> str:
    """A port as people write it: `http 80→8080`."""
    name = port.name or port.app_protocol or port.protocol.lower()
    return f"{name} {port.port}" + (f"→{port.target}" if port.target not in (None, port.port) else "")


c = Columns(ServiceItem)

VIEW: View[ServiceItem] = View(
    kind="services",
    singular="service",
    list_kind="ServiceList",
    title="Services",
    item=ServiceItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=1, max_width=32),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), priority=1),
        c.text("name", "SERVICE", "The service.", "name",
               aliases=("service", "svc"), priority=0, min_width=7, max_width=48),
        c.health(),
        c.words("hosts", "HOSTS", "Its full host names.", "hosts", aliases=("host",), wide=True, priority=8,
                max_width=60),
        c.words("ports", "PORTS", "Its ports.", lambda i: tuple(_port_text(p) for p in i.ports), aliases=("port",),
                priority=5, max_width=20),
        tenant_column(priority=4),
        c.words("workloads", "WORKLOADS", "The workloads that serve it in this cluster.", "workloads",
                aliases=("workload", "wl"), wide=True, priority=6, max_width=48),
        c.words("clusters", "RUNS IN", "Clusters of its mesh in which it has workloads.", "clusters",
                wide=True, priority=5),
        *c.golden(verdict=lambda item: item.health),
        c.mtls(priority=2),
        c.text("kind", "KIND", "Service or ServiceEntry.", "kind", wide=True, priority=7),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.namespace, i.name),
    key=lambda i: f"{i.cluster}/{i.namespace}/{i.name}"
    if i.kind == "Service"
    else f"{i.kind}/{i.cluster}/{i.namespace}/{i.name}",
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace, tenants=i.tenants),),
    default_sort="health,requestsPerSecond,namespace,name",
    empty="There is no service in this scope.",
    needs=Needs(("Service", "EndpointSlice", "Pod"), traffic=True),
    related=("workloads", "edges"),
)  # fmt: skip
