"""Clusters that do not answer, or not wholly, and nodes that are not ready."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Severity, SourceStatus, State
from meshtop.model.text import clean
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place
from meshtop.views.reports.attention.draft import Draft

KUBERNETES, PROMETHEUS = "The Kubernetes API", "Prometheus"


def of_clusters(picture: Picture) -> Iterator[Draft]:
    """What is wrong with clusters as such."""
    for cluster in picture.snapshot.clusters:
        yield from _of_source(picture, cluster, cluster.kubernetes, KUBERNETES)
        yield from _of_source(picture, cluster, cluster.prometheus, PROMETHEUS)
        yield from _of_nodes(cluster)


def _of_source(picture: Picture, cluster: ClusterSnapshot, status: SourceStatus, what: str) -> Iterator[Draft]:
    if status.state is State.FRESH or (status.state is State.NONE and status.error is None):
        return
    # What gave a good answer before and fails now is stale: where its Prometheus is gone with it, it does not answer.
    other = cluster.prometheus if what == KUBERNETES else cluster.kubernetes
    silent = status.state in (State.UNREACHABLE, State.DENIED) or (
        status.state is State.STALE and status.error is not None and other.state is not State.FRESH
    )
    message = _without_name(cluster, clean(status.error or f"{what} is {status.state}."))
    whole = what == KUBERNETES and silent
    verb = " does not answer" if whole and status.state is not State.DENIED else ""
    of = "" if verb or what in message or what == KUBERNETES else f"{what} "
    if verb and message.startswith("does not answer"):
        message = f"{cluster.name} {message}"  # it says so itself
    else:
        message = f"{cluster.name}{verb}: {of}{message.removeprefix('cannot be reached: ') if verb else message}"
    severity = Severity.INFO
    if whole:
        severity = Severity.ERROR
    elif status.state is not State.PARTIAL:
        severity = Severity.WARNING
    namespaces = () if cluster.inventory is None else cluster.inventory.namespaces
    tenants = dict.fromkeys(t for n in namespaces for t in picture.tenants(cluster.name, n.meta.name))
    unseen = None
    if silent and cluster.telemetry is not None:
        unseen = picture.cluster_figures(cluster.name).received.requests
    yield Draft(
        id=f"cluster/{cluster.name}" if what == KUBERNETES else f"prometheus/{cluster.name}",
        severity=severity,
        title=message,
        kind="clusters",
        key=cluster.name,
        places=(Place(cluster=cluster.name, tenants=tuple(tenants)),),
        onset=status.answered_at if silent else None,
        unseen=unseen if silent else 0.0,
        requests=unseen or 0.0,
        lost_cluster=cluster.name if whole else "",
    )


def _without_name(cluster: ClusterSnapshot, message: str) -> str:
    """What is wrong, without the cluster's name and address: the title begins with the name."""
    return re.sub(rf"^{re.escape(clean(cluster.name))}(?: \([^)]*\))?:? ", "", message)


def _of_nodes(cluster: ClusterSnapshot) -> Iterator[Draft]:
    missing = [node for node in cluster.inventory.nodes if not node.ready] if cluster.inventory is not None else []
    if not missing:
        return
    names = [node.meta.name for node in missing]
    shown = ", ".join(map(clean, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    said = f"node {shown} is" if len(names) == 1 else f"nodes {shown} are"
    yield Draft(
        id=f"nodes/{cluster.name}",
        severity=Severity.WARNING,
        title=f"{cluster.name}: {said} not ready.",
        kind="clusters",
        key=cluster.name,
        places=(Place(cluster=cluster.name),),
        onset=max((node.changed_at for node in missing if node.changed_at is not None), default=None),
    )
