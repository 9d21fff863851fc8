"""A verdict on readiness: are the pods that are wanted there, and if not, why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from meshtop.model.kube import Pod
from meshtop.model.mesh import Ready
from meshtop.model.state import Health, HealthStatus


def readiness(pods: Ready, troubled: Iterable[Pod], *, completed: int = 0) -> Health:
    """Nothing wanted is idle, some missing degraded, none available failing (reference: anchors, workload health).

    `troubled` are the pods that are not ready; their problems, in Kubernetes' words, are the reasons. `completed`
    counts pods that ended well and are not wanted any more.
    """
    if pods.total == 0:
        ended = f"{completed} completed" if completed else "scaled to 0"
        return Health(HealthStatus.IDLE, (ended,))
    if pods.ready >= pods.total:
        return Health(HealthStatus.HEALTHY)
    problems = Counter(pod.problem or "not ready" for pod in troubled)
    reasons = tuple(
        f"{problem} ({count} pods)" if count > 1 else problem
        for problem, count in sorted(problems.items(), key=lambda item: (-item[1], item[0]))
    )
    if pods.ready == 0:
        return Health(HealthStatus.FAILING, (f"none of {pods.total} ready", *reasons))
    return Health(HealthStatus.DEGRADED, (f"{pods.ready} of {pods.total} ready", *reasons))
