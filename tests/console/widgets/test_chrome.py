from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.commands import Command, InputHistory, parse_command
from meshtop.console.widgets.help_screen import HelpScreen, HelpText, found_in, help_lines
from meshtop.console.widgets.key_hints import KeyHint, hint_line
from meshtop.console.widgets.line_widget import LineView, LineWidget
from meshtop.console.widgets.notes import Note, is_too_small, note_lines
from meshtop.console.widgets.prompts import CommandBar, FilterLine
from meshtop.console.widgets.proposals import CommandProposals, Proposal, proposal_line
from meshtop.console.widgets.top_bar import PlaceTab, TopBar, TopBarState, top_lines
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Tone
from tests.console.widgets.sample import COMMANDS, TOP, FrameApp, until, workloads, written


def bottom(app: FrameApp) -> str:
    return app.query_one(BottomBar).hints.render_line(0).text.rstrip()


def test_the_top_says_where_and_what() -> None:
    lines, _ = top_lines(TOP, 80)
    assert [written(line) for line in lines] == [
        " meshtop  1 Fleet  2 Namespaces  3 Services  4 Workloads",
        " shop   all clusters · all tenants · last 5m · status:fail…  live · 2 s ago  RO",
    ]


def test_a_narrow_top_keeps_the_current_view_and_the_state() -> None:
    lines, _ = top_lines(TOP, 44)
    first, second = (written(line) for line in lines)
    assert first == " meshtop  1  2  3  4 Workloads"
    assert second.startswith(" shop   all clusters")
    assert second.endswith("live · 2 s ago  RO")
    assert "…" in second


def test_a_wide_top_says_the_time_and_who_answers() -> None:
    state = structs.replace(TOP, clock="11:45:32 UTC", answers="2/3 ok", answers_tone=Tone.DEGRADED)
    (_, wide), _ = top_lines(state, 120)
    assert written(wide).endswith("11:45:32 UTC · live · 2 s ago · 2/3 ok  RO")
    assert Tone.DEGRADED in {run.tone for run in wide.runs}
    (_, narrow), _ = top_lines(state, 80)
    assert written(narrow).endswith("live · 2 s ago · 2/3 ok  RO")
    assert "11:45" not in written(narrow)


def test_a_page_without_a_key_is_named_before_what_is_opened_in_it() -> None:
    (first, second), _ = top_lines(structs.replace(TOP, current="Localities", crumbs=("us-east",)), 120)
    assert written(first) == " meshtop  1 Fleet  2 Namespaces  3 Services  4 Workloads", "places never move"
    assert written(second).startswith(" Localities ▸ us-east   all clusters")


TEXT = st.text(max_size=12)


@given(TEXT, TEXT, st.lists(TEXT, max_size=4), st.integers(40, 120))
def test_any_scope_fits(crumb: str, state: str, scope: list[str], width: int) -> None:
    model = TopBarState((PlaceTab("1", "Fleet"),), "Fleet", (crumb,), tuple(scope), state, read_only=True)
    lines, _ = top_lines(model, width)
    assert all(cell_width(written(line)) <= width for line in lines)


HINTS = [
    KeyHint("enter", "open"),
    KeyHint("s", "sort"),
    KeyHint("w", "shift", "read-only"),
    KeyHint("?", "help"),
    KeyHint("q", "quit"),
]


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (80, " enter open · s sort · w shift (read-only) · ? help · q quit"),
        (55, " enter open · s sort · w shift · ? help · q quit"),
        (42, " enter open · s sort · ? help · q quit"),
        (20, " ? help · q quit"),
    ],
)
def test_hints_leave_from_the_right_but_help_and_quit_stay(width: int, wanted: str) -> None:
    assert written(hint_line(HINTS, width)[0]) == wanted


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("workloads", "workloads", ""),
        ("wl", "workloads", ""),
        (":NS shop", "namespace", "shop"),
        ("th light", "theme", "light"),
    ],
)
def test_commands_by_name_alias_and_beginning(text: str, name: str, argument: str) -> None:
    command, rest = parse_command(text, COMMANDS)
    assert (command.name, rest) == (name, argument)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "type a command"), ("xyz", "no command 'xyz'"), ("s", "could be services, shift")],
)
def test_what_is_no_command_is_a_sentence(text: str, sentence: str) -> None:
    commands = [*COMMANDS, Command("services", ""), Command("shift", "")]
    with pytest.raises(ValueError, match=sentence):
        parse_command(text, commands)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("wor", ["workloads"]),
        ("wl", ["workloads"]),
        ("namespace pa", ["namespace payments"]),
        ("ns p", ["namespace payments", "namespace platform", "namespace shop"]),
        ("ns zzz", ["namespace zzz"]),
        ("zzz", []),
        ("zzz a", []),
        ("", ["workloads", "namespace", "theme", "quit"]),
    ],
)
def test_commands_and_their_values_are_proposed(text: str, wanted: list[str]) -> None:
    assert [one.typed for one in CommandProposals(COMMANDS).find(text, 10)] == wanted


@given(st.text(max_size=40), st.text(max_size=40), st.integers(20, 120), st.lists(st.integers(0, 60), max_size=5))
def test_a_proposal_fits_its_line(text: str, about: str, width: int, offsets: list[int]) -> None:
    line = proposal_line(
        Proposal(text=text, about=about, command="", offsets=tuple(offsets)), width, width // 2, chosen=True
    )
    assert cell_width(written(line)) <= width


def test_history_goes_back_and_returns_to_what_was_typed() -> None:
    history = InputHistory()
    for line in ("one", "two", "two"):
        history.add(line)
    assert [history.back("x"), history.back("two"), history.back("one")] == ["two", "one", "one"]
    assert [history.forward("one"), history.forward("two"), history.forward("x")] == ["two", "x", "x"]


@given(st.text(max_size=60), st.text(max_size=90), st.integers(1, 100), st.integers(0, 20))
def test_notes_fit_any_size(title: str, why: str, width: int, height: int) -> None:
    lines = note_lines(Note(title, why, "press ?"), width, height)
    assert len(lines) == height
    assert all(cell_width(written(line)) <= width for line in lines)


@given(st.text(max_size=30), st.text(max_size=120), st.integers(20, 100))
def test_help_fits_any_width(term: str, meaning: str, width: int) -> None:
    lines = help_lines(HelpText(term, meaning, ((term, meaning),), (("P99 ms", meaning),)), width)
    assert all(cell_width(written(line)) <= width for line in lines)


async def test_a_whole_screen_has_three_lines_of_chrome() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(80, 24)):
        assert app.query_one(TopBar).size.height + app.query_one(BottomBar).size.height == 3
        assert app.table.size.height == 21
        assert bottom(app) == " enter open · / filter · : command · w shift · s sort · ? help · q quit"


async def test_the_filter_is_typed_explained_kept_and_taken_back() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash")
        line = app.query_one(FilterLine)
        assert line.input.value == "status:failing"
        assert not app.query_one(BottomBar).hints.display
        await pilot.press("x")
        assert app.posted[-1] == ("filter", "status:failingx", False)
        assert "12 of 310" in str(line.query_one(".message").render())
        await pilot.press("escape")
        assert app.posted[-1] == ("filter", "status:failing", True)
        assert app.focused is app.table
        await pilot.press("slash", "ctrl+u", "exclamation_mark")
        assert "✗ after ! comes a term" in str(line.query_one(".message").render())
        await pilot.press("backspace", "a", "enter")
        assert app.posted[-1] == ("filter", "a", True)
        assert app.query_one(BottomBar).hints.display
        await pilot.press("slash", "up")
        assert line.input.value == "a"


async def test_the_command_bar_completes_complains_and_remembers() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("colon", "n", "tab")
        bar = app.query_one(CommandBar)
        assert bar.input.value == "namespace"
        await pilot.press(*" pay", "tab", "enter")
        assert app.posted[-1] == ("command", "namespace", "payments")
        assert app.focused is app.table
        await pilot.press("colon", "z", "enter")
        assert "no command 'z'" in str(bar.query_one(".message").render())
        await pilot.press("escape", "colon", "up", "enter")
        assert app.posted[-1] == ("command", "namespace", "payments")
        await pilot.press("colon", "enter")
        assert app.query_one(BottomBar).hints.display


async def test_keys_that_are_off_do_nothing_and_clicks_press_keys() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("w")
        await pilot.click(TopBar, offset=(11, 0))
        assert app.posted[-1] == ("view", "1")
        await pilot.click("KeyHints", offset=(bottom(app).index("? help"), 0))
        assert isinstance(app.screen, HelpScreen)


async def test_help_lists_keys_and_columns_and_scrolls() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        view = app.screen.query_one(LineView)
        text = "\n".join(written(line) for line in view._text_lines)
        assert "NEVER DRAWN" not in text
        for wanted in ("j ↓", "next row", "P99 ms", "99 % of requests are faster.", "▲", "degraded", "w", "shift"):
            assert wanted in text
        assert "Focus Next" not in text
        await pilot.press("G")
        assert view.scroll_offset.y > 0
        await pilot.press("escape")
        assert app.screen_stack[-1] is app.screen_stack[0]


async def test_a_notice_takes_the_place_of_the_hints() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(80, 24)):
        app.query_one(BottomBar).say("Copied 3 rows.")
        assert bottom(app) == " Copied 3 rows."
        app.query_one(BottomBar).say("")
        assert bottom(app).startswith(" enter open")


async def test_a_small_terminal_says_what_it_has_and_needs_and_q_quits() -> None:
    assert [is_too_small(60, 15), is_too_small(59, 15), is_too_small(60, 14)] == [False, True, True]
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: len(app.screen_stack) == 2)
        sizes = app.screen.query_one(LineWidget)
        await until(pilot, lambda: any("have 40×10, need 60×15" in sizes.render_line(y).text for y in range(10)))
        await pilot.resize_terminal(20, 5)
        await until(pilot, lambda: any("have 20×5" in sizes.render_line(y).text for y in range(5)))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(app.screen_stack) == 1)
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("q")
    assert app.return_code == 0


async def test_ctrl_c_ends_as_interrupted() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+c")
    assert app.return_code == 130


def test_what_is_sought_is_all_that_the_help_shows() -> None:
    help_ = HelpText(
        "Services", "What serves.", keys=(("g", "graph"), ("x", "only this")), columns=(("ERR %", "errors"),)
    )
    assert found_in(help_, "  ") == help_
    found = found_in(help_, "only THIS")
    assert (found.keys, found.columns, found.signs) == ((("x", "only this"),), (), ())


async def test_the_help_is_searched_by_typing_and_esc_leaves_the_search_first() -> None:
    app = FrameApp(rows=workloads())
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("question_mark", "slash", *"sort")
        shown = "\n".join(str(line) for line in help_shown(app))
        assert "sort" in shown
        assert "filter" not in shown
        await pilot.press("ctrl+u", *"qqqq")
        assert "Nothing here says that." in "\n".join(help_shown(app))
        await pilot.press("escape")
        assert "filter" in "\n".join(help_shown(app))
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)


def help_shown(app: FrameApp) -> list[str]:
    view = app.screen.query_one(LineView)
    return [view.render_line(y).text for y in range(view.size.height)]
