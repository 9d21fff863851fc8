"""Builds the graph at a chosen level from observed edges: folding, expanding, filtering, summing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from meshtop.analysis.graph.select import edge_subgraph, paths_between
from meshtop.analysis.graph.select import focus as focus_on
from meshtop.analysis.graph.service_graph import (
    GraphEdge,
    GraphGroup,
    GraphNode,
    Level,
    NodeKind,
    ServiceGraph,
)
from meshtop.analysis.traffic.figures import add_all
from meshtop.analysis.traffic.health import worst
from meshtop.model.row_maker import RowMaker, all_or_none
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Edge, Peer, PeerKind, Sums, Target

_RANK = {
    NodeKind.CLUSTER: 0,
    NodeKind.TENANT: 1,
    NodeKind.NAMESPACE: 2,
    NodeKind.EXTERNAL: 3,
    NodeKind.SERVICE: 3,
    NodeKind.WORKLOAD: 4,
}
_LEVEL = {Level.CLUSTERS: 0, Level.TENANTS: 1, Level.NAMESPACES: 2, Level.SERVICES: 3, Level.WORKLOADS: 4}
_OUTSIDE = "external"
_GROUPINGS = (NodeKind.CLUSTER, NodeKind.TENANT, NodeKind.NAMESPACE)


class GraphOptions(Struct, frozen=True, kw_only=True):
    """What the graph shows.

    `level` is the granularity of nodes; an id in `expanded` is opened one level further, an id in `collapsed` stays one
    node whatever the level, and one in `pinned` (`focus` and `path` are) stays a node of its own at a coarser level.
    `grouping` names the frames from the outside in (cluster, tenant, namespace); without "cluster" the same service of
    several clusters is one node, unless "tenant" frames it and its tenants differ.
    `tenants` maps (cluster, namespace) to a tenant. `only_unhealthy` keeps what is degraded, failing or unknown.
    `focus` shows a node with `up` hops of callers and `down` hops of callees; `path` shows the shortest paths from one
    node to another: all of them, or, with `best_path`, the one whose weakest edge carries most requests.
    """

    level: Level = Level.SERVICES
    grouping: tuple[NodeKind, ...] = (NodeKind.CLUSTER, NodeKind.NAMESPACE)
    expanded: frozenset[str] = frozenset()
    collapsed: frozenset[str] = frozenset()
    pinned: frozenset[str] = frozenset()
    tenants: Mapping[tuple[str, str], str] = field(default_factory=dict)
    idle: bool = True
    only_unhealthy: bool = False
    keep: Callable[[Edge], bool] | None = None
    focus: str | None = None
    up: int = 1
    down: int = 1
    path: tuple[str, str] | None = None
    best_path: bool = False


class _Step(NamedTuple):
    """One step of the chain from the coarsest group to the workload."""

    id: str
    label: str
    kind: NodeKind


class _EndPlace(NamedTuple):
    """The place of an edge's end in the graph: its node, the frames around it, and its finest identity."""

    step: _Step
    frames: tuple[_Step, ...]
    finest: str


def escape_id(part: str) -> str:
    """A name escaped for use in an id: `/`, `%`, spaces and control characters are percent-encoded."""
    if part.isprintable() and "/" not in part and "%" not in part and " " not in part:
        return part
    return "".join(f"%{ord(c):02X}" if c in "/% " or not c.isprintable() else c for c in part)


def make_id(kind: NodeKind, *parts: str) -> str:
    """The stable id of a node or group, such as `service/east/shop/reviews`."""
    return "/".join((kind.value, *map(escape_id, parts)))


def _idle(edge: Edge, health: Health) -> bool:
    s = edge.sums
    return health.status == HealthStatus.IDLE or not any(
        (s.requests, s.sent, s.received, s.connections, s.messages_sent, s.messages_received)
    )


def _short(host: str, namespace: str) -> str:
    """A Kubernetes service's bare name; other hosts are kept whole."""
    name, *rest = host.split(".")
    return name if rest and (rest[0] == namespace or rest[1:2] == ["svc"]) else host


def _services_of(edges: Iterable[Edge]) -> dict[tuple[str, str, str], str]:
    """The service of each called workload; of several, the one named like its app, else the first by name."""
    seen: dict[tuple[str, str, str], set[str]] = {}
    apps: dict[tuple[str, str, str], set[str]] = {}
    for edge in edges:
        d = edge.destination
        if d.workload and d.service:
            key = (d.cluster, d.namespace, d.workload)
            seen.setdefault(key, set()).add(_short(d.service, d.namespace))
            if d.app:
                apps.setdefault(key, set()).add(d.app)
    return {k: min(names & apps.get(k, names) or names) for k, names in seen.items()}


class _Placement:
    """Finds the place of each edge end under the given options; cached by end."""

    def __init__(self, options: GraphOptions, serves: Mapping[tuple[str, str, str], str]) -> None:
        self._options = options
        self._serves = serves
        self._known: dict[Peer | Target, _EndPlace] = {}
        self._framed: dict[tuple[str, str], list[_Step]] = {}
        self._tenants = dict(options.tenants)
        # What the graph is narrowed to is still a node where everything else is shown coarser.
        self._pinned = {*options.pinned, *(options.path or ()), *((options.focus,) if options.focus else ())}

    def of(self, peer: Peer | Target) -> _EndPlace:
        place = self._known.get(peer)
        if place is None:
            place = self._known[peer] = self._find(peer)
        return place

    def tenant(self, peer: Peer | Target) -> str:
        return self._tenants.get((peer.cluster, peer.namespace), "")

    def _find(self, peer: Peer | Target) -> _EndPlace:
        chain = self._chain(peer)
        level = _LEVEL[self._options.level]
        at = len(chain) - 1
        for depth, step in enumerate(chain):
            # The first step that is told to stay one node, or is fine enough and not told to open.
            if step.id in self._options.collapsed or (
                _RANK.get(step.kind, 4) >= level and step.id not in self._options.expanded
            ):
                at = depth
                break
        at = max([at, *(depth for depth, step in enumerate(chain) if step.id in self._pinned)])
        frames = tuple(s for s in chain[:at] if s.kind != NodeKind.EXTERNAL)
        return _EndPlace(chain[at], frames, chain[-1].id)

    def _chain(self, peer: Peer | Target) -> list[_Step]:
        """Every identity of an end from the outside in; parts that telemetry does not report are left out."""
        nowhere = not peer.workload and not peer.namespace and peer.kind != PeerKind.UNKNOWN
        if peer.kind == PeerKind.EXTERNAL or nowhere:
            return self._outside(peer)
        return [*self._frames(peer), *self._leaf(peer)]

    def _outside(self, peer: Peer | Target) -> list[_Step]:
        """The chain of an end outside the mesh: one node for everything external, and below it the host."""
        host = (peer.service if isinstance(peer, Target) else "") or peer.app or peer.workload or _OUTSIDE
        step = _Step(make_id(NodeKind.EXTERNAL, host), host, NodeKind.EXTERNAL)
        if self._options.level in (Level.SERVICES, Level.WORKLOADS):
            return [step]
        return [_Step(make_id(NodeKind.EXTERNAL), _OUTSIDE, NodeKind.EXTERNAL), step]

    def _frames(self, peer: Peer | Target) -> list[_Step]:
        """The groups around an end. A group's name is part of the ids inside it, except for tenants inside a cluster: a
        namespace of one cluster has one tenant.
        """
        known = self._framed.get((peer.cluster, peer.namespace))
        if known is not None:
            return known
        names = {
            NodeKind.CLUSTER: peer.cluster,
            NodeKind.TENANT: self.tenant(peer),
            NodeKind.NAMESPACE: peer.namespace,
        }
        steps: list[_Step] = []
        scope: list[str] = []
        for kind in self._options.grouping:
            name = names[kind]
            if name:
                steps.append(_Step(make_id(kind, *scope, name), name, kind))
                clustered = any(step.kind == NodeKind.CLUSTER for step in steps)
                if kind != NodeKind.TENANT or not clustered:
                    scope.append(name)
        self._framed[peer.cluster, peer.namespace] = steps
        return steps

    def _scope(self, peer: Peer | Target) -> list[str]:
        """What distinguishes namespaces of the same name: the cluster or, where clusters are merged, the tenant.

        A namespace of one cluster has one tenant; namespaces of that name in several clusters may have several.
        """
        if NodeKind.CLUSTER in self._options.grouping:
            return [peer.cluster]
        tenant = self.tenant(peer) if NodeKind.TENANT in self._options.grouping else ""
        return [tenant] if tenant else []

    def _leaf(self, peer: Peer | Target) -> list[_Step]:
        """The service of an end, and its workload where that is known."""
        called = _short(peer.service, peer.namespace) if isinstance(peer, Target) else ""
        serves = self._serves.get((peer.cluster, peer.namespace, peer.workload), "")
        service = called or serves or peer.app or peer.workload
        where = [*self._scope(peer), peer.namespace]
        if not service or (peer.kind == PeerKind.UNKNOWN and not peer.workload):
            return [_Step(make_id(NodeKind.UNKNOWN, *where, service), service or "unknown", NodeKind.UNKNOWN)]
        ordinary = peer.kind in (PeerKind.WORKLOAD, PeerKind.SERVICE, PeerKind.UNKNOWN)
        kind = NodeKind.SERVICE if ordinary else NodeKind(peer.kind.value)
        step = _Step(make_id(NodeKind.SERVICE, *where, service), service, kind)
        if not peer.workload:
            return [step]
        label = f"{service} {peer.version}" if peer.version and peer.version not in peer.workload else peer.workload
        finest = NodeKind.WORKLOAD if ordinary else kind
        return [step, _Step(make_id(NodeKind.WORKLOAD, *where, peer.workload), label, finest)]


class _NodeTraffic:
    """Sums of a node, accumulated edge by edge."""

    def __init__(self, place: _EndPlace, cluster: str, namespace: str, tenant: str) -> None:
        self.place = place
        self.clusters, self.namespaces, self.tenants = {cluster}, {namespace}, {tenant}
        self.finest: set[str] = set()
        self.members: set[tuple[str, str, str]] = set()
        self.inbound: list[Sums] = []
        self.outbound: list[Sums] = []
        self.internal: list[Sums] = []
        self.received: list[tuple[Edge, Health]] = []


def _only(names: set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""


class _Judge:
    """Gives one verdict on several observed edges."""

    def __init__(self, together: Callable[[Sequence[Edge]], Health] | None) -> None:
        self._together = together

    def of(self, members: Sequence[tuple[Edge, Health]]) -> Health:
        if len(members) == 1:
            return members[0][1]
        if self._together is None:
            return worst([health for _, health in members])
        return self._together([edge for edge, _ in members])


def _fold(source: str, target: str, members: list[tuple[Edge, Health]], judge: _Judge) -> GraphEdge:
    protocols: dict[str, list[Sums]] = {}
    codes: dict[str, float] = {}
    flags: dict[str, float] = {}
    for edge, _ in members:
        protocols.setdefault(edge.protocol, []).append(edge.sums)
        for into, more in ((codes, edge.codes), (flags, edge.flags)):
            for name, rate in more.items():
                into[name] = into.get(name, 0.0) + rate
    split = tuple((name, add_all(parts)) for name, parts in sorted(protocols.items()))
    disagreements = [e.disagreement for e, _ in members if e.disagreement is not None]
    return GraphEdge(
        source=source,
        target=target,
        sums=split[0][1] if len(split) == 1 else add_all([s for _, s in split]),
        protocols=split,
        health=judge.of(members),
        codes=tuple(sorted(codes.items())),
        flags=tuple(sorted(flags.items())),
        cross_cluster=any(e.cross_cluster for e, _ in members),
        hops=tuple(dict.fromkeys(hop for e, _ in members for hop in e.hops)),
        disagreement=max(disagreements, default=None),
        members=len(members),
    )


def build_graph(
    edges: Sequence[Edge],
    health_of: Callable[[Edge], Health],
    options: GraphOptions | None = None,
    health_of_all: Callable[[Sequence[Edge]], Health] | None = None,
    rows: RowMaker = all_or_none,
) -> ServiceGraph:
    """Fold `edges` into the graph that `options` ask for; the order of `edges` does not matter.

    `health_of_all` gives one verdict on several observed edges (one drawn edge, or all that one node receives);
    without it the worst single verdict is taken. `rows` (kind graph) makes observed edges' places, then drawn edges and
    nodes; an edge without one of its nodes is left out with it.

    Sums are added, never ratios or quantiles. Traffic between members of one collapsed group becomes the node's
    `internal`; a service or workload that calls itself keeps a loop.
    """
    options = options or GraphOptions()
    kept = sorted(edges, key=edge_key)
    placement = _Placement(options, _services_of(kept))
    collected: dict[str, _NodeTraffic] = {}
    folded: dict[tuple[str, str], list[tuple[Edge, Health]]] = {}

    by_end: dict[Peer | Target, _NodeTraffic] = {}

    def collect(peer: Peer | Target) -> _NodeTraffic:
        known = by_end.get(peer)
        if known is not None:  # most ends have several edges, and add nothing to their node but traffic
            return known
        place = placement.of(peer)
        found = collected.get(place.step.id)
        if found is None:
            found = collected[place.step.id] = _NodeTraffic(place, peer.cluster, peer.namespace, placement.tenant(peer))
        else:
            found.clusters.add(peer.cluster)
            found.namespaces.add(peer.namespace)
            found.tenants.add(placement.tenant(peer))
        found.finest.add(place.finest)
        found.members.add((peer.cluster, peer.namespace, peer.workload or place.finest))
        by_end[peer] = found
        return found

    def place(edge: Edge) -> None:
        health = health_of(edge)
        if (options.keep is not None and not options.keep(edge)) or (not options.idle and _idle(edge, health)):
            return
        # Both ends are placed before one is collected: what has no place leaves nothing half done.
        placement.of(edge.source), placement.of(edge.destination)
        source, target = collect(edge.source), collect(edge.destination)
        target.received.append((edge, health))
        # Within a folded group traffic is its own affair; a service that calls itself is shown doing so.
        grouped = source.place.step.kind in _GROUPINGS
        if source is target and grouped:
            source.internal.append(edge.sums)
            return
        source.outbound.append(edge.sums)
        target.inbound.append(edge.sums)
        folded.setdefault((source.place.step.id, target.place.step.id), []).append((edge, health))

    rows("graph", kept, place)
    judge = _Judge(health_of_all)
    nodes = rows("graph", [collected[key] for key in sorted(collected)], lambda found: _node(found, judge))
    there = {node.id for node in nodes}
    between = [(ends, members) for ends, members in sorted(folded.items()) if there.issuperset(ends)]
    drawn = rows("graph", between, lambda one: _fold(*one[0], one[1], judge))
    frames = {step.id: (step, parent) for g in collected.values() for step, parent in _parents(g.place.frames)}
    graph = ServiceGraph(
        nodes=tuple(nodes),
        edges=tuple(drawn),
        groups=tuple(GraphGroup(id=s.id, label=s.label, kind=s.kind, parent=p) for _, (s, p) in sorted(frames.items())),
    )
    return _narrow(graph, options)


def ends_of(edges: Sequence[Edge], options: GraphOptions) -> list[tuple[str, str]]:
    """The nodes that each edge connects under these options, before filtering; in the order of `edges`."""
    placement = _Placement(options, _services_of(edges))
    return [(placement.of(edge.source).step.id, placement.of(edge.destination).step.id) for edge in edges]


def has_more_nodes(
    edges: Sequence[Edge], options: GraphOptions, most: int, among: Callable[[Edge], bool] | None = None
) -> bool:
    """Whether these edges (or `among` them some) connect more than `most` nodes, before filtering.

    Stops looking once that is known.
    """
    placement = _Placement(options, _services_of(edges))
    found: set[str] = set()
    for edge in edges:
        if among is None or among(edge):
            found.add(placement.of(edge.source).step.id)
            found.add(placement.of(edge.destination).step.id)
            if len(found) > most:
                return True
    return False


def _narrow(graph: ServiceGraph, options: GraphOptions) -> ServiceGraph:
    if options.only_unhealthy:
        bad = (HealthStatus.DEGRADED, HealthStatus.FAILING, HealthStatus.UNKNOWN)
        graph = edge_subgraph(graph, [e for e in graph.edges if e.health.status in bad])
    if options.path is not None:
        graph = paths_between(graph, *options.path, best=options.best_path)
    if options.focus is not None:
        graph = focus_on(graph, options.focus, options.up, options.down)
    return graph


def _parents(frames: tuple[_Step, ...]) -> Iterable[tuple[_Step, str | None]]:
    return zip(frames, (None, *(f.id for f in frames)), strict=False)


def _node(found: _NodeTraffic, judge: _Judge) -> GraphNode:
    step, frames = found.place.step, found.place.frames
    return GraphNode(
        id=step.id,
        label=step.label,
        kind=step.kind,
        group=frames[-1].id if frames else None,
        cluster=_only(found.clusters),
        clusters=tuple(sorted(c for c in found.clusters if c)),
        namespace=_only(found.namespaces),
        tenant=_only(found.tenants),
        members=len(found.members),
        expandable=found.finest != {step.id},
        inbound=add_all(found.inbound),
        outbound=add_all(found.outbound),
        internal=add_all(found.internal),
        health=judge.of(found.received) if found.received else None,
    )


def edge_key(edge: Edge) -> tuple[str, ...]:
    """Identity and sort key of an observed edge: its ends, then the protocol."""
    s, d = edge.source, edge.destination
    return (
        *(s.cluster, s.namespace, s.workload, s.app, s.version, s.kind.value),
        *(d.cluster, d.namespace, d.workload, d.app, d.version, d.kind.value, d.service, edge.protocol),
    )
