"""What would have been read of a Snapshot if less had been asked: a recording holds all, a command asks for some.

So a replayed command says what it would have said live, also about what it did not look at.
"""

from __future__ import annotations

from msgspec import Struct, structs

from meshtop.analysis.traffic.metrics import CONTROL, TRAFFIC
from meshtop.model.asked import EVERYTHING_ASKED, Asked
from meshtop.model.kube import FIELD_WRITES, GATEWAY_SECRETS, INJECTORS, Inventory, KindStatus
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import Telemetry
from meshtop.sources.kubernetes.kinds import JUDGED

_ALWAYS_READ = frozenset({"Service", "Namespace"})
_EXTRAS_JUDGED = frozenset({GATEWAY_SECRETS, INJECTORS, "CustomResourceDefinition"})
_JUDGED = frozenset(kind.key for kind in JUDGED)
_TRACES = frozenset({FIELD_WRITES, "Event"})
_INJECTOR = "istio-sidecar-injector"
_GROUP_OF = {name: group.query for group in CONTROL for name in group.names}


class WhatIsRead(Struct, frozen=True, kw_only=True):
    """What one reading asks for, as `open_observatory` and `Observatory.once` are told it."""

    asked: Asked = EVERYTHING_ASKED
    canaries: bool = False
    courses: bool = False
    alerts: bool = False
    slos: bool = False
    traced: bool = False
    plaintext: bool = False


def narrowed(snapshot: Snapshot, wanted: WhatIsRead) -> Snapshot:
    """The Snapshot as one reading for this would have made it."""
    clusters = tuple(_cluster(cluster, wanted) for cluster in snapshot.clusters)
    return structs.replace(snapshot, clusters=clusters, asked=wanted.asked)


def _cluster(cluster: ClusterSnapshot, wanted: WhatIsRead) -> ClusterSnapshot:
    return structs.replace(
        cluster,
        inventory=cluster.inventory and _inventory(cluster.inventory, wanted),
        telemetry=cluster.telemetry and _telemetry(cluster.telemetry, wanted),
        # The hour of sparklines is asked for by whoever follows, not by a single reading.
        history=None,
        courses=cluster.courses if wanted.courses else None,
        alerts=cluster.alerts if wanted.alerts else None,
        slos=cluster.slos if wanted.slos else None,
        canaries=cluster.canaries if wanted.canaries else (),
    )


def _inventory(inventory: Inventory, wanted: WhatIsRead) -> Inventory:
    asks, findings, traced = wanted.asked.asks_kind, wanted.asked.findings, wanted.traced

    def read(status: KindStatus) -> bool:
        if status.kind in _EXTRAS_JUDGED:
            return findings
        if status.kind in _TRACES:
            return traced
        # Webhooks are read in two ways; that which only findings need names their group.
        if status.kind in _JUDGED and status.group:
            return findings and asks(status.kind)
        return status.kind in _ALWAYS_READ or status.kind == "SelfSubjectReview" or asks(status.kind)

    def config(kind: str) -> bool:
        return findings if kind == "CustomResourceDefinition" else asks(kind) and (findings or kind not in _JUDGED)

    if wanted.asked.kinds is None and findings and traced:
        return inventory
    return structs.replace(
        inventory,
        nodes=inventory.nodes if asks("Node") else (),
        endpoint_slices=inventory.endpoint_slices if asks("EndpointSlice") else (),
        pods=inventory.pods if asks("Pod") else (),
        controllers=tuple(one for one in inventory.controllers if asks(one.kind)),
        config={kind: objects for kind, objects in inventory.config.items() if config(kind)},
        config_maps={
            name: data
            for name, data in inventory.config_maps.items()
            if (findings if name.partition("/")[2].startswith(_INJECTOR) else asks("ConfigMap"))
        },
        remote_secrets=inventory.remote_secrets if asks("Secret") else (),
        webhooks=inventory.webhooks if asks("MutatingWebhookConfiguration") else (),
        credentials=inventory.credentials if findings else (),
        kinds=tuple(filter(read, inventory.kinds)),
        traces=inventory.traces if traced else None,
    )


def _telemetry(telemetry: Telemetry, wanted: WhatIsRead) -> Telemetry:
    asks = wanted.asked.asks_query
    unasked = {metric.field: () for metric in TRAFFIC if not asks(metric.field)}
    return structs.replace(
        telemetry,
        **unasked,
        control=tuple(one for one in telemetry.control if asks(_GROUP_OF.get(one.metric, ""))),
        plaintext_day=telemetry.plaintext_day if wanted.plaintext else None,
    )
