"""The bottom line: key hints, or while typing the filter or command bar.

Usage::

    bar = BottomBar(commands)              # docked at the bottom, one line, more while a long notice is shown
    await bar.open_filter("status:failing")  # FilterLine.Changed messages come up to the screen
    await bar.open_commands()                # so does CommandBar.Given
    bar.say("Copied.")                       # a notice for some seconds, in as many lines as it needs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from meshtop.console.widgets.commands import Command
from meshtop.console.widgets.key_hints import KeyHints
from meshtop.views.frame.table import Tone

if TYPE_CHECKING:
    from meshtop.console.widgets.prompts import CommandBar, FilterLine, NameLine, Prompt
    from meshtop.console.widgets.proposals import ProposalSource


class BottomBar(Container):
    """The bottom line; prompts are created when first opened, as the first frame does not need them."""

    def __init__(
        self,
        commands: Sequence[Command] = (),
        *,
        source: ProposalSource | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._commands = commands
        self._source = source
        self._came_from: Widget | None = None
        self.hints = KeyHints()

    def compose(self) -> ComposeResult:
        """The hints."""
        yield self.hints

    @property
    def typing(self) -> bool:
        """Whether a prompt is open."""
        return not self.hints.display

    def show_position(self, position: str) -> None:
        """Say where the cursor is in the table that has the keyboard; "" where none has."""
        self.hints.position = position
        self.hints.draw()

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence instead of the hints for some seconds; an empty one restores the hints."""
        self.hints.say(text, tone)

    async def open_filter(self, active: str = "") -> FilterLine:
        """Edit the filter."""
        from meshtop.console.widgets.prompts import FilterLine

        found = self.query(FilterLine)
        line = found.first() if found else FilterLine()
        await self._open(line, active)
        return line

    async def open_name(self) -> NameLine:
        """Ask for a name."""
        from meshtop.console.widgets.prompts import NameLine

        found = self.query(NameLine)
        line = found.first() if found else NameLine()
        await self._open(line, "")
        return line

    async def open_commands(self, text: str = "") -> CommandBar:
        """Open the command bar."""
        from meshtop.console.widgets.prompts import CommandBar

        found = self.query(CommandBar)
        line = found.first() if found else CommandBar(self._commands, source=self._source)
        await self._open(line, text)
        return line

    def look_again(self) -> None:
        """Let an open command bar find again what is typed."""
        if not self.typing:
            return
        from meshtop.console.widgets.prompts import CommandBar

        for bar in self.query(CommandBar):
            if bar.display:
                bar.look_again()

    async def _open(self, prompt: Prompt, text: str) -> None:
        self.hints.say("")  # a long notice has more lines than a prompt
        if not prompt.is_mounted:
            await self.mount(prompt)
        if not self.typing:
            self._came_from = self.screen.focused
        for other in self.children:
            other.display = other is prompt
        prompt.open(text)

    def on_prompt_left(self) -> None:
        """Restore the hints and the previous focus."""
        if any(child.display for child in self.children if child is not self.hints):
            return
        self.hints.display = True
        if self._came_from is not None and self._came_from.is_attached:
            self._came_from.focus()
        self._came_from = None
