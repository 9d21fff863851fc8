"""A cluster opened: what it is, how well it is read and at what cost, its control planes and its namespaces."""

from __future__ import annotations

from meshtop.model.mesh import MeshFacts
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import Cost, SourceStatus
from meshtop.sources.prometheus.promql import Matcher
from meshtop.views.frame.charts import request_charts
from meshtop.views.frame.columns import STATE_SIGNS, STATE_TONES
from meshtop.views.frame.detail import Detail, Fact, Section, fact, related, verdict
from meshtop.views.frame.numbers import age, latency, percent, quantity
from meshtop.views.frame.table import Cell, Tone
from meshtop.views.kinds.clusters import ClusterItem
from meshtop.views.picture.picture import Picture


def detail(picture: Picture, item: ClusterItem, key: str) -> Detail:
    """Everything about one cluster."""
    snapshot = picture.snapshot.cluster(item.name)
    assert snapshot is not None, "an item stands for a cluster of its snapshot"
    facts = picture.facts.get(item.name)
    reporter = (Matcher("reporter", "=~", "source|waypoint"),)
    return Detail(
        kind="clusters",
        key=key,
        title=item.name,
        health=item.health,
        sections=(
            Section("What it is", _identity(item, snapshot)),
            Section("Mesh", _mesh(item, facts)),
            Section("How it is read", _reading(snapshot, picture.snapshot.at)),
        ),
        related=(
            related(
                picture,
                "namespaces",
                "Namespaces",
                lambda i: i.cluster == item.name,
                "No namespace of this cluster is known.",
            ),
        ),
        charts=request_charts(item.name, reporter, window_seconds=picture.snapshot.window_seconds),
    )


def _identity(item: ClusterItem, snapshot: ClusterSnapshot) -> tuple[Fact, ...]:
    nodes = f"{item.nodes.ready} of {item.nodes.total} ready" if item.nodes else None
    pods = f"{item.pods.ready} of {item.pods.total} ready" if item.pods else None
    return (
        *verdict(item.health),
        fact("server", item.server),
        fact("context", item.context),
        fact("Kubernetes", item.kubernetes_version),
        fact("nodes", nodes),
        fact("pods", pods),
        fact("region", item.region),
        fact("access", "read-only" if snapshot.read_only else "read, and what its roles allow"),
    )


def _mesh(item: ClusterItem, facts: MeshFacts | None) -> tuple[Fact, ...]:
    control_planes = facts.control_planes if facts else ()
    planes = [f"{p.revision} {p.version or ''} ({p.pods.ready}/{p.pods.total})" for p in control_planes]
    auto = {True: "on", False: "off", None: None}[item.auto_mtls]
    return (
        fact("mesh", item.mesh_id),
        fact("cluster id", item.cluster_id),
        fact("network", item.network),
        fact("trust domain", item.trust_domain),
        fact("root namespace", item.root_namespace),
        fact("auto mTLS", auto),
        fact("control planes", planes),
        fact("roots", tuple(r[:12] for r in item.root_certificates)),
        fact("roles", item.roles),
        fact("mTLS seen", None if item.mtls_ratio is None else f"{percent(item.mtls_ratio)} %"),
    )


def _reading(snapshot: ClusterSnapshot, now: float) -> tuple[Fact, ...]:
    facts = [
        *_source("Kubernetes", snapshot.kubernetes, snapshot.kubernetes_cost, now),
        *_source("Prometheus", snapshot.prometheus, snapshot.prometheus_cost, now),
    ]
    if snapshot.inventory is not None:
        silent = [k for k in snapshot.inventory.kinds if k.state not in ("fresh", "missing")]
        facts.extend(fact(k.kind, f"{k.state}: {k.error}" if k.error else k.state, Tone.DEGRADED) for k in silent)
    return tuple(facts)


def _source(name: str, status: SourceStatus, cost: Cost, now: float) -> list[Fact]:
    seconds = status.age_seconds(now)
    ago = "" if seconds is None else f", {age(seconds)} ago"
    facts = [Fact(name, Cell(f"{STATE_SIGNS[status.state]}{status.state}{ago}", STATE_TONES[status.state]))]
    if status.error:
        facts.append(fact("", status.error, STATE_TONES[status.state]))
    if status.remedy:
        facts.append(fact("", status.remedy, Tone.ACCENT))
    if status.endpoint:
        facts.append(fact("", status.endpoint, Tone.DIM))
    facts.extend(fact("", note, Tone.DIM) for note in status.notes)
    if cost.requests:
        spent = f"{cost.requests} requests, {quantity(float(cost.bytes))}B, {latency(cost.seconds * 1000)}"
        facts.append(fact("", spent, Tone.DIM))
    return facts
