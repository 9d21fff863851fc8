"""A defect costs the row that it stands in: the others stay, and the list says so."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from meshtop.model.state import Severity
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import BROKEN_CELL
from meshtop.views.kinds import workloads
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from meshtop.views.reports.attention.view import attention
from tests.worlds import east, west, world


@pytest.fixture
def picture() -> Picture:
    return Picture(world(east(), west()))


def broken_for(name: str, original: Any) -> Any:
    def make(*arguments: Any) -> Any:
        if any(getattr(one, "name", None) == name for one in arguments):
            raise KeyError("odd")
        return original(*arguments)

    return make


def test_a_row_that_cannot_be_made_costs_itself(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    of_kind = view("workloads")
    names = {item.name for item in of_kind.all_items(picture)}
    odd = sorted(names)[0]
    monkeypatch.setattr(workloads, "_item", broken_for(odd, workloads._item))
    again = Picture(picture.snapshot)
    assert {item.name for item in of_kind.items(again, Query())} == names - {odd}
    assert "could not be shown" in of_kind.lost(again)
    assert odd in of_kind.lost(again)
    assert "KeyError" in of_kind.lost(again)
    assert of_kind.lost(picture) == ""


@pytest.mark.parametrize("part", ["_places", "_path", "_key"])
@pytest.mark.parametrize("kind", ["workloads", "services", "edges", "clusters"])
def test_a_row_that_cannot_be_placed_or_named_costs_itself(
    picture: Picture, monkeypatch: pytest.MonkeyPatch, part: str, kind: str
) -> None:
    of_kind = view(kind)
    items = of_kind.all_items(picture)
    odd, original = items[0], getattr(of_kind, part)
    if original is None:
        pytest.skip("the path is its key")

    def make(item: Any) -> Any:
        if item is odd:
            raise ValueError("odd")
        return original(item)

    monkeypatch.setattr(of_kind, part, make)
    found = of_kind.items(picture, Query())
    if part != "_key":
        assert len(found) == len(items) - 1
        assert of_kind.lost(picture).startswith("1 row could not be shown")


def test_a_filter_that_one_row_cannot_take_leaves_it_out(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    of_kind = view("workloads")
    odd = of_kind.all_items(picture)[0]
    original = type(of_kind.filter(Query(filter="x"))).matches

    def matches(self: Any, item: Any) -> bool:
        if item is odd:
            raise TypeError("odd")
        return original(self, item)

    monkeypatch.setattr(type(of_kind.filter(Query(filter="x"))), "matches", matches)
    found = of_kind.items(picture, Query(filter="namespace:shop"))
    assert odd not in found
    assert "1 row could not be shown" in of_kind.lost(picture)


def test_a_cell_that_cannot_be_formatted_says_so(picture: Picture) -> None:
    from msgspec import structs

    of_kind = view("clusters")

    def broken(_: Any) -> Any:
        raise ZeroDivisionError

    table = of_kind.table(picture, Query())
    table.columns = (structs.replace(table.columns[0], cell=broken), *table.columns[1:])
    assert table.cell(0, 0) is BROKEN_CELL
    assert table.cell(0, 1) is not BROKEN_CELL
    assert "ZeroDivisionError" in of_kind.lost(picture)


PARTS = ("clusters", "workloads", "calls", "machines", "findings", "tenants", "canaries", "drift")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_attention_that_breaks_is_said_and_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    from meshtop.views.reports.attention import build as report

    def broken(*_: Any) -> Any:
        raise KeyError(f"odd {part}")

    snapshot = world(east(sick=True), west())
    whole = {one.title for one in attention(Picture(snapshot))}
    monkeypatch.setattr(report, f"of_{part}", broken)
    found = attention(Picture(snapshot))
    (said,) = [one for one in found if "is not known: a defect (KeyError)" in one.title]
    kept = {one.title for one in found} & whole
    assert kept or part in ("clusters", "workloads"), "what else is known is still said"
    assert [record for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR]
    attention(Picture(snapshot))
    assert len([record for record in caplog.records if record.exc_info]) == 1, "its traceback is written once"
    assert said.severity is Severity.WARNING
