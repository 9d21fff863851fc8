"""Folding: what is healthy becomes a count in its frame (`+ 14 healthy`), or its frame one node, until it is opened.

`plan_folds` says what goes where, `fold_graph` draws a graph together by it. No traffic is lost: sums are added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from meshtop.analysis.graph.select import restrict
from meshtop.analysis.graph.service_graph import GraphEdge, GraphGroup, GraphNode, NodeKind, ServiceGraph
from meshtop.analysis.traffic.figures import add_all
from meshtop.analysis.traffic.health import worst
from meshtop.model.state import Health, HealthStatus
from meshtop.model.traffic import Sums

_ILL = (HealthStatus.FAILING, HealthStatus.DEGRADED)
_HEALTHY, _UNKNOWN = "healthy", "unknown"
_KIND = NodeKind.FOLD.value


class FoldPlan:
    """Which nodes are folded, and into what: a fold (`fold/healthy/namespace/east/shop`) or the node of their frame.

    What one round folded, a later one may fold further.
    """

    def __init__(self, *rounds: Mapping[str, str]) -> None:
        self.rounds = tuple(dict(one) for one in rounds if one)

    def of(self, node: str) -> str:
        """The node that stands for a node: its fold, or itself."""
        for into in self.rounds:
            node = into.get(node, node)
        return node

    def and_then(self, other: FoldPlan) -> FoldPlan:
        """This plan, and another for what it leaves."""
        return FoldPlan(*self.rounds, *other.rounds)

    def members(self, fold: str) -> list[str]:
        """What the last folding put into a fold: ids of nodes, or of frames that had become nodes."""
        return sorted({node for into in self.rounds for node, end in into.items() if end == fold})

    @property
    def folds(self) -> frozenset[str]:
        """The ids of the nodes that stand for others."""
        return frozenset(self.of(fold) for into in self.rounds for fold in into.values())


def folds_of(group: str | None) -> tuple[str, ...]:
    """The ids that the folds inside a frame (None: outside all) have."""
    return tuple("/".join(filter(None, (_KIND, word, group))) for word in (_HEALTHY, _UNKNOWN))


def is_fold(node_id: str) -> bool:
    """Whether an id is that of a fold inside a frame."""
    return node_id.startswith(f"{_KIND}/")


def ill_nodes(graph: ServiceGraph) -> set[str]:
    """The nodes that are degraded or failing, and both ends of such edges."""
    ill = {n.id for n in graph.nodes if n.health is not None and n.health.status in _ILL}
    return ill | {end for e in graph.edges if e.health.status in _ILL for end in (e.source, e.target)}


def plan_folds(
    graph: ServiceGraph,
    keep: Collection[str],
    opened: Collection[str] = (),
    leave: Collection[NodeKind] = (),
) -> FoldPlan:
    """Fold every node that is not in `keep`: a frame of such nodes alone becomes one node, others a fold of its frame.

    `opened` are ids of folds and frames that stay open; nodes of the kinds in `leave` stay as they are. One node alone
    is never a fold, nor is a fold folded again.
    """
    around = {g.parent for g in graph.groups}
    members: dict[str | None, list[GraphNode]] = {}
    for node in graph.nodes:
        members.setdefault(node.group, []).append(node)
    into: dict[str, str] = {}
    for group, nodes in members.items():
        if group in opened:
            continue
        folds = folds_of(group)
        calm = [n for n in nodes if n.id not in keep and n.kind is not NodeKind.FOLD and n.kind not in leave]
        alone = group not in around and len(calm) == len(nodes)
        if group is not None and alone and not any(fold in opened for fold in folds):
            into.update((n.id, group) for n in nodes)
            continue
        for fold, sort in zip(folds, _by_knowledge(calm), strict=True):
            if len(sort) > 1 and fold not in opened:
                into.update(dict.fromkeys(sort, fold))
    return FoldPlan(into)


def _by_knowledge(nodes: Iterable[GraphNode]) -> tuple[list[str], list[str]]:
    """The ids of nodes that are well, and of those of which nothing is known."""
    well: list[str] = []
    lost: list[str] = []
    for node in nodes:
        unknown = node.health is not None and node.health.status is HealthStatus.UNKNOWN
        (lost if unknown else well).append(node.id)
    return well, lost


def fold_graph(graph: ServiceGraph, plan: FoldPlan) -> ServiceGraph:
    """The graph with the plan's nodes drawn together: their traffic is added up, that among them is internal."""
    for into in plan.rounds:
        graph = _folded(graph, into)
    return graph


def _folded(graph: ServiceGraph, folds: Mapping[str, str]) -> ServiceGraph:
    groups = {g.id: g for g in graph.groups}
    gone: dict[str, list[GraphNode]] = {}
    nodes: list[GraphNode] = []
    for node in graph.nodes:
        fold = folds.get(node.id)
        if fold is None:
            nodes.append(node)
        else:
            gone.setdefault(fold, []).append(node)
    between: dict[tuple[str, str], list[GraphEdge]] = {}
    inside: dict[str, list[Sums]] = {}
    into: dict[str, list[Sums]] = {}
    out: dict[str, list[Sums]] = {}
    edges: list[GraphEdge] = []
    for edge in graph.edges:
        source, target = folds.get(edge.source, edge.source), folds.get(edge.target, edge.target)
        if source == target and source in gone:
            inside.setdefault(source, []).append(edge.sums)
            continue
        if source in gone:
            out.setdefault(source, []).append(edge.sums)
        if target in gone:
            into.setdefault(target, []).append(edge.sums)
        if source in gone or target in gone:
            between.setdefault((source, target), []).append(edge)
        else:
            edges.append(edge)
    for fold, members in gone.items():
        health = [n.health for n in members if n.health is not None]
        made = _made(fold, members, groups, worst(health) if health else None)
        internal = [*(n.internal for n in members if n.internal != Sums()), *inside.get(fold, ())]
        inbound, outbound = add_all(into.get(fold, ())), add_all(out.get(fold, ()))
        nodes.append(replace(made, inbound=inbound, outbound=outbound, internal=add_all(internal)))
    edges += [_joined(source, target, parts) for (source, target), parts in between.items()]
    return restrict(
        ServiceGraph(
            nodes=tuple(sorted(nodes, key=lambda n: n.id)),
            edges=tuple(sorted(edges, key=lambda e: (e.source, e.target))),
            groups=graph.groups,
        ),
        {n.id for n in nodes},
    )


def _made(fold: str, members: list[GraphNode], groups: Mapping[str, GraphGroup], health: Health | None) -> GraphNode:
    """The node that stands for some: the node of their frame, or a fold inside it."""
    frame = groups.get(fold)
    clusters = tuple(sorted({name for n in members for name in n.clusters}))
    return GraphNode(
        id=fold,
        label=frame.label if frame is not None else _label(fold, members),
        kind=frame.kind if frame is not None else NodeKind.FOLD,
        group=frame.parent if frame is not None else _frame_of(fold),
        cluster=clusters[0] if len(clusters) == 1 else "",
        namespace=_only(n.namespace for n in members),
        tenant=_only(n.tenant for n in members),
        members=sum(n.members for n in members),
        expandable=True,
        health=health,
        clusters=clusters,
    )


def _label(fold: str, members: list[GraphNode]) -> str:
    word = fold.split("/", 2)[1]
    if word == _HEALTHY and all(n.kind is NodeKind.EXTERNAL for n in members):
        word = "external"
    elif word == _HEALTHY and all(n.health is not None and n.health.status is HealthStatus.IDLE for n in members):
        word = "idle"
    return f"+ {len(members)} {word}"


def _frame_of(fold: str) -> str | None:
    parts = fold.split("/", 2)
    return parts[2] if len(parts) > 2 else None


def _only(names: Iterable[str]) -> str:
    unique = set(names)
    return unique.pop() if len(unique) == 1 else ""


def _joined(source: str, target: str, parts: list[GraphEdge]) -> GraphEdge:
    if len(parts) == 1:
        return replace(parts[0], source=source, target=target)
    protocols: dict[str, list[Sums]] = {}
    codes: dict[str, float] = {}
    flags: dict[str, float] = {}
    for edge in parts:
        for name, sums in edge.protocols:
            protocols.setdefault(name, []).append(sums)
        for of, more in ((codes, edge.codes), (flags, edge.flags)):
            for name, value in more:
                of[name] = of.get(name, 0.0) + value
    return GraphEdge(
        source=source,
        target=target,
        sums=add_all([e.sums for e in parts]),
        protocols=tuple((name, add_all(those)) for name, those in sorted(protocols.items())),
        health=worst([e.health for e in parts]),
        codes=tuple(sorted(codes.items())),
        flags=tuple(sorted(flags.items())),
        cross_cluster=any(e.cross_cluster for e in parts),
        hops=tuple(dict.fromkeys(hop for e in parts for hop in e.hops)),
        disagreement=max((e.disagreement for e in parts if e.disagreement is not None), default=None),
        members=sum(e.members for e in parts),
    )
