"""Logic of the command bar: names, aliases and history, without a widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

HISTORY_LENGTH = 100


class Command(Struct, frozen=True):
    """A command: its name, aliases, description, and a function for its argument proposals."""

    name: str
    help: str
    aliases: tuple[str, ...] = ()
    values: Callable[[], Sequence[str]] | None = None


def parse_command(text: str, commands: Sequence[Command]) -> tuple[Command, str]:
    """The command of a typed line and its argument; a unique prefix of a name suffices.

    Raises ValueError with one sentence that names the candidates.
    """
    word, _, argument = text.strip().removeprefix(":").strip().partition(" ")
    if not word:
        raise ValueError("type a command; tab completes it")
    lowered = word.lower()
    for command in commands:
        if lowered in (command.name.lower(), *(alias.lower() for alias in command.aliases)):
            return command, argument.strip()
    started = [command for command in commands if command.name.lower().startswith(lowered)]
    if len(started) == 1:
        return started[0], argument.strip()
    if started:
        raise ValueError(f"{word} could be {', '.join(command.name for command in started)}")
    raise ValueError(f"there is no command {word!r}; the help (?) lists them")


class InputHistory:
    """The history of typed lines; the line being typed is kept while browsing."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines = list(lines)[-HISTORY_LENGTH:]
        self._at: int | None = None
        self._typed = ""

    @property
    def browsing(self) -> bool:
        """Whether an older line is shown."""
        return self._at is not None

    def add(self, line: str) -> None:
        """Remember a line; the same line twice in a row counts once."""
        self._at = None
        if line and line not in self.lines[-1:]:
            self.lines = [*self.lines, line][-HISTORY_LENGTH:]

    def back(self, typed: str) -> str:
        """The previous line of the history."""
        if not self.lines:
            return typed
        if self._at is None:
            self._typed, self._at = typed, len(self.lines)
        self._at = max(0, self._at - 1)
        return self.lines[self._at]

    def forward(self, typed: str) -> str:
        """The next line of the history, and at its end the line that was being typed."""
        if self._at is None:
            return typed
        self._at += 1
        if self._at >= len(self.lines):
            self._at = None
            return self._typed
        return self.lines[self._at]
