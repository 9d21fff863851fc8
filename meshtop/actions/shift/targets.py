"""The objects and clusters that a shift changes, where the mesh's configuration is stored."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.fleet import Fleet
from meshtop.actions.kube import RouteObject
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.analysis.canary.routes import WeightedRoute, parse_route
from meshtop.analysis.canary.survey import SurveyedRoute
from meshtop.analysis.canary.weights import new_weights
from meshtop.analysis.identity.meshes import TELLING_KINDS

Weights = tuple[int | None, ...]


class ShiftTarget(Struct, frozen=True, rename="camel", kw_only=True):
    """One object and its weights: `before` the shift (None: not written), and at each step, in the order of `names`.

    `uid` is the object's UID, to detect an object recreated under the same name (empty: from an older journal).
    """

    where: RouteObject
    label: str
    names: tuple[str, ...]
    hosts: tuple[str, ...]
    before: Weights
    steps: tuple[tuple[int, ...], ...]
    uid: str = ""

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.where.cluster

    def named(self, weights: Weights) -> dict[str, int | None]:
        """Weights by destination."""
        return dict(zip(self.names, weights, strict=True))

    def same_route(self, route: WeightedRoute) -> bool:
        """Whether a newly read route is of the same object, and has these destinations in this order."""
        return (
            not self.recreated(route)
            and tuple(d.name for d in route.destinations) == self.names
            and tuple(d.host for d in route.destinations) == self.hosts
        )

    def recreated(self, route: WeightedRoute) -> bool:
        """Whether the object was deleted and recreated under the same name."""
        return bool(self.uid) and bool(route.uid) and route.uid != self.uid


def weights_of(route: WeightedRoute) -> Weights:
    """The weights as written."""
    return tuple(d.weight for d in route.destinations)


def chosen_routes(plan: ShiftPlan, fleet: Fleet, clusters: Sequence[str]) -> list[SurveyedRoute]:
    """The surveyed routes of the plan, one for each cluster whose istiod reads its own configuration.

    `clusters` limits them where given. In a multi-primary mesh these are all clusters; a remote cluster is configured
    by its primary's object alone. One of which it is not known whose objects it obeys is taken only where it is named.
    Raises ActionError.
    """
    try:
        reference = parse_route(plan.route)
    except ValueError as error:
        raise ActionError(ErrorKind.USAGE, f"{error}.") from error
    _all_known(fleet, clusters, reference.namespace)
    survey = fleet.survey
    named = [s for s in survey.surveyed if reference.names(s.route) and (not clusters or s.route.cluster in clusters)]
    ruling = [
        s
        for s in named
        if survey.clusters[s.route.cluster].obeys_itself
        or (s.route.cluster in clusters and survey.clusters[s.route.cluster].obeys_unknown)
    ]
    if named and not ruling:
        raise _ruled_elsewhere(plan, named, fleet)
    if not ruling:
        known = sorted({s.route.label for s in survey.surveyed})
        hint = f"; there are {', '.join(known[:8])}" if known else ""
        where = f" in {', '.join(clusters)}" if clusters else ""
        raise ActionError(ErrorKind.USAGE, f"No cluster has a weighted route {plan.route}{where}{hint}.")
    several = sorted({s.route.label for s in ruling})
    if len(several) > 1 and reference.route is None:
        raise ActionError(ErrorKind.USAGE, f"{plan.route} has several weighted routes; name one: {', '.join(several)}.")
    meshes = {s.mesh or s.route.cluster for s in ruling}
    if len(meshes) > 1 and not clusters:
        names = [s.route.cluster for s in ruling]
        unread = [
            f"{kind} of {name} ({why.value})"
            for name in names
            for kind, why in survey.clusters[name].inventory.unread(*TELLING_KINDS)
        ]
        because = f"; what could tell was not read: {', '.join(unread)}" if unread else ""
        raise ActionError(
            ErrorKind.USAGE,
            f"{plan.route} is in clusters that are not known to be one mesh ({', '.join(names)}){because};"
            " choose with --cluster.",
        )
    return ruling


def _ruled_elsewhere(plan: ShiftPlan, named: Sequence[SurveyedRoute], fleet: Fleet) -> ActionError:
    """The error if all given clusters are remote ones, whose callers follow their primary's objects, or may be."""
    survey = fleet.survey
    for one in named:
        name = one.route.cluster
        if why := survey.clusters[name].obeys_unknown:
            return ActionError(
                ErrorKind.USAGE,
                f"It is not known whether {name} goes by its own {plan.route}: {why}",
                cluster=name,
                remedy=f"Name it with --cluster {name} to write there all the same.",
            )
    remotes = ", ".join(s.route.cluster for s in named)
    primaries = [
        name
        for name in survey.clusters
        if any(s.route.cluster in survey.remotes_of(name) for s in named) and survey.clusters[name].obeys_itself
    ]
    does = "have" if len(named) > 1 else "has"
    where = f"; it is written in {' or '.join(primaries)}" if primaries else ""
    return ActionError(
        ErrorKind.USAGE,
        f"{remotes} {does} no control plane of {'their' if len(named) > 1 else 'its'} own: nothing reads {plan.route} "
        f"there{where}.",
        remedy=f"Name that with --cluster {primaries[0]}." if primaries else "",
    )


def _all_known(fleet: Fleet, clusters: Sequence[str], namespace: str) -> None:
    for name, why in sorted(fleet.unread_in(namespace).items()):
        if not clusters or name in clusters:
            raise ActionError(
                ErrorKind.UNREACHABLE,
                f"It is not known whether {name} has this route: {why}",
                cluster=name,
                remedy="Repair the connection, or leave it out: name the others with --cluster.",
            )
    for name in clusters:
        if name not in fleet.members:
            raise ActionError(ErrorKind.USAGE, f"There is no cluster {name}; there are {', '.join(fleet.members)}.")


def waves_of(plan: ShiftPlan, chosen: Sequence[SurveyedRoute]) -> tuple[tuple[str, ...], ...]:
    """The plan's waves, or all clusters at once. Raises ActionError for a cluster without the route."""
    names = [s.route.cluster for s in chosen]
    for cluster in plan.clusters:
        if cluster not in names:
            raise ActionError(ErrorKind.USAGE, f"{cluster} is in a wave, but has no route {plan.route} of its own.")
    if len(plan.clusters) != sum(map(len, plan.waves)):
        raise ActionError(ErrorKind.USAGE, "A cluster is in two waves; name each in one only.")
    return plan.waves or (tuple(names),)


def target_of(surveyed: SurveyedRoute, route: WeightedRoute, plan: ShiftPlan) -> ShiftTarget:
    """The target of one cluster, computed from the route as it was just read. Raises ActionError."""
    try:
        steps = tuple(new_weights(route, step) for step in plan.steps)
    except ValueError as error:
        raise ActionError(ErrorKind.USAGE, f"{route.cluster}: {error}.", cluster=route.cluster) from error
    return ShiftTarget(
        where=route_object(surveyed.route),
        label=route.label,
        names=tuple(d.name for d in route.destinations),
        hosts=tuple(d.host for d in route.destinations),
        before=weights_of(route),
        steps=steps,
        uid=route.uid,
    )


def route_object(route: WeightedRoute) -> RouteObject:
    """The object and index that a route's weights are written to."""
    return RouteObject(
        cluster=route.cluster,
        group=route.group,
        version=route.version,
        kind=route.kind,
        namespace=route.namespace,
        name=route.name,
        index=route.index,
    )
