"""A small world built by hand: two clusters of one mesh and a third that does not answer, for tests of every floor.

`east` and `west` run `web` (asks `reviews`, across clusters too) and `reviews` in versions v1 and v2, in namespace
`shop` of tenant `storefront`; `east` has a virtual machine `ledger-1` besides. `north` is unreachable.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from meshtop.model.kube import (
    ConfigObject,
    Container,
    Controller,
    Inventory,
    KindStatus,
    Meta,
    Namespace,
    Node,
    Owner,
    Pod,
    Service,
    ServicePort,
)
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.state import Cost, SourceStatus, State
from meshtop.model.telemetry import Labels, Sample, Telemetry
from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG

AT = 1_785_592_800.0
"""2026-08-01T14:00:00Z, the moment of every snapshot made here."""
WINDOW = 300.0
REVIEWS_HOST = "reviews.shop.svc.cluster.local"


def meta(name: str, namespace: str = "", **more: dict[str, str]) -> Meta:
    """Metadata with a uid of its own."""
    labels, annotations = more.get("labels", {}), more.get("annotations", {})
    return Meta(name=name, namespace=namespace, uid=f"{namespace}/{name}", labels=labels, annotations=annotations)


def deployment(
    namespace: str, app: str, version: str, *, pods: int = 2, ready: int | None = None
) -> tuple[list[Controller], list[Pod]]:
    """A Deployment with its ReplicaSet and pods, each with a sidecar."""
    name = f"{app}-{version}"
    labels = {"app": app, "version": version}
    up = pods if ready is None else ready
    containers = (Container("app", f"registry.example/{app}:1"), Container("istio-proxy", "istio/proxyv2:1.30.1"))
    owner = Owner("ReplicaSet", f"{name}-5d8f7c", "apps/v1")
    replica_set = Meta(name=owner.name, namespace=namespace, labels=labels, owner=Owner("Deployment", name, "apps/v1"))
    controllers = [
        Controller(kind="Deployment", meta=meta(name, namespace, labels=labels), desired=pods, ready=up,
                   template_labels=labels, containers=containers),
        Controller(kind="ReplicaSet", meta=replica_set, desired=pods, ready=up, template_labels=labels,
                   containers=containers),
    ]  # fmt: skip
    made = [
        Pod(meta=Meta(name=f"{owner.name}-{n}", namespace=namespace, labels=labels, owner=owner), phase="Running",
            ready=n < up, ip=f"10.0.0.{n}", containers=containers)
        for n in range(pods)
    ]  # fmt: skip
    return controllers, made


def inventory(*, cluster_id: str, machines: Sequence[ConfigObject] = (), sick: bool = False) -> Inventory:
    """One cluster's inventory; `sick` leaves one of the pods of reviews-v2 not ready."""
    controllers: list[Controller] = []
    pods: list[Pod] = []
    for app, version in (("web", "v1"), ("reviews", "v1"), ("reviews", "v2")):
        more = deployment("shop", app, version, ready=1 if sick and version == "v2" else None)
        controllers += more[0]
        pods += more[1]
    mesh = "trustDomain: example.org\nrootNamespace: istio-system\ndefaultConfig:\n  meshId: mesh1\n"
    in_values = {"meshID": "mesh1", "network": f"net-{cluster_id}", "multiCluster": {"clusterName": cluster_id}}
    values = json.dumps({"global": in_values})
    shop_labels = {"istio-injection": "enabled", "capsule.clastix.io/tenant": "storefront"}
    return Inventory(
        version="v1.34.2",
        nodes=(Node(meta=meta("node-1"), ready=True, region="eu"), Node(meta=meta("node-2"), ready=True, region="eu")),
        namespaces=(
            Namespace(meta=meta("istio-system", labels={"topology.istio.io/network": f"net-{cluster_id}"})),
            Namespace(meta=meta("shop", labels=shop_labels)),
            Namespace(meta=meta("tools")),
        ),
        services=tuple(
            Service(meta=meta(app, "shop"), cluster_ip="10.96.0.1", selector={"app": app},
                    ports=(ServicePort(9080, "http", app_protocol="http"),))
            for app in ("web", "reviews")
        ),
        pods=tuple(pods),
        controllers=tuple(controllers),
        config={"WorkloadEntry": tuple(machines)} if machines else {},
        config_maps={"istio-system/istio": {"mesh": mesh}, "istio-system/values": {"values": values}},
        kinds=all_read(Pod=len(pods)),
    )  # fmt: skip


def all_read(**counts: int) -> tuple[KindStatus, ...]:
    """The status of every kind of an ordinary cluster: all were read; it has no Gateways of Istio."""
    return tuple(
        KindStatus(kind=kind, count=counts.get(kind, 0), state="missing" if kind == "Gateway" else "fresh")
        for kind in (*(kind.key for kind in (*BUILTIN, *CONFIG)), "ConfigMap", "MutatingWebhookConfiguration", "Secret")
    )


def machine(name: str = "ledger-1") -> ConfigObject:
    """A healthy virtual machine."""
    return ConfigObject(
        group="networking.istio.io", version="v1", kind="WorkloadEntry",
        meta=meta(name, "shop", annotations={"istio.io/autoRegistrationGroup": "ledger",
                                             "istio.io/connectedAt": "2026-08-01T08:00:00Z"}),
        spec={"address": "192.0.2.7", "labels": {"app": "ledger"}, "network": "vms", "locality": "eu/a"},
        status={"conditions": [{"type": "Healthy", "status": "True"}]},
    )  # fmt: skip


def request(source: str, destination: str, rate: float, *, code: str = "200", reporter: str = "destination") -> Sample:
    """Requests per second from `CLUSTER/web` to `CLUSTER/VERSION` of reviews."""
    source_cluster, app = source.split("/")
    destination_cluster, version = destination.split("/")
    return Sample(
        Labels(
            reporter=reporter,
            source_cluster=source_cluster, source_workload_namespace="shop", source_workload=f"{app}-v1",
            source_app=app, source_canonical_service=app, source_version="v1",
            destination_cluster=destination_cluster, destination_workload_namespace="shop",
            destination_workload=f"reviews-{version}", destination_app="reviews",
            destination_canonical_service="reviews", destination_version=version,
            destination_service=REVIEWS_HOST, destination_service_name="reviews",
            destination_service_namespace="shop",
            request_protocol="http", response_code=code, response_flags="-",
            connection_security_policy="mutual_tls" if reporter == "destination" else "unknown",
        ),
        rate,
    )  # fmt: skip


def telemetry(samples: Sequence[Sample], identity: str) -> Telemetry:
    """Telemetry with these requests and a histogram in which half of them take 10 ms and all of them 100 ms."""
    buckets = []
    for sample in samples:
        for bound, share in (("10", 0.5), ("100", 1.0), ("+Inf", 1.0)):
            labels = {name: getattr(sample.labels, name) for name in Labels.__struct_fields__}
            buckets.append(Sample(Labels(**{**labels, "le": bound}), sample.value * share))
    return Telemetry(
        at=AT, window_seconds=WINDOW, identity=identity, requests=tuple(samples), duration_buckets=tuple(buckets)
    )


def fresh() -> SourceStatus:
    """A source that answered just now."""
    return SourceStatus(state=State.FRESH, answered_at=AT - 0.4, endpoint="http://192.0.2.1")


def cluster(name: str, samples: Sequence[Sample], **more: object) -> ClusterSnapshot:
    """A cluster that answered."""
    return ClusterSnapshot(
        name=name,
        context=f"{name}-admin",
        server=f"https://{name}.example:6443",
        kubernetes=fresh(),
        prometheus=fresh(),
        kubernetes_cost=Cost(seconds=0.2, bytes=1000, requests=12),
        prometheus_cost=Cost(seconds=0.1, bytes=500, requests=9),
        inventory=inventory(cluster_id=name, **more),  # type: ignore[arg-type]
        telemetry=telemetry(samples, f"http://prometheus.{name}"),
    )


def east(*, sick: bool = False) -> ClusterSnapshot:
    """The cluster with a virtual machine; its web asks both versions, one of them with errors."""
    samples = [
        request("east/web", "east/v1", 80.0),
        request("east/web", "east/v1", 78.0, reporter="source"),
        request("east/web", "east/v2", 18.5),
        request("east/web", "east/v2", 1.5, code="503"),
        request("east/web", "west/v1", 10.0, reporter="source"),
    ]
    return cluster("east", samples, machines=(machine(),), sick=sick)


def west() -> ClusterSnapshot:
    """The other cluster of the mesh, which east's web asks too."""
    return cluster("west", [request("west/web", "west/v1", 40.0), request("east/web", "west/v1", 10.0)])


def north(state: State = State.UNREACHABLE) -> ClusterSnapshot:
    """A cluster that gives no answer."""
    status = SourceStatus(state=state, error="north did not answer within 5 s", remedy="Check the VPN.")
    return ClusterSnapshot(name="north", context="north", server="https://north.example", kubernetes=status)


def world(*clusters: ClusterSnapshot, sequence: int = 1, at: float = AT) -> Snapshot:
    """A settled snapshot; of east, west and north when none is named."""
    return Snapshot(
        sequence=sequence, at=at, window_seconds=WINDOW, clusters=clusters or (east(), west(), north()), settled=True
    )
