"""The kind `tenantmatrix`: traffic from tenant to tenant, as pairs in JSON and as a heat map on screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt

from msgspec import Struct, field, structs

from meshtop.analysis.tenancy.ownership import tenant_order
from meshtop.analysis.tenancy.traffic import Within
from meshtop.analysis.tenancy.units import PairFigures
from meshtop.model.numbers import quantity
from meshtop.model.state import Finding
from meshtop.model.text import clean
from meshtop.model.traffic import NO_TRAFFIC, Peer, Target, Traffic
from meshtop.views.frame.columns import GOLDEN_FACTS, NOTHING, Columns
from meshtop.views.frame.detail import related
from meshtop.views.frame.facts import Detail, Section
from meshtop.views.frame.findings import (
    SEVERITY_SIGNS,
    SEVERITY_TONES,
    findings_column,
    findings_section,
    worst_of,
)
from meshtop.views.frame.table import Align, Cell, Column, Table, Tone
from meshtop.views.frame.unknowns import Needs
from meshtop.views.frame.view import View
from meshtop.views.kinds.levels import of_tenant
from meshtop.views.kinds.tenants import scope_of, units_of
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Place, Query

_BARS = "▁▂▃▄▅▆▇█"


class TenantPair(Struct, frozen=True, rename="camel", kw_only=True):
    """Traffic from one tenant to another, with findings; `(none)` is the tenant of unowned namespaces."""

    from_: str = field(name="from")
    to: str
    traffic: Traffic = NO_TRAFFIC
    mtls_ratio: float | None = None
    findings: tuple[Finding, ...] = ()


def build(picture: Picture) -> list[TenantPair]:
    """A row for each pair of tenants between which there is traffic, of a tenant with itself too."""
    return _pairs(picture, None, None)


def scoped(picture: Picture, query: Query) -> list[TenantPair] | None:
    """The pairs of a scope: requests into its clusters and namespaces, from or to its tenant or level."""
    level = query.within
    within = scope_of(structs.replace(query, within=None))
    if within is None and level is None:
        return None
    touching = None if level is None else lambda cluster, namespace: (cluster, namespace) in level
    return [pair for pair in _pairs(picture, within, touching) if of_tenant(query, pair.from_, pair.to)]


def _pairs(picture: Picture, within: Within | None, touching: Within | None) -> list[TenantPair]:
    pairs = units_of(picture, within).tenant_pairs(touching)
    return picture.rows("tenantmatrix", pairs, _item, lambda pair: f"{pair.source} → {pair.target}")


def _item(pair: PairFigures) -> TenantPair:
    return TenantPair(
        from_=pair.source,
        to=pair.target,
        traffic=pair.sums.traffic(),
        mtls_ratio=pair.sums.mtls_ratio,
        findings=pair.findings,
    )


class MatrixRow(Struct, frozen=True):
    """Traffic of one tenant to each tenant, by name."""

    tenant: str
    cells: dict[str, TenantPair]

    @property
    def total(self) -> float | None:
        """Requests per second to all tenants; None where there are none that count."""
        return _total(pair.traffic.requests_per_second for pair in self.cells.values())


def _total(rates: Iterable[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def matrix_table(pairs: Sequence[TenantPair], known: Sequence[str] = ()) -> Table[MatrixRow]:
    """The heat map: requests per second from row to column, darker where more; a dash is no traffic at all.

    `known` are tenants that are shown even without traffic. The last column is the sum of the row.
    """
    names = sorted({*known, *(p.from_ for p in pairs), *(p.to for p in pairs)}, key=tenant_order)
    cells: dict[str, dict[str, TenantPair]] = {name: {} for name in names}
    for pair in pairs:
        cells[pair.from_][pair.to] = pair
    most = max((pair.traffic.requests_per_second or 0.0 for pair in pairs), default=0.0)
    row = Columns(MatrixRow)
    columns = [
        row.text("from", "FROM \\ TO", "The tenant that asks.", "tenant", priority=0, min_width=9, max_width=24),
        *(_column(name, most) for name in names),
        row.rate(
            "total", "TOTAL", "Requests per second from the row to all tenants.", "total", priority=1, min_width=6
        ),
    ]
    return Table(columns, [MatrixRow(name, cells[name]) for name in names], lambda row: row.tenant)


def _column(to: str, most: float) -> Column[MatrixRow]:
    def value(row: MatrixRow) -> float | None:
        pair = row.cells.get(to)
        return None if pair is None else pair.traffic.requests_per_second

    return Column(
        name=to,
        title=clean(to),
        help=f"Requests per second to {clean(to)}.",
        value=value,
        cell=lambda row: heat_cell(row.cells.get(to), most),
        align=Align.RIGHT,
        numeric=True,
        priority=1,
        min_width=8,
        max_width=24,
    )


def heat_cell(pair: TenantPair | None, most: float) -> Cell:
    """A rate with a bar, and a sign where the settings forbid it.

    The bar is the square root of the share of the largest rate, so that a hundredth can still be distinguished from a
    tenth.
    """
    if pair is None:
        return NOTHING
    rate = pair.traffic.requests_per_second
    worst = worst_of(pair.findings)
    sign = SEVERITY_SIGNS[worst.severity] if worst is not None else ""
    tone = SEVERITY_TONES[worst.severity] if worst is not None else Tone.PLAIN
    if rate is None:
        return Cell(f"{sign}tcp", tone if worst is not None else Tone.DIM)
    bar = f" {_BARS[min(len(_BARS) - 1, int(sqrt(rate / most) * len(_BARS)))]}" if rate and most else ""
    return Cell(f"{sign}{quantity(rate)}{bar}", tone)


def detail(picture: Picture, item: TenantPair, key: str) -> Detail:
    """The detail of the traffic from one tenant to another."""

    def tenant(end: Peer | Target) -> str:
        return picture.owner(end.cluster, end.namespace).tenant

    return Detail(
        kind="tenantmatrix",
        key=key,
        title=f"{item.from_} → {item.to}",
        health=None,
        sections=(
            *((findings_section(item.findings),) if item.findings else ()),
            Section("Traffic", VIEW.facts(item, *GOLDEN_FACTS, thresholds=picture.thresholds)),
        ),
        related=(
            related(
                picture,
                "edges",
                "Calls",
                lambda e: tenant(e.source) == item.from_ and tenant(e.destination) == item.to,
                "There are no calls.",
            ),
        ),
        charts=(),
    )


c = Columns(TenantPair)

VIEW: View[TenantPair] = View(
    kind="tenantmatrix",
    singular="tenantpair",
    list_kind="TenantPairList",
    title="Tenant to tenant",
    item=TenantPair,
    columns=(
        c.text("from", "FROM", "The tenant that asks.", "from_", priority=0, min_width=8),
        c.text("to", "TO", "The called tenant.", "to", priority=0, min_width=8),
        *c.golden(),
        c.mtls(priority=2),
        findings_column("Findings about forbidden traffic."),
    ),
    build=build,
    detail=detail,
    path=lambda i: (i.from_, i.to),
    places=lambda i: tuple(Place(tenants=tuple(side.split("|"))) for side in (i.from_, i.to)),
    default_sort="requestsPerSecond,from,to",
    empty="There is no traffic in this scope.",
    needs=Needs(("Namespace",), traffic=True),
    related=("tenants", "edges"),
    scoped=scoped,
    namespaced=True,
)  # fmt: skip
