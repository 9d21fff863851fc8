"""How long it takes to judge 10,000 calls by 1,000 AuthorizationPolicies, at first and again.

Run `python -m benchmarks.authorization`; figures are printed, never asserted.
"""

from __future__ import annotations

import time
from random import Random

from msgspec import structs

from benchmarks._rows import Row, report, row_of
from benchmarks.posture import WORKLOADS, edges_of, mesh_of
from meshtop.analysis.authorization.observed import ObservedAccess
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls
from meshtop.model.kube import ConfigObject, Meta
from meshtop.model.mesh import MeshFacts

EDGES, CALLERS = 10_000, 10


def with_policies(member: MeshMember) -> MeshMember:
    """The cluster with an ALLOW policy for each workload, which names so many callers."""
    random = Random(11)
    facts = member.facts or MeshFacts()
    workloads = tuple(structs.replace(one, service_account=one.name) for one in member.workloads)
    policies = []
    for one in workloads:
        callers = random.sample(workloads, CALLERS)
        principals = [f"cluster.local/ns/{caller.namespace}/sa/{caller.service_account}" for caller in callers]
        rules = [{"from": [{"source": {"principals": principals}}], "to": [{"operation": {"ports": ["8080"]}}]}]
        spec = {"selector": {"matchLabels": {"app": dict(one.labels)["app"]}}, "rules": rules}
        policies.append(
            ConfigObject(
                group="security.istio.io", version="v1", kind="AuthorizationPolicy",
                meta=Meta(name=one.name, namespace=one.namespace), spec=spec,
            )
        )  # fmt: skip
    assert member.inventory is not None
    inventory = structs.replace(
        member.inventory, config={**member.inventory.config, "AuthorizationPolicy": tuple(policies)}
    )
    known = structs.replace(facts, trust_domain="cluster.local", root_namespace="istio-system")
    return structs.replace(member, inventory=inventory, workloads=workloads, facts=known)


def main() -> None:
    """Measure three times and print rows."""
    plain = mesh_of(WORKLOADS)
    member = with_policies(plain)
    edges = edges_of(member, EDGES)
    rows: list[Row] = []
    for words, one in (("with a policy for each workload", member), ("without policies", plain)):
        first, again = [], []
        for _ in range(3):
            mesh = MeshTls([one])
            began = time.process_time()
            access = ObservedAccess(mesh)
            for edge in edges:
                access.edge(edge)
            judged = time.process_time()
            for edge in edges:
                access.edge(edge)
            first.append(judged - began)
            again.append(time.process_time() - judged)
        what = f"policies of {EDGES:,} calls among {WORKLOADS:,} workloads, {words}"
        rows.append(row_of(f"{what}: CPU", first))
        rows.append(row_of(f"{what}, again: CPU", [1000 * seconds for seconds in again], "ms"))
    report(rows)


if __name__ == "__main__":
    main()
