"""Why a source did not answer, in words for people."""

from __future__ import annotations

from meshtop.model.state import State


class SourceProblem(Exception):
    """A source failed: `state` says which of the six words, `message` is one sentence, `remedy` what to do.

    `code` is the HTTP status where the server gave one; `retry_after` the seconds it asked to be left alone.
    """

    def __init__(
        self,
        state: State,
        message: str,
        remedy: str | None = None,
        *,
        code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.state = state
        self.message = message
        self.remedy = remedy
        self.code = code
        self.retry_after = retry_after
