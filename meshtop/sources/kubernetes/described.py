"""An object with what belongs to it, as `kubectl describe` would have it: a few GETs, when somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from meshtop.model.shown_object import DescribedObject, ShownObject
from meshtop.sources.kubernetes.any_object import MOST_LISTED, ObjectReader

_OPERATORS = {"In": "in", "NotIn": "notin"}


async def describe_object(reader: ObjectReader, word: str, namespace: str, name: str) -> DescribedObject:
    """The object, the pods that it selects, and the Events about them; never raises for the cluster's sake."""
    subject = await reader.read(word, namespace, name)
    cluster = subject.cluster
    if len(subject.found) != 1:
        return DescribedObject(cluster=cluster, subject=subject)
    place = namespace if subject.namespaced else ""
    selector = pod_selector(subject.found[0])
    events = reader.list_of("events", place) if subject.namespaced else _about(reader, name)
    if not selector:
        heard = await events
        return DescribedObject(
            cluster=cluster, subject=subject, events=_told_of(heard, (name,)), cut_off=_is_cut(heard)
        )
    pods, heard = await asyncio.gather(reader.list_of("pods", place, labels=selector), events)
    names = (name, *(str(_mapping(pod.get("metadata")).get("name") or "") for pod in pods.found))
    return DescribedObject(
        cluster=cluster, subject=subject, pods=pods, events=_told_of(heard, names), cut_off=_is_cut(heard)
    )


async def describe_cluster(reader: ObjectReader) -> DescribedObject:
    """A cluster's nodes, and the Events that warn; never raises for the cluster's sake."""
    nodes, events = await asyncio.gather(
        reader.list_of("nodes", ""), reader.list_of("events", "", fields="type=Warning")
    )
    subject = ShownObject(cluster=nodes.cluster, namespaced=False)
    return DescribedObject(cluster=nodes.cluster, subject=subject, pods=nodes, events=events, cut_off=_is_cut(events))


async def _about(reader: ObjectReader, name: str) -> ShownObject:
    return await reader.list_of("events", "", fields=f"involvedObject.name={name}")


def _is_cut(events: ShownObject) -> bool:
    return len(events.found) >= MOST_LISTED


def _told_of(events: ShownObject, names: Sequence[str]) -> ShownObject:
    """The Events about objects of some names, and about ReplicaSets that are called after the first."""
    known = set(names)
    first = names[0]

    def concerns(event: Mapping[str, Any]) -> bool:
        about = _mapping(event.get("involvedObject") or event.get("regarding"))
        name = str(about.get("name") or "")
        return name in known or (about.get("kind") == "ReplicaSet" and name.rpartition("-")[0] == first)

    return ShownObject(
        cluster=events.cluster,
        kind=events.kind,
        found=tuple(filter(concerns, events.found)),
        error=events.error,
        unknown_kind=events.unknown_kind,
    )


def pod_selector(tree: Mapping[str, Any]) -> str:
    """The label selector by which an object chooses its pods, as an API server takes it; "" where it chooses none."""
    selector = _mapping(_mapping(tree.get("spec")).get("selector"))
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        # A Service has the labels themselves.
        plain = tree.get("kind") in ("Service", "ReplicationController")
        return ",".join(f"{key}={value}" for key, value in selector.items()) if plain else ""
    if not (tree.get("kind") in _WITH_PODS or "template" in _mapping(tree.get("spec"))):
        return ""
    parts = [f"{key}={value}" for key, value in _mapping(selector.get("matchLabels")).items()]
    listed = selector.get("matchExpressions")
    for one in listed if isinstance(listed, list) else ():
        told = _mapping(one)
        key, operator = str(told.get("key") or ""), told.get("operator")
        values = told.get("values")
        if operator in _OPERATORS and isinstance(values, list):
            parts.append(f"{key} {_OPERATORS[operator]} ({','.join(map(str, values))})")
        elif operator in ("Exists", "DoesNotExist"):
            parts.append(key if operator == "Exists" else f"!{key}")
    return ",".join(parts)


_WITH_PODS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"})


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
