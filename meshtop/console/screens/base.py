"""The base class of all screens: bars, global keys, and updates with new pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from meshtop.console.commands import COMMANDS
from meshtop.console.guarded import Guarded, survived
from meshtop.console.host import ConsoleHost, host_of
from meshtop.console.picture_request import PictureRequest
from meshtop.console.places import TABS, kind_of
from meshtop.console.scope import Scope, answering, freshness, utc_clock
from meshtop.console.screens.subject import SUBJECT_BINDINGS, SubjectScreen
from meshtop.console.terminal.textual_hooks import PaintsTogether, active_bindings
from meshtop.console.widgets.bottom_bar import BottomBar
from meshtop.console.widgets.line_widget import LineView, SentenceLine
from meshtop.console.widgets.live_table import LiveTable
from meshtop.console.widgets.top_bar import JOURNAL_KEY, TopBar, TopBarState
from meshtop.model.text import clean
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from textual.binding import ActiveBinding

    from meshtop.console.trail import InnerWay
    from meshtop.console.widgets.prompts import CommandBar
    from meshtop.views.picture.picture import Picture


class MeshScreen(Guarded, PaintsTogether, SubjectScreen):
    """A screen of the console; subclasses give `body`, `refresh_picture`, and say who they are."""

    _top_bar: TopBar | None = None
    _bottom_bar: BottomBar | None = None
    _hinted_for: Scope | None = None

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(view.key, f"app.place('{view.key}')", view.name, id=f"go.{view.key}", show=False) for view in TABS),
        Binding("alt+left", "app.go_back", "where I was before", id="go.back", show=False),
        Binding("alt+right", "app.go_forward", "forward again", id="go.forward", show=False),
        Binding("shift+down", "scroll_facts(1)", "facts: on", id="detail.facts_down", show=False),
        Binding("shift+up", "scroll_facts(-1)", "facts: back", id="detail.facts_up", show=False),
        Binding("slash", "filter", "filter", id="scope.filter"),
        Binding("x", "narrow", "only this", id="scope.narrow", show=False),
        Binding("colon", "command", "go to", id="console.command"),
        Binding("r", "app.refresh_now", "refresh", id="console.refresh", show=False),
        Binding("left_square_bracket", "travel(-1)", "earlier", id="time.earlier", show=False),
        Binding(
            "right_square_bracket", "app.travel(1)", "later; at the present, forward again", id="time.later", show=False
        ),
        Binding("left_curly_bracket", "app.travel(-15)", "15 minutes earlier", id="time.earlier15", show=False),
        Binding("right_curly_bracket", "app.travel(15)", "15 minutes later", id="time.later15", show=False),
        Binding("full_stop", "app.live", "back to now", id="time.live", show=False),
        Binding("J", "app.journal", "journal", id="console.journal", show=False),
        Binding("E", "app.incident", "page about what is wrong", id="console.incident", show=False),
        Binding("y,C", "evidence", "copy what is shown", id="console.copy"),
        Binding("exclamation_mark", "app.hand_over", "k9s or kubectl", id="console.handover", show=False),
        *SUBJECT_BINDINGS,
        Binding("question_mark", "help", "help", id="console.help"),
        Binding("escape", "back", "back", id="console.back"),
        Binding("q", "quit_or_back", "quit", id="console.quit"),
    ]

    @property
    def host(self) -> ConsoleHost:
        """The console that shows this screen."""
        return host_of(self)

    @property
    def place(self) -> str:
        """The screen's title in the top bar."""
        raise NotImplementedError

    @property
    def is_place(self) -> bool:
        """Whether a number key leads here; esc widens the scope before it leaves a place, and q quits."""
        return True

    @property
    def facts_view(self) -> LineView | None:
        """The facts that are shown beside what has the keyboard."""
        return None

    def action_scroll_facts(self, step: int) -> None:
        """Scroll the facts, wherever the keyboard is."""
        facts = self.facts_view
        if facts is not None:
            facts.scroll_relative(y=step, animate=False)

    @property
    def chosen_row(self) -> str | None:
        """The key of the row that was chosen here, to be found again when one comes back."""
        return None

    def return_to_row(self, key: str) -> None:
        """Choose a row once it is shown."""

    @property
    def inner_way(self) -> InnerWay | None:
        """What is shown here with the steps behind and ahead of it, for the history; None where there are no steps."""
        return None

    def return_inside(self, way: InnerWay) -> None:
        """Go on, before anything is shown, where such a screen was left."""

    def step_forward(self) -> bool:
        """Take a step inside this screen again that esc took back; False where there is none."""
        return False

    @property
    def about(self) -> str:
        """The screen's purpose, as a sentence for the help."""
        return ""

    def compose(self) -> ComposeResult:
        """Two lines on top, the body, one line at the bottom."""
        self._top_bar = TopBar()
        yield self._top_bar
        yield SentenceLine(classes="defect")
        try:
            yield from self.body()
        except Exception as error:
            if not survived(self, error):
                raise
        self._bottom_bar = BottomBar(COMMANDS, source=self.host.anywhere)
        yield self._bottom_bar

    def body(self) -> ComposeResult:
        """The widgets between the bars."""
        raise NotImplementedError

    def scope_notes(self) -> tuple[str, ...]:
        """What the second line says after the scope."""
        return ()

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumb from the place to the shown item."""
        return ()

    def refresh_picture(self, picture: Picture) -> None:
        """Show a new picture."""

    def kinds(self) -> frozenset[str]:
        """The kinds whose rows this screen draws."""
        return frozenset()

    def request(self) -> PictureRequest:
        """What `refresh_picture` will draw of the next picture, to be computed on the publishing thread."""
        return PictureRequest(kinds=self.kinds())

    def hand_over_request(self) -> None:
        """Pass the current request to the session, if this is the front screen."""
        if self.is_current:
            self.host.session.request = self.request()

    def help_columns(self) -> tuple[tuple[str, str], ...]:
        """Titles and meanings for the help."""
        return ()

    @property
    def _is_composed(self) -> bool:
        return self._top_bar is not None and self._top_bar.is_attached

    @property
    def _bar(self) -> BottomBar | None:
        """The bottom line; None before it is there."""
        bar = self._bottom_bar
        return bar if bar is not None and bar.is_attached else None

    def on_screen_resume(self) -> None:
        """Show what has changed while another screen was in front."""
        self.update()

    def update(self) -> None:
        """Draw the chrome and the latest picture."""
        if not self.is_mounted or not self._is_composed:
            return
        self.update_chrome()
        if self.host.scope is not self._hinted_for:
            # What esc does depends on what the scope can be widened by.
            self._hinted_for = self.host.scope
            self.refresh_bindings()
        picture = self.host.picture
        if picture is not None:
            try:
                if self.host.session.is_ready(picture, self.request()):
                    self.refresh_picture(picture)
                    self._say_lost(picture)
            except Exception as error:
                # The next picture tries again; what was drawn last stays until then.
                if not survived(self, error):
                    raise
        self.hand_over_request()

    def show_defect(self, error: Exception) -> None:
        """Say that this screen cannot be shown as it should be, until it can."""
        first = clean((str(error).splitlines() or [""])[0])
        what = f"{type(error).__name__}: {first}" if first else type(error).__name__
        self._say_above(f"✗ A defect of meshtop: this screen is not complete ({what}). The log has it; r tries again.")

    def _say_lost(self, picture: Picture) -> None:
        """Say which rows of what is shown are missing."""
        self._say_above(" ".join(filter(None, self.lost(picture))))

    def lost(self, picture: Picture) -> Iterable[str]:
        """What a defect keeps out of what is shown, in sentences; some may be empty."""
        from meshtop.views.frame.registry import view

        return [view(kind).lost(picture) for kind in sorted(self.kinds())]

    def _say_above(self, sentence: str) -> None:
        for line in self.query(SentenceLine):
            line.show(sentence)

    def update_chrome(self) -> None:
        """Draw the top bar: place, scope, freshness."""
        if self._top_bar is None or not self._is_composed:
            return
        app = self.host
        snapshot = app.picture.snapshot if app.picture is not None else None
        replay = app.replay
        state, tone = freshness(snapshot, app.now(), recorded=replay is not None)
        answers, answers_tone = answering(snapshot)
        hidden = snapshot is not None and snapshot.hidden is not None
        window = snapshot.window_seconds if snapshot is not None else app.window_seconds
        chip, chip_tone = app.runs.chip(app.now()) if replay is None else (replay.chip, Tone.ACCENT)
        self._top_bar.show(
            TopBarState(
                tabs=TABS,
                current=self.place,
                crumbs=self.crumbs(),
                scope=(
                    *app.scope.words(window_seconds=window),
                    *(("some is hidden",) if hidden else ()),
                    *self.scope_notes(),
                ),
                state=state,
                state_tone=tone,
                clock=utc_clock(app.now())
                if snapshot is not None and replay is None and snapshot.moment is None
                else "",
                answers=answers,
                answers_tone=answers_tone,
                read_only=app.read_only,
                notice=app.journal.notice,
                chip=chip,
                chip_tone=chip_tone,
            )
        )

    def tick(self) -> None:
        """Called every two seconds while this screen is in front: ages grow.

        What a screen does again and again belongs here. A timer of its own would keep it, and all that it shows, in
        memory after its end, until the timer is due: asyncio holds the context of a cancelled one so long.
        """
        self.update_chrome()

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in place of the key hints, until the next key."""
        self.query_one(BottomBar).say(sentence, tone)

    def on_key(self, event: events.Key) -> None:
        """Remove the notice on a key press; for a disabled key and for one that does nothing here, say so."""
        if (bar := self._bar) is not None:
            active = active_bindings(self, (event.key,)).get(event.key)
            why = self._why_key_is_idle(event) if active is None else self._why_key_is_off(active)
            bar.say(why or "", Tone.DEGRADED)

    def _why_key_is_idle(self, event: events.Key) -> str | None:
        """Who presses a key that another screen has must not wait for something to happen."""
        typed = event.character
        if typed is None or not event.is_printable:
            return None
        return f"{clean(typed) if typed.strip() else event.key} does nothing here: ? lists the keys of this screen."

    def _why_key_is_off(self, active: ActiveBinding) -> str | None:
        if active.enabled:
            return None
        why = getattr(active.node, "why_disabled", None)
        reason = why(active.binding.action.partition("(")[0]) if callable(why) else None
        if not reason or reason.endswith("."):
            return reason
        return f"{self.app.get_key_display(active.binding)} {active.binding.description}: {reason}."

    def action_travel(self, steps: int) -> None:
        """Go back in time by minutes; a screen that knows a moment to go to may go there first."""
        self.host.travel(steps)

    def told_place(self) -> tuple[str, ...]:
        """Where what is copied was seen."""
        return (self.place, *self.crumbs())

    def told_item(self) -> object:
        """The items behind what is shown, for JSON; None where it is not of items."""
        return None

    def action_evidence(self) -> None:
        """Copy what is on the screen, and show what was copied with its other forms."""
        from meshtop.console.screens.evidence import EvidenceScreen, evidence_of

        picture = self.host.picture
        if picture is None:
            self.say("Nothing was read yet.")
        else:
            snapshot = picture.snapshot
            scope = self.host.scope.words(window_seconds=snapshot.window_seconds)
            evidence = evidence_of(self, self.told_place(), scope, snapshot, self.told_item())
            self.app.push_screen(EvidenceScreen(evidence))

    def on_top_bar_place_chosen(self, event: TopBar.PlaceChosen) -> None:
        """A view in the top bar was clicked."""
        kind = kind_of(event.key)
        if event.key == JOURNAL_KEY:
            self.host.open_running()
        elif kind is not None:
            self.host.open_place(kind)

    async def action_command(self) -> None:
        """Open the command bar."""
        self.host.learn_names()
        await self.query_one(BottomBar).open_commands()

    def on_live_table_position_changed(self) -> None:
        """Say in the bottom line where the cursor is in the table that has the keyboard, whichever has it by now."""
        table = self.focused
        if (bar := self._bar) is not None:
            bar.show_position(table.position if isinstance(table, LiveTable) else "")

    def names_learned(self) -> None:
        """Let an open command bar find what is known by now."""
        if (bar := self._bar) is not None:
            bar.look_again()

    def on_command_bar_given(self, event: CommandBar.Given) -> None:
        """Run a command."""
        self.host.run_command(event.command.name, event.argument)

    def action_help(self) -> None:
        """Show the help: this screen's keys and columns."""
        # Here, as the first frame does without.
        from meshtop.console.widgets.help_screen import HelpScreen, HelpText, key_groups

        keys = key_groups(self)
        text = HelpText(
            " ▸ ".join((self.place, *self.crumbs())),
            about=self.about,
            keys=keys.own,
            columns=self.help_columns(),
            moving=keys.moving,
            everywhere=keys.everywhere,
            commands=tuple((f":{command.name}", command.help) for command in COMMANDS),
        )
        self.app.push_screen(HelpScreen(text))

    def action_back(self) -> None:
        """Go one step back."""
        self.host.step_back()

    def action_quit_or_back(self) -> None:
        """Quit, or go back from what was opened."""
        if self.is_place:
            self.host.quit()
        else:
            self.host.step_back()

    def hint_text(self, action: str, description: str) -> str | None:
        """The hint text of a key: esc closes an opened screen or widens the scope, q quits."""
        if action == "back":
            if not self.is_place:
                return description
            return "widen" if self.host.scope.widened() is not None else None
        if action == "quit_or_back" and not self.is_place:
            return None
        if action == "evidence":
            return "copy"
        return description if self.applies(action) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that this screen does not offer."""
        if action in ("filter", "narrow"):
            return hasattr(self, f"action_{action}")
        if action == "scroll_facts":
            return self._is_composed and self.facts_view is not None
        return super().check_action(action, parameters)

    def why_disabled(self, action: str) -> str | None:
        """Why an action is disabled; None where it is not."""
        return None
