"""Alerts and service level objectives of one cluster, as its Prometheus tells them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from meshtop.model.evidence import READ, Evidence


class AlertState(StrEnum):
    """Whether an alert fires, or waits until its condition has held for long enough."""

    FIRING = "firing"
    PENDING = "pending"


class Alert(Struct, frozen=True, kw_only=True):
    """One active alert. `since` is when its condition began to hold (Unix seconds), None where nothing tells.

    `labels` are without `alertname` and `alertstate`. `annotations` are empty where only the series ALERTS was read,
    which holds none. `unplaced` is set for an alert of an engine above several clusters that names none of them.
    """

    name: str
    state: AlertState
    since: float | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    unplaced: bool = False

    @property
    def severity(self) -> str | None:
        """The label `severity` as it was written; None where there is none."""
        return self.labels.get("severity") or None


class Alerts(Struct, frozen=True, kw_only=True):
    """The active alerts of one cluster, and how far they are known: that there is none is said only where it was read.

    Where they were not read, `alerts` are those of the last good answer, and `problem` says in a sentence what kept
    them from being read.
    """

    alerts: tuple[Alert, ...] = ()
    evidence: Evidence = READ
    problem: str | None = None


class SloTarget(Struct, frozen=True, kw_only=True):
    """An objective as the settings have it, for every service that its patterns match (`*` stands for anything).

    `objective` is the share of requests (0 to 1) that must be good over `window_seconds`. Good is what does not fail,
    or with `latency_ms` what is answered within so many milliseconds.
    """

    name: str
    cluster: str
    namespace: str
    service: str
    objective: float
    window_seconds: float
    latency_ms: float | None = None


class SloReading(Struct, frozen=True, kw_only=True):
    """What a Prometheus says of one objective of one service.

    `ratios` are shares of bad requests (0 to 1) by the window that they were measured over (seconds); a window without
    traffic is not among them. `counts` are the bad and all requests of a window, where they were counted: what a few
    requests show proves little. `budget_left` is the share of the error budget that is left, and below 0 where more was
    spent; it was measured over `budget_seconds`, less than `window_seconds` where Prometheus does not hold that much.
    `recorded` names the kind of recording rules that told it, None where it was counted for the settings.
    """

    name: str
    namespace: str = ""
    service: str = ""
    objective: float | None = None
    window_seconds: float | None = None
    latency_ms: float | None = None
    ratios: dict[float, float] = field(default_factory=dict)
    counts: dict[float, tuple[float, float]] = field(default_factory=dict)
    budget_left: float | None = None
    budget_seconds: float | None = None
    recorded: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


class Slos(Struct, frozen=True, kw_only=True):
    """The objectives of one cluster, and how far they are known; `problem` says what kept them from being read."""

    readings: tuple[SloReading, ...] = ()
    evidence: Evidence = READ
    problem: str | None = None


NAMESPACE_LABELS = (
    "namespace",
    "exported_namespace",
    "workload_namespace",
    "destination_workload_namespace",
    "destination_service_namespace",
    "source_workload_namespace",
    "kubernetes_namespace",
    "k8s_namespace_name",
    "target_namespace",
)
"""Labels whose value is a namespace's name."""
_HOSTS = ("destination_service", "destination_service_name", "host", "authority")


def namespaces_named(labels: Mapping[str, str]) -> frozenset[str]:
    """Every namespace that the labels name, also by a service's full host: whose the alert is."""
    found = {labels[name] for name in NAMESPACE_LABELS if labels.get(name)}
    for name in _HOSTS:
        parts = labels.get(name, "").split(".")
        if len(parts) > 2 and parts[2] == "svc":
            found.add(parts[1])
    return frozenset(found - {"unknown"})
