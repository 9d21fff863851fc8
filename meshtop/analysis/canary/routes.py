"""Weighted routes as declared in clusters: VirtualServices and Gateway API routes in one common type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from meshtop.analysis.inventory.untyped import integer_or_none, items, mapping, text, texts
from meshtop.analysis.visibility.hosts import full_host
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, Manager

VIRTUAL_SERVICE = "VirtualService"
_GATEWAY_ROUTES = {"HTTPRoute": "http", "GRPCRoute": "grpc", "TCPRoute": "tcp", "TLSRoute": "tls"}
ROUTE_KINDS = (VIRTUAL_SERVICE, *_GATEWAY_ROUTES)
HOST, SERVICE, SERVICE_IMPORT, HOSTNAME = "Host", "Service", "ServiceImport", "Hostname"
"""Kinds of destinations: a host (VirtualService), or the kinds that a Gateway API backend may reference."""
CLUSTER_SET_DOMAIN = "svc.clusterset.local"
"""What follows `NAME.NAMESPACE.` in the host of a multi-cluster service (KEP-1645)."""
_PREFIXES = {f"{kind.lower()}/": kind for kind in ROUTE_KINDS}


class RouteDestination(Struct, frozen=True, kw_only=True):
    """One destination of a route. `weight` is as written (None: absent), `share` normalised to 0…1.

    `pointer` is the JSON pointer of its element in the object; `written` that part of the element which tells
    what it routes to, for the test before a patch. `kind` and `namespace` are those of what a Gateway API reference
    names; all that a VirtualService names are hosts (`Host`).
    """

    name: str
    host: str
    subset: str | None = None
    port: int | None = None
    weight: int | None = None
    share: float = 0.0
    pointer: str = ""
    written: tuple[tuple[str, Any], ...] = ()
    kind: str = HOST
    namespace: str = ""


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
        """Identity of the route across refreshes."""
        return f"{self.cluster}/{self.label}"

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each destination, 0 to 1, by its weight."""
        return tuple(d.share for d in self.destinations)

    def destination(self, name: str) -> RouteDestination | None:
        """The destination of that name."""
        return next((d for d in self.destinations if d.name == name), None)


class RouteReference(Struct, frozen=True):
    """A route as named by the user: `NAMESPACE/NAME`, optionally with a kind prefix and a suffix `#ROUTE`."""

    kind: str
    namespace: str
    name: str
    route: str | None = None

    def names(self, route: WeightedRoute) -> bool:
        """Whether the reference names this route."""
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
        raise ValueError(f"{text!r} is not a route; write NAMESPACE/NAME or httproute/NAMESPACE/NAME, then #ROUTE")
    return RouteReference(kind, namespace, name, route or None)


def weighted_routes(
    cluster: str, config: Mapping[str, Iterable[ConfigObject]], domain: str = CLUSTER_DOMAIN
) -> list[WeightedRoute]:
    """Every weighted route of a cluster's objects, in the order of kinds, namespaces and names.

    `domain` is the DNS domain of the cluster, in which short hosts are completed.
    """
    found: list[WeightedRoute] = []
    for kind in ROUTE_KINDS:
        for obj in sorted(config.get(kind, ()), key=lambda o: o.meta.key):
            rules = _virtual_service(obj, domain) if kind == VIRTUAL_SERVICE else _gateway_route(obj, domain)
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


def numbered(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """The mappings of a list with their indices, for use in JSON pointers."""
    return [(i, e) for i, e in enumerate(items(value)) if isinstance(e, Mapping)]


def _weight(element: Mapping[str, Any]) -> int | None:
    return integer_or_none(element.get("weight"))


def weight_shares(weights: Sequence[int]) -> list[float]:
    """Weights divided by their sum, each 0…1; negative weights count as 0; all are 0 if no weight is positive."""
    positive = [max(0, weight) for weight in weights]
    total = sum(positive)
    return [weight / total if total else 0.0 for weight in positive]


def destination_host(target: Mapping[str, Any], namespace: str, domain: str) -> str:
    """The full host of a VirtualService's destination; "" where it names none."""
    return full_host(text(target.get("host")) or "", namespace, domain)


def backend_host(reference: Mapping[str, Any], namespace: str, domain: str) -> str:
    """The host of a Gateway API reference, as telemetry names it; "" where it names none."""
    name, kind = text(reference.get("name")) or "", text(reference.get("kind")) or SERVICE
    home = text(reference.get("namespace")) or namespace
    if kind == HOSTNAME:
        return name
    if kind == SERVICE_IMPORT:
        return f"{name}.{home}.{CLUSTER_SET_DOMAIN}" if name else ""
    return full_host(name, home, domain)


def _virtual_service(obj: ConfigObject, domain: str) -> Iterator[_Rule]:
    """Routes of a VirtualService: an absent weight is 0, and shares are weight / sum."""
    hosts = texts(obj.spec.get("hosts"))
    for protocol in ("http", "tls", "tcp"):
        for number, rule in numbered(obj.spec.get(protocol)):
            elements = numbered(rule.get("route"))
            if len(elements) < 2:
                continue
            shares = weight_shares([_weight(e) or 0 for _, e in elements])
            destinations = []
            for (position, element), share in zip(elements, shares, strict=True):
                target = mapping(element.get("destination"))
                host = destination_host(target, obj.meta.namespace, domain)
                subset = text(target.get("subset"))
                destinations.append(
                    RouteDestination(
                        name=subset or host.split(".")[0] or "?",
                        host=host,
                        subset=subset,
                        port=integer_or_none(mapping(target.get("port")).get("number")),
                        weight=_weight(element),
                        share=share,
                        pointer=f"/spec/{protocol}/{number}/route/{position}",
                        written=(("destination", target),),
                    )
                )
            yield protocol, text(rule.get("name")), hosts, _named_apart(destinations)


def _gateway_route(obj: ConfigObject, domain: str) -> Iterator[_Rule]:
    """Rules of a Gateway API route: an absent weight is 1; hosts are its parent Services', else its hostnames."""
    protocol, home = _GATEWAY_ROUTES[obj.kind], obj.meta.namespace
    parents = [
        backend_host(p, home, domain) for _, p in numbered(obj.spec.get("parentRefs")) if p.get("kind") == SERVICE
    ]
    hosts = tuple(host for host in dict.fromkeys(parents) if host) or texts(obj.spec.get("hostnames"))
    for number, rule in numbered(obj.spec.get("rules")):
        elements = numbered(rule.get("backendRefs"))
        if len(elements) < 2:
            continue
        shares = weight_shares([1 if _weight(e) is None else _weight(e) or 0 for _, e in elements])
        destinations = [
            RouteDestination(
                name=text(element.get("name")) or "?",
                host=backend_host(element, home, domain),
                port=integer_or_none(element.get("port")),
                weight=_weight(element),
                share=share,
                pointer=f"/spec/rules/{number}/backendRefs/{position}",
                written=tuple((k, element[k]) for k in ("group", "kind", "name", "namespace", "port") if k in element),
                kind=text(element.get("kind")) or SERVICE,
                namespace=text(element.get("namespace")) or home,
            )
            for (position, element), share in zip(elements, shares, strict=True)
        ]
        yield protocol, text(rule.get("name")), hosts, _named_apart(destinations)


def _named_apart(destinations: Sequence[RouteDestination]) -> tuple[RouteDestination, ...]:
    """Make destination names unique: those that share a name get the port, else the index, appended."""
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
