"""What the members of federations should hold, held against what they hold: one object for each host and registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from meshtop.analysis.fleet.federated import EVERY_MEMBER, FederatedDeclaration, MemberReport
from meshtop.model.evidence import Evidence
from meshtop.model.kube import Inventory

GATEWAY_API = "gateway.networking.k8s.io"
MemberCluster = Callable[[str, str], str | None]
"""The cluster that is read for a member, by registry and the member's name there; None where none is."""


class HoldingState(StrEnum):
    """Whether a member has what its federation put there.

    `THERE`: it was read and has it. `MISSING`: it was read and has it not. `FAILED`: the registry says that it could
    not be put there, or does not do well. `LEFT`: the registry still reports it though it is no longer placed there.
    `UNKNOWN`: nobody reads the member, or the kind there.
    """

    THERE = "there"
    MISSING = "missing"
    FAILED = "failed"
    LEFT = "left"
    UNKNOWN = "unknown"


class MemberHolding(Struct, frozen=True, rename="camel", kw_only=True):
    """An object in one member; `cluster` is the cluster read for it, `says` the registry's words, None where silent.

    `why` tells why the state is unknown or bad; `overrides` are the JSON pointers that the federation sets there.
    """

    member: str
    cluster: str | None
    state: HoldingState
    says: str | None = None
    why: str | None = None
    overrides: tuple[str, ...] = ()


class FederatedObject(Struct, frozen=True, kw_only=True):
    """An object that one registry of one host propagates; its members are those that should have it, then others.

    `sources` are the objects that declare it, `chosen_by` how the members were chosen, `problems` what the registry
    says of the whole.
    """

    registry: str
    host: str
    kind: str
    group: str
    namespace: str
    name: str
    sources: tuple[str, ...]
    chosen_by: tuple[str, ...]
    members: tuple[MemberHolding, ...]
    problems: tuple[str, ...] = ()

    @property
    def wants(self) -> tuple[str, ...]:
        """The members that should have it."""
        return tuple(one.member for one in self.members if one.state is not HoldingState.LEFT)


def held(
    host: str,
    declared: Iterable[FederatedDeclaration],
    cluster_of: MemberCluster,
    inventories: Mapping[str, Inventory | None],
) -> tuple[FederatedObject, ...]:
    """All that one host propagates, by registry and object; `inventories` are the clusters as they were read."""
    known = {name: HeldObjects(inventory) for name, inventory in inventories.items() if inventory is not None}
    together: dict[tuple[str, str, str, str], list[FederatedDeclaration]] = {}
    for one in declared:
        together.setdefault((one.registry, *one.key), []).append(one)
    return tuple(_object(host, parts, cluster_of, known) for _, parts in sorted(together.items()))


def _object(
    host: str,
    parts: list[FederatedDeclaration],
    cluster_of: MemberCluster,
    known: Mapping[str, HeldObjects],
) -> FederatedObject:
    first = parts[0]
    placed = tuple(dict.fromkeys(member for one in parts for member in one.placed))
    reports = {report.member: report for one in parts for report in one.reports}
    wanted = frozenset(placed)
    overrides = [pair for one in parts for pair in one.overrides]
    group = next((one.group for one in parts if one.group), "")

    def holding(member: str) -> MemberHolding:
        cluster = cluster_of(first.registry, member)
        report = reports.get(member)
        left: tuple[HoldingState, str | None] = (HoldingState.LEFT, "no longer placed there")
        state, why = _state(first, group, report, cluster, known.get(cluster or "")) if member in wanted else left
        return MemberHolding(
            member=member,
            cluster=cluster,
            state=state,
            says=report.words if report is not None else None,
            why=why,
            overrides=tuple(dict.fromkeys(path for whom, path in overrides if whom in (member, EVERY_MEMBER))),
        )

    others = tuple(member for member in reports if member not in placed)
    return FederatedObject(
        registry=first.registry,
        host=host,
        kind=first.kind,
        group=group,
        namespace=first.namespace,
        name=first.name,
        sources=tuple(dict.fromkeys(one.source for one in parts)),
        chosen_by=tuple(dict.fromkeys(one.chosen_by for one in parts if one.chosen_by)),
        members=tuple(holding(member) for member in (*placed, *others)),
        problems=tuple(dict.fromkeys(said for one in parts for whom, said in one.complaints if whom == EVERY_MEMBER)),
    )


def _state(
    thing: FederatedDeclaration,
    group: str,
    report: MemberReport | None,
    cluster: str | None,
    there: HeldObjects | None,
) -> tuple[HoldingState, str | None]:
    """The state of an object in a member that should have it, and why where that is not obvious."""
    if report is not None and not report.good:
        return HoldingState.FAILED, report.words
    if cluster is None:
        return HoldingState.UNKNOWN, "no context leads to it"
    if there is None:
        return HoldingState.UNKNOWN, "it cannot be read"
    found, evidence = there.has(thing.kind, group, thing.namespace, thing.name)
    if found:
        return HoldingState.THERE, None
    if not evidence.known:
        return HoldingState.UNKNOWN, f"{thing.kind} is not read there ({evidence.why})"
    return HoldingState.MISSING, "placed there, and not there"


class HeldObjects:
    """What one cluster has, by kind, namespace and name; made once for all that is asked of it."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._there = {
            *(("Namespace", *n.meta.key) for n in inventory.namespaces),
            *(("Service", *s.meta.key) for s in inventory.services),
            *((c.kind, *c.meta.key) for c in inventory.controllers),
            *((kind, *obj.meta.key) for kind, objects in inventory.config.items() for obj in objects),
        }

    def has(self, kind: str, group: str, namespace: str, name: str) -> tuple[bool, Evidence]:
        """Whether the object is there, and how well that is known; kinds that are never read are not known."""
        key = f"{kind}.{GATEWAY_API}" if (kind, group) == ("Gateway", GATEWAY_API) else kind
        found = (key, "" if kind == "Namespace" else namespace, name) in self._there
        evidence = self._inventory.evidence(key, namespace or None)
        return found, evidence
