"""Which clients' requests a weighted route splits, by the objects that one istiod reads.

A client follows a rule when it sees the object (exports, Sidecar, gateways), when the object is the one that counts for
the host, and when no earlier rule takes its requests. Where other rules send some of the same client's requests to the
same hosts, telemetry cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any

from msgspec import Struct

from meshtop.analysis.authorization.waypoints import WaypointBindings
from meshtop.analysis.canary.attachment import GATEWAY, RouteParent, parents_of
from meshtop.analysis.canary.binding import RouteBinding, hosts_of, roots_of, rule_hosts, rule_place
from meshtop.analysis.canary.routes import (
    CLUSTER_SET_DOMAIN,
    ROUTE_KINDS,
    SERVICE,
    VIRTUAL_SERVICE,
    WeightedRoute,
    numbered,
)
from meshtop.analysis.inventory.untyped import items, mapping, texts
from meshtop.analysis.visibility.clients import (
    Applies,
    Client,
    Visibility,
    by_source_labels,
    rule_applies,
    winners,
)
from meshtop.analysis.visibility.hosts import NOBODYS_DOMAIN, host_matches, written_domains
from meshtop.analysis.visibility.selection import title
from meshtop.model.kube import ConfigObject, Service

DOMAIN_UNKNOWN = "whether its hosts are those that are called hangs on the cluster's DNS domain, which is not known"
"""Why it is unknown whom a route governs where objects name hosts in full."""
_NOT_HTTP = ("tcp", "tls", "https", "mongo", "mysql", "redis", "udp")
"""Protocols that the name of a Service's port (up to a dash) may give it, other than HTTP."""
MIXED_RULES = "another rule of it sends to the same hosts"
"""Why a split cannot be measured where other rules of the same object interfere."""
_LISTS = ("http", "tls", "tcp")


class Follows(StrEnum):
    """Whether a client follows a route: no, yes, together with other rules, or unknown."""

    NO = "no"
    YES = "yes"
    MIXED = "mixed"
    UNKNOWN = "unknown"


class Following(Struct, frozen=True):
    """Whether a client follows a route and, unless it is simply yes or no, the reason as a clause."""

    follows: Follows
    why: str = ""


_NO, _YES = Following(Follows.NO), Following(Follows.YES)


class _Sender(Struct, frozen=True):
    """A rule that sends to a host: the element `position` of the list `part` of an object."""

    obj: ConfigObject
    part: str
    position: int


class Governing:
    """The routes that one istiod reads, and which clients follow them."""

    def __init__(
        self,
        config: Mapping[str, Sequence[ConfigObject]],
        visibility: Visibility,
        services: Iterable[Service] = (),
        waypoints: WaypointBindings | None = None,
    ) -> None:
        self._config = config
        self._domain = visibility.domain
        self._visibility = visibility
        self._ports = {service.meta.key: service for service in services}
        self._waypoints = waypoints
        self._entries = [host for entry in config.get("ServiceEntry", ()) for host in texts(entry.spec.get("hosts"))]
        self._services = tuple(config.get(VIRTUAL_SERVICE, ()))
        self._roots: dict[tuple[str, str], list[tuple[ConfigObject, int]]] = {}
        for service in self._services:
            if not hosts_of(service, self._domain):
                self._roots[service.meta.key] = roots_of(service, self._services)
        self._gateway_routes = {
            (obj.kind, *obj.meta.key): (obj, [p for p in parents_of(obj) if p.accepted is not False])
            for kind in ROUTE_KINDS
            if kind != VIRTUAL_SERVICE
            for obj in config.get(kind, ())
        }
        self._consumers: dict[tuple[str, str], set[str]] = {}
        for obj, parents in self._gateway_routes.values():
            for parent in parents:
                if parent.kind == SERVICE and parent.namespace != obj.meta.namespace:
                    self._consumers.setdefault((parent.namespace, parent.name), set()).add(obj.meta.namespace)
        self._senders: dict[str, list[_Sender]] = {}
        for sender in self._all_senders():
            rule = dict(numbered(sender.obj.spec.get(sender.part)))[sender.position]
            for host in rule_hosts(rule, sender.obj.meta.namespace, self._domain):
                self._senders.setdefault(host, []).append(sender)
        self._ordered: dict[str, tuple[ConfigObject, ...]] = {}

    def of(self, route: WeightedRoute, binding: RouteBinding, obj: ConfigObject, client: Client) -> Following:
        """Whether a client follows a route."""
        if binding.refused is not None or not route.destinations or not client.in_mesh:
            return _NO
        here = self._of(route, obj, client)
        if any(other._of(route, obj, client).follows is not here.follows for other in self._elsewhere):
            return Following(Follows.UNKNOWN, DOMAIN_UNKNOWN)
        return here

    @cached_property
    def _elsewhere(self) -> tuple[Governing, ...]:
        """The same in each other domain that the cluster may have, where its own is not known."""
        if self._visibility.domain_known:
            return ()
        hosts = [host for service in self._services for host in texts(service.spec.get("hosts"))]
        hosts += [host for host in self._senders if ".svc." in host]
        found = written_domains((*hosts, *self._visibility.sidecars.hosts())) - {self._domain}
        return tuple(
            Governing(self._config, self._visibility.in_domain(domain), self._ports.values(), self._waypoints)
            for domain in (*sorted(found), NOBODYS_DOMAIN)
        )

    def _of(self, route: WeightedRoute, obj: ConfigObject, client: Client) -> Following:
        part, position = rule_place(route)
        here = dict(numbered(obj.spec.get(part))).get(position, {})
        hosts = sorted(rule_hosts(here, obj.meta.namespace, self._domain))
        if hosts and all(map(self._is_foreign, hosts)):
            return _NO
        own = self._applies(obj, part, position, client)
        if own is Applies.NEVER:
            return _NO
        if not client.has_sidecar and not client.is_gateway and self._waypoints is not None:
            served = self._served_by_waypoint(obj)
            if served is None:
                return Following(Follows.UNKNOWN, self._waypoints.unknown or "")
            if not served:
                return _NO
        if own is Applies.UNKNOWN:
            return Following(Follows.UNKNOWN, self._why_unknown(obj, client))
        other = self._beside(route, obj, client, own) or self._unrouted(here, hosts, part, obj, client)
        if other is not None:
            return Following(Follows.MIXED, other)
        return _YES

    def _served_by_waypoint(self, obj: ConfigObject) -> bool | None:
        """Whether ambient calls to a route's hosts pass a waypoint, which alone obeys it; None where that is unknown.

        ztunnel splits nothing.
        """
        if self._waypoints is None or self._waypoints.unknown:
            return None
        if obj.kind == VIRTUAL_SERVICE:
            roots = [root for root, _ in self._roots.get(obj.meta.key, ())] or [obj]
            asked = [self._service_of(host) for root in roots for host in hosts_of(root, self._domain)]
        else:
            asked = [(parent.namespace, parent.name) for parent in parents_of(obj) if parent.kind != GATEWAY]
        # A wildcard, or a host of no Service, may stand for one that has a waypoint.
        if any(place not in self._ports for place in asked):
            return None if self._ports else False
        bound = [self._waypoints.of(namespace, name, {}) for namespace, name in asked]
        return any(waypoint is not None and waypoint.serves in ("service", "all") for waypoint in bound)

    def _is_foreign(self, host: str) -> bool:
        """Whether a host is written as a Service's of another DNS domain, so that nothing answers for it here."""
        _, svc, domain = host.lower().partition(".svc.")
        known = not svc or domain in (self._domain.lower(), CLUSTER_SET_DOMAIN.partition("svc.")[2])
        return not known and not any(host_matches(entry.lower(), host.lower()) for entry in self._entries)

    def _unrouted(
        self, rule: Mapping[str, Any], hosts: Sequence[str], part: str, obj: ConfigObject, client: Client
    ) -> str | None:
        """Which calls of a client to the Service that a rule splits no rule takes, as a clause; None where none are.

        Telemetry names the Service that answers, not the host that was asked for: a sidecar sends calls to the
        Service's own host, or to one of its ports, by no rule unless a VirtualService is for that host and port.
        """
        if obj.kind != VIRTUAL_SERVICE or client.is_gateway or len(hosts) != 1:
            return None
        roots = [root for root, _ in self._roots.get(obj.meta.key, ())] or [obj]
        asked = [host.lower() for root in roots for host in hosts_of(root, self._domain)]
        if not any(host_matches(host, hosts[0].lower()) for host in asked):
            return f"calls to {hosts[0]} itself follow no rule of it"
        matches = [mapping(one) for one in items(rule.get("match"))]
        service = self._ports.get(self._service_of(hosts[0]))
        if part != "http" or service is None or not matches or not all(one.get("port") for one in matches):
            return None
        taken = {one.get("port") for one in matches}
        left = [p.port for p in service.ports if p.name.partition("-")[0] not in _NOT_HTTP and p.port not in taken]
        return f"calls to port {left[0]} of {hosts[0]} follow no rule of it" if left else None

    def _service_of(self, host: str) -> tuple[str, str]:
        name, _, namespace = host.removesuffix(f".svc.{self._domain}").partition(".")
        return namespace, name

    def _all_senders(self) -> Iterator[_Sender]:
        for service in self._services:
            for part in _LISTS:
                for position, _ in numbered(service.spec.get(part)):
                    yield _Sender(service, part, position)
        for obj, _ in self._gateway_routes.values():
            for position, _ in numbered(obj.spec.get("rules")):
                yield _Sender(obj, "rules", position)

    def _why_unknown(self, obj: ConfigObject, client: Client) -> str:
        if self._visibility.unread and client.has_sidecar and not client.is_gateway:
            return f"whether {client.namespace} sees {title(obj)} is unknown: {self._visibility.unread.rstrip('.')}"
        if not self._visibility.exports.settles(obj, client.namespace):
            return f"whether {client.namespace} sees {title(obj)} is unknown, because MeshConfig was not read"
        return f"whether callers in {client.namespace} follow {title(obj)} is unknown"

    def _beside(self, route: WeightedRoute, obj: ConfigObject, client: Client, own: Applies) -> str | None:
        """Another rule that may send the same client's requests to the same hosts, as a clause; None without one."""
        part, position = rule_place(route)
        here = dict(numbered(obj.spec.get(part))).get(position, {})
        partly = own is Applies.SOMETIMES or by_source_labels(here)
        for host in sorted(rule_hosts(here, obj.meta.namespace, self._domain)):
            for sender in self._senders.get(host, ()):
                same = sender.obj is obj
                if same and sender.part == part and sender.position == position:
                    continue
                if _speaks_http(sender) != (route.protocol in ("http", "grpc")):
                    continue
                if same and part != "rules" and sender.part == part and sender.position > position and not partly:
                    continue
                if self._may_apply(sender, client, same_object=same):
                    return MIXED_RULES if same else f"{title(sender.obj)} sends to the same hosts for the same callers"
        return None

    def _may_apply(self, sender: _Sender, client: Client, *, same_object: bool) -> bool:
        """Whether a rule may match a client's requests. Within one object, pods of a workload may differ in labels."""
        asked = client
        if same_object:
            asked = Client(
                namespace=client.namespace,
                labels=None,
                gateways=client.gateways,
                is_gateway=client.is_gateway,
                has_sidecar=client.has_sidecar,
            )
            rule = dict(numbered(sender.obj.spec.get(sender.part)))[sender.position]
            return rule_applies(rule, asked, sender.obj.meta.namespace) is not Applies.NEVER
        return self._applies(sender.obj, sender.part, sender.position, asked) is not Applies.NEVER

    def _applies(self, obj: ConfigObject, part: str, position: int, client: Client) -> Applies:
        """Whether a rule matches a client's requests, by the object's visibility and the rules before it."""
        if obj.kind != VIRTUAL_SERVICE:
            parents = self._gateway_routes.get((obj.kind, *obj.meta.key), (obj, []))[1]
            found = {self._attached(obj, parent, client) for parent in parents}
            return next((a for a in (Applies.ALWAYS, Applies.UNKNOWN) if a in found), Applies.NEVER)
        if obj.meta.key not in self._roots:
            seen = self._seen(obj, client)
            return seen if seen is Applies.NEVER else _both(seen, _reached(obj, part, position, client))
        found = set()
        for root, number in self._roots[obj.meta.key]:
            seen = self._seen(root, client)
            if seen is Applies.NEVER or not self._visibility.exports.of(obj).includes(root.meta.namespace):
                continue
            above = _reached(root, "http", number, client)
            found.add(_both(seen, _both(above, _reached(obj, part, position, client))))
        order = (Applies.ALWAYS, Applies.UNKNOWN, Applies.SOMETIMES)
        return next((a for a in order if a in found), Applies.NEVER)

    def _seen(self, service: ConfigObject, client: Client) -> Applies:
        """Whether a VirtualService applies to a client at all: visible, and the first for one of its hosts."""
        if not self._visibility.sees_route(service, client):
            return Applies.NEVER
        if not client.is_gateway and not any(
            self._first(host, client) is service for host in hosts_of(service, self._domain)
        ):
            return Applies.NEVER
        exports = self._visibility.exports
        # Of ambient clients a waypoint follows the route, and what is exported to it decides.
        waypoint = not client.has_sidecar and not client.is_gateway and not exports.of(service).everyone
        if client.has_sidecar and not client.is_gateway and self._visibility.unread:
            return Applies.UNKNOWN
        return Applies.ALWAYS if exports.settles(service, client.namespace) and not waypoint else Applies.UNKNOWN

    def _first(self, host: str, client: Client) -> ConfigObject | None:
        """The VirtualService that applies to a host: the first visible to the client for exactly this host."""
        ordered = self._ordered.get(client.namespace)
        if ordered is None:
            ordered = winners(self._services, self._visibility.exports, client.namespace)
            self._ordered[client.namespace] = ordered
        return next(
            (s for s in ordered if host in hosts_of(s, self._domain) and self._visibility.sees_route(s, client)), None
        )

    def _attached(self, obj: ConfigObject, parent: RouteParent, client: Client) -> Applies:
        """Whether a Gateway API route applies to a client through one of its parents.

        A route in another namespace than its Service is a consumer route: it applies to callers in its own namespace
        only, and replaces the producer route there. Waypoints ignore consumer routes.
        """
        if parent.kind == GATEWAY:
            bound = f"{parent.namespace}/{parent.name}" in client.gateways
            return Applies.ALWAYS if client.is_gateway and bound else Applies.NEVER
        if client.is_gateway:
            return Applies.NEVER
        consumers = self._consumers.get((parent.namespace, parent.name), set())
        if parent.namespace != obj.meta.namespace:
            if client.namespace != obj.meta.namespace:
                return Applies.NEVER
            return Applies.ALWAYS if client.has_sidecar else Applies.UNKNOWN
        if client.namespace in consumers:
            return Applies.NEVER if client.has_sidecar else Applies.UNKNOWN
        return Applies.ALWAYS


def _speaks_http(sender: _Sender) -> bool:
    return sender.part == "http" or sender.obj.kind in ("HTTPRoute", "GRPCRoute")


def _reached(obj: ConfigObject, part: str, position: int, client: Client) -> Applies:
    """Whether a client's requests reach a rule of a VirtualService (no earlier rule takes them) and match it."""
    doubt = False
    for number, rule in numbered(obj.spec.get(part)):
        applies = rule_applies(rule, client, obj.meta.namespace)
        if number == position:
            return Applies.UNKNOWN if doubt and applies is not Applies.NEVER else applies
        if applies is Applies.ALWAYS:
            return Applies.NEVER
        doubt = doubt or applies is Applies.UNKNOWN
    return Applies.NEVER


def _both(one: Applies, other: Applies) -> Applies:
    """Conjunction of two conditions."""
    for worst in (Applies.NEVER, Applies.UNKNOWN, Applies.SOMETIMES):
        if worst in (one, other):
            return worst
    return Applies.ALWAYS
