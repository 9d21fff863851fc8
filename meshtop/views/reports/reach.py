"""The report `access who` and `access reach`: who may call a workload, and what it may call, by all policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from meshtop.analysis.authorization.decision import AccessVerdict, Permission, alternatives
from meshtop.analysis.authorization.observed import POLICY_KINDS, joins_of
from meshtop.analysis.authorization.way import Joins
from meshtop.analysis.security.mtls.parties import Party
from meshtop.model.evidence import Unknown
from meshtop.model.traffic import Edge
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.document import rfc3339
from meshtop.views.frame.table import Column, Table
from meshtop.views.frame.unknowns import Needs, unknowns_of
from meshtop.views.kinds.edges import POLICY_CELLS, POLICY_ORDER
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import mesh_of, moment_of, observed_access

REACH_NEEDS = Needs((*POLICY_KINDS, "Pod", "Service", "ConfigMap"), traffic=True)


class ReachEnd(Struct, frozen=True, rename="camel"):
    """One end of a possible call; without a workload it is anybody outside of the mesh, in plaintext."""

    cluster: str
    namespace: str
    workload: str


OUTSIDE = ReachEnd("", "", "")


class ReachItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A pair of workloads, and what policies say of calls between them; null where that is not known.

    `requests_per_second` is what was seen, null where nothing was.
    """

    source: ReachEnd
    destination: ReachEnd
    policy: Permission | None
    policy_why: str
    requests_per_second: float | None

    @property
    def seen(self) -> bool:
        """Whether calls between them were seen."""
        return self.requests_per_second is not None


class ReachDocument(Struct, frozen=True, rename="camel", kw_only=True):
    """The document of `-o json`; `question` is who or reach, `of` the workload or Service that was asked about."""

    api_version: str = "meshtop/v1"
    kind: str = "AccessList"
    generated_at: str
    window: str
    question: str
    of: str
    unknowns: tuple[Unknown, ...]
    items: tuple[ReachItem, ...]


def parties_named(picture: Picture, namespace: str, name: str) -> list[Party]:
    """The workloads and machines of that name in all clusters, else those behind a Service of that name."""
    parties = mesh_of(picture).parties
    named = [party for party in parties if (party.namespace, party.name) == (namespace, name)]
    return named or [party for party in parties if party.namespace == namespace and name in party.services]


def who_may_call(picture: Picture, targets: Iterable[Party]) -> tuple[ReachItem, ...]:
    """For each of these workloads: every other workload of its mesh, and anybody outside, as a caller."""
    calls = _seen_calls(picture)
    found = []
    for target in targets:
        found.append(_item(picture, None, target, calls))
        found += [_item(picture, caller, target, calls) for caller in _others(picture, target)]
    return _ordered(found)


def reach_of(picture: Picture, callers: Iterable[Party]) -> tuple[ReachItem, ...]:
    """For each of these workloads: every other workload of its mesh, as what it calls."""
    calls = _seen_calls(picture)
    return _ordered(_item(picture, caller, target, calls) for caller in callers for target in _others(picture, caller))


def _others(picture: Picture, one: Party) -> Iterable[Party]:
    """The other workloads of a mesh; waypoints are a part of the way, and no end of it."""
    peers = {one.cluster, *picture.meshes.peers(one.cluster)}
    for party in mesh_of(picture).parties:
        workload = picture.workload(*party.id)
        if party.cluster in peers and party.id != one.id and joins_of(party, workload) is not Joins.WAYPOINT:
            yield party


Pair = tuple[tuple[str, str, str], tuple[str, str, str]]


def _seen_calls(picture: Picture) -> dict[Pair, list[Edge]]:
    """The edges from workload to workload."""
    found: dict[Pair, list[Edge]] = {}
    for edge in picture.edges:
        source, target = edge.source, edge.destination
        pair = (
            (source.cluster, source.namespace, source.workload),
            (target.cluster, target.namespace, target.workload),
        )
        found.setdefault(pair, []).append(edge)
    return found


def _rate(edges: Sequence[Edge]) -> float | None:
    """What was seen a second; connections stand for TCP."""
    sums = [edge.sums for edge in edges]
    known = [one.requests if one.requests is not None else one.connections for one in sums]
    rates = [rate for rate in known if rate is not None]
    return sum(rates, 0.0) if rates else None


def _item(picture: Picture, caller: Party | None, target: Party, calls: dict[Pair, list[Edge]]) -> ReachItem:
    seen = () if caller is None else calls.get((caller.id, target.id), ())
    access = observed_access(picture)
    # Calls that were seen tell how they came, which is more than what both sides declare.
    told = [verdict for verdict in map(access.edge, seen) if isinstance(verdict, AccessVerdict)]
    verdict = alternatives(told, "which of its calls it is") if told else access.between(caller, target)
    return ReachItem(
        source=OUTSIDE if caller is None else ReachEnd(*caller.id),
        destination=ReachEnd(*target.id),
        policy=verdict.permission if isinstance(verdict, AccessVerdict) else None,
        policy_why=verdict.why if isinstance(verdict, AccessVerdict) else str(verdict),
        requests_per_second=_rate(seen),
    )


def _ordered(items: Iterable[ReachItem]) -> tuple[ReachItem, ...]:
    """Those that are denied though seen first, then what is allowed, the most seen first."""

    def order(item: ReachItem) -> tuple[object, ...]:
        ends = (item.source, item.destination)
        names = tuple((end.namespace, end.workload, end.cluster) for end in ends)
        loud = item.seen and item.policy is Permission.DENIED
        return (not loud, -POLICY_ORDER[item.policy], -(item.requests_per_second or 0.0), names)

    return tuple(sorted(items, key=order))


def reach_document(
    picture: Picture, question: str, of: str, items: tuple[ReachItem, ...], window: str
) -> ReachDocument:
    """The document of an answer."""
    return ReachDocument(
        generated_at=rfc3339(moment_of(picture)),
        window=window,
        question=question,
        of=of,
        unknowns=reach_unknowns(picture),
        items=items,
    )


def reach_unknowns(picture: Picture) -> tuple[Unknown, ...]:
    """What was not read, so that workloads or policies may be missing."""
    return unknowns_of(picture.snapshot, REACH_NEEDS)


def reach_sentence(question: str, of: str, items: Sequence[ReachItem]) -> str:
    """How many may, in one sentence."""
    counts = {permission: sum(item.policy is permission for item in items) for permission in (*Permission, None)}
    parts = [f"{counts[Permission.ALLOWED]} allowed", f"{counts[Permission.DENIED]} denied"]
    if counts[Permission.DEPENDS]:
        parts.append(f"{counts[Permission.DEPENDS]} depend on what a call has")
    if counts[None]:
        parts.append(f"{counts[None]} not known")
    seen = sum(item.seen for item in items)
    asked = f"Callers of {of}" if question == "who" else f"What {of} may call"
    return f"{asked}: {', '.join(parts)}; {seen} {'was' if seen == 1 else 'were'} seen."


def _end(end: ReachEnd) -> str:
    return f"{end.namespace}/{end.workload}" if end.workload else "(outside of the mesh)"


c = Columns(ReachItem)
COLUMNS: tuple[Column[ReachItem], ...] = (
    c.custom(name="policy", title="POLICY", help_="allowed, denied or depends.", value=lambda i: i.policy,
             cell=lambda i: POLICY_CELLS[i.policy], priority=0, min_width=9),
    c.text("sourceCluster", "CLUSTER", "The caller's cluster.", "source.cluster", priority=2, max_width=32),
    c.text("source", "FROM", "The caller.", lambda i: _end(i.source), priority=0, max_width=60),
    c.text("destinationCluster", "CLUSTER", "The called cluster.", "destination.cluster", priority=2, max_width=32),
    c.text("destination", "TO", "What is called.", lambda i: _end(i.destination), priority=0, max_width=60),
    c.rate("requestsPerSecond", "SEEN/S", "Requests or connections per second that were seen; a dash where none.",
           "requests_per_second", priority=1),
    c.text("policyWhy", "WHY", "The policy and rule, or what it depends on.", "policy_why", priority=1, max_width=120),
)  # fmt: skip


def reach_table(items: Sequence[ReachItem]) -> Table[ReachItem]:
    """The pairs as a table."""
    return Table(COLUMNS, items, lambda i: f"{i.source.cluster}/{_end(i.source)}->{_end(i.destination)}")
