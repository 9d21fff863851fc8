"""The kind `controlplanes`: revisions of istiod, the proxies they serve, and their convergence and errors."""

from __future__ import annotations

from msgspec import Struct

from meshtop.analysis.fleet.planes import ControlPlaneRevision, RemoteCluster
from meshtop.analysis.traffic.metrics import duration_text
from meshtop.model.mesh import Ready
from meshtop.model.state import Finding, Health
from meshtop.sources.prometheus.promql import selector
from meshtop.views.frame.charts import Chart, ChartLine
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section, fact, verdict
from meshtop.views.frame.findings import applicable, findings_section
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import planes_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place


class Convergence(Struct, frozen=True):
    """Milliseconds from a change until the proxies have it."""

    p50: float | None = None
    p99: float | None = None


class ControlPlaneItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A revision (INTERFACE.md, kind controlplanes). `rejects` and `pushErrors` are per second, `conflicts` a count;
    `figuresOf` is whether they and `convergenceMs` are of this revision, or of all revisions of the cluster together
    (`cluster`). `role`: primary, remote, external or unknown.
    """

    cluster: str
    revision: str
    version: str | None
    pods: Ready
    proxies: int | None
    proxies_stale: int | None
    convergence_ms: Convergence
    rejects: float | None
    push_errors: float | None
    conflicts: int | None
    remote_clusters: tuple[RemoteCluster, ...]
    health: Health
    role: str = "primary"
    served_by: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    proxies_share: float | None = None
    connected: dict[str, int] = {}
    figures_of: str = "revision"
    findings: tuple[Finding, ...] = ()


def build(picture: Picture) -> list[ControlPlaneItem]:
    """A row for each revision of each cluster, and one for each cluster that is served from elsewhere."""
    return picture.rows("controlplanes", planes_of(picture), lambda plane: _item(picture, plane))


def _item(picture: Picture, plane: ControlPlaneRevision) -> ControlPlaneItem:
    figures = plane.figures
    cluster = picture.snapshot.cluster(plane.cluster)
    return ControlPlaneItem(
        cluster=plane.cluster,
        revision=plane.revision,
        version=plane.version,
        pods=plane.pods,
        proxies=plane.proxies,
        proxies_stale=plane.stale,
        convergence_ms=Convergence(figures.p50_ms, figures.p99_ms),
        rejects=figures.rejects,
        push_errors=figures.push_errors,
        conflicts=figures.conflicts,
        remote_clusters=plane.remotes,
        health=plane.health,
        role=plane.role,
        served_by=plane.served_by,
        tags=plane.tags,
        proxies_share=plane.share,
        connected=figures.connected,
        figures_of="revision" if figures.of_revision else "cluster",
        findings=tuple(applicable(finding, cluster) for finding in plane.findings),
    )


def remote_text(remote: RemoteCluster) -> str:
    """A remote cluster and its status: `west synced`."""
    return f"{remote.cluster} {remote.status or '?'}"


def detail(picture: Picture, item: ControlPlaneItem, key: str) -> Detail:
    """Everything about one revision of a cluster's control plane."""
    return Detail(
        kind="controlplanes",
        key=key,
        title=f"{item.revision or 'remote'} in {item.cluster}",
        health=item.health,
        sections=(
            Section("Health", verdict(item.health)),
            Section(
                "About",
                (
                    *VIEW.facts(item, "cluster", "role", "servedBy", "version", "tags"),
                    fact("pods", f"{item.pods.ready} of {item.pods.total} ready" if item.pods.total else None),
                ),
            ),
            Section(
                "Proxies",
                (
                    *VIEW.facts(item, "proxies", "proxiesShare", "proxiesStale"),
                    *(fact(f"connected, {version}", count) for version, count in sorted(item.connected.items())),
                    *(fact(f"remote {r.cluster}", r.status) for r in item.remote_clusters),
                ),
            ),
            Section(
                "Its configuration" if item.figures_of == "revision" else "All revisions of the cluster together",
                VIEW.facts(item, "p50", "p99", "rejects", "pushErrors", "conflicts"),
            ),
            findings_section(item.findings),
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


c = Columns(ControlPlaneItem)

VIEW: View[ControlPlaneItem] = View(
    kind="controlplanes",
    singular="controlplane",
    list_kind="ControlPlaneList",
    title="Control planes",
    item=ControlPlaneItem,
    columns=(
        c.text("cluster", "CLUSTER", "The cluster.", "cluster", priority=0, max_width=32),
        c.text("revision", "REVISION", "The revision.", "revision", aliases=("rev",), priority=0),
        c.health(),
        c.text("version", "VERSION", "istiod's version.", "version", priority=1),
        c.text("role", "ROLE", "primary, remote (served by another cluster), external or unknown.", "role", priority=4),
        c.ready("pods", "PODS", "Ready pods of istiod out of those desired.", "pods", priority=2),
        c.words("tags", "TAGS", "Revision tags that point to it.", "tags", aliases=("tag",), priority=3),
        c.count("proxies", "PROXIES", "Pods whose proxy it serves, in other clusters too.", "proxies", priority=2),
        c.ratio("proxiesShare", "SHARE %", "Part of all that its control plane serves: how far an upgrade has come.",
                "proxies_share", aliases=("share",), label="share", priority=3),
        c.count("proxiesStale", "STALE", "Its proxies with another version.", "proxies_stale",
                aliases=("stale",), label="of another version", priority=3),
        c.latency("p50", "PUSH P50 ms", "Half of all changes reach their proxies faster.",
                  lambda i: i.convergence_ms.p50, label="convergence p50", wide=True, priority=5),
        c.latency("p99", "PUSH P99 ms", "99 % of all changes reach their proxies faster.",
                  lambda i: i.convergence_ms.p99, label="convergence p99", aliases=("convergence",), priority=2),
        c.rate("rejects", "REJECTS/S", "Configurations that proxies reject, per second.", "rejects",
               label="rejects", priority=4),
        c.rate("pushErrors", "PUSH ERR/S", "Pushes that fail, per second.", "push_errors",
               label="push errors", priority=5),
        c.count("conflicts", "CONFLICTS", "Conflicts reported by istiod.", "conflicts", priority=5),
        c.words("remoteClusters", "REMOTES", "RemoteCluster clusters and their sync status.",
                lambda i: tuple(map(remote_text, i.remote_clusters)), aliases=("remotes",), priority=4, max_width=60),
        c.words("servedBy", "SERVED BY", "The clusters whose control plane serves it.", "served_by", wide=True,
                priority=6),
        c.text("figuresOf", "FIGURES OF", "What latency, rejects and errors are of: this revision, or all of the"
               " cluster together.", "figures_of", wide=True, priority=6),
        c.words("finding", "FINDINGS", "Findings by code (docs/findings.md).",
                lambda i: tuple(f.code for f in i.findings), wide=True,
                priority=7, max_width=60),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.cluster, i.revision or "remote"),
    places=lambda i: (Place(cluster=i.cluster),),
    default_sort="health,cluster,revision",
    empty="There is no known control plane in this scope.",
    needs=Needs(("Deployment", "Pod", "MutatingWebhookConfiguration")),
    related=("clusters", "certificates"),
    namespaced=False,
)  # fmt: skip
