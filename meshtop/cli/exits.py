"""The one place that owns stderr and exit codes (INTERFACE.md, "Exit codes")."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
from collections.abc import Callable
from typing import TextIO

import click

from meshtop.cli.repeated import forget_options, repeated
from meshtop.model.errors import Exit, MeshtopError
from meshtop.process import keep_log_off_stderr

_log = logging.getLogger(__name__)


class CommandError(MeshtopError):
    """A command that cannot go on: one sentence for the user, and the exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message, exit_code=code)


class OutputClosed(Exception):
    """The reader of stdout closed the pipe."""


def say(message: str) -> None:
    """Print one line on stderr, without control characters; its commands reach this run's clusters (`repeated`).

    A closed stderr is ignored.
    """
    from meshtop.model.text import clean

    with contextlib.suppress(OSError, ValueError):
        print("\n".join(clean(line) for line in repeated(message).splitlines()), file=sys.stderr, flush=True)


_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""Error numbers of writing to a full or broken output."""


_at_end: list[Callable[[], object]] = []


def at_end(close: Callable[[], object]) -> None:
    """Register a function to call at the end of this run, after the exit code was logged."""
    _at_end.append(close)


def run(program: Callable[[], object], *, wants_trace: Callable[[], bool] = lambda: debugging()) -> int:
    """Run a click program in its non-standalone mode and turn any result or error into an exit code.

    No traceback reaches a user, unless `wants_trace` (MESHTOP_DEBUG=1, -vv).
    """
    _stand_in()
    keep_log_off_stderr()
    try:
        code = _run(program, wants_trace)
        _log.info("exit code %d", code)
        return code
    finally:
        while _at_end:
            _at_end.pop()()
        forget_options()


def _run(program: Callable[[], object], wants_trace: Callable[[], bool]) -> int:
    try:
        outcome = program()
        sys.stdout.flush()
        return outcome if isinstance(outcome, int) else Exit.FINE
    except (OutputClosed, BrokenPipeError):
        _close_quietly()
        return Exit.FINE
    except MeshtopError as error:
        return _ended(error)
    except click.UsageError as error:
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
            # A command that needs another one after it: its help says which there are.
            say(error.format_message())
            return Exit.USAGE
        say(f"meshtop: {_in_one_line(error)}")
        if error.ctx is not None:
            say(f"Try '{error.ctx.command_path} --help'.")
        return Exit.USAGE
    except click.ClickException as error:
        say(f"meshtop: {_in_one_line(error)}")
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence instead of a traceback
        inner = _only(error)
        if isinstance(inner, MeshtopError):
            return _ended(inner)
        return _unwritable(inner or error) or _defect(error, trace=wants_trace())


def _in_one_line(error: click.ClickException) -> str:
    """What click says, which breaks the line before each of several choices."""
    return " ".join(error.format_message().split())


def _ended(error: MeshtopError) -> int:
    _log.info("ended by %s: %s", type(error).__name__, error.sentences)
    say(f"meshtop: {error.sentences}")
    return error.exit_code


def _only(error: Exception) -> Exception | None:
    """The only error inside nested exception groups."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        inner = error.exceptions[0]
        if not isinstance(inner, Exception):
            return None
        error = inner
    return error


def _unwritable(error: Exception) -> int | None:
    """The exit code for an error of writing to stdout; None for other errors, which name a file."""
    if not isinstance(error, OSError) or error.filename is not None or error.errno not in _UNWRITABLE:
        return None
    say(f"meshtop: The output cannot be written: {error.strerror or os.strerror(error.errno)}.")
    _close_quietly()
    return Exit.USAGE


def _defect(error: Exception, *, trace: bool) -> int:
    _log.error("this should not have happened", exc_info=error)
    if trace:
        if logging.lastResort not in logging.root.handlers:  # else it is on stderr by now
            import traceback

            traceback.print_exception(error)
        return Exit.DEFECT
    first = (str(error).splitlines() or [""])[0]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    say(f"meshtop: internal error ({what}); run again with MESHTOP_DEBUG=1 for a traceback, and report it.")
    return Exit.DEFECT


def debugging() -> bool:
    """Whether tracebacks should be shown."""
    return os.environ.get("MESHTOP_DEBUG", "") not in ("", "0", "false")


class ClosedOutput(io.TextIOBase):
    """Stands where stdout was closed: an answer that goes nowhere must not look like one that was given."""

    def write(self, text: str, /) -> int:
        """Raise OSError, unless there is nothing to write."""
        if text:
            raise OSError(errno.EBADF, "standard output is closed")
        return 0

    def fileno(self) -> int:
        """The number of stdout, where the null device stands in."""
        return 1


def _stand_in() -> None:
    """Replace a closed stdin, stdout or stderr, because otherwise the next file or socket would get its number.

    What is written to a closed stdout is an error; without stderr nothing could be said of it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for the rest of the process
            if name == "stdout":
                _standing_in.append(sys.stdout)
                sys.stdout = ClosedOutput()


_standing_in: list[TextIO] = []
"""Kept open, so that nothing else gets the number of stdout."""


def _close_quietly() -> None:
    """Redirect stdout to /dev/null, so that the interpreter's final flush does not fail."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
