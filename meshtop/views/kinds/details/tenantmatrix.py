"""A pair of tenants opened: what goes from one to the other, what the settings forbid in it, and every call."""

from __future__ import annotations

from meshtop.model.traffic import Peer, Target, Traffic
from meshtop.views.frame.columns import error_tone
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related
from meshtop.views.frame.numbers import milliseconds, percent, quantity
from meshtop.views.kinds.tenantmatrix import TenantPair
from meshtop.views.kinds.tenants import finding_facts
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: TenantPair, key: str) -> Detail:
    """Everything about the traffic from one tenant to another."""

    def tenant(end: Peer | Target) -> str:
        return picture.owner(end.cluster, end.namespace).tenant

    wrong = finding_facts(item.findings)
    return Detail(
        kind="tenantmatrix",
        key=key,
        title=f"{item.from_} → {item.to}",
        health=None,
        sections=(
            *((Section("What is wrong", wrong),) if wrong else ()),
            Section("Traffic", traffic_facts(item.traffic, item.mtls_ratio)),
        ),
        related=(
            related(
                picture,
                "edges",
                "Calls",
                lambda e: tenant(e.source) == item.from_ and tenant(e.destination) == item.to,
                "There are no calls.",
            ),
        ),
        charts=(),
    )


def traffic_facts(traffic: Traffic, mtls_ratio: float | None) -> tuple[Fact, ...]:
    """The golden signals one below the other."""
    latency, size = traffic.latency_ms, traffic.bytes_per_second

    def per_second(rate: float | None, unit: str = "") -> str | None:
        return None if rate is None else f"{quantity(rate)}{unit}/s"

    def share(ratio: float | None) -> str | None:
        return None if ratio is None else f"{percent(ratio)} %"

    def span(value: float | None) -> str | None:
        return None if value is None else f"{milliseconds(value)} ms"

    return (
        fact("requests", per_second(traffic.requests_per_second)),
        fact("errors", share(traffic.error_ratio), error_tone(traffic.error_ratio or 0.0)),
        *(fact(name, span(getattr(latency, name))) for name in ("p50", "p95", "p99")),
        fact("connections", per_second(traffic.connections_per_second)),
        fact("sent", per_second(size.sent, " B")),
        fact("received", per_second(size.received, " B")),
        fact("mTLS seen", share(mtls_ratio)),
    )
