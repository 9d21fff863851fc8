"""Services: names of ports, Services that share pods, and listeners that only localhost reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.injection import INJECTION, is_control_plane
from meshtop.analysis.findings.revisions import INJECT, REVISION, SYSTEM_NAMESPACES, RevisionConfig
from meshtop.analysis.findings.selectors import sidecar_labels
from meshtop.analysis.inventory.labels import proxy_container
from meshtop.analysis.inventory.untyped import integer_or_none, mapping, maps, text
from meshtop.analysis.visibility.selection import selects
from meshtop.model.addresses import ip_address_of
from meshtop.model.kube import Controller, Service, ServicePort

_PROTOCOLS = frozenset(
    {
        "tcp",
        "udp",
        "grpc",
        "grpc-web",
        "http",
        "http_proxy",
        "http2",
        "https",
        "tls",
        "mongo",
        "redis",
        "mysql",
        "hbone",
    }
)
_APPLICATION = frozenset({"kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss"})
_WELL_KNOWN = frozenset({25, 53, 3306, 27017})
"""Ports that Istio takes for TCP whatever they are called: SMTP, DNS, MySQL, MongoDB."""
_PROXYS_OWN = frozenset({15008, 15012, 15020, 15021, 15090})
"""Ports of the proxies themselves (HBONE, xDS, health, metrics), which gateways' Services offer under other names."""
_MANAGED = "gateway.istio.io/managed"


def declares_protocol(port: ServicePort) -> bool:
    """Whether Istio knows a port's protocol without looking at its bytes (istio.io, protocol selection)."""
    if port.protocol == "UDP" or port.port in _WELL_KNOWN or port.port in _PROXYS_OWN:
        return True
    said = (port.app_protocol or port.name).lower()
    if said in _APPLICATION or said.startswith("grpc-web"):
        return True
    return said.partition("-")[0] in _PROTOCOLS


def port_names(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Ports whose protocol has to be guessed; with an ExternalName, whose traffic may not be forwarded."""
    for service in config.inventory.services:
        if service.meta.namespace in SYSTEM_NAMESPACES or is_control_plane(service.meta):
            continue
        external = service.type == "ExternalName"
        for number, port in enumerate(service.ports):
            known = declares_protocol(port)
            if known and not (external and port.name == "tcp"):
                continue
            called = f"port {port.port} is called {port.name}" if port.name else f"port {port.port} has no name"
            path = f"spec.ports[{number}].name"
            touches = (service.meta.key,)
            if external:
                yield config.finding(
                    "IST0150", service, f"{called}; calls to {service.external_name or 'its host'} by it may fail.",
                    f"ports:\n- name: http-{port.port}\n  port: {port.port}", path=path, touches=touches,
                )  # fmt: skip
            else:
                yield config.finding(
                    "IST0118", service, f"{called}, which names no protocol; the proxy guesses it from what it sees.",
                    f"ports:\n- name: http{f'-{port.name}' if port.name else ''}\n  port: {port.port}",
                    path=path, touches=touches,
                )  # fmt: skip


def shared_pods(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Deployments in the mesh whose Services contradict each other about a port."""
    # By one label of their selectors each, so that a Deployment is not held against every Service of its namespace.
    services: dict[tuple[str, str, str], list[tuple[int, Service]]] = {}
    for number, service in enumerate(config.inventory.services):
        if service.selector:
            label = min(service.selector.items())
            services.setdefault((service.meta.namespace, *label), []).append((number, service))
    for deployment in config.inventory.controllers:
        if deployment.kind != "Deployment" or not _in_mesh(config, deployment):
            continue
        namespace, labels = deployment.meta.namespace, deployment.template_labels
        near = [one for label in labels.items() for one in services.get((namespace, *label), ())]
        chosen = [s for _, s in sorted(near, key=lambda one: one[0]) if selects(s.selector, labels)]
        if len(chosen) > 1 or any(len(s.ports) > 1 for s in chosen):
            yield from _contradictions(config, deployment, chosen)


def _in_mesh(config: RevisionConfig, deployment: Controller) -> bool:
    if deployment.meta.labels.get(_MANAGED) == "istio.io-mesh-controller":
        return False
    proxy = proxy_container(deployment.containers)
    if proxy is not None and proxy.image:
        return True
    for told in (deployment.template_labels, deployment.template_annotations):
        if INJECT in told:
            return told[INJECT] == "true"
    home = config.namespaces.get(deployment.meta.namespace)
    labels = home.meta.labels if home is not None else {}
    return labels.get(INJECTION) == "enabled" or (INJECTION not in labels and bool(labels.get(REVISION)))


def _contradictions(config: RevisionConfig, deployment: Controller, chosen: list[Service]) -> Iterator[ConfigFinding]:
    protocols: dict[int, dict[str, list[str]]] = {}
    targets: dict[str, dict[int, str]] = {}
    for service in chosen:
        for port in service.ports:
            protocols.setdefault(port.port, {}).setdefault(port.protocol, []).append(service.meta.name)
            target = str(port.target) if port.target not in (None, 0, "") else str(port.port)
            targets.setdefault(target, {})[port.port] = service.meta.name
    touches = tuple(service.meta.key for service in chosen)
    for number, by_protocol in protocols.items():
        if len(by_protocol) > 1:
            said = "; ".join(f"{', '.join(sorted(set(n)))} as {p}" for p, n in sorted(by_protocol.items()))
            yield config.finding(
                "IST0116", deployment, f"port {number} of its pods is used by {said}; the proxy knows only one.",
                "Use one port for each protocol.", touches=touches,
            )  # fmt: skip
    for target, ports in targets.items():
        if len(ports) > 1:
            said = ", ".join(f"{ports[port]} by {port}" for port in sorted(ports))
            yield config.finding(
                "IST0137", deployment, f"target port {target} of its pods is reached through {said}; the proxy has one "
                "listener for it.", "Give the Services the same port for it.", touches=touches,
            )  # fmt: skip


def localhost_listeners(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Listeners bound to localhost by a Sidecar, and endpoints with a localhost address, behind ports of Services."""
    for sidecar in config.objects("Sidecar"):
        wanted = sidecar_labels(sidecar)
        for number, ingress in enumerate(maps(sidecar.spec.get("ingress"))):
            port = integer_or_none(mapping(ingress.get("port")).get("number"))
            if port is None or not _is_local(text(ingress.get("bind"))):
                continue
            behind = [s for s in _behind(config, sidecar.meta.namespace, wanted) if _leads_to(s, port)]
            if behind:
                yield config.finding(
                    "IST0143", sidecar, f"port {port}, which Service {behind[0].meta.name} leads to, is bound to "
                    f"{ingress.get('bind')}; other pods cannot reach it.", "bind: 0.0.0.0",
                    path=f"spec.ingress[{number}].bind", touches=(behind[0].meta.key,),
                )  # fmt: skip
    for kind in ("ServiceEntry", "WorkloadEntry"):
        for entry in config.objects(kind):
            endpoints = maps(entry.spec.get("endpoints")) if kind == "ServiceEntry" else [entry.spec]
            for number, endpoint in enumerate(endpoints):
                if _is_local(text(endpoint.get("address"))):
                    yield config.finding(
                        "IST0143", entry, f"address {endpoint.get('address')} of an endpoint is each caller's own "
                        "localhost; no other pod listens there.",
                        path=f"spec.endpoints[{number}].address" if kind == "ServiceEntry" else "spec.address",
                    )  # fmt: skip


def _behind(config: RevisionConfig, namespace: str, wanted: Mapping[str, str]) -> list[Service]:
    pods = config.selected(namespace, wanted)
    return [
        service
        for service in config.inventory.services
        if service.meta.namespace == namespace
        and service.selector
        and any(selects(service.selector, pod.labels) for pod in pods)
    ]


def _leads_to(service: Service, port: int) -> bool:
    return any((p.port if p.target is None else p.target) == port for p in service.ports)


def _is_local(address: str | None) -> bool:
    if address is None:
        return False
    parsed = ip_address_of(address)
    return address == "localhost" if parsed is None else parsed.is_loopback
