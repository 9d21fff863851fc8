"""The log: a rotating file that only its user can read, in which no secret is written.

All packages use Python's `logging`; code that catches a defect logs its traceback. The command line and the console
choose the file here. Nothing of the log reaches stderr.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import re
import shlex
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from meshtop import __version__
from meshtop.model.errors import MeshtopError
from meshtop.model.text import clean

HIDDEN = "(hidden)"
MAX_BYTES = 1_000_000
KEPT_FILES = 3
"""Number of rotated files kept: FILE.1 (the newest) to FILE.3."""
_LIBRARIES = ("httpx", "httpcore", "urllib3", "kubernetes", "asyncio", "aiohttp", "requests_oauthlib", "markdown_it")
"""Loggers that are too verbose: at DEBUG they log bodies, and at INFO httpx logs about a thousand requests a minute."""

_SECRET_NAME = (
    r"[\w.-]*(?:secret|token|passw(?:or)?d|passphrase|credential|signature|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|key[_-]?data|session[_-]?id)(?:[\w.-]*(?<!file)(?<!path))"
)
_QUOTED = r"(?:b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\.|[^'\\])*')"
_VALUE = rf"(?:{_QUOTED}|(?!\(hidden)[^\s\"',;&)\]}}]+)"


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of secrets: a prefix group, then the secret; applied in this order.

    They take three milliseconds to compile, and most commands log nothing.
    """
    return (
        (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"), HIDDEN),
        # Without quotes it is the rest of the line: schemes differ in how many words follow, and cookies have many.
        (
            re.compile(rf"(?i)\b((?:(?:proxy-)?authorization|(?:set-)?cookie)[\"']?\s*[=:,]\s*)(?:{_QUOTED}|[^\n]+)"),
            rf"\1{HIDDEN}",
        ),
        (re.compile(r"(?i)\b(bearer|negotiate)(\s+)(?!tokens?\b|auth)[^\s\"',;)\]}]+"), rf"\1\2{HIDDEN}"),
        (re.compile(r"(?i)\b(basic)(\s+)(?!auth)(?=\S*[\dA-Z+/=])[A-Za-z\d+/_=-]{4,}"), rf"\1\2{HIDDEN}"),
        # What follows a user's colon and is no port is a password, whatever stands in it, up to the last @.
        (re.compile(r"(://)[^\s/:@\"'<>]*:(?!\d+(?:[/?#\s\"'<>]|$))[^\s\"'<>]*@"), rf"\1{HIDDEN}@"),
        (re.compile(r"(://)[^\s/?#\"'<>]*@"), rf"\1{HIDDEN}@"),
        (re.compile(r"(?<![\w/.:@)-])[\w.%+-]+:[^\s/:@\"'<>()]+@(?=[\w.-]+)"), f"{HIDDEN}@"),
        (re.compile(rf"(?i)(--?{_SECRET_NAME})(\s+|[\"'],\s*)(?!-){_VALUE}"), rf"\1\2{HIDDEN}"),
        (re.compile(rf"(?i)(?<![\w-])((?:--?)?{_SECRET_NAME}[\"']?\s*[=:]\s*){_VALUE}"), rf"\1{HIDDEN}"),
        (re.compile(rf"(?i)([\"']{_SECRET_NAME}[\"'],\s*){_QUOTED}"), rf"\1{HIDDEN}"),
        (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),
    )


_WHOLE_NAME = re.compile(rf"(?i){_SECRET_NAME}")


def is_secret_name(name: str) -> bool:
    """Whether what has this name is a secret: `oidc-client-secret`, `api_key`; not `token-file`."""
    return _WHOLE_NAME.fullmatch(name) is not None


def redact(text: str) -> str:
    """The text without secrets: tokens, Authorization headers, logins in URLs, `--oidc-client-secret=…`, private keys.

    Secrets are recognised by their prefix; in doubt a harmless word is hidden rather than a secret shown.
    """
    for pattern, instead in _rules():
        text = pattern.sub(instead, text)
    return text


class _Formatter(logging.Formatter):
    """Formats a record: time in UTC, level, logger and thread; without secrets and terminal control characters."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s [%(threadName)s] %(message)s", "%Y-%m-%dT%H:%M:%S"
        )

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines, and those of its traceback."""
        lines = redact(super().format(record)).splitlines()
        # A traceback's lines begin with spaces, and those of a message that goes on must not pass for records.
        return "\n    ".join(clean(line) for line in lines)


_log = logging.getLogger(__name__)
_running: logging.Handler | None = None


def start_log(path: Path, *, requests: bool = False) -> None:
    """Write this process's log to a file from now on, instead of an earlier one.

    With `requests`, httpx's line for each request is included. Raises OSError if the file cannot be written.
    """
    global _running
    from meshtop.log_file import LogFile  # here, as most who import this log nothing

    handler = LogFile(path, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    handler.setFormatter(_Formatter())
    stop_log()
    _running = handler
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.INFO)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if requests and name == "httpx" else logging.WARNING)
    logging.captureWarnings(True)
    _log.info("meshtop %s, Python %s: %s", __version__, platform.python_version(), shlex.join(sys.argv))


def stop_log() -> None:
    """Close the log, if one was started."""
    global _running
    if _running is not None:
        logging.root.removeHandler(_running)
        _running.close()
        _running = None
        logging.root.setLevel(logging.WARNING)
        for name in _LIBRARIES:
            logging.getLogger(name).setLevel(logging.NOTSET)
        logging.captureWarnings(False)


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Log an error that is handled here: a defect with its traceback, an error meant for the user as one sentence."""
    if isinstance(error, MeshtopError):
        logger.warning("%s: %s", what, error)
    else:
        logger.error("%s", what, exc_info=error)


_repeated: dict[tuple[str, str], None] = {}
_MOST_REPEATED = 500


def log_repeated(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Log a defect that every refresh meets again: its traceback the first time, nothing afterwards."""
    told = (what, repr(error)[:500])
    if told in _repeated:
        return
    if len(_repeated) >= _MOST_REPEATED:
        _repeated.clear()
    _repeated[told] = None
    log_failure(logger, what, error)


@contextlib.contextmanager
def defects_logged(logger: logging.Logger, what: str) -> Iterator[None]:
    """Log any exception raised inside, with its traceback, and re-raise it: for work whose errors would go unseen."""
    try:
        yield
    except Exception:
        logger.exception("%s failed", what)
        raise
