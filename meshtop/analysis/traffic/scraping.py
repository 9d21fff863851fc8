"""Whether a Prometheus holds each proxy more than once: then every rate that it tells is that many times too high.

Two scrape jobs of one proxy (its ports 15020 and 15090), two Prometheus that one engine reads without taking duplicates
out, or one that federates another hold the same counter twice, and `sum by (…)` adds them. Each proxy has one series
`istio_build` (component proxy), so that many more of these than proxies show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from meshtop.analysis.inventory.labels import proxy_container
from meshtop.analysis.inventory.pod_counts import has_ended
from meshtop.analysis.traffic.naming import known
from meshtop.model.kube import Inventory
from meshtop.model.state import Finding, Severity
from meshtop.model.telemetry import Telemetry

MORE_THAN_ONCE = 1.7
"""From so many series for each proxy on: pods that come and go leave a few behind, and never nearly all."""
_ENOUGH = 4
"""Of fewer proxies one that is being replaced may look like two."""


class ScrapedCluster(Struct, frozen=True, kw_only=True):
    """One cluster with what its Prometheus told; `cluster_id` is what telemetry calls it."""

    name: str
    cluster_id: str | None
    inventory: Inventory | None
    telemetry: Telemetry | None


def scraped_twice(clusters: Sequence[ScrapedCluster]) -> tuple[tuple[str, Finding], ...]:
    """The clusters whose Prometheus holds each proxy more than once, each with the finding, by name.

    Nothing is said of a Prometheus that serves clusters that are not read: it holds the proxies of those too.
    """
    sharing: dict[str, list[ScrapedCluster]] = {}
    for cluster in clusters:
        if cluster.telemetry is not None:
            sharing.setdefault(cluster.telemetry.identity or cluster.name, []).append(cluster)
    found = []
    for several in sharing.values():
        proxies = _proxies(several)
        told = [c.telemetry for c in several if c.telemetry is not None]
        held = max(sum(s.value for s in one.control if _is_proxy(s.metric, s.labels)) for one in told)
        if proxies is None or proxies < _ENOUGH or held < MORE_THAN_ONCE * proxies or _serves_others(several):
            continue
        found += [(cluster.name, _finding(cluster.name, held, proxies)) for cluster in several]
    return tuple(sorted(found, key=lambda one: one[0]))


def _is_proxy(metric: str, labels: dict[str, str]) -> bool:
    return metric == "istio_build" and labels.get("component") == "proxy"


def _proxies(clusters: Iterable[ScrapedCluster]) -> int | None:
    """How many pods with a proxy there are; None where that is not known of each cluster."""
    count = 0
    for cluster in clusters:
        if cluster.inventory is None or not cluster.inventory.evidence("Pod").known:
            return None
        pods = (pod for pod in cluster.inventory.pods if not has_ended(pod))
        count += sum(proxy_container(pod.containers) is not None for pod in pods)
    return count


def _serves_others(clusters: Sequence[ScrapedCluster]) -> bool:
    """Whether a Prometheus holds what proxies of clusters reported that are not among these."""
    ids = {name for cluster in clusters for name in (cluster.cluster_id, cluster.name) if name}
    for cluster in clusters:
        for sample in cluster.telemetry.requests if cluster.telemetry is not None else ():
            labels = sample.labels
            here = labels.source_cluster if labels.reporter == "source" else labels.destination_cluster
            if known(here) and here not in ids:
                return True
    return False


def _finding(cluster: str, held: float, proxies: int) -> Finding:
    return Finding(
        code="TELEMETRY-SCRAPED-TWICE",
        severity=Severity.WARNING,
        message=f"The Prometheus of {cluster} holds {held / proxies:.2g} series of each proxy ({held:.0f} of {proxies} "
        "proxies), so its rates are that many times too high.",
        fix="Scrape each proxy by one job only (port 15020 or 15090), and let an engine above several Prometheus take "
        "duplicates out.",
    )
