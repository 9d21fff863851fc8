"""Safe reading of untyped parts of objects (spec and status), in which any value may have any type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct


class Condition(Struct, frozen=True, rename="camel"):
    """A condition of a status, as its controller wrote it; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    # Nearly all are plain dicts, for which asking an abstract class takes ten times as long.
    if type(value) is dict:
        return value
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object) -> str | None:
    """The value if it is a string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def integer_or_none(value: object) -> int | None:
    """The value if it is a whole number (True and False are none), else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def maps(value: object) -> list[Mapping[str, Any]]:
    """The mappings in a list; other items are skipped."""
    return [entry for entry in items(value) if type(entry) is dict or isinstance(entry, Mapping)]


def texts(value: object) -> tuple[str, ...]:
    """The non-empty strings in a list; other items are skipped."""
    return tuple(entry for entry in items(value) if isinstance(entry, str) and entry)


def conditions(status: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a status; entries without a type are skipped."""
    return tuple(
        Condition(
            type=entry["type"],
            status=text(entry.get("status")) or "Unknown",
            reason=text(entry.get("reason")) or "",
            message=text(entry.get("message")) or "",
        )
        for entry in map(mapping, items(status.get("conditions")))
        if text(entry.get("type"))
    )


def condition_holds(found: Sequence[Condition], kind: str) -> bool | None:
    """Whether a condition of this type is True; None for Unknown and where it is missing."""
    status = next((condition.status for condition in found if condition.type == kind), None)
    return {"True": True, "False": False}.get(status or "")
