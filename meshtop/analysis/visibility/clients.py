"""Which clients see an object, and to which of their requests a route's rule applies.

`exportTo` limits which namespaces see an object, a client's Sidecar which hosts it imports, `gateways` whether sidecars
or gateways apply it, and a rule's matches which requests it takes (`sourceNamespace`, `sourceLabels`, `gateways`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from enum import StrEnum
from typing import Any

from msgspec import Struct

from meshtop.analysis.inventory.untyped import items, mapping, maps, text, texts
from meshtop.analysis.visibility.exports import ExportDefaults
from meshtop.analysis.visibility.hosts import full_host
from meshtop.analysis.visibility.selection import selects
from meshtop.analysis.visibility.sidecars import Sidecars
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, Service

MESH = "mesh"
"""The reserved gateway name that means all sidecars."""
_OF_THE_CLIENT = frozenset({"sourceNamespace", "sourceLabels", "gateways", "name"})
"""The fields of a match that depend on the client; all others depend on the request."""


class Client(Struct, frozen=True, kw_only=True):
    """The attributes of a caller that rules match; `labels` is None where unknown.

    `gateways` are the gateways (`NAMESPACE/NAME`) that it serves; a sidecar serves none and follows `mesh`. `in_mesh`
    is False for one that is known to have no proxy at all, which follows nothing.
    """

    namespace: str
    labels: Mapping[str, str] | None = None
    gateways: frozenset[str] = frozenset()
    is_gateway: bool = False
    has_sidecar: bool = True
    in_mesh: bool = True

    @property
    def obeys(self) -> frozenset[str]:
        """The names under `gateways` that include this client."""
        return self.gateways if self.is_gateway else frozenset({MESH})


class Applies(StrEnum):
    """Whether a rule takes a client's requests: none, all, some (depending on the request), or unknown."""

    NEVER = "never"
    ALWAYS = "always"
    SOMETIMES = "sometimes"
    UNKNOWN = "unknown"


def rule_applies(rule: Mapping[str, Any], client: Client, home: str) -> Applies:
    """Whether a rule of a VirtualService in the namespace `home` takes a client's requests, by its matches.

    A rule without matches takes all. Conditions of one match are combined by "and", several matches by "or".
    """
    matches = [mapping(one) for one in items(rule.get("match"))]
    if not matches:
        return Applies.ALWAYS
    found = {_match_applies(one, client, home) for one in matches}
    order = (Applies.ALWAYS, Applies.UNKNOWN, Applies.SOMETIMES)
    return next((one for one in order if one in found), Applies.NEVER)


def _match_applies(match: Mapping[str, Any], client: Client, home: str) -> Applies:
    namespace = text(match.get("sourceNamespace"))
    if namespace and namespace != client.namespace:
        return Applies.NEVER
    gateways = gateway_names(match.get("gateways"), home)
    if gateways and not client.obeys & set(gateways):
        return Applies.NEVER
    wanted = {str(key): str(value) for key, value in mapping(match.get("sourceLabels")).items()}
    if wanted and client.labels is not None and not selects(wanted, client.labels):
        return Applies.NEVER
    if any(value not in (None, "", [], {}) for key, value in match.items() if key not in _OF_THE_CLIENT):
        return Applies.SOMETIMES
    return Applies.UNKNOWN if wanted and client.labels is None else Applies.ALWAYS


def by_source_labels(rule: Mapping[str, Any]) -> bool:
    """Whether a rule distinguishes clients by their pods' labels."""
    return any(mapping(one.get("sourceLabels")) for one in maps(rule.get("match")))


def gateway_names(written: object, home: str) -> tuple[str, ...]:
    """Gateways by full name `NAMESPACE/NAME`, and `mesh` unchanged; `./NAME` and `NAME` are in `home`."""
    found = []
    for name in texts(written):
        namespace, slash, rest = name.partition("/")
        found.append(f"{home if namespace == '.' else namespace}/{rest}" if slash else name)
    return tuple(name if name == MESH or "/" in name else f"{home}/{name}" for name in found)


class Visibility:
    """Visibility of one istiod's objects for clients. `services` are the Services with their exports.

    `domain` is the DNS domain of the cluster, in which short hosts are completed; where it is not known, one is
    assumed, and what another one (`in_domain`) answers otherwise is not known. `unread` is why Sidecars are not known.
    """

    def __init__(
        self,
        *,
        exports: ExportDefaults = ExportDefaults(),  # noqa: B008 - frozen
        sidecars: Sidecars | None = None,
        services: Iterable[Service] = (),
        entries: Iterable[ConfigObject] = (),
        domain: str = CLUSTER_DOMAIN,
        domain_known: bool = True,
        unread: str | None = None,
    ) -> None:
        self.domain = domain
        self.domain_known = domain_known
        self.unread = unread
        self.exports = exports
        self.sidecars = sidecars or Sidecars((), "")
        self._services = {service.meta.key: exports.of_service(service) for service in services}
        for entry in entries:
            for host in texts(entry.spec.get("hosts")):
                self._services.setdefault((entry.meta.namespace, host.lower()), exports.of(entry))

    def in_domain(self, domain: str) -> Visibility:
        """The same objects in a cluster of another DNS domain."""
        other = copy(self)
        other.domain, other.domain_known = domain, True
        return other

    def sees_route(self, service: ConfigObject, client: Client) -> bool:
        """Whether a VirtualService applies to a client: exported to it, imported by its Sidecar, for its gateway."""
        if not self.exports.of(service).includes(client.namespace):
            return False
        bound = gateway_names(service.spec.get("gateways"), service.meta.namespace) or (MESH,)
        if not client.obeys & set(bound):
            return False
        if client.is_gateway or not client.has_sidecar or not self.sidecars:
            return True
        hosts = [full_host(host, service.meta.namespace, self.domain) for host in texts(service.spec.get("hosts"))]
        return self.sidecars.imports(
            client.namespace, client.labels or {}, service.meta.namespace, hosts, both_ways=True
        )

    def is_hidden(self, home: str, name: str, client: Client) -> bool:
        """Whether a Service or ServiceEntry `name` (an entry's host) of `home` is not exported to a client."""
        seen = self._services.get((home, name))
        return seen is not None and not seen.includes(client.namespace)

    def sees_host(self, host: str, home: str, name: str, client: Client) -> bool:
        """Whether a client's proxy knows a host of the Service `name` in `home`; else it passes calls through."""
        if self.is_hidden(home, name, client):
            return False
        if client.is_gateway or not client.has_sidecar or not self.sidecars:
            return True
        return self.sidecars.imports(client.namespace, client.labels or {}, home, (host,))

    def share_clients(self, one: ConfigObject, other: ConfigObject, namespaces: Iterable[str]) -> bool:
        """Whether the sidecars of some namespace see both of two VirtualServices."""
        if not self.exports.of(one).overlaps(self.exports.of(other)):
            return False
        if not self.sidecars:
            return True
        clients = [Client(namespace=name, labels={}) for name in namespaces]
        return any(self.sees_route(one, client) and self.sees_route(other, client) for client in clients)


def winners(services: Sequence[ConfigObject], exports: ExportDefaults, namespace: str) -> tuple[ConfigObject, ...]:
    """VirtualServices in the order in which a sidecar of a namespace reads them; for one host only the first applies.

    Those exported only to this namespace (`.`) come first, then those exported to it by name, then those exported to
    all; within each the oldest first (istio/istio pilot/pkg/model, VirtualServicesForGateway).
    """

    def tier(service: ConfigObject) -> int:
        seen = exports.of(service)
        if seen.everyone:
            return 2
        return 0 if service.meta.namespace == namespace else 1

    return tuple(sorted(services, key=lambda s: (tier(s), s.meta.created, s.meta.name, s.meta.namespace)))
