"""Screens whose filter is that of the console's scope: typed in the bottom line, checked against a kind's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtop.console.screens.base import MeshScreen
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.model.numbers import number_of
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.registry import view
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.widgets.prompts import FilterLine
    from meshtop.views.picture.query import Query

EDGES = "edges"


class FilteredScreen(MeshScreen):
    """A screen of items of a kind, which a filter narrows."""

    @property
    def filtered_kind(self) -> str:
        """The kind whose columns the filter names."""
        raise NotImplementedError

    def passing(self, shown: int, total: int) -> str:
        """How many items a filter leaves, in words."""
        return f"{shown} of {total}"

    async def action_filter(self) -> None:
        """Type a filter."""
        await self.query_one(BottomBar).open_filter(self.host.scope.query.filter)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Take what is typed. Screens override `take_filter`: Textual calls the handler of every class."""
        self.take_filter(event)

    def take_filter(self, event: FilterLine.Changed) -> None:
        """Filter while typing; an invalid filter is explained in the bottom line."""
        host, of_kind = self.host, view(self.filtered_kind)
        query = host.scope.filtered(event.text).for_kind(self.filtered_kind)
        try:
            of_kind.check(query)
        except FilterError as error:
            if not event.final:
                event.prompt.show_message(str(error), wrong=True)
                return
            host.set_scope(host.scope.filtered(event.before))
            self.say(f"The filter stays as it was: {error}", Tone.DEGRADED)
            return
        host.set_scope(host.scope.filtered(event.text))
        picture = host.picture
        if picture is not None and not event.final:
            shown, total = len(of_kind.items(picture, query)), len(of_kind.all_items(picture))
            event.prompt.show_message(self.passing(shown, total))


class FilteredEdgesScreen(FilteredScreen):
    """A screen of calls; the scope may have a filter that calls do not know."""

    @property
    def filtered_kind(self) -> str:
        """Edges."""
        return EDGES

    def passing(self, shown: int, total: int) -> str:
        """How many edges a filter leaves."""
        return f"{shown} of {number_of(total, 'edge')}"

    def scope_query(self) -> Query:
        """The scope's query; a filter on columns that edges do not have is reported and ignored."""
        query = self.host.scope.for_kind(EDGES)
        try:
            view(EDGES).check(query)
        except FilterError as error:
            self.say(f"The filter is not used here: {error}", Tone.DEGRADED)
            query = self.host.scope.filtered("").for_kind(EDGES)
        return query
