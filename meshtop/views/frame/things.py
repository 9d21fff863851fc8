"""References to things of other kinds, in the JSON of an item."""

from __future__ import annotations

from msgspec import Struct


class Thing(Struct, frozen=True, rename="camel", kw_only=True):
    """What an item is about: a kind and a key, as `get` knows them; a node's key is CLUSTER/NODE."""

    kind: str
    key: str
