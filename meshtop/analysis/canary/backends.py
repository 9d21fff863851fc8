"""What stands behind each destination: its subset's labels, its workloads, their ready pods."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.canary.routes import RouteDestination, WeightedRoute
from meshtop.analysis.inventory.untyped import mapping
from meshtop.analysis.security.mtls.config import IstioConfig
from meshtop.model.mesh import Ready, VirtualMachine, Workload

_SERVICE = re.compile(r"([^.]+)\.([^.]+)(?:\.svc(?:\..+)?)?")


class Backend(Struct, frozen=True, kw_only=True):
    """One destination and what answers for it.

    `pods` are those of the route's own cluster (healthy virtual machines count as ready pods), `pods_in_mesh` those of
    every cluster that its callers can reach. `workloads` are (namespace, name) in any of them. `subset_exists` is None
    when DestinationRules cannot be read, or where no subset is named. `service_exists` is False for a host that no
    Service and no ServiceEntry has.
    """

    destination: RouteDestination
    version: str = ""
    workloads: frozenset[tuple[str, str]] = frozenset()
    pods: Ready = Ready()
    pods_in_mesh: Ready = Ready()
    subset_exists: bool | None = None
    service_exists: bool = True
    labels: tuple[tuple[str, str], ...] = ()


def service_of(host: str) -> tuple[str, str] | None:
    """Namespace and name of the Kubernetes Service that a full host names; None for any other host."""
    match = _SERVICE.fullmatch(host)
    return (match[2], match[1]) if match else None


def backends(
    route: WeightedRoute,
    rules: IstioConfig,
    known: Sequence[tuple[str, str]],
    hosts: Sequence[str],
    workloads: Sequence[Workload],
    machines: Sequence[VirtualMachine] = (),
) -> tuple[Backend, ...]:
    """What stands behind each destination, in their order.

    `known` are the Services (namespace, name) and `hosts` the ServiceEntry hosts of the route's mesh; `workloads`
    and `machines` those of all its clusters.
    """
    return tuple(_backend(route, d, rules, known, hosts, workloads, machines) for d in route.destinations)


class DestinationSubset(Struct, frozen=True):
    """A destination's subset: whether a DestinationRule defines it (None: not known, or none is named), its labels."""

    exists: bool | None = None
    labels: Mapping[str, str] = {}


def subset_of(rules: IstioConfig, destination: RouteDestination, route_namespace: str) -> DestinationSubset:
    """The subset that a destination names, as the DestinationRules of the route's cluster define it.

    The rule is the one that a client in the service's namespace uses, else the one of a client in the route's: the
    split is judged for all callers together, and rules for single callers' workloads do not count.
    """
    if not destination.subset:
        return DestinationSubset()
    service = service_of(destination.host)
    home = service[0] if service else route_namespace
    for client_namespace in (home, route_namespace):
        rule = rules.rule(destination.host, client_namespace=client_namespace, client_labels={}, service_namespace=home)
        if rule is not None:
            break
    subset = rule.subset(destination.subset) if rule is not None else None
    labels = mapping(subset.get("labels")) if subset is not None else {}
    return DestinationSubset(
        None if rules.no_rules else subset is not None, {str(key): str(value) for key, value in labels.items()}
    )


def _backend(
    route: WeightedRoute,
    destination: RouteDestination,
    rules: IstioConfig,
    known: Sequence[tuple[str, str]],
    hosts: Sequence[str],
    workloads: Sequence[Workload],
    machines: Sequence[VirtualMachine],
) -> Backend:
    service = service_of(destination.host)
    subset = subset_of(rules, destination, route.namespace)
    candidates: list[Workload | VirtualMachine] = [*workloads, *machines]
    behind: list[Workload | VirtualMachine] = []
    if not destination.subset or subset.exists:
        behind = [b for b in candidates if _selected(b, destination.host, service, subset.labels)]
    return Backend(
        destination=destination,
        version=subset.labels.get("version") or _only_version(behind),
        workloads=frozenset((b.namespace, name) for b in behind for name in _names(b)),
        pods=_ready([b for b in behind if b.cluster == route.cluster]),
        pods_in_mesh=_ready(behind),
        subset_exists=subset.exists,
        service_exists=service in known or destination.host in hosts,
        labels=tuple(sorted(subset.labels.items())),
    )


def _only_version(behind: Sequence[Workload | VirtualMachine]) -> str:
    versions = {b.version for b in behind if b.version}
    return next(iter(versions)) if len(versions) == 1 else ""


def _names(backend: Workload | VirtualMachine) -> list[str]:
    """The workload names that telemetry may give it."""
    named: tuple[str | None, ...] = (backend.name,)
    if isinstance(backend, VirtualMachine):
        named = (backend.workload, backend.workload_group, backend.name)
    return [name for name in named if name]


def _selected(
    backend: Workload | VirtualMachine, host: str, service: tuple[str, str] | None, labels: Mapping[str, str]
) -> bool:
    in_service = service is not None and backend.namespace == service[0] and service[1] in backend.services
    if not in_service and host not in backend.services:
        return False
    has = dict(backend.labels) if isinstance(backend, Workload) else backend.meta.labels
    if isinstance(backend, VirtualMachine) and labels and not has:
        has = {"version": backend.version}
    return all(has.get(key) == value for key, value in labels.items())


def _ready(behind: Sequence[Workload | VirtualMachine]) -> Ready:
    ready = sum(b.pods.ready if isinstance(b, Workload) else int(b.healthy is not False) for b in behind)
    total = sum(b.pods.total if isinstance(b, Workload) else 1 for b in behind)
    return Ready(ready, total)
