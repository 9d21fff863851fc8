"""A service opened: its hosts and ports, what is behind it in every cluster, and who calls it."""

from __future__ import annotations

from meshtop.model.kube import ServicePort
from meshtop.sources.prometheus.promql import one_of
from meshtop.views.frame.charts import SOURCE_SIDE, request_charts
from meshtop.views.frame.detail import Detail, Index, Section, fact, related_at, verdict
from meshtop.views.frame.numbers import percent
from meshtop.views.kinds.services import ServiceItem
from meshtop.views.picture.picture import Picture

BY_SERVICE = Index("by service", lambda w: ((w.cluster, w.namespace, service) for service in w.services))
BY_HOST = Index("by host", lambda e: (e.destination.service.lower(),))


def detail(picture: Picture, item: ServiceItem, key: str) -> Detail:
    """Everything about one service of one cluster."""
    hosts = {host.lower() for host in item.hosts}
    return Detail(
        kind="services",
        key=key,
        title=f"{item.namespace}/{item.name}",
        health=item.health,
        sections=(
            Section("How it does", verdict(item.health)),
            Section(
                "What it is",
                (
                    fact("cluster", item.cluster),
                    fact("kind", item.kind),
                    fact("hosts", item.hosts),
                    fact("ports", tuple(map(port_text, item.ports))),
                    fact("runs in", item.clusters),
                    fact("tenant", item.tenant),
                    fact("mTLS seen", None if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} %"),
                ),
            ),
        ),
        related=(
            related_at(
                picture,
                "workloads",
                "Behind it, in every cluster",
                ((cluster, item.namespace, item.name) for cluster in (item.cluster, *item.clusters)),
                BY_SERVICE,
                "Nothing is behind it: no pod has its labels.",
            ),
            related_at(
                picture,
                "edges",
                "Callers",
                hosts,
                BY_HOST,
                "Nobody has called it in this window.",
                lambda e: item.cluster in (e.destination.cluster, e.source.cluster),
            ),
        ),
        charts=request_charts(
            item.cluster,
            (SOURCE_SIDE, one_of("destination_service", item.hosts)),
            window_seconds=picture.snapshot.window_seconds,
        ),
    )


def port_text(port: ServicePort) -> str:
    """A port as people write it: `http 80→8080`."""
    name = port.name or port.app_protocol or port.protocol.lower()
    return f"{name} {port.port}" + (f"→{port.target}" if port.target not in (None, port.port) else "")
