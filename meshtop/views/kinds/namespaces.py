"""The kind `namespaces`: each one's part in the mesh, its tenant, workloads, services and traffic."""

from __future__ import annotations

from functools import partial

from msgspec import Struct

from meshtop.analysis.tenancy.ownership import workspace_of
from meshtop.model.kube import Namespace
from meshtop.model.mesh import Proxy, Workload
from meshtop.model.state import Health
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame.charts import answered_in, charts_of_calls, into_namespaces
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.detail import BY_NAMESPACE, related_at
from meshtop.views.frame.facts import Detail, Section, fact, verdict
from meshtop.views.frame.owners import tenant_column, tenant_text
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.clusters import pods_known
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place


class NamespaceItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A namespace of one cluster (INTERFACE.md, kind namespaces).

    `injection` is enabled, disabled, or null where no label decides. `tenants` has the tenant of every mark; where
    they differ, `tenant` joins them with `|`.
    """

    cluster: str
    name: str
    tenant: str | None
    workspace: str | None
    injection: str | None
    revision: str | None
    mode: Proxy | None
    workloads: int | None
    services: int
    traffic: Traffic = NO_TRAFFIC
    mtls_ratio: float | None = None
    tenants: tuple[str, ...] = ()
    health: Health = Health()


def injection_of(labels: dict[str, str]) -> str | None:
    """Whether pods get a sidecar: by `istio-injection` if set, else enabled by a revision label, else unknown."""
    said = labels.get("istio-injection")
    if said in ("enabled", "disabled"):
        return said
    return "enabled" if labels.get("istio.io/rev") else None


def mode_of(labels: dict[str, str], workloads: list[Workload], *, known: bool = True) -> Proxy | None:
    """The namespace's proxy mode: from its labels if set, else from its workloads.

    None where it is unknown because pods may not be read (`known` is False).
    """
    if labels.get("istio.io/dataplane-mode") == "ambient":
        return Proxy.AMBIENT
    if injection_of(labels) == "enabled":
        return Proxy.SIDECAR
    have = {w.proxy for w in workloads if not w.is_gateway and not w.is_waypoint}
    none = Proxy.NONE if known else None
    return next((mode for mode in (Proxy.SIDECAR, Proxy.AMBIENT) if mode in have), none)


def build(picture: Picture) -> list[NamespaceItem]:
    """A row for each namespace of each cluster."""
    items: list[NamespaceItem] = []
    for cluster in picture.snapshot.clusters:
        if cluster.inventory is None:
            continue
        services: dict[str, int] = {}
        for service in cluster.inventory.services:
            services[service.meta.namespace] = services.get(service.meta.namespace, 0) + 1
        items += picture.rows(
            "namespaces",
            cluster.inventory.namespaces,
            partial(_counted, picture, cluster.name, services),
        )
    return items


def _counted(picture: Picture, cluster: str, services: dict[str, int], namespace: Namespace) -> NamespaceItem:
    return _item(picture, cluster, namespace, services.get(namespace.meta.name, 0))


def _item(picture: Picture, cluster: str, namespace: Namespace, services: int) -> NamespaceItem:
    name, labels = namespace.meta.name, namespace.meta.labels
    workloads = picture.workloads_in(cluster, name)
    received = picture.namespace_figures(cluster, name).received
    tenants, owner = picture.tenants(cluster, name), picture.owner(cluster, name)
    injection = injection_of(labels)
    revision = labels.get("istio.io/rev")
    return NamespaceItem(
        cluster=cluster,
        name=name,
        tenant=tenant_text(tenants),
        workspace=owner.workspace if owner.declared else workspace_of(namespace),
        injection=injection,
        revision=revision or ("default" if injection == "enabled" else None),
        mode=mode_of(labels, workloads, known=pods_known(picture, cluster)),
        workloads=len(workloads) if workloads or pods_known(picture, cluster) else None,
        services=services,
        traffic=received.traffic(),
        mtls_ratio=received.mtls_ratio,
        tenants=tenants,
        health=picture.group_health(workloads, [(cluster, name)]),
    )


def detail(picture: Picture, item: NamespaceItem, key: str) -> Detail:
    """The detail of one namespace of one cluster."""
    into, missed = into_namespaces((item.name,))
    groups = [f"{kind}/{name}" for kind, name in picture.owner(item.cluster, item.name).groups]
    return Detail(
        kind="namespaces",
        key=key,
        title=item.name,
        health=item.health,
        sections=(
            Section("Health", verdict(item.health)),
            Section(
                "About",
                (
                    *VIEW.facts(item, "cluster", "mode", "injection", "revision", "tenant", "workspace"),
                    *((fact("groups", groups),) if groups else ()),
                    *VIEW.facts(item, "mtlsRatio"),
                ),
            ),
        ),
        related=(
            related_at(
                picture,
                "workloads",
                "Workloads",
                ((item.cluster, item.name),),
                BY_NAMESPACE,
                "Nothing runs in it.",
            ),
            related_at(
                picture,
                "services",
                "Services",
                ((item.cluster, item.name),),
                BY_NAMESPACE,
                "It has no services.",
            ),
        ),
        charts=charts_of_calls(
            picture.edges_into(item.cluster, item.name),
            item.cluster,
            into,
            answered=answered_in(picture.cluster_id(item.cluster)),
            missed=missed,
            window_seconds=picture.snapshot.window_seconds,
        ),
    )


c = Columns(NamespaceItem)

VIEW: View[NamespaceItem] = View(
    kind="namespaces",
    singular="namespace",
    list_kind="NamespaceList",
    title="Namespaces",
    item=NamespaceItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=1, max_width=32),
        c.text("name", "NAMESPACE", "The namespace.", "name",
               aliases=("namespace", "ns"), priority=0, min_width=9, max_width=40),
        c.health(),
        tenant_column(priority=2),
        c.text("workspace", "WORKSPACE", "The workspace of the tenancy file, else the one that its marks name.",
               "workspace", wide=True, priority=5),
        c.text("mode", "MODE", "How its pods join the mesh: sidecar, ambient, none.", "mode", priority=2),
        c.text("injection", "INJECTION", "Whether new pods get a sidecar; a dash where no label decides.",
               "injection", wide=True, priority=4),
        c.text("revision", "REVISION", "The control-plane revision it follows.", "revision", priority=4),
        c.count("workloads", "WORKLOADS", "Workloads in it.", "workloads", aliases=("wl",), priority=3),
        c.count("services", "SVC", "Services in it.", "services", aliases=("svc",), priority=3),
        *c.golden(),
        c.mtls(priority=2),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.name),
    places=lambda i: (Place(cluster=i.cluster, namespace=i.name, tenants=i.tenants),),
    default_sort="health,requestsPerSecond,name",
    empty="There is no namespace in this scope.",
    needs=Needs(("Namespace", "Service", "Pod"), traffic=True),
    related=("workloads", "services", "edges"),
)  # fmt: skip
