"""The checks before a shift: rights, Leases, owners, subsets and pods. Refusals come before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct, structs

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.fleet import Fleet
from meshtop.actions.journal.journal import SHIFT
from meshtop.actions.lease import GROUP as LEASE_GROUP
from meshtop.actions.lease import ShiftLease
from meshtop.actions.shift.plan import ShiftPlan
from meshtop.actions.shift.targets import ShiftTarget, chosen_routes, route_object, target_of, waves_of
from meshtop.analysis.canary.owners import ARGO_ROLLOUTS, FLAGGER, GITOPS, NOBODY, RouteOwner
from meshtop.analysis.canary.survey import SurveyedRoute
from meshtop.analysis.visibility.clients import MESH

_WORDS = {FLAGGER: ("flagger",), ARGO_ROLLOUTS: ("argo", "rollout"), GITOPS: ("gitops", "argocd", "argo cd", "flux")}


class CheckStatus(StrEnum):
    """Result of a check."""

    OK = "ok"
    WARNING = "warning"
    REFUSED = "refused"


class Check(Struct, frozen=True, rename="camel"):
    """One check of one cluster, and its result as a sentence; `kind` is that of the error where it refuses."""

    cluster: str
    name: str
    status: CheckStatus
    message: str
    kind: ErrorKind | None = None


class Preflight(Struct, frozen=True, kw_only=True):
    """The checks, the plan with its waves filled in, and its targets in the order of the waves."""

    plan: ShiftPlan
    checks: tuple[Check, ...]
    targets: tuple[ShiftTarget, ...] = ()
    surveyed: tuple[SurveyedRoute, ...] = ()

    @property
    def refusal(self) -> ActionError | None:
        """The first failed check as an error; None if the shift may start."""
        bad = next((c for c in self.checks if c.status is CheckStatus.REFUSED), None)
        return None if bad is None else ActionError(bad.kind or ErrorKind.REFUSED, bad.message, cluster=bad.cluster)


async def preflight(plan: ShiftPlan, fleet: Fleet, *, clusters: Sequence[str] = ()) -> Preflight:
    """Run every check. Raises ActionError where there is nothing to check (no such route, a cluster unread).

    Read-only mode and the access policy are checked first; when one of them refuses, no request is sent.
    """
    chosen = chosen_routes(plan, fleet, clusters or plan.clusters)
    waves = waves_of(plan, chosen)
    plan = structs.replace(plan, waves=waves)
    chosen = [s for cluster in plan.clusters for s in chosen if s.route.cluster == cluster]
    gates = [gate for one in chosen for gate in _gates(one, fleet)]
    if any(gate.status is CheckStatus.REFUSED for gate in gates):
        return Preflight(plan=plan, checks=tuple(gates))
    looked = await asyncio.gather(*(_look(one, plan, fleet) for one in chosen))
    checks = [*gates, *(check for found, _ in looked for check in found), *_left_out(chosen, fleet)]
    targets = tuple(target for _, target in looked if target is not None)
    complete = len(targets) == len(chosen)
    return Preflight(
        plan=plan,
        checks=tuple(checks),
        targets=targets if complete else (),
        surveyed=tuple(chosen) if complete else (),
    )


def _gates(surveyed: SurveyedRoute, fleet: Fleet) -> list[Check]:
    cluster, namespace = surveyed.route.cluster, surveyed.route.namespace
    found = [
        Check(cluster, name, CheckStatus.REFUSED, why, ErrorKind.REFUSED)
        for name, why in fleet.refusals(SHIFT, cluster, namespace).items()
    ]
    return found or [Check(cluster, "policy", CheckStatus.OK, "may be written to")]


async def _look(surveyed: SurveyedRoute, plan: ShiftPlan, fleet: Fleet) -> tuple[list[Check], ShiftTarget | None]:
    cluster = surveyed.route.cluster
    api, where = fleet.members[cluster].api, route_object(surveyed.route)
    try:
        may_patch, may_create, may_update, route = await asyncio.gather(
            api.may("patch", where.group, where.plural, where.namespace),
            api.may("create", LEASE_GROUP, "leases", where.namespace),
            api.may("update", LEASE_GROUP, "leases", where.namespace),
            api.read(where),
        )
    except ActionError as error:
        return [Check(cluster, "reach", CheckStatus.REFUSED, error.message, error.kind)], None
    checks = [_rights(cluster, where.plural, where.namespace, may=may_patch)]
    if why := fleet.survey.clusters[cluster].obeys_unknown:
        message = f"it is not known whether {cluster} goes by its own objects: {why}"
        checks.append(Check(cluster, "mesh", CheckStatus.WARNING, message))
    if not (may_create and may_update):
        message = f"{cluster} does not let you hold a Lease, so other meshtop processes cannot see this shift."
        checks.append(Check(cluster, "lease", CheckStatus.WARNING, message))
    else:
        checks.append(await _nobody_else(surveyed, fleet))
    checks.append(owner_check(cluster, surveyed.owner, plan.override))
    try:
        target = target_of(surveyed, route, plan)
    except ActionError as error:
        return [*checks, Check(cluster, "weights", CheckStatus.REFUSED, error.message, error.kind)], None
    if not target.same_route(surveyed.route):
        was = ", ".join(d.name for d in surveyed.route.destinations)
        message = f"{where.title} in {cluster} has just changed: {', '.join(target.names)} not {was}; look again."
        return [*checks, Check(cluster, "weights", CheckStatus.REFUSED, message, ErrorKind.CONFLICT)], None
    checks += _backed(surveyed, target)
    checks.append(Check(cluster, "weights", CheckStatus.OK, _steps_text(target)))
    return checks, target


def _rights(cluster: str, plural: str, namespace: str, *, may: bool) -> Check:
    if may:
        return Check(cluster, "rights", CheckStatus.OK, f"may patch {plural} in {namespace}")
    message = f"{cluster} does not let you patch {plural} in {namespace}; ask for that right."
    return Check(cluster, "rights", CheckStatus.REFUSED, message, ErrorKind.REFUSED)


async def _nobody_else(surveyed: SurveyedRoute, fleet: Fleet) -> Check:
    cluster, where = surveyed.route.cluster, route_object(surveyed.route)
    lease = ShiftLease(fleet.members[cluster].api, where, action="", holder="", seconds=1)
    try:
        held = await lease.holder()
    except ActionError as error:
        return Check(cluster, "lease", CheckStatus.WARNING, error.message)
    now = fleet.clock()
    if held is None or held.until <= now or held.process_ended():
        return Check(cluster, "lease", CheckStatus.OK, "no other shift is running")
    message = f"{held.name} is changing {where.title} in {cluster} (action {held.action})."
    return Check(cluster, "lease", CheckStatus.REFUSED, message, ErrorKind.CONFLICT)


def owner_check(cluster: str, owner: RouteOwner, override: str) -> Check:
    """The check whether a controller owns the weights, and whether the override names it."""
    if owner.controller == NOBODY:
        return Check(cluster, "owner", CheckStatus.OK, "none")
    named = f"{owner.controller} ({owner.name})" if owner.name else owner.controller
    if any(word in override.lower() for word in _WORDS.get(owner.controller, (owner.controller,))):
        return Check(cluster, "owner", CheckStatus.WARNING, f"{named} owns it and may revert the change; overridden")
    message = (
        f"{named} owns the weights in {cluster} and will revert the change; change them there, or say "
        f'--override "{owner.controller} owns it".'
    )
    return Check(cluster, "owner", CheckStatus.REFUSED, message, ErrorKind.CONFLICT)


def _backed(surveyed: SurveyedRoute, target: ShiftTarget) -> list[Check]:
    """Checks that every destination to get weight has a subset and a ready pod."""
    found = []
    highest = [max(step[i] for step in target.steps) for i in range(len(target.names))]
    for backend, most, before in zip(surveyed.backends, highest, target.before, strict=True):
        name = backend.destination.name
        if most <= 0:
            continue
        why = None
        if backend.subset_exists is False:
            why = f"no DestinationRule defines subset {name} for {backend.destination.host}: it would answer 503 NC"
        elif not backend.service_exists:
            why = f"{backend.destination.host} is not a Service of {target.cluster}"
        elif backend.is_empty:
            why = f"{name} has no ready pod: it would answer 503 UH"
        if why is None:
            continue
        grows = most > (before or 0)
        status = CheckStatus.REFUSED if grows else CheckStatus.WARNING
        found.append(
            Check(target.cluster, "pods", status, f"{target.cluster}: {why}.", ErrorKind.CONFLICT if grows else None)
        )
    return found or [Check(target.cluster, "pods", CheckStatus.OK, "subsets exist and pods are ready")]


def _left_out(chosen: Sequence[SurveyedRoute], fleet: Fleet) -> list[Check]:
    """Checks about clusters of the mesh that are not part of the shift, as they have their own configuration."""
    if not chosen or MESH not in chosen[0].binding.gateways:
        return []
    found = []
    first, survey = chosen[0], fleet.survey
    taken = {s.route.cluster for s in chosen}
    for cluster in survey.clusters.values():
        if cluster.name in taken or cluster.facts.outside:
            continue
        mesh = cluster.facts.mesh
        has = any(s.route.cluster == cluster.name and s.route.label == first.route.label for s in survey.surveyed)
        known = mesh is not None and first.mesh is not None and not taken & {*cluster.facts.perhaps}
        if why := cluster.obeys_unknown:
            if mesh == first.mesh or not known:
                found.append(_perhaps(cluster.name, why, has=has, known=known))
        elif not cluster.obeys_itself:
            if known and mesh == first.mesh:
                obeyed = cluster.facts.obeys.cluster if cluster.facts.obeys is not None else None
                if obeyed in taken:
                    found.append(_obeys(cluster.name, [str(obeyed)], has=has))
        elif known and mesh == first.mesh:
            why = "is left out" if has else "has no such route: its callers use the Service without weights"
            found.append(Check(cluster.name, "mesh", CheckStatus.WARNING, f"{cluster.name} of the same mesh {why}."))
        elif has and not known:
            message = f"{cluster.name} has that route too, and may be of the same mesh; it is left out."
            found.append(Check(cluster.name, "mesh", CheckStatus.WARNING, message))
    return found


def _perhaps(cluster: str, why: str, *, has: bool, known: bool) -> Check:
    """The check about a cluster of which it is not known whose objects it obeys, nor perhaps of which mesh it is."""
    message = f"it is not known whether the callers in {cluster} follow this route: {why}"
    if has:
        mesh = "is" if known else "may be"
        message = f"{cluster} has that route too, and {mesh} of the same mesh; it is left out, and {message}"
    return Check(cluster, "mesh", CheckStatus.WARNING, message)


def _obeys(remote: str, primaries: Sequence[str], *, has: bool) -> Check:
    """The check about a remote cluster: its callers follow a primary's objects, and its own object has no effect."""
    message = f"its callers follow {' or '.join(primaries)} and move with it"
    if has:
        message += "; its own object of that name has no effect and stays as it is"
    return Check(remote, "mesh", CheckStatus.OK, message)


def _steps_text(target: ShiftTarget) -> str:
    now = "/".join("-" if weight is None else str(weight) for weight in target.before)
    steps = ", ".join("/".join(map(str, step)) for step in target.steps)
    return f"{'/'.join(target.names)}: {now} → {steps}"
