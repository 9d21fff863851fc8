from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.style import Style

from meshtop.console.terminal.cell_diff import CellDiff
from meshtop.console.terminal.cells import DEFAULT_PEN, Pen, ScreenCell, cells_of, change_pen, has_controls, pen_of
from tests.console.terminal.emulator import Terminal

WIDTH, HEIGHT = 14, 4
PENS = [
    DEFAULT_PEN,
    Pen("1", "38;2;255;0;0", ""),
    Pen("", "38;2;255;0;0", "48;2;0;0;90"),
    Pen("7", "", ""),
    Pen("1;4", "31", "44"),
]
WORDS = st.text(st.sampled_from("ab cé한好▲│é\u0301"), min_size=1, max_size=6).map(
    lambda word: word.lstrip("\u0301") or "x"
)
RUNS = st.tuples(WORDS, st.sampled_from(PENS))


def line_of(runs: list[tuple[str, Pen]]) -> list[ScreenCell]:
    """A whole line: no wide character is cut at its end."""
    cells = [cell for text, pen in runs for cell in cells_of(text, pen)][:WIDTH]
    if cells and len(cells) == WIDTH and len(cells_of(cells[-1].text, cells[-1].pen)) == 2:
        cells[-1] = ScreenCell(" ", cells[-1].pen)
    return cells + [ScreenCell(" ", DEFAULT_PEN)] * (WIDTH - len(cells))


FRAMES = st.lists(
    st.lists(st.lists(RUNS, max_size=5).map(line_of), min_size=HEIGHT, max_size=HEIGHT), min_size=1, max_size=5
)


def whole(frame: list[list[ScreenCell]]) -> str:
    """A frame as Textual sends it: every line, every cell."""
    out = []
    for y, line in enumerate(frame):
        out.append(f"\x1b[{y + 1};1H")
        out.extend(change_pen(DEFAULT_PEN, cell.pen) + cell.text + "\x1b[0m" for cell in line if cell.text)
    return "".join(out)


def blank() -> Terminal:
    terminal = Terminal(WIDTH, HEIGHT)
    terminal.feed("\x1b[?7l")
    return terminal


@settings(max_examples=150, deadline=None)
@given(FRAMES)
def test_any_frames_end_as_if_each_were_sent_whole(frames: list[list[list[ScreenCell]]]) -> None:
    thick, slim, diff = blank(), blank(), CellDiff()
    diff.resize(WIDTH, HEIGHT)
    for frame in frames:
        thick.feed(whole(frame))
        for y, line in enumerate(frame):
            diff.paint(y, 0, line)
        slim.feed(diff.take())
        assert slim.shown() == thick.shown()
        for y, line in enumerate(frame):
            diff.paint(y, 0, line)
        assert diff.take() == ""


@settings(max_examples=100, deadline=None)
@given(FRAMES, st.lists(st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), WORDS), max_size=8))
def test_pieces_over_pieces_end_as_if_sent_as_they_are(
    frames: list[list[list[ScreenCell]]], pieces: list[tuple[int, int, str]]
) -> None:
    thick, slim, diff = blank(), blank(), CellDiff()
    diff.resize(WIDTH, HEIGHT)
    thick.feed(whole(frames[0]))
    for y, line in enumerate(frames[0]):
        diff.paint(y, 0, line)
    slim.feed(diff.take())
    for y, x, text in pieces:
        narrow = "".join(c for c in text if c not in "한好\u0301")
        thick.feed(f"\x1b[{y + 1};{x + 1}H{narrow[: WIDTH - x]}")
        diff.paint(y, x, cells_of(narrow, DEFAULT_PEN))
        slim.feed(diff.take())
    # Half a wide character that was drawn over is the terminal's own affair; where it stood, both may differ.
    for one, other in zip(thick.shown(), slim.shown(), strict=True):
        for column, (a, b) in enumerate(zip(one, other, strict=True)):
            halves = [
                cell[0] for cell in (*one[max(0, column - 1) : column + 2], *other[max(0, column - 1) : column + 2])
            ]
            assert a == b or "" in halves or "한" in halves or "好" in halves


def test_nothing_changed_sends_nothing_and_one_cell_sends_a_jump_and_a_character() -> None:
    diff = CellDiff()
    diff.resize(WIDTH, HEIGHT)
    diff.paint(0, 0, cells_of("requests 12.4k", DEFAULT_PEN))
    diff.take()
    diff.paint(0, 0, cells_of("requests 12.4k", DEFAULT_PEN))
    assert diff.take() == ""
    diff.paint(0, 0, cells_of("requests 12.5k", DEFAULT_PEN))
    assert diff.take() == "\x1b[1;13H5"


def test_a_short_gap_is_drawn_again_and_a_long_one_jumped_over() -> None:
    diff = CellDiff()
    diff.resize(WIDTH, HEIGHT)
    diff.paint(0, 0, cells_of("a..b.........c", DEFAULT_PEN))
    diff.take()
    diff.paint(0, 0, cells_of("A..B.........C", DEFAULT_PEN))
    assert diff.take() == "\x1b[1;1HA..B\x1b[9CC"


def test_a_pen_change_sends_only_what_differs_and_ends_with_the_default() -> None:
    diff = CellDiff()
    diff.resize(3, 1)
    diff.paint(0, 0, [ScreenCell("a", PENS[1]), ScreenCell("b", Pen("1", "", "")), ScreenCell("c", DEFAULT_PEN)])
    assert diff.take() == "\x1b[m\x1b[1;1H\x1b[1;38;2;255;0;0ma\x1b[39mb\x1b[mc"


def test_what_follows_an_emoji_is_sent_and_placed_again() -> None:
    diff = CellDiff()
    diff.resize(6, 1)
    diff.paint(0, 0, cells_of("🔒xyz", DEFAULT_PEN))
    diff.take()
    diff.paint(0, 0, cells_of("🔓xyz", DEFAULT_PEN))
    assert diff.take() == "\x1b[1;1H🔓\x1b[1;3Hx"


def test_forgetting_sends_everything_again_and_what_is_off_screen_is_ignored() -> None:
    diff = CellDiff()
    diff.resize(3, 1)
    diff.paint(0, 0, cells_of("abcdef", DEFAULT_PEN))
    assert diff.take() == "\x1b[m\x1b[1;1Habc"
    diff.forget()
    diff.paint(0, 0, cells_of("abc", DEFAULT_PEN))
    assert diff.take() == "\x1b[m\x1b[1;1Habc"
    diff.paint(5, 0, cells_of("x", DEFAULT_PEN))
    diff.paint(0, 3, cells_of("x", DEFAULT_PEN))
    assert diff.take() == ""


@pytest.mark.parametrize(
    ("style", "system", "wanted"),
    [
        ("", ColorSystem.TRUECOLOR, Pen()),
        ("default on default", ColorSystem.TRUECOLOR, Pen()),
        ("bold #ff0000 on #000010", ColorSystem.TRUECOLOR, Pen("1", "38;2;255;0;0", "48;2;0;0;16")),
        ("#ff0000", ColorSystem.EIGHT_BIT, Pen("", "38;5;196", "")),
        ("red reverse", ColorSystem.STANDARD, Pen("7", "31", "")),
        ("link https://x", ColorSystem.TRUECOLOR, Pen("", "", "", "https://x")),
    ],
)
def test_styles_become_pens(style: str, system: ColorSystem, wanted: Pen) -> None:
    assert pen_of(Style.parse(style), system) == wanted


def test_controls_are_noticed() -> None:
    assert [has_controls(text) for text in ("plain", "한 ▲", "\x1b[2J", "a\nb", "\x9b")] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_what_changes_next_with_the_same_pen_needs_no_pen_again() -> None:
    """The clock of an idle screen: a place and a digit."""
    diff, pen = CellDiff(), PENS[2]
    diff.resize(WIDTH, HEIGHT)
    diff.paint(1, 2, cells_of("11:45:32", pen))
    assert diff.take().startswith("\x1b[m")
    diff.paint(1, 2, cells_of("11:45:34", pen))
    assert diff.take() == "\x1b[2;10H4"
    assert (diff.reset(), diff.reset()) == ("\x1b[m", "")
    diff.paint(1, 2, cells_of("11:45:35", pen))
    assert diff.take() == f"\x1b[2;10H{change_pen(DEFAULT_PEN, pen)}5"
    diff.forget()
    assert diff.reset() == "\x1b[m", "whatever the pen is now"


def test_no_link_outlasts_its_frame() -> None:
    diff = CellDiff()
    diff.resize(WIDTH, HEIGHT)
    diff.paint(0, 0, cells_of("a", Pen("", "31", "", "http://192.0.2.1")))
    assert diff.take().endswith("\x1b]8;;\x1b\\")
    assert diff.reset() == ""


def test_a_character_is_one_object_in_whatever_text_it_is_drawn() -> None:
    pen = Pen("", "38;2;1;2;3", "")
    cells = {id(cell) for number in range(3000) for cell in cells_of(f"{number} ▲ of 好", pen)}
    assert len(cells) == len(set("0123456789 ▲of好")) + 1, "each character once, and the second half of the wide one"


def test_texts_that_never_come_again_are_forgotten() -> None:
    most = cells_of.cache_info().maxsize
    assert most is not None
    for number in range(2 * most):
        cells_of(f"seen once: {number}", DEFAULT_PEN)
    assert cells_of.cache_info().currsize <= most
