"""The kind `clusters`: one row for each cluster with versions, mesh, health, traffic, source states and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct, structs

from meshtop.model.kube import Inventory, Node
from meshtop.model.mesh import MeshFacts, Ready, VirtualMachine, Workload
from meshtop.model.numbers import age, latency, quantity, written_out
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Cost, Health, HealthStatus, SourceStatus, State
from meshtop.model.thresholds import Thresholds
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame.charts import answered_in, charts_of_calls
from meshtop.views.frame.columns import NOTHING, STATE_SIGNS, STATE_TONES, Columns, ready_cell
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Fact, Section, fact, verdict
from meshtop.views.frame.hour_ago import HourlyChange, hour_ago
from meshtop.views.frame.sparkline import scale_of, sparkline
from meshtop.views.frame.table import Align, Cell, Column, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.members import roles_in_federations
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place
from meshtop.views.picture.totals import lacks_traffic

Count = TypeVar("Count")

TREND_WIDTH = 8
_OLD = (State.STALE, State.UNREACHABLE, State.DENIED)
"""States of a Prometheus whose last answer is not of now."""


class Healthy(Struct, frozen=True, rename="camel"):
    """Healthy out of total; `unknown` counts those without a probe, which do not count as healthy."""

    healthy: int = 0
    total: int = 0
    unknown: int = 0


class ClusterItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A cluster (INTERFACE.md, kind clusters); fields that could not be read are null."""

    name: str
    context: str
    server: str
    state: State
    kubernetes_version: str | None
    istio_versions: tuple[str, ...]
    revisions: tuple[str, ...]
    cluster_id: str | None
    mesh_id: str | None
    network: str | None
    trust_domain: str | None
    root_namespace: str | None
    auto_mtls: bool | None
    nodes: Ready | None
    namespaces: int | None
    services: int | None
    workloads: int | None
    pods: Ready | None
    virtual_machines: Healthy | None
    traffic: Traffic = NO_TRAFFIC
    mtls_ratio: float | None = None
    root_certificates: tuple[str, ...] = ()
    region: str | None = None
    roles: tuple[str, ...] = ()
    health: Health = Health()
    read_only: bool = False
    requests_trend: tuple[float | None, ...] = ()
    requests_hour_ago: float | None = None
    traffic_stale: bool = False


def cluster_state(cluster: ClusterSnapshot) -> State:
    """The state of both sources together: Kubernetes' unless it is fresh; a failing Prometheus makes it partial.

    A cluster without a Prometheus stays fresh: nothing shown about it is in doubt.
    """
    if cluster.kubernetes.state is not State.FRESH:
        return cluster.kubernetes.state
    if cluster.prometheus.state in (State.FRESH, State.NONE):
        return State.FRESH
    return State.STALE if cluster.prometheus.state is State.STALE else State.PARTIAL


def pods_known(picture: Picture, cluster: str) -> bool:
    """Whether a cluster's pods were read; without pods, the proxy mode `none` would be a guess."""
    found = picture.snapshot.cluster(cluster)
    return found is None or found.inventory is None or can_tell(found.inventory, "Pod")


def can_tell(inventory: Inventory, kind: str) -> bool:
    """Whether a kind was read; if denied or failed, its count is unknown rather than zero."""
    return not any(status.kind == kind and status.state in ("denied", "failed") for status in inventory.kinds)


def build(picture: Picture) -> list[ClusterItem]:
    """A row for each cluster of the snapshot, also for those that gave no answer."""
    return picture.rows("clusters", picture.snapshot.clusters, lambda cluster: _item(picture, cluster))


def _item(picture: Picture, cluster: ClusterSnapshot) -> ClusterItem:
    name, inventory = cluster.name, cluster.inventory
    facts = picture.facts.get(name) or MeshFacts()
    received = picture.cluster_figures(name).received
    workloads, machines = picture.workloads_in(name), picture.machines_in(name)
    # What callers in other clusters tell of one that was never heard is a part of its traffic, of unknown size.
    unheard = cluster.telemetry is None and lacks_traffic(picture, cluster)
    return ClusterItem(
        name=name,
        context=cluster.context,
        server=cluster.server,
        state=cluster_state(cluster),
        kubernetes_version=inventory.version if inventory else None,
        istio_versions=facts.istio_versions,
        revisions=tuple(plane.revision for plane in facts.control_planes),
        cluster_id=facts.cluster_id,
        # Istio takes the trust domain where nobody gave an ID.
        mesh_id=facts.mesh_id or facts.trust_domain,
        network=facts.network,
        trust_domain=facts.trust_domain,
        root_namespace=facts.root_namespace if name in picture.facts else None,
        auto_mtls=facts.auto_mtls,
        nodes=_where_read(inventory, "Node", lambda read: _ready_nodes(read.nodes)),
        namespaces=_where_read(inventory, "Namespace", lambda read: len(read.namespaces)),
        services=_where_read(inventory, "Service", lambda read: len(read.services)),
        workloads=_where_read(inventory, "Pod", lambda _: len(workloads)),
        pods=_where_read(inventory, "Pod", lambda _: _ready_pods(workloads)),
        virtual_machines=_where_read(inventory, "WorkloadEntry", lambda _: _healthy(machines)),
        traffic=NO_TRAFFIC if unheard else received.traffic(),
        mtls_ratio=None if unheard else received.mtls_ratio,
        root_certificates=facts.roots,
        region=facts.region,
        roles=(*facts.roles, *roles_in_federations(picture, name)),
        health=_health(picture, cluster),
        read_only=cluster.read_only,
        requests_trend=cluster.history.requests.values if cluster.history is not None else (),
        requests_hour_ago=hour_ago(cluster.history.requests).before if cluster.history is not None else None,
        traffic_stale=cluster.telemetry is not None and cluster.prometheus.state in _OLD,
    )


def _where_read(inventory: Inventory | None, kind: str, count: Callable[[Inventory], Count]) -> Count | None:
    """The count, or None where the kind was not read."""
    return count(inventory) if inventory is not None and can_tell(inventory, kind) else None


def _ready_nodes(nodes: Sequence[Node]) -> Ready:
    return Ready(ready=sum(node.ready for node in nodes), total=len(nodes))


def _ready_pods(workloads: Sequence[Workload]) -> Ready:
    return Ready(ready=sum(w.pods.ready for w in workloads), total=sum(w.pods.total for w in workloads))


def _healthy(machines: Sequence[VirtualMachine]) -> Healthy:
    return Healthy(
        healthy=sum(m.healthy is True for m in machines),
        total=len(machines),
        unknown=sum(m.healthy is None for m in machines),
    )


def _health(picture: Picture, cluster: ClusterSnapshot) -> Health:
    """How many of its workloads are not well and what that touches; unknown while nothing was read."""
    if cluster.inventory is None:
        return Health(HealthStatus.UNKNOWN, (cluster.kubernetes.error or "nothing has been read yet",))
    return picture.group_health(picture.workloads_in(cluster.name), [(cluster.name, None)])


def _machines_cell(item: ClusterItem) -> Cell:
    found = item.virtual_machines
    if found is None:
        return NOTHING
    cell = ready_cell(Ready(ready=found.healthy, total=found.total))
    broken = found.total - found.healthy - found.unknown
    return Cell(cell.text, Tone.UNKNOWN) if found.unknown and not broken else cell


def _trend_cell(item: ClusterItem) -> Cell:
    """Sparkline of the requests; blank if it was not requested."""
    values = item.requests_trend
    low, high = scale_of(values)
    return Cell(sparkline(values, TREND_WIDTH, low=low, high=high), Tone.DIM)


def _change(item: ClusterItem) -> HourlyChange:
    """What became of its requests in an hour, both by what the same range query answered."""
    if item.traffic_stale:
        return HourlyChange()
    known = (value for value in reversed(item.requests_trend[-2:]) if value is not None)
    return HourlyChange(next(known, None), item.requests_hour_ago)


def _change_cell(item: ClusterItem) -> Cell:
    """What became of its requests; blank where no history was read."""
    return Cell(_change(item).text, Tone.DIM) if item.requests_trend else Cell(" ")


def _in_brackets(column: Column[ClusterItem]) -> Column[ClusterItem]:
    """A column whose figures stand in brackets while they are not of now, in no colour that means anything."""
    draw, judge = column.cell, column.judge

    def cell(item: ClusterItem) -> Cell:
        drawn = draw(item)
        if not item.traffic_stale or drawn == NOTHING or not drawn.text.strip():
            return drawn
        return Cell(f"({drawn.text.removeprefix('▲ ')})", Tone.UNKNOWN)

    def judged(item: ClusterItem, thresholds: Thresholds) -> Tone:
        assert judge is not None, "only what is judged has a judge"
        return Tone.UNKNOWN if item.traffic_stale else judge(item, thresholds)

    return structs.replace(column, cell=cell, full=column.full, judge=None if judge is None else judged)


def _figures() -> tuple[Column[ClusterItem], ...]:
    """The golden signals, with what became of the requests beside them."""
    requests, *others = map(_in_brackets, (*c.golden(), c.mtls(priority=2, min_width=6)))
    change = c.custom(
        name="requestsChange",
        title="Δ1h",
        help_="Requests per second against an hour ago (console).",
        value=lambda i: _change(i).ratio,
        cell=_change_cell,
        align=Align.RIGHT,
        numeric=True,
        priority=2,
        min_width=5,
    )
    return (requests, change, *others)


def detail(picture: Picture, item: ClusterItem, key: str) -> Detail:
    """The detail of one cluster."""
    snapshot = picture.snapshot.cluster(item.name)
    assert snapshot is not None, "an item stands for a cluster of its snapshot"
    facts = picture.facts.get(item.name)
    return Detail(
        kind="clusters",
        key=key,
        title=item.name,
        health=item.health,
        sections=(
            Section("About", _identity(item, snapshot)),
            Section("Mesh", _mesh(item, facts)),
            Section("Sources", _reading(snapshot, picture.snapshot.at)),
        ),
        related=(
            related(
                picture,
                "namespaces",
                "Namespaces",
                lambda i: i.cluster == item.name,
                "No namespace of this cluster is known.",
            ),
        ),
        charts=charts_of_calls(
            picture.edges_into(item.name),
            item.name,
            (),
            answered=answered_in(picture.cluster_id(item.name)),
            window_seconds=picture.snapshot.window_seconds,
        ),
    )


def _identity(item: ClusterItem, snapshot: ClusterSnapshot) -> tuple[Fact, ...]:
    return (
        *verdict(item.health),
        *VIEW.facts(item, "server", "context", "kubernetesVersion", "nodes", "pods", "region"),
        fact("access", "read-only" if snapshot.read_only else "read, and what its roles allow"),
    )


def _mesh(item: ClusterItem, facts: MeshFacts | None) -> tuple[Fact, ...]:
    control_planes = facts.control_planes if facts else ()
    planes = [f"{p.revision} {p.version or ''} ({p.pods.ready}/{p.pods.total})" for p in control_planes]
    auto = {True: "on", False: "off", None: None}[item.auto_mtls]
    return (
        *VIEW.facts(item, "meshId", "clusterId", "network", "trustDomain", "rootNamespace"),
        fact("auto mTLS", auto),
        fact("control planes", planes),
        fact("roots", tuple(r[:12] for r in item.root_certificates)),
        *VIEW.facts(item, "roles", "mtlsRatio"),
    )


def _reading(snapshot: ClusterSnapshot, now: float) -> tuple[Fact, ...]:
    facts = [
        *_source("Kubernetes", snapshot.kubernetes, snapshot.kubernetes_cost, now),
        *_source("Prometheus", snapshot.prometheus, snapshot.prometheus_cost, now),
    ]
    if snapshot.inventory is not None:
        silent = [k for k in snapshot.inventory.kinds if k.state not in ("fresh", "missing")]
        facts.extend(fact(k.kind, f"{k.state}: {k.error}" if k.error else k.state, Tone.DEGRADED) for k in silent)
    return tuple(facts)


def _source(name: str, status: SourceStatus, cost: Cost, now: float) -> list[Fact]:
    seconds = status.age_seconds(now)
    ago = "" if seconds is None else f", {age(seconds)} ago"
    facts = [Fact(name, Cell(f"{STATE_SIGNS[status.state]}{status.state}{ago}", STATE_TONES[status.state]))]
    if status.error:
        facts.append(fact("", status.error, STATE_TONES[status.state]))
    if status.remedy:
        facts.append(fact("", status.remedy, Tone.ACCENT))
    if status.endpoint:
        facts.append(fact("", status.endpoint, Tone.DIM))
    facts.extend(fact("", note, Tone.DIM) for note in status.notes)
    if cost.requests:
        spent = f"{written_out(cost.requests)} requests, {quantity(float(cost.bytes))}B, {latency(cost.seconds * 1000)}"
        facts.append(fact("", spent, Tone.DIM))
    return facts


c = Columns(ClusterItem)

VIEW: View[ClusterItem] = View(
    kind="clusters",
    singular="cluster",
    list_kind="ClusterList",
    title="Clusters",
    item=ClusterItem,
    columns=(
        c.text("name", "CLUSTER", "The cluster's name: its context, or its name in the settings.", "name",
               aliases=("cluster",), priority=0, min_width=7, max_width=32),
        c.state(),
        c.health(aliases=("status",)),
        c.text("kubernetesVersion", "K8S", "Version of the API server.", "kubernetes_version",
               aliases=("k8s", "version"), label="Kubernetes", priority=4, max_width=14),
        c.words("istioVersions", "ISTIO", "Versions of the control planes.", "istio_versions",
                aliases=("istio",), priority=3, max_width=16),
        c.words("revisions", "REVISION", "Control-plane revisions.", "revisions",
                aliases=("revision",), wide=True, priority=5),
        c.text("meshId", "MESH", "The mesh it belongs to (meshId).", "mesh_id", aliases=("mesh",), priority=4),
        c.text("network", "NETWORK", "The network its pods are in.", "network", priority=5, max_width=20),
        c.ready("nodes", "NODES", "Ready nodes of all nodes.", "nodes", priority=3, min_width=5),
        c.ready("pods", "PODS", "Ready pods of all pods of workloads.", "pods", priority=2, min_width=5),
        *_figures(),
        c.custom(name="requestsTrend", title="LAST HOUR", help_="Requests per second over the last hour (console).",
                 value=lambda i: i.requests_trend or None, cell=_trend_cell, priority=3, min_width=TREND_WIDTH),
        c.count("namespaces", "NS", "Namespaces.", "namespaces", aliases=("ns",), wide=True, priority=6),
        c.count("services", "SVC", "Services.", "services", aliases=("svc",), wide=True, priority=6),
        c.count("workloads", "WORKLOADS", "Workloads.", "workloads", aliases=("wl",), wide=True, priority=6),
        c.custom(name="virtualMachines", title="VMS", help_="Healthy virtual machines of all (WorkloadEntries).",
                 value=lambda i: None if i.virtual_machines is None else i.virtual_machines.total,
                 cell=_machines_cell, align=Align.RIGHT, numeric=True, aliases=("vms",), priority=4, min_width=3),
        c.text("clusterId", "CLUSTER ID", "Its id in telemetry (istiod's CLUSTER_ID).", "cluster_id",
               wide=True, priority=7),
        c.text("trustDomain", "TRUST DOMAIN", "The trust domain of its identities.", "trust_domain",
               wide=True, priority=7),
        c.text("region", "REGION", "The region of its nodes.", "region", wide=True, priority=7),
        c.words("roles", "ROLES", "primary, remote, external, host, member.", "roles", wide=True, priority=7),
        c.text("context", "CONTEXT", "Its kubeconfig context.", "context", wide=True, priority=8),
        c.text("server", "SERVER", "The API server's address.", "server", wide=True, priority=9, max_width=60),
        c.flag("autoMtls", "AUTO MTLS", "Whether auto mTLS is on.", "auto_mtls", hidden=True),
        c.text("rootNamespace", "ROOT NS", "The mesh's root namespace.", "root_namespace", label="root namespace",
               hidden=True),
        c.words("rootCertificates", "ROOTS", "SHA-256 of each root certificate.", "root_certificates", hidden=True),
        c.flag("readOnly", "READ-ONLY", "Whether meshtop may write to it.", "read_only", hidden=True),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.name,),
    places=lambda i: (Place(cluster=i.name),),
    default_sort="state,health,name",
    empty="The kubeconfig has no cluster in this scope.",
    needs=Needs(("Node", "Namespace", "Service", "Pod"), traffic=True),
    related=("namespaces", "workloads", "edges"),
    namespaced=False,
)  # fmt: skip
