"""Which changes may be the cause of a trouble: those before its onset, on a path to it, the nearest first.

A path goes against the calls to whoever asks what is ill, and along them to whatever it asks; besides, to the nodes
under its pods, to the services and policies that it obeys, and to the control plane and the roots of its cluster. What
came after the onset is never suspect; an onset is good to a scrape or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from meshtop.model.changes import HORIZON_SECONDS, Change, ChangeHow

WorkloadKey = tuple[str, str, str]
"""Cluster, namespace, name."""
WINDOW_SECONDS = 1200.0
"""What was changed longer before an onset than this is not suspected of it."""
TOLERANCE_SECONDS = 45.0
"""An onset is good to a scrape or two: a change may seem to come after what it caused."""
FURTHEST = 4
"""Calls: what is further away on a path is not on it."""
_NEARER = 0.7
_HALF_SECONDS = 600.0
_LASTING_HALF_SECONDS = 21_600.0
_KINDS = {
    ChangeHow.ROLLOUT: 1.0,
    ChangeHow.WEIGHTS: 1.0,
    ChangeHow.LOST: 1.0,
    ChangeHow.CERTIFICATE: 0.95,
    ChangeHow.EDIT: 0.9,
    ChangeHow.SCALE: 0.9,
    ChangeHow.DELETE: 0.9,
    ChangeHow.CREATE: 0.85,
    ChangeHow.MEMBERSHIP: 0.8,
    ChangeHow.NODE: 0.8,
    ChangeHow.RESTART: 0.5,
    ChangeHow.EVENT: 0.4,
}
"""How often each kind of change is the cause; what restarts, and what Events report, is often a symptom itself."""
_SYMPTOMS = frozenset({ChangeHow.RESTART, ChangeHow.EVENT, ChangeHow.NODE})


class Trouble(Struct, frozen=True, kw_only=True):
    """Something that is wrong, as suspicion looks at it.

    `at` is its onset (Unix seconds), None where nothing tells; `exact` is False where it had begun by then. `services`
    and `objects` (cluster, kind, namespace, name; a cluster "" is any) are those that it is about. `clusters` are its
    own, `reach` also those of what follows from it.
    """

    id: str
    at: float | None
    exact: bool = True
    clusters: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()
    workloads: tuple[WorkloadKey, ...] = ()
    services: tuple[tuple[str, str], ...] = ()
    objects: tuple[tuple[str, str, str, str], ...] = ()
    lost: str = ""
    certificates: bool = False
    plane: bool = False
    nodes: bool = False


class Suspect(Struct, frozen=True, kw_only=True):
    """A change under suspicion: how much (0 to 1), how far away on the path, how long before the onset, and why."""

    change: Change
    score: float
    distance: int
    seconds_before: float | None
    why: str


class CallPaths(Struct, frozen=True):
    """Who calls whom, what stands behind each service (cluster, namespace, name), whose control plane is where."""

    callees: Mapping[WorkloadKey, Iterable[WorkloadKey]]
    callers: Mapping[WorkloadKey, Iterable[WorkloadKey]]
    behind: Callable[[str, str, str], Iterable[WorkloadKey]]
    planes: Mapping[str, frozenset[str]]
    """By the name of a cluster those whose istiod serves it."""


class ChangeIndex:
    """Changes by what they were done to, made once for many troubles: each looks only at those that can concern it."""

    def __init__(self, changes: Iterable[Change], paths: CallPaths) -> None:
        self._changes = tuple(changes)
        self._workloads: dict[WorkloadKey, list[int]] = {}
        self._services: dict[tuple[str, str], list[int]] = {}
        self._things: dict[tuple[str, str, str], list[int]] = {}
        self._anywhere: list[int] = []
        behind: dict[WorkloadKey, tuple[WorkloadKey, ...]] = {}
        for i, change in enumerate(self._changes):
            self._things.setdefault((change.kind, change.namespace, change.name), []).append(i)
            if change.plane or change.wide or change.how in (ChangeHow.LOST, ChangeHow.MEMBERSHIP):
                self._anywhere.append(i)
            for service in change.services:
                self._services.setdefault(service, []).append(i)
            for cluster in change.clusters:
                reached = [(cluster, *name) for name in change.workloads]
                for service in change.services:
                    place = (cluster, *service)
                    if place not in behind:
                        behind[place] = tuple(paths.behind(*place))
                    reached += behind[place]
                for where in reached:
                    self._workloads.setdefault(where, []).append(i)

    def concerning(self, trouble: Trouble, near: Iterable[WorkloadKey]) -> list[Change]:
        """The changes that may be on a path to a trouble, in their order; `near` are the workloads on its paths."""
        found = {*self._anywhere}
        for where in near:
            found.update(self._workloads.get(where, ()))
        for service in trouble.services:
            found.update(self._services.get(service, ()))
        for _, *thing in trouble.objects:
            found.update(self._things.get((thing[0], thing[1], thing[2]), ()))
        return [self._changes[i] for i in sorted(found)]


def suspects_of(
    trouble: Trouble,
    changes: Sequence[Change] | ChangeIndex,
    paths: CallPaths,
    now: float,
    *,
    also: Sequence[Change] = (),
) -> tuple[Suspect, ...]:
    """The changes that may be the cause of a trouble, the likeliest first; none where nothing speaks for one.

    An index tells the same as the changes that it is of. `also` are more changes, for this trouble alone.
    """
    dated = trouble.at is not None and trouble.exact
    # Of what has no date, only what was done to itself is suspected: nobody needs to know what is further away.
    near = path_distances(trouble.workloads, paths) if dated else dict.fromkeys(trouble.workloads, 0)
    found: list[tuple[float, int, float | None, Change]] = []
    for change in (*(changes.concerning(trouble, near) if isinstance(changes, ChangeIndex) else changes), *also):
        before = _before(trouble, change, now)
        if before is None:
            continue
        distance = _distance(trouble, change, near, paths)
        if distance is None or (not dated and (distance or change.how in _SYMPTOMS)):
            continue
        half = _HALF_SECONDS if dated else _LASTING_HALF_SECONDS
        score = _KINDS[change.how] * _NEARER**distance / (1 + before / half)
        found.append((round(score, 4), distance, before if trouble.at is not None else None, change))
    found.sort(key=lambda one: (-one[0], one[1], -one[3].at, one[3].key))
    return tuple(
        Suspect(
            change=change, score=score, distance=distance, seconds_before=before,
            why=_why(trouble, change, place, len(found), now),
        )
        for place, (score, distance, before, change) in enumerate(found)
    )  # fmt: skip


def _before(trouble: Trouble, change: Change, now: float) -> float | None:
    """How long before the trouble a change was, in seconds; None where it is too long, or was after it."""
    if trouble.at is None or not trouble.exact:
        last = now if trouble.at is None else trouble.at
        return max(0.0, last - change.at) if last - HORIZON_SECONDS <= change.at <= last else None
    before = trouble.at - change.at
    return max(0.0, before) if -TOLERANCE_SECONDS <= before <= WINDOW_SECONDS else None


def path_distances(workloads: Iterable[WorkloadKey], paths: CallPaths) -> dict[WorkloadKey, int]:
    """How many calls away each workload is: who asks what is ill, and whom that asks, each in one direction."""
    found = dict.fromkeys(workloads, 0)
    for step in (paths.callees, paths.callers):
        edge = [where for where, distance in found.items() if distance == 0]
        for distance in range(1, FURTHEST + 1):
            after = {there for where in edge for there in step.get(where, ())}
            edge = [there for there in after if found.get(there, FURTHEST + 1) > distance]
            found.update(dict.fromkeys(edge, distance))
    return found


def _distance(trouble: Trouble, change: Change, near: Mapping[WorkloadKey, int], paths: CallPaths) -> int | None:
    """How far a change is from a trouble; None where no path leads from one to the other."""
    if change.how is ChangeHow.LOST:
        return 0 if change.name == trouble.lost else None
    if trouble.nodes and change.how is ChangeHow.NODE:
        # A node that is not ready is not its own cause.
        return None
    here = frozenset((*trouble.clusters, *trouble.reach))
    found: list[int] = []
    for cluster in change.clusters:
        if any(_is_about(one, cluster, change) for one in trouble.objects):
            found.append(0)
        found += [near[where] for name in change.workloads if (where := (cluster, *name)) in near]
        for namespace, service in change.services:
            found += _of_service(trouble, cluster, namespace, service, near, paths)
        served = here & ({cluster} | {name for name, planes in paths.planes.items() if cluster in planes})
        if served and (change.plane or change.wide):
            direct = (trouble.plane and change.plane) or (trouble.certificates and change.how is ChangeHow.CERTIFICATE)
            found.append(0 if direct else 2)
        if trouble.lost and change.how is ChangeHow.MEMBERSHIP and trouble.lost in change.name:
            found.append(0)
    if not found:
        return None
    # What was done in the cluster where it hurts is nearer than the same thing in another one.
    elsewhere = bool(trouble.clusters) and not {*change.clusters} & {*trouble.clusters}
    return min(found) + (change.how is ChangeHow.NODE) + elsewhere


def _of_service(
    trouble: Trouble, cluster: str, namespace: str, service: str, near: Mapping[WorkloadKey, int], paths: CallPaths
) -> list[int]:
    if (namespace, service) in trouble.services:
        return [0]
    # What is set in one cluster is obeyed by the callers there, wherever what they call runs.
    return [near[where] for where in paths.behind(cluster, namespace, service) if where in near]


def _is_about(thing: tuple[str, str, str, str], cluster: str, change: Change) -> bool:
    where, kind, namespace, name = thing
    return where in ("", cluster) and (kind, namespace, name) == (change.kind, change.namespace, change.name)


def _why(trouble: Trouble, change: Change, place: int, count: int, now: float) -> str:
    """`reviews v3 rollout in us-east, 14:03; it began 14:04; the only change on any path in 20 minutes`."""
    told = f"{change.title}, {_clock(change.at, now)}"
    if trouble.at is None:
        began, span = "nothing tells when it began", "of what it is about in a day"
    elif not trouble.exact:
        began, span = f"it had begun by {_clock(trouble.at, now)}", "of what it is about in a day"
    else:
        began, span = f"it began {_clock(trouble.at, now)}", f"on any path in {WINDOW_SECONDS / 60:.0f} minutes"
    which = f"the only change {span}" if count == 1 else f"{_ordinal(place)} of {count} changes {span}"
    return f"{told}; {began}; {which}"


def _ordinal(place: int) -> str:
    return "the likeliest" if place == 0 else f"number {place + 1}"


def _clock(at: float, now: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%H:%M}" if now - at < HORIZON_SECONDS / 2 else f"{moment:%m-%d %H:%M}"
