from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from textual.geometry import Region
from textual.pilot import Pilot

from meshtop.console.terminal.look import Look
from meshtop.console.widgets.lines import LineStyles
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.notes import Note
from meshtop.views.frame.table import AnyColumn, Cell, Table, Tone
from tests.console.widgets.sample import COLUMNS, TableApp, Workload, table_of, until, workloads


def text(table: LiveTable, y: int) -> str:
    return table.render_line(y).text.rstrip()


def shown(table: LiveTable) -> list[str]:
    return [text(table, y) for y in range(table.size.height)]


class Counting(Table[Workload]):
    """A model that counts which rows were formatted."""

    def __init__(self, rows: list[Workload]) -> None:
        super().__init__(COLUMNS, rows, lambda w: f"{w.cluster}/{w.namespace}/{w.name}")
        self.formatted: set[int] = set()

    def cell(self, index: int, column: int) -> Cell:
        self.formatted.add(index)
        return super().cell(index, column)


async def test_numbers_stand_right_under_headings_with_units() -> None:
    app = TableApp(rows=workloads(4))
    async with app.run_test(size=(81, 10)):
        assert shown(app.table)[:5] == [
            "  WORKLOAD    STATE       NAMESPACE   CLUSTER    REQ/S  ERR %↓   P99 ms      +1›",
            " ▸storefront  ✗ failing   shop        us-east     7100    0.00       80",
            "  reviews     ▲ degraded  payments    eu-west     3550    1.85      133",
            "  ratings                 platform    on-prem     2367    3.70      186",
            "  catalog     ? stale     shop        us-east        –       –        –",
        ]


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (200, ["LAST 30 MIN", "NAMESPACE", "CLUSTER", "P99 ms"], []),
        (80, ["NAMESPACE", "CLUSTER", "P99 ms"], ["LAST 30 MIN"]),
        (62, ["CLUSTER", "REQ/S"], ["LAST 30 MIN", "NAMESPACE"]),
        (46, ["WORKLOAD", "STATE", "REQ/S", "ERR %"], ["CLUSTER", "P99 ms"]),
        (24, ["WORKLOAD", "STATE"], ["CLUSTER", "P99 ms"]),
    ],
)
async def test_columns_give_way_by_priority(width: int, there: list[str], gone: list[str]) -> None:
    app = TableApp(rows=workloads(4))
    async with app.run_test(size=(width + 1, 10)):  # one cell is the scrollbar's
        header = text(app.table, 0)
        assert all(title in header for title in there)
        assert not any(title in header for title in gone)
        assert all(app.table.render_line(y).cell_length == width for y in range(10))


async def test_hidden_columns_come_on_screen_sideways_and_the_first_one_stays() -> None:
    app = TableApp(rows=workloads(4))
    async with app.run_test(size=(60, 15)) as pilot:
        seen = set()
        for _ in range(8):
            header = text(app.table, 0)
            assert "WORKLOAD" in header
            seen |= {column.title for column in COLUMNS if column.title in header}
            await pilot.press("right")
        assert seen == {column.title for column in COLUMNS if not column.hidden}
        assert "›" not in text(app.table, 0)
        await pilot.press(*["left"] * 8)
        assert "‹" not in text(app.table, 0)
        assert "STATE" in text(app.table, 0)


async def test_only_visible_rows_are_formatted() -> None:
    app = TableApp()
    model = Counting(workloads(5000))
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(model)
        await pilot.pause()
        assert model.formatted == set(range(23))
        await pilot.press("G")
        assert model.formatted == set(range(23)) | set(range(5000 - 23, 5000))


async def refreshed(pilot: Pilot[int], app: TableApp, act: Callable[[], None]) -> list[Region]:
    """The regions of the table that one step asks to be drawn again."""
    await pilot.pause()
    app.table._exchange_repaint_regions()
    act()
    return sorted(app.table._exchange_repaint_regions())


async def test_an_unchanged_model_draws_nothing_and_a_changed_cell_only_itself() -> None:
    rows = workloads(12)
    app = TableApp(rows=rows)
    async with app.run_test(size=(80, 24)) as pilot:
        again = await refreshed(pilot, app, lambda: app.table.show(table_of(workloads(12)), ("errorRatio", True)))
        assert again == []
        rows[2] = replace(rows[2], p99=187.0)
        regions = await refreshed(pilot, app, lambda: app.table.show(table_of(rows), ("errorRatio", True)))
        (region,) = regions
        assert (region.y, region.height) == (3, 1)
        assert text(app.table, 3)[region.x : region.right].strip() == "187"


async def test_columns_do_not_jitter_when_numbers_change_their_width() -> None:
    rows = workloads(6)
    app = TableApp(rows=rows)
    async with app.run_test(size=(120, 24)):
        rows[0] = replace(rows[0], requests=123456789.0)
        app.table.show(table_of(rows), ("errorRatio", True))
        wide = text(app.table, 0)
        for turn in range(11):
            rows[0] = replace(rows[0], requests=float(10 ** (turn % 4)))
            app.table.show(table_of(rows), ("errorRatio", True))
            assert text(app.table, 0) == wide
        app.table.show(table_of(rows), ("errorRatio", True))
        assert text(app.table, 0) != wide


async def test_the_cursor_follows_its_row_and_rests_on_top_until_a_row_was_chosen() -> None:
    rows = workloads(60)
    app = TableApp(rows=rows)
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show(table_of(rows[::-1]))
        assert app.table.cursor_key == table_of(rows).key(59)
        await pilot.press("j", "j")
        key = app.table.cursor_key
        assert key == table_of(rows).key(57)
        app.table.show(table_of(rows))
        await pilot.pause()
        assert app.table.cursor_key == key
        assert any(line.startswith(" ▸gateway" + "-") or " ▸" in line for line in shown(app.table))
        assert app.table.scroll_offset.y == 57 - 23 + 1
        left = [row for row in rows if f"{row.cluster}/{row.namespace}/{row.name}" != key]
        app.table.show(table_of(left))
        assert app.table.cursor_key == table_of(left).key(57)
        app.table.show(table_of(left[:3]))
        await pilot.pause()
        assert app.table.cursor_key == table_of(left).key(2)
        assert sum(" ▸" in line for line in shown(app.table)) == 1


@pytest.mark.parametrize(
    ("keys", "index"),
    [
        (["j", "j", "down", "k"], 2),
        (["k"], 0),
        (["G"], 99),
        (["end", "home"], 0),
        (["ctrl+f"], 23),
        (["pagedown", "pagedown", "pageup"], 23),
        (["ctrl+d", "ctrl+d", "ctrl+u"], 11),
        (["G", "j", "ctrl+b"], 76),
    ],
)
async def test_keys_move_the_cursor_and_it_stays_on_screen(keys: list[str], index: int) -> None:
    rows = workloads(100)
    app = TableApp(rows=rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        assert app.table.cursor_key == table_of(rows).key(index)
        assert sum(" ▸" in line for line in shown(app.table)) == 1
        if index:
            assert app.posted[-1] == ("highlighted", table_of(rows).key(index))


async def test_mouse_selects_opens_and_sorts() -> None:
    rows = workloads(12)
    app = TableApp(rows=rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click(LiveTable, offset=(10, 3))
        assert app.posted[-1] == ("highlighted", table_of(rows).key(2))
        await pilot.click(LiveTable, offset=(10, 5), times=2)
        assert app.posted[-1] == ("chosen", table_of(rows).key(4))
        header = text(app.table, 0)
        await pilot.click(LiveTable, offset=(header.index("P99"), 0))
        await pilot.click(LiveTable, offset=(header.index("ERR"), 0))
        await pilot.click(LiveTable, offset=(header.index("CLUSTER"), 0))
        assert app.posted[-3:] == [("sort", "p99", True), ("sort", "errorRatio", False), ("sort", "cluster", False)]
        await pilot.hover(LiveTable, offset=(10, 7))
        assert app.table._lines[6].ground == "hover"


async def test_keys_choose_a_column_to_sort_by_and_escape_is_free_otherwise() -> None:
    app = TableApp(rows=workloads(12))
    async with app.run_test(size=(80, 24)) as pilot:
        assert not app.table.check_action("cancel_pick", ())
        await pilot.press("s", "right", "enter")
        assert app.posted[-1] == ("sort", "p99", True)
        await pilot.press("s", "h", "l", "s", "escape")
        assert app.posted[-1] == ("sort", "p99", True)
        assert not app.table.picking
        await pilot.press("enter")
        chosen: tuple[object, ...] = ("chosen", app.table.cursor_key)
        assert app.posted[-1] == chosen


async def test_space_marks_rows_by_key() -> None:
    rows = workloads(12)
    app = TableApp(rows=rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "j", "space")
        wanted = frozenset({table_of(rows).key(0), table_of(rows).key(2)})
        assert app.posted[-1] == ("marks", wanted)
        app.table.show(table_of(rows[::-1]))
        assert text(app.table, 12).startswith("• storefront")
        for key in wanted:
            app.table.go_to(key)
            await pilot.press("space")
        assert app.table.marks == frozenset(), "a mark is taken away as it is made"


async def test_waiting_and_empty_explain_themselves() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        assert any("Reading…" in line for line in shown(app.table))
        app.table.explain_empty(
            Note("No workloads", "The filter status:failing hides all 42.", "esc clears the filter")
        )
        app.table.show(table_of([]))
        await pilot.pause()
        lines = [line.strip() for line in shown(app.table) if line.strip()]
        assert lines == ["No workloads", "The filter status:failing hides all 42.", "esc clears the filter"]
        assert app.table.cursor_key is None
        await pilot.press("j", "G", "enter", "space", "s", "right")
        app.table.show(table_of(workloads(2)))
        assert app.table.cursor_key is not None


HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "a\nb\tc",
    "[bold]x[/bold]",
    "\u202eevil",
    "한국어한국어한국어한국어한국어",
    "x" * 300,
    "",
    "e\u0301" * 40,
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("width", [20, 81])
async def test_hostile_names_stay_in_their_column(name: str, width: int) -> None:
    app = TableApp(rows=[replace(workloads(1)[0], name=name), *workloads(3)])
    async with app.run_test(size=(width + 1, 8)):
        strips = [app.table.render_line(y) for y in range(8)]
        assert {strip.cell_length for strip in strips} == {width}
        assert all(strip.text.isprintable() for strip in strips)
        if name.startswith("["):
            assert name[: width - 12] in strips[1].text


async def test_a_terminal_of_no_size_and_other_columns_do_no_harm() -> None:
    app = TableApp(rows=workloads(5))
    async with app.run_test(size=(3, 1)) as pilot:
        await pilot.press("j", "right", "G")
        await pilot.resize_terminal(80, 24)
        few = Table(COLUMNS[:2], workloads(5), lambda w: w.name)
        app.table.show(few)
        await pilot.pause()
        assert "NAMESPACE" not in text(app.table, 0)
        none: tuple[AnyColumn, ...] = ()
        app.table.show(Table(none, workloads(5), lambda w: w.name))
        await pilot.pause()


async def test_go_to_finds_a_row_by_its_key() -> None:
    rows = workloads(200)
    app = TableApp(rows=rows)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.table.go_to(table_of(rows).key(150))
        await pilot.pause()
        assert sum(" ▸" in line for line in shown(app.table)) == 1
        assert not app.table.go_to("nowhere")


async def test_a_theme_switch_draws_other_colours_and_no_colour_reverses_the_cursor() -> None:
    app = TableApp(rows=workloads(5))
    async with app.run_test(size=(80, 24)) as pilot:
        before = app.table.render_line(1)
        app.theme = "meshtop-light"
        await until(pilot, lambda: app.table.render_line(1) != before)
    plain = TableApp(Look("meshtop-ansi", colour=False), rows=workloads(5))
    async with plain.run_test(size=(80, 24)):
        cursor = [segment.style for segment in plain.table.render_line(1)]
        assert all(style is not None and style.reverse for style in cursor)
        rest = [segment.style for segment in plain.table.render_line(2)]
        assert not any(style is not None and style.reverse for style in rest)


async def test_tones_reach_the_screen() -> None:
    app = TableApp(rows=workloads(5))
    async with app.run_test(size=(80, 24)):
        colours = {LineStyles(app.table).style("plain", tone).color for tone in Tone}
        assert len(colours) >= 6
