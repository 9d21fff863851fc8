"""Why a source did not answer, in words for people."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator

from meshtop.model.errors import Exit, MeshtopError
from meshtop.model.state import State


class SourceProblem(MeshtopError):
    """A source failed: `state` is what that makes of its data, `message` is one sentence, `remedy` what to do.

    `code` is the HTTP status where the server gave one; `retry_after` the seconds it asked to be left alone.
    """

    def __init__(
        self,
        state: State,
        message: str,
        remedy: str = "",
        *,
        code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, exit_code=Exit.REFUSED if state is State.DENIED else Exit.UNREACHABLE)
        self.state = state
        self.code = code
        self.retry_after = retry_after


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, the outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def root_cause(error: BaseException) -> str:
    """The deepest cause that says something, without a full stop: the operating system's words, not a library's."""
    found = ""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            number = 0 if isinstance(cause, ssl.SSLError) else cause.errno or 0
            text = os.strerror(number).lower() if number > 0 else cause.strerror
            return re.sub(r"^\[SSL[^]]*\] | \(_ssl\.c:\d+\)$", "", text)
        found = str(cause) or found
    return " ".join(found.split()).rstrip(".") or type(error).__name__
