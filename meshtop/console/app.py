"""The console application: holds the latest Picture and the scope, and switches between screens."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.screen import Screen

from meshtop.console.commands import run_command
from meshtop.console.desk.incident_file import IncidentWritten, incident_folders, write_incident
from meshtop.console.desk.journaling import JournalRead, JournalWatch, clusters_at_hand, last_shift
from meshtop.console.desk.rights import Rights
from meshtop.console.graph_look import GraphLook
from meshtop.console.handover import hand_over
from meshtop.console.leaving import LeavingPicture
from meshtop.console.places import (
    ACCESS_QUESTION,
    ACTION,
    CANVAS_AROUND,
    EXPLAIN,
    FLEET,
    FLOW_AROUND,
    JOURNAL,
    SCREENS,
    detail_screen,
    draws_canvas,
    kind_of,
    load_screen,
    place_screen,
)
from meshtop.console.replay import NOT_OF_A_RECORDING, Replay
from meshtop.console.running import BackgroundRuns
from meshtop.console.scope import Scope
from meshtop.console.screens.base import MeshScreen
from meshtop.console.session import ConsoleOptions, ConsoleSession, PictureArrived, SessionFailed
from meshtop.console.terminal.look import Look
from meshtop.console.terminal.shell import Shell, stylesheets
from meshtop.console.themes import find_theme
from meshtop.console.workers import ForgetfulExecutor
from meshtop.log import defects_logged, log_repeated
from meshtop.model.constants import DEFAULT_WINDOW_SECONDS
from meshtop.model.errors import Exit, MeshtopError
from meshtop.process import IdleCollector
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.desk.journaling import JournalRow
    from meshtop.console.opening import StartingPoint
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)
MOST_DEFECTS = 100
"""So many without a new picture in between are no console any more."""
AGAIN_SECONDS = 10.0
"""For so long a second ctrl-c or q ends the console though something is in progress."""
STEP_SECONDS = 60.0
"""Seconds that one key press goes back in time."""
TICK_SECONDS = 2.0
"""Seconds between updates of displayed ages; each update composes the screen again, which an idle console
feels."""


class MeshtopApp(Shell):
    """The console application with the latest Picture, the Scope, and the session with the observatory."""

    TITLE = "meshtop"
    CSS_PATH = stylesheets("app", "widgets", "screens")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "palette", id="console.palette", show=False, priority=True),
    ]

    def __init__(
        self,
        options: ConsoleOptions,
        look: Look | None = None,
        session: ConsoleSession | None = None,
        opening: StartingPoint | None = None,
    ) -> None:
        super().__init__(look, cell_diff=options.cell_diff)
        self.options = options
        self.picture: Picture | None = None
        self.scope = Scope(query=options.query)
        self.session = session or ConsoleSession(options, self)
        self.rights = Rights(self.session)
        self.replay = Replay(options.recording) if options.recording is not None else None
        self.window_seconds = DEFAULT_WINDOW_SECONDS
        self.graph_canvas: bool | None = None
        self.exit_message = ""
        self.journal = JournalWatch(self)
        self.runs = BackgroundRuns(self)
        self.graph_look = GraphLook()
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
        """Start reading after the first frame is drawn."""
        asyncio.get_running_loop().set_default_executor(ForgetfulExecutor(thread_name_prefix="worker"))
        if self.options.keymap:
            self.set_keymap(self.options.keymap)
        self.call_after_refresh(self._begin_opening)
        self.call_after_refresh(self.session.start)
        self.set_interval(TICK_SECONDS, self._tick)

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
        if self.picture is not None and self.replay is None:
            self.journal.check()
        self._collector.look()
        # A tick that was due while everything is closed finds no screen.
        if self.screen_stack and isinstance(self.screen, MeshScreen):
            self.screen.tick()

    def on_journal_read(self, message: JournalRead) -> None:
        """Show on every screen which actions are unfinished."""
        clusters = self.picture.snapshot.clusters if self.picture is not None else ()
        changed = self.journal.take(message, clusters_at_hand(clusters))
        # An answer that comes while everything is closed finds no screen.
        if changed and self.screen_stack and isinstance(self.screen, MeshScreen):
            self.screen.update()

    def action_journal(self) -> None:
        """Open what runs in the background, or the journal."""
        self.open_running()

    def open_running(self) -> None:
        """Open what runs, or ended, in the background; without any, and from there, the journal."""
        waiting = [screen for screen in self.runs.all if screen not in self.screen_stack]
        if waiting and self.screen not in self.runs.all:
            self.push_screen(waiting[-1])
        else:
            self.open_journal()

    def open_journal(self) -> None:
        """Open the journal screen, unless it is open."""
        if self.replay is not None:
            self._say(NOT_OF_A_RECORDING, Tone.PLAIN)
            return
        journal = load_screen(SCREENS[JOURNAL].path)
        if not isinstance(self.screen, journal):
            self.push_screen(journal())

    def open_action(self, row: JournalRow, ask: str = "") -> None:
        """Open an action: the screen that runs it here, if one does, else its history."""
        running = self.runs.of(row.action.id)
        if running is None:
            self.push_screen(load_screen(ACTION)(row, ask))
        elif running not in self.screen_stack:
            self.push_screen(running)
        else:
            while self.screen is not running:
                self.pop_screen()

    def show_chrome(self) -> None:
        """Draw the bars of the screen in front again."""
        if self.screen_stack and isinstance(self.screen, MeshScreen):
            self.screen.update_chrome()

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

    async def action_hand_over(self) -> None:
        """Give the terminal to k9s or kubectl until that ends."""
        if said := await hand_over(self, self, self.options.kubeconfig):
            self._say(said, Tone.DEGRADED)

    def action_incident(self) -> None:
        """Write a page about what is wrong, in the background; the bottom line says where it is."""
        picture = self.picture
        if self.is_web or picture is None:
            where = "In a browser no page is written, as it would be on the server: meshtop incident writes one."
            self._say(where if self.is_web else "Nothing was read yet.", Tone.DEGRADED)
            return
        self._say("A page about what is wrong is being written …", Tone.PLAIN)
        name = self.replay.name if self.replay is not None else None
        write = partial(write_incident, picture, self.scope.query, incident_folders(), recording=name)

        def work() -> None:
            said, done = "A defect of meshtop: the page was not written. The log has it.", False
            try:
                with defects_logged(_log, "writing a page about what is wrong"):
                    said, done = write()
            finally:
                self.post_message(IncidentWritten(said, done))

        self.run_worker(work, thread=True, exclusive=True, group="incident", exit_on_error=False)

    def on_incident_written(self, message: IncidentWritten) -> None:
        """Say where the page is, or why there is none."""
        self._say(message.sentence, Tone.GOOD if message.done else Tone.DEGRADED)

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
        """Stop background work."""
        self.session.stop()

    def set_scope(self, scope: Scope) -> None:
        """Change the scope for all screens."""
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
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if kind != FLEET:
            self.push_screen(place_screen(kind, canvas=draws_canvas(self.graph_canvas, self.size.width)))

    def _may_end(self) -> bool:
        """Whether the console may end: nothing is in progress, or that was told a moment ago. Else it is told."""
        running, now = self.runs.running, self.now()
        if not running or (self.runs.told_at is not None and now - self.runs.told_at < AGAIN_SECONDS):
            self.exit_message = self._left_behind()
            return True
        self.runs.told_at = now
        one = len(running) == 1
        what = f"{running[0].subject} is" if one else f"{len(running)} actions are"
        holds = all(run.held_by_quitting for run in running)
        then = f"{'leaves' if holds else 'interrupts'} {'it' if one else 'them'}{' held' if holds else ''}"
        self._say(f"{what} in progress (J). ctrl-c or q again {then}.", Tone.DEGRADED)
        return False

    def action_interrupt(self) -> None:
        """End the console on ctrl-c; while an action runs, only when asked again."""
        if self._may_end():
            super().action_interrupt()

    def open_detail(self, kind: str, key: str) -> None:
        """Open the detail of an item."""
        if kind == JOURNAL:
            self._open_action(key)
        else:
            self.push_screen(detail_screen(kind, key))

    def roll_back_last(self) -> None:
        """Open the last shift and ask whether to roll it back."""
        if self.replay is not None:
            self._say(NOT_OF_A_RECORDING, Tone.PLAIN)
            return
        clusters = self.picture.snapshot.clusters if self.picture is not None else ()
        last = last_shift(clusters_at_hand(clusters))
        if last is None and self.journal.problems:
            self._say(f"The last shift cannot be told: {self.journal.problems[0]}", Tone.FAILING)
        elif last is None:
            self._say("Nothing was shifted from here yet.", Tone.PLAIN)
        else:
            self.push_screen(load_screen(ACTION)(last, "roll_back"))

    def _open_action(self, identity: str) -> None:
        """Open an unfinished action of the journal; else the journal itself, which says what is wrong with it."""
        found = next((one for one in self.journal.unfinished if one.action.id == identity), None)
        if found is not None:
            self.open_action(found)
        elif self.journal.problems:
            self.open_journal()

    def open_graph(self, kind: str, key: str) -> None:
        """Open the graph around a row of a kind."""
        around = CANVAS_AROUND if draws_canvas(self.graph_canvas, self.size.width) else FLOW_AROUND
        screen = load_screen(around)(self.picture, kind, key)
        if screen is None:
            self._say(f"The graph has clusters, namespaces, services, workloads, edges, routes; no {kind}.", Tone.PLAIN)
        else:
            self.push_screen(screen)

    def step_back(self) -> None:
        """Close the opened screen, else widen the scope by a step, else go to the fleet."""
        opened = len(self.screen_stack) > 1
        wider = self.scope.widened()
        if isinstance(self.screen, MeshScreen) and self.screen.is_place and wider is not None:
            self.set_scope(wider)
        elif opened:
            self.pop_screen()

    def action_refresh_now(self) -> None:
        """Refresh every source now, and forget cached rights."""
        self.rights.forget()
        self.session.refresh()

    def action_travel(self, steps: int) -> None:
        """Go back or forward in time."""
        self.travel(steps)

    def travel(self, steps: int) -> None:
        """Go back or forward in time by steps of a minute; beyond the present it is live again."""
        snapshot = self.picture.snapshot if self.picture is not None else None
        if self.replay is not None:
            if snapshot is not None:
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

    def run_command(self, name: str, argument: str) -> None:
        """Run a command of the command bar."""
        try:
            run_command(self, name, argument)
        except (MeshtopError, ValueError) as error:
            self._say(str(error), Tone.FAILING)

    def explain_access(self, question: str) -> None:
        """Open the access explainer on a right and an object."""
        asked = load_screen(ACCESS_QUESTION)(question)
        self.push_screen(load_screen(EXPLAIN)(asked, self.picture))

    def set_theme(self, name: str) -> None:
        """Switch to another theme. Raises ValueError with the available themes."""
        self.theme = find_theme(name or None)

    def show_help(self) -> None:
        """Open the help of the current screen."""
        if isinstance(self.screen, MeshScreen):
            self.screen.action_help()

    def quit(self) -> None:
        """Leave the console; while an action runs, only when asked again."""
        if self._may_end():
            self.exit(return_code=Exit.FINE)

    def _left_behind(self) -> str:
        """What the terminal says of actions that the end of the console stops, once no screen says it any more."""
        return "\n".join(
            f"meshtop: {run.subject} is left {'held' if run.held_by_quitting else 'interrupted'}; "
            "meshtop journal says how to finish it or take it back."
            for run in self.runs.running
        )

    def _say(self, sentence: str, tone: Tone) -> None:
        if isinstance(self.screen, MeshScreen):
            self.screen.say(sentence, tone)
