"""Whom a weighted route serves: hosts and gateways of a delegate's parents, and the callers that obey it.

Istio: a delegate has no hosts of its own (one level only); a VirtualService without `gateways` is for sidecars
("mesh"), one with gateways for those gateways. Gateway API routes in the mesh hang on a Service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.canary.routes import VIRTUAL_SERVICE, WeightedRoute
from meshtop.analysis.inventory.untyped import items, mapping, maps
from meshtop.analysis.visibility.hosts import full_host
from meshtop.model.kube import ConfigObject
from meshtop.model.mesh import Workload

MESH = "mesh"
WorkloadKey = tuple[str, str]


class RouteBinding(Struct, frozen=True):
    """The hosts (full names) that a route answers for, and the gateways (`NAMESPACE/NAME`, or `mesh`) it is bound to.

    `delegate_of` names the parent of a delegate. `mixed` is True when another rule of the same object sends to the
    same hosts, so that telemetry cannot tell this rule's split.
    """

    hosts: tuple[str, ...]
    gateways: tuple[str, ...] = (MESH,)
    delegate_of: str | None = None
    mixed: bool = False


def binding_of(route: WeightedRoute, objects: Mapping[str, Sequence[ConfigObject]]) -> RouteBinding:
    """Whom the route serves, from all objects of its cluster."""
    own = next((o for o in objects.get(route.kind, ()) if o.meta.key == (route.namespace, route.name)), None)
    mixed = own is not None and _is_mixed(route, own)
    if route.kind != VIRTUAL_SERVICE:
        in_mesh = own is not None and any(p.get("kind") == "Service" for p in maps(own.spec.get("parentRefs")))
        parents = tuple(
            f"{p.get('namespace') or route.namespace}/{p.get('name')}"
            for p in maps(own.spec.get("parentRefs") if own is not None else None)
            if p.get("kind", "Gateway") == "Gateway"
        )
        return RouteBinding(route.hosts, (MESH,) if in_mesh or not parents else parents, None, mixed)
    if route.hosts or own is None:
        hosts = tuple(full_host(host, route.namespace) for host in route.hosts)
        return RouteBinding(hosts, _gateways(own), None, mixed)
    for parent in objects.get(VIRTUAL_SERVICE, ()):
        if any(_delegates_to(rule, parent, route) for rule in maps(parent.spec.get("http"))):
            hosts = tuple(full_host(str(host), parent.meta.namespace) for host in parent.spec.get("hosts") or ())
            return RouteBinding(hosts, _gateways(parent), "/".join(parent.meta.key), mixed)
    return RouteBinding((), (MESH,), None, mixed)


def bound_gateways(
    binding: RouteBinding, workloads: Iterable[Workload], gateways: Sequence[ConfigObject]
) -> frozenset[WorkloadKey]:
    """The gateway workloads of a cluster that obey the route; sidecars do when `mesh` is among its gateways."""
    wanted = set(binding.gateways) - {MESH}
    if not wanted:
        return frozenset()
    found: set[WorkloadKey] = set()
    chosen = [g for g in gateways if "/".join(g.meta.key) in wanted]
    for workload in workloads:
        labels = dict(workload.labels)
        for gateway in chosen:
            selector = gateway.spec.get("selector") or {"gateway.networking.k8s.io/gateway-name": gateway.meta.name}
            if all(labels.get(key) == value for key, value in selector.items()):
                found.add((workload.namespace, workload.name))
    return frozenset(found)


def common_host(route: WeightedRoute, binding: RouteBinding) -> str:
    """The service that the route is about: the one host of all destinations, else the host it answers for."""
    hosts = {d.host for d in route.destinations}
    if len(hosts) == 1:
        return next(iter(hosts))
    return binding.hosts[0] if binding.hosts else route.destinations[0].host


def telemetry_hosts(route: WeightedRoute, binding: RouteBinding) -> tuple[str, ...]:
    """The hosts that telemetry may name for requests which this route splits."""
    named = (*(d.host for d in route.destinations), *(h for h in binding.hosts if MESH in binding.gateways))
    return tuple(dict.fromkeys(host for host in named if host and not host.startswith("*")))


def _gateways(obj: ConfigObject | None) -> tuple[str, ...]:
    named = items(obj.spec.get("gateways")) if obj is not None else ()
    if obj is None or not named:
        return (MESH,)
    return tuple(g if g == MESH or "/" in g else f"{obj.meta.namespace}/{g}" for g in map(str, named))


def _delegates_to(rule: Mapping[str, Any], parent: ConfigObject, route: WeightedRoute) -> bool:
    target = mapping(rule.get("delegate"))
    return bool(target) and (str(target.get("namespace") or parent.meta.namespace), str(target.get("name"))) == (
        route.namespace,
        route.name,
    )


def _is_mixed(route: WeightedRoute, own: ConfigObject) -> bool:
    if not route.destinations:
        return False
    hosts = {d.host for d in route.destinations}
    pointer = route.destinations[0].pointer.rsplit("/", 2)[0]
    lists = ("http", "tls", "tcp") if route.kind == VIRTUAL_SERVICE else ("rules",)
    for part in lists:
        for number, rule in enumerate(maps(own.spec.get(part))):
            if f"/spec/{part}/{number}" == pointer:
                continue
            for one in (*maps(rule.get("route")), *maps(rule.get("backendRefs"))):
                target = mapping(one.get("destination", one))
                name = target.get("host") or target.get("name")
                if name and full_host(str(name), own.meta.namespace) in hosts:
                    return True
    return False
