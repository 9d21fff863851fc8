from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from meshtop.views.frame.columns import Columns
from meshtop.views.frame.filter import FilterError, find_column, number_in_unit, parse_filter
from meshtop.views.frame.sort import parse_sort, sort_items
from meshtop.views.frame.table import Column


class Row(Struct, frozen=True):
    name: str = ""
    ns: str = ""
    tags: tuple[str, ...] = ()
    rps: float | None = None
    p99: float | None = None
    errors: float | None = None


c = Columns(Row)
COLUMNS: tuple[Column[Row], ...] = (
    c.text("name", "NAME", "", "name"),
    c.text("namespace", "NS", "", "ns", aliases=("ns",)),
    c.words("tags", "TAGS", "", "tags"),
    c.rate("requestsPerSecond", "REQ/S", "", "rps", aliases=("rps",)),
    c.latency("p99", "P99", "", "p99"),
    c.ratio("errorRatio", "ERR %", "", "errors", aliases=("errors",)),
)

WEB = Row("web", "shop", ("a", "b"), 1500.0, 900.0, 0.02)
CART = Row("cart", "shop-dev", (), 0.0, 80.0, 0.0)
LOAD = Row("loadgen", "tools", ("b",), None, None, None)
ROWS = (WEB, CART, LOAD)


def names(text: str) -> set[str]:
    wanted = parse_filter(text, COLUMNS)
    return {row.name for row in ROWS if wanted.matches(row)}


CASES = [
    ("", {"web", "cart", "loadgen"}),
    ("namespace:shop", {"web"}),
    ("ns:shop", {"web"}),
    ("NAMESPACE:SHOP", {"web"}),
    ("ns:shop*", {"web", "cart"}),
    ("ns:shop ns:tools", {"web", "loadgen"}),
    ("ns:shop* rps:>1", {"web"}),
    ("!ns:shop", {"cart", "loadgen"}),
    ("!ns:shop !ns:tools", {"cart"}),
    ("ns:shop* !name:web", {"cart"}),
    ("name:~^load", {"loadgen"}),
    ("!name:~^load", {"web", "cart"}),
    ("name:~A", {"cart", "loadgen"}),
    ("tags:b", {"web", "loadgen"}),
    ("tags:null", {"cart"}),
    ("rps:null", {"loadgen"}),
    ("!rps:null", {"web", "cart"}),
    ("rps:>=1500", {"web"}),
    ("rps:>1k", {"web"}),
    ("rps:1.5k", {"web"}),
    ("rps:0", {"cart"}),
    ("rps:<1", {"cart"}),
    ("!rps:>1", {"cart", "loadgen"}),
    ("rps:0..2k", {"web", "cart"}),
    ("p99:>500ms", {"web"}),
    ("p99:>0.5s", {"web"}),
    ("p99:<=80", {"cart"}),
    ("errorRatio:>0.01", {"web"}),
    ("errors:>1%", {"web"}),
    ("traffic.errorRatio:>1%", {"web"}),
    ("web", {"web"}),
    ("SHOP", {"web", "cart"}),
    ("shop dev", {"cart"}),
    ("!shop", {"loadgen"}),
    ("~^(web|cart)$", {"web", "cart"}),
    ("1.50k", {"web"}),
    ('"ns:shop"', set()),
    ('name:"web"', {"web"}),
    ('name:"we*"', set()),
    ('name:"~web"', set()),
    ('"~web"', set()),
    ('"!web"', set()),
    ('!"web"', {"cart", "loadgen"}),
    ("name:we?", set()),
    ("name:[w]eb", set()),
]


@pytest.mark.parametrize(("text", "left"), CASES)
def test_a_filter_leaves(text: str, left: set[str]) -> None:
    assert names(text) == left


ERRORS = [
    ("nmae:x", "There is no column nmae; did you mean name? (to look for the text itself"),
    ("10.0.0.1:9090", 'put it in quotes: "10.0.0.1:9090"'),
    ("rps:fast", "'fast' is not a number, which requestsPerSecond needs; write requestsPerSecond:>10."),
    ("p99:>5k", "The unit 'k' does not fit p99; write a plain number or one of ms, s, m, h."),
    ("rps:>5ms", "The unit 'ms' does not fit requestsPerSecond"),
    ("name:>5", "name is not a number, so '>5' cannot be compared"),
    ("name:~(", "is not a regular expression"),
    ("name:~", "A regular expression is missing after ~"),
    ("name:", "A value is missing in 'name:'; write name:value, or null for unknown."),
    ("!", "A value is missing in '!'"),
    (":x", "A column's name is missing before the colon"),
    ('"open', 'The quote " is not closed.'),
]


@pytest.mark.parametrize(("text", "said"), ERRORS)
def test_a_wrong_filter_is_told_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, COLUMNS)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


rows = st.builds(
    Row,
    name=st.text("abc", max_size=3),
    ns=st.text("xy", max_size=2),
    rps=st.none() | st.floats(0, 1e6),
    p99=st.none() | st.floats(0, 1e6),
)


@given(rows, st.sampled_from(["ns:x", "rps:>5", "name:~a", "ab", "p99:null", "name:a*"]))
def test_negation_is_the_complement(row: Row, term: str) -> None:
    assert parse_filter(term, COLUMNS).matches(row) != parse_filter(f"!{term}", COLUMNS).matches(row)


@given(rows, st.floats(0, 1e6))
def test_comparisons_split_what_is_known(row: Row, bound: float) -> None:
    above = parse_filter(f"rps:>{bound!r}", COLUMNS).matches(row)
    below = parse_filter(f"rps:<={bound!r}", COLUMNS).matches(row)
    unknown = parse_filter("rps:null", COLUMNS).matches(row)
    assert [above, below, unknown].count(True) == 1


@given(st.text(max_size=40), rows)
def test_any_text_is_a_filter_or_a_sentence(text: str, row: Row) -> None:
    said = ""
    try:
        parse_filter(text, COLUMNS).matches(row)
    except FilterError as error:
        said = str(error)
    assert not said or said.endswith((".", "?", ")"))


@given(st.text(min_size=1, max_size=10).filter(lambda t: '"' not in t), rows)
def test_quoted_text_is_looked_for_as_it_is(text: str, row: Row) -> None:
    found = parse_filter(f'"{text}"', (COLUMNS[0],)).matches(row)
    assert found == (text.lower() in row.name.lower() and row.name != "")


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        ("1s", "p99", 1000.0),
        ("2m", "p99", 120_000.0),
        ("5%", "errors", 0.05),
        ("3Mi", "rps", 3 * 2**20),
        ("1e3", "rps", 1e3),
    ],
)
def test_units(text: str, column: str, value: float) -> None:
    assert number_in_unit(text, find_column(column, COLUMNS)) == pytest.approx(value)


SORTS: list[tuple[str, list[str]]] = [
    ("name", ["cart", "loadgen", "web"]),
    ("-name", ["web", "loadgen", "cart"]),
    ("rps", ["web", "cart", "loadgen"]),
    ("-rps", ["cart", "web", "loadgen"]),
    ("requestspersecond", ["web", "cart", "loadgen"]),
]


@pytest.mark.parametrize(("text", "order"), SORTS)
def test_sorting(text: str, order: list[str]) -> None:
    assert [row.name for row in sort_items(ROWS, parse_sort(text, COLUMNS))] == order


@given(st.lists(rows, max_size=12), st.sampled_from(["rps", "-rps", "ns,rps", "name,-p99", ""]))
def test_sorting_loses_nothing_and_keeps_unknown_last(items: list[Row], text: str) -> None:
    keys = parse_sort(text, COLUMNS)
    done: list[Any] = sort_items(items, keys)
    assert sorted(map(repr, done)) == sorted(map(repr, items))
    if text in ("rps", "-rps"):
        known = [row.rps is not None for row in done]
        assert known == sorted(known, reverse=True)
    assert sort_items(done, keys) == done


def test_a_wrong_sort_names_the_nearest_column() -> None:
    with pytest.raises(FilterError, match="did you mean requestsPerSecond"):
        parse_sort("requestPerSecond", COLUMNS)
