"""Counting pods: readiness, completed pods, and sets of pods with equal labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from meshtop.model.kube import Pod
from meshtop.model.mesh import PodSet, Ready

_Labels = tuple[tuple[str, str], ...]


def has_ended(pod: Pod) -> bool:
    """Whether a pod has terminated (succeeded, failed or evicted) and only its record remains."""
    return pod.phase in ("Succeeded", "Failed")


def counted(pods: Iterable[Pod]) -> Ready:
    """How many pods there are, and how many of them are ready."""
    ready = total = 0
    for pod in pods:
        ready, total = ready + pod.ready, total + 1
    return Ready(ready, total)


def pod_sets(pods: Iterable[Pod], selecting: Callable[[Mapping[str, str]], tuple[str, ...]]) -> tuple[PodSet, ...]:
    """Pods by their labels, in the order of the labels; `selecting` names the Services that select such labels."""
    alike: dict[_Labels, list[Pod]] = {}
    for pod in pods:
        alike.setdefault(tuple(sorted(pod.meta.labels.items())), []).append(pod)
    return tuple(
        PodSet(labels=labels, pods=counted(found), services=selecting(dict(labels)))
        for labels, found in sorted(alike.items())
    )
