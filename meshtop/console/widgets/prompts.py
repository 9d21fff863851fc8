"""The prompts at the bottom instead of the key hints: the filter (`/`) and the command bar (`:`)."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Label

from meshtop.console.widgets.commands import Command, InputHistory, complete, describe_command, parse_command
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
        yield Label(self.SIGN, classes="sign")
        line = Input(compact=True, select_on_focus=False, suggester=self.suggester())
        line.cursor_blink = False  # a blinking cursor would send bytes for ever
        yield line
        yield Label("", classes="message", markup=False)

    def suggester(self) -> Suggester | None:
        """The suggester for completions."""
        return None

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


class _Completion(Suggester):
    def __init__(self, commands: Sequence[Command]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._commands = commands

    async def get_suggestion(self, value: str) -> str | None:
        return complete(value, self._commands)


class CommandBar(Prompt):
    """The command bar (`:`): a command by name, alias or prefix, with its argument; tab accepts the completion."""

    SIGN = ":"
    BINDINGS = [Binding("tab", "take", "complete", id="prompt.take", show=False)]  # noqa: RUF012

    class Given(Message):
        """Message: a command was entered."""

        def __init__(self, prompt: CommandBar, command: Command, argument: str) -> None:
            super().__init__()
            self.prompt = prompt
            self.command = command
            self.argument = argument

    def __init__(self, commands: Sequence[Command], *, history: Sequence[str] = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(history=history, id=id)
        self._commands = commands

    def suggester(self) -> Suggester:
        """Commands, then their arguments."""
        return _Completion(self._commands)

    def action_take(self) -> None:
        """Accept the completion."""
        if (proposal := complete(self.input.value, self._commands)) is not None:
            self._put(proposal)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.show_message(describe_command(event.value, self._commands) if event.value.strip() else "tab completes")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.close()
            return
        try:
            command, argument = parse_command(event.value, self._commands)
        except ValueError as error:
            self.show_message(str(error), wrong=True)
            return
        self.history.add(event.value.strip())
        self.post_message(self.Given(self, command, argument))
        self.close()
