from __future__ import annotations

import pytest
from textual.color import Color

from meshtop.console.terminal.look import Look, PlotChoice, decide_look
from meshtop.console.terminal.shell import Shell
from meshtop.console.themes import PALETTES, Palette, find_theme, theme_names, themes
from meshtop.console.widgets.plot_memory import LINE_TONES

TRUECOLOR = [palette for palette in PALETTES if not palette.ansi]
TONES = ("plain", "dim", "strong", "good", "degraded", "failing", "unknown", "accent")


def luminance(color: Color) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [c / 255 for c in (color.r, color.g, color.b)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_ruler_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("ground", ["background", "raised", "cursor"])
@pytest.mark.parametrize("palette", TRUECOLOR, ids=lambda palette: palette.name)
def test_text_reads_on_every_ground(palette: Palette, ground: str, tone: str) -> None:
    assert contrast(getattr(palette, tone), getattr(palette, ground)) >= 4.5


@pytest.mark.parametrize("palette", TRUECOLOR, ids=lambda palette: palette.name)
def test_the_cursor_line_stands_out_and_two_greys_differ(palette: Palette) -> None:
    assert contrast(palette.cursor, palette.background) >= 1.15
    assert contrast(palette.plain, palette.background) > contrast(palette.dim, palette.background)


def test_high_contrast_reaches_aaa() -> None:
    palette = next(p for p in PALETTES if p.name == "meshtop-high-contrast")
    assert all(contrast(getattr(palette, tone), palette.background) >= 7 for tone in TONES)


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.name)
def test_series_are_told_apart_and_none_has_the_colour_of_a_status(palette: Palette) -> None:
    assert len({*palette.lines}) == len(LINE_TONES)
    assert not {*palette.lines} & {palette.good, palette.degraded, palette.failing}
    if not palette.ansi:
        assert all(contrast(line, palette.background) >= 4.5 for line in palette.lines)


def test_names_find_their_theme() -> None:
    assert [theme.name for theme in themes()] == [find_theme(name) for name in theme_names()]
    assert find_theme(None) == "meshtop-dark"
    with pytest.raises(ValueError, match="no theme 'blue'; the themes are dark, light"):
        find_theme("blue")


@pytest.mark.parametrize(
    ("environ", "plots", "ascii_only", "wanted"),
    [
        ({"TERM": "xterm-256color"}, "auto", False, "braille"),
        ({}, "auto", False, "braille"),
        ({"TERM": "linux"}, "auto", False, "blocks"),
        ({"TERM": "linux"}, "braille", False, "braille"),
        ({"TERM": "xterm"}, "blocks", False, "blocks"),
        ({"TERM": "xterm"}, "braille", True, "ascii"),
    ],
)
def test_what_plots_are_drawn_with(environ: dict[str, str], plots: PlotChoice, ascii_only: bool, wanted: str) -> None:
    assert Shell(decide_look(environ, ascii_only=ascii_only, plots=plots)).plots.style == wanted


@pytest.mark.parametrize(
    ("environ", "color", "wanted"),
    [
        ({}, "auto", Look("meshtop-light", True)),
        ({"NO_COLOR": "1"}, "auto", Look("meshtop-ansi", False)),
        ({"NO_COLOR": ""}, "auto", Look("meshtop-light", True)),
        ({"NO_COLOR": "1"}, "always", Look("meshtop-light", True)),
        ({}, "never", Look("meshtop-ansi", False)),
    ],
)
def test_flag_beats_environment_beats_theme(environ: dict[str, str], color: str, wanted: Look) -> None:
    assert decide_look(environ, color=color, theme="light") == wanted  # type: ignore[arg-type]
