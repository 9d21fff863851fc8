"""Traffic from tenant to tenant: as pairs for scripts, as a heat map for people."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from meshtop.analysis.tenancy.ownership import tenant_order
from meshtop.analysis.tenancy.traffic import Within
from meshtop.model.state import Finding
from meshtop.model.traffic import NO_TRAFFIC, Traffic
from meshtop.views.frame import columns as c
from meshtop.views.frame.numbers import quantity
from meshtop.views.frame.table import Align, Cell, Column, Table, Tone
from meshtop.views.frame.text import clean
from meshtop.views.frame.view import View
from meshtop.views.kinds.tenants import SEVERITY_ORDER, SEVERITY_SIGNS, SEVERITY_TONES, scope_of, units_of
from meshtop.views.picture.query import Place, Query

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_BARS = "▁▂▃▄▅▆▇█"


class TenantPair(Struct, frozen=True, rename="camel", kw_only=True):
    """What goes from one tenant to another, `(none)` standing for what is nobody's; `findings` say what is wrong."""

    from_: str = field(name="from")
    to: str
    traffic: Traffic = NO_TRAFFIC
    mtls_ratio: float | None = None
    findings: tuple[Finding, ...] = ()


def build(picture: Picture) -> list[TenantPair]:
    """A row for each pair of tenants between which there is traffic, of a tenant with itself too."""
    return _pairs(picture, None, None)


def scoped(picture: Picture, query: Query) -> list[TenantPair] | None:
    """The pairs of a scope: what is asked in its clusters and namespaces, by or of its tenant or a level of one."""
    level = query.within
    within = scope_of(structs.replace(query, within=None))
    if within is None and level is None:
        return None
    touching = None if level is None else lambda cluster, namespace: (cluster, namespace) in level
    tenant = query.tenant if level is None else None
    pairs = _pairs(picture, within, touching)
    return [p for p in pairs if tenant is None or any(tenant in side.split("|") for side in (p.from_, p.to))]


def _pairs(picture: Picture, within: Within | None, touching: Within | None) -> list[TenantPair]:
    return [
        TenantPair(
            from_=pair.source,
            to=pair.target,
            traffic=pair.sums.traffic(),
            mtls_ratio=pair.sums.mtls_ratio,
            findings=pair.findings,
        )
        for pair in units_of(picture, within).tenant_pairs(touching)
    ]


def _findings_cell(item: TenantPair) -> Cell:
    if not item.findings:
        return c.NOTHING
    worst = min(item.findings, key=lambda f: SEVERITY_ORDER[f.severity])
    return Cell(SEVERITY_SIGNS[worst.severity] + worst.code, SEVERITY_TONES[worst.severity])


VIEW: View[TenantPair] = View(
    kind="tenantmatrix",
    singular="tenantpair",
    list_kind="TenantPairList",
    title="Tenant to tenant",
    item=TenantPair,
    columns=(
        c.text("from", "FROM", "The tenant that asks.", "from_", priority=0, min_width=8),
        c.text("to", "TO", "The tenant that is asked.", "to", priority=0, min_width=8),
        *c.golden(),
        c.mtls(priority=2),
        Column(name="findings", title="FINDINGS", help="What the settings forbid in it.",
               value=lambda i: tuple(f.code for f in i.findings), cell=_findings_cell, aliases=("finding", "code"),
               priority=2, min_width=10, max_width=30),
    ),
    build=build,
    path=lambda i: (i.from_, i.to),
    places=lambda i: tuple(Place(tenants=tuple(side.split("|"))) for side in (i.from_, i.to)),
    default_sort="requestsPerSecond,from,to",
    empty="There is no traffic in this scope.",
    related=("tenants", "edges"),
    scoped=scoped,
    namespaced=True,
)  # fmt: skip


class MatrixRow(Struct, frozen=True):
    """What a tenant asks of each tenant, by name."""

    tenant: str
    cells: dict[str, TenantPair]

    @property
    def total(self) -> float | None:
        """Requests per second to all tenants; None where there are none that count."""
        return _total(pair.traffic.requests_per_second for pair in self.cells.values())


def _total(rates: Any) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def matrix_table(pairs: Sequence[TenantPair], known: Sequence[str] = ()) -> Table[MatrixRow]:
    """The heat map: requests per second from row to column, darker where more; a dash is no traffic at all.

    `known` are tenants to show even where nothing comes from or goes to them. The last column adds a row up.
    """
    names = sorted({*known, *(p.from_ for p in pairs), *(p.to for p in pairs)}, key=tenant_order)
    cells: dict[str, dict[str, TenantPair]] = {name: {} for name in names}
    for pair in pairs:
        cells[pair.from_][pair.to] = pair
    most = max((pair.traffic.requests_per_second or 0.0 for pair in pairs), default=0.0)
    columns = [
        c.text("from", "FROM \\ TO", "The tenant that asks.", "tenant", priority=0, min_width=9, max_width=24),
        *(_column(name, most) for name in names),
        c.rate("total", "TOTAL", "Requests per second that the row asks of all.", "total", priority=1, min_width=6),
    ]
    return Table(columns, [MatrixRow(name, cells[name]) for name in names], lambda row: row.tenant)


def _column(to: str, most: float) -> Column:
    def value(row: MatrixRow) -> float | None:
        pair = row.cells.get(to)
        return None if pair is None else pair.traffic.requests_per_second

    return Column(
        name=to,
        title=clean(to),
        help=f"Requests per second that are asked of {clean(to)}.",
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

    The bar is the square root of the share of the largest rate: a tenant that asks a hundredth is still told from one
    that asks a tenth.
    """
    if pair is None:
        return c.NOTHING
    rate = pair.traffic.requests_per_second
    worst = min(pair.findings, key=lambda f: SEVERITY_ORDER[f.severity], default=None)
    sign = SEVERITY_SIGNS[worst.severity] if worst is not None else ""
    tone = SEVERITY_TONES[worst.severity] if worst is not None else Tone.PLAIN
    if rate is None:
        return Cell(f"{sign}tcp", tone if worst is not None else Tone.DIM)
    bar = f" {_BARS[min(len(_BARS) - 1, int(sqrt(rate / most) * len(_BARS)))]}" if rate and most else ""
    return Cell(f"{sign}{quantity(rate)}{bar}", tone)
