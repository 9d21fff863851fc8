"""Tracks in a gap: what demands what, how a ring is cut, and that no two bundles share a cell of a track."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.graph.rows import Rows
from meshtop.analysis.graph.tracks import Gap, Pins, Turn, assign_tracks


def free_rows(bundles: list[Pins]) -> Callable[[], Rows]:
    def rows() -> Rows:
        found = Rows()
        for pins in bundles:
            for row in (*pins.left, *pins.right):
                found.take(row)
        return found

    return rows


@pytest.mark.parametrize(
    ("bundles", "demands"),
    [
        pytest.param([Pins(0, [1], [5])], [set()], id="alone"),
        pytest.param([Pins(0, [1], [5]), Pins(1, [2], [6])], [set(), set()], id="no row in common"),
        pytest.param([Pins(0, [1], [5]), Pins(1, [5], [9])], [{1}, set()], id="the lower one turns first"),
        pytest.param([Pins(0, [1], [5]), Pins(1, [5], [1])], [{1}, {0}], id="a ring"),
        pytest.param([Pins(0, [5], [5]), Pins(1, [1], [5])], [set(), set()], id="straight on demands nothing"),
    ],
)
def test_demands(bundles: list[Pins], demands: list[set[int]]) -> None:
    assert Gap(bundles, Rows).demands() == demands


@pytest.mark.parametrize(
    ("bundles", "turns"),
    [
        pytest.param([Pins(0, [3], [3])], {0: Turn(-1, -1, None)}, id="straight on"),
        pytest.param([Pins(0, [1], [5])], {0: Turn(0, 0, None)}, id="one turn"),
        pytest.param(
            [Pins(0, [1], [3]), Pins(1, [5], [8])], {0: Turn(0, 0, None), 1: Turn(0, 0, None)}, id="one track for two"
        ),
        pytest.param(
            [Pins(0, [1], [5]), Pins(1, [5], [9])], {1: Turn(0, 0, None), 0: Turn(1, 1, None)}, id="one after another"
        ),
        pytest.param(
            [Pins(0, [1], [5]), Pins(1, [5], [1])], {0: Turn(0, 2, 0), 1: Turn(1, 1, None)}, id="a ring is cut"
        ),
    ],
)
def test_turns(bundles: list[Pins], turns: dict[int, Turn]) -> None:
    assert assign_tracks(bundles, free_rows(bundles))[0] == turns


ROWS = st.lists(st.integers(0, 12), min_size=1, max_size=3)


@given(st.lists(st.tuples(ROWS, ROWS), max_size=10))
def test_bundles_never_share_a_cell_of_a_track_and_demands_are_kept(pins: list[tuple[list[int], list[int]]]) -> None:
    bundles = [Pins(net, left, right) for net, (left, right) in enumerate(pins)]
    turns, tracks = assign_tracks(bundles, free_rows(bundles))
    assert turns.keys() == {pins.net for pins in bundles}
    for spans in tracks:
        assert all(above[1] < below[0] for above, below in pairwise(spans))
    for one in bundles:
        for other in bundles:
            turning = turns[one.net].first >= 0 and turns[other.net].first >= 0
            if one is not other and turning and set(one.left) & set(other.right):
                assert turns[one.net].first < turns[other.net].last
