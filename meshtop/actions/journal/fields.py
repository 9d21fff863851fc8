"""The fields of a row, each checked by itself: SQLite keeps any type in any column, and a file may be damaged."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from meshtop.model.text import clean

_OBJECTS = msgspec.json.Decoder(dict[str, Any])
_LATEST = 253_402_300_799.0
"""The last second of the year 9999, after which no calendar of ours goes on."""


def require_text(**fields: object) -> None:
    """Raise ValueError with the name of a field that is no text."""
    for name, value in fields.items():
        if not isinstance(value, str):
            raise ValueError(f"its {name} is no text")


def stored_moment(value: object, what: str) -> float:
    """Unix seconds that a calendar can tell. Raises ValueError with `what` it is."""
    if not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise ValueError(f"its {what} is out of range")
    return float(value)


_Known = TypeVar("_Known", bound=StrEnum)


def known_word(value: object, words: type[_Known], what: str) -> _Known:
    """One of the words that this version knows. Raises ValueError with `what` it is."""
    try:
        return words(str(value)) if isinstance(value, str) else words("")
    except ValueError:
        said = clean(value)[:40]
        raise ValueError(f"this meshtop does not know its {what} {said}; a newer one may have written it") from None


def stored_object(value: Any, what: str) -> dict[str, Any]:
    """A JSON object. Raises ValueError with `what` it is."""
    try:
        return _OBJECTS.decode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        raise ValueError(f"its {what} is not the JSON that meshtop writes") from None


def sortable(created: object) -> float:
    """A time to sort by, whatever stands in its place."""
    return created if isinstance(created, float) else 0.0
