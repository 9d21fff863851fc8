"""Declared placement by federations, as drift asks for it: who should have an object, and what may differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from meshtop.analysis.fleet.federated import FederatedDeclaration, declarations
from meshtop.analysis.fleet.registries import KUBEFED, KUBESPHERE
from meshtop.model.kube import Inventory

ObjectKey = tuple[str, str, str]
"""Kind, namespace and name of an object that is propagated."""
Clusters = Callable[[str, str], str | None]
"""Name of the cluster in meshtop by (registry, member's name)."""


class Placement(Struct, frozen=True, kw_only=True):
    """The clusters where an object should exist, as a federation declares.

    `clusters` are those that meshtop reads; other members are left out. `overridden` are JSON pointers that may differ
    between clusters. `complaints` maps a cluster ("" for the whole) to the problem in the federation's status.
    """

    by: str
    clusters: frozenset[str] = frozenset()
    overridden: tuple[str, ...] = ()
    complaints: tuple[tuple[str, str], ...] = ()


def declared(
    host: str, inventory: Inventory, cluster_of: Clusters, names: Mapping[str, Sequence[str]]
) -> dict[ObjectKey, Placement]:
    """Placements of all objects that the federations of one host cluster propagate.

    `names` lists the members of each registry on that host.
    """
    found: dict[ObjectKey, Placement] = {}
    for one in declarations(inventory, names):
        add(found, one.key, _placement(host, one, cluster_of))
    return found


def _placement(host: str, one: FederatedDeclaration, cluster_of: Clusters) -> Placement:
    placed = (cluster_of(one.registry, name) for name in one.placed)
    # Of KubeFed's overrides only those of the specification matter: metadata of its copies is its own.
    own = one.registry in (KUBEFED, KUBESPHERE)
    return Placement(
        by=f"{one.source_kind} on {host}",
        clusters=frozenset(cluster for cluster in placed if cluster),
        overridden=tuple(path for _, path in one.overrides if not own or path.startswith("/spec")),
        complaints=tuple(
            ((cluster_of(one.registry, member) or member) if member else "", said) for member, said in one.complaints
        ),
    )


def add(found: dict[ObjectKey, Placement], thing: ObjectKey, one: Placement) -> None:
    """Add a placement, merged with an earlier one of the same object."""
    before = found.get(thing)
    if before is not None:
        one = Placement(
            by=before.by,
            clusters=before.clusters | one.clusters,
            overridden=tuple(dict.fromkeys((*before.overridden, *one.overridden))),
            complaints=(*before.complaints, *one.complaints),
        )
    found[thing] = one
