from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.console.screens.totals_line import headline
from meshtop.model.constants import CONTRADICTED_FROM, MUTUAL_TLS_FROM
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds
from meshtop.model.traffic import Sums
from meshtop.views.frame.columns import HEALTH_TONES, error_tone, mtls_tone
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.edges import EdgeItem, answers
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds

LENIENT = Thresholds(http5xx_degraded=0.09, http5xx_failing=0.5)
STRICT = Thresholds(http5xx_degraded=0.0, http5xx_failing=0.04)


def tones(thresholds: Thresholds) -> dict[str, Tone]:
    """The colour of every error ratio in every table, of rows that have one, by kind and row."""
    picture = Picture(worlds.world(), thresholds=thresholds)
    found: dict[str, Tone] = {}
    for kind in (kind.name for kind in KINDS):
        table = view(kind).table(picture, Query(), wide=True)
        for at, column in enumerate(table.columns):
            if column.name == "errorRatio":
                rows = range(len(table))
                found |= {
                    f"{kind} {table.key(row)}": table.cell(row, at).tone
                    for row in rows
                    if column.value(table.items[row]) is not None
                }
    return found


def test_error_ratios_have_the_colour_that_the_settings_give_them() -> None:
    usual, lenient, strict = tones(DEFAULT_THRESHOLDS), tones(LENIENT), tones(STRICT)
    sick = "workloads east/shop/reviews-v2/Deployment"  # 7.5 % of its requests fail
    assert (usual[sick], lenient[sick], strict[sick]) == (Tone.DEGRADED, Tone.PLAIN, Tone.FAILING)
    assert {key.partition(" ")[0] for key in usual} >= {"clusters", "namespaces", "services", "workloads", "edges"}
    assert set(lenient.values()) == {Tone.PLAIN}
    assert set(strict.values()) == {Tone.PLAIN, Tone.DEGRADED, Tone.FAILING}


@pytest.mark.parametrize("thresholds", [DEFAULT_THRESHOLDS, LENIENT, STRICT])
def test_an_edges_errors_have_the_colour_of_its_verdict(thresholds: Thresholds) -> None:
    picture = Picture(worlds.world(), thresholds=thresholds)
    table = view("edges").table(picture, Query(), wide=True)
    at = next(i for i, column in enumerate(table.columns) if column.name == "errorRatio")
    for row, item in enumerate(table.items):
        assert table.cell(row, at).tone == HEALTH_TONES[item.health.status]


def test_the_errors_in_a_detail_and_in_the_headline_obey_as_well() -> None:
    for thresholds, tone in ((DEFAULT_THRESHOLDS, Tone.DEGRADED), (LENIENT, Tone.PLAIN), (STRICT, Tone.FAILING)):
        picture = Picture(worlds.world(), thresholds=thresholds)
        edges: list[EdgeItem] = view("edges").all_items(picture)
        sick = next(item for item in edges if item.traffic.error_ratio)
        codes = {fact.cell.text[:3]: fact.cell.tone for fact in answers("http", sick.codes, {}, thresholds)}
        assert codes["503"] is tone
        assert codes["200"] is Tone.PLAIN
        line = headline(Sums(requests=100.0, errors=5.0), (), 120, thresholds)
        said = next(run for run in line.runs if run.text.startswith("5.00"))
        assert said.tone is (Tone.STRONG if tone is Tone.PLAIN else tone)


def test_errors_of_grpc_are_coloured_by_the_bounds_of_grpc() -> None:
    bounds = Thresholds(grpc_degraded=0.2, grpc_failing=0.3)
    assert [error_tone(share, bounds, "grpc") for share in (0.1, 0.2, 0.3)] == [
        Tone.PLAIN, Tone.DEGRADED, Tone.FAILING,
    ]  # fmt: skip
    assert error_tone(0.1, bounds, "http") is Tone.FAILING


def test_what_reads_as_all_of_it_is_all_mutual_tls() -> None:
    assert mtls_tone(MUTUAL_TLS_FROM) is Tone.PLAIN
    assert mtls_tone(MUTUAL_TLS_FROM - 0.001) is Tone.DEGRADED


def test_a_contradicted_edge_is_coloured_where_its_mark_begins() -> None:
    picture = Picture(worlds.world())
    columns = {column.name: column for column in view("edges").columns}
    edges: list[EdgeItem] = view("edges").all_items(picture)
    for share, marked in ((CONTRADICTED_FROM, True), (CONTRADICTED_FROM - 0.001, False)):
        item = structs.replace(edges[0], disagreement=share)
        assert (columns["disagreement"].cell(item).tone is Tone.DEGRADED) == marked
        assert ("contradicted" in columns["is"].value(item)) == marked
