"""Where policies are enforced, and which AuthorizationPolicies and RequestAuthentications apply there.

Rules of istiod (istio/istio pilot/pkg/model, policyattachment): a policy with `targetRefs` applies to these and nowhere
else; any other by its namespace (the root namespace's to all) and `selector`, but never at a waypoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import maps
from meshtop.analysis.visibility.selection import match_labels, selects
from meshtop.model.kube import ConfigObject

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""The label of the pods of a Gateway of Gateway API, waypoints among them."""
WAYPOINT_CLASS = "istio-waypoint"
_GATEWAY_API = "gateway.networking.k8s.io"
_ISTIO = "networking.istio.io"


class Enforcer(StrEnum):
    """What enforces policies: the proxy of a workload, a gateway, a waypoint, or ztunnel."""

    SIDECAR = "sidecar"
    GATEWAY = "gateway"
    WAYPOINT = "waypoint"
    ZTUNNEL = "ztunnel"


class TargetService(Struct, frozen=True):
    """A Service, or a ServiceEntry by its object's name, to which calls go through a waypoint."""

    namespace: str
    name: str
    entry: bool = False


class EnforcementPoint(Struct, frozen=True, kw_only=True):
    """A proxy that judges calls, by what policies select: its pods' namespace and labels.

    `services` are those that are called through it; they count at waypoints only. `selectors` is whether a Gateway of
    Gateway API obeys policies that select it by labels (PILOT's ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY).
    """

    enforcer: Enforcer
    namespace: str
    name: str
    labels: Mapping[str, str]
    services: tuple[TargetService, ...] = ()
    selectors: bool = True

    @property
    def title(self) -> str:
        """The point in words, for sentences."""
        place = f"{self.namespace}/{self.name}"
        if self.enforcer is Enforcer.ZTUNNEL:
            return f"ztunnel of {place}"
        return place if self.enforcer is Enforcer.SIDECAR else f"the {self.enforcer.value} {place}"


def policy_applies(obj: ConfigObject, point: EnforcementPoint, root_namespace: str) -> str | None:
    """Why a policy applies at a point, in words; None when it does not.

    An odd selector or targetRef counts as one that may apply (`odd_attachment`).
    """
    namespace = obj.meta.namespace
    targets = list(_targets(obj.spec))
    if targets:
        return next((by for target in targets if (by := _targeted(target, obj, point, root_namespace))), None)
    if namespace not in (point.namespace, root_namespace) or point.enforcer is Enforcer.WAYPOINT:
        return None
    if GATEWAY_NAME in point.labels and not point.selectors:
        return None
    wanted = match_labels(obj.spec)
    if wanted:
        return "its selector" if selects(wanted, point.labels) else None
    return "the whole mesh" if namespace == root_namespace else "its whole namespace"


_ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")


def unsure_target(obj: ConfigObject, point: EnforcementPoint) -> str | None:
    """The target of a policy that may be a gateway's or waypoint's, with its kind, though that is not worked out.

    That is one of Istio's own Gateway objects at a gateway (newest releases), as which of them it serves is not looked
    at here; and a route of Gateway API, as which of a route's requests a policy is for is not.
    """
    if point.enforcer not in (Enforcer.GATEWAY, Enforcer.WAYPOINT):
        return None
    homes = {point.namespace, *(service.namespace for service in point.services)}
    for target in _targets(obj.spec):
        kind, group = target.get("kind"), target.get("group")
        at_home = point.enforcer is Enforcer.GATEWAY and obj.meta.namespace == point.namespace
        if at_home and (kind, group) == ("Gateway", _ISTIO):
            return f"Gateway {target.get('name')}"
        if kind in _ROUTES and group == _GATEWAY_API and obj.meta.namespace in homes:
            return f"{kind} {target.get('name')}"
    return None


def odd_attachment(spec: Mapping[str, Any]) -> str | None:
    """What is odd in how a policy says where it applies, by its field; None where all is as Istio's schema has it."""
    selector = spec.get("selector")
    if selector is not None:
        if not isinstance(selector, Mapping):
            return "spec.selector is no object"
        labels = selector.get("matchLabels")
        if labels is not None and not isinstance(labels, Mapping):
            return "spec.selector.matchLabels is no object"
        odd = [str(key) for key in selector if key != "matchLabels"]
        if odd:
            return f"spec.selector has an unknown field {odd[0]}"
        if any(not isinstance(value, str) for value in (labels or {}).values()):
            return "spec.selector.matchLabels has a value that is no text"
    refs = spec.get("targetRefs")
    if refs is not None and not isinstance(refs, list | tuple):
        return "spec.targetRefs is no list"
    single = spec.get("targetRef")
    for place, ref in (*((f"targetRefs[{i}]", ref) for i, ref in enumerate(refs or ())), ("targetRef", single)):
        if ref is None and place == "targetRef":
            continue
        if not isinstance(ref, Mapping):
            return f"spec.{place} is no object"
        if not isinstance(ref.get("kind"), str) or not isinstance(ref.get("name"), str):
            return f"spec.{place} names no kind and name"
    return None


def _targets(spec: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    several = maps(spec.get("targetRefs"))
    yield from several
    if not several and isinstance(spec.get("targetRef"), Mapping):
        yield spec["targetRef"]


def _targeted(target: Mapping[str, Any], obj: ConfigObject, point: EnforcementPoint, root: str) -> str | None:
    kind, name, group = (str(target.get(key) or "") for key in ("kind", "name", "group"))
    waypoint = point.enforcer is Enforcer.WAYPOINT
    if waypoint and kind in ("Service", "ServiceEntry"):
        if group not in ((_ISTIO,) if kind == "ServiceEntry" else ("", "core")):
            return None
        called = TargetService(obj.meta.namespace, name, kind == "ServiceEntry")
        return f"its target {kind} {name}" if called in point.services else None
    if waypoint and kind == "GatewayClass" and group == _GATEWAY_API:
        at_root = obj.meta.namespace == root and name == WAYPOINT_CLASS
        return f"its target GatewayClass {name}" if at_root else None
    at_home = obj.meta.namespace == point.namespace and target.get("namespace") in (None, "", point.namespace)
    if kind == "Gateway" and group == _GATEWAY_API and at_home and point.labels.get(GATEWAY_NAME) == name:
        return f"its target Gateway {name}"
    return None
