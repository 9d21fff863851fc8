"""Results that outlive a Picture: while the inventories they follow from are the same objects, so are they.

An inventory stays one object until something in the cluster changes, so a refresh of telemetry alone costs no new
comparison of configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from meshtop.model.kube import Inventory
from meshtop.model.snapshot import Snapshot

Result = TypeVar("Result")

_kept: dict[str, tuple[Hashable, tuple[Inventory | None, ...], object]] = {}


def unless_changed(name: str, snapshot: Snapshot, make: Callable[[], Result], *, also: Hashable = ()) -> Result:
    """What `make` gives; the last result for `name` while no inventory, cluster, nor anything in `also` has changed."""
    inventories = tuple(cluster.inventory for cluster in snapshot.clusters)
    key = (tuple((c.name, c.context, c.server) for c in snapshot.clusters), also)
    last = _kept.get(name)
    if last is not None and last[0] == key and all(a is b for a, b in zip(last[1], inventories, strict=True)):
        return last[2]  # type: ignore[return-value]
    result = make()
    _kept[name] = (key, inventories, result)
    return result
