"""What the doctor found, in lines: for the command, and for the console."""

from __future__ import annotations

from textwrap import wrap

from meshtop.model.numbers import age, number_of, quantity, written_out
from meshtop.model.state import State
from meshtop.model.text import clean
from meshtop.views.frame.columns import state_cell
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.reports.doctor import ClusterReport, Report, SourceReport

ReportLine = tuple[Cell, ...]
_SIGNS = {"error": Cell("✗", Tone.FAILING), "warning": Cell("▲", Tone.DEGRADED)}


def doctor_lines(report: Report, width: int, *, verbose: bool = False) -> list[ReportLine]:
    """Each cluster, its sources, its findings with what to do, and a summary; lists are wrapped at `width` cells."""
    lines: list[ReportLine] = []
    for cluster in report.clusters:
        lines += [*_cluster_lines(cluster, width, verbose=verbose), ()]
    reached = sum(cluster.reached for cluster in report.clusters)
    faults = f"{report.faults} fault{'s' * (report.faults != 1)} found" if report.faults else "no fault found"
    lines.append(_plain(f"{reached} of {number_of(len(report.clusters), 'cluster')} reached, {faults}."))
    return lines


def _plain(text: str) -> ReportLine:
    return (Cell(text),)


def _cluster_lines(cluster: ClusterReport, width: int, *, verbose: bool) -> list[ReportLine]:
    rights = "may be written to, as far as its rights go" if cluster.was_read else "what may be written is unknown"
    access = "read-only" if cluster.read_only else rights
    about = " · ".join(filter(None, (cluster.server, f"context {cluster.context}" if cluster.context else "", access)))
    lines: list[ReportLine] = [(Cell(clean(cluster.name), Tone.STRONG), Cell(f"  {clean(about)}"))]
    version = f"Kubernetes {clean(cluster.kubernetes_version)}" if cluster.kubernetes_version else "Kubernetes"
    lines += _source_lines(version, cluster.kubernetes)
    read = [kind for kind in cluster.kinds if kind.state in ("fresh", "stale") and kind.count]
    if read and verbose:
        lines += _wrapped("read", ", ".join(f"{written_out(kind.count)} {kind.kind}" for kind in read), width)
    elif read:
        objects = written_out(sum(kind.count for kind in read))
        lines.append(_plain(f"    read {objects} objects of {number_of(len(read), 'kind')} (-v names them)"))
    absent = [kind.kind for kind in cluster.kinds if kind.state == "missing"]
    if absent and verbose:
        lines += _wrapped("not installed", ", ".join(absent), width)
    for plane in cluster.control_planes:
        version = clean(plane.version or "of unknown version")
        pods = f"{plane.pods.ready}/{plane.pods.total} pods ready"
        lines.append(_plain(f"    istiod {clean(plane.revision)} {version}, {pods}"))
    if not cluster.was_read and cluster.prometheus.state is State.NONE and cluster.prometheus.endpoint is None:
        lines.append(_plain("  Prometheus: unknown, as it is found through the API server"))
    else:
        lines += _source_lines("Prometheus", cluster.prometheus)
    telemetry = cluster.telemetry
    if telemetry is not None:
        reporters = clean(", ".join(telemetry.reporters) or "none")
        rules = ", recording rules used" if telemetry.recording_rules else ""
        series = f"{written_out(telemetry.series)} series over {telemetry.window}"
        lines.append(_plain(f"    {series}, reporters: {reporters}{rules}"))
        if verbose:
            lines += _wrapped("labels", ", ".join(telemetry.labels), width)
    for finding in cluster.findings:
        sign = _SIGNS.get(finding.severity.value, Cell("·", Tone.DIM))
        lines.append((Cell("  "), sign, Cell(f" {clean(finding.message)}")))
        if finding.fix:
            lines.append(_plain(f"    → {clean(finding.fix)}"))
    return lines


def _source_lines(name: str, source: SourceReport) -> list[ReportLine]:
    parts = []
    if source.endpoint:
        parts.append(clean(source.endpoint))
    if source.age_seconds is not None:
        parts.append(f"{age(source.age_seconds)} old")
    cost = source.cost
    if cost.requests:
        parts.append(f"{cost.seconds:.2f} s, {quantity(cost.bytes)}B in {written_out(cost.requests)} requests")
    rest = "".join(f" · {part}" for part in parts)
    line = (Cell(f"  {name}: "), state_cell(source.state), Cell(rest))
    return [line, *(_plain(f"    {clean(note)}") for note in source.notes)]


def _wrapped(name: str, text: str, width: int) -> list[ReportLine]:
    return [
        _plain(line)
        for line in wrap(f"{name}: {clean(text)}", width, initial_indent="    ", subsequent_indent="      ")
    ]
