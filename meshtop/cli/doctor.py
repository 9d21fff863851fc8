"""`meshtop doctor`: what can be reached, read and found in each cluster, and how to fix what cannot."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.options import common_options
from meshtop.cli.repeated import repeated
from meshtop.cli.session import once, open_session, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.cli.text_table import Style
    from meshtop.views.reports.doctor import ClusterReport, Report, SourceReport


@click.command("doctor", short_help="What can be reached and read, and how to fix what cannot.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print (text)."
)
@common_options
@click.pass_context
def command(ctx: click.Context, output: str) -> int:
    """Check every cluster: what can be reached, read and found, the cost of each source, and how to fix faults.

    Ends with 1 when a fault is found, with 3 when no cluster can be reached.
    """
    from meshtop.cli.printers import json_text, to_yaml
    from meshtop.views.reports.doctor import examine

    session = open_session(ctx)
    snapshot = once(session)
    report = examine(snapshot, lambda: session.picture(snapshot).facts)
    if output == "json":
        write(json_text(report))
    elif output == "yaml":
        write(to_yaml(report).rstrip("\n"))
    else:
        verbose = session.common.verbose > 0
        write(repeated("\n".join(report_lines(report, session.style(sys.stdout), verbose=verbose))))
    if not report.reached:
        return Exit.UNREACHABLE
    return Exit.BAD if report.faults else Exit.FINE


def report_lines(report: Report, style: Style, *, verbose: bool = False) -> list[str]:
    """The report as text: each cluster, its sources, its findings with fixes, and a summary."""
    from meshtop.model.numbers import number_of

    lines: list[str] = []
    for cluster in report.clusters:
        lines += [*_cluster_lines(cluster, style, verbose=verbose), ""]
    reached = sum(cluster.reached for cluster in report.clusters)
    faults = f"{report.faults} fault{'s' * (report.faults != 1)} found" if report.faults else "no fault found"
    lines.append(f"{reached} of {number_of(len(report.clusters), 'cluster')} reached, {faults}.")
    return [style.plain(line) for line in lines]


def _cluster_lines(cluster: ClusterReport, style: Style, *, verbose: bool) -> list[str]:
    from meshtop.model.numbers import number_of, written_out
    from meshtop.model.state import State
    from meshtop.model.text import clean

    rights = "may be written to, as far as its rights go" if cluster.was_read else "what may be written is unknown"
    access = "read-only" if cluster.read_only else rights
    about = " · ".join(filter(None, (cluster.server, f"context {cluster.context}" if cluster.context else "", access)))
    lines = [style.heading(style.plain(clean(cluster.name))) + f"  {clean(about)}"]
    version = f"Kubernetes {clean(cluster.kubernetes_version)}" if cluster.kubernetes_version else "Kubernetes"
    lines += _source_lines(version, cluster.kubernetes, style)
    read = [kind for kind in cluster.kinds if kind.state in ("fresh", "stale") and kind.count]
    if read and verbose:
        lines += _wrapped("read", ", ".join(f"{written_out(kind.count)} {kind.kind}" for kind in read), style)
    elif read:
        objects = written_out(sum(kind.count for kind in read))
        lines.append(f"    read {objects} objects of {number_of(len(read), 'kind')} (-v names them)")
    absent = [kind.kind for kind in cluster.kinds if kind.state == "missing"]
    if absent and verbose:
        lines += _wrapped("not installed", ", ".join(absent), style)
    for plane in cluster.control_planes:
        version = clean(plane.version or "of unknown version")
        lines.append(f"    istiod {clean(plane.revision)} {version}, {plane.pods.ready}/{plane.pods.total} pods ready")
    if not cluster.was_read and cluster.prometheus.state is State.NONE and cluster.prometheus.endpoint is None:
        lines.append("  Prometheus: unknown, as it is found through the API server")
    else:
        lines += _source_lines("Prometheus", cluster.prometheus, style)
    telemetry = cluster.telemetry
    if telemetry is not None:
        reporters = clean(", ".join(telemetry.reporters) or "none")
        rules = ", recording rules used" if telemetry.recording_rules else ""
        lines.append(
            f"    {written_out(telemetry.series)} series over {telemetry.window}, reporters: {reporters}{rules}"
        )
        if verbose:
            lines += _wrapped("labels", ", ".join(telemetry.labels), style)
    for finding in cluster.findings:
        lines += _finding_lines(finding.severity.value, finding.message, finding.fix, style)
    return lines


def _source_lines(name: str, source: SourceReport, style: Style) -> list[str]:
    from meshtop.model.numbers import age, quantity, written_out
    from meshtop.model.text import clean
    from meshtop.views.frame.columns import state_cell

    cell = state_cell(source.state)
    parts = [style.paint(cell.text, cell.tone)]
    if source.endpoint:
        parts.append(clean(source.endpoint))
    if source.age_seconds is not None:
        parts.append(f"{age(source.age_seconds)} old")
    cost = source.cost
    if cost.requests:
        parts.append(f"{cost.seconds:.2f} s, {quantity(cost.bytes)}B in {written_out(cost.requests)} requests")
    return [f"  {name}: {' · '.join(parts)}", *(f"    {clean(note)}" for note in source.notes)]


def _wrapped(name: str, text: str, style: Style) -> list[str]:
    from textwrap import wrap

    from meshtop.model.text import clean

    width = max(40, (style.width or 120) - 1)
    return wrap(f"{name}: {clean(text)}", width, initial_indent="    ", subsequent_indent="      ")


def _finding_lines(severity: str, message: str, fix: str | None, style: Style) -> list[str]:
    from meshtop.model.text import clean
    from meshtop.views.frame.table import Tone

    sign, tone = {
        "error": ("✗", Tone.FAILING),
        "warning": ("▲", Tone.DEGRADED),
    }.get(severity, ("·", Tone.DIM))
    lines = [f"  {style.paint(sign, tone)} {clean(message)}"]
    if fix:
        lines.append(f"    → {clean(fix)}")
    return lines
