"""Matching the clusters that an action wrote to with the available ones: by identity, not by name.

Two kubeconfigs may use one name for two clusters, or two names for one. What the journal records about one cluster
must never be applied to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshtop.actions.cluster_identity import ClusterIdentity
from meshtop.actions.errors import ActionError, AnswerLost, ErrorKind
from meshtop.actions.fleet import Fleet, FleetCluster
from meshtop.actions.journal.journal import Action, EntryKind, Journal
from meshtop.actions.kube import KubeApi, not_here

_NOBODY = ClusterIdentity()


def written_clusters(action: Action) -> tuple[str, ...]:
    """The clusters that an action writes to, by the action's names, in its order."""
    return tuple(dict.fromkeys(cluster for wave in action.plan.get("waves") or _waves(action) for cluster in wave))


def _waves(action: Action) -> Iterable[Iterable[str]]:
    plan = action.plan.get("plan")
    waves: Iterable[Iterable[str]] = plan.get("waves", ()) if isinstance(plan, dict) else ()
    return waves or (tuple(_targeted(action)),)


def _targeted(action: Action) -> Iterator[str]:
    """The clusters of a shift that was recorded without waves."""
    for target in action.plan.get("targets") or ():
        where = target.get("where") if isinstance(target, dict) else None
        if isinstance(where, dict) and isinstance(where.get("cluster"), str):
            yield where["cluster"]


async def identities(fleet: Fleet, names: Iterable[str]) -> dict[str, ClusterIdentity]:
    """The identities of these members. Raises ActionError when one of them does not answer."""
    asked = list(dict.fromkeys(names))
    found = await asyncio.gather(*(fleet.members[name].api.identity() for name in asked))
    return dict(zip(asked, found, strict=True))


def note_unidentified(journal: Journal, action: Action) -> None:
    """Note in the journal which clusters of an action are identified only by their server's URL."""
    for name, one in action.clusters.items():
        if not one.uid:
            why = f"the namespace kube-system may not be read; it is known by its server {one.server}"
            journal.write(action.id, EntryKind.NOTE, cluster=name, note="no UID of the cluster", why=why)


def require_whole(action: Action) -> None:
    """Raise ActionError for an action of which something cannot be read: what is not known is not written over."""
    if action.damage:
        message = f"Action {action.id} is damaged in the journal: {'; '.join(action.damage)}."
        remedy = f"meshtop journal {action.id} tells what is left of it; put the rest back by hand."
        raise ActionError(ErrorKind.USAGE, message, remedy=remedy)


def require_readable(journal: Journal, before: float = 0.0) -> None:
    """Raise ActionError where what could not be read may be a later action than one begun at `before`."""
    for row in journal.damaged:
        if row.created is None or row.created > before:
            remedy = "Give the ID of the action that is meant; meshtop journal lists what can be read."
            raise ActionError(ErrorKind.USAGE, row.sentence, remedy=remedy)


async def fleet_at_hand(action: Action, fleet: Fleet, names: Sequence[str]) -> Fleet:
    """The fleet with the clusters `names` of an action, under the action's names for them.

    A cluster with another name here is found by its UID. One that does not answer stays in the fleet, but nothing is
    sent to it before its identity is confirmed. Names that no cluster here has are left out.

    Raises ActionError (conflict) for a name that another cluster has here, or of which the journal does not say which
    cluster it was, and (usage) for an action that is damaged.
    """
    require_whole(action)
    found: dict[str, FleetCluster] = {}
    for name in names:
        member = await _member(action, fleet, name)
        if member is not None:
            found[name] = member
    taken = {member.name for member in found.values()}
    rest = {name: one for name, one in fleet.members.items() if name not in taken and name not in names}
    return fleet.with_members({**found, **rest})


async def _member(action: Action, fleet: Fleet, name: str) -> FleetCluster | None:
    recorded, member = action.clusters.get(name, _NOBODY), fleet.members.get(name)
    if not recorded.known:
        if member is None:
            return None
        raise ActionError(
            ErrorKind.CONFLICT,
            f"The journal does not identify the cluster {name} of action {action.id}: an older meshtop wrote it.",
            cluster=name,
            remedy=f"See meshtop journal {action.id} for what was written, and restore it by hand.",
        )
    silent = False
    if member is not None:
        try:
            if (await member.api.identity()).may_be(recorded):
                return member
        except AnswerLost:
            silent = True
    elsewhere = await _by_uid(recorded, [one for one in fleet.members.values() if one is not member])
    if elsewhere is not None or member is None:
        return elsewhere
    if not silent:
        raise not_here(name, recorded)
    api = KubeApi(member.name, member.api.wire, server=member.api.server, domain=member.api.domain, expected=recorded)
    return FleetCluster(member.name, api, member.metrics, read_only=member.read_only, push_seconds=member.push_seconds)


async def _by_uid(recorded: ClusterIdentity, members: Sequence[FleetCluster]) -> FleetCluster | None:
    """The member with that UID, under any name; a URL alone does not suffice under another name."""
    if not recorded.uid:
        return None
    answers = await asyncio.gather(*(one.api.identity() for one in members), return_exceptions=True)
    return next(
        (
            member
            for member, one in zip(members, answers, strict=True)
            if isinstance(one, ClusterIdentity) and one.uid == recorded.uid
        ),
        None,
    )


async def require_at_hand(action: Action, fleet: Fleet) -> None:
    """Raise ActionError (conflict) when the name of one of an action's clusters belongs to another cluster here."""
    await fleet_at_hand(action, fleet, written_clusters(action))


async def last_at_hand(journal: Journal, fleet: Fleet, kind: str) -> Action:
    """The newest action of a kind whose clusters are all available. Raises ActionError: usage when there is none at
    all, conflict when all of them were in other clusters.
    """
    elsewhere: ActionError | None = None
    actions = journal.all_of(kind)
    for action in actions:
        require_readable(journal, action.created)
        require_whole(action)
        names = written_clusters(action)
        if not any(action.clusters.get(name, _NOBODY).known for name in names):
            # It may be the same cluster: a rollback then reports why it is not possible.
            return action
        try:
            here = await fleet_at_hand(action, fleet, names)
        except ActionError as error:
            elsewhere = elsewhere or error
            continue
        missing = [name for name in names if name not in here.members]
        if not missing:
            return action
        elsewhere = elsewhere or not_here(missing[0], action.clusters.get(missing[0], _NOBODY), taken=False)
    require_readable(journal)
    if elsewhere is None:
        raise ActionError(ErrorKind.USAGE, f"The journal has no {kind}; meshtop journal lists them.")
    raise elsewhere


def actions_at_hand(actions: Iterable[Action], known: Mapping[str, ClusterIdentity]) -> list[Action]:
    """Those of the actions that wrote to one of the available clusters; no request is sent.

    `known` are the available clusters by name. A UID that the journal recorded for the same server counts as available.
    Actions of an older journal are matched by name: they are shown, never undone.
    """
    found = list(actions)
    here = list(known.values())
    uids = {one.uid for action in found for one in action.clusters.values() if any(k.may_be(one) for k in here)} - {""}

    def at_hand(action: Action, name: str) -> bool:
        recorded = action.clusters.get(name, _NOBODY)
        if not recorded.known:
            return name in known
        return recorded.uid in uids or any(one.may_be(recorded) for one in here)

    return [action for action in found if any(at_hand(action, name) for name in written_clusters(action))]
