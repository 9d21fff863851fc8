"""What libraries say of an error is passed on, but never a header with the login in it."""

from __future__ import annotations

import httpx
import pytest

from meshtop.model.state import State
from meshtop.sources.problem import UNSENDABLE, SourceProblem, error_text, root_cause, sendable


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


def test_what_is_kept_of_a_failure_holds_no_frame_of_its_own_or_of_its_causes() -> None:
    def ask() -> None:
        try:
            raise TimeoutError
        except TimeoutError as error:
            raise SourceProblem(State.UNREACHABLE, "c1 does not answer.") from error

    with pytest.raises(SourceProblem) as raised:
        ask()
    problem = raised.value.kept()
    assert problem is raised.value
    assert isinstance(problem.__cause__, TimeoutError)
    assert problem.__traceback__ is problem.__cause__.__traceback__ is None


def test_a_kept_failure_that_is_raised_again_and_again_does_not_grow() -> None:
    problem = SourceProblem(State.DENIED, "c1 does not accept the login of ana.")
    frames = []
    for _ in range(3):
        try:
            raise problem.kept()
        except SourceProblem as again:
            trace, count = again.__traceback__, 0
            while trace is not None:
                trace, count = trace.tb_next, count + 1
            frames.append(count)
    assert frames == [1, 1, 1]
