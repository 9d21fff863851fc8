"""Every setting with its value and where it came from (`meshtop config view`); secrets are never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from meshtop.settings.document import KeyPath, dotted
from meshtop.settings.durations import format_duration
from meshtop.settings.load import Loaded

REDACTED = "(hidden)"

_SHOWN_HEADERS = frozenset({"x-scope-orgid", "user-agent", "accept"})
_DURATIONS = frozenset({"refresh", "window", "timeout"})


class Setting(Struct, frozen=True, rename="camel"):
    """One key, its value in force, and where it came from."""

    key: str
    value: Any
    origin: str


def settings_in_force(loaded: Loaded) -> list[Setting]:
    """Every key of the settings, in the schema's order."""
    plain = loaded.validated.model_dump(by_alias=True, mode="json")
    return [
        Setting(key=dotted(path), value=_shown(path, value), origin=loaded.origin(path))
        for path, value in _leaves(plain, ())
    ]


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    elif isinstance(value, list) and value:
        for index, below in enumerate(value):
            yield from _leaves(below, (*path, index))
    else:
        yield path, value


def _shown(path: KeyPath, value: Any) -> Any:
    """The value, unless it is or holds a secret: a password, a header's value, or a user in a URL."""
    if value is None:
        return None
    if path[-1] == "password":
        return REDACTED
    if len(path) > 1 and path[-2] == "headers" and str(path[-1]).lower() not in _SHOWN_HEADERS:
        return REDACTED
    if path[-1] == "url":
        return without_credentials(str(value))
    if len(path) == 1 and path[0] in _DURATIONS:
        return format_duration(float(value))
    return value


def without_credentials(url: str) -> str:
    """A URL without user, password, or the values of its query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return REDACTED
    user = f"{REDACTED}@" if "@" in parts.netloc else ""
    query = re.sub(r"=[^&]*", f"={REDACTED}", parts.query)
    return urlunsplit((parts.scheme, user + host, parts.path, query, ""))
