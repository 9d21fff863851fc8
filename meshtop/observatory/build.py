"""Builds an observatory from settings: which clusters there are, and how each is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from meshtop.model.alerting import SloTarget
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.constants import AS_REPORTED
from meshtop.observatory.feed import ClusterFeed, MetricsSource, Schedule
from meshtop.observatory.observatory import Observatory
from meshtop.settings.document import ConfigError
from meshtop.settings.objectives import slo_targets
from meshtop.sources.auth.kubeconfig import ClusterRef, find_clusters
from meshtop.sources.http.connection import Connection
from meshtop.sources.kubernetes import KubernetesSource
from meshtop.sources.kubernetes.pacing import PARALLEL_LISTINGS, ListingQueue
from meshtop.sources.prometheus.source import PrometheusSource

if TYPE_CHECKING:
    from meshtop.settings.schema import ClusterSettings, Settings
    from meshtop.sources.prometheus.central import CentralTelemetry


def open_observatory(
    settings: Settings,
    *,
    kubeconfig: str | None = None,
    contexts: Sequence[str] = (),
    only: Sequence[str] = (),
    read_only: bool | None = None,
    window_seconds: float | None = None,
    moment: float | None = None,
    timeout_seconds: float | None = None,
    canaries: bool = False,
    courses: bool = False,
    alerts: bool = False,
    slos: bool = False,
    traced: bool = False,
    namespaces: Sequence[str] = (),
    asked: Asked = EVERYTHING_ASKED,
    discovery_folder: Path | None = None,
    clock: Callable[[], float] = time.time,
) -> Observatory:
    """The observatory of the requested clusters; no request is sent before it is used.

    `only` are the cluster names to keep; `namespaces` are read one by one where reading all is not permitted. `asked`
    is what is read at all. API discovery is kept in `discovery_folder`, unless the settings forbid it. Values of None
    are taken from the settings. Raises KubeconfigError, or ConfigError for a cluster that does not exist.
    """
    timeout = settings.timeout if timeout_seconds is None else timeout_seconds
    all_read_only = settings.read_only if read_only is None else read_only
    refs = _chosen(find_clusters(kubeconfig=kubeconfig, contexts=contexts, clusters=settings.clusters), only)
    configured = {cluster.name: cluster for cluster in settings.clusters}
    targets = slo_targets(settings.slos)
    central = None
    if settings.telemetry is not None and settings.telemetry.url:
        from meshtop.sources.prometheus.central import CentralTelemetry

        central = CentralTelemetry(
            settings.telemetry, timeout=timeout, clock=clock, read_only=all_read_only, asked=asked, slos=targets
        )

    # A few clusters gain nothing by waiting for a sign of life first.
    queue = ListingQueue() if len(refs) > PARALLEL_LISTINGS else None
    asks_who = settings.access.user == AS_REPORTED and bool(settings.access.policy or settings.tenancy)

    adopts = settings.discovery.registries and settings.discovery.adopt_credentials and not only
    if adopts:
        # Which clusters there are is told by registries, whatever is asked of the clusters.
        asked = structs.replace(asked, kinds=None)

    def feed(ref: ClusterRef, via: str | None = None, *, adopted: bool = False) -> ClusterFeed:
        own = configured.get(ref.name) if not adopted else None
        # What a registry's credential allows was meant for the registry: nothing is written with it.
        restricted = all_read_only or adopted or bool(own and own.read_only)
        connection = Connection(ref, timeout_seconds=timeout, clock=clock)
        registries = settings.discovery.registries
        return ClusterFeed(
            name=ref.name,
            context=ref.context or "",
            server=ref.server,
            read_only=restricted,
            kubernetes=KubernetesSource(
                connection,
                refresh_seconds=settings.refresh,
                clock=clock,
                registries=registries,
                # A registry's credential does not say who sits at this terminal.
                identify=asks_who and not adopted,
                traced=traced,
                queue=queue,
                namespaces=namespaces,
                own_namespace=ref.namespace,
                asked=asked,
                # What a registry says of a member's address is not the user's word.
                discovery_folder=discovery_folder if settings.discovery.cache and not adopted else None,
            ),
            prometheus=_metrics(
                ref,
                own,
                connection,
                central,
                timeout=timeout,
                clock=clock,
                read_only=restricted,
                asked=asked,
                slos=targets,
            ),
            clock=clock,
            ref=ref,
            via=own.via.host if own and own.via else via,
            adopted=adopted,
        )

    adopter = None
    if adopts:
        from meshtop.observatory.adoption import Adopter

        adopter = Adopter(lambda ref, via: feed(ref, via, adopted=True), timeout_seconds=timeout, clock=clock)
    schedule = Schedule(
        refresh_seconds=settings.refresh,
        window_seconds=settings.window if window_seconds is None else window_seconds,
        moment=moment,
        canaries=canaries,
        courses=courses,
        alerts=alerts,
        slos=slos,
    )
    feeds = [feed(ref) for ref in refs]
    return Observatory(feeds, schedule, timeout_seconds=timeout, clock=clock, adopter=adopter, asked=asked)


def _chosen(refs: Sequence[ClusterRef], only: Sequence[str]) -> list[ClusterRef]:
    names = [ref.name for ref in refs]
    for name in only:
        if name not in names:
            from difflib import get_close_matches

            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names) or 'none'}."
            raise ConfigError(f"There is no cluster {name}; {hint}")
    return [ref for ref in refs if not only or ref.name in only]


def _metrics(
    ref: ClusterRef,
    own: ClusterSettings | None,
    connection: Connection,
    central: CentralTelemetry | None,
    *,
    timeout: float,
    clock: Callable[[], float],
    read_only: bool,
    asked: Asked,
    slos: Sequence[SloTarget],
) -> MetricsSource:
    """A cluster's metrics source: its own if configured, else the central engine, else by the service proxy."""
    settings = own.prometheus if own else None
    if central is not None and settings is None:
        return central.cluster(ref.name)
    return PrometheusSource(
        cluster=ref.name,
        connection=connection.apart(),
        settings=settings,
        timeout=timeout,
        clock=clock,
        read_only=read_only,
        asked=asked,
        slos=slos,
    )
