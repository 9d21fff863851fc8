"""A fleet of several tenants, built by hand: who calls whom is said in one line each.

`east` and `west` are one mesh. Marks: shop is storefront's, pay is payments', both of the clusters; `mixed` in east has
marks that disagree, `tools` has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meshtop.model.kube import (
    ConfigObject,
    Container,
    Controller,
    Identity,
    Inventory,
    Meta,
    Namespace,
    Owner,
    Pod,
    Service,
    ServicePort,
)
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import History, Labels, Line, Sample, Telemetry
from meshtop.settings.document import parse_document
from meshtop.settings.tenancy import Tenancy, check_tenancy
from tests import worlds

MARK = "capsule.clastix.io/tenant"
TENANTS = {"shop": "storefront", "pay": "payments", "tools": None, "istio-system": None}
TENANCY = """\
organization: acme
tenants:
  - name: storefront
    workspaces:
      - name: web
        namespaces: ["*/shop"]
        groups:
          security: [{name: all, settings: {authorizationMode: WORKSPACE}}]
  - name: payments
    workspaces:
      - name: cards
        namespaces: ["*/pay"]
        settings: {trafficMode: REQUIRED}
bindings:
  - {role: reader, subjects: ["user:maria"], on: tenant/storefront}
  - {role: writer, subjects: ["team:payers"], on: workspace/payments/cards}
  - {role: admin, subjects: ["user:root"], on: organization}
"""
GROUPED = """\
organization: acme
tenants:
  - name: storefront
    workspaces:
      - name: web
        namespaces: ["*/shop", "*/tools"]
        groups: {traffic: [{name: front, namespaces: ["*/shop"]}]}
  - name: payments
    workspaces: [{name: cards, namespaces: ["*/pay"]}]
"""
"""A tenancy in which a workspace has two namespaces of each cluster, and a group one of them."""


def tenancy(text: str = TENANCY) -> Tenancy:
    """A checked tenancy."""
    return check_tenancy(parse_document(text, Path("tenancy.yaml")).data, lambda path: "tenancy.yaml")


def write(folder: Path, name: str, text: str) -> str:
    """A file and its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def call(source: str, destination: str, rate: float, *, mtls: bool = True, code: str = "200") -> Sample:
    """Requests per second from `CLUSTER/NAMESPACE/WORKLOAD` to another, as the called side's proxy reports them."""
    cluster, namespace, workload = source.split("/")
    to_cluster, to_namespace, to_workload = destination.split("/")
    return Sample(
        Labels(
            reporter="destination",
            source_cluster=cluster, source_workload_namespace=namespace, source_workload=workload,
            source_app=workload, source_canonical_service=workload, source_version="v1",
            destination_cluster=to_cluster, destination_workload_namespace=to_namespace,
            destination_workload=to_workload, destination_app=to_workload,
            destination_canonical_service=to_workload, destination_version="v1",
            destination_service=f"{to_workload}.{to_namespace}.svc.cluster.local",
            destination_service_name=to_workload, destination_service_namespace=to_namespace,
            request_protocol="http", response_code=code, response_flags="-",
            connection_security_policy="mutual_tls" if mtls else "none",
        ),
        rate,
    )  # fmt: skip


def _things(namespace: str) -> tuple[list[Controller], list[Pod], Service, ConfigObject]:
    app = f"{namespace}-app"
    labels = {"app": app, "version": "v1"}
    containers = (Container("app", "registry.example/app:1"), Container("istio-proxy", "istio/proxyv2:1.30.1"))
    controller = Controller(kind="Deployment", meta=worlds.meta(app, namespace, labels=labels), desired=1, ready=1,
                            template_labels=labels, containers=containers)  # fmt: skip
    pod = Pod(
        meta=Meta(name=f"{app}-1", namespace=namespace, labels=labels, owner=Owner("Deployment", app)),
        phase="Running",
        ready=True,
        containers=containers,
    )
    service = Service(meta=worlds.meta(app, namespace), cluster_ip="10.96.0.1", selector={"app": app},
                      ports=(ServicePort(8080, "http"),))  # fmt: skip
    route = ConfigObject(
        group="networking.istio.io",
        version="v1",
        kind="VirtualService",
        meta=worlds.meta(app, namespace),
        spec={"hosts": [app], "http": [{"route": [{"destination": {"host": app}, "weight": 100}]}]},
    )
    return [controller], [pod], service, route


def cluster(
    name: str,
    samples: Sequence[Sample],
    *,
    extra: Sequence[Namespace] = (),
    user: str | None = None,
    groups: tuple[str, ...] = (),
) -> ClusterSnapshot:
    """A cluster with these calls and one workload in each of its namespaces."""
    namespaces = [
        Namespace(meta=worlds.meta(n, labels={MARK: tenant} if tenant else {})) for n, tenant in TENANTS.items()
    ]
    made = [_things(n) for n in TENANTS if n != "istio-system"]
    base = worlds.inventory(cluster_id=name)
    inventory = Inventory(
        version="v1.34.2",
        namespaces=(*namespaces, *extra),
        controllers=tuple(c for cs, _, _, _ in made for c in cs),
        pods=tuple(p for _, ps, _, _ in made for p in ps),
        services=tuple(s for _, _, s, _ in made),
        config={"VirtualService": tuple(v for _, _, _, v in made)},
        config_maps=base.config_maps,
        identity=Identity(user, groups) if user else None,
    )
    line = Line(name="requests", times=(worlds.AT,), values=(float(len(samples)),))
    return ClusterSnapshot(
        name=name,
        context=name,
        server=f"https://{name}.example",
        kubernetes=worlds.fresh(),
        prometheus=worlds.fresh(),
        inventory=inventory,
        telemetry=telemetry(samples, name),
        history=History(requests=line),
    )


def telemetry(samples: Sequence[Sample], name: str) -> Telemetry:
    """Telemetry with a histogram in which half of all requests take 10 ms and all of them 100 ms."""
    return worlds.telemetry(samples, f"http://prometheus.{name}")


MIXED = Namespace(meta=worlds.meta("mixed", labels={MARK: "storefront", "kubesphere.io/workspace": "payments"}))


def fleet(**more: Any) -> Snapshot:
    """Two clusters and six calls, 111.5 requests a second in all; `more` goes to each cluster."""
    east = [
        call("east/shop/shop-app", "east/pay/pay-app", 10.0),
        call("east/shop/shop-app", "east/shop/shop-app", 50.0),
        call("east/tools/tools-app", "east/pay/pay-app", 1.5, mtls=False),
        call("east/pay/pay-app", "east/shop/shop-app", 5.0, code="500"),
    ]
    west = [
        call("west/pay/pay-app", "west/pay/pay-app", 40.0),
        call("east/tools/tools-app", "west/tools/tools-app", 5.0),
    ]
    return worlds.world(cluster("east", east, extra=(MIXED,), **more), cluster("west", west, **more))
