"""The report on STRICT, as sentences, table and JSON: the calls that would break, and what is unknown."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from meshtop.analysis.security.mtls.observed import PlaintextSource
from meshtop.analysis.security.mtls.whatif import MESH, Consequence, Effect, UnmeasuredWorkload, WhatIf
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.numbers import quantity, written_out
from meshtop.model.traffic import Peer, Target, Traffic
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.document import Document, rfc3339, sources
from meshtop.views.frame.ends import call_path, end_columns
from meshtop.views.frame.owners import tenant_text
from meshtop.views.frame.table import Cell, Column, Table, Tone
from meshtop.views.frame.unknowns import Needs, unknowns_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import moment_of, what_if

_TONES = {Effect.BREAKS: Tone.FAILING, Effect.UNKNOWN: Tone.UNKNOWN, Effect.FINE: Tone.PLAIN}
_SIGNS = {Effect.BREAKS: "✗ ", Effect.UNKNOWN: "? ", Effect.FINE: ""}

STRICT_NEEDS = Needs(
    ("Pod", "Service", "Namespace", "PeerAuthentication", "DestinationRule", "ConfigMap"), traffic=True
)
"""Data that the answer depends on."""
ROOT = "the root namespace"
"""What is asked for where a policy for the whole mesh has no place that is known."""


class Affected(Struct, frozen=True, rename="camel", kw_only=True):
    """A call and the effect of STRICT on it."""

    source: Peer
    destination: Target
    protocol: str
    effect: Effect
    why: str
    traffic: Traffic
    mtls_ratio: float | None
    plaintext_per_second: float | None
    source_tenant: str | None
    destination_tenant: str | None


class Summary(Struct, frozen=True, rename="camel", kw_only=True):
    """Counts of calls that break, are unknown or fine, of workloads concerned, and whether the last day is included."""

    breaks: int
    unknown: int
    fine: int
    workloads: int
    unmeasured: int
    day_measured: bool


class Earlier(Struct, frozen=True, rename="camel"):
    """Plaintext of the last day that was not seen in this window: the workload, and the sender."""

    destination: str
    source: PlaintextSource


class StrictAnswer(Struct, frozen=True, rename="camel", kw_only=True):
    """The answer to `whatif strict`: calls, the worst first, and workloads with unknown callers.

    `rootless` are the clusters of a mesh whose root namespace is not known, where the whole mesh was asked about.
    """

    scope: str
    summary: Summary
    items: tuple[Affected, ...]
    unmeasured: tuple[UnmeasuredWorkload, ...]
    earlier: tuple[Earlier, ...]
    rootless: tuple[str, ...] = ()


class WhatIfDocument(Document, frozen=True, rename="camel", kw_only=True):
    """The document of `-o json`."""

    question: str
    summary: Summary
    unmeasured: tuple[UnmeasuredWorkload, ...]
    earlier: tuple[Earlier, ...]


def strict_answer(picture: Picture, scope: str) -> StrictAnswer:
    """The effect of STRICT in a namespace of every cluster, or in the whole mesh (`mesh`)."""
    found = what_if(picture, scope)
    return StrictAnswer(
        scope=scope,
        summary=_summary(found),
        items=tuple(_affected(picture, consequence) for consequence in found.consequences),
        unmeasured=found.unmeasured,
        earlier=tuple(Earlier(place, source) for place, source in found.earlier),
        rootless=tuple(cluster for cluster, _ in _rootless(picture, scope)),
    )


def _summary(found: WhatIf) -> Summary:
    return Summary(
        breaks=len(found.of(Effect.BREAKS)),
        unknown=len(found.of(Effect.UNKNOWN)),
        fine=len(found.of(Effect.FINE)),
        workloads=found.workloads,
        unmeasured=len(found.unmeasured),
        day_measured=found.day_measured,
    )


def _affected(picture: Picture, consequence: Consequence) -> Affected:
    edge = consequence.edge
    return Affected(
        source=edge.source,
        destination=edge.destination,
        protocol=edge.protocol,
        effect=consequence.effect,
        why=consequence.why,
        traffic=edge.sums.traffic(),
        mtls_ratio=edge.sums.mtls_ratio,
        plaintext_per_second=consequence.plaintext_per_second,
        source_tenant=tenant_text(picture.tenants(edge.source.cluster, edge.source.namespace)),
        destination_tenant=tenant_text(picture.tenants(edge.destination.cluster, edge.destination.namespace)),
    )


def knows_scope(picture: Picture, scope: str) -> bool | None:
    """Whether a namespace of that name exists in any cluster that was read; None where that cannot be told.

    Who may not list namespaces knows those in which something was read.
    """
    inventories = [cluster.inventory for cluster in picture.snapshot.clusters if cluster.inventory is not None]
    listed = any(namespace.meta.name == scope for inventory in inventories for namespace in inventory.namespaces)
    if scope == MESH or listed or any(workload.namespace == scope for workload in picture.workloads):
        return True
    return False if all(inventory.evidence("Namespace").known for inventory in inventories) else None


def strict_unknowns(picture: Picture, answer: StrictAnswer) -> tuple[Unknown, ...]:
    """What the answer could not take into account: data not read, calls nobody can tell, unseen callers."""
    calls = {item.destination.cluster or item.source.cluster for item in answer.items if item.effect is Effect.UNKNOWN}
    silent = {workload.cluster for workload in answer.unmeasured}
    return (
        *unknowns_of(picture.snapshot, STRICT_NEEDS, states=picture.telemetry_states),
        *(Unknown(ROOT, cluster, why) for cluster, why in _rootless(picture, answer.scope)),
        *(Unknown("the security of some calls", cluster, WhyUnknown.UNSUPPORTED) for cluster in sorted(calls)),
        *(Unknown("some callers", cluster, WhyUnknown.NO_DATA) for cluster in sorted(silent)),
    )


def _rootless(picture: Picture, scope: str) -> list[tuple[str, WhyUnknown]]:
    """The clusters of a mesh whose root namespace is not known, and why, where the whole mesh is asked about."""
    found = []
    for cluster in picture.snapshot.clusters if scope == MESH else ():
        facts = picture.facts.get(cluster.name)
        if facts is None or cluster.inventory is None or facts.root_namespace is not None or facts.outside:
            continue
        if facts.control_planes or facts.roles:
            unread = cluster.inventory.unread("ConfigMap", "Deployment")
            found.append((cluster.name, unread[0][1] if unread else WhyUnknown.NOT_READ))
    return found


def _counted(number: int, thing: str) -> str:
    return f"{written_out(number)} {thing}{'s' * (number != 1)}"


def strict_document(picture: Picture, answer: StrictAnswer, window: str) -> WhatIfDocument:
    """The document of an answer."""
    return WhatIfDocument(
        kind="WhatIfStrict",
        generated_at=rfc3339(moment_of(picture)),
        window=window,
        sources=sources(picture.snapshot),
        unknowns=strict_unknowns(picture, answer),
        items=answer.items,
        question=f"strict {answer.scope}",
        summary=answer.summary,
        unmeasured=answer.unmeasured,
        earlier=answer.earlier,
    )


def strict_sentences(answer: StrictAnswer) -> tuple[str, ...]:
    """The answer as sentences, including what is unknown."""
    s = answer.summary
    where = "in the whole mesh" if answer.scope == MESH else f"in namespace {answer.scope}"
    calls = s.breaks + s.unknown + s.fine
    found = (
        f"{written_out(s.breaks)} of {written_out(calls)} calls would break{_lost(answer)}."
        if calls
        else "no call was seen, so none is known to be safe."
    )
    lines = [f"STRICT {where} ({_counted(s.workloads, 'workload')}): {found}"]
    unseen = sum(item.effect is Effect.UNKNOWN and item.mtls_ratio is None for item in answer.items)
    if unseen:
        lines.append(
            f"{_counted(unseen, 'call')} {'is' if unseen == 1 else 'are'} unknown: no reporter that can tell "
            f"mutual TLS from plaintext saw {'it' if unseen == 1 else 'them'}."
        )
    if seen := s.unknown - unseen:
        lines.append(
            f"{_counted(seen, 'call')} {'is' if seen == 1 else 'are'} unknown, although measured: WHY says what is"
            " missing."
        )
    if answer.rootless:
        one = len(answer.rootless) == 1
        lines.append(
            f"The root namespace of {', '.join(answer.rootless)} is not known, so it is not known where that policy "
            f"belongs and what else applies there: let meshtop read the ConfigMaps in the namespace of "
            f"{'its' if one else 'their'} istiod, and ask again."
        )
    if s.unmeasured:
        names = ", ".join(f"{u.cluster}/{u.namespace}/{u.workload}" for u in answer.unmeasured[:5])
        more = f" and {s.unmeasured - 5} more" if s.unmeasured > 5 else ""
        lines.append(f"The callers of {_counted(s.unmeasured, 'workload')} are unknown: {names}{more}.")
    for earlier in answer.earlier[:5]:
        lines.append(
            f"Within the last day {earlier.source.title} sent plaintext to {earlier.destination}, though not in this"
            " window."
        )
    if not s.day_measured:
        lines.append("The last day was not measured for all of them: only this window counts.")
    lines.append("This answer assumes that exceptions for workloads and ports in this scope are removed.")
    return tuple(lines)


def _lost(answer: StrictAnswer) -> str:
    """How much is sent in plaintext by the calls that break, in brackets; "" where that is not measured."""
    rates = [i.plaintext_per_second for i in answer.items if i.effect is Effect.BREAKS and i.plaintext_per_second]
    return f" ({quantity(sum(rates))}/s in plaintext)" if rates else ""


def _effect_cell(item: Affected) -> Cell:
    return Cell(_SIGNS[item.effect] + item.effect.value, _TONES[item.effect])


c = Columns(Affected)
_ENDS = end_columns(source=3, destination=3)
COLUMNS: tuple[Column[Affected], ...] = (
    c.custom(name="effect", title="EFFECT", help_="breaks, unknown or fine.", value=lambda i: i.effect.value,
             cell=_effect_cell, priority=0, min_width=9),
    *_ENDS[:2],
    c.text("sourceTenant", "TENANT", "The caller's tenant.", "source_tenant", priority=4, max_width=20),
    *_ENDS[2:],
    c.rate("requestsPerSecond", "REQ/S", "Requests per second.", "traffic.requests_per_second", priority=1),
    c.mtls(priority=2),
    c.text("why", "WHY", "The reason, in a sentence.", "why", priority=2, max_width=100),
)  # fmt: skip


def affected_table(items: Sequence[Affected]) -> Table[Affected]:
    """The calls as a table."""
    return Table(COLUMNS, items, lambda i: "/".join(call_path(i, i.protocol)))
