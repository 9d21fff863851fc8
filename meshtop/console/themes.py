"""The console's themes: two greys for text, one accent, and colour only where it means something.

Each theme is a `Palette`; widgets never name a colour, they use the variables `$tone-…`, `$cursor-…` and
`$rule` that `to_theme` gives to every stylesheet. Status also has a sign, so every theme is readable
without colour. Usage: `for theme in themes(): app.register_theme(theme)`, then `app.theme = DEFAULT_THEME`.
"""

from __future__ import annotations

from msgspec import Struct
from textual.theme import Theme

DEFAULT_THEME = "meshtop-dark"
PLAIN_THEME = "meshtop-ansi"


class Palette(Struct, frozen=True, kw_only=True):
    """The colours of one theme, as `#rrggbb` or `ansi_…` names; text tones reach 4.5:1 on all three grounds."""

    name: str
    dark: bool
    background: str
    raised: str
    cursor: str
    plain: str
    dim: str
    strong: str
    good: str
    degraded: str
    failing: str
    unknown: str
    accent: str
    rule: str
    lines: tuple[str, ...]
    """Of the series of plots: apart from each other, and from the colours of a status."""
    cursor_style: str = "bold"
    ansi: bool = False


PALETTES = (
    Palette(
        name="meshtop-dark",
        dark=True,
        background="#10141a",
        raised="#171d25",
        cursor="#1d3045",
        plain="#c3ccd6",
        dim="#8b98a7",
        strong="#f1f5f9",
        good="#7fbf95",
        degraded="#e3b25e",
        failing="#ff8080",
        unknown="#929fae",
        accent="#79b8ff",
        rule="#2b3440",
        lines=("#79b8ff", "#c9a6ff", "#5fd0c5", "#f49ac2", "#c8c46a", "#c3ccd6"),
    ),
    Palette(
        name="meshtop-light",
        dark=False,
        background="#fbfbf9",
        raised="#f1f2f0",
        cursor="#dce9f7",
        plain="#303841",
        dim="#5a6570",
        strong="#0c1116",
        good="#22683a",
        degraded="#7d5200",
        failing="#a8201a",
        unknown="#5a6570",
        accent="#0a55a3",
        rule="#d3d7da",
        lines=("#0a55a3", "#6b3fa0", "#00605c", "#9c2b6b", "#5a5600", "#303841"),
    ),
    # Blue, yellow and vermilion stay apart in protanopia, deuteranopia and tritanopia (Okabe and Ito).
    Palette(
        name="meshtop-colour-blind",
        dark=True,
        background="#10141a",
        raised="#171d25",
        cursor="#2b2f4a",
        plain="#c8cfd8",
        dim="#96a1ae",
        strong="#f5f7fa",
        good="#62bdf0",
        degraded="#f0e05a",
        failing="#ff8f5e",
        unknown="#9ca6b3",
        accent="#d4a5e8",
        rule="#2f3844",
        lines=("#d4a5e8", "#9fd8ff", "#c8cfd8", "#7fc4b5", "#c2ba94", "#e8c5d8"),
    ),
    Palette(
        name="meshtop-high-contrast",
        dark=True,
        background="#000000",
        raised="#000000",
        cursor="#00305c",
        plain="#ffffff",
        dim="#d0d0d0",
        strong="#ffffff",
        good="#6dff8f",
        degraded="#ffd800",
        failing="#ff9d9d",
        unknown="#d0d0d0",
        accent="#8fd3ff",
        rule="#8a8a8a",
        lines=("#8fd3ff", "#e0b3ff", "#7dffef", "#ffb3dd", "#e6e08a", "#ffffff"),
    ),
    Palette(
        name=PLAIN_THEME,
        dark=True,
        background="ansi_default",
        raised="ansi_default",
        cursor="ansi_default",
        plain="ansi_default",
        dim="ansi_bright_black",
        strong="ansi_default",
        good="ansi_green",
        degraded="ansi_bright_yellow",
        failing="ansi_red",
        unknown="ansi_bright_black",
        accent="ansi_cyan",
        rule="ansi_bright_black",
        lines=("ansi_cyan", "ansi_magenta", "ansi_blue", "ansi_bright_cyan", "ansi_bright_magenta", "ansi_default"),
        cursor_style="reverse",
        ansi=True,
    ),
)


# Textual's own stylesheet asks for these where a theme is ANSI.
_ANSI_VARIABLES = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-text-style": "reverse",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_cyan",
    "input-selection-foreground": "ansi_black",
    "screen-selection-background": "ansi_cyan",
    "screen-selection-foreground": "ansi_black",
}


def to_theme(palette: Palette) -> Theme:
    """The Textual theme of a palette, with the variables that meshtop's stylesheets use."""
    return Theme(
        name=palette.name,
        dark=palette.dark,
        ansi=palette.ansi,
        primary=palette.accent,
        secondary=palette.dim,
        accent=palette.accent,
        foreground=palette.plain,
        background=palette.background,
        surface=palette.background,
        panel=palette.raised,
        success=palette.good,
        warning=palette.degraded,
        error=palette.failing,
        variables={
            "tone-plain": palette.plain,
            "tone-dim": palette.dim,
            "tone-strong": palette.strong,
            "tone-good": palette.good,
            "tone-degraded": palette.degraded,
            "tone-failing": palette.failing,
            "tone-unknown": palette.unknown,
            "tone-accent": palette.accent,
            "cursor-background": palette.cursor,
            "cursor-style": palette.cursor_style,
            **{f"tone-line-{number}": color for number, color in enumerate(palette.lines, start=1)},
            "rule": palette.rule,
            "raised": palette.raised,
            "border": palette.rule,
            "scrollbar": palette.rule,
            "scrollbar-hover": palette.dim,
            "scrollbar-active": palette.accent,
            "scrollbar-background": palette.background,
            "scrollbar-background-hover": palette.background,
            "scrollbar-background-active": palette.background,
            "scrollbar-corner-color": palette.background,
            **(_ANSI_VARIABLES if palette.ansi else {"input-selection-background": palette.cursor}),
        },
    )


def themes() -> list[Theme]:
    """All of meshtop's themes, the default first."""
    return [to_theme(palette) for palette in PALETTES]


def theme_names() -> list[str]:
    """The names that settings and `:theme` accept, without the product's prefix."""
    return [palette.name.removeprefix("meshtop-") for palette in PALETTES]


def find_theme(name: str | None) -> str:
    """The registered name of `dark`, `light`, …; raises ValueError with the names there are."""
    if name is None:
        return DEFAULT_THEME
    full = name if name.startswith("meshtop-") else f"meshtop-{name}"
    if full not in {palette.name for palette in PALETTES}:
        raise ValueError(f"there is no theme {name!r}; the themes are {', '.join(theme_names())}")
    return full
