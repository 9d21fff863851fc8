"""Why a source did not answer, in words for people."""

from __future__ import annotations

from meshtop.model.errors import Exit, MeshtopError
from meshtop.model.state import State


class SourceProblem(MeshtopError):
    """A source failed: `state` says which of the six words, `message` is one sentence, `remedy` what to do.

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
