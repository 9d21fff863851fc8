"""Trees of rows: order, folding, filters and guides, by hand and by property."""

from __future__ import annotations

from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from meshtop.views.frame.columns import Columns
from meshtop.views.frame.sort import SortKey, parse_sort
from meshtop.views.frame.tree import ALL_OPEN, Folding, Tree, TreeTable


class Thing(Struct, frozen=True):
    key: str
    parent: str | None = None
    size: float | None = None
    late: int = 0


c = Columns(Thing)
COLUMNS = (c.text("name", "NAME", "", "key"), c.rate("size", "SIZE", "", "size"))
THINGS = (
    Thing("acme"),
    Thing("shop", "acme", 30.0),
    Thing("pay", "acme", 50.0),
    Thing("web", "shop", 10.0),
    Thing("cards", "shop", 20.0),
    Thing("a group", "shop", 99.0, late=1),
    Thing("none", None, 500.0, late=2),
    Thing("lost", "none"),
)


def tree(things: tuple[Thing, ...] | list[Thing] = THINGS) -> Tree[Thing]:
    return Tree(things, key=attrgetter("key"), parent=attrgetter("parent"), rank=attrgetter("late"))


def order(text: str = "size") -> tuple[SortKey[Thing], ...]:
    return parse_sort(text, COLUMNS)


def drawn(folding: Folding, sort: str = "size", wanted: str = "") -> list[str]:
    passes = (lambda thing: wanted in thing.key) if wanted else None
    return [twig.lead + twig.key for twig in tree().rows(folding, order(sort), passes)]


def test_guides_and_order() -> None:
    assert drawn(ALL_OPEN) == [
        "▾ acme",
        "├── pay",
        "└─▾ shop",
        "  ├── cards",
        "  ├── web",
        "  └── a group",
        "▾ none",
        "└── lost",
    ]


def test_siblings_are_sorted_among_themselves_and_what_is_late_stays_late() -> None:
    assert [line.strip("├└─│▾▸ ") for line in drawn(ALL_OPEN, "-size")] == [
        "acme", "shop", "web", "cards", "a group", "pay", "none", "lost",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("folding", "shown"),
    [
        (Folding(), ["▸ acme", "▸ none"]),
        (Folding(depth=1), ["▾ acme", "├── pay", "└─▸ shop", "▾ none", "└── lost"]),
        (Folding(depth=1, shut=frozenset({"none"})), ["▾ acme", "├── pay", "└─▸ shop", "▸ none"]),
        (Folding(depth=1).closing("acme", "none"), ["▸ acme", "▸ none"]),
        (Folding(depth=1).closing("acme", "none").opening("none"), ["▸ acme", "▾ none", "└── lost"]),
        (Folding().opening("shop"), ["▸ acme", "▸ none"]),
    ],
)
def test_folding(folding: Folding, shown: list[str]) -> None:
    assert drawn(folding) == shown


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ("cards", ["▾ acme", "└─▾ shop", "  └── cards"]),
        ("shop", ["▾ acme", "└── shop"]),
        ("lost", ["▾ none", "└── lost"]),
        ("nowhere", []),
    ],
)
def test_a_filter_keeps_what_leads_to_what_it_finds(wanted: str, shown: list[str]) -> None:
    assert drawn(ALL_OPEN, wanted=wanted) == shown


def test_without_its_parent_a_row_stands_on_top() -> None:
    rows = tree(THINGS[1:5]).rows(Folding(depth=1), order())
    assert [(twig.key, twig.depth) for twig in rows] == [("pay", 0), ("shop", 0), ("cards", 1), ("web", 1)]
    assert [twig.lead for twig in rows] == ["  ", "▾ ", "├── ", "└── "]


def test_as_a_table_the_first_column_has_the_guides() -> None:
    table = TreeTable(COLUMNS, tree().rows(ALL_OPEN, order()))
    assert (table.key(3), table.cell(3, 0).lead, table.cell(3, 0).text) == ("cards", "  ├── ", "cards")
    assert (table.cell(3, 1).lead, table.cell(3, 1).text) == ("", "20")
    found = table.twig("cards")
    assert found is not None
    assert found.parent == "shop"
    assert table.twig("nowhere") is None


_names = st.integers(0, 14)
_forests = st.lists(st.tuples(_names, st.none() | st.floats(0, 100)), min_size=1, max_size=15).map(
    lambda parts: [
        Thing(str(number), str(above) if above < number else None, size) for number, (above, size) in enumerate(parts)
    ]
)
_foldings = st.builds(
    Folding,
    depth=st.integers(0, 3),
    opened=st.frozensets(_names.map(str), max_size=4),
    folded=st.frozensets(_names.map(str), max_size=4),
)


@given(_forests, st.sampled_from(["size", "-size", "name"]))
@settings(max_examples=60)
def test_unfolded_every_row_is_there_once_under_its_own(things: list[Thing], sort: str) -> None:
    grown = tree(things)
    rows = grown.rows(ALL_OPEN, order(sort))
    assert sorted(twig.key for twig in rows) == sorted(thing.key for thing in things)
    path: list[str] = []
    for twig in rows:
        del path[twig.depth :]
        assert tuple(reversed(path)) == grown.ancestors(twig.key)
        path.append(twig.key)


@given(_forests, _foldings)
@settings(max_examples=60)
def test_what_is_shown_is_what_stands_under_open_rows_alone(things: list[Thing], folding: Folding) -> None:
    grown = tree(things)
    rows = {twig.key: twig for twig in grown.rows(folding, order())}
    everything = {twig.key: twig for twig in grown.rows(ALL_OPEN, order())}
    for key, twig in everything.items():
        above = grown.ancestors(key)
        shown = all(folding.is_open(name, everything[name].depth) for name in above)
        assert (key in rows) == shown
        if shown:
            assert rows[key].open == (None if twig.open is None else folding.is_open(key, twig.depth))


@given(_forests, _foldings, st.sampled_from(["size", "-size", "name"]))
@settings(max_examples=40)
def test_folding_holds_in_any_order_and_one_key_moves_no_other(
    things: list[Thing], folding: Folding, sort: str
) -> None:
    grown = tree(things)
    assert {t.key for t in grown.rows(folding, order(sort))} == {t.key for t in grown.rows(folding, order())}
    for twig in grown.rows(folding, order()):
        if twig.open:
            after = {t.key for t in grown.rows(folding.closing(twig.key), order())}
            below = {t.key for t in grown.rows(ALL_OPEN, order()) if twig.key in grown.ancestors(t.key)}
            assert after == {t.key for t in grown.rows(folding, order())} - below
