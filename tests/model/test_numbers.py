from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtop.model.numbers import UNKNOWN, age, integer, latency, milliseconds, percent, quantity, weight, written_out


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (0, "0"),
        (0.0, "0"),
        (0.0004, "<0.001"),
        (0.0123, "0.012"),
        (0.52, "0.52"),
        (1, "1"),
        (1.234, "1.23"),
        (12.04, "12.0"),
        (402.4, "402"),
        (999.6, "1.00k"),
        (1000, "1k"),
        (12_400, "12.4k"),
        (999_950, "1.00M"),
        (2e9, "2G"),
        (-1500, "-1.50k"),
    ],
)
def test_quantities(value: float | None, shown: str) -> None:
    assert quantity(value) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (None, "–"), (0, "0"), (1, "100"), (0.0052, "0.52"), (0.982, "98.2"), (0.99999, ">99.9"),
        (0.9994, "99.9"), (0.00001, "<0.01"), (0.5, "50.0"), (0.01, "1.00"), (0.041, "4.10"),
        (1 / 3, "33.3"), (0.00967, "0.97"), (0.00999, "1.00"),
    ],
)  # fmt: skip
def test_percentages(ratio: float | None, shown: str) -> None:
    assert percent(ratio) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (None, "–"), (0, "0"), (0.95, "0.95"), (95, "95"), (412.3, "412"), (999.6, "1000"), (1240.4, "1240"),
        (12_345, "12300"), (126_000, "126k"), (float("inf"), "∞"),
    ],
)  # fmt: skip
def test_latencies_under_a_heading_are_always_milliseconds(ms: float | None, shown: str) -> None:
    assert milliseconds(ms) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (None, "–"), (95, "95 ms"), (412.3, "412 ms"), (999.6, "1.00 s"), (1240, "1.24 s"), (59_990, "1.00 min"),
        (126_000, "2.10 min"),
    ],
)  # fmt: skip
def test_latencies_in_a_sentence_bring_their_unit(ms: float | None, shown: str) -> None:
    assert latency(ms) == shown


@pytest.mark.parametrize(("share", "shown"), [(None, "–"), (0.8, "80"), (0, "0"), (1, "100"), (1 / 3, "33.3")])
def test_weights_are_written_as_somebody_wrote_them(share: float | None, shown: str) -> None:
    assert weight(share) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(None, "–"), (4.9, "4s"), (720, "12m"), (7200, "2h"), (9e5, "10d")])
def test_ages(seconds: float | None, shown: str) -> None:
    assert age(seconds) == shown


def test_counts_are_written_out_while_they_are_short() -> None:
    assert [integer(n) for n in (0, 99_999, 100_000, None)] == ["0", "99999", "100k", UNKNOWN]


@given(st.floats(0, 1e14))
def test_at_most_three_digits_and_never_a_false_zero(value: float) -> None:
    shown = quantity(value)
    if value > 0:
        assert shown != "0"
        digits = shown.lstrip("<").rstrip("kMGTP").replace(".", "").lstrip("0")
        assert len(digits) <= 3
        if not shown.startswith("<"):
            scale = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(shown[-1], 1.0)
            back = float(shown.rstrip("kMGT")) * scale
            assert back == pytest.approx(value, rel=0.005, abs=0.0006)


@given(st.floats(0, 1))
def test_only_all_is_a_hundred_and_only_nothing_is_zero(ratio: float) -> None:
    assert (percent(ratio) == "100") == (ratio == 1)
    assert (percent(ratio) == "0") == (ratio == 0)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.2, "1"), (450, "450"), (30_000.4, "30,000"), (930_871, "930,871"), (-1, "0")],
)
def test_counts_in_sentences_are_written_out_whole(number: float, text: str) -> None:
    assert written_out(number) == text
