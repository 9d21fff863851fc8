"""No data as opposed to no traffic: clusters with proxies of which no Prometheus holds a single call in the window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from meshtop.analysis.identity.mesh import mesh_facts
from meshtop.analysis.inventory.workloads import has_proxies
from meshtop.model.kube import Inventory
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import State
from meshtop.model.telemetry import Labels, Telemetry


class Silence(StrEnum):
    """What telemetry is like that was answered and says nothing; beside the states of a source."""

    NO_DATA = "no-data"


def telemetry_states(clusters: Sequence[ClusterSnapshot]) -> dict[str, State | Silence]:
    """How far each cluster's telemetry can be relied on: the state of its source, or no data.

    No data: the source is fresh, pods with a proxy run, and nobody holds a series that these proxies reported. A
    Prometheus that scrapes nothing, or a window too short or too long ago, gives the same answer as a mesh at rest
    would: nothing follows from it. A proxy that was ever called reports its counters on, so a calm namespace is no case
    of it, nor is a cluster without any proxy.
    """
    found: dict[str, State | Silence] = {cluster.name: cluster.prometheus.state for cluster in clusters}
    for cluster in clusters:
        if _is_silent(cluster) and not _heard_elsewhere(cluster, clusters):
            found[cluster.name] = Silence.NO_DATA
    return found


def _is_silent(cluster: ClusterSnapshot) -> bool:
    telemetry, inventory = cluster.telemetry, cluster.inventory
    if telemetry is None or inventory is None or cluster.prometheus.state is not State.FRESH:
        return False
    return telemetry.silent and has_proxies(inventory)


def _heard_elsewhere(silent: ClusterSnapshot, clusters: Sequence[ClusterSnapshot]) -> bool:
    """Whether another cluster's Prometheus holds what this cluster's proxies reported.

    By their cluster id, unless another cluster has the same, as several have where nobody chose one.
    """
    others = [cluster for cluster in clusters if cluster.name != silent.name]
    ours = _names(silent.name, silent.inventory)
    for cluster in others:
        ours -= _names(cluster.name, cluster.inventory)
    told = (cluster.telemetry for cluster in others if cluster.telemetry is not None)
    return bool(ours) and any(_reporter(labels) in ours for labels in _labels(told))


def _names(cluster: str, inventory: Inventory | None) -> set[str]:
    """What telemetry may call a cluster."""
    identity = mesh_facts(inventory).cluster_id if inventory is not None else None
    return {cluster, identity} if identity else {cluster}


def _labels(told: Iterable[Telemetry]) -> Iterator[Labels]:
    return (sample.labels for one in told for samples in one.calls for sample in samples)


def _reporter(labels: Labels) -> str:
    """The cluster whose proxy reported a series."""
    return labels.source_cluster if labels.reporter == "source" else labels.destination_cluster
