"""An item of `attention` as it is remembered, and how knowledge of it passes on from one look to the next.

An acknowledgement is of a problem, whatever it is called: what follows from an acknowledged item is known when it later
stands for itself, and a cause is known when all that follows from it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from msgspec import Struct, structs

from meshtop.model.attention import Acknowledgement, Sighting
from meshtop.model.state import Severity

BACK_WITHIN_SECONDS = 1800.0
"""What comes back so soon is the same thing still, and is known since it was first seen."""
ItemIdentity = tuple[str, str]
"""Id and scope of an item: the ids of two fleets may be the same."""
_ORDER = [Severity.INFO, Severity.WARNING, Severity.ERROR]


class KnownItem(Struct, frozen=True, kw_only=True):
    """An item as it is remembered; times are Unix seconds, `gone` when it went away.

    `scope` are the clusters that it stands in, each by the UID of its kube-system or, where that was never read, by
    its API server's URL: names are one kubeconfig's, these tell fleets apart.
    """

    id: str
    scope: str
    severity: Severity
    title: str
    since: float | None
    clusters: tuple[str, ...]
    follows: str
    first_seen: float
    last_seen: float
    gone: float | None
    acknowledged: Acknowledgement | None = None

    @property
    def identity(self) -> ItemIdentity:
        """What tells it from every other item."""
        return (self.id, self.scope)

    @property
    def scopes(self) -> frozenset[str]:
        """The clusters of its scope, one by one."""
        return frozenset(self.scope.split(","))


def sighted(sighting: Sighting, before: KnownItem | None, at: float) -> KnownItem:
    """An item as it is known after it was seen at Unix seconds `at`."""
    back = before is not None and (before.gone is None or at - before.gone <= BACK_WITHIN_SECONDS)
    since = sighting.since
    if sighting.silent and before is not None and before.gone is None:
        since = min((one for one in (since, before.since) if one is not None), default=None)
    return KnownItem(
        id=sighting.id,
        scope=sighting.scope,
        severity=sighting.severity,
        title=sighting.title,
        since=since,
        clusters=sighting.clusters,
        follows=sighting.follows,
        first_seen=before.first_seen if before is not None and back else at,
        last_seen=at,
        gone=None,
        acknowledged=before.acknowledged if before is not None and back else None,
    )


def differs(before: KnownItem, now: KnownItem) -> bool:
    """Whether something about it has to be written down at once."""
    return before.gone is not None or (before.severity, before.follows) != (now.severity, now.follows)


def in_force(known: Acknowledgement | None, severity: Severity, at: float) -> Acknowledgement | None:
    """The acknowledgement, unless its time is over, or the item is worse than it was when somebody knew of it."""
    if known is None or (known.until is not None and known.until.timestamp() <= at):
        return None
    if known.severity is not None and _ORDER.index(severity) > _ORDER.index(known.severity):
        return None
    return known


def passed_on(
    now: Mapping[ItemIdentity, KnownItem], before: Mapping[ItemIdentity, KnownItem], fleet: Collection[str], at: float
) -> dict[ItemIdentity, Acknowledgement]:
    """Acknowledgements that came to items by what they follow from, or by all that follows from them.

    `now` are the items of this look at the clusters of a fleet, `before` what was known until then. A problem is known
    under its new name for as long, and up to the severity, that it was known under the old one.
    """
    by_id: dict[str, list[KnownItem]] = {}
    for one in before.values():
        if one.acknowledged is not None and one.scopes <= set(fleet):
            by_id.setdefault(one.id, []).append(one)

    def inherited(identity: ItemIdentity, item: KnownItem) -> Acknowledgement | None:
        """What is known of an item by itself, or by the cause that it followed from until now."""
        last = before.get(identity)
        own = in_force(item.acknowledged, item.severity, at)
        if own is not None or last is None or not last.follows or item.acknowledged is not None:
            return own
        for cause in by_id.get(last.follows, ()):
            assert cause.acknowledged is not None
            # Known was as much of it as followed from the cause.
            known = structs.replace(cause.acknowledged, severity=last.severity)
            if (found := in_force(known, item.severity, at)) is not None:
                return found
        return None

    known = {identity: inherited(identity, item) for identity, item in now.items()}
    below: dict[str, list[ItemIdentity]] = {}
    for identity, item in now.items():
        if item.follows:
            below.setdefault(item.follows, []).append(identity)
    found: dict[ItemIdentity, Acknowledgement] = {}
    for identity, item in now.items():
        if item.follows or item.acknowledged is not None:
            continue
        told = known[identity]
        if told is None and identity not in before and identity[0] in below:
            told = _of_all([known[one] for one in below[identity[0]]], item.severity, at)
        if told is not None:
            found[identity] = told
    return found


def _of_all(known: Iterable[Acknowledgement | None], severity: Severity, at: float) -> Acknowledgement | None:
    """What is known of a cause by its consequences: nothing, unless each of them is known; then what ends first."""
    several = list(known)
    told = [one for one in several if one is not None]
    if len(told) < len(several):
        return None
    first = min(told, key=lambda one: (one.until is None, one.until or one.at))
    worst = max((one.severity for one in told if one.severity is not None), key=_ORDER.index, default=None)
    return in_force(structs.replace(first, severity=worst), severity, at)


def item_of(row: tuple[object, ...]) -> KnownItem:
    """An item from its row, with its acknowledgement."""
    id_, scope, severity, title, since, clusters, follows, first, last, gone, at, until, reason, known = row
    acknowledged = None
    if isinstance(at, float):
        acknowledged = Acknowledgement(
            at=datetime.fromtimestamp(at, UTC),
            until=datetime.fromtimestamp(until, UTC) if isinstance(until, float) else None,
            reason=str(reason),
            severity=Severity(str(known)),
        )
    assert isinstance(first, float)
    assert isinstance(last, float)
    return KnownItem(
        id=str(id_),
        scope=str(scope),
        severity=Severity(str(severity)),
        title=str(title),
        since=since if isinstance(since, float) else None,
        clusters=tuple(filter(None, str(clusters).split(","))),
        follows=str(follows),
        first_seen=first,
        last_seen=last,
        gone=gone if isinstance(gone, float) else None,
        acknowledged=acknowledged,
    )
