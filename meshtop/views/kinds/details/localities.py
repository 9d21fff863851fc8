"""A host's placement opened: endpoints zone by zone, and traffic from cluster to cluster."""

from __future__ import annotations

from meshtop.views.frame.detail import Detail, Section, fact, related
from meshtop.views.frame.numbers import percent, quantity
from meshtop.views.kinds.localities import LocalityItem
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: LocalityItem, key: str) -> Detail:
    """Everything about where one host stands."""
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
                    fact("crosses clusters", _share(item.cross_cluster_ratio)),
                    fact("crosses regions", _share(item.cross_region_ratio)),
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


def _share(ratio: float | None) -> str | None:
    return None if ratio is None else f"{percent(ratio)} %"
