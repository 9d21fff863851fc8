"""Which workload a pod belongs to, by Istio's naming rules (so that telemetry and inventory agree)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meshtop.model.kube import Controller, Pod

_CRON_JOB = re.compile(r"(.+)-\d{8,10}")
_NAME = "service.istio.io/workload-name"


class WorkloadId(NamedTuple):
    """What identifies a workload in a cluster."""

    namespace: str
    kind: str
    name: str


class PodOwners:
    """Follows owner references upward; names of unknown ReplicaSets' owners are derived from the pod template hash."""

    def __init__(self, controllers: Iterable[Controller]) -> None:
        self._replica_sets: Mapping[tuple[str, str], Controller] = {
            controller.meta.key: controller for controller in controllers if controller.kind == "ReplicaSet"
        }

    def of_pod(self, pod: Pod) -> WorkloadId:
        """The workload of a pod; a label may override the controller's name, as in Istio."""
        found = self._owner(pod)
        named = pod.meta.labels.get(_NAME)
        return found._replace(name=named) if named and found.kind == "Pod" else found

    def of_replica_set(self, replica_set: Controller) -> WorkloadId:
        """The Deployment or Rollout of a ReplicaSet, or itself."""
        owner = replica_set.meta.owner
        if owner is None:
            return WorkloadId(replica_set.meta.namespace, "ReplicaSet", replica_set.meta.name)
        return WorkloadId(replica_set.meta.namespace, owner.kind, owner.name)

    def _owner(self, pod: Pod) -> WorkloadId:
        namespace, labels, owner = pod.meta.namespace, pod.meta.labels, pod.meta.owner
        if owner is None or owner.kind == "Node":
            return WorkloadId(namespace, "Pod", pod.meta.name)
        if owner.kind == "ReplicaSet":
            known = self._replica_sets.get((namespace, owner.name))
            if known is not None:
                return self.of_replica_set(known)
            for label, kind in (("rollouts-pod-template-hash", "Rollout"), ("pod-template-hash", "Deployment")):
                suffix = f"-{labels[label]}" if labels.get(label) else ""
                if suffix and owner.name.endswith(suffix):
                    return WorkloadId(namespace, kind, owner.name.removesuffix(suffix))
        if owner.kind == "ReplicationController" and labels.get("deploymentconfig"):
            return WorkloadId(namespace, "DeploymentConfig", labels["deploymentconfig"])
        if owner.kind == "Job" and (match := _CRON_JOB.fullmatch(owner.name)):
            return WorkloadId(namespace, "CronJob", match[1])
        return WorkloadId(namespace, owner.kind, owner.name)
