"""The view of a kind: its names, items and columns, from a Picture and a Query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import structs

from meshtop.model.errors import MeshtopError
from meshtop.model.evidence import Unknown
from meshtop.model.thresholds import DEFAULT_THRESHOLDS, Thresholds
from meshtop.process import in_turns, sorted_in_turns
from meshtop.views.frame.facts import Detail, Fact, column_facts
from meshtop.views.frame.fields import field_columns
from meshtop.views.frame.filter import Filter, parse_filter
from meshtop.views.frame.sort import SortKey, parse_sort, sort_items
from meshtop.views.frame.table import AnyColumn, Column, Table
from meshtop.views.frame.unknowns import EVERYTHING, Needs, told, unknowns_of
from meshtop.views.picture.asks import asked_for
from meshtop.views.picture.memory import Key
from meshtop.views.picture.query import Place, Query, name_matches

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

Item = TypeVar("Item")


class View(Generic[Item]):
    """One kind: its items, columns and details.

    `item` is the frozen struct whose JSON INTERFACE.md specifies. `build` makes all items of a Picture, `detail` the
    detail of one, given its key. `path` is an item's place and name from the outside in, and its identity unless `key`
    is given; `places` are its places for the scope. `empty` is the sentence for no items, `needs` the data that this
    claim depends on, `column_needs` what some column depends on besides. `related` names the kinds that a detail of
    this one leads to.
    `bad_when_found` is set where any item is a bad answer (exit code 1), `all_is_well` where none is a good one, which
    takes that all was read. `unknowns` gives what an analysis could not take into account besides `needs`. `scoped`
    makes the items of a kind whose figures depend on the scope: those in it, or None where the scope leaves all figures
    as they are.
    """

    def __init__(
        self,
        *,
        kind: str,
        singular: str,
        list_kind: str,
        title: str,
        item: type[Item],
        columns: Sequence[Column[Item]],
        build: Callable[[Picture], list[Item]],
        detail: Callable[[Picture, Item, str], Detail],
        path: Callable[[Item], tuple[str, ...]],
        places: Callable[[Item], tuple[Place, ...]],
        default_sort: str,
        empty: str,
        needs: Needs,
        column_needs: Needs = Needs(),  # noqa: B008 - frozen
        key: Callable[[Item], str] | None = None,
        related: tuple[str, ...] = (),
        namespaced: bool = True,
        bad_when_found: bool = False,
        all_is_well: bool = False,
        scoped: Callable[[Picture, Query], list[Item] | None] | None = None,
        unknowns: Callable[[Picture], Sequence[Unknown]] | None = None,
    ) -> None:
        self.kind = kind
        self.singular = singular
        self.list_kind = list_kind
        self.title = title
        self.item = item
        self.columns = tuple(columns)
        self.default_sort = default_sort
        self.empty = empty
        self.needs = needs
        self.column_needs = column_needs
        self.all_is_well = all_is_well
        self.related = related
        self.namespaced = namespaced
        self.bad_when_found = bad_when_found
        self._all_key: Key[list[Item]] = Key("items", (kind,))
        self._scope_key: Key[list[Item] | None] = Key("items in a scope")
        self._query_key: Key[list[Item]] = Key("items of a query")
        self._build = build
        self._detail = detail
        self._path = path
        self._key = key
        self._places = places
        self._scoped = scoped
        self._unknowns = unknowns

    def shown(
        self, thresholds: Thresholds, *, wide: bool = False, chosen: tuple[str, ...] = ()
    ) -> tuple[Column[Item], ...]:
        """The drawn columns, coloured by the health thresholds; those that were `chosen`, in that order, if any."""
        if chosen and (picked := _picked(_under(self.columns, thresholds), chosen)):
            return picked
        return tuple(c for c in _under(self.columns, thresholds) if not c.hidden and (wide or not c.wide))

    def check(self, query: Query) -> None:
        """Raise FilterError when the query's filter or sort is invalid for this kind."""
        self.filter(query)
        self.order(query)

    @cached_property
    def fields(self) -> tuple[Column[Item], ...]:
        """The plain JSON fields, which filters and sorts may name by path."""
        return field_columns(self.item)

    def filter(self, query: Query) -> Filter[Item]:
        """The query's filter; columns and JSON fields may be named. Raises FilterError."""
        return _filter(query.filter, self.columns, self.fields if query.filter else ())

    def order(self, query: Query) -> tuple[SortKey[Item], ...]:
        """The query's order, else the kind's own. Raises FilterError."""
        if not query.sort:
            return _sort(self.default_sort, self.columns, ())
        return _sort(query.sort, self.columns, self.fields)

    def key(self, item: Item) -> str:
        """The identity of an item, stable across refreshes."""
        return self._key(item) if self._key else "/".join(self._path(item))

    def path(self, item: Item) -> tuple[str, ...]:
        """The parts of the key, cluster first."""
        return self._path(item)

    def is_named(self, name: str, item: Item) -> bool:
        """Whether a name matches this item: the end of its path, with or without its kind as `-o name` prints it."""
        path = self._path(item)
        bare = name.removeprefix(f"{self.singular}/")
        return name_matches(name, path) or (bare != name and name_matches(bare, path))

    def all_unknowns(self, picture: Picture, query: Query) -> tuple[Unknown, ...]:
        """What the items, or any of their columns, could not take into account, in the scope of the query."""
        found = self.unknowns(picture, query)
        unread = {unknown.cluster for unknown in found if unknown.what == EVERYTHING}
        more = unknowns_of(picture.snapshot, self.column_needs, query, states=picture.telemetry_states)
        return (*found, *(one for one in more if one not in found and one.cluster not in unread))

    def unknowns(self, picture: Picture, query: Query) -> tuple[Unknown, ...]:
        """What the claim that there are these items, and no more, could not take into account."""
        found = unknowns_of(picture.snapshot, self.needs, query, states=picture.telemetry_states)
        if self._unknowns is None:
            return found
        unread = {unknown.cluster for unknown in found if unknown.what == EVERYTHING}
        told = {(unknown.what, unknown.cluster) for unknown in found}
        more = (
            unknown
            for unknown in self._unknowns(picture)
            if (not query.clusters or unknown.cluster in query.clusters)
            and unknown.cluster not in unread
            and (unknown.what, unknown.cluster) not in told
        )
        return (*found, *more)

    def nothing(self, picture: Picture, query: Query) -> str:
        """The sentence for no items, qualified by what is unknown."""
        return told(self.empty, self.unknowns(picture, query))

    def places(self, item: Item) -> tuple[Place, ...]:
        """The places of an item; a pair or a host has several."""
        return self._places(item)

    def detail(self, picture: Picture, item: Item, key: str) -> Detail:
        """The detail of one item."""
        return self._detail(picture, item, key)

    def facts(self, item: Item, *names: str, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> tuple[Fact, ...]:
        """The named columns of an item as facts for its detail; `thresholds` colour the columns that depend on them.

        Raises KeyError for an unknown column.
        """
        return column_facts(self.columns, item, *names, thresholds=thresholds)

    def all_items(self, picture: Picture) -> list[Item]:
        """Every item, computed once for each Picture; its snapshot must hold all that the view looks at."""
        assert picture.snapshot.asked.covers(asked_for(self.kind)), (
            f"{self.kind} are worked out from more than was asked"
        )
        return picture.cached(self._all_key, lambda: self._build(picture))

    def in_scope(self, picture: Picture, query: Query) -> list[Item]:
        """The items in a resolved query's scope; its filter, names and order are ignored."""
        if self._scoped is not None:
            make = self._scoped
            key = self._scope_key.at(self.kind, query.clusters, query.namespaces, query.tenant, query.within)
            scoped = picture.cached(key, lambda: make(picture, query))
            if scoped is not None:
                return scoped
        return [
            i for i in in_turns(self.all_items(picture)) if query.holds(self._places(i), namespaced=self.namespaced)
        ]

    def lost(self, picture: Picture) -> str:
        """Which rows could not be shown, in a sentence; empty where all could. Asked after the items."""
        return picture.lost.sentence(self.kind)

    def items(self, picture: Picture, query: Query) -> list[Item]:
        """The items that match the query, in its order, computed once for each Picture. Raises FilterError."""
        return picture.cached(self._query_key.at(self.kind, query), lambda: self._chosen(picture, query))

    def _chosen(self, picture: Picture, query: Query) -> list[Item]:
        passes = self.filter(query)
        keys = self.order(query)
        query = picture.resolved(query)
        try:
            return self._choose(self.in_scope(picture, query), query, passes, keys)
        except MeshtopError:
            raise
        except Exception:  # noqa: BLE001 - told below, row by row
            items = self.all_items(picture) if self._scoped is None else self.in_scope(picture, query)
        # Some row cannot be placed, filtered or compared: each by itself, so that the others stay.
        sound = picture.rows(self.kind, items, lambda item: self._sound(item, query, passes, keys))
        return self._choose(
            [item for item in sound if query.holds(self._places(item), namespaced=self.namespaced)], query, passes, keys
        )

    def _sound(self, item: Item, query: Query, passes: Filter[Item], keys: tuple[SortKey[Item], ...]) -> Item:
        """The item itself. Raises whatever placing, naming, filtering or comparing it raises."""
        query.holds(self._places(item), namespaced=self.namespaced)
        self.key(item)
        self._choose([item], query, passes, keys)
        for key in keys:
            key.column.sort_key(item)
        return item

    def _choose(
        self, items: list[Item], query: Query, passes: Filter[Item], keys: tuple[SortKey[Item], ...]
    ) -> list[Item]:
        found = []
        for item in in_turns(items):
            if (not query.names or any(self.is_named(name, item) for name in query.names)) and passes.matches(item):
                found.append(item)
        return sort_items(sorted_in_turns(found, self._path), keys)

    def table(self, picture: Picture, query: Query, *, wide: bool = False, chosen: tuple[str, ...] = ()) -> Table[Item]:
        """The rows and columns to draw. Raises FilterError."""
        return Table(
            self.shown(picture.thresholds, wide=wide, chosen=chosen),
            self.items(picture, query),
            self.key,
            lost=lambda item, error: picture.lost.note(self.kind, item, error),
        )


@lru_cache(maxsize=64)
def _under(columns: tuple[Column[Item], ...], thresholds: Thresholds) -> tuple[Column[Item], ...]:
    """Columns bound to thresholds; cached, because a table is updated in place while its columns are identical."""
    return tuple(column.under(thresholds) for column in columns)


@lru_cache(maxsize=64)
def _picked(columns: tuple[Column[Item], ...], names: tuple[str, ...]) -> tuple[Column[Item], ...]:
    """The columns of these names in their order; where there is no room, the last are dropped first."""
    by_name = {column.name: column for column in columns if not column.hidden}
    return tuple(
        structs.replace(by_name[name], wide=False, priority=number)
        for number, name in enumerate(name for name in names if name in by_name)
    )


@lru_cache(maxsize=64)
def _filter(text: str, columns: tuple[AnyColumn, ...], fields: tuple[AnyColumn, ...]) -> Filter[Any]:
    return parse_filter(text, columns, fields)


@lru_cache(maxsize=64)
def _sort(text: str, columns: tuple[AnyColumn, ...], fields: tuple[AnyColumn, ...]) -> tuple[SortKey[Any], ...]:
    return parse_sort(text, columns, fields)


AnyView = View[Any]
"""A view of any item type."""
