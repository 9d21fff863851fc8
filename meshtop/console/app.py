"""The console application: holds the latest Picture and the scope, and switches between screens."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import events
from textual.binding import Binding, BindingType
from textual.screen import Screen

from meshtop.console.acting_app import ActingApp
from meshtop.console.anywhere import Anywhere
from meshtop.console.commands import COMMANDS, described, own_proposals, run_command
from meshtop.console.desk.journaling import JournalWatch
from meshtop.console.desk.remembered import ConsoleMemory, ConsoleState
from meshtop.console.desk.rights import Rights
from meshtop.console.graph_look import GraphLook
from meshtop.console.leaving import LeavingPicture
from meshtop.console.navigation import Navigation
from meshtop.console.places import (
    ACCESS_QUESTION,
    DOCTOR,
    EXPLAIN,
    FLEET,
    JOURNAL,
    SETTINGS,
    is_place,
    kind_of,
    load_screen,
    place_screen,
)
from meshtop.console.replay import NOTHING_NEWER, Replay
from meshtop.console.running import BackgroundRuns
from meshtop.console.scope import Scope
from meshtop.console.screens.base import MeshScreen
from meshtop.console.session import ConsoleOptions, ConsoleSession, PictureArrived, SessionFailed
from meshtop.console.terminal.look import Look
from meshtop.console.terminal.shell import stylesheets
from meshtop.console.themes import find_theme
from meshtop.console.workers import ForgetfulExecutor, work_on_thread
from meshtop.log import defects_logged, log_repeated
from meshtop.model.constants import DEFAULT_WINDOW_SECONDS
from meshtop.model.errors import Exit, MeshtopError
from meshtop.process import IdleCollector
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.desk.remembered import SavedView
    from meshtop.console.opening import StartingPoint
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)
MOST_DEFECTS = 100
"""So many without a new picture in between are no console any more."""
STEP_SECONDS = 60.0
"""Seconds that one key press goes back in time."""
TICK_SECONDS = 2.0
"""Seconds between updates of displayed ages; each update composes the screen again, which an idle console
feels."""


class MeshtopApp(ActingApp):
    """The console application with the latest Picture, the Scope, and the session with the observatory."""

    TITLE = "meshtop"
    CSS_PATH = stylesheets("app", "widgets", "screens")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "go_anywhere", "go to", id="console.palette", show=False, priority=True),
    ]

    def __init__(
        self,
        options: ConsoleOptions,
        look: Look | None = None,
        session: ConsoleSession | None = None,
        opening: StartingPoint | None = None,
        memory: ConsoleMemory | None = None,
    ) -> None:
        super().__init__(look, cell_diff=options.cell_diff)
        self.options = options
        self.picture: Picture | None = None
        self.memory = memory or ConsoleMemory()
        self.scope = Scope(query=options.query, sorts=tuple(self.memory.state.sorts.items()))
        self.session = session or ConsoleSession(options, self)
        self.rights = Rights(self.session)
        self.replay = Replay(options.recording) if options.recording is not None else None
        self.window_seconds = DEFAULT_WINDOW_SECONDS
        self.graph_canvas: bool | None = None
        self.exit_message = ""
        self.journal = JournalWatch(self)
        self.runs = BackgroundRuns(self)
        self.graph_look = GraphLook()
        self.anywhere = Anywhere(COMMANDS, described, lambda: own_proposals(self.memory.state))
        self.navigation = Navigation(self, self)
        self.opening = opening
        """What is to be shown first, until it is; None afterwards."""
        self._opening_from: Screen[object] | None = None
        self._defects = 0
        self._collector = IdleCollector()

    def get_default_screen(self) -> Screen[object]:
        """The first screen: the fleet."""
        return place_screen(FLEET)

    def now(self) -> float:
        """The present, in Unix seconds; in a recording the moment at which what is shown was read."""
        if self.replay is not None and self.picture is not None:
            return self.picture.snapshot.at
        return time.time()

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written to any cluster."""
        if self.replay is not None:
            return True
        if self.picture is not None and self.picture.snapshot.clusters:
            return all(cluster.read_only for cluster in self.picture.snapshot.clusters)
        return self.options.read_only

    def on_mount(self) -> None:
        """What is done again and again, and what comes once the first frame is drawn."""
        asyncio.get_running_loop().set_default_executor(ForgetfulExecutor(thread_name_prefix="worker"))
        if self.options.keymap:
            self.set_keymap(self.options.keymap)
            self.call_after_refresh(self._check_keymap)
        self.set_interval(TICK_SECONDS, self._tick)

    def on_ready(self) -> None:
        """Go where it begins, and start reading: the first frame is drawn."""
        self._begin_opening()
        self.session.start()

    def _check_keymap(self) -> None:
        """Take keys that the settings give away from whom they were, and say which ids and keys there are not.

        On another thread, as it imports every screen.
        """

        def work() -> None:
            with defects_logged(_log, "checking the keymap"):
                from meshtop.console.keymap import keymap_problems, without_taken_keys

                problems = keymap_problems(self.options.keymap)
                self.call_from_thread(self.set_keymap, without_taken_keys(self.options.keymap))
            if problems:
                more = f" (and {len(problems) - 1} more: meshtop config validate)" if len(problems) > 1 else ""
                self.call_from_thread(self._say, problems[0] + more, Tone.DEGRADED)

        work_on_thread(self, work, group="keymap")

    def on_key(self, event: events.Key) -> None:
        """Forward keys that were typed before an opened prompt received the focus to that prompt.

        An input line consumes printable keys, so one that bubbles up to here was typed too early.
        """
        if event.is_printable and event.character is not None and self.focused is not None:
            from textual.widgets import Input

            if isinstance(self.focused, Input):
                self.focused.insert_text_at_cursor(event.character)
                event.prevent_default()

    async def on_event(self, event: events.Event) -> None:
        """Whoever presses keys must not wait for the collector."""
        if isinstance(event, events.InputEvent):
            self._collector.touched()
        await super().on_event(event)

    def _tick(self) -> None:
        """Let the screen in front do what it repeats, and check the journal, to which other processes may write."""
        # While everything is closed, the screen in front has lost some of its widgets already.
        if not self.is_running:
            return
        if self.picture is not None and self.replay is None:
            self.journal.check()
        self._collector.look()
        if (front := self._front) is not None:
            front.tick()

    @property
    def _front(self) -> MeshScreen | None:
        """The screen in front. One that opens has its bars before its other widgets, and draws itself with the last."""
        front = self.screen if self.screen_stack else None
        return front if isinstance(front, MeshScreen) and front.is_mounted else None

    def show_chrome(self) -> None:
        """Draw the bars of the screen in front again."""
        if (front := self._front) is not None:
            front.update_chrome()

    lives_on: ClassVar[bool] = True
    """Whether a defect costs only the screen that it stands in."""

    def survives(self, error: Exception) -> bool:
        """Log a defect and say it on the screen in front; so many at once that nothing works any more end the app."""
        self._defects += 1
        if not self.lives_on or self._defects > MOST_DEFECTS:
            return False
        log_repeated(_log, "the console met a defect", error)
        if self.screen_stack and isinstance(self.screen, MeshScreen):
            try:
                self.screen.show_defect(error)
            except Exception as another:  # noqa: BLE001 - told and logged here
                # What would say it is what is broken; the log has both.
                log_repeated(_log, "a defect could not be shown", another)
        return True

    def on_picture_arrived(self, message: PictureArrived) -> None:
        """Show what is new; screens that are covered do so when they come to the front."""
        self._defects = 0
        if self.picture is not None and message.picture.snapshot.sequence < self.picture.snapshot.sequence:
            return
        again = self.picture is message.picture
        leaving = None if again or self.picture is None else LeavingPicture(self.picture)
        self.picture = message.picture
        self.window_seconds = message.picture.snapshot.window_seconds
        if self.opening is not None:
            self._look_for_opening()
        for screen in reversed(self.screen_stack):
            if isinstance(screen, MeshScreen):
                screen.update()
            if not screen.is_modal:
                break
        if leaving is not None:
            leaving.release()

    def _look_for_opening(self) -> None:
        """Open what the console was started for, once it is read; whoever went elsewhere meanwhile stays there."""
        assert self.opening is not None
        assert self.picture is not None
        elsewhere = self._opening_from is not None and self.screen is not self._opening_from
        said = "" if elsewhere else self.opening.look(self, self.picture)
        if said is not None:
            self.opening = None
        if said:
            self._say(said, Tone.DEGRADED)

    def _begin_opening(self) -> None:
        """Go to the place of what is to be opened, so that its rows are made on the worker thread."""
        if self.opening is not None:
            self.open_place(self.opening.kind)
            self._opening_from = self.screen
        elif (place := self.memory.state.place) and place != FLEET and is_place(place):
            self.open_place(place)
        if self.memory.problem:
            self._say(self.memory.problem, Tone.DEGRADED)

    async def action_hand_over(self) -> None:
        """Give the terminal to k9s or kubectl until that ends."""
        # Here, as the first frame does without.
        from meshtop.console.handover import hand_over

        if said := await hand_over(self, self, self.options.kubeconfig):
            self._say(said, Tone.DEGRADED)

    def on_session_failed(self, message: SessionFailed) -> None:
        """End the console with an error message, as there is nothing to show without an observatory."""
        error = message.error
        if isinstance(error, MeshtopError):
            self.exit_message = f"meshtop: {error.sentences}"
            self.exit(return_code=Exit.USAGE)
        else:
            self.exit_message = f"meshtop: internal error ({type(error).__name__}: {error})"
            self.exit(return_code=Exit.DEFECT)

    def on_unmount(self) -> None:
        """Stop background work, and remember the place."""
        self.session.stop()
        if self.memory.writes and (place := self.navigation.place) != self.memory.state.place:
            self.memory.change(lambda state: replace(state, place=place))

    def set_scope(self, scope: Scope) -> None:
        """Change the scope for all screens; other limits are a step that can be taken back."""
        self.navigation.rescoping(scope)
        self.take_scope(scope)

    def take_scope(self, scope: Scope) -> None:
        """Change the scope for all screens; going back and forward is no step of its own."""
        for kind, sort in set(scope.sorts) - set(self.scope.sorts):
            self.memory.change(partial(ConsoleState.sorted_by, kind=kind, sort=sort))
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
        """Go to a place, closing opened screens. The fleet is always at the bottom of the stack."""
        self.navigation.open_place(kind)

    def open_detail(self, kind: str, key: str) -> None:
        """Open the detail of an item."""
        if kind == JOURNAL:
            self._open_action(key)
        else:
            self.navigation.open_detail(kind, key)

    def open_graph(self, kind: str, key: str) -> None:
        """Open the graph around a row of a kind."""
        if not self.navigation.open_graph(kind, key):
            self._say(f"The graph has clusters, namespaces, services, workloads, edges, routes; no {kind}.", Tone.PLAIN)

    def step_back(self) -> None:
        """Close the opened screen, else widen the scope by a step."""
        self.navigation.step_back()

    def action_go_back(self) -> None:
        """Go to where one was before; where that is nowhere else, a step back as esc does it."""
        if not self.navigation.back():
            self.step_back()

    def action_go_forward(self) -> None:
        """Go again to where one came back from."""
        if not self.navigation.forward():
            self._say("There is nothing ahead: esc or alt+left goes back first.", Tone.PLAIN)

    def action_refresh_now(self) -> None:
        """Refresh every source now, and forget cached rights."""
        if self.replay is not None:
            self._say(NOTHING_NEWER, Tone.PLAIN)
            return
        self.rights.forget()
        self.session.refresh()

    def action_travel(self, steps: int) -> None:
        """Go back or forward in time; at the present a step forward is one in the way through the screens."""
        snapshot = self.picture.snapshot if self.picture is not None else None
        if steps == 1 and self.replay is None and (snapshot is None or snapshot.moment is None):
            self.action_go_forward()
        else:
            self.travel(steps)

    def travel(self, steps: int) -> None:
        """Go back or forward in time by steps of a minute; beyond the present it is live again."""
        snapshot = self.picture.snapshot if self.picture is not None else None
        if self.replay is not None:
            if snapshot is not None:
                self._say(self.replay.at_end(snapshot, steps * STEP_SECONDS), Tone.PLAIN)
                self.session.change(moment=self.replay.travelled(snapshot, steps * STEP_SECONDS))
            return
        at = snapshot.moment if snapshot is not None and snapshot.moment is not None else self.now()
        moment = at + steps * STEP_SECONDS
        if moment >= self.now() - STEP_SECONDS / 2:
            self.session.change(live=True)
        else:
            self.session.change(moment=moment)

    def action_live(self) -> None:
        """Back to the present."""
        self.go_live()

    def go_live(self) -> None:
        """Back to the present."""
        self.session.change(live=True)

    async def action_go_anywhere(self) -> None:
        """Open the command bar of the screen in front, as `:` does."""
        if isinstance(self.screen, MeshScreen):
            await self.screen.action_command()

    def learn_names(self) -> None:
        """Read, on another thread, the names that can be typed, unless those of this picture are known."""
        self.anywhere.learn_for(self, self.picture)

    def on_names_learned(self) -> None:
        """Let what is being typed find them."""
        if self.screen_stack and isinstance(self.screen, MeshScreen):
            self.screen.names_learned()

    def open_thing(self, kind: str, name: str) -> bool:
        """Open the detail of a thing by its key, or by its name as `get` takes it; False where there is none."""
        from meshtop.console.opening import StartingPoint
        from meshtop.views.frame.detail import find_item
        from meshtop.views.frame.registry import view

        if self.picture is None:
            return False
        item = find_item(self.picture, kind, name)
        if item is not None:
            self.open_detail(kind, view(kind).key(item))
            return True
        return StartingPoint(kind, name, f"{kind} {name}").look(self, self.picture) == ""

    def run_command(self, name: str, argument: str) -> None:
        """Run a command of the command bar; to go back from where it leads is one step."""
        try:
            with self.navigation.trail.one_step():
                run_command(self, name, argument)
        except (MeshtopError, ValueError) as error:
            self._say(str(error), Tone.FAILING)

    def explain_access(self, question: str) -> None:
        """Open the access explainer on a right and an object."""
        asked = load_screen(ACCESS_QUESTION)(question)
        self.push_screen(load_screen(EXPLAIN)(asked, self.picture))

    def set_theme(self, name: str) -> None:
        """Switch to another theme. Raises ValueError with the available themes."""
        self.theme = theme = find_theme(name or None)
        self.memory.change(lambda state: replace(state, theme=theme))

    def open_settings(self) -> None:
        """Open the settings in force."""
        shown = self.options.settings_in_force
        if shown is None:
            self._say("The settings are not known here; meshtop config view prints them.", Tone.PLAIN)
        else:
            self.push_screen(load_screen(SETTINGS)(shown))

    def open_doctor(self) -> None:
        """Open what the doctor says of the clusters."""
        self.push_screen(load_screen(DOCTOR)())

    def open_view(self, view: SavedView) -> None:
        """Open a saved view: its page, scope, order and columns."""
        self.memory.change(lambda state: state.with_columns(view.kind, view.columns))
        self.set_scope(replace(self.scope, query=view.query).sorted_by(view.kind, view.sort))
        self.open_place(view.kind)

    def show_help(self) -> None:
        """Open the help of the current screen."""
        if isinstance(self.screen, MeshScreen):
            self.screen.action_help()
