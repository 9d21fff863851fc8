"""The vertical order of columns: crossings, and rows that keep it."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.graph.order import crossings, sweep
from meshtop.analysis.graph.place import isotonic

LINES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


@given(LINES)
def test_crossings_are_pairs_of_lines_that_cross(lines: list[tuple[int, int]]) -> None:
    right: list[list[int]] = [[] for _ in range(12)]
    for a, b in lines:
        right[a].append(6 + b)
    place = [float(item % 6) for item in range(12)]
    crossing = sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in combinations(lines, 2))
    assert crossings([list(range(6)), list(range(6, 12))], right, place) == crossing


@given(LINES, st.lists(st.sampled_from([(), (0,), (0, 1), (2,)]), min_size=12, max_size=12))
def test_groups_stand_together_and_in_one_order(lines: list[tuple[int, int]], frames: list[tuple[int, ...]]) -> None:
    left: list[list[int]] = [[] for _ in range(12)]
    right: list[list[int]] = [[] for _ in range(12)]
    for a, b in set(lines):
        right[a].append(6 + b)
        left[6 + b].append(a)
    columns = [list(range(6)), list(range(6, 12))]
    for _ in sweep(columns, left, right, frames, 3):
        pass
    assert [sorted(column) for column in columns] == [list(range(6)), list(range(6, 12))]
    orders = []
    for column in columns:
        paths = [frames[item] for item in column]
        order = [path for at, path in enumerate(paths) if at == 0 or paths[at - 1] != path]
        assert len(order) == len(set(order)), "a group is in two places"
        orders.append(order)
    both = set(orders[0]) & set(orders[1])
    assert [p for p in orders[0] if p in both] == [p for p in orders[1] if p in both]


ITEMS = st.lists(st.tuples(st.integers(-40, 40), st.sampled_from([0.1, 1.0, 2.0, 5.0]), st.integers(1, 3)), min_size=1)


@given(ITEMS)
def test_rows_keep_the_order_and_what_is_in_nobodys_way_gets_its_wish(items: list[tuple[int, float, int]]) -> None:
    wish, weight, heights = [w / 4 for w, _, _ in items], [m for _, m, _ in items], [h for _, _, h in items]
    rows = isotonic(wish, weight, heights)
    assert all(above + tall <= below for (above, below), tall in zip(pairwise(rows), heights, strict=False))
    if all(below - above > tall for (above, below), tall in zip(pairwise(wish), heights, strict=False)):
        assert rows == [int((w + 0.5) // 1) for w in wish]


def test_two_that_want_one_place_share_it_by_weight() -> None:
    assert isotonic([10.0, 10.0], [1.0, 1.0], [2, 2]) == [9, 11]
    assert isotonic([10.0, 10.0], [9.0, 1.0], [2, 2]) == [10, 12]
