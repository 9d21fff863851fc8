"""The kind `workloads`: pods, proxy, and traffic in and out."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.traffic.figures import add_all
from meshtop.model.mesh import Proxy, Ready, Workload
from meshtop.model.state import Health
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame.charts import answered_in, charts_of_calls, charts_of_calls_out, equals
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.detail import related_items
from meshtop.views.frame.facts import Detail, Fact, Section, fact, verdict
from meshtop.views.frame.owners import tenant_column, tenant_text
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.clusters import pods_known
from meshtop.views.kinds.edges import VIEW as EDGES
from meshtop.views.kinds.edges import EdgeItem
from meshtop.views.picture.picture import Picture, WorkloadId
from meshtop.views.picture.query import Place


class WorkloadItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A workload (INTERFACE.md, kind workloads); `mtlsRatio` is that of its inbound traffic."""

    cluster: str
    namespace: str
    name: str
    kind: str
    app: str | None
    version: str | None
    tenant: str | None
    pods: Ready
    proxy: Proxy | None
    proxy_version: str | None
    revision: str | None
    inbound: Traffic = NO_TRAFFIC
    outbound: Traffic = NO_TRAFFIC
    health: Health = Health()
    mtls_ratio: float | None = None
    services: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()


def build(picture: Picture) -> list[WorkloadItem]:
    """A row for each workload of each cluster."""
    return picture.rows("workloads", picture.workloads, lambda workload: _item(picture, workload))


def _item(picture: Picture, workload: Workload) -> WorkloadItem:
    figures = picture.workload_figures(workload.cluster, workload.namespace, workload.name)
    tenants = picture.tenants(workload.cluster, workload.namespace)
    through = add_all(
        [edge.sums for edge in picture.edges_through((workload.cluster, workload.namespace, workload.name))]
    )
    received, sent = figures.received + through, figures.outbound + figures.internal + through
    known = pods_known(picture, workload.cluster)
    return WorkloadItem(
        cluster=workload.cluster,
        namespace=workload.namespace,
        name=workload.name,
        kind=workload.kind,
        app=workload.app or None,
        version=workload.version or None,
        tenant=tenant_text(tenants),
        pods=workload.pods,
        proxy=workload.proxy if workload.proxy is not Proxy.NONE or known else None,
        proxy_version=workload.proxy_version,
        revision=workload.revision,
        inbound=received.traffic(),
        outbound=sent.traffic(),
        health=picture.workload_health(workload),
        mtls_ratio=received.mtls_ratio,
        services=workload.services,
        tenants=tenants,
    )


def edges_of(picture: Picture, where: WorkloadId) -> tuple[list[EdgeItem], list[EdgeItem]]:
    """The edges into and out of a workload, as items of the kind edges; those through a waypoint are both."""
    items = EDGES.all_items(picture)
    if picture.edges_through(where):
        path = "/".join(where)
        through = [i for i in items if path in i.hops]
        return through, through
    into = [i for i in items if (i.destination.cluster, i.destination.namespace, i.destination.workload) == where]
    out = [i for i in items if (i.source.cluster, i.source.namespace, i.source.workload) == where]
    return into, out


def detail(picture: Picture, item: WorkloadItem, key: str) -> Detail:
    """The detail of one workload."""
    where = (item.cluster, item.namespace, item.name)
    workload = picture.workload(*where)
    into, out = edges_of(picture, where)
    labels = {"destination_workload": item.name, "destination_workload_namespace": item.namespace}
    callers = {"source_workload": item.name, "source_workload_namespace": item.namespace}
    window = picture.snapshot.window_seconds
    charts = (
        charts_of_calls_out(picture.edges_from(where), item.cluster, equals(callers), window_seconds=window)
        if out and not into
        else charts_of_calls(
            picture.edges_to(where),
            item.cluster,
            equals(labels),
            answered=answered_in(picture.cluster_id(item.cluster)),
            window_seconds=window,
        )
    )
    return Detail(
        kind="workloads",
        key=key,
        title=f"{item.namespace}/{item.name}",
        health=item.health,
        sections=(
            Section("Health", verdict(item.health)),
            Section("About", tuple(_facts(item, workload))),
        ),
        related=(
            related_items(picture, "edges", "Callers", into, "No calls to it in this window."),
            related_items(picture, "edges", "Calls", out, "No calls from it in this window."),
        ),
        # Metrics do not name the waypoint that counted them: a chart of its own cannot be asked for.
        charts=() if picture.edges_through(where) else charts,
    )


def _facts(item: WorkloadItem, workload: Workload | None) -> list[Fact]:
    proxy = None if item.proxy is None else f"{item.proxy} {item.proxy_version or ''}".strip()
    facts = [
        *VIEW.facts(item, "cluster", "kind", "app", "version", "tenant", "pods"),
        fact("proxy", proxy),
        *VIEW.facts(item, "revision", "services", "mtlsRatio"),
    ]
    if workload is not None:
        facts.append(fact("service account", workload.service_account))
        facts.append(fact("images", workload.images))
    return facts


c = Columns(WorkloadItem)

VIEW: View[WorkloadItem] = View(
    kind="workloads",
    singular="workload",
    list_kind="WorkloadList",
    title="Workloads",
    item=WorkloadItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=1, max_width=32),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), priority=1),
        c.text("name", "WORKLOAD", "The topmost controller of its pods, as telemetry names it.", "name",
               aliases=("workload", "wl"), priority=0, min_width=8, max_width=48),
        c.health(),
        c.text("kind", "KIND", "Deployment, StatefulSet, DaemonSet, ...", "kind", wide=True, priority=6),
        c.text("app", "APP", "Its canonical service.", "app", wide=True, priority=7),
        c.text("version", "VERSION", "Its version label.", "version", priority=4, max_width=16),
        tenant_column(wide=True, priority=6),
        c.ready("pods", "PODS", "Ready pods out of those desired.", "pods", priority=1, min_width=4),
        c.count("notReady", "NOT READY", "Desired pods that are not ready.",
                lambda i: i.pods.total - i.pods.ready, hidden=True),
        c.text("proxy", "PROXY", "How it joins the mesh: sidecar, ambient, none.", "proxy", priority=3),
        c.text("proxyVersion", "PROXY VER", "The version of its proxies.", "proxy_version", wide=True, priority=6),
        c.text("revision", "REVISION", "The control-plane revision of its proxies.", "revision",
               wide=True, priority=6),
        *c.golden("inbound", verdict=lambda item: item.health),
        c.mtls(priority=3),
        *c.golden("outbound", prefix="outbound", heading="OUT ", wide=True),
        c.words("services", "SERVICES", "Services that select it.", "services", aliases=("service",), hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.namespace, i.name),
    key=lambda i: f"{i.cluster}/{i.namespace}/{i.name}/{i.kind}",
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace, tenants=i.tenants),),
    default_sort="health,requestsPerSecond,namespace,name",
    empty="There is no workload in this scope.",
    needs=Needs(("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), traffic=True),
    related=("edges", "services"),
)  # fmt: skip
