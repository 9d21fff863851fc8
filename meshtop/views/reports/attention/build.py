"""From what is wrong to the list of items: folded, ranked, and remembered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec import structs

from meshtop.analysis.changes.suspicion import Suspect
from meshtop.log import log_repeated
from meshtop.model.attention import PastChange, Remembered, Sighting
from meshtop.model.changes import ChangeHow
from meshtop.model.errors import MeshtopError
from meshtop.model.state import Severity, State
from meshtop.process import give_way
from meshtop.views.frame.things import Thing
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place
from meshtop.views.reports.attention import rank
from meshtop.views.reports.attention.blame import MOST, blamed
from meshtop.views.reports.attention.draft import Draft
from meshtop.views.reports.attention.fold import consequences_of, fold
from meshtop.views.reports.attention.fold_alerts import RULES
from meshtop.views.reports.attention.item import (
    AttentionItem,
    FoldedItem,
    Impact,
    PrecedingChange,
    SuspectedChange,
)
from meshtop.views.reports.attention.notice.alerts import of_alerts, of_slos
from meshtop.views.reports.attention.notice.calls import of_calls, of_noisy_callers, of_workloads
from meshtop.views.reports.attention.notice.canaries import of_canaries
from meshtop.views.reports.attention.notice.clusters import of_clusters
from meshtop.views.reports.attention.notice.configuration import (
    of_drift,
    of_findings,
    of_machines,
    of_tenants,
)

_log = logging.getLogger(__name__)
Part = TypeVar("Part")

CHANGED_BEFORE_SECONDS = 900.0
"""What changed so long before something began is named as what may have caused it."""
CHANGED_AFTER_SECONDS = 45.0
"""An onset is good to a scrape or two: a change may seem to come after what it caused."""

_PLACES: Key[dict[str, tuple[Place, ...]]] = Key("places of what needs attention")


def build(picture: Picture) -> list[AttentionItem]:
    """Everything that needs attention, the worst first."""
    defects: list[Draft] = []
    ill = _part("workloads", lambda: of_workloads(picture), defects)
    machines = _part("virtual machines", lambda: of_machines(picture), defects)
    noisy = dict(_part("noisy callers", lambda: of_noisy_callers(picture, ill).items(), defects))
    drafts = [
        *_part("clusters", lambda: of_clusters(picture), defects),
        *ill,
        *_part("calls", lambda: of_calls(picture, [*ill, *machines]), defects),
        *(draft for draft, _ in noisy.values()),
        *machines,
        *_part("findings", lambda: of_findings(picture), defects),
        *_part("tenants", lambda: of_tenants(picture), defects),
        *_part("canaries", lambda: of_canaries(picture, ill), defects),
        *_part("alerts", lambda: of_alerts(picture), defects),
        *_part("objectives", lambda: of_slos(picture), defects),
        *_part("drift", lambda: of_drift(picture), defects),
        *defects,
    ]
    drafts = list({draft.id: draft for draft in drafts}.values())
    parents = fold(picture, drafts, {identity: harmed for identity, (_, harmed) in noisy.items()})
    now = picture.snapshot.at if picture.snapshot.moment is None else picture.snapshot.moment
    items = []
    places: dict[str, tuple[Place, ...]] = {}
    since = now - CHANGED_BEFORE_SECONDS - 1800.0
    changes = picture.attention_log.changes(since, now)
    followers: dict[str, list[Draft]] = {}
    for draft in drafts:
        if draft.id in parents:
            followers.setdefault(parents[draft.id], []).append(draft)
    for draft in drafts:
        give_way()
        if draft.id in parents:
            continue
        below = consequences_of(draft.id, followers.get(draft.id, ()), parents)
        places[draft.id] = tuple(dict.fromkeys(place for one in (draft, *below) for place in one.places))
        items.append(_item(picture, draft, below, places[draft.id], changes, now))
    picture.cached(_PLACES, lambda: places)
    silent = frozenset(draft.id for draft in drafts if draft.lost_cluster)
    remembered = _remembered(picture, items, {draft.id: draft.places for draft in drafts}, silent, now)
    items = [_recalled(item, remembered.get(item.id), silent=item.id in silent) for item in items]
    rates = [picture.cluster_figures(c.name).received.requests or 0.0 for c in picture.snapshot.clusters]
    elsewhere = max(rates, default=0.0)
    items = [rank.stepped_back(item, now, elsewhere) for item in items]
    ordered = sorted(items, key=lambda item: rank.rank_key(item, now, elsewhere))
    return [structs.replace(item, rank=i) for i, item in enumerate(ordered)]


def _part(name: str, make: Callable[[], Iterable[Part]], defects: list[Draft]) -> list[Part]:
    """What a part finds; a defect costs that part and is an item itself: all is well must not be said without it."""
    try:
        found = []
        for one in make():
            give_way()
            found.append(one)
        return found
    except MeshtopError:
        raise
    except Exception as error:  # noqa: BLE001 - the log has the traceback, and the other parts go on
        log_repeated(_log, f"what needs attention of {name} is not known", error)
        title = f"What needs attention of {name} is not known: a defect ({type(error).__name__}); the log has it."
        defects.append(
            Draft(id=f"defect/{name}", severity=Severity.WARNING, title=title, kind="", key="", places=(Place(),))
        )
        return []


def places_of(picture: Picture, item: AttentionItem) -> tuple[Place, ...]:
    """Where an item and its consequences stand, for the scope."""
    return picture.cached(_PLACES, dict).get(item.id, ())


def _item(
    picture: Picture,
    draft: Draft,
    below: Sequence[Draft],
    places: Sequence[Place],
    changes: Sequence[PastChange],
    now: float,
) -> AttentionItem:
    onset = draft.onset
    # An alert that says it too is evidence: it dates its own threshold, and hits nobody else.
    seen = [one for one in below if one.kind not in RULES]
    if onset is None and seen:
        # A cause is no younger than what follows from it.
        onset = min((one.onset for one in seen if one.onset is not None), default=None)
    suspects = _suspects(picture, draft, below, onset)
    return AttentionItem(
        id=draft.id,
        severity=draft.severity,
        title=draft.title,
        since=_moment(draft.no_later if onset is None else onset),
        first_seen=datetime.fromtimestamp(now, UTC),
        impact=_impact(picture, draft, seen, places),
        cause=_cause(suspects) or _preceding(draft, below, onset, changes, places),
        consequences=tuple(
            FoldedItem(id=one.id, severity=one.severity, title=one.title, since=_moment(one.onset)) for one in below
        ),
        acknowledged=None,
        about=tuple(dict.fromkeys(Thing(kind=one.kind, key=one.key) for one in (draft, *below) if one.key)),
        findings=tuple(dict.fromkeys(code for one in (draft, *below) for code in one.findings)),
        lasting=onset is None and draft.no_later is not None,
        places=tuple(dict.fromkeys("/".join(filter(None, (p.cluster, p.namespace))) for p in draft.places)),
        changes=tuple(
            SuspectedChange(
                key=one.change.key,
                title=one.change.title,
                time=datetime.fromtimestamp(one.change.at, UTC),
                score=one.score,
                why=one.why,
            )
            for one in suspects[:MOST]
        ),
    )


def _suspects(picture: Picture, draft: Draft, below: Sequence[Draft], onset: float | None) -> tuple[Suspect, ...]:
    """The suspects of an item; a defect in looking for them costs them and not the item."""
    try:
        return blamed(picture, draft, below, onset)
    except MeshtopError:
        raise
    except Exception as error:  # noqa: BLE001 - the log has the traceback, and the item stays
        log_repeated(_log, f"which changes are suspected of {draft.id} is not known", error)
        return ()


def _cause(suspects: Sequence[Suspect]) -> PrecedingChange | None:
    """The likeliest suspect; that a cluster ceased to answer says no more than the item itself."""
    if not suspects or suspects[0].change.how is ChangeHow.LOST:
        return None
    first = suspects[0].change
    return PrecedingChange(title=first.title, time=datetime.fromtimestamp(first.at, UTC))


def _impact(picture: Picture, draft: Draft, below: Sequence[Draft], places: Sequence[Place]) -> Impact:
    """A call that fails at its end fails at its beginning too: of a chain the largest counts, and not the sum."""
    several = (draft, *below)
    hit = {workload for one in several for workload in (*one.workloads, *one.callers)}
    owners = (picture.tenants(cluster, namespace) for cluster, namespace, _ in hit)
    unseen = draft.unseen
    return Impact(
        requests_per_second=max(one.requests for one in several),
        errors_per_second=max(one.errors for one in several),
        slow_per_second=max(one.slow for one in several),
        plaintext_per_second=sum(one.exposed for one in several),
        unseen_per_second=unseen,
        tenants=tuple(sorted({t for p in places for t in p.tenants} | {t for found in owners for t in found})),
        workloads=len(hit),
    )


def _preceding(
    draft: Draft,
    below: Iterable[Draft],
    onset: float | None,
    changes: Sequence[PastChange],
    places: Sequence[Place],
) -> PrecedingChange | None:
    """What changed last before it began, in one of its places."""
    if onset is None:
        return None
    here = {(place.cluster, place.namespace) for place in places}
    found = [(one.changed_at, one.changed) for one in (draft, *below) if one.changed and one.changed_at is not None]
    found += [(c.at, c.title) for c in changes if not c.cluster or (c.cluster, c.namespace) in here]
    near = [(at, title) for at, title in found if onset - CHANGED_BEFORE_SECONDS <= at <= onset + CHANGED_AFTER_SECONDS]
    if not near:
        return None
    at, title = max(near)
    return PrecedingChange(title=title, time=datetime.fromtimestamp(at, UTC))


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _remembered(
    picture: Picture,
    items: Sequence[AttentionItem],
    below: Mapping[str, tuple[Place, ...]],
    silent: Collection[str],
    now: float,
) -> Mapping[str, Remembered]:
    """What is remembered of the items; `below` are the places of what follows from them, by id, `silent` the ids of
    clusters that do not answer.

    A past moment and a fleet that is still being read are not written down.
    """
    if picture.snapshot.moment is not None or not picture.snapshot.settled:
        return {}
    clusters = picture.snapshot.clusters
    keys = {c.name: c.uid or c.server for c in clusters}
    read = {c.name: keys[c.name] for c in clusters if c.kubernetes.state is State.FRESH}
    servers = {c.uid: c.server for c in clusters if c.uid}
    sightings = [one for item in items for one in _sightings(keys, item, below, item.id in silent)]
    return picture.attention_log.see(sightings, now, read=read, servers=servers)


def _sightings(
    keys: Mapping[str, str], item: AttentionItem, below: Mapping[str, tuple[Place, ...]], silent: bool
) -> Iterator[Sighting]:
    """The item and what follows from it, which is there although it is no item of its own.

    What follows is known by its own clusters, as it will be when it stands for itself; `keys` are what clusters are
    known by (UID, else server), by name.
    """

    def sighting(id_: str, severity: Severity, title: str, places: Iterable[str], **more: Any) -> Sighting:
        clusters = tuple(name for name in dict.fromkeys(places) if name in keys) or tuple(keys)
        scope = ",".join(sorted(keys[name] for name in clusters))
        return Sighting(id=id_, severity=severity, title=title, clusters=clusters, scope=scope, **more)

    since = None if item.since is None else item.since.timestamp()
    mine = (place.partition("/")[0] for place in item.places)
    yield sighting(item.id, item.severity, item.title, mine, since=since, silent=silent)
    for one in item.consequences:
        theirs = (place.cluster for place in below.get(one.id, ()))
        yield sighting(one.id, one.severity, one.title, theirs, since=None, follows=item.id)


def _recalled(item: AttentionItem, known: Remembered | None, *, silent: bool) -> AttentionItem:
    """An item with what is remembered of it. Since when a cluster is silent, whoever saw it answer knows best."""
    if known is None:
        return item
    since = _moment(known.since) if silent and known.since is not None else item.since
    return structs.replace(
        item,
        since=since,
        first_seen=datetime.fromtimestamp(known.first_seen, UTC),
        acknowledged=known.acknowledged,
    )
