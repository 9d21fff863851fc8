"""Scalings: how many pods a workload was given, from Events with their numbers and from whoever wrote `replicas`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from meshtop.analysis.changes.marks import Mark
from meshtop.analysis.changes.rollouts import LASTS_SECONDS
from meshtop.model.changes import Change, ChangeHow, FieldChange, KubeEvent

REPLICAS = "spec.replicas"
TOGETHER_SECONDS = 120.0
"""Steps of one scaling come so close to each other."""
_SAID = re.compile(
    r"Scaled (?:up|down) replica set (?P<set>\S+) (?:from (?P<before>\d+) )?to (?P<to>\d+)(?: from (?P<from>\d+))?"
)
"""The words of ScalingReplicaSet: since Kubernetes 1.22 with "from", before or after."""


class _Scaling(Struct):
    at: float
    last: float
    before: int | None
    after: int


def scalings_of(
    cluster: str, marks: Sequence[Mark], events: Sequence[KubeEvent], rollouts: Sequence[Change], since: float
) -> tuple[list[Change], list[Mark]]:
    """The scalings since a moment that are no part of a rollout, and the marks that are no part of either."""
    by_owner: dict[tuple[str, str], list[_Scaling]] = {}
    for event in sorted(events, key=lambda one: one.first):
        said = _SAID.match(event.message) if event.reason == "ScalingReplicaSet" else None
        if said is None or event.kind != "Deployment" or event.first < since:
            continue
        if any(_within(one, event.namespace, event.name, event.first) for one in rollouts):
            continue
        before = said["before"] or said["from"]
        _add(by_owner.setdefault((event.namespace, event.name), []), event, before, said["to"])
    found: list[Change] = []
    told: set[int] = set()
    for (namespace, name), scalings in by_owner.items():
        for one in scalings:
            writers = [
                mark
                for mark in marks
                if (mark.trace.kind, mark.trace.namespace, mark.trace.name) == ("Deployment", namespace, name)
                and one.at - TOGETHER_SECONDS <= mark.at <= one.last + 5
                and mark.touches(REPLICAS)
            ]
            told.update(id(mark) for mark in writers if mark.only(REPLICAS))
            who = writers[-1].who if writers else ""
            found.append(_change(cluster, "Deployment", namespace, name, one.at, one.before, one.after, who))
    for mark in marks:
        if id(mark) not in told and mark.only(REPLICAS) and not mark.created:
            told.add(id(mark))
            trace = mark.trace
            found.append(_change(cluster, trace.kind, trace.namespace, trace.name, mark.at, None, None, mark.who))
    return found, [mark for mark in marks if id(mark) not in told]


def _within(rollout: Change, namespace: str, name: str, at: float) -> bool:
    return (rollout.namespace, rollout.name) == (namespace, name) and -5 <= at - rollout.at <= LASTS_SECONDS


def _add(scalings: list[_Scaling], event: KubeEvent, before: str | None, after: str) -> None:
    last = scalings[-1] if scalings else None
    if last is not None and event.first - last.last <= TOGETHER_SECONDS:
        last.last, last.after = max(event.first, event.last), _number(after)
    else:
        number = _number(before) if before is not None else None
        scalings.append(_Scaling(event.first, max(event.first, event.last), number, _number(after)))


def _number(digits: str) -> int:
    return int(digits[:9])


def _change(
    cluster: str, kind: str, namespace: str, name: str, at: float, before: int | None, after: int | None, who: str
) -> Change:
    counts = "" if after is None else f" {'?' if before is None else before}→{after}"
    field = FieldChange("replicas", None if before is None else str(before), None if after is None else str(after))
    return Change(
        at=at,
        clusters=(cluster,),
        namespace=namespace,
        kind=kind,
        name=name,
        how=ChangeHow.SCALE,
        title=f"{name} scaled{counts} in {cluster}",
        who=who,
        what=(field.words(),),
        fields=(field,) if after is not None else (),
        workloads=((namespace, name),),
    )
