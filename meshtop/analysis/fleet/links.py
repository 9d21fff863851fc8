"""Links between clusters: whether one learns the other's endpoints and can reach them (reference: Several clusters).

An istiod learns endpoints of a remote cluster through a remote secret that is synced; over different networks the
remote one needs an east-west gateway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from shlex import quote

from msgspec import Struct

from meshtop.analysis.fleet.registries import sync_states
from meshtop.analysis.identity.gateways import gateway_into
from meshtop.analysis.identity.mesh import mesh_networks
from meshtop.analysis.identity.remotes import remote_ids, remotes_complete
from meshtop.model.kube import Inventory
from meshtop.model.mesh import MeshFacts
from meshtop.model.state import Finding, Severity
from meshtop.model.telemetry import Telemetry

PASSTHROUGH_PORT = 15443


class Site(Struct, frozen=True, kw_only=True, dict=True):
    """The data of one cluster that links and discovery depend on."""

    name: str
    context: str = ""
    inventory: Inventory
    facts: MeshFacts
    telemetry: Telemetry | None = None

    @cached_property
    def remotes(self) -> frozenset[str]:
        """The ids of the other clusters that its istiods have, as far as they are known."""
        return remote_ids(self.inventory, self.synced) | frozenset(self.facts.config_of)

    @cached_property
    def synced(self) -> Mapping[str, str]:
        """Sync state of each remote cluster, from its istiod's metrics."""
        return sync_states(self.telemetry)


def service_suffix(domain: str | None) -> str:
    """What follows `NAME.NAMESPACE.` in a Service's host: `svc.DOMAIN`, and `svc` alone where the domain is not known.

    Such a host says no more than is known, and still resolves in every domain by a pod's search path.
    """
    return f"svc.{domain}" if domain else "svc"


def known_domains(sites: Iterable[Site]) -> dict[str, str]:
    """The DNS domain of each cluster as its clients write it; clusters of which it is not known are left out.

    Where a cluster's own was not read, it is the one that all others of its mesh have: an istiod names the Services of
    all clusters alike.
    """
    found: dict[str, str] = {}
    of_mesh: dict[str, set[str]] = {}
    for site in sites:
        domain, mesh = site.facts.cluster_domain, site.facts.mesh
        if domain is not None:
            found[site.name] = domain
            of_mesh.setdefault(mesh or "", set()).add(domain)
    for site in sites:
        shared = of_mesh.get(site.facts.mesh, set()) if site.facts.mesh is not None else set()
        if len(shared) == 1:
            found.setdefault(site.name, *shared)
    return found


class ClusterLink(Struct, frozen=True, kw_only=True):
    """A link from one cluster to another: whether endpoints there can be used (None: unknown), and why not."""

    source: str
    target: str
    up: bool | None
    findings: tuple[Finding, ...] = ()


def links(sites: Sequence[Site]) -> dict[tuple[str, str], ClusterLink]:
    """The link of every ordered pair of clusters of one mesh."""
    return {
        (source.name, target.name): _link(source, target, sites)
        for source in sites
        for target in sites
        if source.name != target.name and _one_mesh(source, target)
    }


def _one_mesh(left: Site, right: Site) -> bool:
    return left.facts.mesh is not None and left.facts.mesh == right.facts.mesh


def _context(site: Site) -> str:
    return quote(site.context or site.name)


def _link(source: Site, target: Site, sites: Sequence[Site]) -> ClusterLink:
    teachers = _teachers(source, sites)
    if not teachers:
        return ClusterLink(source=source.name, target=target.name, up=None)
    found = []
    their_id = target.facts.cluster_id or target.name
    unknown = target.facts.cluster_id is None
    knowing = [t for t in teachers if t.name == target.name or their_id in t.remotes]
    if not knowing:
        ids = [s.facts.cluster_id or s.name for s in sites]
        if unknown or not all(remotes_complete(t.inventory, t.synced, ids) for t in teachers):
            return ClusterLink(source=source.name, target=target.name, up=None)
        found.append(
            Finding(
                code="DISCOVERY-NO-REMOTE-SECRET",
                severity=Severity.WARNING,
                message=f"The control plane of {source.name} has no remote secret for {target.name}: "
                "it knows none of its endpoints.",
                fix=f"istioctl create-remote-secret --context {_context(target)} --name {quote(their_id)} | "
                f"kubectl --context {_context(teachers[0])} apply -f -",
            )
        )
    states = {t.synced.get(their_id) for t in knowing if t.name != target.name} - {None, "synced"}
    if states:
        found.append(
            Finding(
                code="DISCOVERY-NOT-SYNCED",
                severity=Severity.ERROR,
                message=f"The control plane of {source.name} is not in sync with {target.name} "
                f"({', '.join(sorted(map(str, states)))}): endpoints there may be old or missing.",
                fix=f"See whether istiod reaches the API server of {target.name} with its remote secret.",
            )
        )
    networks = (source.facts.network, target.facts.network)
    apart = None not in networks and networks[0] != networks[1]
    leads = gateway_into(target.inventory, str(networks[1]), [mesh_networks(t.inventory) for t in teachers])
    if apart and leads is False:
        found.append(
            Finding(
                code="DISCOVERY-NO-EAST-WEST",
                severity=Severity.ERROR,
                message=f"{source.name} and {target.name} are different networks ({networks[0]}, {networks[1]}), and "
                f"no east-west gateway leads into {target.name}.",
                fix=f"Install an east-west gateway in {target.name} that listens with AUTO_PASSTHROUGH on "
                f"{PASSTHROUGH_PORT}; its Service needs the label topology.istio.io/network={networks[1]} and an "
                "external address.",
            )
        )
    up = None if apart and leads is None and not found else not found
    return ClusterLink(source=source.name, target=target.name, up=up, findings=tuple(found))


def _teachers(site: Site, sites: Sequence[Site]) -> list[Site]:
    """The clusters whose istiod serves a cluster's proxies: its own, or those known to; none where that is not.

    Facts that nobody has compared with those of other clusters leave the primaries that have a secret for it.
    """
    if site.facts.control_planes and site.facts.outside is False:
        return [site]
    if site.facts.obeys is not None:
        return [s for s in sites if s.name in site.facts.obeys.servers]
    mine = site.facts.cluster_id or site.name
    return [s for s in sites if s.facts.control_planes and _one_mesh(s, site) and mine in s.remotes]
