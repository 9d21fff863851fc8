"""What libraries say of an error is passed on, but never a header with the login in it."""

from __future__ import annotations

import httpx
import pytest

from meshtop.sources.problem import UNSENDABLE, error_text, root_cause, sendable


@pytest.mark.parametrize(
    "error",
    [
        httpx.LocalProtocolError("Illegal header value b'bearer s3cret\\n'"),
        ValueError("Invalid header value b'Bearer s3cret\\n'"),
        ValueError("Invalid return character(s) in header value: 'Bearer s3cret\\n'"),
        UnicodeEncodeError("ascii", "Bearer s3crét", 10, 11, "ordinal not in range(128)"),
    ],
)
def test_no_header_is_shown(error: Exception) -> None:
    outer = RuntimeError("outer")
    outer.__cause__ = error
    assert error_text(error) == root_cause(outer) == UNSENDABLE


def test_other_words_are_one_line() -> None:
    assert error_text(ValueError("first\n second\x1b.")) == "first second "


@pytest.mark.parametrize(("value", "good"), [("a b", True), ("", True), ("a\n", False), ("a\x00", False), ("é", False)])
def test_what_a_header_can_carry(value: str, good: bool) -> None:
    assert sendable(value) is good
