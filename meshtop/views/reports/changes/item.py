"""A change as scripts and screens see it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from meshtop.analysis.changes.impact import ChangeImpact
from meshtop.model.changes import ChangeHow, ChangeSource, FieldChange


class Suspicion(Struct, frozen=True, rename="camel", kw_only=True):
    """Of what a change is suspected: the id of what needs attention, since when, and why in a sentence.

    `rank` is its place among all that are suspected, 0 the first; `score` is from 0 to 1; `distance` counts calls on
    the path; `secondsBefore` is null where nothing tells when it began.
    """

    rank: int
    score: float
    attention: str
    title: str
    since: datetime | None
    distance: int
    seconds_before: float | None
    why: str


class ChangeItem(Struct, frozen=True, rename="camel", kw_only=True):
    """One change. `cluster` names several with commas where one action reached several, `clusters` each of them.

    `who` is null where nothing tells; `how` is what it is known from, `action` what was done. `what` are the fields,
    with their values where these are known, `notes` what else is to be said. `impact` is null where the calls around it
    are not known, `suspicion` where nothing speaks for it. `undo` is the id of meshtop's own action, which can be taken
    back.
    """

    time: datetime
    cluster: str
    namespace: str
    kind: str
    name: str
    who: str | None
    how: ChangeSource
    what: tuple[FieldChange, ...]
    impact: ChangeImpact | None
    suspicion: Suspicion | None
    action: ChangeHow
    title: str
    clusters: tuple[str, ...]
    notes: tuple[str, ...]
    workloads: tuple[str, ...]
    tenants: tuple[str, ...]
    undo: str | None
    key: str
