"""The kind `virtualmachines`: workloads outside Kubernetes (WorkloadEntries), as their peers and probes report them."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from meshtop.analysis.fleet.machines import last_seen, machine_findings
from meshtop.model.mesh import VirtualMachine
from meshtop.model.state import Finding, Health
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame.charts import answered_in, charts_of_calls, equals
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.detail import related_items
from meshtop.views.frame.facts import Detail, Section, fact, verdict
from meshtop.views.frame.owners import tenant_column, tenant_text
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.workloads import edges_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place


class GroupTraffic(Struct, frozen=True, rename="camel", kw_only=True):
    """Traffic of several machines that telemetry reports under one name."""

    workload: str
    machines: int
    inbound: Traffic
    outbound: Traffic


class VirtualMachineItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A virtual machine (INTERFACE.md, kind virtualmachines).

    `inbound` and `outbound` are its own. Where telemetry names only the group of several machines, they are not known,
    and `group_traffic` has what the group does.
    """

    cluster: str
    namespace: str
    name: str
    workload_group: str | None
    address: str | None
    network: str | None
    locality: str | None
    health: Health
    connected_at: datetime | None
    services: tuple[str, ...]
    inbound: Traffic = NO_TRAFFIC
    outbound: Traffic = NO_TRAFFIC
    tenant: str | None = None
    disconnected_at: datetime | None = None
    tenants: tuple[str, ...] = ()
    last_seen: datetime | None = None
    findings: tuple[Finding, ...] = ()
    group_traffic: GroupTraffic | None = None


def build(picture: Picture) -> list[VirtualMachineItem]:
    """A row for each WorkloadEntry of each cluster."""
    return picture.rows("virtualmachines", picture.machines, lambda machine: _item(picture, machine))


def _item(picture: Picture, machine: VirtualMachine) -> VirtualMachineItem:
    figures = picture.machine_figures(machine)
    tenants = picture.tenants(machine.cluster, machine.namespace)
    return VirtualMachineItem(
        cluster=machine.cluster,
        namespace=machine.namespace,
        name=machine.name,
        workload_group=machine.workload_group,
        address=machine.address,
        network=machine.network,
        locality=machine.locality,
        health=picture.machine_health(machine),
        connected_at=_time(machine.connected_at),
        services=machine.services,
        inbound=figures.received.traffic(),
        outbound=(figures.outbound + figures.internal).traffic(),
        tenant=tenant_text(tenants),
        disconnected_at=_time(machine.disconnected_at),
        tenants=tenants,
        last_seen=_time(last_seen(machine, picture.snapshot.moment or picture.snapshot.at)),
        findings=machine_findings(machine),
        group_traffic=_group_traffic(picture, machine) if picture.shares_traffic(machine) else None,
    )


def _group_traffic(picture: Picture, machine: VirtualMachine) -> GroupTraffic:
    where = picture.machine_id(machine)
    figures = picture.workload_figures(*where)
    return GroupTraffic(
        workload=where[2],
        machines=len(picture.machines_of(where)),
        inbound=figures.received.traffic(),
        outbound=(figures.outbound + figures.internal).traffic(),
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _when(item: VirtualMachineItem) -> str | None:
    """Since when its proxy is connected, in UTC; None while it is not."""
    at, gone = item.connected_at, item.disconnected_at
    if at is None or (gone is not None and gone >= at):
        return None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def detail(picture: Picture, item: VirtualMachineItem, key: str) -> Detail:
    """The detail of one virtual machine; it is not scraped, so its traffic is known from its peers' reports."""
    machine = next(
        m for m in picture.machines if (m.cluster, m.namespace, m.name) == (item.cluster, item.namespace, item.name)
    )
    where = picture.machine_id(machine)
    into, out = edges_of(picture, where)
    group = item.group_traffic
    of = f" of all {group.machines} machines of {group.workload}" if group is not None else ""
    labels = {"destination_workload": where[2], "destination_workload_namespace": where[1]}
    return Detail(
        kind="virtualmachines",
        key=key,
        title=f"{item.namespace}/{item.name}",
        health=item.health,
        sections=(
            Section("Health", verdict(item.health)),
            Section(
                "About",
                (
                    *VIEW.facts(
                        item, "cluster", "workloadGroup", "address", "network", "locality", "services", "tenant"
                    ),
                    fact("its traffic", "known only" + of if of else None),
                    fact("connected", item.connected_at and item.connected_at.strftime("%Y-%m-%d %H:%M UTC")),
                    fact("disconnected", item.disconnected_at and item.disconnected_at.strftime("%Y-%m-%d %H:%M UTC")),
                ),
            ),
        ),
        related=(
            related_items(picture, "edges", f"Callers{of}", into, "No calls to it in this window."),
            related_items(picture, "edges", f"Calls{of}", out, "No calls from it in this window."),
        ),
        charts=charts_of_calls(
            picture.edges_to(where),
            item.cluster,
            equals(labels),
            answered=answered_in(picture.cluster_id(item.cluster)),
            window_seconds=picture.snapshot.window_seconds,
        ),
    )


c = Columns(VirtualMachineItem)

VIEW: View[VirtualMachineItem] = View(
    kind="virtualmachines",
    singular="virtualmachine",
    list_kind="VirtualMachineList",
    title="Virtual machines",
    item=VirtualMachineItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster whose control plane knows it.", "cluster", priority=1, max_width=32),
        c.text("namespace", "NAMESPACE", "The namespace.", "namespace", aliases=("ns",), priority=1),
        c.text("name", "VM", "The WorkloadEntry.", "name", aliases=("vm",), priority=0, min_width=4, max_width=48),
        c.health(),
        c.text("workloadGroup", "GROUP", "The WorkloadGroup it registered with.", "workload_group",
               aliases=("group",), priority=3),
        c.text("address", "ADDRESS", "Its address.", "address", priority=2),
        c.text("network", "NETWORK", "The network it is in.", "network", priority=5),
        c.text("locality", "LOCALITY", "Region, zone and subzone.", "locality", wide=True, priority=6),
        c.text("connectedAt", "CONNECTED SINCE", "Since when its proxy is connected.", _when,
               aliases=("connected",), wide=True, priority=5, max_width=20),
        c.text("lastSeen", "LAST SEEN", "When its proxy was connected last, in UTC.",
               lambda i: i.last_seen and i.last_seen.strftime("%Y-%m-%dT%H:%M:%SZ"), wide=True, priority=5,
               max_width=20),
        c.words("finding", "FINDINGS", "Findings by code (docs/findings.md).",
                lambda i: tuple(f.code for f in i.findings), wide=True,
                priority=7),
        c.words("services", "SERVICES", "Services that select it.", "services",
                aliases=("service", "svc"), priority=4),
        tenant_column(wide=True, priority=6),
        *c.golden("inbound"),
        *c.golden("outbound", prefix="outbound", heading="OUT ", wide=True),
        c.rate("groupRequestsPerSecond", "GROUP REQ/S",
               "Requests per second to its whole group, where telemetry does not distinguish its machines.",
               lambda i: i.group_traffic and i.group_traffic.inbound.requests_per_second, wide=True, priority=6),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.namespace, i.name),
    places=lambda i: (Place(cluster=i.cluster, namespace=i.namespace, tenants=i.tenants),),
    default_sort="health,requestsPerSecond,namespace,name",
    empty="There is no virtual machine (WorkloadEntry) in this scope.",
    needs=Needs(("WorkloadEntry", "WorkloadGroup"), traffic=True),
    related=("edges", "services"),
)  # fmt: skip
