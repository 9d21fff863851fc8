"""Two moments held against each other: clusters, weights, configuration, workloads, and calls with their figures.

What was not read at either of them is not compared: that it is missing there says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from meshtop.analysis.canary.board import CanaryRow
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.numbers import percent, quantity
from meshtop.model.text import clean
from meshtop.model.traffic import Traffic
from meshtop.views.frame.columns import Columns, text_cell
from meshtop.views.frame.document import API_VERSION, rfc3339
from meshtop.views.frame.ends import end_text
from meshtop.views.frame.table import Table, Tone
from meshtop.views.kinds.canaries import VIEW as CANARIES
from meshtop.views.kinds.clusters import VIEW as CLUSTERS
from meshtop.views.kinds.edges import VIEW as EDGES
from meshtop.views.kinds.edges import EdgeItem
from meshtop.views.kinds.workloads import VIEW as WORKLOADS
from meshtop.views.kinds.workloads import WorkloadItem
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import moment_of
from meshtop.views.picture.query import Place, Query

CAME, WENT, CHANGED = "came", "went", "changed"
BUSY_PER_SECOND = 1.0
"""A call that is rarer at both moments is not told for being rarer or more frequent."""
FACTOR = 2.0
"""Requests per second that differ by less are the same traffic."""
SLOWER = 1.5
"""A p99 that differs by less than this factor, or by less than `SLOWER_MS`, is the same."""
SLOWER_MS = 20.0
POINTS = 0.01
"""Shares (of errors, of mutual TLS) that differ by less than a point are the same."""
_MOST_PATHS = 6
_Key = TypeVar("_Key")
_Thing = TypeVar("_Thing")


class ComparedField(Struct, frozen=True, rename="camel"):
    """One thing that is not as it was: which, and how it was and is, in words; null where it was or is not there."""

    field: str
    before: str | None
    after: str | None

    @property
    def text(self) -> str:
        """It in a few words."""
        if self.before is None or self.after is None:
            return f"{self.field} {'+' if self.before is None else '-'} {self.after or self.before}"
        return f"{self.field} {self.before} → {self.after}"


class MomentDifference(Struct, frozen=True, rename="camel", kw_only=True):
    """Something that came, went or changed; `what` is cluster, weights, object, workload or call."""

    what: str
    change: str
    cluster: str
    namespace: str
    name: str
    kind: str = ""
    differences: tuple[ComparedField, ...] = ()


class ComparedMoment(Struct, frozen=True, rename="camel"):
    """One of the two: what it is called by whoever asked, and its moment."""

    name: str
    at: str


class MomentsCompared(Struct, frozen=True, rename="camel", kw_only=True):
    """The document of a comparison."""

    api_version: str = API_VERSION
    kind: str = "MomentsCompared"
    before: ComparedMoment
    after: ComparedMoment
    unknowns: tuple[Unknown, ...]
    items: tuple[MomentDifference, ...]


def compare_moments(before: Picture, after: Picture, query: Query, names: tuple[str, str]) -> MomentsCompared:
    """What came, went or changed from the one to the other, in the scope of a query."""
    items = (
        *_clusters(before, after, query),
        *_weights(before, after, query),
        *_configuration(before, after, query),
        *_workloads(before, after, query),
        *_calls(before, after, query),
    )
    first, second = (
        ComparedMoment(name, rfc3339(moment_of(p))) for name, p in zip(names, (before, after), strict=True)
    )
    return MomentsCompared(before=first, after=second, unknowns=_unknowns(before, after, query), items=items)


def _paired(
    before: Mapping[_Key, _Thing], after: Mapping[_Key, _Thing]
) -> Iterator[tuple[_Key, _Thing | None, _Thing | None]]:
    """Each thing as it was and is, in the order of those that are and then of those that were."""
    for key in [*after, *(key for key in before if key not in after)]:
        yield key, before.get(key), after.get(key)


def _change(was: object, now: object) -> str:
    return CAME if was is None else WENT if now is None else CHANGED


def _inventories(picture: Picture) -> dict[str, Inventory]:
    return {one.name: one.inventory for one in picture.snapshot.clusters if one.inventory is not None}


def _measured(picture: Picture) -> set[str]:
    return {one.name for one in picture.snapshot.clusters if one.telemetry is not None}


def _clusters(before: Picture, after: Picture, query: Query) -> Iterator[MomentDifference]:
    was_all, now_all = ({CLUSTERS.key(item): item for item in CLUSTERS.items(p, query)} for p in (before, after))
    for key, was, now in _paired(was_all, now_all):
        told: tuple[ComparedField, ...] = ()
        if was is not None and now is not None:
            told = _fields(
                ("state", was.state.value, now.state.value),
                ("health", was.health.status.value, now.health.status.value),
                ("kubernetes", was.kubernetes_version, now.kubernetes_version),
                ("istio", ", ".join(was.istio_versions), ", ".join(now.istio_versions)),
                ("nodes ready", _ready(was.nodes), _ready(now.nodes)),
            )
        if told or was is None or now is None:
            yield MomentDifference(
                what="cluster", change=_change(was, now), cluster=key, namespace="", name=key, differences=told
            )


def _weights(before: Picture, after: Picture, query: Query) -> Iterator[MomentDifference]:
    both = _inventories(before).keys() & _inventories(after).keys()
    was_all, now_all = ({row.id: row for row in CANARIES.items(p, query)} for p in (before, after))
    for _, was, now in _paired(was_all, now_all):
        row = now or was
        assert row is not None
        if row.cluster not in both:
            continue
        told = _fields(("weights", _set_weights(was), _set_weights(now)))
        if told:
            yield MomentDifference(
                what="weights", change=_change(was, now), cluster=row.cluster, namespace=row.namespace,
                name=row.name, kind=row.kind, differences=told,
            )  # fmt: skip


def _set_weights(row: CanaryRow | None) -> str | None:
    if row is None:
        return None
    return " · ".join(f"{one.name} {'?' if one.weight is None else one.weight}" for one in row.destinations)


def _configuration(before: Picture, after: Picture, query: Query) -> Iterator[MomentDifference]:
    was_read, now_read = _inventories(before), _inventories(after)
    for cluster in [name for name in now_read if name in was_read]:
        was_there, now_there = was_read[cluster], now_read[cluster]
        for kind in dict.fromkeys((*now_there.config, *was_there.config)):
            if not (was_there.evidence(kind).known and now_there.evidence(kind).known):
                continue
            one, other = ({o.meta.key: o for o in i.config.get(kind, ())} for i in (was_there, now_there))
            for key, was, now in _paired(one, other):
                told = _object_changes(was, now) if was is not None and now is not None and was is not now else ()
                place = Place(cluster, key[0], after.tenants(cluster, key[0]))
                if (was is None or now is None or told) and query.holds((place,), namespaced=bool(key[0])):
                    yield MomentDifference(
                        what="object", change=_change(was, now), cluster=cluster, namespace=key[0], name=key[1],
                        kind=kind, differences=told,
                    )  # fmt: skip


def _object_changes(was: ConfigObject, now: ConfigObject) -> tuple[ComparedField, ...]:
    found = [
        *_tree_changes(was.spec, now.spec, "spec"),
        *_tree_changes(was.meta.labels, now.meta.labels, "labels"),
    ]
    return tuple(found[:_MOST_PATHS])


def _tree_changes(was: Any, now: Any, path: str) -> Iterator[ComparedField]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in sorted({*was, *now}, key=str):
            yield from _tree_changes(was.get(name), now.get(name), f"{path}.{name}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from _tree_changes(one, other, f"{path}[{index}]")
    elif was != now:
        yield ComparedField(path, _plain(was), _plain(now))


def _plain(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value) if isinstance(value, int | float) else _json(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _json(value: Any) -> str:
    from msgspec.json import encode

    return encode(value).decode()


def _workloads(before: Picture, after: Picture, query: Query) -> Iterator[MomentDifference]:
    both = _inventories(before).keys() & _inventories(after).keys()
    was_all, now_all = ({WORKLOADS.key(item): item for item in WORKLOADS.items(p, query)} for p in (before, after))
    for _, was, now in _paired(was_all, now_all):
        item = now or was
        assert item is not None
        told = _workload_changes(was, now) if was is not None and now is not None else ()
        if item.cluster in both and (told or was is None or now is None):
            yield MomentDifference(
                what="workload", change=_change(was, now), cluster=item.cluster, namespace=item.namespace,
                name=item.name, kind=item.kind, differences=told,
            )  # fmt: skip


def _workload_changes(was: WorkloadItem, now: WorkloadItem) -> tuple[ComparedField, ...]:
    return _fields(
        ("pods", _ready(was.pods), _ready(now.pods)),
        ("version", was.version, now.version),
        ("proxy", was.proxy and was.proxy.value, now.proxy and now.proxy.value),
        ("proxy version", was.proxy_version, now.proxy_version),
        ("revision", was.revision, now.revision),
    )


def _calls(before: Picture, after: Picture, query: Query) -> Iterator[MomentDifference]:
    both = _measured(before) & _measured(after)
    was_all, now_all = ({EDGES.key(item): item for item in EDGES.items(p, query)} for p in (before, after))
    for _, was, now in _paired(was_all, now_all):
        item = now or was
        assert item is not None
        # A call that only one moment can know of did not come or go.
        if not {item.source.cluster, item.destination.cluster} - {""} <= both:
            continue
        told = _call_changes(was, now) if was is not None and now is not None else _figures(item)
        if told:
            yield MomentDifference(
                what="call", change=_change(was, now), cluster=item.source.cluster or item.destination.cluster,
                namespace=item.destination.namespace, kind=item.protocol,
                name=f"{end_text(item.source)} → {_in_cluster(item)}{end_text(item.destination)}", differences=told,
            )  # fmt: skip


def _in_cluster(item: EdgeItem) -> str:
    return f"{item.destination.cluster}/" if item.cross_cluster and item.destination.cluster else ""


def _figures(item: EdgeItem) -> tuple[ComparedField, ...]:
    rate = item.traffic.requests_per_second
    return (ComparedField("requests", None, f"{quantity(rate)}/s"),) if rate else ()


def _call_changes(was: EdgeItem, now: EdgeItem) -> tuple[ComparedField, ...]:
    one, other = was.traffic, now.traffic
    found = []
    if _differs(one.requests_per_second, other.requests_per_second, _rate_differs):
        found.append(ComparedField("requests", _rate(one), _rate(other)))
    if _differs(one.error_ratio, other.error_ratio, _share_differs):
        found.append(ComparedField("errors", _share(one.error_ratio), _share(other.error_ratio)))
    if _differs(one.latency_ms.p99, other.latency_ms.p99, _latency_differs):
        found.append(ComparedField("p99", _ms(one.latency_ms.p99), _ms(other.latency_ms.p99)))
    if _differs(was.mtls_ratio, now.mtls_ratio, _share_differs):
        found.append(ComparedField("mTLS", _share(was.mtls_ratio), _share(now.mtls_ratio)))
    policies = (was.policy and was.policy.value, now.policy and now.policy.value)
    return (
        *found,
        *_fields(("health", was.health.status.value, now.health.status.value), ("policy", *policies)),
    )


def _differs(was: float | None, now: float | None, differs: Callable[[float, float], bool]) -> bool:
    return was is not None and now is not None and differs(was, now)


def _rate_differs(was: float, now: float) -> bool:
    low, high = sorted((was, now))
    return high >= BUSY_PER_SECOND and high >= FACTOR * low


def _share_differs(was: float, now: float) -> bool:
    return abs(was - now) >= POINTS


def _latency_differs(was: float, now: float) -> bool:
    low, high = sorted((was, now))
    return high >= SLOWER * low and high - low >= SLOWER_MS


def _rate(traffic: Traffic) -> str:
    return f"{quantity(traffic.requests_per_second)}/s"


def _share(ratio: float | None) -> str:
    return f"{percent(ratio)} %"


def _ms(value: float | None) -> str:
    return f"{quantity(value)} ms"


def _ready(ready: Any) -> str | None:
    return None if ready is None else f"{ready.ready}/{ready.total}"


def _fields(*fields: tuple[str, str | None, str | None]) -> tuple[ComparedField, ...]:
    return tuple(ComparedField(name, was, now) for name, was, now in fields if (was or None) != (now or None))


def _unknowns(before: Picture, after: Picture, query: Query) -> tuple[Unknown, ...]:
    """What could not be compared: clusters whose objects or calls one of the moments does not know."""
    found: list[Unknown] = []
    clusters = dict.fromkeys(one.name for p in (before, after) for one in p.snapshot.clusters)
    objects = _inventories(before).keys() & _inventories(after).keys()
    calls = _measured(before) & _measured(after)
    for name in clusters:
        if query.clusters and name not in query.clusters:
            continue
        if name not in objects:
            found.append(Unknown("objects", name, WhyUnknown.NO_DATA))
        if name not in calls:
            found.append(Unknown("traffic", name, WhyUnknown.NO_DATA))
    return tuple(found)


def _differences_text(item: MomentDifference) -> str:
    return clean(", ".join(one.text for one in item.differences))


_TONES = {CAME: Tone.GOOD, WENT: Tone.DEGRADED, CHANGED: Tone.PLAIN}
_SIGNS = {CAME: "+ ", WENT: "- ", CHANGED: "~ "}
c = Columns(MomentDifference)
COLUMNS = (
    c.custom(name="change", title="CHANGE", help_="came, went or changed.", value=lambda i: i.change,
             cell=lambda i: text_cell(f"{_SIGNS[i.change]}{i.change}", _TONES[i.change]), priority=0, min_width=9),
    c.text("what", "WHAT", "cluster, weights, object, workload or call.", "what", priority=0),
    c.text("cluster", "CLUSTER", "The cluster; of a call, the caller's.", "cluster", priority=1),
    c.text("namespace", "NAMESPACE", "The namespace; of a call, the called one's.", "namespace", priority=2),
    c.text("kind", "KIND", "The object's kind, or the call's protocol.", "kind", priority=3),
    c.text("name", "NAME", "What it is.", "name", priority=0, max_width=70),
    c.custom(name="differences", title="DIFFERENCES", help_="How it was and is.", value=_differences_text,
             cell=lambda i: text_cell(_differences_text(i)), priority=1, max_width=160),
)  # fmt: skip


def differences_table(items: Sequence[MomentDifference]) -> Table[MomentDifference]:
    """What differs, as a table."""
    return Table(COLUMNS, items, lambda i: f"{i.what}/{i.cluster}/{i.namespace}/{i.kind}/{i.name}")
