"""What needs attention now: the worst on top, each with a sentence and the item to open."""

from __future__ import annotations

from msgspec import Struct, structs

from meshtop.analysis.fleet.drift.compare import Drift
from meshtop.analysis.traffic.health import workload_health
from meshtop.model.mesh import Workload
from meshtop.model.numbers import age
from meshtop.model.snapshot import ClusterSnapshot
from meshtop.model.state import HealthStatus, Severity, SourceStatus, State
from meshtop.model.text import clean
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.findings import FindingItem
from meshtop.views.picture.fleet import drift_lately, stands_in
from meshtop.views.picture.memory import Key
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query

SIGNS = {Tone.FAILING: "✗", Tone.DEGRADED: "▲", Tone.UNKNOWN: "?", Tone.DIM: "~"}
EVERYTHING = Query()
_ORDER = (Tone.FAILING, Tone.DEGRADED, Tone.UNKNOWN, Tone.DIM)


class Attention(Struct, frozen=True, kw_only=True):
    """One thing that needs attention: its severity, the sentence, and the kind and key that `enter` opens."""

    tone: Tone
    message: str
    kind: str
    key: str
    weight: float = 0.0
    cluster: str = ""
    namespace: str = ""

    @property
    def sign(self) -> str:
        """The sign of its severity, for use without colour."""
        return SIGNS[self.tone]


_ATTENTION: Key[tuple[Attention, ...]] = Key("attention")


def attention(picture: Picture, query: Query = EVERYTHING) -> tuple[Attention, ...]:
    """Everything in the scope that needs attention, the worst first; an empty answer means nothing does."""
    query = _scope(query)
    return picture.cached(_ATTENTION.at(query), lambda: _attention(picture, query))


def _attention(picture: Picture, query: Query) -> tuple[Attention, ...]:
    query = picture.resolved(query)
    found: list[Attention] = []
    for cluster in picture.snapshot.clusters:
        if not query.clusters or cluster.name in query.clusters:
            found.extend(_of_cluster(picture, cluster))
    found.extend(_of_workload(picture, workload) for workload in picture.workloads if _in(query, picture, workload))
    found.extend(_of_machines(picture, query))
    found.extend(_of_findings(picture, query))
    found.extend(_of_tenants(picture, query))
    found.extend(_of_canaries(picture, query))
    found.extend(_of_drift(picture, query))
    wanted = [one for one in found if one.message]
    return tuple(sorted(wanted, key=lambda a: (_ORDER.index(a.tone), -a.weight, a.message)))


def _in(query: Query, picture: Picture, workload: Workload) -> bool:
    cluster, namespace = workload.cluster, workload.namespace
    return query.holds((Place(cluster=cluster, namespace=namespace, tenants=picture.tenants(cluster, namespace)),))


_NOTHING = Attention(tone=Tone.DIM, message="", kind="", key="")


def _of_cluster(picture: Picture, cluster: ClusterSnapshot) -> list[Attention]:
    now = picture.snapshot.at
    found = [
        _of_source(cluster, cluster.kubernetes, "The Kubernetes API", now),
        _of_source(cluster, cluster.prometheus, "Prometheus", now),
    ]
    if cluster.inventory is not None:
        missing = [n.meta.name for n in cluster.inventory.nodes if not n.ready]
        if missing:
            found.append(
                Attention(
                    tone=Tone.DEGRADED,
                    message=f"{cluster.name}: {_several(missing, 'node')} not ready.",
                    kind="clusters",
                    key=cluster.name,
                    cluster=cluster.name,
                    weight=1e6,
                )
            )
    return found


def _of_source(cluster: ClusterSnapshot, status: SourceStatus, what: str, now: float) -> Attention:
    if status.state is State.FRESH or (status.state is State.NONE and status.error is None):
        return _NOTHING
    lost = status.state in (State.UNREACHABLE, State.DENIED)
    message = clean(status.error or f"{what} is {status.state}.")
    if cluster.name not in message:
        message = f"{cluster.name}: {message}"
    seconds = status.age_seconds(now)
    if lost and seconds is not None:
        message = f"{message.rstrip('.')} (last answer {age(seconds)} ago)."
    tone = Tone.UNKNOWN
    if status.state is State.PARTIAL:
        tone = Tone.DIM
    elif lost and what != "Prometheus":
        tone = Tone.FAILING
    return Attention(tone=tone, message=message, kind="clusters", key=cluster.name, cluster=cluster.name, weight=1e9)


def _of_workload(picture: Picture, workload: Workload) -> Attention:
    """Attention to a workload for its own health (inbound traffic and pods), not for failures of services it calls."""
    where = (workload.cluster, workload.namespace, workload.name)
    edges = picture.edges_to(where)
    verdict = workload_health(
        workload.readiness, edges, (), picture.thresholds, picture.telemetry_states, workload.cluster
    )
    if verdict.status not in (HealthStatus.FAILING, HealthStatus.DEGRADED):
        return _NOTHING
    errors = sum(edge.sums.errors or 0.0 for edge in edges)
    return Attention(
        tone=Tone.FAILING if verdict.status is HealthStatus.FAILING else Tone.DEGRADED,
        message=f"{clean(f'{workload.namespace}/{workload.name}')} in {workload.cluster}: {clean(verdict.reasons[0])}",
        kind="workloads",
        key="/".join(where),
        cluster=workload.cluster,
        namespace=workload.namespace,
        weight=errors,
    )


def _of_machines(picture: Picture, query: Query) -> list[Attention]:
    found = []
    for machine in picture.machines:
        cluster, namespace = machine.cluster, machine.namespace
        if not query.holds((Place(cluster=cluster, namespace=namespace, tenants=picture.tenants(cluster, namespace)),)):
            continue
        gone = machine.disconnected_at is not None and machine.disconnected_at > (machine.connected_at or 0.0)
        if machine.healthy is not False and not gone:
            continue
        why = machine.health_message or ("its probe fails" if machine.healthy is False else "it has disconnected")
        found.append(
            Attention(
                tone=Tone.DEGRADED,
                message=f"VM {clean(machine.namespace)}/{clean(machine.name)} in {machine.cluster}: {clean(why)}.",
                kind="virtualmachines",
                key="/".join((machine.cluster, machine.namespace, machine.name)),
                cluster=machine.cluster,
                namespace=machine.namespace,
            )
        )
    return found


def _of_findings(picture: Picture, query: Query) -> list[Attention]:
    """Findings on mutual TLS, trust and certificates: of each code the worst, and how many more there are."""
    of_kind = view("findings")
    codes: dict[str, list[FindingItem]] = {}
    for item in of_kind.items(picture, _scope(query)):
        # Of machines `_of_machines` speaks, and leads to the machine itself.
        if item.severity is not Severity.INFO and not item.code.startswith("VM-"):
            codes.setdefault(item.code, []).append(item)
    return [
        Attention(
            tone=Tone.FAILING if items[0].severity is Severity.ERROR else Tone.DEGRADED,
            message=clean(items[0].message) + (f" And {len(items) - 1} more like it." if len(items) > 1 else ""),
            kind="findings",
            key=of_kind.key(items[0]),
            cluster=items[0].cluster,
            namespace=items[0].namespace,
            weight=items[0].requests_per_second,
        )
        for items in codes.values()
    ]


def _scope(query: Query) -> Query:
    return structs.replace(query, names=(), filter="", sort="")


def _of_tenants(picture: Picture, query: Query) -> list[Attention]:
    """Forbidden traffic between tenants, and conflicting ownership."""
    of_kind = view("tenants")
    return [
        Attention(
            tone=Tone.FAILING if finding.severity is Severity.ERROR else Tone.DEGRADED,
            message=clean(finding.message),
            kind="tenants",
            key=of_kind.key(item),
        )
        for item in of_kind.items(picture, _scope(query))
        for finding in item.findings
        if finding.severity is not Severity.INFO
    ]


def _several(names: list[str], what: str) -> str:
    shown = ", ".join(map(clean, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{what} {shown} is" if len(names) == 1 else f"{what}s {shown} are"


def _of_canaries(picture: Picture, query: Query) -> list[Attention]:
    """The worst finding of each weighted route, except those of severity info."""
    of_kind = view("canaries")
    tones = {Severity.ERROR: Tone.FAILING, Severity.WARNING: Tone.DEGRADED}
    found = []
    for row in of_kind.all_items(picture):
        place = Place(cluster=row.cluster, namespace=row.namespace, tenants=picture.tenants(row.cluster, row.namespace))
        worst = min(
            (f for f in row.findings if f.severity in tones), key=lambda f: list(tones).index(f.severity), default=None
        )
        if worst is None or not query.holds((place,)):
            continue
        found.append(
            Attention(
                tone=tones[worst.severity],
                message=f"{clean(row.namespace)}/{clean(row.name)} in {row.cluster}: {clean(worst.message)}",
                kind="canaries",
                key=of_kind.key(row),
                cluster=row.cluster,
                namespace=row.namespace,
                weight=row.honesty.requests or 0.0,
            )
        )
    return found


def _of_drift(picture: Picture, query: Query) -> list[Attention]:
    """Drift between clusters, in one line; empty until every cluster has answered once."""
    if not picture.snapshot.settled:
        return []
    drifted = [found for found in drift_lately(picture) if query.holds(tuple(_places(picture, found)))]
    if not drifted:
        return []
    names = [f"{found.kind} {'/'.join(filter(None, (found.namespace, found.name)))}" for found in drifted]
    shown = ", ".join(map(clean, names[:2])) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    differ = "1 object differs" if len(names) == 1 else f"{len(names)} objects differ"
    first = drifted[0]
    return [
        Attention(
            tone=Tone.DEGRADED,
            message=f"{differ} between clusters that should be alike: {shown}.",
            kind="drift",
            key="/".join((first.kind, first.namespace, first.name)),
            namespace=first.namespace,
        )
    ]


def _places(picture: Picture, found: Drift) -> list[Place]:
    where = stands_in(found.kind, found.namespace, found.name)
    return [Place(cluster=name, namespace=where, tenants=picture.tenants(name, where)) for name in found.clusters]
