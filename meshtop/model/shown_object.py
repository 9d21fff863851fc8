"""An object of any kind, and what belongs to it, as it was read from one cluster to be shown."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class ShownObject(Struct, frozen=True, kw_only=True):
    """One object of a cluster, or why there is none.

    `kind` is its kind by discovery, "" where the kind is not known there. `found` are the objects of that name (in
    several namespaces where none was named), without secrets; `error` is a sentence where they could not be read, and
    `unknown_kind` tells that the cluster serves no such kind.
    """

    cluster: str
    kind: str = ""
    found: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    error: str | None = None
    unknown_kind: bool = False
    namespaced: bool = True


class DescribedObject(Struct, frozen=True, kw_only=True):
    """What one cluster says of a thing right now: the object itself, its pods (or a cluster's nodes), and its Events.

    Each part says for itself why it is missing; `pods` is None where there can be none. `cut_off` tells that there are
    more Events than were asked for.
    """

    cluster: str
    subject: ShownObject
    pods: ShownObject | None = None
    events: ShownObject | None = None
    cut_off: bool = False
