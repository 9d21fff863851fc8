"""How the console draws on a terminal: colours and characters, by what the environment says."""

from __future__ import annotations

import pytest
from rich.color import ColorSystem
from textual.css.stylesheet import Stylesheet

from meshtop.console.terminal.cells import segments_to_cells
from meshtop.console.terminal.look import Look, decide_look, has_few_colours, not_unicode
from meshtop.console.terminal.shell import Shell
from meshtop.console.themes import DEFAULT_THEME, PLAIN_THEME, find_theme
from meshtop.console.widgets.live_table import LiveTable
from tests.console.screens.test_screens import settled
from tests.console.stage import busy_world, stage


@pytest.mark.parametrize(
    ("environ", "few"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "xterm-16color"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, False),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, False),
        ({"TERM": "linux", "TEXTUAL_COLOR_SYSTEM": "truecolor"}, False),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "standard"}, True),
        ({}, False),
    ],
)
def test_who_has_few_colours(environ: dict[str, str], few: bool) -> None:
    assert has_few_colours(environ) is few
    assert decide_look(environ).theme == (PLAIN_THEME if few else DEFAULT_THEME)
    assert decide_look(environ, theme="light").theme == (PLAIN_THEME if few else find_theme("light"))
    assert decide_look(environ).colour


@pytest.mark.parametrize(
    ("environ", "ascii_only"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "C.utf8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, False),
        ({"LANG": "C", "LC_ALL": ""}, True),
    ],
)
def test_characters_are_those_of_the_locale_unless_somebody_says_so(environ: dict[str, str], ascii_only: bool) -> None:
    assert not_unicode(environ) is ascii_only
    assert decide_look(environ) == Look(DEFAULT_THEME, ascii=ascii_only)
    assert decide_look(environ, ascii_only=False).ascii is False
    assert decide_look(environ, ascii_only=True).ascii is True


async def test_amber_is_a_real_yellow_of_sixteen_colours() -> None:
    app = stage(busy_world(), look=decide_look({"TERM": "linux"}))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        rows = app.screen.query_one("#rows", LiveTable)
        cells = [
            cell
            for y in range(rows.size.height)
            for cell in segments_to_cells(rows.render_line(y), ColorSystem.STANDARD)[0]
        ]
        text = "".join(cell.text for cell in cells)
        at = text.index("degraded")
        assert {cell.pen.foreground for cell in cells[at : at + 8]} == {"93"}, "bright yellow: 33 is brown on many"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_styles_are_parsed_anew_for_another_theme_alone(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Stylesheet] = []
    reparse = Stylesheet.reparse

    def counted(self: Stylesheet) -> None:
        parsed.append(self)
        reparse(self)

    monkeypatch.setattr(Stylesheet, "reparse", counted)
    app = Shell(decide_look({"TERM": "xterm-256color"}, theme=theme))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert not parsed, "the theme that it begins with is known before the styles are read"
        before = app.screen.styles.background
        app.theme = find_theme("light" if theme == "dark" else "dark")
        await pilot.pause()
        assert len(parsed) == 1
        assert app.screen.styles.background != before
        app.refresh_css()
        assert len(parsed) == 1
