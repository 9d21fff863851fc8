"""The rules that a client's requests for a host may take, by the objects that one istiod reads.

Sidecars and waypoints obey the first VirtualService that is visible for a host; a Gateway API route on the Service
comes before it. Gateways obey all VirtualServices and routes that are bound to them, joined by host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtop.analysis.canary.attachment import GATEWAY, RouteParent, broken_backends, parents_of
from meshtop.analysis.canary.binding import bound_names, delegate_of, hosts_of, rule_hosts
from meshtop.analysis.canary.routes import (
    ROUTE_KINDS,
    SERVICE,
    VIRTUAL_SERVICE,
    RouteDestination,
    WeightedRoute,
    backend_host,
    destination_host,
    numbered,
    weight_shares,
)
from meshtop.analysis.forecast.matching import (
    UNTOLD_LABELS,
    Condition,
    RequestClass,
    condition_of,
    gateway_condition,
    precedence,
    takes,
)
from meshtop.analysis.inventory.untyped import integer_or_none, mapping, maps, text, texts
from meshtop.analysis.visibility.clients import Applies, Client, Visibility, rule_applies, winners
from meshtop.analysis.visibility.hosts import host_matches
from meshtop.analysis.visibility.selection import oldest_first, title
from meshtop.model.kube import ConfigObject

_HTTP_ROUTES = ("HTTPRoute", "GRPCRoute")
_PERCENT = 100.0


class PathEnd(Struct, frozen=True, kw_only=True):
    """One destination of a rule: a full host, perhaps a subset and port, and its share of the requests (0 to 1).

    `refused` is why a proxy answers itself instead of sending anything there.
    """

    host: str
    subset: str | None = None
    port: int | None = None
    share: float = 1.0
    refused: str | None = None


class RoutePath(Struct, frozen=True, kw_only=True):
    """One rule as it applies to a client: the requests that it takes, and what it does with them.

    `by` is its object. `aborted` is the share that a fault ends. `answer` is what the proxy answers itself, and
    `answer_fails` whether that is an error. Where there are neither destinations nor an answer, requests fail.
    """

    title: str
    by: str = ""
    conditions: tuple[Condition, ...] = ()
    ends: tuple[PathEnd, ...] = ()
    aborted: float = 0.0
    aborts: str = ""
    answer: str = ""
    answer_fails: bool = False

    def sends_to(self, host: str) -> bool:
        """Whether some of its requests go to a host."""
        return any(end.host == host and end.share > 0 for end in self.ends)


def walk(paths: Sequence[RoutePath], requests: RequestClass) -> tuple[RoutePath | None, ...]:
    """The rules that requests of a class may take, in their order; None stands for no rule at all."""
    found: list[RoutePath | None] = []
    for path in paths:
        applies = takes(path.conditions, requests)
        if applies is Applies.NEVER:
            continue
        found.append(path)
        if applies is Applies.ALWAYS:
            return tuple(found)
    return (*found, None)


def classes(paths: Sequence[RoutePath]) -> Iterator[tuple[RoutePath, RequestClass]]:
    """Each rule that some request may take, with the requests that it takes."""
    earlier: list[Condition] = []
    for path in paths:
        requests = RequestClass(path.conditions, tuple(earlier))
        if takes(path.conditions, RequestClass(path.conditions, tuple(earlier))) is not Applies.NEVER:
            yield path, requests
        if not path.conditions:
            return
        earlier += path.conditions


class RouteTable:
    """The routes that one istiod reads."""

    def __init__(self, config: Mapping[str, Sequence[ConfigObject]], visibility: Visibility) -> None:
        self._visibility = visibility
        self._domain = visibility.domain
        self._services = tuple(config.get(VIRTUAL_SERVICE, ()))
        self._by_key = {service.meta.key: service for service in self._services}
        self._grants = config.get("ReferenceGrant")
        self._attached: list[tuple[ConfigObject, RouteParent]] = [
            (obj, parent)
            for kind in ROUTE_KINDS
            if kind != VIRTUAL_SERVICE
            for obj in oldest_first(config.get(kind, ()))
            for parent in parents_of(obj)
            if parent.accepted is not False
        ]
        self._on: dict[str, list[tuple[ConfigObject, RouteParent]]] = {}
        for obj, parent in self._attached:
            self._on.setdefault(self._parent_host(parent), []).append((obj, parent))
        self._exact: dict[str, list[ConfigObject]] = {}
        self._wild: list[tuple[str, ConfigObject]] = []
        for service in self._services:
            for named in hosts_of(service, self._domain):
                if "*" in named:
                    self._wild.append((named, service))
                else:
                    self._exact.setdefault(named, []).append(service)
        self._leading = self._led()

    def _led(self) -> dict[str, dict[str, None]]:
        """For each destination the hosts whose routes send there, whoever sees them; delegates count as their roots."""
        found: dict[str, dict[str, None]] = {}
        for service in self._services:
            asked = hosts_of(service, self._domain)
            for part in ("http", "tcp"):
                for _, rule in numbered(service.spec.get(part)):
                    delegate = self._by_key.get(delegate_of(rule, service) or ("", ""))
                    below = [one for _, one in numbered(delegate.spec.get("http"))] if delegate is not None else []
                    home = delegate.meta.namespace if delegate is not None else service.meta.namespace
                    for one in (rule, *below):
                        for host in rule_hosts(one, home, self._domain):
                            found.setdefault(host, {}).update(dict.fromkeys(asked))
        for obj, parent in self._attached:
            asked = (self._parent_host(parent),) if parent.kind != GATEWAY else _names_of(obj)
            for _, rule in numbered(obj.spec.get("rules")):
                for host in rule_hosts(rule, obj.meta.namespace, self._domain):
                    found.setdefault(host, {}).update(dict.fromkeys(asked))
        return found

    def of(self, host: str, client: Client, protocol: str, ports: Sequence[int]) -> tuple[RoutePath, ...] | None:
        """The rules for a host (a full name) that a client outside of gateways obeys; None where no route is for it."""
        attached = [obj for obj, parent in self._on.get(host, ()) if self._is_for(obj, parent, host, client)]
        fitting = [obj for obj in attached if _speaks(obj.kind, protocol)]
        if fitting:
            return tuple(self._gateway_paths(fitting, protocol))
        service = self._first(host, client)
        if service is None:
            return None
        found = tuple(self._paths(service, client, protocol, ports))
        return found if found or _has_rules(service, protocol) else None

    def at_gateway(self, host: str, client: Client, protocol: str) -> tuple[RoutePath, ...] | None:
        """The rules for a host as it was asked for at a gateway; None where the gateway knows no such host."""
        found: list[RoutePath] = []
        there = False
        for exact in (True, False):
            for service in oldest_first(self._services):
                if self._serves(service, client, host, exact=exact):
                    there = True
                    found += self._paths(service, client, protocol, ())
            routes = [obj for obj, names in self._at(client) if _names_host(names, host, exact=exact)]
            if routes:
                there = True
                found += self._gateway_paths(routes, protocol)
            if there:
                return tuple(found)
        return None

    def asked_at_gateway(self, destination: str, client: Client, protocol: str) -> tuple[str, ...]:
        """The hosts for which a gateway has rules that send to a destination."""
        return tuple(
            host
            for host in self._leading.get(destination, ())
            if any(path.sends_to(destination) for path in self.at_gateway(host, client, protocol) or ())
        )

    def asked_for(self, destination: str, client: Client, protocol: str) -> tuple[str, ...]:
        """The other hosts whose routes send a client's requests to a destination, which telemetry names instead."""
        return tuple(
            host
            for host in self._leading.get(destination, ())
            if host
            and host != destination
            and "*" not in host
            and any(path.sends_to(destination) for path in self.of(host, client, protocol, ()) or ())
        )

    def _serves(self, service: ConfigObject, client: Client, host: str, *, exact: bool) -> bool:
        if not client.obeys & set(bound_names(service)) or not self._visibility.sees_route(service, client):
            return False
        named = hosts_of(service, self._domain)
        return host in named if exact else any(host_matches(one, host) for one in named)

    def _at(self, client: Client) -> Iterator[tuple[ConfigObject, tuple[str, ...]]]:
        """The Gateway API routes of a gateway, each with its host names."""
        for obj, parent in self._attached:
            if parent.kind == GATEWAY and f"{parent.namespace}/{parent.name}" in client.gateways:
                yield obj, _names_of(obj)

    def _parent_host(self, parent: RouteParent) -> str:
        if parent.kind != SERVICE:
            return ""
        return backend_host({"name": parent.name, "namespace": parent.namespace}, parent.namespace, self._domain)

    def _is_for(self, obj: ConfigObject, parent: RouteParent, host: str, client: Client) -> bool:
        """Whether a Gateway API route on a Service applies to a client; those of other namespaces are their own's."""
        if client.is_gateway or self._parent_host(parent) != host:
            return False
        home = obj.meta.namespace
        if home == parent.namespace:
            return not any(
                other.kind == obj.kind
                and other.meta.namespace == client.namespace != home
                and self._parent_host(place) == host
                for other, place in self._on.get(host, ())
            )
        return client.namespace == home and client.has_sidecar

    def _first(self, host: str, client: Client) -> ConfigObject | None:
        """The VirtualService that counts for a host: the first for exactly this host, else the longest wildcard."""
        exact = winners(self._exact.get(host, ()), self._visibility.exports, client.namespace)
        found = next((one for one in exact if self._visibility.sees_route(one, client)), None)
        if found is not None or not self._wild:
            return found
        covering = sorted((one for one in self._wild if host_matches(one[0], host)), key=lambda one: -len(one[0]))
        longest = len(covering[0][0]) if covering else 0
        for length in range(longest, 0, -1):
            several = [service for named, service in covering if len(named) == length]
            ordered = winners(several, self._visibility.exports, client.namespace) if several else ()
            found = next((one for one in ordered if self._visibility.sees_route(one, client)), None)
            if found is not None:
                return found
        return None

    def _paths(self, service: ConfigObject, client: Client, protocol: str, ports: Sequence[int]) -> Iterator[RoutePath]:
        """The rules of a VirtualService that a client's requests may take."""
        part = "tcp" if protocol == "tcp" else "http"
        for number, rule in numbered(service.spec.get(part)):
            conditions = _conditions(rule, client, service.meta.namespace, ports)
            if conditions is None:
                continue
            named = text(rule.get("name"))
            where = f"{title(service)}, rule {number + 1}" + (f" ({named})" if named else "")
            target = delegate_of(rule, service)
            if target is None:
                yield self._path(rule, where, conditions, service.meta.namespace)
            else:
                yield from self._delegated(self._by_key.get(target), where, conditions, client, ports)

    def _delegated(
        self,
        delegate: ConfigObject | None,
        where: str,
        conditions: tuple[Condition, ...],
        client: Client,
        ports: Sequence[int],
    ) -> Iterator[RoutePath]:
        """The rules of a delegate, each with the conditions of the rule that delegates besides its own."""
        if delegate is None:
            yield RoutePath(
                title=f"{where}, which delegates to nothing", by=where.partition(",")[0], conditions=conditions
            )
            return
        for number, rule in numbered(delegate.spec.get("http")):
            own = _conditions(rule, client, delegate.meta.namespace, ports)
            if own is None:
                continue
            both = tuple({**outer, **inner} for outer in conditions or ({},) for inner in own or ({},))
            both = () if any(not one for one in both) else both
            yield self._path(rule, f"{title(delegate)}, rule {number + 1}", both, delegate.meta.namespace)

    def _path(
        self, rule: Mapping[str, Any], where: str, conditions: tuple[Condition, ...], namespace: str
    ) -> RoutePath:
        elements = maps(rule.get("route"))
        weights = [integer_or_none(one.get("weight")) or 0 for one in elements]
        shares = weight_shares(weights) if len(elements) > 1 else [1.0] * len(elements)
        ends = []
        for element, share in zip(elements, shares, strict=True):
            target = mapping(element.get("destination"))
            ends.append(
                PathEnd(
                    host=destination_host(target, namespace, self._domain),
                    subset=text(target.get("subset")),
                    port=integer_or_none(mapping(target.get("port")).get("number")),
                    share=share,
                )
            )
        aborted, aborts = _fault(rule)
        answer, fails = _answer(rule)
        return RoutePath(
            title=where, by=where.partition(",")[0], conditions=conditions, ends=tuple(ends), aborted=aborted,
            aborts=aborts, answer=answer, answer_fails=fails,
        )  # fmt: skip

    def _gateway_paths(self, routes: Iterable[ConfigObject], protocol: str) -> Iterator[RoutePath]:
        """The rules of Gateway API routes in the order in which they are tried: a line for each match."""
        found: list[tuple[tuple[int, ...], RoutePath]] = []
        for obj in {obj.meta.key: obj for obj in routes if _speaks(obj.kind, protocol)}.values():
            for number, rule in numbered(obj.spec.get("rules")):
                matches = [gateway_condition(one) for one in maps(rule.get("matches"))] or [{}]
                for condition in matches:
                    path = self._gateway_path(obj, number, rule, () if not condition else (condition,))
                    found.append(((*precedence(condition), number), path))
        return (path for _, path in sorted(found, key=lambda one: one[0]))

    def _gateway_path(
        self, obj: ConfigObject, number: int, rule: Mapping[str, Any], conditions: tuple[Condition, ...]
    ) -> RoutePath:
        home = obj.meta.namespace
        elements = maps(rule.get("backendRefs"))
        weights = [integer_or_none(one.get("weight")) for one in elements]
        shares = weight_shares([1 if weight is None else weight for weight in weights])
        ends = []
        for element, share in zip(elements, shares, strict=True):
            end = PathEnd(
                host=backend_host(element, home, self._domain),
                port=integer_or_none(element.get("port")),
                share=share,
                refused=self._not_granted(obj, element, home),
            )
            ends.append(end)
        redirect = any(one.get("type") == "RequestRedirect" for one in maps(rule.get("filters")))
        return RoutePath(
            title=f"{title(obj)}, rule {number + 1}",
            by=title(obj),
            conditions=conditions,
            ends=tuple(ends),
            answer="a redirect" if redirect else "",
        )

    def _not_granted(self, obj: ConfigObject, element: Mapping[str, Any], home: str) -> str | None:
        """Why a reference into another namespace is not followed; None where it is, or grants were not read."""
        kind, namespace = text(element.get("kind")) or SERVICE, text(element.get("namespace")) or home
        if namespace == home or self._grants is None:
            return None
        destination = RouteDestination(
            name="backend", host=backend_host(element, home, self._domain), share=1.0, kind=kind, namespace=namespace
        )
        route = WeightedRoute(
            cluster="", group=obj.group, version=obj.version, kind=obj.kind, namespace=home, name=obj.meta.name,
            index=0, route_name=None, protocol="http", hosts=(), destinations=(destination,), resource_version="",
        )  # fmt: skip
        broken = broken_backends(route, (), self._grants, {})
        return f"{title(obj)} may not refer to {namespace}: {broken[0].why}" if broken else None


def _speaks(kind: str, protocol: str) -> bool:
    """Whether routes of a kind are for a protocol of telemetry's."""
    if protocol == "tcp":
        return kind == "TCPRoute"
    return kind == "GRPCRoute" or kind == "HTTPRoute" if protocol == "grpc" else kind == "HTTPRoute"


def _has_rules(service: ConfigObject, protocol: str) -> bool:
    return bool(maps(service.spec.get("tcp" if protocol == "tcp" else "http")))


def _names_of(obj: ConfigObject) -> tuple[str, ...]:
    """The host names of a Gateway API route; all where it names none."""
    return texts(obj.spec.get("hostnames")) or ("*",)


def _names_host(names: Sequence[str], host: str, *, exact: bool) -> bool:
    return host in names if exact else any(host_matches(name, host) for name in names)


def _conditions(
    rule: Mapping[str, Any], client: Client, home: str, ports: Sequence[int]
) -> tuple[Condition, ...] | None:
    """What a rule demands of a client's requests; empty for nothing, None where none of them can meet it."""
    matches = maps(rule.get("match"))
    if not matches:
        return ()
    found: list[Condition] = []
    for match in matches:
        applies = rule_applies({"match": [match]}, client, home)
        if applies is Applies.NEVER:
            continue
        condition = condition_of(match, ports)
        if condition is None:
            continue
        if applies is Applies.UNKNOWN:
            condition = {**condition, UNTOLD_LABELS: mapping(match.get("sourceLabels"))}
        if not condition:
            return ()
        found.append(condition)
    return tuple(found) or None


def _fault(rule: Mapping[str, Any]) -> tuple[float, str]:
    """The share of requests that a fault ends, with what; a delay ends them where it is longer than the timeout."""
    fault = mapping(rule.get("fault"))
    abort = mapping(fault.get("abort"))
    if abort:
        status = abort.get("httpStatus") or abort.get("grpcStatus") or "an error"
        return _percentage(abort), f"a fault answers {status}"
    delay, timeout = mapping(fault.get("delay")), _seconds(rule.get("timeout"))
    slow = _seconds(delay.get("fixedDelay"))
    if delay and slow is not None and timeout and slow >= timeout:
        return _percentage(delay), f"a fault delays it by {delay['fixedDelay']}, longer than its timeout"
    return 0.0, ""


def _percentage(fault: Mapping[str, Any]) -> float:
    """The share that a fault is for: none where it says none, as in Istio."""
    value = mapping(fault.get("percentage")).get("value", fault.get("percent", 0))
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
    return min(max(number / _PERCENT, 0.0), 1.0)


def _seconds(written: object) -> float | None:
    said = text(written) or ""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        number = said.removesuffix(unit)
        if number != said and number.replace(".", "", 1).isdigit():
            return float(number) * factor
    return None


_FAILS = 400


def _answer(rule: Mapping[str, Any]) -> tuple[str, bool]:
    """What a proxy answers itself by a rule, and whether that is an error."""
    direct = mapping(rule.get("directResponse"))
    if direct:
        status = integer_or_none(direct.get("status"))
        return f"a direct response {status or ''}".rstrip(), status is not None and status >= _FAILS
    return ("a redirect", False) if mapping(rule.get("redirect")) else ("", False)
