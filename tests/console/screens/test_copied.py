"""`y` copies what is on the screen, with what it is of; `C` does so as well. Other forms are a key away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.console.screens.evidence import EvidenceScreen
from meshtop.console.screens.fleet import FleetScreen
from meshtop.console.screens.object import ClusterPagesScreen
from meshtop.console.screens.text import MOST_COPIED
from meshtop.console.widgets.line_widget import LineView, wrapped_lines
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.told import ToldLines, ToldTable
from meshtop.model.text import cell_width
from tests.console.screens.test_screens import go, press, settled, text_of
from tests.console.stage import StillApp, busy_world, stage


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def app() -> StillApp:
    return stage(busy_world())


def copied(app: StillApp) -> tuple[list[str], str]:
    """The head of what is in the clipboard, and what is below it."""
    head, _, rest = app.clipboard.partition("\n\n")
    return head.splitlines(), rest


@pytest.mark.parametrize("key", ["y", "C"])
async def test_a_table_is_copied_with_place_scope_moment_and_sources(app: StillApp, berlin: None, key: str) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await go(pilot, "workloads")
        await press(pilot, key)
        (place, scope, moment, sources, *unknown), table = copied(app)
        assert place == "Services ▸ Workloads"
        assert scope == "all clusters · last 5m"
        assert moment == "2026-08-01T14:00:00Z (2026-08-01 16:00:00 CEST)"
        assert sources == "sources: east, west, north"
        assert any("north did not answer" in one for one in unknown)
        titles, *rows = table.splitlines()
        assert "WORKLOAD" in titles
        assert any("reviews-v2" in row for row in rows)
        # What stands under a title begins where it does.
        at = titles.index("CLUSTER")
        assert {row[at : at + 4] for row in rows} == {"east", "west"}
        assert not table.endswith("\n\n")


async def test_now_is_copied_whole_from_above_to_below(app: StillApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "y")
        body = copied(app)[1]
        places = [body.index(part) for part in ("REQ/S", "NOW", "shop/reviews-v2", "CLUSTER", "Error ratio %")]
        assert places == sorted(places)
        assert "Control planes" not in body, "ways to other pages say nothing of this one"
        assert "live" not in body, "the bars are not part of it"
        (plot,) = [line for line in body.splitlines() if line.startswith("Error ratio %")]
        assert "east 2" in plot
        assert "max 2" in plot, "a plot is told as a sentence"


async def test_what_is_cut_on_the_screen_is_whole_in_the_copy(app: StillApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "…" in text_of(app.screen.query_one("#needs"))
        await press(pilot, "y")
        assert "…" not in copied(app)[1]


async def test_rows_that_are_out_of_sight_are_counted(app: StillApp) -> None:
    async with app.run_test(size=(60, 15)) as pilot:
        await go(pilot, "workloads")
        rows = app.screen.query_one(LiveTable)
        rows.styles.height = 3
        await pilot.pause()
        await press(pilot, "y")
        assert copied(app)[1].splitlines()[-1] == f"(2 of {len(rows.model or ())} rows)"


async def test_other_forms_are_shown_and_copied_by_one_key(app: StillApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "y")
        assert isinstance(app.screen, EvidenceScreen)
        text = app.clipboard
        assert "Copied as text" in text_of(app.screen.query_one(LineView))
        assert text.splitlines()[0] in text_of(app.screen.query_one(LineView))
        await press(pilot, "m")
        assert app.clipboard.startswith("**Services ▸ Workloads**\n\n- all clusters")
        assert "| --- |" in app.clipboard
        assert "Copied as Markdown" in text_of(app.screen.query_one(LineView))
        await press(pilot, "j")
        assert json.loads(app.clipboard)["name"] == "reviews-v2"
        await press(pilot, "t")
        assert app.clipboard == text
        await press(pilot, "y")
        assert not isinstance(app.screen, EvidenceScreen)


@pytest.mark.parametrize("kind", ["graph", "journal", "findings", "tenantmatrix", "mtls", "tenanttree"])
async def test_every_screen_has_something_to_tell(app: StillApp, kind: str) -> None:
    async with app.run_test(size=(160, 40)) as pilot:
        if kind == "journal":
            await press(pilot, "J")
        else:
            await go(pilot, kind)
        for _ in range(20):
            await pilot.pause(0.01)
        await press(pilot, "y")
        assert isinstance(app.screen, EvidenceScreen)
        head, body = copied(app)
        assert len(head) >= 4
        assert body.strip()
        await press(pilot, "j")
        json.loads(app.clipboard)


async def test_a_detail_tells_all_of_its_facts_and_its_plots(app: StillApp) -> None:
    async with app.run_test(size=(120, 30)) as pilot:
        await go(pilot, "services")
        await press(pilot, "enter", "y")
        head, body = copied(app)
        assert head[0] == "Services ▸ shop/reviews"
        for part in ("HEALTH", "hosts", "Error ratio %", "WORKLOAD"):
            assert part in body
        await press(pilot, "j")
        assert json.loads(app.clipboard)["name"] == "reviews"


async def test_before_anything_was_read_there_is_nothing_to_copy() -> None:
    app = stage(None)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await press(pilot, "y")
        assert not isinstance(app.screen, EvidenceScreen)
        assert app.clipboard == ""


async def test_in_a_browser_it_is_shown_to_be_selected(app: StillApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(app), "is_web", property(lambda _: True))
    async with app.run_test(size=(100, 30)) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "y")
        shown = text_of(app.screen.query_one(LineView))
        assert "select it (text)" in shown
        assert "reviews-v2" in shown
        assert app.clipboard == ""


async def test_what_is_too_long_for_a_clipboard_is_said(app: StillApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await go(pilot, "workloads")
        await press(pilot, "y")
        screen = app.screen
        assert isinstance(screen, EvidenceScreen)
        before = app.clipboard
        screen._text = "x" * (MOST_COPIED + 1)
        screen.action_copy()
        assert app.clipboard == before
        assert "Too long" in screen.said


def test_an_object_is_copied_by_the_same_key() -> None:
    assert any("y" in binding.key.split(",") for binding in ClusterPagesScreen.BINDINGS)  # type: ignore[union-attr]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=200), st.integers(4, 60))
def test_a_wrapped_text_fits_and_loses_nothing_but_blanks(text: str, width: int) -> None:
    pieces = wrapped_lines(text, width)
    assert all(cell_width(piece) <= width for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_tables_in_text_and_markdown() -> None:
    table = ToldTable(("NAME", "REQ/S"), (("a|b", "1"), ("longer", "20")), (False, True), total=3)
    assert table.text == ("NAME    REQ/S", "a|b         1", "longer     20", "(2 of 3 rows)")
    assert table.markdown == (
        "| NAME | REQ/S |",
        "| --- | --: |",
        "| a\\|b | 1 |",
        "| longer | 20 |",
        "",
        "2 of 3 rows",
    )


def test_sentences_stand_last_in_text() -> None:
    long = "reviews are slow " * 5
    table = ToldTable(("NOW 1", "SINCE"), ((long, "14:05"),), (False, False), total=1)
    assert [line.split()[0] for line in table.text] == ["SINCE", "14:05"]
    assert table.text[1].endswith(long.rstrip())


def test_lines_lose_the_margin_that_all_of_them_share() -> None:
    assert ToldLines(("", "  A  ", "", "    b", "")).text == ("A", "", "  b")


async def test_a_sentence_that_goes_on_in_a_row_of_its_own_is_one_row_in_the_copy(app: StillApp) -> None:
    async with app.run_test(size=(80, 40)) as pilot:
        await settled(pilot)
        needs = app.screen.query_one("#needs", LiveTable)
        assert needs.model is not None
        split = [key for index in range(len(needs.model)) if (key := needs.model.key(index)).endswith("~")]
        assert split, "a row that goes on"
        sentence = app.screen._needs[split[0]].message if isinstance(app.screen, FleetScreen) else ""
        assert sentence
        await press(pilot, "y")
        (row,) = [line for line in copied(app)[1].splitlines() if sentence in line]
        assert row.index(sentence) > 2, "its beginning stands in the same row"
