"""The error of a source, with sentences for the user."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from typing import Self

from meshtop.model.errors import Exit, MeshtopError
from meshtop.model.state import State


class SourceProblem(MeshtopError):
    """A source failed: `state` is the resulting state, `message` one sentence, `remedy` what to do.

    `code` is the HTTP status where the server gave one; `retry_after` the seconds to leave it alone. `too_much` means
    that more came than this program takes, so that a narrower question may succeed. `unasked` is set where the login
    failed before the server was asked anything: its own answer is not known then, though `code` may say 401. `unsent`
    is set there, and where the server broke off the handshake: it has carried out nothing, and refused no request.
    """

    def __init__(
        self,
        state: State,
        message: str,
        remedy: str = "",
        *,
        code: int | None = None,
        retry_after: float | None = None,
        too_much: bool = False,
        unsent: bool = False,
    ) -> None:
        refused = state is State.DENIED and not unsent
        super().__init__(message, remedy=remedy, exit_code=Exit.REFUSED if refused else Exit.UNREACHABLE)
        self.state = state
        self.code = code
        self.retry_after = retry_after
        self.too_much = too_much
        self.unsent = unsent
        self.unasked = False

    def before_asking(self) -> None:
        """Note that the login failed before the server was asked anything."""
        self.unasked = self.unsent = True
        self.exit_code = Exit.UNREACHABLE

    def kept(self) -> Self:
        """This failure as something to keep, without the frames in which it was raised, and those of its causes.

        They hold whatever was under way, such as an answer of megabytes, and often the failure itself: a cycle, which
        stays until the collector comes. One that is raised again and again would hold more frames each time.
        """
        for error in causes(self):
            error.__traceback__ = None
        return self


NOT_UNDERSTOOD: tuple[type[Exception], ...] = (ValueError, RecursionError, OverflowError)
"""What decoding raises for an answer that is not what it should be: msgspec's errors and those of text that is no UTF-8
are ValueErrors; too many levels of nesting are a RecursionError, moments beyond the calendar an OverflowError.
"""
ODD_SHAPE: tuple[type[Exception], ...] = (*NOT_UNDERSTOOD, AttributeError, KeyError, TypeError)
"""What converting an answer raises besides, where it was decoded into something of another shape."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, the outermost first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


_QUOTES_A_HEADER = re.compile(r"header (value|name|part)|in header|'(ascii|latin-1)' codec can't encode", re.IGNORECASE)
"""Phrases in errors of HTTP libraries that include a header, and so possibly a token."""
UNSENDABLE = "a header holds characters that cannot be sent (a line's end, or other than ASCII)"


def sendable(value: str) -> bool:
    """Whether an HTTP header can carry a value: printable ASCII, and no line's end."""
    return value.isascii() and value.isprintable()


def error_text(error: BaseException) -> str:
    """The text of a library's error in one line, without control characters, full stop or header values."""
    text = " ".join(str(error).split())
    if _QUOTES_A_HEADER.search(text):
        return UNSENDABLE
    return "".join(c if c.isprintable() else " " for c in text).rstrip(".")


def root_cause(error: BaseException) -> str:
    """The text of the deepest cause, without a full stop: the operating system's message rather than a library's."""
    found = ""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            number = 0 if isinstance(cause, ssl.SSLError) else cause.errno or 0
            text = os.strerror(number).lower() if number > 0 else cause.strerror
            return re.sub(r"^\[SSL[^]]*\] | \(_ssl\.c:\d+\)$", "", text)
        found = error_text(cause) or found
    return found or type(error).__name__


USUAL_SECONDS = 5.0
"""The default of `--timeout`."""


def more_time(seconds: float | None) -> str:
    """The option that gives a cluster three times as long as it had (`--timeout`, in seconds)."""
    return f"--timeout {max(15, round(3 * (seconds or USUAL_SECONDS)))}s"
