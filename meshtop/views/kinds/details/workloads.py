"""A workload opened: its pods and proxy, who calls it, whom it calls, and its course over time."""

from __future__ import annotations

from meshtop.model.mesh import Workload
from meshtop.views.frame.charts import DESTINATION_SIDE, SOURCE_SIDE, equals, request_charts
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related_items, verdict
from meshtop.views.frame.numbers import percent
from meshtop.views.frame.registry import view
from meshtop.views.kinds.edges import EdgeItem
from meshtop.views.kinds.workloads import WorkloadItem
from meshtop.views.picture.picture import Picture, WorkloadId


def edges_of(picture: Picture, where: WorkloadId) -> tuple[list[EdgeItem], list[EdgeItem]]:
    """The edges into and out of a workload, as the edges' view has them."""
    items: list[EdgeItem] = view("edges").all_items(picture)
    into = [i for i in items if (i.destination.cluster, i.destination.namespace, i.destination.workload) == where]
    out = [i for i in items if (i.source.cluster, i.source.namespace, i.source.workload) == where]
    return into, out


def detail(picture: Picture, item: WorkloadItem, key: str) -> Detail:
    """Everything about one workload."""
    where = (item.cluster, item.namespace, item.name)
    workload = picture.workload(*where)
    into, out = edges_of(picture, where)
    labels = {"destination_workload": item.name, "destination_workload_namespace": item.namespace}
    callers = {"source_workload": item.name, "source_workload_namespace": item.namespace}
    called = (DESTINATION_SIDE, *equals(labels)) if into or not out else (SOURCE_SIDE, *equals(callers))
    return Detail(
        kind="workloads",
        key=key,
        title=f"{item.namespace}/{item.name}",
        health=item.health,
        sections=(
            Section("How it does", verdict(item.health)),
            Section("What it is", tuple(_facts(item, workload))),
        ),
        related=(
            related_items("edges", "Callers", into, "Nobody has called it in this window."),
            related_items("edges", "Calls", out, "It has called nobody in this window."),
        ),
        charts=request_charts(item.cluster, called, window_seconds=picture.snapshot.window_seconds),
    )


def _facts(item: WorkloadItem, workload: Workload | None) -> list[Fact]:
    proxy = None if item.proxy is None else f"{item.proxy} {item.proxy_version or ''}".strip()
    facts = [
        fact("cluster", item.cluster),
        fact("kind", item.kind),
        fact("app", item.app),
        fact("version", item.version),
        fact("tenant", item.tenant),
        fact("pods", f"{item.pods.ready} of {item.pods.total} ready"),
        fact("proxy", proxy),
        fact("revision", item.revision),
        fact("services", item.services),
        fact("mTLS seen", None if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} % of what it is asked"),
    ]
    if workload is not None:
        facts.append(fact("service account", workload.service_account))
        facts.append(fact("images", workload.images))
    return facts
