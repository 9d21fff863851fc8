"""A namespace opened: how it takes part in the mesh, its workloads and its services."""

from __future__ import annotations

from meshtop.sources.prometheus.promql import Matcher
from meshtop.views.frame.charts import DESTINATION_SIDE, request_charts
from meshtop.views.frame.detail import BY_NAMESPACE, Detail, Section, fact, related_at, verdict
from meshtop.views.frame.numbers import percent
from meshtop.views.kinds.namespaces import NamespaceItem
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: NamespaceItem, key: str) -> Detail:
    """Everything about one namespace of one cluster."""
    into = (DESTINATION_SIDE, Matcher("destination_workload_namespace", "=", item.name))
    groups = [f"{kind}/{name}" for kind, name in picture.owner(item.cluster, item.name).groups]
    return Detail(
        kind="namespaces",
        key=key,
        title=item.name,
        health=item.health,
        sections=(
            Section("How it does", verdict(item.health)),
            Section(
                "What it is",
                (
                    fact("cluster", item.cluster),
                    fact("mode", item.mode),
                    fact("injection", item.injection),
                    fact("revision", item.revision),
                    fact("tenant", item.tenant),
                    fact("workspace", item.workspace),
                    *((fact("groups", groups),) if groups else ()),
                    fact("mTLS seen", None if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} %"),
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
        charts=request_charts(item.cluster, into, window_seconds=picture.snapshot.window_seconds),
    )
