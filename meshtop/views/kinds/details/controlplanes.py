"""A control plane opened: what it serves, how fast and how well, and its remote clusters."""

from __future__ import annotations

from meshtop.analysis.traffic.metrics import duration_text
from meshtop.sources.prometheus.promql import selector
from meshtop.views.frame.charts import Chart, ChartLine
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related, verdict
from meshtop.views.frame.numbers import latency, percent, quantity
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.controlplanes import ControlPlaneItem
from meshtop.views.kinds.mtls import SEVERITY_SIGNS, SEVERITY_TONES
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: ControlPlaneItem, key: str) -> Detail:
    """Everything about one revision of a cluster's control plane."""
    findings: list[Fact] = []
    for found in item.findings:
        findings.append(fact(found.code, SEVERITY_SIGNS[found.severity] + found.message,
                             SEVERITY_TONES[found.severity]))  # fmt: skip
        findings.extend([fact("", found.fix, Tone.ACCENT)] if found.fix else [])
    speed = item.convergence_ms
    return Detail(
        kind="controlplanes",
        key=key,
        title=f"{item.revision or 'remote'} in {item.cluster}",
        health=item.health,
        sections=(
            Section("How it does", verdict(item.health)),
            Section(
                "What it is",
                (
                    fact("cluster", item.cluster),
                    fact("role", item.role),
                    fact("served by", item.served_by),
                    fact("version", item.version),
                    fact("tags", item.tags),
                    fact("pods", f"{item.pods.ready} of {item.pods.total} ready" if item.pods.total else None),
                ),
            ),
            Section(
                "What it serves",
                (
                    fact("proxies", item.proxies),
                    fact("share", None if item.proxies_share is None else f"{percent(item.proxies_share)} %"),
                    fact("of another version", item.proxies_stale),
                    *(fact(f"connected, {version}", count) for version, count in sorted(item.connected.items())),
                    *(fact(f"remote {r.cluster}", r.status) for r in item.remote_clusters),
                ),
            ),
            Section(
                "The cluster's control plane as a whole",
                (
                    fact("convergence p50", None if speed.p50 is None else latency(speed.p50)),
                    fact("convergence p99", None if speed.p99 is None else latency(speed.p99)),
                    fact("rejects", None if item.rejects is None else f"{quantity(item.rejects)}/s"),
                    fact("push errors", None if item.push_errors is None else f"{quantity(item.push_errors)}/s"),
                    fact("conflicts", item.conflicts),
                ),
            ),
            Section("What stands out", tuple(findings) or (fact("", "nothing"),)),
        ),
        related=(
            related(
                picture,
                "workloads",
                "Workloads with another version",
                lambda w: (
                    w.cluster == item.cluster
                    and w.revision == item.revision
                    and bool(w.proxy_version and item.version)
                    and w.proxy_version != item.version
                ),
                "Every proxy has the version of its control plane.",
            ),
        ),
        charts=_charts(item, picture.snapshot.window_seconds),
    )


def _charts(item: ControlPlaneItem, window_seconds: float) -> tuple[Chart, ...]:
    window = duration_text(window_seconds)
    buckets = f"sum by (le) (rate({selector('pilot_proxy_convergence_time_bucket', ())}[{window}]))"
    rejects = f"sum(rate({selector('pilot_total_xds_rejects', ())}[{window}]))"
    return (
        Chart(
            "Convergence",
            "ms",
            item.cluster,
            tuple(
                ChartLine(name, "ms", f"1000 * histogram_quantile({q}, {buckets})")
                for name, q in (("p50", 0.5), ("p99", 0.99))
            ),
        ),
        Chart("Rejects", "/s", item.cluster, (ChartLine("rejects", "/s", rejects),)),
    )
