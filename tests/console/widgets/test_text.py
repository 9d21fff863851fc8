from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from meshtop.console.text import REPLACEMENT, cell_width, clean, cut, fit, graphemes, to_ascii

ANY = st.text(max_size=30)
SPICY = st.text(st.sampled_from("ab …▲한好👩\u200d🔒é\u0301\x1b\n\u202e\ufe0f[]▁⣿─"), max_size=20)


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("reviews", 10, "reviews"),
        ("reviews", 7, "reviews"),
        ("reviews", 6, "revie…"),
        ("reviews", 1, "…"),
        ("reviews", 0, ""),
        ("한국어", 6, "한국어"),
        ("한국어", 5, "한국…"),
        ("한국어", 4, "한…"),
        ("cafe\u0301s", 5, "cafe\u0301s"),
        ("cafe\u0301s", 4, "caf…"),
    ],
)
def test_cut_ends_in_an_ellipsis_and_never_splits_a_character(text: str, width: int, wanted: str) -> None:
    assert cut(text, width) == wanted


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "a\nb", "a\rb", "\x07", "\x9b31m", "\u202eevil", "\u2066x", "a\u200bb", "\x00", "\ud800"]
)
def test_control_and_invisible_characters_are_shown_not_obeyed(hostile: str) -> None:
    shown = clean(hostile)
    assert REPLACEMENT in shown
    assert len(shown) == len(hostile)
    assert all(character.isprintable() for character in shown)


def test_markup_is_only_text() -> None:
    assert fit("[red]x[/]", 12) == "[red]x[/]   "


def test_numbers_line_up_on_the_right() -> None:
    assert [fit(number, 6, right=True) for number in ("1", "12.4k", "1234567")] == ["     1", " 12.4k", "12345…"]


@settings(max_examples=300)
@given(ANY | SPICY, st.integers(0, 20), st.booleans())
def test_fit_is_exact_by_both_rulers(text: str, width: int, right: bool) -> None:
    fitted = fit(text, width, right=right)
    assert cell_width(fitted) == width
    # Textual composes by Rich's ruler: where the two disagree, columns would drift apart.
    assert cell_len(fitted) == width


@given(ANY | SPICY)
def test_clean_is_idempotent_and_graphemes_lose_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "".join(cluster for cluster, _ in graphemes(once)) == once


@given(SPICY)
def test_ascii_keeps_the_width(text: str) -> None:
    shown = clean(text)
    plain = to_ascii(shown)
    assert plain.isascii()
    assert cell_width(plain) == cell_width(shown)


def test_ascii_signs_stay_apart() -> None:
    assert to_ascii("▲ ✗ ? ~ ▸us-east ▁▄█ ┌─┐│ café 한 🔒x") == "! X ? ~ >us-east _=# +-+| cafe ?? # x"


def test_ascii_tells_the_four_states_and_the_sort_arrows_apart() -> None:
    signs = [to_ascii(sign) for sign in ("▲", "✗", "?", "~", "✓")]
    assert len(set(signs)) == len(signs)
    assert to_ascii("↑") != to_ascii("↓")
