"""Controllers that own a route's weights, the last change, and the status that the controller reports.

Marks: Flagger (ownerReference kind Canary, annotation original-configuration), Argo Rollouts (label, or a Rollout that
names the route), GitOps (managers of managedFields, tracking labels); reference/istio.md, "Who else may own it".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.canary.binding import rule_place
from meshtop.analysis.canary.routes import WeightedRoute, numbered
from meshtop.analysis.inventory.untyped import integer_or_none, items, mapping, maps, text
from meshtop.model.kube import ConfigObject, Manager

MESHTOP = "meshtop"
FLAGGER, ARGO_ROLLOUTS, GITOPS, NOBODY = "flagger", "argo-rollouts", "gitops", "none"
_FLAGGER_ANNOTATION = "flagger.kubernetes.app/original-configuration"
_ROLLOUTS_LABEL = "argo-rollouts.argoproj.io/managed-by-rollouts"
_GITOPS_MANAGERS = ("argocd-", "kustomize-controller", "helm-controller", "flux")
_TRACKING = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
_STATUS_WRITERS = ("pilot-discovery", "istiod")
"""Managers that write status only."""


class RouteOwner(Struct, frozen=True, rename="camel"):
    """Which controller owns a route (flagger, argo-rollouts, gitops, none), and the object that shows it."""

    controller: str = NOBODY
    name: str | None = None


class LastChange(Struct, frozen=True, rename="camel"):
    """Who changed an object last (the field manager), how, and when (Unix seconds)."""

    who: str
    how: str
    at: float


class RouteControllerStatus(Struct, frozen=True, kw_only=True):
    """Status in Flagger's or Argo Rollouts' own object: the canary's weight in percent, and whether it was aborted.

    `by_request` is True for a rule that matches request attributes (Flagger's A/B tests and sticky sessions), to which
    the weight does not apply.
    """

    kind: str
    name: str
    phase: str = ""
    weight: int | None = None
    aborted: bool = False
    by_request: bool = False


def is_gitops(manager: str) -> bool:
    """Whether a field manager is a GitOps controller's."""
    return manager.startswith(_GITOPS_MANAGERS)


def last_change(managers: Iterable[Manager]) -> LastChange | None:
    """The latest entry of managedFields that is not about status; None where there is none."""
    writers = [m for m in managers if m.time > 0 and m.manager not in _STATUS_WRITERS]
    latest = max(writers, key=lambda m: m.time, default=None)
    return LastChange(latest.manager, latest.operation, latest.time) if latest else None


def route_owner(obj: ConfigObject, objects: Mapping[str, Sequence[ConfigObject]]) -> RouteOwner:
    """The controller that manages the weights; the most specific one is preferred."""
    owner, labels, annotations = obj.meta.owner, obj.meta.labels, obj.meta.annotations
    if owner is not None and owner.kind == "Canary":
        return RouteOwner(FLAGGER, f"{obj.meta.namespace}/{owner.name}")
    if _FLAGGER_ANNOTATION in annotations:
        found = next((c for c in objects.get("Canary", ()) if _targets_service_of(c, obj)), None)
        return RouteOwner(FLAGGER, "/".join(found.meta.key) if found else None)
    rollout = next((r for r in objects.get("Rollout", ()) if _rollout_names(r, obj)), None)
    if rollout is not None or _ROLLOUTS_LABEL in labels:
        return RouteOwner(ARGO_ROLLOUTS, "/".join(rollout.meta.key) if rollout else labels.get(_ROLLOUTS_LABEL) or None)
    for mark, system in _TRACKING.items():
        if mark in labels or mark in annotations:
            named = labels.get(mark) or annotations.get(mark, "").partition(":")[0]
            return RouteOwner(GITOPS, f"{system} {named}".strip())
    manager = next((m.manager for m in obj.managers if is_gitops(m.manager)), None)
    return RouteOwner(GITOPS, manager) if manager else RouteOwner()


def controller_status(
    route: WeightedRoute, obj: ConfigObject, objects: Mapping[str, Sequence[ConfigObject]]
) -> RouteControllerStatus | None:
    """The status of the Flagger Canary or Rollout that owns the route; None where it cannot be read."""
    for canary in objects.get("Canary", ()):
        owner = obj.meta.owner
        owns = owner is not None and owner.kind == "Canary" and owner.name == canary.meta.name
        if canary.meta.namespace == route.namespace and (owns or _targets_service_of(canary, obj)):
            status = canary.status
            phase = text(status.get("phase")) or ""
            return RouteControllerStatus(
                kind="Canary",
                name=canary.meta.name,
                phase=phase,
                weight=integer_or_none(status.get("canaryWeight")),
                aborted=phase in ("Failed", "Terminated"),
                by_request=_by_request(route, obj, canary),
            )
    for rollout in objects.get("Rollout", ()):
        if _rollout_names(rollout, obj):
            status = rollout.status
            return RouteControllerStatus(
                kind="Rollout",
                name=rollout.meta.name,
                phase=text(status.get("phase")) or "",
                weight=integer_or_none(_at(status, "canary", "weights", "canary", "weight")),
                aborted=bool(status.get("abort")),
            )
    return None


def _by_request(route: WeightedRoute, obj: ConfigObject, canary: ConfigObject) -> bool:
    """Whether Flagger made this rule for requests with a header or cookie, beside the one with the weights."""
    if maps(_at(canary.spec, "analysis", "match")):
        return True
    part, position = rule_place(route)
    rule = dict(numbered(obj.spec.get(part))).get(position, {})
    asked = [*maps(rule.get("match")), *maps(rule.get("matches"))]
    return any(one.get("headers") for one in asked)


def _targets_service_of(canary: ConfigObject, obj: ConfigObject) -> bool:
    """Whether a Flagger Canary manages this route: it is named after `spec.service.name`, else the target's name."""
    name = text(_at(canary.spec, "service", "name")) or _at(canary.spec, "targetRef", "name")
    return canary.meta.namespace == obj.meta.namespace and name == obj.meta.name


def _rollout_names(rollout: ConfigObject, obj: ConfigObject) -> bool:
    """Whether a Rollout's traffic routing names this route."""
    if rollout.meta.namespace != obj.meta.namespace:
        return False
    routing = _at(rollout.spec, "strategy", "canary", "trafficRouting")
    named = [_at(routing, "istio", "virtualService"), *items(_at(routing, "istio", "virtualServices"))]
    if obj.kind != "VirtualService":
        plugin = _at(routing, "plugins", "argoproj-labs/gatewayAPI")
        field = obj.kind.removesuffix("Route").lower() + "Route"
        named = [{"name": _at(plugin, field)}, *items(_at(plugin, f"{field}s"))]
    return any(mapping(one).get("name") == obj.meta.name for one in named)


def _at(tree: Any, *path: str) -> Any:
    """The value at a path of keys; None where a step is missing or not a mapping."""
    for key in path:
        tree = mapping(tree).get(key)
    return tree
