"""Finding and filtering edges while the graph is on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from meshtop.console.screens.filtered import EDGES, FilteredEdgesScreen
from meshtop.console.screens.graph_steps import EdgeSearch
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.graph_view import GraphView
from meshtop.model.numbers import number_of
from meshtop.views.frame.filter import FilterError
from meshtop.views.frame.table import Tone
from meshtop.views.kinds.edges import VIEW
from meshtop.views.reports.graph import Sight

if TYPE_CHECKING:
    from meshtop.console.widgets.prompts import FilterLine


class EdgeFindingScreen(FilteredEdgesScreen, inherit_bindings=False):
    """A screen with a graph, whose filter holds for edges, and in which edges are found without hiding others."""

    def __init__(self) -> None:
        super().__init__()
        self._search = EdgeSearch()
        self._searching = False

    @property
    def view(self) -> GraphView:
        """The drawing."""
        return self.query_one(GraphView)

    @property
    def drawn_sight(self) -> Sight:
        """The sight that is drawn."""
        raise NotImplementedError

    async def action_filter(self) -> None:
        """Type a filter of edges."""
        self._searching = False
        await super().action_filter()

    async def action_find(self) -> None:
        """Search by a filter; the cursor goes to the first match, and nothing is hidden."""
        self._searching = True
        await self.query_one(BottomBar).open_filter("")

    def take_filter(self, event: FilterLine.Changed) -> None:
        """Filter or search while typing; an invalid filter is explained in the bottom line."""
        if not self._searching:
            super().take_filter(event)
            return
        try:
            VIEW.check(self.host.scope.filtered(event.text).for_kind(EDGES))
        except FilterError as error:
            if not event.final:
                event.prompt.show_message(str(error), wrong=True)
            else:
                self.say(f"Nothing was searched: {error}", Tone.DEGRADED)
            return
        self._find(event.text, event.prompt if not event.final else None)

    def _find(self, text: str, prompt: FilterLine | None) -> None:
        """Find the shown edges that pass a filter; the cursor goes to the first."""
        picture, graph = self.host.picture, self.view.graph
        if picture is None or graph is None or not text.strip():
            return
        self._search.find(picture, replace(self.scope_query(), filter=text), self.drawn_sight, graph)
        if prompt is not None:
            prompt.show_message(f"{len(self._search.found)} of {number_of(len(graph.edges), 'edge')}")
        if self._search.found and self.view.cursor.edge not in self._search.found:
            self.action_find_next()

    def action_find_next(self) -> None:
        """Go to the next edge that the search found."""
        edge = self._search.next_edge(self.view.graph, self.view.cursor.edge)
        if edge is None:
            self.say("No search, or no matches; F searches.")
        else:
            self.view.go_to_edge(edge)
