from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.cli.text_table import Style, any_table, render_table
from meshtop.model.text import cell_width
from meshtop.views.frame.table import Align, Cell, Column, Table, Tone

Row = tuple[str, str, str]


def column(
    name: str, index: int, *, priority: int = 1, align: Align = Align.LEFT, tone: Tone = Tone.PLAIN
) -> Column[Row]:
    return Column(
        name=name,
        title=name.upper(),
        help="",
        value=lambda row: row[index],
        cell=lambda row: Cell(row[index], tone),
        priority=priority,
        align=align,
        min_width=3,
        max_width=20,
    )


COLUMNS = (
    column("name", 0, priority=0),
    column("note", 1, priority=5),
    column("rate", 2, align=Align.RIGHT, tone=Tone.FAILING),
)


def lines(rows: list[Row], style: Style) -> list[str]:
    return render_table(Table(COLUMNS, rows, lambda row: row[0]), style)


def test_a_pipe_gets_everything_aligned() -> None:
    rows = [("web", "x" * 50, "1.2k"), ("日本", "", "–")]
    assert lines(rows, Style()) == [
        "NAME  NOTE" + " " * 46 + "  RATE",
        "web   " + "x" * 50 + "  1.2k",
        "日本  " + " " * 50 + "     –",
    ]


def test_on_a_terminal_the_least_important_gives_way() -> None:
    rows = [("web", "note", "1.2k")]
    assert lines(rows, Style(width=12)) == ["NAME  RATE", "web   1.2k"]


def test_what_must_stay_is_shortened_at_last() -> None:
    rows = [("a-very-long-workload-name", "note", "1.2k")]
    assert lines(rows, Style(width=16))[1] == "a-very-lo…  1.2k"
    assert lines(rows, Style(width=16, ascii_only=True))[1] == "a-very-lo~  1.2k"


def test_colour_paints_the_text_and_not_the_padding() -> None:
    painted = lines([("web", "n", "5")], Style(color=True))
    assert painted[1] == "web   n        \x1b[31m5\x1b[0m"
    assert re.sub(r"\x1b\[\d*m", "", "\n".join(painted)) == "\n".join(lines([("web", "n", "5")], Style()))


def test_ascii_only() -> None:
    assert lines([("wéb", "→", "–")], Style(ascii_only=True))[1] == "web   >        -"


words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp", "Co", "Cn", "Mn", "Me"]), max_size=30)


@settings(max_examples=60)
@given(st.lists(st.tuples(words, words, words), max_size=5), st.integers(20, 100))
def test_no_line_is_wider_than_the_terminal(rows: list[Row], width: int) -> None:
    assert all(cell_width(line) <= width for line in lines(rows, Style(width=width)))


def test_a_small_table() -> None:
    assert any_table(("KEY", "FROM"), [("refresh", "default")], Style()) == ["KEY      FROM", "refresh  default"]


def test_a_verdict_is_whole_while_a_name_can_be_cut() -> None:
    def words(at: int, title: str, most: int) -> Column[tuple[str, str]]:
        return Column(
            name=title, title=title, help="", value=str, cell=lambda row: Cell(row[at]), priority=0, max_width=most
        )

    row = ("mainframe-bridge-172.18.4.9-on-prem-vm", "▲ degraded")
    table = Table([words(0, "VM", 48), words(1, "HEALTH", 12)], [row], lambda item: item[0])
    assert render_table(table, Style(width=30))[1] == "mainframe-bridge-…  ▲ degraded"
