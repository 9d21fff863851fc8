"""Reads the marks of changes: managedFields of objects, as metadata only, and Events; where changes are asked for.

Both are large: of an object's own fields nothing is sent, of its marks only those of the last day are kept, and those
that controllers leave on statuses are dropped here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from meshtop.model.changes import HORIZON_SECONDS, FieldWrite, KubeEvent, ObjectTrace, Traces
from meshtop.model.kube import FIELD_WRITES, KindStatus
from meshtop.sources.kubernetes import wire, wire_traces
from meshtop.sources.kubernetes.convert import unix_seconds
from meshtop.sources.kubernetes.extras import METADATA_ONLY
from meshtop.sources.kubernetes.kinds import ApiKind, Codec
from meshtop.sources.kubernetes.link import ServerLink
from meshtop.sources.kubernetes.lists import list_all
from meshtop.sources.kubernetes.scope import NamespaceScope
from meshtop.sources.problem import SourceProblem

EVENT = ApiKind(name="Event", plural="events", builtin=True)
_EVENTS_GROUP = ApiKind(name="Event", plural="events", group="events.k8s.io", builtin=True)
_BESIDE = (
    ApiKind(name="HorizontalPodAutoscaler", plural="horizontalpodautoscalers", group="autoscaling", versions=("v2",)),
    ApiKind(name="CronJob", plural="cronjobs", group="batch"),
)
"""What scales and starts things; read for its marks alone."""
WRITTEN = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Service", "Namespace", "Node"})
"""Built-in kinds whose marks are read: those that people and their tools write."""
KEPT_REASONS = frozenset(
    {
        *("ScalingReplicaSet", "SuccessfulRescale", "Killing", "BackOff", "Unhealthy", "OOMKilling", "Evicted"),
        *("FailedScheduling", "FailedMount", "FailedCreate", "Failed", "ErrImagePull", "Preempted"),
        *("NodeNotReady", "NodeReady", "NodeNotSchedulable", "NodeSchedulable", "Rebooted", "Starting"),
        *("SuccessfulCreate", "SuccessfulDelete"),
    }
)
"""Reasons of Events that tell of a change; all others are not kept."""
MOST_EVENTS = 5000
MOST_FIELDS_BYTES = 64 * 1024
"""Bytes of one manager's fields; those of the largest objects are a third of it."""
_STATUS_WRITERS = frozenset({"kubelet", "kube-scheduler", "cloud-controller-manager"})
_METADATA_LIST = "PartialObjectMetadataList"


class TraceReader:
    """Reads the marks of one cluster; a kind that may not be listed everywhere is read in the namespaces where it may.

    `statuses` says how it went. It never raises for the cluster's sake.
    """

    def __init__(
        self, link: ServerLink, scope: NamespaceScope, namespaces: Callable[[], Awaitable[Iterable[str]]]
    ) -> None:
        self._link = link
        self._scope = scope
        self._namespaces = namespaces
        self.traces: Traces | None = None
        self.statuses: tuple[KindStatus, ...] = ()
        self.revision = 0
        self._read_at: float | None = None

    def is_due(self) -> bool:
        """Whether they are to be read again: once a minute, as nothing watches them."""
        return self._read_at is None or self._link.clock() - self._read_at >= self._link.pace.unattended * 0.9

    async def read(self, kinds: Sequence[tuple[ApiKind, str]], homes: Sequence[str]) -> None:
        """Read the marks of these kinds (with the version that is served), and in the control planes' namespaces."""
        self._read_at = self._link.clock()
        since = self._read_at - HORIZON_SECONDS
        wanted = [*kinds, *((kind, kind.versions[0]) for kind in _BESIDE)]
        events, objects = await asyncio.gather(self._events(since), self._objects(wanted, homes, since))
        worst = next((r for r in objects[: len(kinds)] if isinstance(r, SourceProblem) and r.code != 404), None)
        kept = [trace for found in objects if not isinstance(found, SourceProblem) for trace in found]
        heard: list[KubeEvent] = [] if isinstance(events, SourceProblem) else events
        self.statuses = (
            _status("Event", events if isinstance(events, SourceProblem) else None, len(heard)),
            _status(FIELD_WRITES, worst, len(kept)),
        )
        traces = Traces(objects=tuple(sorted(kept, key=_place)), events=tuple(heard))
        if traces != self.traces:
            self.traces = traces
            self.revision += 1

    async def _objects(
        self, wanted: Sequence[tuple[ApiKind, str]], homes: Sequence[str], since: float
    ) -> list[list[ObjectTrace] | SourceProblem]:
        return await asyncio.gather(
            *(self._of_kind(kind, version, since) for kind, version in wanted),
            *(self._in_home("Secret", "secrets", home, since) for home in homes),
            *(self._in_home("ConfigMap", "configmaps", home, since) for home in homes),
        )

    async def _of_kind(self, kind: ApiKind, version: str, since: float) -> list[ObjectTrace] | SourceProblem:
        return await self._listed(
            kind, version, _codec(wire_traces.TraceObject, _trace_of(kind.key, since)), traced=True
        )

    async def _in_home(self, name: str, plural: str, home: str, since: float) -> list[ObjectTrace] | SourceProblem:
        kind = ApiKind(name=name, plural=plural)
        codec = _codec(wire_traces.TraceObject, _trace_of(name, since))
        return await self._list(kind.path("v1", home), f"{plural} in {home}", codec, traced=True)

    async def _events(self, since: float) -> list[KubeEvent] | SourceProblem:
        codec = _codec(wire_traces.EventObject, _event_since(since))
        found = await self._listed(EVENT, "v1", codec, traced=False)
        if isinstance(found, SourceProblem):
            other = await self._listed(_EVENTS_GROUP, "v1", codec, traced=False)
            found = found if isinstance(other, SourceProblem) else other
        if isinstance(found, SourceProblem):
            return found
        return sorted(found, key=lambda one: (one.last, one.namespace, one.name, one.reason))[-MOST_EVENTS:]

    async def _listed(self, kind: ApiKind, version: str, codec: Codec, *, traced: bool) -> list[Any] | SourceProblem:
        """A kind of the whole cluster, else of each namespace in which it may be listed."""
        found = await self._list(kind.path(version), kind.resource, codec, traced=traced)
        if not isinstance(found, SourceProblem) or found.code != 403 or not kind.namespaced:
            return found
        names = await self._scope.names(kind, await self._namespaces())
        parts = await asyncio.gather(
            *(self._list(kind.path(version, n), f"{kind.resource} in {n}", codec, traced=traced) for n in names)
        )
        read = [part for part in parts if not isinstance(part, SourceProblem)]
        return [one for part in read for one in part] if read else found

    async def _list(self, path: str, what: str, codec: Codec, *, traced: bool) -> list[Any] | SourceProblem:
        try:
            listing = await list_all(
                self._link.connection,
                path,
                codec,
                what=what,
                headers={"Accept": METADATA_ONLY} if traced else None,
                only=_METADATA_LIST if traced else None,
                turn=self._link.listing,
            )
        except SourceProblem as problem:
            return problem.kept()
        return [one for one in listing.objects if one is not None]


def _codec(shape: Any, convert: Callable[[Any], Any]) -> Codec:
    return Codec(msgspec.json.Decoder(wire.ObjectList[shape]), msgspec.json.Decoder(shape), convert)


def _trace_of(kind: str, since: float) -> Callable[[wire_traces.TraceObject], ObjectTrace | None]:
    """How to keep an object's marks: those since a moment, and none where there are none."""

    def convert(item: wire_traces.TraceObject) -> ObjectTrace | None:
        meta = item.metadata
        created = unix_seconds(meta.creation_timestamp)
        writes = tuple(
            FieldWrite(
                manager=entry.manager,
                operation=entry.operation,
                time=at,
                subresource=entry.subresource,
                fields=_detached(entry.fields_v1),
            )
            for entry in meta.managed_fields or ()
            if (at := unix_seconds(entry.time)) >= since
            and entry.subresource != "status"
            and entry.manager not in _STATUS_WRITERS
        )
        if not writes and created < since and meta.deletion_timestamp is None:
            return None
        return ObjectTrace(
            kind=kind,
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            created=created,
            deleted=meta.deletion_timestamp.timestamp() if meta.deletion_timestamp is not None else None,
            writes=writes,
        )

    return convert


def _detached(raw: msgspec.Raw) -> bytes:
    """A copy: the raw part holds on to the whole page. What is larger than any object's fields is not kept."""
    return bytes(raw) if len(memoryview(raw)) <= MOST_FIELDS_BYTES else b"too large"


def _event_since(since: float) -> Callable[[wire_traces.EventObject], KubeEvent | None]:
    """How to keep an Event that tells of a change since a moment."""

    def convert(item: wire_traces.EventObject) -> KubeEvent | None:
        subject = item.involved_object or item.regarding
        if subject is None or item.reason not in KEPT_REASONS:
            return None
        repeated = item.series.last_observed_time if item.series is not None else None
        times = [
            *(item.first_timestamp, item.deprecated_first_timestamp, item.event_time),
            *(repeated, item.last_timestamp, item.deprecated_last_timestamp),
        ]
        known = [at for at in map(_seconds, times) if at] or [unix_seconds(item.metadata.creation_timestamp)]
        if max(known) < since:
            return None
        source = item.source or item.deprecated_source
        return KubeEvent(
            reason=item.reason,
            kind=subject.kind,
            namespace=subject.namespace,
            name=subject.name,
            message=(item.message or item.note or "")[:1000],
            first=min(known),
            last=max(known),
            count=max(item.count or 0, item.deprecated_count or 0, item.series.count if item.series else 0, 1),
            reporter=item.reporting_component or item.reporting_controller or (source.component if source else ""),
        )

    return convert


def _seconds(moment: datetime | None) -> float:
    return unix_seconds(moment)


def _place(trace: ObjectTrace) -> tuple[str, str, str]:
    return trace.kind, trace.namespace, trace.name


def _status(kind: str, problem: SourceProblem | None, count: int) -> KindStatus:
    if problem is None:
        return KindStatus(kind=kind, count=count)
    state = {403: "denied", 404: "missing"}.get(problem.code or 0, "failed")
    return KindStatus(kind=kind, state=state, count=count, error=problem.message)
