"""What-if analysis of STRICT mutual TLS: which calls would break, which are fine, and which are not measured.

Objects are changed in memory only; nothing is written.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct, structs

from meshtop.analysis.inventory.overlay import OverlaidObject, with_objects
from meshtop.analysis.security.mtls.config import MeshMember
from meshtop.analysis.security.mtls.mesh import MeshTls, TlsVerdict
from meshtop.analysis.security.mtls.observed import PlaintextSource, WorkloadId, plaintext
from meshtop.analysis.security.mtls.outcome import TlsOutcome
from meshtop.analysis.security.mtls.posture import WorkloadPosture
from meshtop.analysis.security.mtls.server import Mode
from meshtop.analysis.security.trust import TrustPair
from meshtop.analysis.visibility.selection import match_labels
from meshtop.model.kube import ConfigObject, Inventory, Meta
from meshtop.model.mesh import MeshFacts, Proxy
from meshtop.model.row_maker import RowMaker, all_or_none
from meshtop.model.traffic import Edge

_SOME_ROOT = "the root namespace"
MESH = "mesh"


class Effect(StrEnum):
    """Effect of STRICT on a call."""

    BREAKS = "breaks"
    UNKNOWN = "unknown"
    FINE = "fine"


class Consequence(Struct, frozen=True, kw_only=True):
    """One call and the effect of STRICT on it, with the reason as a sentence."""

    edge: Edge
    effect: Effect
    why: str
    plaintext_per_second: float | None = None


class UnmeasuredWorkload(Struct, frozen=True, kw_only=True):
    """A workload whose callers are unknown: no reporter can tell, or it was not called."""

    cluster: str
    namespace: str
    workload: str
    why: str


class WhatIf(Struct, frozen=True, kw_only=True):
    """The consequences of STRICT for a namespace (or the whole mesh), the worst first.

    `earlier` are senders of plaintext of the last day who did not call in this window, with the workload they called.
    """

    scope: str
    consequences: tuple[Consequence, ...] = ()
    unmeasured: tuple[UnmeasuredWorkload, ...] = ()
    earlier: tuple[tuple[str, PlaintextSource], ...] = ()
    workloads: int = 0
    day_measured: bool = False

    def of(self, effect: Effect) -> tuple[Consequence, ...]:
        """The calls of one effect."""
        return tuple(c for c in self.consequences if c.effect is effect)


def strict_members(members: Sequence[MeshMember], scope: str) -> list[MeshMember]:
    """The clusters with a STRICT policy added for the scope and all laxer policies of the scope removed."""
    return [_strict(member, scope) for member in members]


def _strict(member: MeshMember, scope: str) -> MeshMember:
    inventory = member.inventory
    if inventory is None:
        return member
    facts = member.facts or MeshFacts()
    root = facts.root_namespace or ""
    # Where the root namespace is not known, nothing is laid over the mesh: what that policy meets there is not known.
    home = root or _SOME_ROOT if scope == MESH else scope
    held = inventory.config.get("PeerAuthentication", ())
    kept = [(p, _obeying(p, root, scope)) for p in held]
    gone = [OverlaidObject(p.kind, *p.meta.key) for p, left in kept if left is None]
    new = ConfigObject(
        group="security.istio.io",
        version="v1",
        kind="PeerAuthentication",
        # The oldest of its level wins.
        meta=Meta(name="default", namespace=home, created=-1.0),
        spec={"mtls": {"mode": Mode.STRICT.value}},
    )
    changed = (*(left for p, left in kept if left is not None and left is not p), new)
    applied = Inventory(config={"PeerAuthentication": changed})
    return structs.replace(member, inventory=with_objects(inventory, applied, gone))


def _obeying(policy: ConfigObject, root: str, scope: str) -> ConfigObject | None:
    """A policy of the scope without the modes that are laxer than STRICT; None where nothing is left of it."""
    concerned = scope == MESH or policy.meta.namespace == scope
    if not concerned or (policy.meta.namespace == root and match_labels(policy.spec)):
        return policy
    if not match_labels(policy.spec):
        return None
    spec = {k: v for k, v in policy.spec.items() if k not in ("mtls", "portLevelMtls")}
    return structs.replace(policy, spec=spec)


_DEFECT = "A defect of meshtop: what this call would do could not be told. The log has it."


class _Call(Struct, frozen=True, kw_only=True):
    """A call into the scope: the workload it reaches, its verdicts under STRICT, and its observed plaintext.

    `worst` is the worst of its verdicts. `homeless` is why it is not known where a policy for the whole mesh would lie,
    where that is asked. The plaintext figures are per second, None where no reporter can tell.
    """

    edge: Edge
    workload: WorkloadId
    worst: TlsVerdict
    bare_server: bool
    homeless: str | None = None
    plaintext_requests: float | None
    plaintext_bytes: float | None

    @property
    def measured(self) -> bool:
        """Whether a reporter could distinguish mutual TLS from plaintext."""
        return self.edge.sums.mtls_ratio is not None


def what_if_strict(
    members: Sequence[MeshMember],
    trust: Sequence[TrustPair],
    edges: Sequence[Edge],
    workloads: Sequence[WorkloadPosture],
    scope: str,
    *,
    rows: RowMaker = all_or_none,
) -> WhatIf:
    """The effect of STRICT in a namespace, or with the scope `mesh` everywhere, on every call into it.

    A call or a workload that `rows` (kind whatif) cannot judge is unknown, and named.
    """
    mesh = MeshTls(strict_members(members, scope), trust)
    touched = [s for s in workloads if scope in (MESH, s.party.namespace) and not s.party.gateway]
    ids = {s.party.id for s in touched}
    tried = rows("whatif", edges, lambda edge: (edge, _call_into(mesh, edge, scope, ids)))
    calls = [call for _, call in tried if call is not None]
    judged = rows("whatif", calls, lambda call: (call.edge, _consequence(call)))
    failed = {id(edge) for edge in edges} - {id(edge) for edge, call in tried if call is None}
    failed -= {id(edge) for edge, _ in judged}
    undecided = [
        Consequence(edge=edge, effect=Effect.UNKNOWN, why=_DEFECT)
        for edge in edges
        if id(edge) in failed and scope in (MESH, edge.destination.namespace)
    ]
    called = {call.workload for call in calls}
    days = [s.seen.day for s in touched if s.party.id in called]
    return WhatIf(
        scope=scope,
        consequences=_worst_first([*(found for _, found in judged), *undecided]),
        unmeasured=tuple(_silent(s, called) for s in touched if _is_silent(s, called)),
        earlier=tuple(_earlier(touched)),
        workloads=len(touched),
        day_measured=bool(days) and all(day is not None and day.measured for day in days),
    )


def _call_into(mesh: MeshTls, edge: Edge, scope: str, touched: Container[WorkloadId]) -> _Call | None:
    """The call to a touched workload, or to a bare service of the scope that ends inside the mesh; else None."""
    verdicts = mesh.edge(edge)
    end = edge.destination
    party = mesh.parties.find((end.cluster, end.namespace, end.workload)) if end.workload else None
    workload = party.id if party is not None else (end.cluster, end.namespace, end.workload)
    bare = not end.workload and scope in (MESH, end.namespace) and _reaches(verdicts)
    if workload not in touched and not bare:
        return None
    return _Call(
        edge=edge,
        workload=workload,
        worst=min(verdicts, key=lambda v: _RANK[v.outcome]),
        bare_server=_is_bare(mesh, edge, verdicts),
        homeless=_homeless(mesh, workload[0] or edge.source.cluster) if scope == MESH else None,
        plaintext_requests=plaintext(edge.sums.judged, edge.sums.secured),
        plaintext_bytes=plaintext(edge.sums.judged_bytes, edge.sums.secured_bytes),
    )


def _is_bare(mesh: MeshTls, edge: Edge, verdicts: Sequence[TlsVerdict]) -> bool:
    """Whether a server that answers has no proxy, which is known even where its policy is not."""
    judged = [v.server for v in verdicts if v.server is not None]
    client = mesh.client(edge)
    if judged or isinstance(client, str):
        return any(server.proxy is Proxy.NONE for server in judged)
    servers = mesh.servers(edge, client)
    return not isinstance(servers, str) and any(server.proxy is Proxy.NONE for server in servers)


def _homeless(mesh: MeshTls, cluster: str) -> str | None:
    """Why it is not known whether a policy for the whole mesh lies over a cluster; None where it does."""
    home = mesh.config_of(cluster)
    if isinstance(home, str):
        return home
    if home.root_namespace:
        return None
    return f"The root namespace of {home.cluster} is not known, nor is it whether that policy would count there."


def _reaches(verdicts: Sequence[TlsVerdict]) -> bool:
    """Whether an edge to a bare service ends inside the mesh."""
    return any(v.host is not None and not v.host.external for v in verdicts)


def _earlier(touched: Iterable[WorkloadPosture]) -> Iterator[tuple[str, PlaintextSource]]:
    """Senders of plaintext of the last day who send none in this window, with the workload they called."""
    for workload in touched:
        for source in workload.seen.sources:
            if source.last_day and not source.requests_per_second and not source.bytes_per_second:
                party = workload.party
                yield f"{party.namespace}/{party.name} in {party.cluster}", source


def _worst_first(consequences: Iterable[Consequence]) -> tuple[Consequence, ...]:
    order = tuple(Effect)
    return tuple(
        sorted(
            consequences,
            key=lambda c: (order.index(c.effect), -(c.edge.sums.requests or 0.0), str(c.edge.source)),
        )
    )


def _consequence(call: _Call) -> Consequence:
    """The consequence for a call. Observed plaintext would break, whatever the configuration is."""
    effect, why = _judged(call)
    rate = call.plaintext_requests or None if effect is Effect.BREAKS else None
    return Consequence(edge=call.edge, effect=effect, why=why, plaintext_per_second=rate)


def _judged(call: _Call) -> tuple[Effect, str]:
    worst = call.worst
    if call.bare_server:
        return (
            Effect.FINE,
            "The server has no proxy: STRICT would not be enforced, and nothing changes for its callers.",
        )
    if call.homeless and (call.plaintext_requests or call.plaintext_bytes or not call.measured):
        return Effect.UNKNOWN, call.homeless
    if call.plaintext_requests or call.plaintext_bytes:
        if worst.outcome is TlsOutcome.BROKEN:
            return Effect.BREAKS, worst.why
        return Effect.BREAKS, "Plaintext was seen from this caller, although its configuration asks for mutual TLS."
    if worst.outcome is TlsOutcome.BROKEN:
        doubt = " (In this window all of it was seen as mutual TLS.)" if call.measured else ""
        return Effect.BREAKS, worst.why + doubt
    if call.measured:
        return Effect.FINE, "All of it was seen as mutual TLS."
    if worst.outcome is TlsOutcome.MTLS:
        return Effect.FINE, f"Not seen by a reporter that knows, but: {worst.why}"
    return Effect.UNKNOWN, f"Not measured. {worst.why}"


_RANK = {TlsOutcome.BROKEN: 0, TlsOutcome.UNKNOWN: 1, TlsOutcome.PLAINTEXT: 2, TlsOutcome.MTLS: 3}


def _is_silent(workload: WorkloadPosture, called: set[tuple[str, str, str]]) -> bool:
    if workload.party.proxy is Proxy.NONE and workload.party.unknown is None:
        return False
    sums = workload.seen.sums
    return workload.party.id not in called or (sums.judged is None and sums.judged_bytes is None)


def _silent(workload: WorkloadPosture, called: set[tuple[str, str, str]]) -> UnmeasuredWorkload:
    party = workload.party
    if party.unknown is not None:
        why = party.unknown
    elif party.id not in called:
        why = "No caller in this window; callers at other times are not known."
    else:
        why = "Only its callers report on it, and callers cannot tell mutual TLS from plaintext."
    return UnmeasuredWorkload(cluster=party.cluster, namespace=party.namespace, workload=party.name, why=why)
