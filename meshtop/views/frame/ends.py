"""The two ends of calls: their names and places, and the columns FROM and TO of all kinds of calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from meshtop.model.traffic import Peer, PeerKind, Target
from meshtop.views.frame.columns import Columns, text_cell
from meshtop.views.frame.table import Cell, Column, Tone
from meshtop.views.picture.query import Place

Read = TypeVar("Read")


class Call(Protocol):
    """An item that represents a call from one end to another."""

    @property
    def source(self) -> Peer:
        """The calling end."""

    @property
    def destination(self) -> Target:
        """The called end."""


class OwnedCall(Call, Protocol):
    """A call with the tenants of both ends."""

    @property
    def source_tenants(self) -> tuple[str, ...]:
        """The tenants of the caller's namespace."""

    @property
    def destination_tenants(self) -> tuple[str, ...]:
        """The tenants of the called end's namespace."""


def end_name(end: Peer | Target) -> str:
    """The name of an end: its workload, else the service or app, else its kind."""
    if end.workload:
        return end.workload
    service = end.service if isinstance(end, Target) else ""
    return service or end.app or end.kind.value


def end_text(end: Peer | Target) -> str:
    """`NAMESPACE/NAME`, or the name alone without a namespace."""
    name = end_name(end)
    return f"{end.namespace}/{name}" if end.namespace else name


def call_title(call: Call) -> str:
    """`shop/web → shop/reviews`."""
    return f"{end_text(call.source)} → {end_text(call.destination)}"


def call_path(call: Call, *last: str) -> tuple[str, ...]:
    """The caller's place, then both ends: `east`, `shop`, `web->east:shop:reviews-v2:reviews.shop:http`.

    `last` distinguishes calls between the same ends, and ends the last part.
    """
    source, destination = call.source, call.destination
    right = (destination.cluster, destination.namespace, end_name(destination), destination.service, *last)
    return (source.cluster, source.namespace, f"{end_name(source)}->{':'.join(right)}")


def places_of_call(call: OwnedCall) -> tuple[Place, ...]:
    """The places of both ends: a call is in scope if either end is."""
    return tuple(
        Place(cluster=end.cluster, namespace=end.namespace, tenants=tenants)
        for end, tenants in ((call.source, call.source_tenants), (call.destination, call.destination_tenants))
    )


def workloads_of_call(call: Call) -> set[tuple[str, str, str]]:
    """The workloads at both ends as (cluster, namespace, workload)."""
    return {(end.cluster, end.namespace, end.workload) for end in (call.source, call.destination)}


def _end_cell(end: Peer | Target) -> Cell:
    return text_cell(end_text(end), Tone.UNKNOWN if end.kind is PeerKind.UNKNOWN else Tone.PLAIN)


def end_columns(*, source: int = 1, destination: int = 4) -> tuple[Column[Call], ...]:
    """Both clusters, FROM and TO; `source` and `destination` are the priorities of the two clusters."""
    c = Columns(Call)  # type: ignore[type-abstract]
    return (
        c.text("sourceCluster", "CLUSTER", "The caller's cluster.", "source.cluster", priority=source, max_width=24),
        Column(name="source", title="FROM", help="Who calls.", value=lambda i: end_text(i.source),
               cell=lambda i: _end_cell(i.source), aliases=("from",), priority=0, min_width=8, max_width=48),
        c.text("destinationCluster", "TO CLUSTER", "The called end's cluster.", "destination.cluster",
               priority=destination, max_width=24),
        Column(name="destination", title="TO", help="Who is called.", value=lambda i: end_text(i.destination),
               cell=lambda i: _end_cell(i.destination), aliases=("to",), priority=0, min_width=8, max_width=48),
    )  # fmt: skip


def either_end(read: Callable[[Peer | Target], str]) -> Callable[[Call], tuple[str, ...]]:
    """A function that reads an attribute of both ends, without duplicates."""
    return lambda call: tuple(dict.fromkeys(filter(None, (read(call.source), read(call.destination)))))


def either_end_columns() -> tuple[Column[OwnedCall], ...]:
    """Hidden columns for filters on either end: `namespace:shop` finds calls from and to shop."""
    c = Columns(OwnedCall)  # type: ignore[type-abstract]
    return (
        c.words("cluster", "CLUSTER", "Either end's cluster.", either_end(lambda e: e.cluster), hidden=True),
        c.words("namespace", "NAMESPACE", "Either end's namespace.", either_end(lambda e: e.namespace), aliases=("ns",),
                hidden=True),
        c.words("workload", "WORKLOAD", "Either end's workload.", either_end(lambda e: e.workload), aliases=("wl",),
                hidden=True),
        c.words("tenant", "TENANT", "Either end's tenant.",
                lambda i: tuple(dict.fromkeys(i.source_tenants + i.destination_tenants)), hidden=True),
    )  # fmt: skip
