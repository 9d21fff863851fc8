"""What differs from cluster to cluster of one mesh: Services, hosts of ServiceEntries, and whose objects are obeyed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshtop.analysis.findings.finding import ConfigFinding, ObjectKey
from meshtop.analysis.findings.revisions import SYSTEM_NAMESPACES, JudgedCluster, key_of, obeyed_by
from meshtop.analysis.inventory.labels import is_istiod
from meshtop.analysis.inventory.untyped import maps, text, texts
from meshtop.model.kube import ConfigObject, Service

_ISTIO_KINDS = ("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "PeerAuthentication",
                "AuthorizationPolicy", "RequestAuthentication", "EnvoyFilter", "Telemetry")  # fmt: skip


def meshes_of(clusters: Sequence[JudgedCluster]) -> list[list[JudgedCluster]]:
    """The clusters of each mesh that is known to have several, by name."""
    found: dict[str, list[JudgedCluster]] = {}
    for cluster in sorted(clusters, key=lambda c: c.name):
        if cluster.facts.mesh is not None:
            found.setdefault(cluster.facts.mesh, []).append(cluster)
    return [members for members in found.values() if len(members) > 1]


def unlike_services(clusters: Sequence[JudgedCluster]) -> Iterator[ConfigFinding]:
    """Services that the clusters of a mesh have under one name with another type or other ports."""
    for members in meshes_of(clusters):
        alike: dict[tuple[str, str], list[tuple[JudgedCluster, Service]]] = {}
        for cluster in members:
            for service in cluster.inventory.services:
                if not _is_clusters_own(service):
                    alike.setdefault(service.meta.key, []).append((cluster, service))
        for key, services in alike.items():
            if len(services) > 1:
                yield from _unlike(key, services)


def _is_clusters_own(service: Service) -> bool:
    """Whether a Service is each cluster's own under the same name: Kubernetes' and the control planes'."""
    own = service.meta.namespace in SYSTEM_NAMESPACES or service.meta.key == ("default", "kubernetes")
    return own or is_istiod(service.meta.labels) or is_istiod(service.selector)


def _unlike(key: tuple[str, str], services: Sequence[tuple[JudgedCluster, Service]]) -> Iterator[ConfigFinding]:
    first, reference = services[0]
    why: dict[str, list[str]] = {}
    for cluster, service in services[1:]:
        if (service.cluster_ip == "None") != (reference.cluster_ip == "None"):
            why.setdefault("headless in one and not in the other", []).append(cluster.name)
        if service.type != reference.type:
            why.setdefault(f"{reference.type} and {service.type}", []).append(cluster.name)
        if _ports(service) != _ports(reference):
            ours, theirs = (_said(one) for one in (reference, service))
            why.setdefault(f"ports {ours} and {theirs}", []).append(cluster.name)
    if why:
        told = "; ".join(f"{reason} ({first.name}, {', '.join(names)})" for reason, names in why.items())
        yield ConfigFinding(
            code="IST0170",
            object=key_of(first.name, reference),
            message=f"{told}: proxies take one cluster's word for all.",
            fix="Give the Service the same type and ports in every cluster.",
            touches=(key,),
        )


def _ports(service: Service) -> list[tuple[str, int, str, str | None]]:
    return sorted((port.name, port.port, port.protocol, port.app_protocol) for port in service.ports)


def _said(service: Service) -> str:
    return ", ".join(f"{port.port}/{port.name or port.protocol}" for port in service.ports) or "(none)"


def unlike_hosts(clusters: Sequence[JudgedCluster]) -> Iterator[ConfigFinding]:
    """Hosts of ServiceEntries that have other ports or protocols in another cluster of the mesh."""
    for members in meshes_of(clusters):
        seen: dict[str, dict[frozenset[tuple[object, str]], tuple[JudgedCluster, ConfigObject]]] = {}
        for cluster in members:
            for entry in cluster.inventory.config.get("ServiceEntry", ()):
                ports = frozenset(
                    (port.get("number"), (text(port.get("protocol")) or "").upper())
                    for port in maps(entry.spec.get("ports"))
                    if isinstance(port.get("number"), int)
                )
                for host in texts(entry.spec.get("hosts")):
                    seen.setdefault(host.lower(), {}).setdefault(ports, (cluster, entry))
        for host, variants in seen.items():
            if len({cluster.name for cluster, _ in variants.values()}) < 2:
                continue
            told = " and ".join(
                f"{', '.join(sorted(f'{number}/{protocol or None}' for number, protocol in ports)) or 'no port'} "
                f"in {cluster.name}"
                for ports, (cluster, _) in variants.items()
            )
            cluster, entry = next(iter(variants.values()))
            yield ConfigFinding(
                code="CONFIG-HOST-DIFFERS",
                object=key_of(cluster.name, entry),
                message=f"host {host} has {told}; calls depend on where they come from.",
                fix="Give the host the same ports and protocols in every cluster.",
                touches=((entry.meta.namespace, host),),
            )


def not_obeyed(clusters: Sequence[JudgedCluster]) -> Iterator[ConfigFinding]:
    """Clusters that hold Istio's objects, although their proxies obey another cluster's."""
    for cluster in clusters:
        obeys = obeyed_by(cluster)
        if obeys is None or obeys == cluster.name:
            continue
        counts = {kind: len(cluster.inventory.config.get(kind, ())) for kind in _ISTIO_KINDS}
        found = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items() if count]
        if found:
            yield ConfigFinding(
                code="CONFIG-NOT-OBEYED",
                object=ObjectKey(cluster.name, "Cluster", "", cluster.name),
                message=f"{', '.join(found)} of {cluster.name} do nothing: its proxies obey the objects of {obeys}.",
                fix=f"Apply them in {obeys}.",
            )
