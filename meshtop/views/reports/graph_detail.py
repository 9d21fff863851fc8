"""The panel beside the graph: the detail of the selected node or edge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from meshtop.analysis.graph.lookup import GraphLookup
from meshtop.analysis.graph.service_graph import GraphEdge, GraphNode, NodeKind
from meshtop.analysis.traffic.figures import add_all
from meshtop.analysis.visibility.shaping import ApplicableConfig, ConfigTarget, applicable_config
from meshtop.model.constants import CLUSTER_DOMAIN, CONTRADICTED_FROM
from meshtop.model.numbers import latency, percent, quantity
from meshtop.model.text import clean
from meshtop.model.traffic import Edge, Peer, Sums, Target
from meshtop.sources.prometheus.promql import Matcher, one_of
from meshtop.views.frame.charts import (
    ARRIVED,
    DESTINATION_SIDE,
    MOST_LINES,
    SOURCE_SIDE,
    Chart,
    RequestsLine,
    bytes_chart,
    charts_of_lines,
    equals,
    lines_of_versions,
    to_services,
    versions_called,
)
from meshtop.views.frame.columns import error_tone, mtls_tone
from meshtop.views.frame.facts import Detail, Fact, Section, fact, verdict
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.edges import EdgeItem, answers, volume
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import Sight, edges_between
from meshtop.views.reports.graph_words import edge_name, protocol_of

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

Members = Sequence[tuple[Edge, EdgeItem]]

_MOST_NAMES = 40
"""Above this number of workloads, a chart's query names their namespaces instead."""
_MOST_LISTED = 8


def edge_panel(picture: Picture, query: Query, sight: Sight, lookup: GraphLookup, edge: GraphEdge) -> Detail:
    """The detail of one edge of the graph."""
    found = edges_between(picture, query, sight, source=edge.source, target=edge.target)
    return Detail(
        kind="edges",
        key=edge.id,
        title=edge_name(lookup, edge),
        health=edge.health,
        sections=(
            Section("Health", (*verdict(edge.health), *_golden(picture, edge.sums, protocol_of(edge)))),
            Section("Answers", _answers(picture, found)),
            Section("Reporters", _reporters(found, edge.disagreement)),
            Section("Versions", _versions(picture, found)),
            Section("Path", _path(found, edge)),
            Section("Tenants", _tenants(found)),
            Section("Shaped by", shaped_by(picture, (e.destination for e, _ in found))),
        ),
        related=(),
        charts=_charts(picture, found, _calling_side(found)),
    )


def node_panel(picture: Picture, query: Query, sight: Sight, node: GraphNode) -> Detail:
    """The detail of one node of the graph; of its own calls where it receives none."""
    into = edges_between(picture, query, sight, target=node.id)
    out = edges_between(picture, query, sight, source=node.id)
    ends: list[Peer | Target] = [*(e.destination for e, _ in into), *(e.source for e, _ in out)]
    health = verdict(node.health) if node.health is not None else (fact("health", "only calls; nothing to judge"),)
    return Detail(
        kind="graph",
        key=node.id,
        title=clean(node.label),
        health=node.health,
        sections=(
            Section("Health", health),
            Section("About", (*_facts(node, ends), *_folded_names(sight, node))),
            Section("Inbound", _golden(picture, node.inbound) if into else ()),
            Section("Internal", _golden(picture, node.internal) if node.internal.requests is not None else ()),
            Section("Outbound", _golden(picture, node.outbound) if out else ()),
            Section("Answers", _answers(picture, into) if into else ()),
            Section("Reporters", _reporters(into, None) if into else ()),
            Section("Versions", _versions(picture, into)),
            Section("Shaped by", shaped_by(picture, ends) if node.kind not in _GROUPS else ()),
        ),
        related=(),
        charts=_charts(picture, into, reporting_side(into)) if into else _charts(picture, out, SOURCE_SIDE),
    )


def edge_marks(
    picture: Picture, query: Query, sight: Sight, edge: GraphEdge, start: float, end: float
) -> tuple[float, ...]:
    """Where changes of what an edge leads to stand on its charts, from 0 (`start`) to 1 (`end`, Unix seconds)."""
    found = edges_between(picture, query, sight, source=edge.source, target=edge.target)
    return _marks(picture, (e.destination for e, _ in found), start, end)


def node_marks(
    picture: Picture, query: Query, sight: Sight, node: GraphNode, start: float, end: float
) -> tuple[float, ...]:
    """The same of a node: of its own workloads."""
    into = edges_between(picture, query, sight, target=node.id)
    out = edges_between(picture, query, sight, source=node.id)
    ends: list[Peer | Target] = [*(e.destination for e, _ in into), *(e.source for e, _ in out)]
    return _marks(picture, ends, start, end)


def _marks(picture: Picture, ends: Iterable[Peer | Target], start: float, end: float) -> tuple[float, ...]:
    from meshtop.views.reports.changes.plot_marks import marks_of_workloads

    own = {(e.cluster, e.namespace, e.workload) for e in ends if e.cluster and e.namespace and e.workload}
    return marks_of_workloads(picture, own, start, end)


_GROUPS = (NodeKind.CLUSTER, NodeKind.TENANT, NodeKind.NAMESPACE)


def _golden(picture: Picture, sums: Sums, protocol: str = "") -> tuple[Fact, ...]:
    """The golden signals as facts; those that do not exist for a protocol are left out."""
    t = sums.traffic()
    facts = []
    if t.requests_per_second is not None:
        ratio = t.error_ratio
        facts.append(fact("requests", f"{quantity(t.requests_per_second)}/s"))
        facts.append(
            fact(
                "errors",
                None if ratio is None else Cell(f"{percent(ratio)} %", error_tone(ratio, picture.thresholds, protocol)),
            )
        )
        said = ((name, getattr(t.latency_ms, name)) for name in ("p50", "p95", "p99"))
        times = ", ".join(f"{name} {latency(value)}" for name, value in said if value is not None)
        facts.append(fact("latency", times or None))
    facts += volume(sums)
    if sums.sent is not None or sums.received is not None:
        facts.append(fact("bytes", f"{quantity(sums.sent)}B/s sent, {quantity(sums.received)}B/s received"))
    if sums.connections is not None:
        facts.append(fact("connections", f"{quantity(sums.connections)}/s"))
    ratio = sums.mtls_ratio
    facts.append(fact("mTLS seen", None if ratio is None else Cell(f"{percent(ratio)} %", mtls_tone(ratio))))
    return tuple(facts)


def _answers(picture: Picture, found: Members) -> tuple[Fact, ...]:
    """Codes and flags of each protocol with their meaning in words."""
    by_protocol: dict[str, tuple[dict[str, float], dict[str, float]]] = {}
    for edge, _ in found:
        codes, flags = by_protocol.setdefault(edge.protocol, ({}, {}))
        for into, more in ((codes, edge.codes), (flags, edge.flags)):
            for name, rate in more.items():
                into[name] = into.get(name, 0.0) + rate
    return tuple(
        one
        for protocol, (codes, flags) in sorted(by_protocol.items())
        if codes or flags
        for one in answers(protocol, codes, flags, picture.thresholds)
    )


def _reporters(found: Members, disagreement: float | None) -> tuple[Fact, ...]:
    """Facts about each side's count, requests and TCP connections separately."""
    counted: dict[tuple[str, str], float] = {}
    for edge, _ in found:
        unit = " connections/s" if edge.protocol == "tcp" else "/s"
        for reporter, rate in edge.reports.items():
            counted[reporter, unit] = counted.get((reporter, unit), 0.0) + rate
    facts = [fact(reporter, f"{quantity(rate)}{unit}") for (reporter, unit), rate in sorted(counted.items())]
    if disagreement is not None:
        tone = Tone.DEGRADED if disagreement >= CONTRADICTED_FROM else Tone.PLAIN
        facts.append(fact("disagreement", Cell(f"{percent(disagreement)} %", tone)))
    return tuple(facts)


def _versions(picture: Picture, found: Members) -> tuple[Fact, ...]:
    """Facts about the split of requests over versions; empty where there is only one."""
    parts: dict[str, list[Sums]] = {}
    for edge, _ in found:
        name = edge.destination.version or edge.destination.workload
        if name:
            parts.setdefault(name, []).append(edge.sums)
    sums = {name: add_all(those) for name, those in parts.items()}
    whole = sum(s.requests or 0.0 for s in sums.values())
    if len(sums) < 2 or not whole or len(sums) > _MOST_LISTED:
        return ()
    return tuple(_version(picture, name, s, whole) for name, s in sorted(sums.items()))


def _version(picture: Picture, name: str, sums: Sums, whole: float) -> Fact:
    t = sums.traffic()
    p99 = "" if t.latency_ms.p99 is None else f", p99 {latency(t.latency_ms.p99)}"
    text = f"{percent((sums.requests or 0.0) / whole)} %, {percent(t.error_ratio)} % errors{p99}"
    return fact(clean(name), Cell(text, error_tone(t.error_ratio or 0.0, picture.thresholds)))


def _path(found: Members, edge: GraphEdge) -> tuple[Fact, ...]:
    services = _unique(e.destination.service for e, _ in found)
    return (
        fact("protocol", tuple(name for name, _ in edge.protocols)),
        fact("service", _some(services)),
        fact("crosses", "from one cluster to another" if edge.cross_cluster else "no cluster's border"),
        fact("hops", edge.hops or "none"),
        fact("edges", str(edge.members)),
    )


def _tenants(found: Members) -> tuple[Fact, ...]:
    sides = (("from", [i.source_tenants for _, i in found]), ("to", [i.destination_tenants for _, i in found]))
    named = [(label, _unique(name for names in many for name in names)) for label, many in sides]
    return tuple(fact(label, _some(names)) for label, names in named) if any(names for _, names in named) else ()


def _facts(node: GraphNode, ends: Sequence[Peer | Target]) -> tuple[Fact, ...]:
    facts = [fact("kind", node.kind.value)]
    for label, value in (("cluster", node.cluster), ("namespace", node.namespace), ("tenant", node.tenant)):
        if value and value != node.label:
            facts.append(fact(label, value))
    own = _unique(e.workload for e in ends)
    if node.members > 1 or own:
        facts.append(fact("workloads", str(node.members) if len(own) > _MOST_LISTED else _some(own)))
    return tuple(facts)


def _folded_names(sight: Sight, node: GraphNode) -> tuple[Fact, ...]:
    """What a fold stands for, by name."""
    if node.kind is not NodeKind.FOLD or sight.folds is None:
        return ()
    names = sorted(unquote(name.rsplit("/", 1)[1]) for name in sight.folds.members(node.id))
    return (fact("folded", _some([clean(name) for name in names])), fact("", "enter opens them", Tone.DIM))


def shaped_by(picture: Picture, ends: Iterable[Peer | Target]) -> tuple[Fact, ...]:
    """Facts about configuration objects that apply in the called clusters, named where there are several."""
    subjects: dict[tuple[str, str], list[Peer | Target]] = {}
    for end in ends:
        if end.cluster and end.namespace:
            subjects.setdefault((end.cluster, end.namespace), []).append(end)
    inventories = {c.name: c.inventory for c in picture.snapshot.clusters if c.inventory is not None}
    rows: list[tuple[str, ApplicableConfig]] = []
    for (cluster, namespace), those in sorted(subjects.items()):
        inventory = inventories.get(cluster)
        if inventory is None:
            continue
        facts = picture.facts.get(cluster)
        root = (facts.root_namespace if facts is not None else None) or ""
        for subject in _subjects(picture, cluster, namespace, those):
            rows += [(cluster, one) for one in applicable_config(inventory, subject, root_namespace=root)]
    unique = list(dict.fromkeys(rows))
    several = len({cluster for cluster, _ in unique}) > 1
    shown = [
        fact(one.kind, f"{one.namespace}/{one.name}, {one.why}" + (f", in {cluster}" if several else ""))
        for cluster, one in unique[: 2 * _MOST_LISTED]
    ]
    if len(unique) > len(shown):
        shown.append(fact("", f"and {len(unique) - len(shown)} more", Tone.DIM))
    rootless = sorted({c for c, _ in subjects if c in picture.facts and picture.facts[c].root_namespace is None})
    if rootless:
        shown.append(fact("", f"what holds for the whole mesh is not known of {', '.join(rootless)}", Tone.UNKNOWN))
    return tuple(shown) or (fact("", "nothing but the mesh's defaults", Tone.DIM),)


def _subjects(picture: Picture, cluster: str, namespace: str, ends: Sequence[Peer | Target]) -> Iterable[ConfigTarget]:
    """One target for each requested service, with the labels of its workloads."""
    names = {end.workload for end in ends}
    labels: list[Mapping[str, str]] = [
        dict(w.labels) for w in picture.workloads_in(cluster, namespace) if w.name in names
    ]
    own = {s for w in picture.workloads_in(cluster, namespace) if w.name in names for s in w.services}
    asked = {e.service.lower() for e in ends if isinstance(e, Target) and e.service}
    services = sorted({host.split(".")[0] for host in asked if host.split(".")[1:2] == [namespace]} | own)
    facts = picture.facts.get(cluster)
    domain = facts.domain if facts is not None else CLUSTER_DOMAIN
    hosts = asked | {f"{name}.{namespace}.svc.{domain}" for name in services}
    for name in services or [""]:
        mine = tuple(sorted(h for h in hosts if not name or h.split(".")[0] == name))
        yield ConfigTarget(namespace=namespace, domain=domain, service=name, hosts=mine, workloads=tuple(labels))


def _charts(picture: Picture, found: Members, side: Matcher) -> tuple[Chart, ...]:
    """Charts of the members, from each cluster that reports them: requests, errors, latency; bytes where all is TCP."""
    clusters = reporting_clusters(found, side)
    if not clusters:
        return ()
    matchers = matchers_of_calls(found, side)
    window = picture.snapshot.window_seconds
    if all(edge.protocol == "tcp" for edge, _ in found):
        return tuple(bytes_chart(cluster, matchers, window_seconds=window) for cluster in clusters[:MOST_LINES])
    lines: Sequence[RequestsLine] = [RequestsLine(cluster, cluster, tuple(matchers)) for cluster in clusters]
    if len({edge.destination.service for edge, _ in found}) == 1:
        lines = lines_of_versions(lines, versions_called(edge for edge, _ in found))
    return charts_of_lines(lines, window_seconds=window)


def reporting_clusters(found: Members, side: Matcher) -> list[str]:
    """The clusters whose Prometheus knows calls from a side's reporters; where none is named, those of either end."""
    sources: list[Peer | Target] = [e.source for e, _ in found]
    destinations: list[Peer | Target] = [e.destination for e, _ in found]
    reporting = sources if side is SOURCE_SIDE else destinations
    return _unique(end.cluster for end in reporting) or _unique(end.cluster for end in sources + destinations)


def matchers_of_calls(found: Members, side: Matcher) -> list[Matcher]:
    """What selects the series of calls, as a side reports them."""
    sources: list[Peer | Target] = [e.source for e, _ in found]
    destinations: list[Peer | Target] = [e.destination for e, _ in found]
    matchers = [side, *_end_matchers("source", sources), *_end_matchers("destination", destinations)]
    if not all(end.workload for end in destinations):
        asked = [edge.destination.service for edge, _ in found]
        matchers += to_services(_unique(asked)) if all(asked) else ()
    return matchers


def reporting_side(into: Members) -> Matcher:
    """The reporter matcher for inbound traffic: its own proxy, or its callers where it has none."""
    itself = any(reporter != "source" for edge, _ in into for reporter in edge.reports)
    return DESTINATION_SIDE if itself else SOURCE_SIDE


def _calling_side(found: Members) -> Matcher:
    """The reporter matcher for outbound calls: the callers, or the called where no caller's proxy reports."""
    callers = not found or any(reporter not in ARRIVED for edge, _ in found for reporter in edge.reports)
    return SOURCE_SIDE if callers else DESTINATION_SIDE


def _end_matchers(side: str, ends: Sequence[Peer | Target]) -> list[Matcher]:
    wanted: tuple[tuple[str, Callable[[Peer | Target], str]], ...] = (
        (f"{side}_workload_namespace", lambda e: e.namespace),
        (f"{side}_workload", lambda e: e.workload),
    )
    matchers: list[Matcher] = []
    if not all(end.workload for end in ends):
        # Calls that reached no workload say `unknown` for its namespace too; what is known is that of the service.
        return matchers
    for label, read in wanted:
        values = [read(end) for end in ends]
        names = _unique(values)
        if not all(values) or len(names) > _MOST_NAMES:
            continue
        matchers += equals({label: names[0]}) if len(names) == 1 else [one_of(label, names)]
    return matchers


def _unique(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value})


def _some(names: Sequence[str]) -> str | None:
    if len(names) > _MOST_LISTED:
        return ", ".join(names[:_MOST_LISTED]) + f" and {len(names) - _MOST_LISTED} more"
    return ", ".join(names) or None
