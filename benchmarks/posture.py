"""How long binding a mesh's mutual TLS takes: 1,000 workloads, 1,000 rules, 5,000 edges.

Run `python -m benchmarks.posture`; figures are printed, never asserted.
"""

from __future__ import annotations

import time
from random import Random
from typing import Any

from benchmarks._rows import report, row_of
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.analysis.security.mtls.posture import TrafficWindow, posture
from meshtop.model.kube import ConfigObject, Inventory, Meta, Service, ServicePort
from meshtop.model.mesh import MeshFacts, Proxy, Workload
from meshtop.model.traffic import Edge, Peer, PeerKind, Sums, Target

WORKLOADS, EDGES, NAMESPACES = 1_000, 5_000, 40


def _config(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> ConfigObject:
    meta = Meta(name=name, namespace=namespace)
    return ConfigObject(group="istio.io", version="v1", kind=kind, meta=meta, spec=spec)


def mesh_of(size: int) -> MeshMember:
    """A cluster of so many workloads, each with a Service and a DestinationRule, in forty namespaces."""
    workloads, services, rules = [], [], []
    for i in range(size):
        namespace, app = f"team-{i % NAMESPACES}", f"app-{i}"
        labels = (("app", app), ("security.istio.io/tlsMode", "istio"), ("version", "v1"))
        workloads.append(
            Workload(cluster="c", namespace=namespace, name=f"{app}-v1", kind="Deployment", labels=labels,
                     proxy=Proxy.SIDECAR, services=(app,))
        )  # fmt: skip
        ports = (ServicePort(80, "http", target=8080), ServicePort(90, "tcp", target=9090))
        services.append(Service(meta=Meta(name=app, namespace=namespace), cluster_ip="10.0.0.1", ports=ports))
        host = f"{app}.{namespace}.svc.cluster.local"
        rules.append(_config("DestinationRule", namespace, app, {"host": host, "trafficPolicy": {"loadBalancer": {}}}))
    policies = [
        _config("PeerAuthentication", f"team-{n}", "default", {"mtls": {"mode": ("STRICT", "PERMISSIVE")[n % 2]}})
        for n in range(NAMESPACES)
    ]
    config = {"DestinationRule": tuple(rules), "PeerAuthentication": tuple(policies)}
    facts = MeshFacts(auto_mtls=True, roles=("primary",), mesh_id="m", cluster_id="c")
    return MeshMember(
        name="c", inventory=Inventory(services=tuple(services), config=config), facts=facts, workloads=tuple(workloads)
    )


def edges_of(member: MeshMember, count: int) -> list[Edge]:
    """So many calls between random workloads."""
    random, found = Random(7), []
    for _ in range(count):
        left, right = random.sample(member.workloads, 2)
        host = f"{right.services[0]}.{right.namespace}.svc.cluster.local"
        found.append(
            Edge(
                source=Peer(cluster="c", namespace=left.namespace, workload=left.name, kind=PeerKind.WORKLOAD),
                destination=Target(cluster="c", namespace=right.namespace, workload=right.name,
                                   kind=PeerKind.WORKLOAD, service=host),
                protocol="http", sums=Sums(requests=1.0, judged=1.0, secured=1.0),
            )
        )  # fmt: skip
    return found


def main() -> None:
    """Measure three times."""
    member = mesh_of(WORKLOADS)
    edges = edges_of(member, EDGES)
    bound, whole = [], []
    for _ in range(3):
        began = time.process_time()
        mesh = MeshTls([member])
        for edge in edges:
            mesh.edge(edge)
        bound.append(time.process_time() - began)
        began = time.process_time()
        posture(MeshTls([member]), edges, window=TrafficWindow(0.0, 300.0))
        whole.append(time.process_time() - began)
    what = f"mutual TLS of {WORKLOADS:,} workloads and {EDGES:,} edges"
    report([row_of(f"{what}, bound: CPU", bound), row_of(f"{what}, judged: CPU", whole)])


if __name__ == "__main__":
    main()
