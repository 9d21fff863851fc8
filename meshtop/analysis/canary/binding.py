"""Binding of a weighted route: the hosts it answers for, and the gateways or sidecars that apply it.

Istio: a delegate has no hosts of its own (one level only); a VirtualService without `gateways` is for sidecars
("mesh"), one with gateways for those gateways. Gateway API routes in the mesh have a Service as their parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.canary.attachment import GATEWAY, SERVICE_ENTRY, RouteParent, parents_of
from meshtop.analysis.canary.routes import (
    SERVICE,
    VIRTUAL_SERVICE,
    WeightedRoute,
    backend_host,
    destination_host,
    numbered,
)
from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.analysis.visibility.clients import MESH, gateway_names
from meshtop.analysis.visibility.hosts import full_host
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject

_GAMMA = (SERVICE, SERVICE_ENTRY)
"""Kinds of parents that bind a Gateway API route to the mesh rather than to a gateway."""


class RouteBinding(Struct, frozen=True):
    """The hosts (full names) that a route answers for, and the gateways (`NAMESPACE/NAME`, or `mesh`) it is bound to.

    `delegate_of` names the parent of a delegate (the first, of several). `mixed` is True when another rule of the same
    object sends to the same hosts. `parents` are those of a Gateway API route; `refused` is set when none of them
    accepted it, so that the route is not in force, and has the reason.
    """

    hosts: tuple[str, ...]
    gateways: tuple[str, ...] = (MESH,)
    delegate_of: str | None = None
    mixed: bool = False
    parents: tuple[RouteParent, ...] = ()
    refused: str | None = None

    @property
    def attached(self) -> tuple[RouteParent, ...]:
        """The parents that have not refused the route."""
        return tuple(parent for parent in self.parents if parent.accepted is not False)


def binding_of(
    route: WeightedRoute, objects: Mapping[str, Sequence[ConfigObject]], domain: str = CLUSTER_DOMAIN
) -> RouteBinding:
    """The binding of a route, from all objects of its cluster, whose DNS domain is `domain`."""
    own = next((o for o in objects.get(route.kind, ()) if o.meta.key == (route.namespace, route.name)), None)
    mixed = own is not None and _is_mixed(route, own, domain)
    if route.kind != VIRTUAL_SERVICE:
        return _attached(route, own, objects, mixed=mixed)
    if route.hosts or own is None:
        hosts = tuple(dict.fromkeys(full_host(host, route.namespace, domain) for host in route.hosts))
        return RouteBinding(hosts, bound_names(own), None, mixed)
    roots = roots_of(own, objects.get(VIRTUAL_SERVICE, ()))
    if not roots:
        return RouteBinding((), (MESH,), None, mixed)
    hosts = tuple(dict.fromkeys(host for root, _ in roots for host in hosts_of(root, domain)))
    gateways = tuple(dict.fromkeys(name for root, _ in roots for name in bound_names(root)))
    return RouteBinding(hosts, gateways, "/".join(roots[0][0].meta.key), mixed)


def hosts_of(service: ConfigObject, domain: str) -> tuple[str, ...]:
    """The full hosts of a VirtualService, each once; short ones are completed in the cluster's DNS domain."""
    written = texts(service.spec.get("hosts"))
    return tuple(dict.fromkeys(full_host(host, service.meta.namespace, domain) for host in written))


def bound_names(service: ConfigObject | None) -> tuple[str, ...]:
    """The gateways of a VirtualService by their full names; `mesh` where it names none."""
    named = gateway_names(service.spec.get("gateways"), service.meta.namespace) if service is not None else ()
    return named or (MESH,)


def roots_of(delegate: ConfigObject, services: Iterable[ConfigObject]) -> list[tuple[ConfigObject, int]]:
    """The VirtualServices that delegate to this one, each with the position of the delegating rule."""
    found = []
    for service in services:
        for number, rule in numbered(service.spec.get("http")):
            if delegate_of(rule, service) == delegate.meta.key:
                found.append((service, number))
    return found


def delegate_of(rule: Mapping[str, Any], parent: ConfigObject) -> tuple[str, str] | None:
    """The namespace and name of the VirtualService that a rule delegates to."""
    target = mapping(rule.get("delegate"))
    name = text(target.get("name"))
    return (text(target.get("namespace")) or parent.meta.namespace, name) if name else None


def _attached(
    route: WeightedRoute, own: ConfigObject | None, objects: Mapping[str, Sequence[ConfigObject]], *, mixed: bool
) -> RouteBinding:
    parents = parents_of(own) if own is not None else ()
    attached = [parent for parent in parents if parent.accepted is not False]
    refused = None
    if parents and not attached:
        refused = "; ".join(f"{p.title} refuses it ({p.refused or 'Accepted is False'})" for p in parents)
    gateways = [f"{p.namespace}/{p.name}" for p in attached or parents if p.kind == GATEWAY]
    in_mesh = not parents or any(parent.kind in _GAMMA for parent in attached or parents)
    entries = {entry.meta.key: entry for entry in objects.get(SERVICE_ENTRY, ())}
    named = [
        entries[p.namespace, p.name] for p in parents if p.kind == SERVICE_ENTRY and (p.namespace, p.name) in entries
    ]
    extra = tuple(host for entry in named for host in texts(entry.spec.get("hosts")))
    return RouteBinding(
        hosts=tuple(dict.fromkeys((*route.hosts, *extra))),
        gateways=((MESH,) if in_mesh else ()) + tuple(dict.fromkeys(gateways)),
        mixed=mixed,
        parents=parents,
        refused=refused,
    )


def common_host(route: WeightedRoute, binding: RouteBinding) -> str:
    """The service that the route splits: the host that all destinations share, else the host it answers for."""
    hosts = {d.host for d in route.destinations}
    if len(hosts) == 1:
        return next(iter(hosts))
    return binding.hosts[0] if binding.hosts else route.destinations[0].host


def telemetry_hosts(route: WeightedRoute, binding: RouteBinding) -> tuple[str, ...]:
    """The hosts under which telemetry may report requests that this route splits."""
    named = (*(d.host for d in route.destinations), *(h for h in binding.hosts if MESH in binding.gateways))
    return tuple(dict.fromkeys(host for host in named if host and not host.startswith("*")))


def rule_hosts(rule: Mapping[str, Any], namespace: str, domain: str) -> frozenset[str]:
    """The full hosts that a rule of a VirtualService or of a Gateway API route sends to."""
    found = {destination_host(mapping(one.get("destination")), namespace, domain) for one in maps(rule.get("route"))}
    found |= {backend_host(one, namespace, domain) for one in maps(rule.get("backendRefs"))}
    return frozenset(host for host in found if host)


def rule_place(route: WeightedRoute) -> tuple[str, int]:
    """The list that contains the route's rule (`http`, `tls`, `tcp`, `rules`), and the rule's index in it."""
    _, _, part, number, *_ = route.destinations[0].pointer.split("/")
    return part, int(number)


def _is_mixed(route: WeightedRoute, own: ConfigObject, domain: str) -> bool:
    if not route.destinations:
        return False
    hosts = {d.host for d in route.destinations}
    part, number = rule_place(route)
    return any(
        position != number and rule_hosts(rule, own.meta.namespace, domain) & hosts
        for position, rule in numbered(own.spec.get(part))
    )
