"""A virtual machine opened: its registration, its probe, and its traffic as its peers report it."""

from __future__ import annotations

from meshtop.views.frame.charts import SOURCE_SIDE, equals, request_charts
from meshtop.views.frame.detail import Detail, Section, fact, related_items, verdict
from meshtop.views.kinds.details.workloads import edges_of
from meshtop.views.kinds.virtualmachines import VirtualMachineItem
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: VirtualMachineItem, key: str) -> Detail:
    """Everything about one virtual machine; no pod exists and nobody scrapes it, so its peers speak for it."""
    machine = next(
        m for m in picture.machines if (m.cluster, m.namespace, m.name) == (item.cluster, item.namespace, item.name)
    )
    where = picture.machine_id(machine)
    into, out = edges_of(picture, where)
    labels = {"destination_workload": where[2], "destination_workload_namespace": where[1]}
    return Detail(
        kind="virtualmachines",
        key=key,
        title=f"{item.namespace}/{item.name}",
        health=item.health,
        sections=(
            Section("How it does", verdict(item.health)),
            Section(
                "What it is",
                (
                    fact("cluster", item.cluster),
                    fact("group", item.workload_group),
                    fact("address", item.address),
                    fact("network", item.network),
                    fact("locality", item.locality),
                    fact("services", item.services),
                    fact("tenant", item.tenant),
                    fact("connected", item.connected_at and item.connected_at.strftime("%Y-%m-%d %H:%M UTC")),
                    fact("disconnected", item.disconnected_at and item.disconnected_at.strftime("%Y-%m-%d %H:%M UTC")),
                ),
            ),
        ),
        related=(
            related_items("edges", "Callers", into, "Nobody has called it in this window."),
            related_items("edges", "Calls", out, "It has called nobody in this window."),
        ),
        charts=request_charts(
            item.cluster, (SOURCE_SIDE, *equals(labels)), window_seconds=picture.snapshot.window_seconds
        ),
    )
