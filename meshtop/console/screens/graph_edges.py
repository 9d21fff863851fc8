"""The observed edges behind one edge of the graph, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshtop.console.places import GRAPH, place_title
from meshtop.console.screens.table import TableScreen
from meshtop.views.frame.table import Table
from meshtop.views.picture.query import Query
from meshtop.views.reports.graph import Sight, edges_between

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture


class GraphEdgesScreen(TableScreen):
    """The list of edges; opened from the graph, and closes to it."""

    def __init__(self, title: str, sight: Sight, source: str, target: str) -> None:
        super().__init__("edges")
        self._title, self._sight, self._source, self._target = title, sight, source, target

    @property
    def place(self) -> str:
        """The title in the top bar."""
        return place_title(GRAPH)

    @property
    def is_place(self) -> bool:
        """It was opened from a place."""
        return False

    @property
    def about(self) -> str:
        """The screen's purpose, for the help."""
        return f"The edges that the graph adds up: {self._title}"

    @property
    def pages(self) -> tuple[str, ...]:
        """It has none beside it."""
        return (self.kind,)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There are no pages to go through."""
        return False if action == "page" else super().check_action(action, parameters)

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb after the place."""
        return (self._title,)

    def table(self, picture: Picture, query: Query) -> Table[Any]:
        """The rows of the scope that are part of the edge."""
        table = super().table(picture, query)
        scope = self.host.scope.filtered("").query
        part = {id(i) for _, i in edges_between(picture, scope, self._sight, source=self._source, target=self._target)}
        return Table(table.columns, [item for item in table.items if id(item) in part], self.kind_view.key)
