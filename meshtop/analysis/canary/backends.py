"""Backends of each destination of a route: its subset's labels, its workloads, their ready pods."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations

from msgspec import Struct

from meshtop.analysis.canary.backing import Backing, EndpointId, MemberBacking
from meshtop.analysis.canary.routes import CLUSTER_SET_DOMAIN, SERVICE_IMPORT, RouteDestination, WeightedRoute
from meshtop.analysis.inventory.untyped import mapping, texts
from meshtop.analysis.security.mtls.config import IstioConfig
from meshtop.analysis.visibility.hosts import host_matches
from meshtop.model.kube import ConfigObject, Inventory
from meshtop.model.mesh import Ready

_SERVICE = re.compile(r"([^.]+)\.([^.]+)\.svc\.(.+)")
_CLUSTER_SET = CLUSTER_SET_DOMAIN.removeprefix("svc.")


class Backend(Struct, frozen=True, kw_only=True):
    """One destination with the workloads and pods that serve it.

    `pods` are those of the route's own cluster (healthy virtual machines count as ready pods), `pods_in_mesh` those of
    every cluster that its callers can reach; `pods_known` is False where the endpoints cannot be seen (an import, an
    external host, hand-written endpoints, pods that were not read). `workloads` are (namespace, name) in
    any of them, `endpoints` its single pods and machines. `subset_exists` is None when DestinationRules cannot be read,
    or where no subset is named. `service_exists` is False for a host that nothing in the cluster defines. `perhaps_in`
    names the clusters that may be of the mesh and may have pods of it.
    """

    destination: RouteDestination
    version: str = ""
    workloads: frozenset[tuple[str, str]] = frozenset()
    endpoints: frozenset[EndpointId] = frozenset()
    pods: Ready = Ready()
    pods_in_mesh: Ready = Ready()
    pods_known: bool = True
    subset_exists: bool | None = None
    service_exists: bool = True
    labels: tuple[tuple[str, str], ...] = ()
    perhaps_in: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing ready is behind it in the clusters that are known to be of the mesh."""
        return self.subset_exists is False or (self.pods_known and self.pods_in_mesh.ready == 0)


def service_of(host: str, domain: str | None = None) -> tuple[str, str] | None:
    """Namespace and name of the Kubernetes Service that a full host names; None for any other host.

    istiod completes names without a dot only: `reviews.shop` and `reviews.shop.svc` name no Service, and nor does a
    host of another DNS domain than the cluster's own, where `domain` tells that.
    """
    match = _SERVICE.fullmatch(host)
    there = match is not None and (domain is None or match[3].lower() in (domain.lower(), _CLUSTER_SET))
    return (match[2], match[1]) if match is not None and there else None


class KnownHosts:
    """The hosts that one cluster's istiod knows, and whether their endpoints are visible.

    `domain` is the DNS domain of the cluster; None where it is not known, and any may be it.
    """

    def __init__(self, inventory: Inventory, domain: str | None = None) -> None:
        self.domain = domain
        config = inventory.config
        self.services = {service.meta.key: service for service in inventory.services}
        self._imports = {one.meta.key for one in config.get(SERVICE_IMPORT, ())}
        self._entries: dict[str, ConfigObject] = {}
        for entry in config.get("ServiceEntry", ()):
            for host in texts(entry.spec.get("hosts")):
                self._entries.setdefault(host.lower(), entry)
        self._wild = [host for host in self._entries if host.startswith("*")]
        self._unread = [k for k in ("Service", "ServiceEntry", SERVICE_IMPORT) if not inventory.evidence(k).known]

    def entry(self, host: str) -> ConfigObject | None:
        """The ServiceEntry that defines a host, exactly or by a wildcard."""
        found = self._entries.get(host.lower())
        if found is None:
            wild = next((w for w in self._wild if host_matches(w, host.lower())), None)
            found = self._entries[wild] if wild is not None else None
        return found

    def has(self, destination: RouteDestination) -> bool:
        """Whether a destination's host exists, or may exist because the kinds that would define it were not read."""
        service = service_of(destination.host, self.domain)
        if destination.kind == SERVICE_IMPORT or destination.host.endswith(f".{CLUSTER_SET_DOMAIN}"):
            return service in self._imports or SERVICE_IMPORT in self._unread
        if service in self.services or self.entry(destination.host) is not None:
            return True
        wanted = "Service" if destination.kind == "Service" else ""
        return bool(wanted in self._unread if wanted else {"Service", "ServiceEntry"} & set(self._unread))

    def shows_endpoints(self, destination: RouteDestination) -> bool:
        """Whether a host's endpoints are visible: pods behind a selector, rather than an external name or addresses."""
        if destination.kind == SERVICE_IMPORT or destination.host.endswith(f".{CLUSTER_SET_DOMAIN}"):
            return False
        entry = self.entry(destination.host)
        if entry is not None:
            return bool(mapping(mapping(entry.spec.get("workloadSelector")).get("labels")))
        service = self.services.get(service_of(destination.host, self.domain) or ("", ""))
        return service is None or bool(service.selector and not service.external_name)


def backends(
    route: WeightedRoute,
    rules: IstioConfig,
    known: KnownHosts,
    members: Mapping[str, MemberBacking],
    perhaps: Mapping[str, MemberBacking | None] = {},
) -> tuple[Backend, ...]:
    """The backend of each destination, in order; `members` are all clusters of the route's mesh by name.

    `perhaps` are those that may be of it, None for one that was not read.
    """
    return tuple(_backend(route, d, rules, known, members, perhaps) for d in route.destinations)


class DestinationSubset(Struct, frozen=True):
    """A destination's subset: its labels, and whether a DestinationRule defines it (None: unknown, or no subset)."""

    exists: bool | None = None
    labels: Mapping[str, str] = {}


def subset_of(rules: IstioConfig, destination: RouteDestination, route_namespace: str) -> DestinationSubset:
    """The subset that a destination names, as the DestinationRules of the route's cluster define it.

    The rule is the one that a client in the service's namespace uses, else the one of a client in the route's, else
    that of clients to whom rules for the host are exported by name; the first that defines the subset counts. Rules
    for single callers' workloads do not.
    """
    if not destination.subset:
        return DestinationSubset()
    service = service_of(destination.host)
    home = service[0] if service else route_namespace
    rule, unsure = None, bool(rules.no_rules)
    for client_namespace in dict.fromkeys((home, route_namespace, *rules.named_clients(destination.host))):
        unsure = unsure or rules.hangs_on_domain(destination.host, client_namespace, home)
        seen = rules.rule(destination.host, client_namespace=client_namespace, client_labels={}, service_namespace=home)
        if rule is None or (seen is not None and rule.subset(destination.subset) is None):
            rule = seen or rule
    subset = rule.subset(destination.subset) if rule is not None else None
    labels = mapping(subset.get("labels")) if subset is not None else {}
    return DestinationSubset(
        True if subset is not None else None if unsure else False,
        {str(key): str(value) for key, value in labels.items()},
    )


def untold_split(found: Sequence[Backend]) -> str | None:
    """Why telemetry cannot tell two destinations of one host apart, as a clause; None where it can.

    Telemetry names the responding workload and its version. Two subsets with pods in common, or of one workload whose
    pods carry no version (Argo Rollouts' subsets by template hash), look alike.
    """
    for one, other in combinations(found, 2):
        names = f"{one.destination.name} and {other.destination.name}"
        if one.destination.host != other.destination.host:
            continue
        if one.endpoints & other.endpoints:
            return f"{names} have pods in common"
        shared = one.workloads & other.workloads
        if shared and (not one.version or not other.version or one.version == other.version):
            return f"{names} are the same workload, and no version tells their pods apart"
    return None


def _backend(
    route: WeightedRoute,
    destination: RouteDestination,
    rules: IstioConfig,
    known: KnownHosts,
    members: Mapping[str, MemberBacking],
    perhaps: Mapping[str, MemberBacking | None],
) -> Backend:
    service = service_of(destination.host, known.domain)
    subset = subset_of(rules, destination, route.namespace)
    behind: list[Backing] = []
    somewhere: list[str] = []
    if destination.host and (not destination.subset or subset.exists):
        behind = [b for member in members.values() for b in member.behind(service, destination.host, subset.labels)]
        somewhere = [
            name
            for name, member in perhaps.items()
            if member is None
            or not member.knows_pods(service)
            or any(b.pods.ready for b in member.behind(service, destination.host, subset.labels))
        ]
    shown = known.shows_endpoints(destination) or bool(behind)
    return Backend(
        destination=destination,
        version=subset.labels.get("version") or _only_version(behind),
        workloads=frozenset((b.namespace, name) for b in behind for name in b.names),
        endpoints=frozenset(endpoint for b in behind for endpoint in b.endpoints),
        pods=_ready([b for b in behind if b.cluster == route.cluster]),
        pods_in_mesh=_ready(behind),
        pods_known=shown and all(member.knows_pods(service) for member in members.values()),
        subset_exists=subset.exists,
        service_exists=known.has(destination),
        labels=tuple(sorted(subset.labels.items())),
        perhaps_in=tuple(somewhere),
    )


def _only_version(behind: Sequence[Backing]) -> str:
    versions = {version for b in behind for version in b.versions if version}
    return next(iter(versions)) if len(versions) == 1 else ""


def _ready(behind: Sequence[Backing]) -> Ready:
    return Ready(sum(b.pods.ready for b in behind), sum(b.pods.total for b in behind))
