"""The kind `controlplanes`: revisions of istiod, what they serve, and how well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.analysis.fleet.planes import ControlPlaneRevision, RemoteCluster
from meshtop.model.mesh import Ready
from meshtop.model.state import Finding, Health
from meshtop.views.frame import columns as c
from meshtop.views.frame.view import View
from meshtop.views.picture.fleet import planes_of
from meshtop.views.picture.query import Place

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture


class Convergence(Struct, frozen=True):
    """Milliseconds from a change to the proxies' having it."""

    p50: float | None = None
    p99: float | None = None


class ControlPlaneItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A revision (INTERFACE.md, kind controlplanes). `rejects` and `pushErrors` are per second, `conflicts` a count;
    they and `convergenceMs` are of the cluster's control plane as a whole. `role`: primary, remote or external.
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
    findings: tuple[Finding, ...] = ()


def build(picture: Picture) -> list[ControlPlaneItem]:
    """A row for each revision of each cluster, and one for each cluster that is served from elsewhere."""
    return [_item(plane) for plane in planes_of(picture)]


def _item(plane: ControlPlaneRevision) -> ControlPlaneItem:
    figures = plane.figures
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
        findings=plane.findings,
    )


def remote_text(remote: RemoteCluster) -> str:
    """A remote cluster and its status: `west synced`."""
    return f"{remote.cluster} {remote.status or '?'}"


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
        c.text("role", "ROLE", "primary, remote (served by another cluster) or external.", "role", priority=4),
        c.ready("pods", "PODS", "Ready and wanted pods of istiod.", "pods", priority=2),
        c.words("tags", "TAGS", "Revision tags that mean it.", "tags", aliases=("tag",), priority=3),
        c.count("proxies", "PROXIES", "Pods of this cluster whose proxy it serves.", "proxies", priority=2),
        c.ratio("proxiesShare", "SHARE %", "Part of the cluster's proxies: how far an upgrade has come.",
                "proxies_share", aliases=("share",), priority=3),
        c.count("proxiesStale", "STALE", "Its proxies that have another version.", "proxies_stale",
                aliases=("stale",), priority=3),
        c.latency("p50", "PUSH P50 ms", "Half of all changes reach their proxies faster.",
                  lambda i: i.convergence_ms.p50, wide=True, priority=5),
        c.latency("p99", "PUSH P99 ms", "99 % of all changes reach their proxies faster.",
                  lambda i: i.convergence_ms.p99, aliases=("convergence",), priority=2),
        c.rate("rejects", "REJECTS/S", "Configurations that proxies reject, per second.", "rejects", priority=4),
        c.rate("pushErrors", "PUSH ERR/S", "Pushes that fail, per second.", "push_errors", priority=5),
        c.count("conflicts", "CONFLICTS", "Conflicts that istiod knows.", "conflicts", priority=5),
        c.words("remoteClusters", "REMOTES", "RemoteCluster clusters and their sync status.",
                lambda i: tuple(map(remote_text, i.remote_clusters)), aliases=("remotes",), priority=4, max_width=60),
        c.words("servedBy", "SERVED BY", "The clusters whose control plane serves it.", "served_by", wide=True,
                priority=6),
        c.words("finding", "FINDINGS", "What stands out.", lambda i: tuple(f.code for f in i.findings), wide=True,
                priority=7, max_width=60),
    ),
    build=build,
    path=lambda i: (i.cluster, i.revision or "remote"),
    places=lambda i: (Place(cluster=i.cluster),),
    default_sort="health,cluster,revision",
    empty="No control plane is known in this scope.",
    related=("clusters", "certificates"),
    namespaced=False,
)  # fmt: skip
