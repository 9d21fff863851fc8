"""How long judging a mesh's configuration takes: 1,000 routes, 1,000 rules, 2,000 services, 4,000 pods, two clusters.

Run `python -m benchmarks.findings`; figures are printed, never asserted.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import Any

from benchmarks._rows import Row, goal_row, report
from meshtop.analysis.findings.calls import Calls
from meshtop.analysis.findings.judge import judge_config, routes_left_idle, together
from meshtop.analysis.findings.revisions import JudgedCluster, well_formed
from meshtop.model.kube import ConfigObject, Container, Inventory, Meta, Namespace, Owner, Pod, Service, ServicePort
from meshtop.model.mesh import MeshFacts

ROUTES, SERVICES, NAMESPACES, RUNS = 1_000, 2_000, 40, 5
_PROXY = Container("istio-proxy", "istio/proxyv2:1.28.0")


def _object(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> ConfigObject:
    meta = Meta(name=name, namespace=namespace)
    return ConfigObject(group="istio.io", version="v1", kind=kind, meta=meta, spec=spec)


def cluster_of(name: str, routes: int, services: int) -> JudgedCluster:
    """A cluster with so many Services, two pods each, and so many routes with their rules; some of them are wrong."""
    found, pods, objects = [], [], []
    for i in range(services):
        namespace, app = f"team-{i % NAMESPACES}", f"app-{i}"
        ports = (ServicePort(80, "http", target=8080), ServicePort(90, "tcp", target=9090))
        found.append(Service(meta=Meta(name=app, namespace=namespace), selector={"app": app}, ports=ports))
        for version in ("v1", "v2"):
            meta = Meta(
                name=f"{app}-{version}-0",
                namespace=namespace,
                labels={"app": app, "version": version, "pod-template-hash": f"{i:x}"},
                owner=Owner("ReplicaSet", f"{app}-{version}-{i:x}"),
            )
            pods.append(Pod(meta=meta, phase="Running", ready=True, containers=(Container("app", "app"), _PROXY)))
    for i in range(routes):
        namespace, app = f"team-{i % NAMESPACES}", f"app-{i}"
        subset = "v9" if i % 100 == 0 else "v2"
        parts = [
            {"destination": {"host": app, "subset": "v1", "port": {"number": 80}}, "weight": 90},
            {"destination": {"host": app, "subset": subset, "port": {"number": 80}}, "weight": 10},
        ]
        rules = [{"match": [{"uri": {"prefix": f"/{i}"}}], "route": parts}, {"route": parts}]
        objects.append(_object("VirtualService", namespace, app, {"hosts": [app], "http": rules}))
        subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
        objects.append(_object("DestinationRule", namespace, app, {"host": app, "subsets": subsets}))
    config: dict[str, tuple[ConfigObject, ...]] = {
        kind: tuple(obj for obj in objects if obj.kind == kind) for kind in ("VirtualService", "DestinationRule")
    }
    namespaces = tuple(Namespace(meta=Meta(name=f"team-{n}", labels={"istio-injection": "enabled"})) for n in range(40))
    inventory = Inventory(services=tuple(found), pods=tuple(pods), namespaces=namespaces, config=config)
    return JudgedCluster(name=name, inventory=inventory, facts=MeshFacts(group="mesh", root_namespace="istio-system"))


def main() -> None:
    """Print how long a judgement takes, of one cluster and of two of one mesh."""
    one = [cluster_of("east", ROUTES, SERVICES)]
    two = [cluster_of(name, ROUTES // 2, SERVICES // 2) for name in ("east", "west")]
    calls = Calls({(f"team-{i % NAMESPACES}", f"app-{i}"): 1.0 for i in range(0, SERVICES, 2)}, complete=True)
    rows: list[Row] = []
    for goal, name, clusters in (("findings", "one cluster", one), ("findings-two", "two clusters of one mesh", two)):
        times, found = [], 0
        for _ in range(RUNS):
            gc.collect()
            began = time.process_time()
            checked = [well_formed(cluster) for cluster in clusters]
            found = len(together(judge_config(checked), routes_left_idle(checked, calls), calls).findings)
            times.append(time.process_time() - began)
        rows.append(goal_row(goal, times))
        sys.stdout.write(
            f"{name}: {ROUTES} routes, {SERVICES} services, {2 * SERVICES} pods: "
            f"{rows[-1].told_figure} of CPU, {found} findings\n"
        )
    report(rows)


if __name__ == "__main__":
    main()
