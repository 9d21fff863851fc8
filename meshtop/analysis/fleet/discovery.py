"""Which hosts each cluster can resolve, and from which clusters their endpoints can be reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.fleet.links import ClusterLink, Site, known_domains, links, service_suffix
from meshtop.analysis.identity.mesh import mesh_config
from meshtop.analysis.inventory.endpoints import ready_endpoints
from meshtop.analysis.inventory.labels import is_istiod
from meshtop.analysis.inventory.untyped import conditions, items, mapping, text, texts
from meshtop.analysis.visibility.hosts import NOBODYS_DOMAIN, full_host, host_matches, written_domains
from meshtop.model.constants import CLUSTER_DOMAIN
from meshtop.model.kube import ConfigObject, Service
from meshtop.model.state import Finding, Severity

CLUSTER_SET = "svc.clusterset.local"
_SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease"})
_ALWAYS_LOCAL = ("*.kube-system.", "kubernetes.default.")
"""Hosts cluster-local by istiod's defaults, without the domain (istio: defaultClusterLocalNamespaces, -Services)."""

Place = tuple[str, str]
"""Namespace and name of a Service."""


class HostReachability(StrEnum):
    """How a host can be reached from one cluster."""

    LOCAL = "local"
    REMOTE = "remote"
    EXTERNAL = "external"
    NO_ENDPOINTS = "no-endpoints"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
    UNKNOWN = "unknown"


RESOLVED = (HostReachability.LOCAL, HostReachability.REMOTE, HostReachability.EXTERNAL)


class HostRow(Struct, frozen=True, kw_only=True):
    """A host, its reachability from each cluster of its mesh, and which clusters export and import it.

    `cluster_local` is None where it hangs on a DNS domain that is not known.
    """

    host: str
    namespace: str
    mesh: str
    clusters: dict[str, HostReachability]
    dns_name: str
    exported_by: tuple[str, ...] = ()
    imported_by: tuple[str, ...] = ()
    reachable_from: tuple[str, ...] = ()
    cluster_local: bool | None = False
    legacy_names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class Discovery(Struct, frozen=True, kw_only=True):
    """Every host of every mesh, and the links between clusters."""

    hosts: tuple[HostRow, ...] = ()
    links: tuple[ClusterLink, ...] = ()


def discovery(sites: Sequence[Site], machines: Mapping[tuple[str, str, str], int]) -> Discovery:
    """Every host's reachability. `machines` counts a Service's virtual machines, by cluster, namespace and name.

    What is in a cluster that only hosts a control plane for others is in no mesh.
    """
    outside = {site.name for site in sites if site.facts.outside}
    between = {pair: link for pair, link in links(sites).items() if outside.isdisjoint(pair)}
    sites = [site for site in sites if site.name not in outside]
    meshes: dict[str, list[Site]] = {}
    for site in sites:
        meshes.setdefault(site.facts.mesh or f"cluster {site.name}", []).append(site)
    domains = known_domains(sites)
    read = {site.name: _Local(site, machines, domains.get(site.name)) for site in sites}
    perhaps = {site.name: _perhaps([read.get(other) for other in site.facts.perhaps]) for site in sites}
    rows = [
        row
        for mesh, members in sorted(meshes.items())
        for row in _mesh(mesh, members, between, machines, perhaps, domains)
    ]
    return Discovery(hosts=tuple(rows), links=tuple(between[pair] for pair in sorted(between)))


def _perhaps(others: Sequence[_Local | None]) -> frozenset[Place] | None:
    """The Services with endpoints in clusters that may be of the mesh; None where one of these was not read."""
    if any(other is None or not other.endpoints_known for other in others):
        return None
    return frozenset(place for other in others if other is not None for place, n in other.ready.items() if n)


class _Local:
    """What one cluster has, by Service; `domain` is its DNS domain, None where it is not known.

    `perhaps` are Services with endpoints where it may be one mesh or not; None where that may be any of them.
    """

    def __init__(
        self,
        site: Site,
        machines: Mapping[tuple[str, str, str], int],
        domain: str | None,
        perhaps: frozenset[Place] | None = frozenset(),
    ) -> None:
        self.perhaps = perhaps
        inventory = site.inventory
        self.services: dict[Place, Service] = {
            s.meta.key: s for s in inventory.services if s.meta.namespace not in _SYSTEM
        }
        self.exports: dict[Place, ConfigObject] = {o.meta.key: o for o in inventory.config.get("ServiceExport", ())}
        self.imports: dict[Place, ConfigObject] = {o.meta.key: o for o in inventory.config.get("ServiceImport", ())}
        self.entries = {
            host: entry for entry in inventory.config.get("ServiceEntry", ()) for host in texts(entry.spec.get("hosts"))
        }
        self.domain_known = domain is not None
        self.domain = f"svc.{domain or CLUSTER_DOMAIN}"
        self.shown_domain = service_suffix(domain)
        always = (f"{host}{self.domain}" for host in _ALWAYS_LOCAL)
        self.local = (*always, *_cluster_local(site))
        self.endpoints_known = inventory.evidence("EndpointSlice").known
        self.services_known = inventory.evidence("Service").known
        self.ready: Counter[Place] = Counter(
            (endpoint.namespace, endpoint.service) for endpoint in ready_endpoints(inventory.endpoint_slices)
        )
        for (cluster, namespace, name), count in machines.items():
            if cluster == site.name:
                self.ready[namespace, name] += count

    def keeps_local(self, place: Place) -> bool | None:
        """Whether a Service's host is cluster-local here; None where that hangs on an unknown DNS domain."""
        namespace, name = place

        def kept(domain: str) -> bool:
            return any(host_matches(pattern, f"{name}.{namespace}.{domain}") for pattern in self.local)

        here = kept(self.domain)
        others = () if self.domain_known else (*written_domains(self.local), NOBODYS_DOMAIN)
        # What istiod keeps local by itself is so in every domain.
        always = any(host_matches(host, f"{name}.{namespace}.") for host in _ALWAYS_LOCAL)
        return here if always or all(kept(f"svc.{domain}") is here for domain in others) else None


def _cluster_local(site: Site) -> list[str]:
    found: list[str] = []
    for setting in map(mapping, items(mesh_config(site.inventory).get("serviceSettings"))):
        if mapping(setting.get("settings")).get("clusterLocal") is True:
            found.extend(texts(setting.get("hosts")))
    return found


def _mesh(
    mesh: str,
    sites: Sequence[Site],
    between: Mapping[tuple[str, str], ClusterLink],
    machines: Mapping[tuple[str, str, str], int],
    perhaps: Mapping[str, frozenset[Place] | None],
    domains: Mapping[str, str],
) -> Iterable[HostRow]:
    local = {site.name: _Local(site, machines, domains.get(site.name), perhaps[site.name]) for site in sites}
    places = sorted({place for here in local.values() for place in (*here.services, *here.exports, *here.imports)})
    failover = _failover_hosts(sites, domains)
    legacy = _legacy_names(sites)
    for place in places:
        yield _service_row(mesh, place, local, between, failover, legacy)
    suffixes = {domain for here in local.values() for domain in (here.domain, here.shown_domain)}
    known = {f"{name}.{namespace}.{domain}" for namespace, name in places for domain in suffixes}
    for host in sorted({host for here in local.values() for host in here.entries} - known):
        yield _entry_row(mesh, host, local)


def _service_row(
    mesh: str,
    place: Place,
    local: Mapping[str, _Local],
    between: Mapping[tuple[str, str], ClusterLink],
    failover: Mapping[str, str],
    legacy: Mapping[Place, tuple[str, ...]],
) -> HostRow:
    namespace, name = place
    having = [here for here in local.values() if place in here.services] or [*local.values()]
    host = f"{name}.{namespace}.{having[0].shown_domain}"
    behind = [cluster for cluster, here in local.items() if here.ready.get(place)]
    only_local = _any({here.keeps_local(place) for here in local.values()})
    marks = {cluster: _reach(cluster, place, local, behind, between, only_local) for cluster in local}
    exported = tuple(cluster for cluster, here in local.items() if place in here.exports)
    imported = tuple(cluster for cluster, here in local.items() if place in here.imports)
    found = [
        *(() if only_local is not False or _is_istiods(place, local) else _port_findings(host, place, local)),
        *_export_findings(host, place, local, exported, imported),
        *_reach_findings(host, marks, behind, between),
    ]
    ruled = f"{name}.{namespace}.{having[0].domain}"
    if ruled in failover and len(behind) > 1:
        found.append(
            Finding(
                code="DISCOVERY-NO-OUTLIER-DETECTION",
                severity=Severity.WARNING,
                message=f"{host}: {failover[ruled]} sets locality failover without outlier detection, so it never "
                "fails over.",
                fix="Add trafficPolicy.outlierDetection to that rule.",
            )
        )
    return HostRow(
        host=host,
        namespace=namespace,
        mesh=mesh,
        clusters=marks,
        dns_name=f"{name}.{namespace}.{CLUSTER_SET}" if exported or imported else host,
        exported_by=exported,
        imported_by=imported,
        reachable_from=tuple(cluster for cluster, mark in marks.items() if mark in RESOLVED),
        cluster_local=only_local,
        legacy_names=legacy.get(place, ()),
        findings=tuple(found),
    )


def _any(answers: Collection[bool | None]) -> bool | None:
    """Whether one of several is so; None where one may be."""
    return True if True in answers else None if None in answers else False


def _reach(
    cluster: str,
    place: Place,
    local: Mapping[str, _Local],
    behind: Sequence[str],
    between: Mapping[tuple[str, str], ClusterLink],
    only_local: bool | None,
) -> HostReachability:
    here = local[cluster]
    service = here.services.get(place)
    if service is not None and service.external_name:
        return HostReachability.EXTERNAL
    if service is None and place not in here.imports:
        return HostReachability.UNRESOLVED if here.services_known else HostReachability.UNKNOWN
    if cluster in behind:
        return HostReachability.LOCAL
    others = [] if only_local else [other for other in behind if other != cluster]
    ups = [between[cluster, other].up for other in others if (cluster, other) in between]
    if True in ups:
        return HostReachability.REMOTE if only_local is False else HostReachability.UNKNOWN
    # What a cluster that it is linked with has behind the host may not be known either.
    unseen = [
        other
        for other, there in local.items()
        if not there.endpoints_known
        and not only_local
        and (cluster, other) in between
        and between[cluster, other].up is not False
    ]
    if None in ups or unseen or not here.endpoints_known or (others and only_local is None):
        return HostReachability.UNKNOWN
    if others:
        return HostReachability.UNREACHABLE
    if here.perhaps is None or place in here.perhaps:
        return HostReachability.UNKNOWN
    return HostReachability.NO_ENDPOINTS


def _entry_row(mesh: str, host: str, local: Mapping[str, _Local]) -> HostRow:
    marks = {
        cluster: HostReachability.EXTERNAL if host in here.entries else HostReachability.UNRESOLVED
        for cluster, here in local.items()
    }
    namespaces = {here.entries[host].meta.namespace for here in local.values() if host in here.entries}
    return HostRow(
        host=host,
        namespace=sorted(namespaces)[0],
        mesh=mesh,
        clusters=marks,
        dns_name=host,
        reachable_from=tuple(cluster for cluster, mark in marks.items() if mark in RESOLVED),
    )


def _is_istiods(place: Place, local: Mapping[str, _Local]) -> bool:
    """Whether a Service is one by which proxies find their istiod: each cluster's leads to the one that serves it.

    istiod takes its discovery address for cluster-local by itself (istio: pilot/pkg/model/cluster_local.go).
    """
    return any(is_istiod(here.services[place].meta.labels) for here in local.values() if place in here.services)


def _port_findings(host: str, place: Place, local: Mapping[str, _Local]) -> Iterable[Finding]:
    ports = {
        cluster: frozenset((port.port, port.protocol or "TCP") for port in here.services[place].ports)
        for cluster, here in local.items()
        if place in here.services
    }
    if len(set(ports.values())) > 1:
        told = "; ".join(
            f"{cluster}: {', '.join(str(p) for p, _ in sorted(found))}" for cluster, found in ports.items()
        )
        yield Finding(
            code="DISCOVERY-PORTS-DIFFER",
            severity=Severity.WARNING,
            message=f"{host} has different ports in different clusters ({told}); a caller gets only what its own "
            "cluster's Service has.",
            fix="Give the Service the same ports everywhere.",
        )


def _export_findings(
    host: str, place: Place, local: Mapping[str, _Local], exported: Sequence[str], imported: Sequence[str]
) -> Iterable[Finding]:
    elsewhere = [c for c in imported if c not in exported or len(exported) > 1]
    if exported and not elsewhere and len(local) > 1:
        yield Finding(
            code="DISCOVERY-EXPORT-NOT-IMPORTED",
            severity=Severity.WARNING,
            message=f"{host} is exported by {', '.join(exported)} and imported nowhere else.",
            fix="Check that the controller for multi-cluster services runs in the other clusters, and that the "
            f"namespace {place[0]} exists there.",
        )
    for cluster in exported:
        for condition in conditions(local[cluster].exports[place].status):
            bad = condition.status == ("True" if condition.type == "Conflict" else "False")
            if bad and condition.type in ("Conflict", "Valid", "Ready"):
                why = ": ".join(part for part in (condition.reason, condition.message) if part)
                yield Finding(
                    code="DISCOVERY-EXPORT-CONFLICT" if condition.type == "Conflict" else "DISCOVERY-EXPORT-INVALID",
                    severity=Severity.WARNING,
                    message=f"The export of {host} by {cluster} is {condition.type}={condition.status} ({why}).",
                    fix=None,
                )


def _reach_findings(
    host: str,
    marks: Mapping[str, HostReachability],
    behind: Sequence[str],
    between: Mapping[tuple[str, str], ClusterLink],
) -> Iterable[Finding]:
    for cluster, mark in marks.items():
        if mark is HostReachability.UNREACHABLE:
            why = dict.fromkeys(f.code for other in behind for f in between[cluster, other].findings)
            yield Finding(
                code="DISCOVERY-UNREACHABLE",
                severity=Severity.ERROR,
                message=f"{cluster} resolves {host}, whose endpoints are in {', '.join(behind)}, and cannot reach them "
                f"({', '.join(why)}).",
                fix=None,
            )


def _failover_hosts(sites: Sequence[Site], domains: Mapping[str, str]) -> dict[str, str]:
    """Hosts whose DestinationRule wants failover by locality and has no outlier detection, with the rule's name."""
    found = {}
    for site in sites:
        for rule in site.inventory.config.get("DestinationRule", ()):
            policy = mapping(rule.spec.get("trafficPolicy"))
            locality = mapping(mapping(policy.get("loadBalancer")).get("localityLbSetting"))
            wants = locality.get("enabled") is not False and (
                items(locality.get("failover")) or items(locality.get("failoverPriority"))
            )
            if wants and "outlierDetection" not in policy:
                written, domain = text(rule.spec.get("host")) or "", domains.get(site.name)
                if domain is None and "." in written:
                    continue
                host = full_host(written, rule.meta.namespace, domain or CLUSTER_DOMAIN)
                found[host] = f"DestinationRule {rule.meta.namespace}/{rule.meta.name} in {site.name}"
    return found


def _legacy_names(sites: Sequence[Site]) -> dict[Place, tuple[str, ...]]:
    """Names that KubeFed's DNS gave to services (ServiceDNSRecord; the project is archived)."""
    found: dict[Place, tuple[str, ...]] = {}
    for site in sites:
        for record in site.inventory.config.get("ServiceDNSRecord", ()):
            domain, federation = text(record.status.get("domain")), text(record.spec.get("domainRef"))
            namespace, name = record.meta.key
            if domain and federation:
                found[namespace, name] = (
                    *found.get((namespace, name), ()),
                    f"{name}.{namespace}.{federation}.svc.{domain}",
                )
    return found
