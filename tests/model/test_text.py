from __future__ import annotations

import json
import sys
import unicodedata
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import iter_graphemes, wcswidth

from meshtop.model import text as text_module
from meshtop.model.text import REPLACEMENT, cell_width, clean, cut, escape_json, fit, graphemes, harmless, to_ascii

ANY = st.text(max_size=30)
SPICY = st.text(
    st.sampled_from(
        "ab …▲한好ᄀ가👩💻❤☁🏳🌈🔒é\u0301\u20dd\U0001f3fb🇩🇪#1\u20e3\u200d\ufe0f\ufe0e"
        "का\u094dष\u0d4eำ\x1b[m]\n\t\u202e\u3164▁⣿─"
    ),
    max_size=20,
)
MIXED = ANY | SPICY


@cache
def unicode() -> tuple[int, ...]:
    """Every character that has a meaning; of the million that have none or a private one, some of each block."""
    return tuple(
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in ("Cn", "Co") or code % 64 in (0, 63)
    )


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("plain-name", "plain-name"),
        ("[bold red]text[/]", "[bold red]text[/]"),
        ("日本", "日本"),
        # Escape sequences go whole.
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J", ""),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]66;s=2;big\x07x", "x"),
        ("\x1bP+q544e\x1b\\x", "x"),
        ("\x9d0;title\x9cx", "x"),
        ("a\x9b2Jb", "ab"),
        ("a\x1b7b\x1b(0c", "abc"),
        ("\x1b]0;without an end", ""),
        # Runs of tabs and line breaks are one space.
        ("a\r\nb\tc", "a b c"),
        ("a\u2028\n\x85b", "a b"),
        ("a  b", "a  b"),
        # Other controls, surrogates, bidirectional and invisible characters are shown.
        ("bell\x07", "bell\ufffd"),
        ("\x00x", "\ufffdx"),
        ("x\x1b", "x\ufffd"),
        ("\x84x", "\ufffdx"),
        ("\ud800x", "\ufffdx"),
        ("safe\u202egnp.exe", "safe\ufffdgnp.exe"),
        ("\u2066x", "\ufffdx"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("a\u200db", "a\ufffdb"),
        ("a\xadb", "a\ufffdb"),
        ("web\ufe0e", "web\ufffd"),
        ("web\U000e0101", "web\ufffd"),
        ("web\u3164", "web\ufffd"),
        ("we\u034fb", "we\ufffdb"),
        ("\U000e0041x", "\ufffdx"),
        # Marks that have a letter stay; one that has none would join whatever stands before it.
        ("cafe\u0301", "cafe\u0301"),
        ("\u0301x", "\ufffdx"),
        # Emoji stay, joined or not; parts of emoji, of which rulers disagree, do not.
        ("👩\u200d💻 ok", "👩\u200d💻 ok"),
        ("🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈"),
        ("👩\U0001f3fd\u200d🚀", "👩\U0001f3fd\u200d🚀"),
        ("❤\ufe0f❤", "❤\ufe0f❤"),
        ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("🇩🇪", "🇩🇪"),
        ("🇩🇪🇫", "🇩🇪\ufffd"),
        ("a\U0001f3fb", "a\ufffd"),
        ("👩\u200d", "👩\ufffd"),
        ("👩\ufe0f", "👩\ufffd"),
        ("का", "क\ufffd"),
        ("क\u094dष", "क\ufffdष"),
        ("e\u0301 🇫", "e\u0301 \ufffd"),
        # What is not assigned has no width that all know.
        ("\U000e0fffx\uffff", "\ufffdx\ufffd"),
    ],
)  # fmt: skip
def test_hostile_text_is_shown_and_not_obeyed(hostile: str, safe: str) -> None:
    assert clean(hostile) == safe


def test_whatever_is_no_text_is_written_as_text() -> None:
    assert clean(12) == "12"
    assert clean(ValueError("a\nb")) == "a b"


def test_both_rulers_agree_about_every_character_of_unicode() -> None:
    shown = [clean(f"a{chr(code)}b") for code in unicode()]
    astray = [text for text in shown if not wcswidth(text) == cell_len(text) == cell_width(text)]
    assert astray == []


def test_every_character_of_unicode_is_seen_or_replaced() -> None:
    openers = "\x90\x98\x9b\x9d\x9e\x9f"  # of sequences; the sequence goes with what stands in it
    unseen = [
        hex(code)
        for code in unicode()
        if chr(code) not in openers + "\x1b"
        and unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and clean(f"a{chr(code)}b") not in {f"a{REPLACEMENT}b", "a b"}
    ]
    assert unseen == []


@settings(max_examples=500)
@given(MIXED)
@example("☁\u200d❤\ufe0f")
@example("0\u094d⺀")
def test_both_rulers_agree_about_clean_text(text: str) -> None:
    shown = clean(text)
    assert wcswidth(shown) == cell_len(shown) == cell_width(shown)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)


@given(MIXED)
def test_clean_is_idempotent_and_graphemes_lose_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "".join(cluster for cluster, _ in graphemes(once)) == once


@given(MIXED, MIXED)
@example("0", "\u093e\u0e33")
def test_clean_texts_stay_as_wide_side_by_side(left: str, right: str) -> None:
    left, right = clean(left), clean(right)
    assert wcswidth(left + right) == cell_len(left + right) == cell_width(left) + cell_width(right)


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
        ("日本", 2, "…"),
        ("cafe\u0301s", 5, "cafe\u0301s"),
        ("cafe\u0301s", 4, "caf…"),
        ("a\nb", 3, "a b"),
    ],
)
def test_cut_ends_in_an_ellipsis_and_never_splits_a_character(text: str, width: int, wanted: str) -> None:
    assert cut(text, width) == wanted


@given(st.text(alphabet=["a", " ", *text_module._SIGNS]))
def test_our_own_signs_need_no_tables(drawn: str) -> None:
    """What is said of them without looking is what looking says: each stays, and takes one cell by both rulers."""
    slowly = "".join(cluster if text_module._is_certain(cluster) else REPLACEMENT for cluster in iter_graphemes(drawn))
    assert clean(drawn) == slowly == drawn
    assert cell_width(drawn) == wcswidth(drawn) == cell_len(drawn) == len(drawn)


def test_markup_is_only_text() -> None:
    assert fit("[red]x[/]", 12) == "[red]x[/]   "


def test_numbers_line_up_on_the_right() -> None:
    assert [fit(number, 6, right=True) for number in ("1", "12.4k", "1234567")] == ["     1", " 12.4k", "12345…"]


@settings(max_examples=300)
@given(MIXED, st.integers(0, 20), st.booleans())
def test_fit_is_exact_by_both_rulers(text: str, width: int, right: bool) -> None:
    fitted = fit(text, width, right=right)
    assert cell_width(fitted) == width
    # Textual composes by Rich's ruler: where the two disagree, columns would drift apart.
    assert cell_len(fitted) == width


@given(MIXED)
@example("▶\ufe0f ▲")
@example("↔\u200d👩")
def test_ascii_keeps_the_width(text: str) -> None:
    shown = clean(text)
    plain = to_ascii(shown)
    assert plain.isascii()
    assert len(plain) == cell_width(shown)


@given(ANY)
def test_ascii_is_ascii_whatever_it_is_given(text: str) -> None:
    assert to_ascii(text).isascii()


def test_ascii_has_a_sign_for_each_sign() -> None:
    assert to_ascii("▲ ✗ ? ~ ▸us-east ▁▄█ ┌─┐│ café 한 🔒x…") == "! x ? ~ >us-east _=# +-+| cafe ?? okx~"


def test_ascii_tells_the_four_states_and_the_sort_arrows_apart() -> None:
    assert to_ascii("≥ 3.9/s, ≤ 1 day, ≥") == ">=3.9/s, <=1 day, >", "as wide as before"
    signs = [to_ascii(sign) for sign in ("▲", "✗", "?", "~", "✓")]
    assert len(set(signs)) == len(signs)
    assert to_ascii("↑") != to_ascii("↓")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_json_means_the_same(text: str) -> None:
    dumped = json.dumps({"x": text}, ensure_ascii=False, indent=1)
    escaped = escape_json(dumped)
    assert json.loads(escaped) == {"x": text}
    assert "\x9b" not in escaped
    assert "\u202e" not in escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b[0m\n\tb", "a\x1b[31mred\x1b[0m\n\tb"),
        ("a\x1b]0;owned\x07b", "a\ufffd]0;owned\ufffdb"),
        ("\x1b[2J\x1b[31;1mx\x1b[m", "\ufffd[2J\x1b[31;1mx\x1b[m"),
        ("\x9b31m\r\x7f\u202e\u2028", "\ufffd31m\ufffd\ufffd\ufffd\ufffd"),
        ("👩\u200d💻 ü 日本", "👩\u200d💻 ü 日本"),
    ],
)
def test_finished_output_keeps_its_colours_and_nothing_else_that_is_obeyed(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert harmless(clean(text)) == clean(text)


def test_lines_are_looked_at_as_a_whole() -> None:
    """A list of thousands of things has one before each; grapheme by grapheme that takes a second."""
    asked = text_module._cleaned.cache_info()
    drawn = "└ before: " + "".join(map(chr, range(0x2500, 0x2580)))
    assert clean(drawn) == drawn
    assert cell_width(drawn) == len(drawn)
    assert text_module._cleaned.cache_info() == asked


def test_signs_are_measured_alike_with_and_without_tables() -> None:
    signs = "".join(text_module._SIGNS) + "".join(map(chr, range(0x2500, 0x2580))) + "".join(map(chr, range(32, 127)))
    for text in (signs, signs[::-1], "".join(2 * sign for sign in signs)):
        assert text_module._of_signs(text) is not None
        assert list(graphemes(text)) == [(cluster, wcswidth(cluster)) for cluster in iter_graphemes(text)]
