"""The service graph's types: nodes at a chosen level, added-up edges between them, and the groups that frame them."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from meshtop.model.state import Health
from meshtop.model.traffic import Sums


class Level(StrEnum):
    """How fine the nodes are, from coarse to fine."""

    CLUSTERS = "clusters"
    TENANTS = "tenants"
    NAMESPACES = "namespaces"
    SERVICES = "services"
    WORKLOADS = "workloads"


class NodeKind(StrEnum):
    """What a node or a group represents."""

    CLUSTER = "cluster"
    TENANT = "tenant"
    NAMESPACE = "namespace"
    SERVICE = "service"
    WORKLOAD = "workload"
    VIRTUAL_MACHINE = "virtualmachine"
    GATEWAY = "gateway"
    WAYPOINT = "waypoint"
    EXTERNAL = "external"
    UNKNOWN = "unknown"
    FOLD = "fold"


class GraphNode(Struct, frozen=True, kw_only=True):
    """One box. `id` is stable from refresh to refresh; `group` is the innermost frame around it, None outside all.

    `members` counts the workloads it represents. `inbound`, `outbound` and `internal` are sums of its edges (internal:
    between members of one collapsed node). `health` is the verdict on all traffic that it receives or that stays
    inside it; None where there is none, as with a node that only calls.
    `expandable` tells whether a finer level exists. `clusters` are all that it is in (`cluster` where that is one).
    """

    id: str
    label: str
    kind: NodeKind
    group: str | None = None
    cluster: str = ""
    namespace: str = ""
    tenant: str = ""
    members: int = 1
    expandable: bool = False
    inbound: Sums = Sums()
    outbound: Sums = Sums()
    internal: Sums = Sums()
    health: Health | None = None
    clusters: tuple[str, ...] = ()


class GraphEdge(Struct, frozen=True, kw_only=True):
    """All traffic from one node to another, added up; `protocols` keeps the split, sorted by protocol.

    `members` counts the observed edges in it. `disagreement` is the largest of its members' (0…1).
    """

    source: str
    target: str
    sums: Sums
    protocols: tuple[tuple[str, Sums], ...] = ()
    health: Health = Health()
    codes: tuple[tuple[str, float], ...] = ()
    flags: tuple[tuple[str, float], ...] = ()
    cross_cluster: bool = False
    hops: tuple[str, ...] = ()
    disagreement: float | None = None
    members: int = 1

    @property
    def id(self) -> str:
        """The identity: its two ends (node ids hold no space)."""
        return f"{self.source} {self.target}"

    @property
    def mtls_ratio(self) -> float | None:
        """Share of its traffic seen as mutual TLS (0…1); None when unseen."""
        return self.sums.mtls_ratio


class GraphGroup(Struct, frozen=True, kw_only=True):
    """A frame around nodes; `parent` is the frame around it."""

    id: str
    label: str
    kind: NodeKind
    parent: str | None = None


class ServiceGraph(Struct, frozen=True, kw_only=True):
    """Nodes, edges and groups, each sorted by identity, so that equal traffic gives an equal graph."""

    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[GraphEdge, ...] = ()
    groups: tuple[GraphGroup, ...] = ()

    def node(self, node_id: str) -> GraphNode | None:
        """The node of that id, None when there is none."""
        return next((n for n in self.nodes if n.id == node_id), None)

    def edge(self, source: str, target: str) -> GraphEdge | None:
        """The edge between two nodes, None when there is none."""
        return next((e for e in self.edges if e.source == source and e.target == target), None)
