"""What the labels of a series say: where its samples are counted, and which names they tell.

All of it follows from the labels and the inventories' facts, and nothing from numbers: so it is worked out once for as
long as a series is there (`planning.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from meshtop.analysis.traffic.inputs import ClusterTraffic, KnownPeer
from meshtop.analysis.traffic.naming import (
    CATCH_ALLS,
    ClusterNames,
    domain_of,
    is_address,
    known,
    service_key,
    version_of,
)
from meshtop.analysis.traffic.reports import (
    ARRIVING,
    DEPARTING,
    UNSAID,
    EdgeKey,
    SourceKey,
    TargetKey,
    WorkloadPlace,
)
from meshtop.model.telemetry import Labels, Telemetry
from meshtop.model.traffic import PeerKind

_REPORTERS = frozenset((*ARRIVING, *DEPARTING))
_NOBODY = KnownPeer(PeerKind.WORKLOAD)


class Opening(Struct, frozen=True, kw_only=True):
    """What the labels of a series say; `key` is None where it must not be counted.

    `role` is the reporter, `ambient` whether its workload is in ambient mode, `home` the cluster whose proxy reported.
    `told` are the app and version of workloads, `service` the requested service's key with its `host`; `domain` is the
    DNS domain of a Kubernetes Service. `outside` is a caller that asks a host outside of the mesh by name.
    """

    key: EdgeKey | None
    role: str = ""
    ambient: bool = False
    home: str = ""
    told: tuple[tuple[WorkloadPlace, str, str], ...] = ()
    service: str = ""
    host: str = ""
    is_kubernetes: bool = False
    domain: str = ""
    outside: SourceKey | None = None


class _Found:
    """What is found on the way to an Opening."""

    def __init__(self) -> None:
        self.told: tuple[tuple[WorkloadPlace, str, str], ...] = ()
        self.service = self.host = self.domain = ""
        self.is_kubernetes = False
        self.outside: SourceKey | None = None

    def named(self, place: WorkloadPlace, app: str, version: str) -> None:
        self.told = (*self.told, (place, app, version))

    def opening(self, key: EdgeKey | None, role: str = "", *, ambient: bool = False, home: str = "") -> Opening:
        return Opening(
            key=key, role=role, ambient=ambient, home=home, told=self.told, service=self.service, host=self.host,
            is_kubernetes=self.is_kubernetes, domain=self.domain, outside=self.outside,
        )  # fmt: skip


class Opener:
    """Reads labels with what the inventories of all clusters know."""

    def __init__(self, clusters: Sequence[ClusterTraffic]) -> None:
        # It is kept for longer than one refresh, and no samples with it.
        facts = [structs.replace(cluster, telemetry=None) for cluster in clusters]
        self._clusters = {cluster.name: cluster for cluster in facts}
        self.names = ClusterNames(facts)
        self._telemetry_ids = {c.name: telemetry_id(c) for c in clusters if c.telemetry and has_traffic(c.telemetry)}
        self._waypoints = {
            c.name for c in clusters if not c.peers or any(p.kind is PeerKind.WAYPOINT for p in c.peers.values())
        }

    def peer(self, place: WorkloadPlace) -> KnownPeer:
        """The inventory's entry of a workload; an ordinary workload where there is none."""
        home = self._clusters.get(place.cluster)
        return home.peers.get((place.namespace, place.workload), _NOBODY) if home else _NOBODY

    def home_of(self, homes: Sequence[ClusterTraffic], labels: Labels) -> ClusterTraffic:
        """The cluster whose proxy reported a series; of clusters that share a Prometheus, the one in its labels."""
        if len(homes) == 1:
            return homes[0]
        label = labels.destination_cluster if labels.reporter in ARRIVING else labels.source_cluster
        if not known(label):
            return homes[0]
        name = self.names.resolve(label, ("", ""), homes[0].name)
        return next((home for home in homes if home.name == name), homes[0])

    def open(self, homes: Sequence[ClusterTraffic], labels: Labels, protocol: str) -> Opening:
        """What a series with these labels says.

        `homes` are the clusters that share the Prometheus which holds the series, sorted by name.
        """
        home, found = self.home_of(homes, labels), _Found()
        source = self._source(home, labels, found)
        target = None if source is None else self._target(home, labels, source, found)
        if source is None or target is None or self._reported_by_other_prometheus(home, labels, source, target):
            return found.opening(None)
        role = labels.reporter or "source"
        if role not in _REPORTERS:
            return found.opening(None)
        sender = self.peer(source.place)
        if role == "source" and sender.kind is PeerKind.GATEWAY:
            role = "gateway"
        judge = self.peer(target.place) if role in ARRIVING else sender
        return found.opening(EdgeKey(source, target, protocol), role, ambient=judge.ambient, home=home.name)

    def _source(self, home: ClusterTraffic, labels: Labels, found: _Found) -> SourceKey | None:
        namespace, workload = known(labels.source_workload_namespace), known(labels.source_workload)
        app = known(labels.source_canonical_service) or known(labels.source_app)
        cluster = known(labels.source_cluster)
        if not workload and not app and namespace:
            return None
        if cluster:
            where = self.names.resolve(cluster, (namespace, workload), home.name)
        else:
            where = UNSAID if workload and labels.reporter in ARRIVING else home.name
        place = WorkloadPlace(where, namespace, workload)
        if not workload:
            return SourceKey(place, app)
        found.named(place, app, version_of(labels.source_version, labels.source_canonical_revision))
        return SourceKey(place)

    def _target(self, home: ClusterTraffic, labels: Labels, source: SourceKey, found: _Found) -> TargetKey | None:
        name, host = known(labels.destination_service_name), known(labels.destination_service)
        namespace, workload = known(labels.destination_workload_namespace), known(labels.destination_workload)
        app = known(labels.destination_canonical_service) or known(labels.destination_app)
        if not workload and not app and name in CATCH_ALLS:
            if "." in host and not is_address(host):
                found.outside = source
            return TargetKey(WorkloadPlace(source.place.cluster, "", ""), service=name)
        if not workload and not app and is_address(name or host):
            return None
        service, service_namespace = self._service(name, host, known(labels.destination_service_namespace), found)
        namespace = namespace or service_namespace
        label = known(labels.destination_cluster)
        if label:
            where = self.names.resolve(label, (namespace, workload), home.name)
        elif labels.reporter in ARRIVING:
            where = home.name  # The destination's own report comes from its own cluster.
        else:
            # A source that does not know the cluster of a known service means its own (istio#29373), unless the
            # destination's report says better.
            where = UNSAID if workload else source.place.cluster
        place = WorkloadPlace(where, namespace, workload)
        if not workload:
            return TargetKey(place, app, service)
        found.named(place, app, version_of(labels.destination_version, labels.destination_canonical_revision))
        return TargetKey(place, service=service)

    def _service(self, name: str, host: str, namespace: str, found: _Found) -> tuple[str, str]:
        """The key of the requested service, and its namespace."""
        if name in CATCH_ALLS:
            return name, ""
        service, namespace = service_key(host, name, namespace)
        if namespace and service == f"{service.split('.', 1)[0]}.{namespace}":
            found.service, found.is_kubernetes, found.domain = service, True, domain_of(host)
        elif service:
            found.service, found.host = service, host or name
        return service, namespace

    def _reported_by_other_prometheus(
        self, home: ClusterTraffic, labels: Labels, source: SourceKey, target: TargetKey
    ) -> bool:
        """Whether the reporting proxy is in another cluster whose own Prometheus has these series too.

        A Prometheus above several clusters repeats their own series. A waypoint may be in another cluster than the
        workloads it serves, so its reports are accepted from any cluster.
        """
        if labels.reporter == "waypoint" and home.name in self._waypoints:
            return False
        local = (target if labels.reporter in ARRIVING else source).place.cluster
        mine = self._telemetry_ids.get(home.name)
        return local != home.name and self._telemetry_ids.get(local, mine) != mine


def telemetry_id(cluster: ClusterTraffic) -> str:
    """Identity of a cluster's Prometheus; without one in the telemetry, it is unique to the cluster."""
    identity = cluster.telemetry.identity if cluster.telemetry else ""
    return identity or f"the Prometheus of {cluster.name}"


def has_traffic(telemetry: Telemetry) -> bool:
    """Whether it holds any series of calls."""
    return bool(telemetry.requests or telemetry.tcp_opened or telemetry.tcp_sent or telemetry.tcp_received)
