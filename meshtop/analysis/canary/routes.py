"""Weighted routes as clusters declare them: VirtualServices and Gateway API routes read into one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.inventory.untyped import integer, items, mapping
from meshtop.analysis.visibility.hosts import full_host
from meshtop.model.kube import ConfigObject, Manager

VIRTUAL_SERVICE = "VirtualService"
_GATEWAY_ROUTES = {"HTTPRoute": "http", "GRPCRoute": "grpc", "TCPRoute": "tcp", "TLSRoute": "tls"}
ROUTE_KINDS = (VIRTUAL_SERVICE, *_GATEWAY_ROUTES)
_PREFIXES = {f"{kind.lower()}/": kind for kind in ROUTE_KINDS}


class RouteDestination(Struct, frozen=True, kw_only=True):
    """One destination of a route. `weight` is as written (None: absent), `share` normalised to 0…1.

    `pointer` is the JSON pointer of its element in the object; `written` that part of the element which tells
    what it routes to, for the test before a patch.
    """

    name: str
    host: str
    subset: str | None = None
    port: int | None = None
    weight: int | None = None
    share: float = 0.0
    pointer: str = ""
    written: tuple[tuple[str, Any], ...] = ()


class WeightedRoute(Struct, frozen=True, kw_only=True):
    """A route with two or more destinations. `index` counts the object's weighted routes from 0."""

    cluster: str
    group: str
    version: str
    kind: str
    namespace: str
    name: str
    index: int
    route_name: str | None
    protocol: str
    hosts: tuple[str, ...]
    destinations: tuple[RouteDestination, ...]
    resource_version: str
    uid: str = ""
    managers: tuple[Manager, ...] = ()

    @property
    def label(self) -> str:
        """How users name the route on the command line: `NAMESPACE/NAME#ROUTE`, with a prefix for Gateway API kinds."""
        prefix = "" if self.kind == VIRTUAL_SERVICE else f"{self.kind.lower()}/"
        return f"{prefix}{self.namespace}/{self.name}#{self.route_name or self.index}"

    @property
    def identity(self) -> str:
        """What identifies it across refreshes."""
        return f"{self.cluster}/{self.label}"

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each destination, 0 to 1, as its weight says."""
        return tuple(d.share for d in self.destinations)

    def destination(self, name: str) -> RouteDestination | None:
        """The destination of that name."""
        return next((d for d in self.destinations if d.name == name), None)


class RouteReference(Struct, frozen=True):
    """What a user named: `NAMESPACE/NAME`, perhaps with a kind in front and `#ROUTE` behind."""

    kind: str
    namespace: str
    name: str
    route: str | None = None

    def names(self, route: WeightedRoute) -> bool:
        """Whether this is the route meant."""
        same = (route.kind, route.namespace, route.name) == (self.kind, self.namespace, self.name)
        return same and self.route in (None, route.route_name, str(route.index))


def parse_route(text: str) -> RouteReference:
    """Read a ROUTE of the command line (INTERFACE.md). Raises ValueError with how to write one."""
    kind, rest = VIRTUAL_SERVICE, text
    for prefix, of_kind in _PREFIXES.items():
        if text.lower().startswith(prefix) and text.count("/") == 2:
            kind, rest = of_kind, text[len(prefix) :]
    rest, _, route = rest.partition("#")
    namespace, slash, name = rest.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise ValueError(f"{text!r} names no route; write NAMESPACE/NAME or httproute/NAMESPACE/NAME, then #ROUTE")
    return RouteReference(kind, namespace, name, route or None)


def weighted_routes(cluster: str, config: Mapping[str, Iterable[ConfigObject]]) -> list[WeightedRoute]:
    """Every weighted route of a cluster's objects, in the order of kinds, namespaces and names."""
    found: list[WeightedRoute] = []
    for kind in ROUTE_KINDS:
        for obj in sorted(config.get(kind, ()), key=lambda o: o.meta.key):
            rules = _virtual_service(obj) if kind == VIRTUAL_SERVICE else _gateway_route(obj)
            for index, (protocol, route_name, hosts, destinations) in enumerate(rules):
                found.append(
                    WeightedRoute(
                        cluster=cluster,
                        group=obj.group,
                        version=obj.version,
                        kind=kind,
                        namespace=obj.meta.namespace,
                        name=obj.meta.name,
                        index=index,
                        route_name=route_name,
                        protocol=protocol,
                        hosts=hosts,
                        destinations=destinations,
                        resource_version=obj.meta.resource_version,
                        uid=obj.meta.uid,
                        managers=obj.managers,
                    )
                )
    return found


_Rule = tuple[str, str | None, tuple[str, ...], tuple[RouteDestination, ...]]


def _elements(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """The mappings of a list with their positions, which JSON pointers are made of."""
    return [(i, e) for i, e in enumerate(items(value)) if isinstance(e, Mapping)]


def _weight(element: Mapping[str, Any]) -> int | None:
    return integer(element.get("weight"))


def _virtual_service(obj: ConfigObject) -> Iterator[_Rule]:
    """Routes of a VirtualService: an absent weight is 0, and shares are weight / sum."""
    hosts = tuple(str(h) for h in obj.spec.get("hosts") or ())
    for protocol in ("http", "tls", "tcp"):
        for number, rule in _elements(obj.spec.get(protocol)):
            elements = _elements(rule.get("route"))
            if len(elements) < 2:
                continue
            total = sum(_weight(e) or 0 for _, e in elements)
            destinations = []
            for position, element in elements:
                target = mapping(element.get("destination"))
                host = full_host(str(target.get("host", "")), obj.meta.namespace)
                subset = target.get("subset")
                weight = _weight(element)
                destinations.append(
                    RouteDestination(
                        name=str(subset or host.split(".")[0] or "?"),
                        host=host,
                        subset=str(subset) if subset else None,
                        port=mapping(target.get("port")).get("number"),
                        weight=weight,
                        share=(weight or 0) / total if total > 0 else 0.0,
                        pointer=f"/spec/{protocol}/{number}/route/{position}",
                        written=(("destination", target),),
                    )
                )
            name = rule.get("name")
            yield protocol, str(name) if name else None, hosts, _named_apart(destinations)


def _gateway_route(obj: ConfigObject) -> Iterator[_Rule]:
    """Rules of a Gateway API route: an absent weight is 1; hosts are its parent Services', else its hostnames."""
    protocol = _GATEWAY_ROUTES[obj.kind]
    parents = [
        full_host(str(p.get("name", "")), str(p.get("namespace") or obj.meta.namespace))
        for _, p in _elements(obj.spec.get("parentRefs"))
        if p.get("kind") == "Service"
    ]
    hosts = tuple(parents) or tuple(str(h) for h in obj.spec.get("hostnames") or ())
    for number, rule in _elements(obj.spec.get("rules")):
        elements = _elements(rule.get("backendRefs"))
        if len(elements) < 2:
            continue
        weights = [1 if _weight(e) is None else _weight(e) or 0 for _, e in elements]
        total = sum(weights)
        destinations = [
            RouteDestination(
                name=str(element.get("name", "?")),
                host=full_host(str(element.get("name", "")), str(element.get("namespace") or obj.meta.namespace)),
                port=element.get("port"),
                weight=_weight(element),
                share=weight / total if total > 0 else 0.0,
                pointer=f"/spec/rules/{number}/backendRefs/{position}",
                written=tuple((k, element[k]) for k in ("group", "kind", "name", "namespace", "port") if k in element),
            )
            for (position, element), weight in zip(elements, weights, strict=True)
        ]
        name = rule.get("name")
        yield protocol, str(name) if name else None, hosts, _named_apart(destinations)


def _named_apart(destinations: Sequence[RouteDestination]) -> tuple[RouteDestination, ...]:
    """Give destinations that share a name the port, else the position, in their name."""
    names = [d.name for d in destinations]
    result = []
    for position, destination in enumerate(destinations):
        name = destination.name
        if names.count(name) > 1:
            ports = [d.port for d in destinations if d.name == name]
            distinct = destination.port is not None and ports.count(destination.port) == 1
            name = f"{name}:{destination.port}" if distinct else f"{name}.{position}"
        result.append(structs.replace(destination, name=name))
    return tuple(result)
