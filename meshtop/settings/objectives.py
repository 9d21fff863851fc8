"""The settings' `slos` as the rest of the program takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshtop.model.alerting import SloTarget

if TYPE_CHECKING:
    from meshtop.settings.schema import SloSettings

SERVICE_FORM = "write CLUSTER/NAMESPACE/SERVICE, such as us-east/shop/reviews (* stands for anything)"
LATENCY_BOUNDS = (
    *(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000),
    *(300_000, 600_000, 1_800_000, 3_600_000),
)
"""Milliseconds: the bounds of Envoy's default histogram, between which Istio's metrics do not tell (Envoy's
`Stats::HistogramSettingsImpl`, default buckets)."""


def split_service(text: str) -> tuple[str, str, str]:
    """`CLUSTER/NAMESPACE/SERVICE` in three; a cluster's name may hold slashes. Raises ValueError for anything else."""
    cluster, _, service = text.rpartition("/")
    cluster, _, namespace = cluster.rpartition("/")
    if not (cluster and namespace and service):
        raise ValueError(f"{text!r} is not a service; {SERVICE_FORM}")
    return cluster, namespace, service


def parse_objective(value: object) -> object:
    """A share from a share, `99.9%`, or a number above 1, which is taken for percent as Sloth takes it."""
    number: object = value
    if isinstance(value, str):
        try:
            number = float(value.strip().removesuffix("%")) / (100 if value.strip().endswith("%") else 1)
        except ValueError:
            raise ValueError(f"{value!r} is not an objective; write 99.9% or 0.999") from None
    if isinstance(number, int | float) and not isinstance(number, bool) and 1 < number < 100:
        # Rounded: 99.9 / 100 is not 0.999.
        return round(number / 100, 12)
    return round(number, 12) if isinstance(number, float) else number


def slo_targets(settings: Sequence[SloSettings]) -> tuple[SloTarget, ...]:
    """The objectives of the settings."""
    found = []
    for one in settings:
        cluster, namespace, service = split_service(one.service)
        found.append(
            SloTarget(
                name=one.name,
                cluster=cluster,
                namespace=namespace,
                service=service,
                objective=one.objective,
                window_seconds=one.window,
                latency_ms=one.latency_ms,
            )
        )
    return tuple(found)
