"""The console: one picture, one scope, and screens that draw them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.screen import Screen

from meshtop.console.commands import EVERYTHING
from meshtop.console.journaling import JournalRead, JournalWatch
from meshtop.console.options import ConsoleOptions
from meshtop.console.places import (
    CANARIES,
    FINDINGS,
    FLEET,
    GRAPH,
    JOURNAL,
    MATRICES,
    TENANT_TREE,
    TENANTS,
    kind_of,
)
from meshtop.console.rights import Rights
from meshtop.console.scope import Scope
from meshtop.console.screens.base import MeshScreen
from meshtop.console.session import PictureArrived, Session, SessionFailed
from meshtop.console.terminal.look import Look
from meshtop.console.terminal.shell import Shell, stylesheets
from meshtop.model.constants import DEFAULT_WINDOW_SECONDS
from meshtop.model.errors import MeshtopError
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.views.picture.picture import Picture

STEP_SECONDS = 60.0
"""How far one key press goes back in time."""
TICK_SECONDS = 2.0
"""How often ages grow by themselves; each time composes the screen anew, which an idle console
feels."""


class MeshtopApp(Shell):
    """Owns the latest Picture, the Scope that travels, and the session with the observatory."""

    TITLE = "meshtop"
    CSS_PATH = stylesheets("app", "widgets", "screens")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "palette", id="console.palette", show=False, priority=True),
    ]

    def __init__(self, options: ConsoleOptions, look: Look | None = None, session: Session | None = None) -> None:
        super().__init__(look, cell_diff=options.cell_diff)
        self.options = options
        self.picture: Picture | None = None
        self.scope = Scope(query=options.query)
        self.session = session or Session(options, self)
        self.rights = Rights(self.session)
        self.window_seconds = DEFAULT_WINDOW_SECONDS
        self.parting_words = ""
        self.journal = JournalWatch(self)
        self._asked = False

    def get_default_screen(self) -> Screen[object]:
        """The fleet is what one sees first."""
        return self._screen_of(FLEET)

    def _screen_of(self, kind: str) -> Screen[Any]:
        if kind == FLEET:
            from meshtop.console.screens.fleet import FleetScreen

            return FleetScreen()
        if kind == GRAPH:
            from meshtop.console.screens.graph import GraphScreen

            return GraphScreen()
        if kind == FINDINGS:
            from meshtop.console.screens.security import SecurityScreen

            return SecurityScreen()
        if kind == CANARIES:
            from meshtop.console.screens.canaries import CanaryScreen

            return CanaryScreen()
        if kind == TENANTS:
            from meshtop.console.screens.tenants import TenantScreen

            return TenantScreen()
        if kind == TENANT_TREE:
            from meshtop.console.screens.tenants import TenantTreeScreen

            return TenantTreeScreen()
        if kind in MATRICES:
            from meshtop.console.screens.matrix import MatrixScreen

            return MatrixScreen(kind)
        from meshtop.console.screens.table import TableScreen

        return TableScreen(kind)

    def now(self) -> float:
        """The present, in Unix seconds."""
        return time.time()

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written to any cluster."""
        if self.picture is not None and self.picture.snapshot.clusters:
            return all(cluster.read_only for cluster in self.picture.snapshot.clusters)
        return self.options.read_only

    def on_mount(self) -> None:
        """Begin to read once the first frame is on its way."""
        if self.options.keymap:
            self.set_keymap(self.options.keymap)
        self.call_after_refresh(self.session.start)
        self.set_interval(TICK_SECONDS, self._tick)

    def on_key(self, event: events.Key) -> None:
        """Keys that were typed ahead of a prompt went to what had the keyboard before; they belong into the prompt.

        A line to type in takes what it is given, so a printable key that comes up to here was meant for another.
        """
        if event.is_printable and event.character is not None and self.focused is not None:
            from textual.widgets import Input

            if isinstance(self.focused, Input):
                self.focused.insert_text_at_cursor(event.character)
                event.prevent_default()

    def _tick(self) -> None:
        """Ages grow by themselves; another process may write to the journal, or end in the middle of an action."""
        if self.picture is not None:
            self.journal.look()
        if isinstance(self.screen, MeshScreen):
            self.screen.update_chrome()

    def on_journal_read(self, message: JournalRead) -> None:
        """Say on every screen what waits for somebody."""
        clusters = self.picture.snapshot.clusters if self.picture is not None else ()
        changed = self.journal.arrived(message, [cluster.name for cluster in clusters])
        # An answer that comes while everything is closed finds no screen.
        if changed and self.screen_stack and isinstance(self.screen, MeshScreen):
            self.screen.update()

    def action_journal(self) -> None:
        """What was written from here, by whom and why, and what waits for somebody."""
        from meshtop.console.screens.journal import JournalScreen

        if not isinstance(self.screen, JournalScreen) and not self._refuses_to_leave():
            self.push_screen(JournalScreen())

    def on_picture_arrived(self, message: PictureArrived) -> None:
        """Show what is new; screens that are covered do so when they come to the front."""
        if self.picture is not None and message.picture.snapshot.sequence < self.picture.snapshot.sequence:
            return
        self.picture = message.picture
        self.window_seconds = message.picture.snapshot.window_seconds
        for screen in reversed(self.screen_stack):
            if isinstance(screen, MeshScreen):
                screen.update()
            if not screen.is_modal:
                break

    def on_session_failed(self, message: SessionFailed) -> None:
        """Without an observatory there is nothing to show: leave, and say why."""
        from meshtop.settings.document import ConfigError
        from meshtop.sources.auth.kubeconfig import KubeconfigError

        error = message.error
        known = isinstance(error, ConfigError | KubeconfigError)
        sentence = str(error) if known else f"this should not have happened ({type(error).__name__}: {error})"
        self.parting_words = f"meshtop: {sentence}"
        self.exit(return_code=2 if known else 70)

    def on_unmount(self) -> None:
        """End what runs in the background."""
        self.session.stop()

    def set_scope(self, scope: Scope) -> None:
        """Look at something else; every screen follows."""
        self.scope = scope
        for screen in self.screen_stack:
            if isinstance(screen, MeshScreen):
                screen.update()

    def action_place(self, key: str) -> None:
        """Open the place of a number key."""
        kind = kind_of(key)
        if kind is not None:
            self.open_place(kind)

    def open_place(self, kind: str) -> None:
        """Go to a place; what was opened on the way is left. The fleet is the ground that all others stand on."""
        if self._refuses_to_leave():
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if kind != FLEET:
            self.push_screen(self._screen_of(kind))

    def _refuses_to_leave(self) -> bool:
        """Whether something runs on screen that must not be left by accident; it is said."""
        busy = self.screen.busy if isinstance(self.screen, MeshScreen) else None
        if busy is not None:
            self._say(busy, Tone.DEGRADED)
        return busy is not None

    def action_interrupt(self) -> None:
        """End as ctrl-c ends a command; what runs is asked about once, and then goes on as the journal says."""
        if not self._asked and self._refuses_to_leave():
            self._asked = True
            return
        super().action_interrupt()

    def open_detail(self, kind: str, key: str) -> None:
        """Open one thing."""
        if kind == JOURNAL:
            self.open_action(key)
            return
        if kind == CANARIES:
            from meshtop.console.screens.canaries import CanaryDetailScreen

            self.push_screen(CanaryDetailScreen(key))
            return
        from meshtop.console.screens.detail import DetailScreen

        self.push_screen(DetailScreen(kind, key))

    def take_back_last(self) -> None:
        """Ask whether to take the last shift back."""
        from meshtop.console.journaling import last_shift
        from meshtop.console.screens.action import ActionScreen

        told = last_shift()
        if told is None:
            self._say("Nothing was shifted from here yet.", Tone.PLAIN)
        else:
            self.push_screen(ActionScreen(told, "take_back"))

    def open_action(self, identity: str) -> None:
        """Open an action of the journal that waits for somebody."""
        from meshtop.console.screens.action import ActionScreen

        told = next((told for told in self.journal.unfinished if told.action.id == identity), None)
        if told is not None:
            self.push_screen(ActionScreen(told))

    def open_graph(self, kind: str, key: str) -> None:
        """Open the graph around a row of a kind."""
        from meshtop.console.screens.graph import GraphScreen
        from meshtop.console.widgets.graph_cursor import Cursor
        from meshtop.views.frame.registry import view
        from meshtop.views.reports.graph import Sight, place_of_row

        of_kind, picture = view(kind), self.picture
        items = of_kind.all_items(picture) if picture is not None else []
        item = next((item for item in items if of_kind.key(item) == key), None)
        place = place_of_row(kind, item, picture) if item is not None and picture is not None else None
        if place is None:
            self._say(f"The graph shows clusters, namespaces, services, workloads and edges, not {kind}.", Tone.PLAIN)
            return
        self.push_screen(GraphScreen(Sight(level=place[0], focus=place[1]), Cursor(place[1])))

    def step_back(self) -> None:
        """Close what was opened, else widen the scope by a step, else go to the fleet."""
        opened = len(self.screen_stack) > 1
        wider = self.scope.widened()
        if isinstance(self.screen, MeshScreen) and self.screen.is_place and wider is not None:
            self.set_scope(wider)
        elif opened:
            self.pop_screen()

    def action_refresh_now(self) -> None:
        """Ask every source at once, and what the user may do when that is next needed."""
        self.rights.forget()
        self.session.refresh()

    def action_travel(self, steps: int) -> None:
        """Go back or forward in time by steps of a minute; beyond the present it is live again."""
        snapshot = self.picture.snapshot if self.picture is not None else None
        at = snapshot.moment if snapshot is not None and snapshot.moment is not None else self.now()
        moment = at + steps * STEP_SECONDS
        if moment >= self.now() - STEP_SECONDS / 2:
            self.session.change(live=True)
        else:
            self.session.change(moment=moment)

    def action_live(self) -> None:
        """Back to the present."""
        self.session.change(live=True)

    def run_command(self, name: str, argument: str) -> None:
        """Run a command of the command bar."""
        try:
            self._run(name, argument)
        except (MeshtopError, ValueError) as error:
            self._say(str(error), Tone.FAILING)

    def _run(self, name: str, argument: str) -> None:
        everything = argument in EVERYTHING
        if name in ("fleet", GRAPH):
            self.open_place(FLEET if name == "fleet" else GRAPH)
        elif name == "quit":
            self.exit(return_code=0)
        elif name == "journal":
            self.action_journal()
        elif name == "help" and isinstance(self.screen, MeshScreen):
            self.screen.action_help()
        elif name == "live":
            self.action_live()
        elif name == "theme":
            self._set_theme(argument)
        elif name == "filter":
            self.set_scope(self.scope.filtered(argument))
        elif name == "tenant":
            self.set_scope(self.scope.narrowed(tenant="" if everything else argument))
        elif name == "explain":
            self._explain(argument)
        elif name == "window":
            from meshtop.settings.durations import parse_duration

            self.session.change(window_seconds=parse_duration(argument))
        elif name == "at":
            from meshtop.views.frame.moments import parse_moment

            self.session.change(moment=parse_moment(argument, datetime.now().astimezone()))
        else:
            self._open_kind(name, "" if everything else argument, narrowed=bool(argument))

    def _open_kind(self, kind: str, argument: str, *, narrowed: bool) -> None:
        if narrowed and kind == "clusters":
            self._check_cluster(argument)
            self.set_scope(self.scope.narrowed(cluster=argument))
            return
        if narrowed:
            self.set_scope(self.scope.narrowed(namespace=argument))
            if kind == "namespaces":
                return
        self.open_place(kind)

    def _explain(self, argument: str) -> None:
        """Why the access policy gives a right, or does not, and what Kubernetes says."""
        from meshtop.console.screens.explain import ExplainScreen, parse_asked

        self.push_screen(ExplainScreen(self, parse_asked(argument)))

    def _check_cluster(self, name: str) -> None:
        known = [c.name for c in self.picture.snapshot.clusters] if self.picture is not None else []
        if name and name not in known:
            raise ValueError(f"there is no cluster {name}; there are {', '.join(known) or 'none yet'}")

    def _set_theme(self, name: str) -> None:
        from meshtop.console.themes import find_theme

        self.theme = find_theme(name or None)

    def _say(self, sentence: str, tone: Tone) -> None:
        if isinstance(self.screen, MeshScreen):
            self.screen.say(sentence, tone)
