"""Fuzzy search: the best first, the matched letters, and the same cost whatever a name repeats."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.console.widgets.name_index import MOST_SCORED, NameIndex

NAMES = ["us-east/shop/catalog", "us-east/shop/cart", "eu-west/data/catalog-db", "catalog", "theme", "us-east/cat/x"]


def found(query: str, names: list[str] = NAMES) -> list[str]:
    index = NameIndex(names)
    return [index.names[hit.index] for hit in index.search(query, 10)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("catalog", "catalog"),
        ("CAT", "catalog"),
        ("shop/cat", "us-east/shop/catalog"),
        ("db", "eu-west/data/catalog-db"),
        ("scart", "us-east/shop/cart"),
        ("shop cart", "us-east/shop/cart"),
        ("tme", "theme"),
        ("us-east/cat", "us-east/cat/x"),
    ],
)
def test_the_best_comes_first(query: str, first: str) -> None:
    assert found(query)[0] == first


def test_a_word_that_begins_so_comes_before_one_that_has_it_inside() -> None:
    assert found("art", ["east/shop/cart", "east/art/x"]) == ["east/art/x", "east/shop/cart"]


@pytest.mark.parametrize("query", ["", "   ", "zzz", "q"])
def test_what_is_not_there_is_not_found(query: str) -> None:
    assert found(query) == []


@given(st.lists(st.text(max_size=20), max_size=12), st.text(max_size=5))
def test_matched_letters_are_those_that_were_typed(names: list[str], query: str) -> None:
    index = NameIndex(names)
    wanted = " ".join(query.lower().split())
    for hit in index.search(query, 10):
        letters = "".join(index.names[hit.index][offset] for offset in hit.offsets)
        assert letters in (wanted, wanted.replace(" ", ""))
        assert list(hit.offsets) == sorted(set(hit.offsets))


@given(st.lists(st.text(alphabet="ab/-", max_size=8), max_size=12), st.text(alphabet="ab", min_size=2, max_size=4))
def test_all_that_have_it_are_found_else_all_that_have_its_letters_in_order(names: list[str], query: str) -> None:
    together = any(query in name for name in names)
    pattern = re.compile((".*" if not together else "").join(map(re.escape, query)))
    index = NameIndex(names)
    assert {hit.index for hit in index.search(query, 100)} == {
        number for number, name in enumerate(names) if pattern.search(name)
    }


def test_of_many_thousand_only_some_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[str] = []
    index = NameIndex([f"us-east/shop-{number}/service-{number}" for number in range(20_000)])
    real = "meshtop.console.widgets.name_index._search.score"

    def score(name: str, offsets: object) -> float:
        scored.append(name)
        return 1.0

    monkeypatch.setattr(real, score)
    for query in ("s", "se", "service", "svc", "srv-19999"):
        scored.clear()
        assert index.search(query, 10)
        assert len(scored) <= 10 * MOST_SCORED


def test_repeated_letters_cost_nothing_more() -> None:
    # Textual's own search of in-order letters would try every way to choose them.
    index = NameIndex(["a-" * 120 + "b"])
    assert len(index.search("a" * 60 + "b", 10)) == 1
