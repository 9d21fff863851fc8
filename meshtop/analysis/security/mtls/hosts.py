"""The hosts that clients request: their namespace, ports, and whether their endpoints are in the mesh."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.inventory.untyped import integer_or_none, maps, text, texts
from meshtop.analysis.visibility.hosts import host_matches
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, EndpointSlice, Service, ServicePort

_KUBERNETES = re.compile(r"([^.:]+)\.([^.:]+)(?:\.svc(?:\.[^:]*)?)?(?::\d+)?")
_GRPC = ("grpc", "grpc-web", "kubernetes.io/h2c")
_HTTP = ("http", "http2", "https", "kubernetes.io/ws", "kubernetes.io/wss", *_GRPC)
_TCP = ("tcp", "tls", "mongo", "mysql", "redis")


class Port(Struct, frozen=True):
    """A Service port and its target port on the workload; `target` is None where a named port is unknown."""

    number: int
    target: int | None
    protocol: str = ""


class Host(Struct, frozen=True, kw_only=True):
    """A host of the mesh, by the full name that rules are compared with."""

    name: str
    namespace: str
    service: str
    ports: tuple[Port, ...] = ()
    headless: bool = False
    external: bool = False

    def ports_for(self, protocol: str) -> tuple[Port, ...]:
        """The ports that traffic of a protocol (http, grpc, tcp) can go to; all of them when none fits, or for ""."""
        fitting = tuple(port for port in self.ports if _carries(port.protocol, protocol))
        return fitting or self.ports


def _carries(declared: str, protocol: str) -> bool:
    """Whether a port of a declared protocol carries traffic that telemetry calls http, grpc or tcp."""
    if not declared or not protocol:
        return True
    if protocol == "tcp":
        return declared in _TCP
    return declared in _HTTP if protocol == "grpc" else declared in _HTTP and declared not in ("grpc", "grpc-web")


def _protocol(port: ServicePort) -> str:
    """The protocol that istiod derives: from appProtocol, else from the name's prefix; "" means detection."""
    if port.app_protocol:
        return port.app_protocol.lower()
    prefix = port.name.lower()
    for known in (*_HTTP, *_TCP):
        if prefix == known or prefix.startswith(f"{known}-"):
            return known
    return ""


class Hosts:
    """The hosts of one cluster: its Services, and the ServiceEntries that its istiod reads.

    `aliases` is whether a Service of type ExternalName that names another Service is taken for that one, as istiod does
    since 1.21 (ENABLE_EXTERNAL_NAME_ALIAS).
    """

    def __init__(
        self,
        services: Sequence[Service],
        slices: Iterable[EndpointSlice],
        entries: Sequence[ConfigObject],
        domain: str = CLUSTER_DOMAIN,
        *,
        aliases: bool = True,
    ) -> None:
        resolved: dict[tuple[str, str], dict[str, int]] = {}
        for one in slices:
            ports = resolved.setdefault((one.meta.namespace, one.service), {})
            for port in one.ports:
                ports.setdefault(port.name, port.port)
        self.services: dict[tuple[str, str], Host] = {
            service.meta.key: _service(service, resolved.get(service.meta.key, {}), domain) for service in services
        }
        self._aliases: dict[tuple[str, str], Host] = {}
        for service in services if aliases else ():
            meant = self._meant_by(service.external_name or "", domain)
            if meant is not None:
                self._aliases[service.meta.key] = meant
        self._entries: dict[str, Host] = {}
        for entry in sorted(entries, key=lambda e: (e.meta.created, e.meta.name, e.meta.namespace)):
            for name in texts(entry.spec.get("hosts")):
                self._entries.setdefault(name.lower(), _entry(name.lower(), entry))
        self._wild = [name for name in self._entries if name.startswith("*")]

    def _meant_by(self, external_name: str, domain: str) -> Host | None:
        """The Service that an external name names in full; None for any other name, or for another alias."""
        short = external_name.lower().rstrip(".").removesuffix(f".svc.{domain}")
        name, dot, namespace = short.partition(".")
        found = self.services.get((namespace, name)) if dot and short != external_name.lower().rstrip(".") else None
        return found if found is not None and not found.external else None

    def find(self, host: str, namespace: str = "") -> Host | None:
        """The host that telemetry names (full or short; `namespace` completes a bare name), None when unknown."""
        name = host.lower()
        entry = self._entries.get(name)
        if entry is not None:
            return entry
        match = _KUBERNETES.fullmatch(name)
        key = (match[2], match[1]) if match else (namespace, name.partition(":")[0])
        found = self._aliases.get(key) or self.services.get(key)
        if found is not None:
            return found
        wild = max((w for w in self._wild if host_matches(w, name)), key=len, default=None)
        return self._entries[wild] if wild is not None else None


def _service(service: Service, resolved: Mapping[str, int], domain: str) -> Host:
    namespace, name = service.meta.key
    ports = tuple(
        Port(port.port, _target(port, resolved), _protocol(port)) for port in service.ports if port.protocol != "UDP"
    )
    return Host(
        name=f"{name}.{namespace}.svc.{domain}",
        namespace=namespace,
        service=name,
        ports=ports,
        headless=service.cluster_ip == "None",
        external=bool(service.external_name),
    )


def _target(port: ServicePort, resolved: Mapping[str, int]) -> int | None:
    if isinstance(port.target, int):
        return port.target
    if port.target is None:
        return port.port
    return int(port.target) if port.target.isdigit() else resolved.get(port.name)


def _entry(host: str, entry: ConfigObject) -> Host:
    ports = []
    for port in maps(entry.spec.get("ports")):
        number = integer_or_none(port.get("number"))
        if number is not None:
            target = integer_or_none(port.get("targetPort"))
            protocol = (text(port.get("protocol")) or "").lower()
            ports.append(Port(number, number if target is None else target, protocol))
    return Host(
        name=host,
        namespace=entry.meta.namespace,
        service=host,
        ports=tuple(ports),
        headless=entry.spec.get("resolution") == "NONE",
        external=entry.spec.get("location", "MESH_EXTERNAL") != "MESH_INTERNAL",
    )
