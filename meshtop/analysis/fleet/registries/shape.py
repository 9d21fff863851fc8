"""A member as its registry declares it, and how to read what people and controllers wrote into objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct


class Condition(Struct, frozen=True, rename="camel"):
    """A condition of a status, as the registry wrote it; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class Registered(Struct, frozen=True, kw_only=True):
    """A member as a registry declares it.

    `host` is the cluster that holds the registry. `ready` is the registry's own verdict, None where it gives none.
    `ids` are UIDs of the member's kube-system namespace, by which a cluster is known for certain. `prefix` is the path
    below the host's API server under which it forwards to the member, None where it does not. `itself` is set where
    the registry says that this member is the host.
    """

    registry: str
    host: str
    name: str
    server: str = ""
    ready: bool | None = None
    conditions: tuple[Condition, ...] = ()
    region: str | None = None
    zones: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    prefix: str | None = None
    itself: bool = False
    keeps_credentials: bool = False


def mapping(value: object) -> Mapping[str, Any]:
    """A mapping, empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """A list, empty for anything else."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object) -> str | None:
    """A word that says something, else None."""
    return value if isinstance(value, str) and value else None


def texts(value: object) -> tuple[str, ...]:
    """The words of a list."""
    return tuple(entry for entry in items(value) if isinstance(entry, str) and entry)


def conditions(status: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a status, those that have a type."""
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


def said(found: Sequence[Condition], kind: str) -> bool | None:
    """What a condition says; None for Unknown and where it is not there."""
    status = next((condition.status for condition in found if condition.type == kind), None)
    return {"True": True, "False": False}.get(status or "")
