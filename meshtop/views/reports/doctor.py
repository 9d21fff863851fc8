"""The report of `meshtop doctor`: what can be reached, read and found in each cluster, its cost, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeVar

from msgspec import Struct

from meshtop.analysis.traffic.silence import Silence, telemetry_states
from meshtop.log import log_repeated
from meshtop.model.errors import MeshtopError
from meshtop.model.evidence import Unknown
from meshtop.model.kube import Inventory, KindStatus
from meshtop.model.mesh import ControlPlane, MeshFacts
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import Cost, Finding, Severity, SourceStatus, State
from meshtop.model.telemetry import Labels, Telemetry
from meshtop.settings.durations import format_duration
from meshtop.sources.kubernetes.status import MANIFEST, OPTIONAL
from meshtop.views.frame.document import API_VERSION, NO_SERIES_REMEDY, rfc3339
from meshtop.views.frame.findings import in_context
from meshtop.views.frame.unknowns import Needs, doubt, unknowns_of
from meshtop.views.picture.query import Query

_log = logging.getLogger(__name__)
Made = TypeVar("Made")
Otherwise = TypeVar("Otherwise")

NEEDED_LABELS = (
    "reporter",
    "source_workload",
    "source_workload_namespace",
    "destination_workload",
    "destination_workload_namespace",
    "destination_service",
    "request_protocol",
    "response_code",
    "response_flags",
    "connection_security_policy",
)
"""Labels of istio_requests_total that meshtop needs for complete results."""
MULTICLUSTER_LABELS = ("source_cluster", "destination_cluster")


class SourceReport(Struct, frozen=True, rename="camel", kw_only=True):
    """One source: its state, its address, and the cost of its last read."""

    state: State
    age_seconds: float | None
    endpoint: str | None
    error: str | None
    remedy: str | None
    notes: tuple[str, ...]
    cost: Cost


class KindReport(Struct, frozen=True, rename="camel"):
    """How the reading of one kind went."""

    kind: str
    group: str
    state: str
    count: int
    error: str | None


class TelemetryReport(Struct, frozen=True, rename="camel", kw_only=True):
    """Prometheus' content: the number of series, their labels, and missing labels."""

    series: int
    window: str
    complete: bool
    recording_rules: bool
    reporters: tuple[str, ...]
    labels: tuple[str, ...]
    missing_labels: tuple[str, ...]


class ClusterReport(Struct, frozen=True, rename="camel", kw_only=True):
    """One cluster's check-up; `reached` says whether its API server answered at all, if only with a refusal."""

    name: str
    context: str
    server: str
    read_only: bool
    reached: bool
    kubernetes_version: str | None
    kubernetes: SourceReport
    prometheus: SourceReport
    kinds: tuple[KindReport, ...]
    control_planes: tuple[ControlPlane, ...]
    telemetry: TelemetryReport | None
    findings: tuple[Finding, ...]

    @property
    def was_read(self) -> bool:
        """Whether anything was read in it; else its rights and its Prometheus are unknown."""
        return self.kubernetes_version is not None or bool(self.kinds)


class Report(Struct, frozen=True, rename="camel", kw_only=True):
    """The whole check-up; `unknowns` is what of all kinds and of traffic it could not look at."""

    api_version: str = API_VERSION
    kind: str = "DoctorReport"
    generated_at: str
    unknowns: tuple[Unknown, ...] = ()
    clusters: tuple[ClusterReport, ...]

    @property
    def faults(self) -> int:
        """How many findings are errors or warnings."""
        return sum(f.severity is not Severity.INFO for c in self.clusters for f in c.findings)

    @property
    def reached(self) -> bool:
        """Whether any cluster answered."""
        return any(cluster.reached for cluster in self.clusters)


def examine(snapshot: Snapshot, facts: Callable[[], Mapping[str, MeshFacts]]) -> Report:
    """Check every cluster of a settled snapshot. A check that a defect ends is a finding, and costs no other.

    `facts` works out the clusters' mesh facts by name.
    """
    states = cache(lambda: telemetry_states(snapshot.clusters))
    return Report(
        generated_at=rfc3339(snapshot.at),
        unknowns=tuple(unknown for c in snapshot.clusters for unknown in _unknowns(c, snapshot, states())),
        clusters=tuple(
            _cluster(c, lambda name: facts().get(name), snapshot, lambda name: states()[name])
            for c in snapshot.clusters
        ),
    )


def _unknowns(
    cluster: ClusterSnapshot, snapshot: Snapshot, states: Mapping[str, State | Silence]
) -> tuple[Unknown, ...]:
    """What was asked of one cluster and not read."""
    asked = () if cluster.inventory is None else tuple(kind.kind for kind in cluster.inventory.kinds)
    return unknowns_of(snapshot, Needs(asked, traffic=True), Query(clusters=(cluster.name,)), states=states)


def _cluster(
    cluster: ClusterSnapshot,
    facts: Callable[[str], MeshFacts | None],
    snapshot: Snapshot,
    heard: Callable[[str], State | Silence],
) -> ClusterReport:
    inventory = cluster.inventory
    checks = _Checks(cluster.name)
    several = len(snapshot.clusters) > 1
    measured = cluster.telemetry
    telemetry = (
        None if measured is None else checks.made("what Prometheus holds", lambda: _telemetry(measured, several), None)
    )

    def control_planes() -> tuple[ControlPlane, ...] | None:
        known = facts(cluster.name)
        return known.control_planes if known is not None else ()

    planes = checks.made("its control planes", control_planes, None)
    findings: list[Finding] = [
        *checks.made("its API server", lambda: _kubernetes_findings(cluster), ()),
        *checks.made("the right to read", lambda: _kind_findings(cluster.name, inventory), ()),
        *checks.made("its istiod", lambda: [] if planes is None else _mesh_findings(cluster, planes), ()),
        *checks.made(
            "its Prometheus",
            lambda: _prometheus_findings(cluster, telemetry, heard(cluster.name)),
            (),
        ),
    ]
    return ClusterReport(
        name=cluster.name,
        context=cluster.context,
        server=cluster.server,
        read_only=cluster.read_only,
        reached=cluster.kubernetes.reached,
        kubernetes_version=inventory.version if inventory else None,
        kubernetes=_source(cluster.kubernetes, cluster.kubernetes_cost, snapshot.at),
        prometheus=_source(cluster.prometheus, cluster.prometheus_cost, snapshot.at),
        kinds=tuple(_kind(kind) for kind in (inventory.kinds if inventory else ())),
        control_planes=planes or (),
        telemetry=telemetry,
        findings=(*findings, *checks.failed),
    )


class _Checks:
    """The checks of one cluster, and a finding for each that could not be made."""

    def __init__(self, cluster: str) -> None:
        self.failed: list[Finding] = []
        self._cluster = cluster

    def made(self, what: str, make: Callable[[], Made], otherwise: Otherwise) -> Made | Otherwise:
        """The result of a check of `what`; where a defect ends it, `otherwise`, the finding and a line in the log."""
        try:
            return make()
        except MeshtopError:
            raise
        except Exception as error:  # noqa: BLE001 - it is a finding, and the log has the traceback
            log_repeated(_log, f"doctor could not check {what} in {self._cluster}", error)
            message = f"{what[0].upper()}{what[1:]} could not be checked: a defect of meshtop ({type(error).__name__})."
            fix = "Run it again with --log FILE and report what the file has."
            self.failed.append(_finding("check-failed", Severity.WARNING, message, fix))
            return otherwise


def _source(status: SourceStatus, cost: Cost, now: float) -> SourceReport:
    age = status.age_seconds(now)
    return SourceReport(
        state=status.state,
        age_seconds=None if age is None else round(age, 1),
        endpoint=status.endpoint,
        error=status.error,
        remedy=status.remedy,
        notes=status.notes,
        cost=cost,
    )


def _kind(status: KindStatus) -> KindReport:
    return KindReport(status.kind, status.group, status.state, status.count, status.error)


def _telemetry(telemetry: Telemetry, several: bool) -> TelemetryReport:
    samples = (*telemetry.requests, *telemetry.tcp_sent, *telemetry.tcp_received)
    present = tuple(name for name in Labels.__struct_fields__ if any(getattr(s.labels, name) for s in samples))
    needed = (*NEEDED_LABELS, *MULTICLUSTER_LABELS) if several else NEEDED_LABELS
    return TelemetryReport(
        series=sum(
            len(getattr(telemetry, name))
            for name in Telemetry.__struct_fields__
            if isinstance(getattr(telemetry, name), tuple)
        ),
        window=format_duration(telemetry.window_seconds),
        complete=telemetry.complete,
        recording_rules=telemetry.recording_rules,
        reporters=tuple(sorted({s.labels.reporter for s in samples if s.labels.reporter})),
        labels=present,
        missing_labels=tuple(name for name in needed if name not in present) if telemetry.requests else (),
    )


def _finding(code: str, severity: Severity, message: str, fix: str | None) -> Finding:
    return Finding(code=code, severity=severity, message=message, fix=fix)


def _kubernetes_findings(cluster: ClusterSnapshot) -> list[Finding]:
    status = cluster.kubernetes
    what = status.error or f"The API server of {cluster.name} is {status.state.value}."
    if status.state in (State.UNREACHABLE, State.NONE):
        fix = status.remedy or f"Check that {cluster.server or 'its server'} can be reached from here."
        return [_finding("cluster-unreachable", Severity.ERROR, what, fix)]
    if status.state is State.DENIED:
        fix = status.remedy or f"Renew the credentials of context {cluster.context}, or ask for the right to read."
        return [_finding("cluster-denied", Severity.ERROR, what, fix)]
    if status.state in (State.PARTIAL, State.STALE):
        return [_finding("cluster-incomplete", Severity.WARNING, what, status.remedy)]
    return []


_BIND = f"Bind the ClusterRole of {MANIFEST} to this user."


def _kind_findings(name: str, inventory: Inventory | None) -> list[Finding]:
    kinds = inventory.kinds if inventory else ()
    findings = []
    denied = [k.kind for k in kinds if k.state == "denied" and k.kind not in OPTIONAL and not k.namespaces]
    partly = [k for k in kinds if k.state == "denied" and k.kind not in OPTIONAL and k.namespaces]
    spared = [k.kind for k in kinds if k.state == "denied" and k.kind in OPTIONAL]
    if denied:
        message = f"{name} does not let these kinds be read: {', '.join(denied)}."
        findings.append(_finding("kind-denied", Severity.WARNING, message, _BIND))
    if partly:
        places = ", ".join(dict.fromkeys(place for kind in partly for place in kind.namespaces))
        message = f"{name} lets these kinds be read in {places} only: {', '.join(kind.kind for kind in partly)}."
        findings.append(_finding("kind-denied", Severity.WARNING, message, _BIND))
    if spared:
        message = f"{name} does not let these kinds be read (rarely needed): {', '.join(spared)}."
        findings.append(_finding("kind-denied", Severity.INFO, message, None))
    for kind in kinds:
        if kind.state == "failed":
            message = f"{kind.kind} of {name} could not be read: {kind.error or 'no reason was given'}"
            findings.append(_finding("kind-failed", Severity.WARNING, message, None))
    return findings


def _mesh_findings(cluster: ClusterSnapshot, planes: Sequence[ControlPlane]) -> list[Finding]:
    """Findings on control planes; a cluster without one is not an error: it may be a remote cluster, or in no mesh."""
    if cluster.inventory is None:
        return []
    if not planes:
        lost = cluster.inventory.unread("Deployment", "Pod")
        if lost:
            unknown = [Unknown(kind, cluster.name, why) for kind, why in lost]
            message = f"Whether istiod runs in {cluster.name} is not known: {doubt(unknown)}"
            return [_finding("control-plane-unknown", Severity.INFO, message, None)]
        message = f"No istiod runs in {cluster.name}: it is governed from elsewhere, or in no mesh."
        return [_finding("no-control-plane", Severity.INFO, message, None)]
    return [
        _finding(
            "control-plane-not-ready",
            Severity.ERROR,
            f"istiod revision {plane.revision} of {cluster.name} has no ready pod of {plane.pods.total}.",
            in_context(f"See its pods: kubectl -n {plane.namespace} get pods -l app=istiod", cluster.context),
        )
        for plane in planes
        if plane.pods.total and not plane.pods.ready
    ]


def _prometheus_findings(
    cluster: ClusterSnapshot, telemetry: TelemetryReport | None, heard: State | Silence
) -> list[Finding]:
    status, name = cluster.prometheus, cluster.name
    if cluster.inventory is None and status.state is State.NONE:
        return []
    if status.state is State.NONE:
        what = status.error or f"No Prometheus was found in {name}."
        fix = status.remedy or "Name it in meshtop.yaml: clusters[].prometheus.service or .url."
        return [_finding("prometheus-not-found", Severity.WARNING, what, fix)]
    if status.state in (State.UNREACHABLE, State.DENIED):
        denied = status.state is State.DENIED
        what = status.error or f"Prometheus of {name} is {status.state.value}."
        code = "prometheus-denied" if denied else "prometheus-unreachable"
        return [_finding(code, Severity.ERROR, what, status.remedy)]
    findings = []
    if status.state in (State.PARTIAL, State.STALE):
        what = status.error or f"Prometheus of {name} gave an incomplete answer."
        findings.append(_finding("prometheus-incomplete", Severity.WARNING, what, status.remedy))
    if telemetry is not None and (telemetry.series == 0 or heard is Silence.NO_DATA):
        what = "no series of Istio" if telemetry.series == 0 else "no series that a proxy reported"
        message = f"Prometheus of {name} holds {what} in this window."
        findings.append(_finding("no-istio-metrics", Severity.WARNING, message, NO_SERIES_REMEDY))
    elif telemetry is not None and telemetry.missing_labels:
        message = f"Istio's metrics in {name} lack the labels {', '.join(telemetry.missing_labels)}."
        fix = "A Telemetry resource or a relabelling drops them; keep them, or expect gaps."
        findings.append(_finding("labels-missing", Severity.WARNING, message, fix))
    return findings
