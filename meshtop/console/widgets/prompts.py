"""The prompts at the bottom instead of the key hints: the filter (`/`) and the command bar (`:`)."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from meshtop.console.widgets.commands import Command, InputHistory, parse_command
from meshtop.console.widgets.proposals import MOST_PROPOSED, CommandProposals, ProposalList, ProposalSource
from meshtop.model.text import clean


class Prompt(Horizontal):
    """A prompt: a sign, an input line, and at its right a count or an error."""

    SIGN = ""
    BINDINGS = [  # noqa: RUF012
        Binding("escape", "leave", "back", id="prompt.leave", show=False),
        Binding("up", "older", "line before", id="prompt.older", show=False),
        Binding("down", "newer", "line after", id="prompt.newer", show=False),
    ]

    class Left(Message):
        """Message: the prompt was closed."""

        def __init__(self, prompt: Prompt) -> None:
            super().__init__()
            self.prompt = prompt

    def __init__(self, *, history: Sequence[str] = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.history = InputHistory(history)

    def compose(self) -> ComposeResult:
        """The line."""
        yield Label(self.SIGN, classes="sign" if len(self.SIGN) == 1 else "sign words")
        line = Input(compact=True, select_on_focus=False)
        line.cursor_blink = False  # a blinking cursor would send bytes for ever
        yield line
        yield Label("", classes="message", markup=False)

    @property
    def input(self) -> Input:
        """The line to type in."""
        return self.query_one(Input)

    def open(self, text: str = "") -> None:
        """Show the prompt with a text, and focus it."""
        self.display = True
        self.show_message("")
        self.input.value = text
        self.input.cursor_position = len(text)
        # At once: keys that were typed ahead must not go to what had the keyboard before.
        self.screen.set_focus(self.input)

    def close(self) -> None:
        """Hide the prompt, and post `Left`."""
        self.display = False
        self.post_message(self.Left(self))

    def show_message(self, sentence: str, *, wrong: bool = False) -> None:
        """Show a message at the right of the line."""
        label = self.query_one(".message", Label)
        label.set_class(wrong, "wrong")
        label.update(clean(("✗ " if wrong else "") + sentence) if sentence else "")

    def action_leave(self) -> None:
        """Leave without a result."""
        self.close()

    def action_older(self) -> None:
        """Insert the previous line of the history."""
        self._put(self.history.back(self.input.value))

    def action_newer(self) -> None:
        """Insert the next line of the history."""
        self._put(self.history.forward(self.input.value))

    def _put(self, text: str) -> None:
        self.input.value = text
        self.input.cursor_position = len(text)


class FilterLine(Prompt):
    """The filter prompt (`/`): filters while typing; enter keeps the filter, escape restores the previous one.

    Answer `Changed` with `show_message("12 of 310")`, or with `show_message(sentence, wrong=True)` for a FilterError;
    where that is final, with `before` again: what was typed up to the error is nobody's wish.
    """

    SIGN = "/"

    class Changed(Message):
        """Message: the filter changed; `final` if the line was closed with it, `before` what it was when it opened."""

        def __init__(self, prompt: FilterLine, text: str, final: bool) -> None:
            super().__init__()
            self.prompt = prompt
            self.text = text
            self.final = final
            self.before = prompt.before

    def __init__(self, *, history: Sequence[str] = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(history=history, id=id)
        self.before = ""
        self._posted = ""

    def open(self, text: str = "") -> None:
        """Edit the active filter."""
        self.before = self._posted = text
        super().open(text)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display and event.value != self._posted:
            self._posted = event.value
            self.post_message(self.Changed(self, event.value, False))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.history.add(event.value.strip())
        self.post_message(self.Changed(self, event.value.strip(), True))
        self.close()

    def action_leave(self) -> None:
        """Restore the previous filter."""
        self.post_message(self.Changed(self, self.before, True))
        self.close()


class NameLine(Prompt):
    """Asks for a name (`V`): enter gives it, escape leaves."""

    SIGN = "name of the view: "

    class Given(Message):
        """Message: a name was entered."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Given(event.value))
        self.close()


class CommandBar(Prompt):
    """The command bar (`:`): what is typed finds places, commands and names; the list above it shows the best.

    enter goes to the selected one, tab writes it into the line, up and down select; on the first one up goes to older
    lines.
    """

    SIGN = ":"
    BINDINGS = [Binding("tab", "take", "complete", id="prompt.take", show=False)]  # noqa: RUF012

    class Given(Message):
        """Message: a command was entered."""

        def __init__(self, prompt: CommandBar, command: Command, argument: str) -> None:
            super().__init__()
            self.prompt = prompt
            self.command = command
            self.argument = argument

    def __init__(
        self,
        commands: Sequence[Command],
        *,
        source: ProposalSource | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._commands = {command.name: command for command in commands}
        self._source = source or CommandProposals(commands)
        self.history = self._source.history
        self._found_for: str | None = None
        self.proposals = ProposalList(lambda: self.go(self.input.value.strip()))

    def open(self, text: str = "") -> None:
        """Show the bar, and what there is to go to."""
        if not self.proposals.is_attached:
            self.screen.mount(self.proposals)
        super().open(text)
        self.look_again()

    def close(self) -> None:
        """Take the list away too."""
        self.proposals.show(())
        super().close()

    def look_again(self) -> None:
        """Find again what is typed: there is more to be found than before."""
        self._found_for = None
        self._look()

    def _look(self) -> None:
        """Find what is typed, once."""
        text = self.input.value
        if text == self._found_for:
            return
        self._found_for = text
        found = self._source.find(text, MOST_PROPOSED)
        self.proposals.show(found)
        self.show_message("" if found else "nothing is called so")

    def action_take(self) -> None:
        """Write the selected proposal into the line."""
        self._look()
        if (chosen := self.proposals.chosen) is not None and chosen.typed:
            self._put(chosen.typed)

    def action_older(self) -> None:
        """Select the proposal above; from the first one, go to older lines."""
        if self.proposals.selected:
            self.proposals.move(-1)
        else:
            super().action_older()

    def action_newer(self) -> None:
        """Select the proposal below; while older lines are shown, go to newer ones."""
        if self.history.browsing:
            super().action_newer()
        else:
            self.proposals.move(1)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self._look()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        # Keys that come fast: what was typed last may not have been looked for yet.
        self._look()
        if not event.value.strip() and not self.proposals.selected:
            self.close()
            return
        self.go(event.value.strip())

    def go(self, line: str) -> None:
        """Go to the selected proposal, or run the line as it is typed; where neither can be, say why."""
        chosen = self.proposals.chosen
        try:
            if chosen is not None:
                command, argument = self._commands[chosen.command], chosen.argument
            else:
                command, argument = parse_command(line, tuple(self._commands.values()))
        except ValueError as error:
            self.show_message(str(error), wrong=True)
            return
        self.history.add((chosen.typed if chosen is not None else "") or line)
        self.post_message(self.Given(self, command, argument))
        self.close()
