"""The report `whatif apply`: what objects would do to the calls that were seen, and which findings come and go.

Nothing is sent. The console and the command line give it the objects, and two Pictures: as it is, and with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.forecast.calls import SeenCall, seen_calls
from meshtop.analysis.forecast.differences import (
    BREAKING,
    CallDifference,
    CallForecast,
    ForecastEffect,
    forecast_calls,
)
from meshtop.analysis.forecast.judged import JUDGED, unjudged_effect
from meshtop.analysis.forecast.world import ForecastWorld
from meshtop.analysis.inventory.overlay import OverlaidObject, as_applied, objects_in, with_objects
from meshtop.model.constants import ISTIO_NAMESPACE
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.snapshot import Snapshot
from meshtop.model.traffic import Peer, Target
from meshtop.views.frame.document import Document, rfc3339, sources
from meshtop.views.frame.owners import tenant_text
from meshtop.views.frame.unknowns import Needs, unknowns_of
from meshtop.views.kinds.findings import FindingItem, config_item
from meshtop.views.picture.configuration import judgement_of
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_members, moment_of, pairs_of
from meshtop.views.reports.analyze import ReadFiles, laid_over

FORECAST_NEEDS = Needs(
    (
        "Pod", "Service", "Namespace", "ConfigMap", "PeerAuthentication", "AuthorizationPolicy",
        "RequestAuthentication", "DestinationRule", "VirtualService", "Sidecar", "ServiceEntry",
    ),
    traffic=True,
)  # fmt: skip
"""Data that the answer depends on."""
_IDLE_ROUTE = "CONFIG-ROUTE-IDLE"
"""The finding that nothing calls a route, of which a forecast knows nothing."""
_WORLD: Key[ForecastWorld] = Key("configuration in which calls were seen")


class ObjectFate(StrEnum):
    """What becomes of an object in a cluster."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REMOVED = "removed"
    NOT_THERE = "not-there"
    """It is to be removed, and there is none."""
    NO_NAMESPACE = "no-namespace"
    """Its namespace is not there, so that the cluster would refuse it."""


class ForecastObject(Struct, frozen=True, rename="camel", kw_only=True):
    """An object of the forecast in one cluster. `judged` is False where its effect on calls is not worked out: `why`.

    `matters` is whether an object that is not judged may change calls nevertheless.
    """

    cluster: str
    kind: str
    namespace: str
    name: str
    change: ObjectFate
    judged: bool
    matters: bool
    why: str = ""


class ForecastShare(Struct, frozen=True):
    """A share (0 to 1) of a call, and where it goes."""

    to: str
    share: float


class ForecastItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A call and what the objects would do to it; `perSecond` of its requests (connections for TCP) are concerned.

    `share` (0 to 1) of the call is. `before` and `after` are where it goes; what fails is in neither. `by` is the
    object that decides, "" where none does.
    """

    effect: ForecastEffect
    source: Peer
    destination: Target
    protocol: str
    requests_per_second: float
    share: float
    per_second: float
    why: str
    by: str
    before: tuple[ForecastShare, ...]
    after: tuple[ForecastShare, ...]
    source_tenant: str | None
    destination_tenant: str | None

    @property
    def breaks(self) -> bool:
        """Whether calls that work would fail."""
        return self.effect in BREAKING


class ForecastCounts(Struct, frozen=True, rename="camel", kw_only=True):
    """How many calls, of one cluster's callers or of all, would do what; `brokenPerSecond` of them would fail."""

    cluster: str = ""
    calls: int
    breaks: int
    depends: int
    moves: int
    mends: int
    fails_already: int
    broken_per_second: float


class ForecastFindings(Struct, frozen=True):
    """The findings on the configuration that come with the objects, and those that go."""

    come: tuple[FindingItem, ...]
    go: tuple[FindingItem, ...]


class ForecastAnswer(Struct, frozen=True, kw_only=True):
    """The whole answer: its objects, calls (the worst first), counts of all and by cluster, findings, and unknowns."""

    objects: tuple[ForecastObject, ...]
    items: tuple[ForecastItem, ...]
    summary: ForecastCounts
    clusters: tuple[ForecastCounts, ...]
    findings: ForecastFindings
    unknowns: tuple[Unknown, ...]
    passed_over: tuple[str, ...] = ()
    """Kinds of given objects that nothing reads."""


class ForecastDocument(Document, frozen=True, rename="camel", kw_only=True):
    """The document of `-o json`; `span` is over how long the calls were seen."""

    question: str
    span: str
    objects: tuple[ForecastObject, ...]
    summary: ForecastCounts
    clusters: tuple[ForecastCounts, ...]
    findings: ForecastFindings


class ForecastChange(Struct, frozen=True, kw_only=True):
    """What is asked about: objects applied to and removed from clusters ("" stands for every one)."""

    applied: tuple[ReadFiles, ...] = ()
    removed: tuple[tuple[str, OverlaidObject], ...] = ()
    passed_over: tuple[str, ...] = ()
    """Kinds of objects that were given and that nothing reads."""

    def over(self, snapshot: Snapshot) -> Snapshot:
        """A snapshot as it would be with the change."""
        taken: list[ReadFiles] = []
        for cluster in snapshot.clusters:
            for part in self.applied if cluster.inventory is not None else ():
                if part.cluster in ("", cluster.name):
                    fitting = _with_a_home(part.inventory, _missing_homes(cluster.inventory, part.inventory))
                    taken.append(ReadFiles(cluster=cluster.name, inventory=fitting))
        return laid_over(snapshot, taken, self.removed)


def _missing_homes(held: Inventory | None, applied: Inventory) -> frozenset[str]:
    """The namespaces of applied objects that are known not to be in a cluster, nor applied with them."""
    if held is None or not held.evidence("Namespace").known or not held.namespaces:
        return frozenset()
    there = {one.meta.name for one in (*held.namespaces, *applied.namespaces)}
    return frozenset(
        name.namespace for name, _ in objects_in(applied) if name.namespace and name.namespace not in there
    )


def _with_a_home(applied: Inventory, missing: frozenset[str]) -> Inventory:
    """The objects of an inventory without those of missing namespaces."""
    if not missing:
        return applied
    gone = [name for name, _ in objects_in(applied) if name.namespace in missing]
    return with_objects(applied, Inventory(), gone)


def forecast_of(before: Picture, make: Callable[[Snapshot], Picture], change: ForecastChange) -> ForecastAnswer:
    """What a change would do to the calls that a Picture shows; `make` makes Pictures of snapshots."""
    after = make(change.over(before.snapshot))
    forecast = forecast_between(before, after, touched=_touched(before, change))
    items = tuple(before.rows("whatif", forecast.differences, lambda one: forecast_item(before, one)))
    objects = tuple(_objects(before.snapshot, change))
    return ForecastAnswer(
        objects=objects,
        items=items,
        summary=forecast_counts("", items, forecast.calls),
        clusters=tuple(_by_cluster(before, items)),
        findings=_findings(before, after),
        unknowns=_unknowns(before, after, items, objects, change),
        passed_over=tuple(dict.fromkeys(change.passed_over)),
    )


def _touched(picture: Picture, change: ForecastChange) -> Callable[[SeenCall], bool]:
    """Whether a change may concern a call: by the namespaces of its objects, where a root namespace is for all."""
    changed = (ObjectFate.NEW, ObjectFate.CHANGED, ObjectFate.REMOVED)
    homes = {one.namespace for one in _objects(picture.snapshot, change) if one.change in changed}
    roots = {facts.root_namespace or ISTIO_NAMESPACE for facts in picture.facts.values()}

    def touched(call: SeenCall) -> bool:
        ends = {call.source.namespace, *(edge.destination.namespace for edge in call.edges)}
        return bool(homes & (roots | ends))

    return touched


def seen_world(picture: Picture) -> ForecastWorld:
    """The configuration in which the calls of a Picture were seen."""
    return picture.unless_changed(_WORLD, lambda: ForecastWorld(mesh_members(picture), pairs_of(picture)))


def forecast_between(
    before: Picture, after: Picture, *, touched: Callable[[SeenCall], bool] = lambda _: True
) -> CallForecast:
    """What becomes of the calls of one Picture under the configuration of another."""
    world = seen_world(before)
    other = ForecastWorld(mesh_members(after), pairs_of(after), reference=world)
    return forecast_calls(world, other, seen_calls(before.edges), touched=touched, rows=before.rows)


def forecast_item(picture: Picture, one: CallDifference) -> ForecastItem:
    """A difference as an item, with the tenants of both ends."""
    source, destination = one.call.source, one.destination
    return ForecastItem(
        effect=one.effect,
        source=source,
        destination=destination,
        protocol=one.call.protocol,
        requests_per_second=one.call.rate,
        share=one.share,
        per_second=one.per_second,
        why=one.why,
        by=one.by,
        before=_shares(one.before),
        after=_shares(one.after),
        source_tenant=tenant_text(picture.tenants(source.cluster, source.namespace)),
        destination_tenant=tenant_text(picture.tenants(destination.cluster, destination.namespace)),
    )


def _shares(shares: Mapping[str, float]) -> tuple[ForecastShare, ...]:
    return tuple(
        ForecastShare(to, round(share, 6)) for to, share in sorted(shares.items(), key=lambda s: (-s[1], s[0]))
    )


def forecast_counts(cluster: str, items: Iterable[ForecastItem], calls: int) -> ForecastCounts:
    """How many of some calls, of one cluster's callers or of all (""), would do what."""
    found = list(items)

    def many(*effects: ForecastEffect) -> int:
        return sum(item.effect in effects for item in found)

    return ForecastCounts(
        cluster=cluster,
        calls=calls,
        breaks=many(*BREAKING),
        depends=many(ForecastEffect.DEPENDS),
        moves=many(ForecastEffect.MOVES),
        mends=many(ForecastEffect.MENDS),
        fails_already=many(ForecastEffect.FAILS_ALREADY),
        broken_per_second=sum(item.per_second for item in found if item.breaks),
    )


def _by_cluster(picture: Picture, items: Sequence[ForecastItem]) -> Iterable[ForecastCounts]:
    """Counts by the cluster from which calls come."""
    seen: dict[str, int] = {}
    for call in seen_calls(picture.edges):
        seen[call.source.cluster] = seen.get(call.source.cluster, 0) + 1
    for cluster in picture.snapshot.clusters:
        own = [item for item in items if item.source.cluster == cluster.name]
        yield forecast_counts(cluster.name, own, seen.get(cluster.name, 0))


def _objects(snapshot: Snapshot, change: ForecastChange) -> Iterable[ForecastObject]:
    """Every object of a change in every cluster that it is for."""
    for cluster in snapshot.clusters:
        if cluster.inventory is None:
            continue
        held = dict(objects_in(cluster.inventory))
        for where, name in change.removed:
            if where in ("", cluster.name):
                told = ObjectFate.REMOVED if name in held else ObjectFate.NOT_THERE
                yield _object(cluster.name, name, told)
        for part in change.applied:
            if part.cluster in ("", cluster.name):
                missing = _missing_homes(cluster.inventory, part.inventory)
                for name, obj in objects_in(part.inventory):
                    there = name.namespace not in missing
                    told = _changed(held.get(name), obj) if there else ObjectFate.NO_NAMESPACE
                    yield _object(cluster.name, name, told)


def _object(cluster: str, name: OverlaidObject, change: ObjectFate) -> ForecastObject:
    why = unjudged_effect(name.kind, name.namespace, name.name)
    return ForecastObject(
        cluster=cluster,
        kind=name.kind,
        namespace=name.namespace,
        name=name.name,
        change=change,
        judged=why is None and name.kind in JUDGED,
        matters=why is not None and change in (ObjectFate.NEW, ObjectFate.CHANGED, ObjectFate.REMOVED),
        why=why or ("" if name.kind in JUDGED else "it is no matter to calls"),
    )


def _changed(held: object, applied: object) -> ObjectFate:
    """Whether an object that is applied is new, or another one than what is there."""
    if held is None:
        return ObjectFate.NEW
    if isinstance(held, ConfigObject) and isinstance(applied, ConfigObject):
        return ObjectFate.SAME if held.spec == applied.spec else ObjectFate.CHANGED
    same = as_applied(applied, held, 0.0) == held if isinstance(held, Struct) else applied == held
    return ObjectFate.SAME if same else ObjectFate.CHANGED


def _findings(before: Picture, after: Picture) -> ForecastFindings:
    """What is found on the configuration with the change and not without, and the other way round."""
    was, will = _by_object(before), _by_object(after)
    return ForecastFindings(come=tuple(_more(will, was)), go=tuple(_more(was, will)))


_Of = tuple[str, str, str, str, str, str]


def _by_object(picture: Picture) -> dict[_Of, list[FindingItem]]:
    """Findings by their code and object: their words may name how many others there are."""
    found: dict[_Of, list[FindingItem]] = {}
    for item in _found(picture):
        found.setdefault((item.code, item.cluster, item.kind, item.namespace, item.name, item.path), []).append(item)
    return found


def _more(some: Mapping[_Of, list[FindingItem]], others: Mapping[_Of, list[FindingItem]]) -> Iterable[FindingItem]:
    """The findings that are in one and not in the other."""
    for key, items in some.items():
        known = {item.id for item in others.get(key, ())}
        surplus = len(items) - len(others.get(key, ()))
        yield from [item for item in items if item.id not in known][: max(surplus, 0)]


def _found(picture: Picture) -> Iterable[FindingItem]:
    for one in judgement_of(picture).findings:
        if one.code != _IDLE_ROUTE:
            yield config_item(one, picture.tenants(one.object.cluster, one.object.namespace))


def _unknowns(
    before: Picture,
    after: Picture,
    items: Sequence[ForecastItem],
    objects: Sequence[ForecastObject],
    change: ForecastChange,
) -> tuple[Unknown, ...]:
    """What the answer could not take into account: data not read, calls that depend, objects that are not judged."""
    depends = {i.source.cluster or i.destination.cluster for i in items if i.effect is ForecastEffect.DEPENDS}
    unjudged = {(one.kind, one.cluster) for one in objects if one.matters}
    clusters = [cluster.name for cluster in after.snapshot.clusters]
    unjudged |= {(kind, name) for kind in change.passed_over if unjudged_effect(kind) for name in clusters}
    return (
        *unknowns_of(before.snapshot, FORECAST_NEEDS, states=before.telemetry_states),
        *(Unknown("some calls", cluster, WhyUnknown.UNSUPPORTED) for cluster in sorted(depends)),
        *(Unknown(f"the effect of {kind}", cluster, WhyUnknown.UNSUPPORTED) for kind, cluster in sorted(unjudged)),
    )


def forecast_document(picture: Picture, answer: ForecastAnswer, *, question: str, span: str) -> ForecastDocument:
    """The document of an answer."""
    return ForecastDocument(
        kind="WhatIfApply",
        generated_at=rfc3339(moment_of(picture)),
        window=span,
        sources=sources(picture.snapshot),
        unknowns=answer.unknowns,
        items=answer.items,
        question=question,
        span=span,
        objects=answer.objects,
        summary=answer.summary,
        clusters=answer.clusters,
        findings=answer.findings,
    )


def applied_to(inventory: Inventory, clusters: Sequence[str]) -> ForecastChange:
    """The change that applies objects to some clusters; to every one where none is named."""
    return ForecastChange(
        applied=tuple(ReadFiles(cluster=cluster, inventory=inventory) for cluster in clusters or ("",))
    )
