"""Filtering the graph's edges, and finding some without leaving others out, both in the filter language."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from meshtop.analysis.graph.select import worst_edges
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.views.frame.filter import FilterError
from meshtop.views.kinds.edges import VIEW
from meshtop.views.reports.graph import service_graph

if TYPE_CHECKING:
    from meshtop.console.screens.graph import GraphScreen
    from meshtop.console.widgets.prompts import FilterLine


class GraphSearch:
    """The prompts of the graph screen."""

    _finding = False
    _found: tuple[str, ...] = ()

    @property
    def _graph(self) -> GraphScreen:
        return cast("GraphScreen", self)

    async def action_filter(self) -> None:
        """Type a filter of edges."""
        self._finding = False
        await self._graph.query_one(BottomBar).open_filter(self._graph.host.scope.query.filter)

    async def action_find(self) -> None:
        """Type a filter; the cursor goes to what it finds, and nothing is left out."""
        self._finding = True
        await self._graph.query_one(BottomBar).open_filter("")

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter or find while one types; what cannot be understood yet is said, and the last filter stays."""
        scope = self._graph.host.scope
        query = scope.filtered(event.text).for_kind("edges")
        try:
            VIEW.check(query)
        except FilterError as error:
            if not event.final:
                event.prompt.tell(str(error), wrong=True)
            return
        picture = self._graph.host.picture
        if self._finding:
            self._find(event.text, event.prompt if not event.final else None)
            return
        self._graph.host.set_scope(scope.filtered(event.text))
        if picture is not None and not event.final:
            shown, total = len(VIEW.items(picture, query)), len(VIEW.all_items(picture))
            event.prompt.tell(f"{shown} of {total} edges")

    def _find(self, text: str, prompt: FilterLine | None) -> None:
        """The shown edges that a filter finds; the cursor goes to the first."""
        picture, graph = self._graph.host.picture, self._graph.view.graph
        if picture is None or graph is None or not text.strip():
            return
        query = replace(self._graph.scope_query(), filter=text)
        found = {e.id for e in service_graph(picture, query, self._graph.sight).edges}
        self._found = tuple(e.id for e in worst_edges(graph) if e.id in found)
        if prompt is not None:
            prompt.tell(f"{len(self._found)} of {len(graph.edges)} edges")
        if self._found and self._graph.view.cursor.edge not in self._found:
            self.action_find_next()

    def action_find_next(self) -> None:
        """Go to the next edge that the search found."""
        graph = self._graph.view.graph
        there = {e.id: e for e in graph.edges} if graph is not None else {}
        found = [there[name] for name in self._found if name in there]
        if not found:
            self._graph.say("Nothing was searched for, or nothing is found; F searches.")
            return
        ids = [e.id for e in found]
        current = self._graph.view.cursor.edge
        self._graph.view.go_to_edge(found[(ids.index(current) + 1) % len(ids) if current in ids else 0])
