"""Painted rows as lines of the widget: what a row shares with the one before it is the identical run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshtop.analysis.graph.canvas import Ink, InkSpan
from meshtop.console.widgets.graph_window import row_line

SPANS = [(x, text, ink) for x, text, ink in zip(range(0, 60, 6), ["│", "ab", "漢", "[a]", "\u2500"] * 2, [*Ink, *Ink])]  # noqa: B905


@given(st.lists(st.sampled_from(range(10)), unique=True), st.lists(st.sampled_from(range(10)), unique=True))
def test_a_line_like_another_is_the_line_made_anew(first: list[int], second: list[int]) -> None:
    before: list[InkSpan] = [SPANS[at] for at in sorted(first)]
    after: list[InkSpan] = [SPANS[at] for at in sorted(second)]
    assert row_line(after, (before, row_line(before))) == row_line(after)


def test_only_what_differs_is_made() -> None:
    before = [*SPANS]
    after = [*SPANS[:3], (18, "{a}", Ink.ACCENT), *SPANS[4:]]
    old = row_line(before)
    new = row_line(after, (before, old))
    made = [at for at, (a, b) in enumerate(zip(old.runs, new.runs, strict=True)) if a is not b]
    assert made == [3]
    assert new.runs[3].text == "{a}"
