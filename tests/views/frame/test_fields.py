"""Every JSON field of a kind can be filtered and sorted by, and means itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import inspect

from meshtop.views.frame.fields import field_columns
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import KINDS, view
from meshtop.views.picture.picture import Picture
from meshtop.views.picture.query import Query
from tests import worlds

SHOWN = [kind.name for kind in KINDS if not kind.hidden or kind.name in ("mtlsedges", "tenantmatrix")]
MOMENTS = ("at", "since", "time", "after", "seen")


@pytest.fixture(scope="module")
def picture() -> Picture:
    return Picture(worlds.world())


def reach(item: Any, path: str) -> Any:
    for part in path.split("."):
        item = None if item is None else item[part]
    return item


@pytest.mark.parametrize("kind", SHOWN)
def test_a_path_reads_what_the_json_says(picture: Picture, kind: str) -> None:
    items = view(kind).all_items(picture)
    for column in field_columns(view(kind).item):
        for item, said in zip(items, msgspec.json.decode(msgspec.json.encode(items)), strict=True):
            found, written = column.value(item), reach(said, column.name)
            expected = str(written).lower() if isinstance(written, bool) else written
            assert (list(found) if isinstance(found, tuple) else found) == expected, column.name
            assert column.numeric == (isinstance(written, int | float) and not isinstance(written, bool)) or not written


@pytest.mark.parametrize(
    ("kind", "filter_", "names"),
    [
        ("workloads", "outbound.requestsPerSecond:>0 cluster:east", ["web-v1"]),
        ("workloads", "inbound.requestsPerSecond:>0 cluster:east", ["reviews-v1", "reviews-v2"]),
        ("clusters", "nodes.total:2", ["east", "west"]),
        ("workloads", "health.status:degraded", ["reviews-v2", "web-v1"]),
    ],
)
def test_what_has_one_end_in_two_places_is_told_apart(
    picture: Picture, kind: str, filter_: str, names: list[str]
) -> None:
    found = view(kind).items(picture, Query(filter=filter_))
    assert sorted(item.name for item in found) == names


def test_edges_are_told_apart_by_their_ends(picture: Picture) -> None:
    for end in ("source", "destination"):
        found = view("edges").items(picture, Query(filter=f"{end}.cluster:west"))
        assert found
        assert {getattr(item, end).cluster for item in found} == {"west"}


def test_one_may_sort_by_them(picture: Picture) -> None:
    first, *_ = view("workloads").items(picture, Query(sort="outbound.requestsPerSecond"))
    assert first.name == "web-v1"


def test_a_mistyped_path_gets_the_nearest(picture: Picture) -> None:
    with pytest.raises(FilterError, match=r"did you mean outbound\.errorRatio\?"):
        view("workloads").items(picture, Query(filter="outbound.errorRation:>0"))


def fields_below(kind: inspect.Type, path: str = "") -> list[tuple[str, inspect.Type]]:
    if isinstance(kind, inspect.UnionType):
        return [found for part in kind.types for found in fields_below(part, path)]
    if isinstance(kind, inspect.StructType):
        return [found for field in kind.fields for found in fields_below(field.type, f"{path}.{field.encode_name}")]
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return fields_below(kind.item_type, path)
    return [(path.removeprefix("."), kind)]


@pytest.mark.parametrize("kind", SHOWN)
def test_moments_are_times_and_not_numbers(kind: str) -> None:
    for path, found in fields_below(inspect.type_info(view(kind).item)):
        name = path.rpartition(".")[2]
        if name.lower() in MOMENTS or name.endswith(tuple(end.title() for end in MOMENTS)):
            assert not isinstance(found, inspect.FloatType | inspect.IntType), path
