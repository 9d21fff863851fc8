"""Details: finding an item by its key, and tables of related items."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from meshtop.process import in_turns
from meshtop.views.frame.facts import Detail, Related
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Table
from meshtop.views.picture.memory import Key

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

_INDEX: Key[dict[Hashable, list[int]]] = Key("places of items")


class Index(Struct, frozen=True):
    """An index of a kind's items by place: its name, and a function that gives an item's places."""

    name: str
    places: Callable[[Any], Iterable[Hashable]]

    def of(self, items: Sequence[Any]) -> dict[Hashable, list[int]]:
        """The positions of the items at each place, in order."""
        found: dict[Hashable, list[int]] = {}
        for number, item in enumerate(in_turns(items)):
            for place in self.places(item):
                found.setdefault(place, []).append(number)
        return found


BY_NAMESPACE = Index("by namespace", lambda item: ((item.cluster, item.namespace),))
"""Items of one cluster, by cluster and namespace."""
BY_NAME = Index("by name", lambda item: ((item.cluster, item.namespace, item.name),))
"""Items of one cluster, by cluster, namespace and name."""


def related(picture: Picture, kind: str, title: str, wanted: Callable[[Any], bool], empty: str) -> Related:
    """A table of the items of a kind that a predicate selects, drawn by the kind's view."""
    of_kind = view(kind)
    items = [item for item in in_turns(of_kind.all_items(picture)) if wanted(item)]
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
    """A table of the items of a kind at certain places, found by an index that is built once for each Picture.

    A fleet has tens of thousands of items; scanning all of them would be noticeably slow.

    `sought` are the places in the index; `wanted` filters the items found there.
    """
    items = view(kind).all_items(picture)
    by_place = picture.cached(_INDEX.at(kind, index.name), lambda: index.of(items))
    numbers = sorted({number for place in sought for number in by_place.get(place, ())})
    return related_items(picture, kind, title, (items[n] for n in numbers if wanted(items[n])), empty)


def related_items(picture: Picture, kind: str, title: str, items: Iterable[Any], empty: str) -> Related:
    """A table of given items, drawn by their kind's view."""
    of_kind = view(kind)
    return Related(title, kind, Table(of_kind.shown(picture.thresholds), tuple(items), of_kind.key), empty)


def find_item(picture: Picture, kind: str, key: str) -> Any | None:
    """The item with this key, or at this place (`CLUSTER/NAMESPACE/NAME`); None if there is none."""
    of_kind = view(kind)
    items = of_kind.all_items(picture)
    by_key = picture.cached(
        _INDEX.at(kind, "by key"), lambda: Index("by key", lambda item: (of_kind.key(item),)).of(items)
    )
    if key in by_key:
        return items[by_key[key][0]]
    return next((item for item in in_turns(items) if "/".join(of_kind.path(item)) == key), None)


def detail(picture: Picture, kind: str, key: str) -> Detail | None:
    """The detail of one item; None if it does not exist (any more)."""
    of_kind = view(kind)
    item = find_item(picture, kind, key)
    if item is None:
        return None
    made = of_kind.detail(picture, item, key)
    if picture.snapshot.hidden is not None and of_kind.kind == "clusters":
        # A whole cluster's course over time holds what the access policy leaves out.
        return structs.replace(made, charts=())
    return made
