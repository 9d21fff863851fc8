"""What changed, as it comes over the wire: managedFields of objects (metadata only), and Events of both groups."""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw, Struct, field


class FieldsEntry(Struct, rename="camel"):
    """An entry of managedFields; its fields stay as they are."""

    manager: str = ""
    operation: str = ""
    time: datetime | None = None
    subresource: str = ""
    fields_v1: Raw = field(default_factory=Raw, name="fieldsV1")


class TraceMeta(Struct, rename="camel"):
    """Metadata as far as it tells of changes: neither labels nor annotations."""

    name: str
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    managed_fields: list[FieldsEntry] | None = None


class TraceObject(Struct):
    """Any object, for its marks."""

    metadata: TraceMeta


class EventSubject(Struct, gc=False):
    """What an Event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class EventSeries(Struct, rename="camel", gc=False):
    """How often an Event came again."""

    count: int = 0
    last_observed_time: datetime | None = None


class EventSource(Struct, gc=False):
    """Who reports an Event of core/v1."""

    component: str = ""


class EventMeta(Struct, rename="camel", gc=False):
    """When an Event was written."""

    creation_timestamp: datetime | None = None


class EventObject(Struct, rename="camel"):
    """An Event; events.k8s.io/v1 calls the same things `regarding`, `note` and `deprecated…`."""

    metadata: EventMeta = field(default_factory=EventMeta)
    involved_object: EventSubject | None = None
    regarding: EventSubject | None = None
    reason: str | None = None
    message: str | None = None
    note: str | None = None
    count: int | None = None
    deprecated_count: int | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    deprecated_first_timestamp: datetime | None = None
    deprecated_last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None
    source: EventSource | None = None
    deprecated_source: EventSource | None = None
    reporting_component: str | None = None
    reporting_controller: str | None = None
