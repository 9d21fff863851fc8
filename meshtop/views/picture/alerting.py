"""Alerts and objectives of a Picture: each with its cluster, and with what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from meshtop.analysis.alerting.burning import SloVerdict, judge_slo
from meshtop.analysis.alerting.ties import Tie, TieIndex, TieKind, tie_index, ties_of
from meshtop.model.alerting import Alert, SloReading
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import State
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture

_INDEX: Key[TieIndex] = Key("objects by the names of labels")
_INDEXES: Key[dict[str, TieIndex]] = Key("objects of all clusters by the names of labels")
_ALERTS: Key[tuple[TiedAlert, ...]] = Key("alerts with what they are about")
_SLOS: Key[tuple[JudgedSlo, ...]] = Key("judged objectives")
ALERTS, SLOS = "alerts", "slos"
"""What is unknown, in the words of `unknowns[]`."""


class TiedAlert(Struct, frozen=True):
    """An alert, whose Prometheus tells of it (None for an engine above several that does not say), and its objects."""

    alert: Alert
    cluster: str | None
    ties: tuple[Tie, ...]


class JudgedSlo(Struct, frozen=True):
    """An objective of one cluster, the service that it is of (None where no such object exists), and what is said."""

    reading: SloReading
    cluster: str
    tie: Tie | None
    verdict: SloVerdict


def alerts_of(picture: Picture) -> tuple[TiedAlert, ...]:
    """The active alerts of all clusters; one that an engine tells for several of them is there once."""
    return picture.cached(_ALERTS, lambda: tuple(_tied(picture)))


def _tied(picture: Picture) -> Iterable[TiedAlert]:
    indexes = indexes_of(picture)
    told: set[tuple[object, ...]] = set()
    for cluster in picture.snapshot.clusters:
        for alert in cluster.alerts.alerts if cluster.alerts is not None else ():
            if not alert.unplaced:
                yield TiedAlert(alert, cluster.name, ties_of(alert.labels, cluster.name, indexes))
                continue
            key = (alert.name, tuple(sorted(alert.labels.items())))
            if key not in told:
                told.add(key)
                # Nothing says that it is of the cluster whose Prometheus was asked.
                yield TiedAlert(alert, None, ties_of(alert.labels, "", indexes))


def slos_of(picture: Picture) -> tuple[JudgedSlo, ...]:
    """The objectives of all clusters, judged."""
    return picture.cached(_SLOS, lambda: tuple(_judged(picture)))


def _judged(picture: Picture) -> Iterable[JudgedSlo]:
    indexes = indexes_of(picture)
    for cluster in picture.snapshot.clusters:
        for reading in cluster.slos.readings if cluster.slos is not None else ():
            tie = _service_of(reading, cluster.name, indexes)
            yield JudgedSlo(reading, cluster.name, tie, judge_slo(reading))


def _service_of(reading: SloReading, cluster: str, indexes: Mapping[str, TieIndex]) -> Tie | None:
    index = indexes.get(cluster)
    if index is None:
        return None
    namespace, slash, name = reading.service.rpartition("/")
    if slash:
        return index.service(namespace, name)
    found = index.service(reading.namespace, reading.service) or index.workload(reading.namespace, reading.service)
    if found is not None or not reading.labels:
        return found
    tied = (TieKind.WORKLOAD, TieKind.MACHINE, TieKind.SERVICE)
    return next((tie for tie in ties_of(reading.labels, cluster, indexes) if tie.kind in tied), None)


def indexes_of(picture: Picture) -> Mapping[str, TieIndex]:
    """The objects of each cluster by the names that labels have for them, by its name and by what telemetry calls it.

    An id that several clusters share names none of them.
    """

    def make() -> dict[str, TieIndex]:
        named = {c.name: index for c in picture.snapshot.clusters if (index := _index(picture, c)) is not None}
        ids = [picture.cluster_id(name) for name in named]
        also = {i: named[name] for name, i in zip(named, ids, strict=True) if i and ids.count(i) == 1}
        return {**also, **named}

    return picture.cached(_INDEXES, make)


def _index(picture: Picture, cluster: ClusterSnapshot) -> TieIndex | None:
    inventory = cluster.inventory
    if inventory is None:
        return None
    name = cluster.name
    return picture.memory.get_or_make(
        _INDEX.at(name),
        (inventory,),
        lambda: tie_index(name, inventory, picture.workloads_in(name), picture.machines_in(name)),
    )


def alerting_unknowns(picture: Picture, what: str) -> tuple[Unknown, ...]:
    """Where alerts or objectives were not read, and why: that there is none may then not be said."""
    found = []
    for cluster in picture.snapshot.clusters:
        read = cluster.alerts if what == ALERTS else cluster.slos
        if read is None:
            found.append(Unknown(what, cluster.name, _why_none(cluster)))
        elif read.evidence.why is not None:
            found.append(Unknown(what, cluster.name, read.evidence.why))
    return tuple(found)


def _why_none(cluster: ClusterSnapshot) -> WhyUnknown:
    why = {State.DENIED: WhyUnknown.DENIED, State.UNREACHABLE: WhyUnknown.UNREACHABLE, State.STALE: WhyUnknown.STALE}
    if cluster.prometheus.state is State.NONE and cluster.prometheus.error is not None:
        return WhyUnknown.UNSUPPORTED
    return why.get(cluster.prometheus.state, WhyUnknown.NOT_READ)
