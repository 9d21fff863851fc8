from __future__ import annotations

import pytest

from meshtop.views.frame.detail import detail
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.tenantmatrix import TenantPair, heat_cell, matrix_table
from meshtop.views.picture.factory import PictureFactory
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.picture.totals import sums_in
from meshtop.views.reports.attention.view import attention
from tests.analysis.tenancy.fleets import fleet, tenancy


@pytest.fixture(scope="module")
def picture() -> Picture:
    return PictureFactory(tenancy=tenancy()).picture(fleet())


def test_a_workspace_opened(picture: Picture) -> None:
    opened = detail(picture, "tenants", "payments/cards")
    assert opened is not None
    assert opened.title == "payments/cards"
    facts = {section.title: {f.label: f.cell for f in section.facts} for section in opened.sections}
    assert facts["Findings"]["TENANT-PLAINTEXT"].tone is Tone.FAILING
    assert facts["About"]["traffic mode"].text == "REQUIRED"
    assert facts["Traffic"]["in"].text.startswith("11.5/s")
    assert facts["Traffic"]["within"].text.startswith("40/s")
    assert facts["Traffic"]["apdex"].text == "1.00 (satisfied within 500 ms)"
    assert set(facts["Inbound by cluster"]) == {"east", "west"}
    assert facts["Top talkers"]["from"].text.startswith("(none) tools/tools-app in east")
    assert facts["Roles"]["writer"].text == "team:payers on workspace/payments/cards"
    assert [len(related.table) for related in opened.related] == [2, 2]
    for chart in opened.charts:
        assert [line.cluster for line in chart.lines] == ["east", "west"]
        assert all('destination_workload_namespace="pay"' in line.expression for line in chart.lines)


@pytest.mark.parametrize("key", ["storefront/web", "payments|storefront", "(none)"])
def test_every_row_opens(picture: Picture, key: str) -> None:
    opened = detail(picture, "tenants", key)
    assert opened is not None
    assert all(fact.cell.text for section in opened.sections for fact in section.facts)


def test_forbidden_crossings_need_somebody(picture: Picture) -> None:
    found = {one.about[0].key: one for one in attention(picture) if one.id.startswith("tenant/")}
    assert found["payments/cards"].tone is Tone.FAILING
    assert found["storefront/web"].tone is Tone.DEGRADED
    assert "payments|storefront" in found
    scope = picture.resolved(Query(tenant="payments/cards"))
    narrowed = [one.about[0].key for one in attention(picture, scope) if one.id.startswith("tenant/")]
    assert narrowed == ["payments/cards"]


@pytest.mark.parametrize(("tenant", "rate"), [("storefront", 55.0), ("storefront/web", 55.0), ("payments/cards", 51.5)])
def test_totals_of_a_level(picture: Picture, tenant: str, rate: float) -> None:
    assert sums_in(picture, Query(tenant=tenant)).requests == pytest.approx(rate)


def test_the_heat_map_has_every_tenant_and_adds_rows_up(picture: Picture) -> None:
    pairs: list[TenantPair] = view("tenantmatrix").items(picture, Query())
    table = matrix_table(pairs, known=("quiet",))
    assert [table.key(row) for row in range(len(table))] == ["payments", "quiet", "storefront", "(none)"]
    assert [column.title for column in table.columns][1:-1] == ["payments", "quiet", "storefront", "(none)"]
    for row in table.items:
        parts = [pair.traffic.requests_per_second or 0.0 for pair in row.cells.values()]
        assert (row.total or 0.0) == pytest.approx(sum(parts))
    assert table.cell(1, 5).text == "–"
    assert table.cell(2, 3).text == "50 █"


def test_cells_tell_nothing_tcp_and_forbidden_apart(picture: Picture) -> None:
    assert heat_cell(None, 10.0).text == "–"
    assert heat_cell(TenantPair(from_="a", to="b"), 10.0).text == "tcp"
    pairs: list[TenantPair] = view("tenantmatrix").items(picture, Query(names=("(none)/payments",)))
    cell = heat_cell(pairs[0], 50.0)
    assert (cell.text, cell.tone) == ("✗ 1.50 ▂", Tone.FAILING)
