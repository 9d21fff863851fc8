"""The report on evacuating a cluster, as sentences, table and JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from meshtop.analysis.fleet.locality import EvacuatedHost, EvacuationEffect, endpoints_unread, evacuation_effect
from meshtop.analysis.forecast.differences import ForecastEffect
from meshtop.analysis.identity.meshes import one_mesh_with
from meshtop.model.evidence import Unknown, WhyUnknown
from meshtop.model.numbers import number_of, quantity
from meshtop.model.state import State
from meshtop.views.frame.columns import Columns
from meshtop.views.frame.document import Document, rfc3339, sources
from meshtop.views.frame.table import Cell, Table, Tone
from meshtop.views.frame.unknowns import EVERYTHING, Needs, unknowns_of
from meshtop.views.picture.fleet import localities_of, obeys_unknowns, planes_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.posture import moment_of
from meshtop.views.reports.evacuated_calls import (
    EvacuatedCalls,
    RemainingCluster,
    departure_of,
    evacuated_calls,
    sentences_of_evacuated_calls,
)
from meshtop.views.reports.forecast import FORECAST_NEEDS, ForecastCounts, ForecastItem

_TONES = {
    EvacuationEffect.GONE: Tone.FAILING,
    EvacuationEffect.DOUBLES: Tone.DEGRADED,
    EvacuationEffect.UNKNOWN: Tone.UNKNOWN,
    EvacuationEffect.GROWS: Tone.PLAIN,
    EvacuationEffect.IDLE: Tone.DIM,
}
_SIGNS = {
    EvacuationEffect.GONE: "✗ ",
    EvacuationEffect.DOUBLES: "▲ ",
    EvacuationEffect.UNKNOWN: "? ",
    EvacuationEffect.GROWS: "",
    EvacuationEffect.IDLE: "",
}

EVACUATION_NEEDS = Needs(
    tuple(dict.fromkeys(("Service", "EndpointSlice", "ServiceEntry", "WorkloadEntry", *FORECAST_NEEDS.kinds))),
    traffic=True,
)
"""Data that the answer depends on."""


class EvacuatedItem(Struct, frozen=True, rename="camel", kw_only=True):
    """A host with endpoints in the cluster. `moved...` is traffic that other clusters would have to take over;
    `loadFactor` is the load of the remaining endpoints, after divided by before.
    """

    host: str
    namespace: str
    fate: EvacuationEffect
    endpoints_leaving: int
    endpoints_staying: int
    stays_in: tuple[str, ...]
    moved_requests_per_second: float | None
    moved_bytes_per_second: float | None
    load_factor: float | None
    why: str


class EvacuateSummary(Struct, frozen=True, rename="camel", kw_only=True):
    """How many hosts share a fate; `entersRequestsPerSecond` is what comes in through the cluster's gateways."""

    gone: int
    doubles: int
    unknown: int
    grows: int
    idle: int
    enters_requests_per_second: float | None
    virtual_machines: int


class EvacuateDocument(Document, frozen=True, rename="camel", kw_only=True):
    """The document of `-o json`; `calls` are those of callers in other clusters, the worst first.

    `clusters` are those that stay. `ownCalls` of the cluster end with it, `ownCallsPerSecond` of them.
    """

    question: str
    summary: EvacuateSummary
    calls: tuple[ForecastItem, ...]
    calls_summary: ForecastCounts
    clusters: tuple[RemainingCluster, ...]
    own_calls: int
    own_calls_per_second: float


class EvacuateAnswer(Struct, frozen=True, kw_only=True):
    """The answer: hosts, the worst first, and what it could not take into account.

    `serves` names the clusters without a control plane that only this cluster's serves, `tenants` are those with
    workloads in it.
    """

    cluster: str
    items: tuple[EvacuatedItem, ...]
    summary: EvacuateSummary
    serves: tuple[str, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    calls: EvacuatedCalls = EvacuatedCalls()
    tenants: tuple[str, ...] = ()


def evacuate_answer(picture: Picture, cluster: str) -> EvacuateAnswer:
    """The effect on every host with endpoints in a cluster."""
    silent = [name for name, state in picture.telemetry_states.items() if state not in (State.FRESH, State.PARTIAL)]
    perhaps = picture.meshes.perhaps(cluster)
    concerned = [c for c in picture.snapshot.clusters if c.name in (cluster, *picture.meshes.peers(cluster), *perhaps)]
    known = unknowns_of(picture.snapshot, EVACUATION_NEEDS, states=picture.telemetry_states)
    unread = [unknown for c in concerned for unknown in endpoints_unread(c.name, c.inventory)]
    serves = tuple(sorted({p.cluster for p in planes_of(picture) if p.served_by == (cluster,)}))
    blind = [unknown.cluster for unknown in unread]
    calls = evacuated_calls(picture, departure_of(picture, cluster, serves=serves, unread=blind))
    found = evacuation_effect(
        cluster,
        localities_of(picture),
        silent,
        perhaps=perhaps,
        unread=blind,
        losses=calls.losses,
        rows=picture.rows,
    )
    counts = {fate: sum(one.fate is fate for one in found) for fate in EvacuationEffect}
    entries = [
        edge.sums.requests
        for w in picture.workloads_in(cluster)
        if w.is_gateway
        for edge in picture.edges_from((w.cluster, w.namespace, w.name))
        if edge.sums.requests is not None
    ]
    return EvacuateAnswer(
        cluster=cluster,
        items=tuple(map(_item, found)),
        summary=EvacuateSummary(
            gone=counts[EvacuationEffect.GONE],
            doubles=counts[EvacuationEffect.DOUBLES],
            unknown=counts[EvacuationEffect.UNKNOWN],
            grows=counts[EvacuationEffect.GROWS],
            idle=counts[EvacuationEffect.IDLE],
            enters_requests_per_second=sum(entries) if entries else None,
            virtual_machines=len(picture.machines_in(cluster)),
        ),
        serves=serves,
        unknowns=(
            *known,
            *_besides(
                known,
                (*unread, *picture.meshes.unknowns(cluster), *_served(picture, cluster), *_open_calls(calls.items)),
            ),
        ),
        calls=calls,
        tenants=tuple(
            sorted({t for w in picture.workloads_in(cluster) for t in picture.tenants(w.cluster, w.namespace)})
        ),
    )


def _open_calls(items: Iterable[ForecastItem]) -> list[Unknown]:
    """The clusters with callers of which it is not known what becomes of some calls."""
    clusters = {one.source.cluster or one.destination.cluster for one in items if one.effect is ForecastEffect.DEPENDS}
    return [Unknown("some calls", cluster, WhyUnknown.UNSUPPORTED) for cluster in sorted(clusters)]


def _served(picture: Picture, cluster: str) -> list[Unknown]:
    """The clusters of which it is not known whether they have another control plane than the leaving cluster's."""
    facts = picture.facts[cluster]
    if not facts.control_planes:
        return []
    near = {*picture.meshes.peers(cluster), *picture.meshes.perhaps(cluster)} - {cluster}
    return [one for one in obeys_unknowns(picture) if one.cluster in near]


def _besides(known: Sequence[Unknown], more: Sequence[Unknown]) -> list[Unknown]:
    """What is unknown and not yet said; of a cluster of which nothing was read all is said."""
    said = {(unknown.what, unknown.cluster) for unknown in known}
    silent = {unknown.cluster for unknown in known if unknown.what == EVERYTHING}
    return [one for one in more if (one.what, one.cluster) not in said and not _about(one, silent)]


def _about(unknown: Unknown, clusters: Collection[str]) -> bool:
    return unknown.cluster in clusters or any(unknown.what == one_mesh_with(name) for name in clusters)


def _item(found: EvacuatedHost) -> EvacuatedItem:
    return EvacuatedItem(
        host=found.host,
        namespace=found.namespace,
        fate=found.fate,
        endpoints_leaving=found.leaving,
        endpoints_staying=found.staying,
        stays_in=found.stays_in,
        moved_requests_per_second=found.moved[0],
        moved_bytes_per_second=found.moved[1],
        load_factor=found.factor,
        why=found.why,
    )


def evacuation_document(picture: Picture, answer: EvacuateAnswer, window: str) -> EvacuateDocument:
    """The document of an answer."""
    return EvacuateDocument(
        kind="WhatIfEvacuate",
        generated_at=rfc3339(moment_of(picture)),
        window=window,
        sources=sources(picture.snapshot),
        unknowns=answer.unknowns,
        items=answer.items,
        question=f"evacuate {answer.cluster}",
        summary=answer.summary,
        calls=answer.calls.items,
        calls_summary=answer.calls.summary,
        clusters=answer.calls.clusters,
        own_calls=answer.calls.own,
        own_calls_per_second=answer.calls.own_per_second,
    )


def evacuation_sentences(answer: EvacuateAnswer) -> tuple[str, ...]:
    """The answer as sentences, including what is unknown."""
    s = answer.summary
    kept = sum(item.fate is EvacuationEffect.GONE and bool(item.endpoints_staying) for item in answer.items)
    hosts = number_of(len(answer.items), "host")
    lines = [
        f"Without {answer.cluster}: {s.gone - kept} of {hosts} would have no endpoint left, "
        f"{s.doubles} would at least double their load elsewhere."
    ]
    if kept:
        lines.append(f"Of {number_of(kept, 'host')} there are endpoints elsewhere, and calls do not get to them.")
    if answer.tenants:
        lines.append(f"Tenants with workloads there: {', '.join(answer.tenants)}.")
    lost = sum(item.fate is EvacuationEffect.UNKNOWN and not item.endpoints_staying for item in answer.items)
    if lost:
        lines.append(f"Of {lost} hosts it is not known whether an endpoint is left: some endpoints could not be read.")
    if s.unknown > lost:
        lines.append(f"Of {s.unknown - lost} hosts the load is not known: some cluster's telemetry is missing.")
    if s.enters_requests_per_second:
        lines.append(
            f"{quantity(s.enters_requests_per_second)} requests/s enter through gateways of {answer.cluster}: "
            "DNS or a load balancer must lead them elsewhere first."
        )
    if answer.serves:
        one = len(answer.serves) == 1
        lines.append(
            f"{', '.join(answer.serves)} {'has' if one else 'have'} no control plane but that of {answer.cluster}: "
            f"{'its' if one else 'their'} proxies would get no new configuration, endpoints or certificates."
        )
    if s.virtual_machines:
        one = s.virtual_machines == 1
        count = "1 virtual machine is" if one else f"{s.virtual_machines} virtual machines are"
        lines.append(
            f"{count} registered in {answer.cluster} and would lose {'its' if one else 'their'} control plane."
        )
    return (*lines, *sentences_of_evacuated_calls(answer.calls, answer.cluster))


def evacuated_table(items: Sequence[EvacuatedItem]) -> Table[EvacuatedItem]:
    """The hosts as a table."""
    return Table(_COLUMNS, items, lambda i: i.host)


def _fate(item: EvacuatedItem) -> Cell:
    return Cell(_SIGNS[item.fate] + item.fate.value, _TONES[item.fate])


c = Columns(EvacuatedItem)
_COLUMNS = (
    c.text("host", "HOST", "The host.", "host", priority=0, min_width=16, max_width=64),
    c.custom(name="fate", title="WITHOUT IT", help_="gone, doubles, unknown, grows or idle.",
             value=lambda i: i.fate.value, cell=_fate, priority=0, min_width=9, max_width=10),
    c.count("endpointsLeaving", "LEAVING", "Endpoints there.", "endpoints_leaving", priority=2),
    c.count("endpointsStaying", "STAYING", "Endpoints elsewhere.", "endpoints_staying", priority=1),
    c.words("staysIn", "STAYS IN", "Clusters that have endpoints.", "stays_in", priority=3),
    c.rate("movedRequestsPerSecond", "MOVES REQ/S", "Requests per second that other clusters would have to take over.",
           "moved_requests_per_second", priority=1),
    c.rate("loadFactor", "LOAD ×", "Load of the remaining endpoints, after divided by before.", "load_factor", unit="",
           priority=1),
    c.text("why", "WHY", "The reason, in a sentence.", "why", priority=4, max_width=80),
)  # fmt: skip
