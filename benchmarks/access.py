"""Access decisions on a policy of 10,000 nodes: milliseconds to build the graph, to decide, and to explain.

Run: python -m benchmarks.access [NAMESPACES]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchmarks._rows import report, row_of
from meshtop.analysis.tenancy.access.build import build_policy, namespace_name
from meshtop.analysis.tenancy.access.decision import decide, explain_right
from meshtop.analysis.tenancy.ownership import Owners
from meshtop.model.kube import Meta, Namespace
from meshtop.settings.tenancy import check_tenancy

CLUSTERS = 10
TENANTS = 100
USERS = 1_500
ROUNDS = 5


def milliseconds(action: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        action()
        times.append((time.process_time() - began) * 1000)
    return times


def main() -> None:
    namespaces = int(sys.argv[1]) if len(sys.argv) > 1 else 8_000
    each = namespaces // CLUSTERS
    known = {f"c{c}": [Namespace(meta=Meta(name=f"t{n % TENANTS}-{n}")) for n in range(each)] for c in range(CLUSTERS)}
    tenancy = check_tenancy(
        {
            "tenants": [
                {"name": f"t{t}", "workspaces": [{"name": "w", "namespaces": [f"*/t{t}-*"]}]} for t in range(TENANTS)
            ],
            "bindings": [
                {"role": "reader", "subjects": [f"user:u{u}"], "on": f"tenant/t{u % TENANTS}"} for u in range(USERS)
            ],
        },
        lambda path: "tenancy.yaml",
    )
    owners = Owners(known, tenancy=tenancy)
    owned = owners.all_known()
    policy = build_policy(None, tenancy, owned, known)
    places = list(owned)
    some = places[:: max(1, len(places) // 1000)]
    nodes = f"{len(policy.kinds):,} nodes"
    decided = milliseconds(lambda: [decide(policy, "u7", namespace_name(*place)) for place in some])
    explained = milliseconds(lambda: [explain_right(policy, "u7", "read", namespace_name(*place)) for place in some])
    owned_again = milliseconds(lambda: Owners(known, tenancy=tenancy).all_known())
    report(
        [
            row_of(f"owner of each of {len(places):,} namespaces: CPU", owned_again, "ms"),
            row_of(
                f"access graph of {nodes}, built and checked: CPU",
                milliseconds(lambda: build_policy(None, tenancy, owned, known)),
                "ms",
            ),
            row_of(f"one access decision among {nodes}: CPU", [ms / len(some) for ms in decided], "ms"),
            row_of(f"one explanation among {nodes}: CPU", [ms / len(some) for ms in explained], "ms"),
        ]
    )


if __name__ == "__main__":
    main()
