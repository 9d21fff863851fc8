"""What the application does with actions: the journal, what runs in the background, pages about incidents, leaving."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from meshtop.console.desk.journaling import JournalRead, JournalWatch, clusters_at_hand, last_shift
from meshtop.console.places import ACTION, JOURNAL, SCREENS, load_screen
from meshtop.console.replay import NOT_OF_A_RECORDING, Replay
from meshtop.console.running import BackgroundRuns
from meshtop.console.screens.base import MeshScreen
from meshtop.console.terminal.shell import Shell
from meshtop.console.workers import work_on_thread
from meshtop.log import defects_logged
from meshtop.model.errors import Exit
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.desk.incident_file import IncidentWritten
    from meshtop.console.desk.journaling import JournalRow
    from meshtop.console.scope import Scope
    from meshtop.views.picture.picture import Picture

_log = logging.getLogger(__name__)
AGAIN_SECONDS = 10.0
"""For so long a second ctrl-c or q ends the console though something is in progress."""


class ActingApp(Shell):
    """An app with a journal and actions in the background, which it does not leave unsaid when it ends."""

    picture: Picture | None
    scope: Scope
    replay: Replay | None
    journal: JournalWatch
    runs: BackgroundRuns
    exit_message: str

    def now(self) -> float:
        """The present, in Unix seconds."""
        raise NotImplementedError

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

    def action_incident(self) -> None:
        """Write a page about what is wrong, in the background; the bottom line says where it is."""
        # Here, as the first frame does without.
        from meshtop.console.desk.incident_file import IncidentWritten, incident_folders, write_incident

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

        work_on_thread(self, work, exclusive=True, group="incident")

    def on_incident_written(self, message: IncidentWritten) -> None:
        """Say where the page is, or why there is none."""
        self._say(message.sentence, Tone.GOOD if message.done else Tone.DEGRADED)

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
