"""One thing opened: how it is found by its key, and the tables of other things that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from meshtop.views.frame.facts import Detail, Related
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Table
from meshtop.views.picture.memory import Key

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_INDEX: Key[dict[Hashable, list[int]]] = Key("places of items")


class Index(Struct, frozen=True):
    """How items of a kind are found by a place: the index's name, and the places of an item."""

    name: str
    places: Callable[[Any], Iterable[Hashable]]

    def of(self, items: Sequence[Any]) -> dict[Hashable, list[int]]:
        """The numbers of the items at each place, in their order."""
        found: dict[Hashable, list[int]] = {}
        for number, item in enumerate(items):
            for place in self.places(item):
                found.setdefault(place, []).append(number)
        return found


BY_NAMESPACE = Index("by namespace", lambda item: ((item.cluster, item.namespace),))
"""Items of one cluster, by cluster and namespace."""
BY_NAME = Index("by name", lambda item: ((item.cluster, item.namespace, item.name),))
"""Items of one cluster, by cluster, namespace and name."""


def related(picture: Picture, kind: str, title: str, wanted: Callable[[Any], bool], empty: str) -> Related:
    """The items of a kind that belong to something, as its own view draws them."""
    of_kind = view(kind)
    items = [item for item in of_kind.all_items(picture) if wanted(item)]
    return related_items(picture, kind, title, items, empty)


def related_at(
    picture: Picture,
    kind: str,
    title: str,
    sought: Iterable[Hashable],
    index: Index,
    empty: str,
    wanted: Callable[[Any], bool] = lambda _: True,
) -> Related:
    """The items of a kind that belong to something, found by an index that is made once for each Picture.

    A fleet has tens of thousands of items, and a walk through all of them would be seen.

    `sought` are the places in the index, `wanted` what the found ones must still meet.
    """
    items = view(kind).all_items(picture)
    by_place = picture.cached(_INDEX.at(kind, index.name), lambda: index.of(items))
    numbers = sorted({number for place in sought for number in by_place.get(place, ())})
    return related_items(picture, kind, title, (items[n] for n in numbers if wanted(items[n])), empty)


def related_items(picture: Picture, kind: str, title: str, items: Iterable[Any], empty: str) -> Related:
    """A table of items that are known already, as their own view draws them."""
    of_kind = view(kind)
    return Related(title, kind, Table(of_kind.shown(picture.thresholds), tuple(items), of_kind.key), empty)


def find_item(picture: Picture, kind: str, key: str) -> Any | None:
    """The item with this key, or at this place (`CLUSTER/NAMESPACE/NAME`); None when it is not there."""
    of_kind = view(kind)
    items = of_kind.all_items(picture)
    by_key = picture.cached(
        _INDEX.at(kind, "by key"), lambda: Index("by key", lambda item: (of_kind.key(item),)).of(items)
    )
    if key in by_key:
        return items[by_key[key][0]]
    return next((item for item in items if "/".join(of_kind.path(item)) == key), None)


def detail(picture: Picture, kind: str, key: str) -> Detail | None:
    """What is known of one thing; None when it is not there (any more)."""
    of_kind = view(kind)
    item = find_item(picture, kind, key)
    if item is None:
        return None
    made = of_kind.detail(picture, item, key)
    if picture.snapshot.hidden is not None and of_kind.kind == "clusters":
        # A whole cluster's course over time holds what the access policy leaves out.
        return structs.replace(made, charts=())
    return made
