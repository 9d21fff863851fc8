"""Opens and closes screens, and remembers the way: one step back, and forward again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from textual.app import App
from textual.screen import Screen

from meshtop.console.places import (
    CANVAS_AROUND,
    FLEET,
    FLOW_AROUND,
    GRAPH,
    detail_screen,
    draws_canvas,
    load_screen,
    place_screen,
    place_title,
)
from meshtop.console.screens.base import MeshScreen
from meshtop.console.trail import Opened, Trail, Visit, Whereabouts, as_left

if TYPE_CHECKING:
    from meshtop.console.host import ConsoleHost
    from meshtop.console.scope import Scope


class Navigation:
    """The way through the console's screens; the fleet is always at the bottom of the stack."""

    def __init__(self, app: App[Any], host: ConsoleHost) -> None:
        self.trail = Trail()
        self._mesh_app = app
        self._host = host
        self._place = FLEET
        self._visits: WeakKeyDictionary[Screen[Any], Visit] = WeakKeyDictionary()

    def here(self) -> Whereabouts:
        """Where one is: the screens that can be opened again, up to the first that cannot."""
        visits = [Visit(Opened.PLACE, FLEET)]
        for screen in self._mesh_app.screen_stack[1:]:
            visit = self._visits.get(screen) or _graph_visit(screen)
            if visit is None:
                break
            if isinstance(screen, MeshScreen):
                visits.append(as_left(visit, screen.chosen_row, screen.inner_way))
            else:
                visits.append(as_left(visit, None))
        return Whereabouts(tuple(visits), self._host.scope)

    @property
    def place(self) -> str:
        """The kind of the place or page that was opened last."""
        return self._place

    def open_place(self, kind: str) -> None:
        """Go to a place, closing opened screens."""
        self.trail.leaving(self.here())
        self._close_to(1)
        self._place = kind
        if kind != FLEET:
            self._push(Visit(Opened.PLACE, kind))

    def open_detail(self, kind: str, key: str) -> None:
        """Open the detail of an item over the current screen."""
        self.trail.leaving(self.here())
        self._push(Visit(Opened.DETAIL, kind, key))

    def open_graph(self, kind: str, key: str) -> bool:
        """Open the graph around a row; False where the graph does not show its kind."""
        here = self.here()
        if not self._push(Visit(Opened.GRAPH, kind, key)):
            return False
        self.trail.leaving(here)
        return True

    def rescoping(self, scope: Scope) -> None:
        """Note the step where the scope is about to get other limits; a filter and an order are none."""
        old, new = self._host.scope.query, scope.query
        if (old.clusters, old.namespaces, old.tenant) != (new.clusters, new.namespaces, new.tenant):
            self.trail.leaving(self.here())

    def step_back(self) -> None:
        """Close the opened screen, else widen the scope by a step."""
        here, screen = self.here(), self._mesh_app.screen
        wider = self._host.scope.widened()
        if isinstance(screen, MeshScreen) and screen.is_place and wider is not None:
            self._host.take_scope(wider)
        elif len(self._mesh_app.screen_stack) > 1:
            self._mesh_app.pop_screen()
        self.trail.went_back(here, self.here())

    def back(self) -> bool:
        """Go to where one was before; False where that is nowhere else."""
        return self._return_to(self.trail.back(self.here()))

    def forward(self) -> bool:
        """Go again to where one came back from, inside the screen or to another; False where that is nowhere."""
        screen = self._mesh_app.screen
        if isinstance(screen, MeshScreen) and screen.step_forward():
            return True
        return self._return_to(self.trail.forward(self.here()))

    def _return_to(self, there: Whereabouts | None) -> bool:
        if there is None:
            return False
        here = self.here().visits
        same = 0
        while same < min(len(here), len(there.visits)) and _is_same(here[same], there.visits[same]):
            same += 1
        self._close_to(max(1, same))
        self._host.take_scope(there.scope)
        self._place = [visit.kind for visit in there.visits if visit.how is Opened.PLACE][-1]
        for visit in there.visits[max(1, same) :]:
            if not self._push(visit):
                break
        return True

    @property
    def _draws_canvas(self) -> bool:
        return draws_canvas(self._host.graph_canvas, self._mesh_app.size.width)

    def _close_to(self, screens: int) -> None:
        while len(self._mesh_app.screen_stack) > screens:
            self._mesh_app.pop_screen()

    def _push(self, visit: Visit) -> bool:
        screen: Screen[Any] | None
        if visit.how is Opened.PLACE:
            screen = place_screen(visit.kind, canvas=self._draws_canvas)
        elif visit.how is Opened.DETAIL:
            screen = detail_screen(visit.kind, visit.key)
        else:
            around = CANVAS_AROUND if self._draws_canvas else FLOW_AROUND
            screen = load_screen(around)(self._host.picture, visit.kind, visit.key)
        if screen is None:
            return False
        self._visits[screen] = visit
        if visit.cursor is not None and isinstance(screen, MeshScreen):
            screen.return_to_row(visit.cursor)
        if visit.inner is not None and isinstance(screen, MeshScreen):
            screen.return_inside(visit.inner)
        self._mesh_app.push_screen(screen)
        return True


def _graph_visit(screen: Screen[Any]) -> Visit | None:
    """The graph's place, where a key has changed between its two forms; None for what cannot be opened again."""
    shows = isinstance(screen, MeshScreen) and screen.is_place and screen.place == place_title(GRAPH)
    return Visit(Opened.PLACE, GRAPH) if shows else None


def _is_same(one: Visit, other: Visit) -> bool:
    return as_left(one, None) == as_left(other, None)
