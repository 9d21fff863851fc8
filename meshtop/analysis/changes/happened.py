"""What happened without anybody writing it down: restarts, pods that cannot run, nodes, certificates, memberships."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from meshtop.analysis.identity.certificates import read_certificates
from meshtop.analysis.inventory.pod_owners import PodOwners
from meshtop.analysis.inventory.untyped import items, mapping, text
from meshtop.model.changes import Change, ChangeHow, FieldChange, KubeEvent
from meshtop.model.kube import ConfigObject, Inventory

_TROUBLE = frozenset(
    {
        *("BackOff", "OOMKilling", "Evicted", "FailedScheduling", "FailedMount", "FailedCreate", "Failed"),
        *("ErrImagePull", "Preempted"),
    }
)
"""Events on pods that are told for themselves; Killing and Unhealthy go with rollouts, scalings and restarts."""
_OF_NODES = {
    "NodeNotReady": "is not ready",
    "NodeNotSchedulable": "takes no pods",
    "Rebooted": "rebooted",
}
FOLLOWS_SECONDS = 900.0
"""What pods report so long after a rollout or scaling of theirs goes with it."""
ROOTS = "istio-ca-root-cert"
_REGISTRIES = ("KubeFedCluster", "ManagedCluster", "ClusterProfile", "Cluster.cluster.karmada.io")
_REGISTRIES_OF_CLUSTERS = (*_REGISTRIES, "Cluster.cluster.kubesphere.io")


def pods_of(
    cluster: str, inventory: Inventory, events: Sequence[KubeEvent], told: Sequence[Change], since: float
) -> list[Change]:
    """Restarted containers by workload and reason, and pods that cannot run by workload and reason of their Events."""
    owners = PodOwners(inventory.controllers)
    of_pod = {(pod.meta.namespace, pod.meta.name): owners.of_pod(pod) for pod in inventory.pods}
    restarts: dict[tuple[str, str, str, str], list[float]] = {}
    for pod in inventory.pods:
        if pod.restarted_at is not None and pod.restarted_at >= since:
            owner = of_pod[pod.meta.key]
            restarts.setdefault((owner.kind, owner.namespace, owner.name, pod.restart_reason), []).append(
                pod.restarted_at
            )
    found = [
        _of_pods(
            cluster, kind, namespace, name, min(times), ChangeHow.RESTART,
            f"{_counted(len(times))} of {name} in {cluster} restarted" + (f" ({reason})" if reason else ""), "",
            (f"{len(times)} container{'s' * (len(times) != 1)} restarted", *filter(None, (reason,))),
        )
        for (kind, namespace, name, reason), times in restarts.items()
    ]  # fmt: skip
    troubles: dict[tuple[str, str, str, str], list[KubeEvent]] = {}
    for event in events:
        if event.kind != "Pod" or event.reason not in _TROUBLE or event.first < since:
            continue
        known = of_pod.get((event.namespace, event.name))
        kind, name = (known.kind, known.name) if known is not None else ("Pod", event.name)
        if not any(_follows(one, event.namespace, name, event.first) for one in told):
            troubles.setdefault((kind, event.namespace, name, event.reason), []).append(event)
    for (kind, namespace, name, reason), several in troubles.items():
        first = min(several, key=lambda one: one.first)
        title = f"{name} in {cluster}: {reason}"
        count = sum(event.count for event in several)
        what = (first.message or reason, f"{count} times" if count > 1 else "")
        found.append(
            _of_pods(
                cluster, kind, namespace, name, first.first, ChangeHow.EVENT, title, first.reporter,
                tuple(filter(None, what)),
            )
        )  # fmt: skip
    return found


def _counted(containers: int) -> str:
    return "a container" if containers == 1 else f"{containers} containers"


def _follows(change: Change, namespace: str, name: str, at: float) -> bool:
    return (change.namespace, change.name) == (namespace, name) and 0 <= at - change.at <= FOLLOWS_SECONDS


def _of_pods(
    cluster: str, kind: str, namespace: str, name: str, at: float, how: ChangeHow, title: str, who: str,
    what: tuple[str, ...],
) -> Change:  # fmt: skip
    return Change(
        at=at,
        clusters=(cluster,),
        namespace=namespace,
        kind=kind,
        name=name,
        how=how,
        title=title,
        who=who,
        what=what,
        workloads=((namespace, name),),
    )


def node_changes(cluster: str, inventory: Inventory, events: Sequence[KubeEvent], since: float) -> list[Change]:
    """Nodes that came, whose readiness changed, or of which Events tell, each with the workloads that run there."""
    there: dict[str, dict[tuple[str, str], None]] = {}
    owners = PodOwners(inventory.controllers)
    for pod in inventory.pods:
        if pod.node:
            owner = owners.of_pod(pod)
            there.setdefault(pod.node, {})[owner.namespace, owner.name] = None
    found: dict[tuple[str, str], Change] = {}

    def add(name: str, at: float, said: str, what: tuple[str, ...], fields: tuple[FieldChange, ...] = ()) -> None:
        known = found.get((name, said))
        if known is None or at < known.at:
            found[name, said] = Change(
                at=at,
                clusters=(cluster,),
                namespace="",
                kind="Node",
                name=name,
                how=ChangeHow.NODE,
                title=f"node {name} {said} in {cluster}",
                what=what,
                fields=fields,
                workloads=tuple(there.get(name, ())),
            )

    for node in inventory.nodes:
        name = node.meta.name
        if node.meta.created >= since:
            add(name, node.meta.created, "joined", (f"kubelet {node.kubelet_version}",) if node.kubelet_version else ())
        elif node.changed_at is not None and node.changed_at >= since:
            field = FieldChange("Ready", str(not node.ready), str(node.ready))
            add(name, node.changed_at, "is ready again" if node.ready else "is not ready", (field.words(),), (field,))
    for event in events:
        if event.kind == "Node" and event.reason in _OF_NODES and event.first >= since:
            add(event.name, event.first, _OF_NODES[event.reason], (event.message or event.reason,))
    return list(found.values())


def certificates_of(cluster: str, inventory: Inventory, since: float) -> list[Change]:
    """Roots that are valid since a moment of the last day only: they are new."""
    found: dict[str, Change] = {}
    for place, data in sorted(inventory.config_maps.items()):
        namespace, _, name = place.partition("/")
        if name != ROOTS:
            continue
        for root in read_certificates(data.get("root-cert.pem", "")):
            if root.not_before < since or root.fingerprint in found:
                continue
            until = datetime.fromtimestamp(root.not_after, UTC)
            found[root.fingerprint] = Change(
                at=root.not_before,
                clusters=(cluster,),
                namespace=namespace,
                kind="Certificate",
                name=root.subject,
                how=ChangeHow.CERTIFICATE,
                title=f"new root certificate in {cluster}",
                what=(root.subject, f"valid until {until:%Y-%m-%d %H:%M}Z", f"SHA-256 {root.fingerprint[:16]}"),
                plane=True,
                wide=True,
            )
    return list(found.values())


def memberships_of(cluster: str, inventory: Inventory, since: float) -> list[Change]:
    """Conditions of members in registries that changed since a moment."""
    return [
        change
        for kind in _REGISTRIES_OF_CLUSTERS
        for obj in inventory.config.get(kind, ())
        for change in _of_member(cluster, obj, since)
    ]


def _of_member(cluster: str, obj: ConfigObject, since: float) -> list[Change]:
    found = []
    for condition in map(mapping, items(obj.status.get("conditions"))):
        at = _moment(text(condition.get("lastTransitionTime")))
        kind, status = text(condition.get("type")) or "", text(condition.get("status")) or ""
        if at is None or at < since or not kind:
            continue
        why = text(condition.get("reason")) or ""
        found.append(
            Change(
                at=at,
                clusters=(cluster,),
                namespace=obj.meta.namespace,
                kind=obj.kind,
                name=obj.meta.name,
                how=ChangeHow.MEMBERSHIP,
                title=f"member {obj.meta.name}: {kind} is {status} since then, says {cluster}",
                what=(f"{kind} is {status}", *filter(None, (why,))),
                fields=(FieldChange(kind, None, status),),
                wide=True,
            )
        )
    return found


def _moment(said: str | None) -> float | None:
    try:
        return datetime.fromisoformat(said).timestamp() if said else None
    except (ValueError, OverflowError):
        return None
