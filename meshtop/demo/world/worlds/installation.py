"""How Istio is installed in a world of the demo: what varies from one world to another, as data.

The generator asks these fields where it writes something; it knows no world by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from meshtop.demo.world.worlds.ownership import Ownership
from meshtop.demo.world.worlds.revisions import LEGACY, SINGLE, UPGRADED, Revisions

Control = Literal["own", "primary", "external"]
Mode = Literal["sidecar", "ambient", "none"]


@dataclass(frozen=True)
class Installation:
    """One world: its name, its line for `--list`, and how it differs from the company's usual installation.

    `control` says who configures the proxies of the company's first mesh: each cluster's own istiod, the first
    cluster's, or that of a cluster of its own which runs nothing else. `system` is the namespace of istiod and of the
    gateways, `root` the root namespace, `domain` the clusters' DNS domain; `everywhere` extends these names to the
    other meshes. `modes` says which namespaces take part in the mesh otherwise than usual, `waypoints` which ambient
    ones have a waypoint (None: each). `owners` are the services whose routes a controller owns. `confined` is the
    one namespace in which the user has rights; None for an admin.
    """

    name: str
    line: str
    control: Control = "own"
    system: str = "istio-system"
    root: str = "istio-system"
    domain: str = "cluster.local"
    trust_domain: str = "cluster.local"
    everywhere: bool = False
    mesh_ids: bool = True
    first: Revisions = UPGRADED
    others: Revisions = SINGLE
    modes: Mapping[str, Mode] = field(default_factory=dict)
    waypoints: frozenset[str] | None = None
    owners: Mapping[str, Ownership] = field(default_factory=dict)
    confined: str | None = None

    @property
    def least_clusters(self) -> int:
        """How many clusters it takes."""
        return 1 if self.control == "own" else 2

    def revisions(self, template: str, position: int) -> Revisions:
        """The revisions of the cluster at a position of a mesh."""
        if template == "legacy":
            return LEGACY
        return self.first if position == 0 else self.others
