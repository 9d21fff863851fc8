from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.console.widgets.table_layout import GUTTER, MIN_GAP, ColumnLayout, ColumnWidths, floor_width, lay_out
from meshtop.views.frame.table import Align, AnyColumn, Cell, Column

COLUMN = st.builds(
    lambda n, title, priority, least, right: Column(
        name=f"c{n}", title=title, help="", value=str, cell=lambda _: Cell(""), priority=priority, min_width=least,
        max_width=30, align=Align.RIGHT if right else Align.LEFT,
    ),
    st.integers(0, 10**6), st.text("ABC", min_size=1, max_size=8), st.integers(0, 3), st.integers(1, 12), st.booleans(),
)  # fmt: skip
TABLE = st.lists(st.tuples(COLUMN, st.integers(0, 60)), min_size=1, max_size=10)


def widths_of(table: list[tuple[AnyColumn, int]]) -> tuple[list[AnyColumn], list[int]]:
    columns = [column for column, _ in table]
    steady = ColumnWidths()
    steady.learn(columns, [widest for _, widest in table], refreshed=True)
    return columns, steady.wanted


@settings(max_examples=200)
@given(TABLE, st.integers(1, 160), st.integers(0, 6))
def test_places_never_overlap_never_overflow_and_count_what_is_hidden(
    table: list[tuple[AnyColumn, int]], width: int, skip: int
) -> None:
    columns, wanted = widths_of(table)
    layout = lay_out(columns, wanted, width, skip=min(skip, max(0, len(columns) - 2)))
    assert len(layout.places) + layout.hidden_left + layout.hidden_right == len(columns)
    assert all(place.width > 0 for place in layout.places)
    assert all(a.end + MIN_GAP <= b.x for a, b in zip(layout.places, layout.places[1:], strict=False))
    if width > GUTTER:
        assert layout.places
        assert layout.places[0].x == GUTTER
        assert layout.places[-1].end <= width


@settings(max_examples=200)
@given(TABLE, st.integers(20, 160))
def test_a_column_leaves_only_after_all_that_matter_less(table: list[tuple[AnyColumn, int]], width: int) -> None:
    columns, wanted = widths_of(table)
    shown = {place.column for place in lay_out(columns, wanted, width).places}
    gone = [columns[index].priority for index in range(len(columns)) if index not in shown]
    kept = [columns[index].priority for index in shown if index] or [0]
    if gone and min(gone) > 0:
        assert max(kept) <= min(gone)


@settings(max_examples=100)
@given(TABLE, st.integers(10, 160))
def test_the_same_widths_keep_the_layout(table: list[tuple[AnyColumn, int]], width: int) -> None:
    columns, wanted = widths_of(table)
    first = lay_out(columns, wanted, width)
    assert lay_out(columns, wanted, width, previous=first) == first


@given(TABLE)
def test_a_width_stays_between_floor_and_most(table: list[tuple[AnyColumn, int]]) -> None:
    columns, wanted = widths_of(table)
    for column, width in zip(columns, wanted, strict=True):
        assert floor_width(column) <= width <= max(floor_width(column), column.max_width)


def test_no_columns_is_a_layout_too() -> None:
    assert lay_out([], [], 80) == ColumnLayout()


def words(name: str, priority: int, most: int = 48) -> AnyColumn:
    return Column(name=name, title=name, help="", value=str, cell=lambda _: Cell(""), priority=priority, max_width=most)


def number(name: str, priority: int) -> AnyColumn:
    return Column(
        name=name, title=name, help="", value=str, cell=lambda _: Cell(""), priority=priority, align=Align.RIGHT,
        numeric=True, min_width=6,
    )  # fmt: skip


def test_long_names_are_cut_before_a_number_that_matters_goes() -> None:
    columns = [words("from", 0), words("to", 0), number("rate", 1), number("p99", 2)]
    layout = lay_out(columns, [44, 40, 6, 6], 60)
    assert [place.column for place in layout.places] == [0, 1, 2]
    assert layout.places[2].width == 6
    assert lay_out(columns, [44, 40, 6, 6], 60, previous=layout) == layout
    assert [place.column for place in lay_out(columns, [44, 40, 6, 6], 110).places] == [0, 1, 2, 3]


def test_long_names_stay_whole_before_a_number_that_does_not_matter() -> None:
    columns = [words("from", 0), words("to", 0), number("p99", 2)]
    layout = lay_out(columns, [38, 36, 6], 80)
    assert [(place.column, place.width) for place in layout.places] == [(0, 38), (1, 36)]
