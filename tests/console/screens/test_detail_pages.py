"""The pages of a detail: what each shows, with room for everything and without."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from meshtop.console.screens.detail import COURSE, OVERVIEW, first_page, pages_of_detail
from meshtop.views.frame.charts import Chart
from meshtop.views.frame.facts import Detail, Related
from meshtop.views.frame.table import Table


def related(title: str) -> Related:
    empty: Table[Any] = Table((), [], str)
    return Related(title, "edges", empty, "none")


def one(charts: int, *relations: str) -> Detail:
    chart = Chart(title="Requests", unit="/s", cluster="east", lines=())
    return Detail(
        kind="services", key="k", title="t", health=None, sections=(), related=tuple(map(related, relations)),
        charts=(chart,) * charts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "wide", "shown"),
    [
        (None, False, [(OVERVIEW, True, 0, False)]),
        (None, True, [("", True, 0, False)]),
        (one(0), False, [(OVERVIEW, True, 0, False)]),
        (one(0), True, [("", True, 0, False)]),
        (one(3), False, [(OVERVIEW, True, 0, False), (COURSE, False, 3, False)]),
        (one(1), True, [("", True, 1, False)]),
        (
            one(2, "In", "Out"),
            False,
            [
                (OVERVIEW, True, 0, False),
                (COURSE, False, 2, False),
                ("In 0", False, 0, True),
                ("Out 0", False, 0, True),
            ],
        ),
        (one(2, "In", "Out"), True, [("In 0", True, 2, True), ("Out 0", True, 2, True)]),
        (one(0, "In"), False, [(OVERVIEW, True, 0, False), ("In 0", False, 0, True)]),
    ],
)
def test_pages(found: Detail | None, wide: bool, shown: list[tuple[str, bool, int, bool]]) -> None:
    pages = pages_of_detail(found, wide=wide)
    assert [(page.name, page.facts, page.charts, page.related is not None) for page in pages] == shown


def test_it_opens_on_what_is_there() -> None:
    calls: Table[Any] = Table((), ["a call"], str)
    found = replace(one(2, "In"), related=(related("In"), Related("Out", "edges", calls, "none")))
    assert first_page(pages_of_detail(found, wide=True)) == 1, "a service of virtual machines has no pods"
    assert first_page(pages_of_detail(found, wide=False)) == 0, "its facts come first where there is less room"
    assert first_page(pages_of_detail(one(2, "In", "Out"), wide=True)) == 0
