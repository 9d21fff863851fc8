"""What the command bar proposes for a typed line: the list above it, and where that comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct
from textual import events

from meshtop.console.widgets.commands import Command, InputHistory, parse_command
from meshtop.console.widgets.line_widget import LineWidget
from meshtop.console.widgets.lines import TextLine, TextRun
from meshtop.console.widgets.name_index import NameIndex
from meshtop.model.text import cell_width, clean, cut
from meshtop.views.frame.table import Tone

MOST_PROPOSED = 10
"""Lines of the list."""
_MARGIN, _GAP = 3, 2
_LONGEST_SHARE = 0.6
"""The part of the width that names may take from their descriptions."""


class Proposal(Struct, frozen=True, kw_only=True):
    """A place one can go to, or a command: what is drawn, and the command that enter runs.

    `typed` is the line that stands for it, which tab writes; `sought` is what is searched where that is more than the
    drawn `text`, which it begins with.
    """

    text: str
    about: str
    command: str
    argument: str = ""
    typed: str = ""
    sought: str = ""
    offsets: tuple[int, ...] = ()
    """The matched letters of `text`."""


class ProposalSource(Protocol):
    """What can be found by typing; `history` are the lines that were typed."""

    history: InputHistory

    def find(self, text: str, most: int) -> Sequence[Proposal]:
        """The proposals for a typed line, the best first."""


class CommandProposals:
    """Commands alone, with the values that they take: what a bar proposes that is given nothing else."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.history = InputHistory()
        self.commands = tuple(commands)
        self._index = NameIndex([command.name for command in self.commands])
        self._by_word = {word.lower(): c for c in self.commands for word in (*c.aliases, c.name)}

    def named(self, word: str) -> Proposal | None:
        """The command of exactly this name or alias."""
        command = self._by_word.get(word.lower())
        return None if command is None else command_proposal(command, tuple(range(len(word))))

    def find(self, text: str, most: int) -> list[Proposal]:
        """The command of exactly this name or alias, then those that resemble it; after a space, its values."""
        line = text.removeprefix(":").lstrip()
        word, space, argument = line.partition(" ")
        if not word:
            return [command_proposal(command) for command in self.commands[:most]]
        if not space:
            first = self.named(word)
            hits = self._index.search(word, most)
            found = [command_proposal(self.commands[hit.index], hit.offsets) for hit in hits]
            return ([first] if first is not None else []) + [
                one for one in found if first is None or one.command != first.command
            ][: most - (first is not None)]
        try:
            command, _ = parse_command(word, self.commands)
        except ValueError:
            return []
        return value_proposals(command, argument.strip(), most)


def command_proposal(command: Command, offsets: tuple[int, ...] = ()) -> Proposal:
    """A command without an argument."""
    shown = offsets if offsets and offsets[-1] < len(command.name) else ()
    return Proposal(text=command.name, about=command.help, command=command.name, typed=command.name, offsets=shown)


def value_proposals(command: Command, argument: str, most: int) -> list[Proposal]:
    """The values of a command that resemble what is typed; without any, what is typed."""
    values = tuple(command.values()) if command.values is not None else ()
    hits = NameIndex(values).search(argument, most)
    if not argument:
        found: list[tuple[str, tuple[int, ...]]] = [(value, ()) for value in values[:most]]
    else:
        found = [(values[hit.index], hit.offsets) for hit in hits]
    if not found:
        return [written_proposal(command, argument)]
    return [
        Proposal(
            text=f"{command.name} {value}",
            about=command.help,
            command=command.name,
            argument=value,
            typed=f"{command.name} {value}",
            offsets=tuple(len(command.name) + 1 + offset for offset in offsets),
        )
        for value, offsets in found
    ]


def written_proposal(command: Command, argument: str) -> Proposal:
    """A command with its argument as it was typed."""
    line = f"{command.name} {argument}".rstrip()
    return Proposal(text=line, about=command.help, command=command.name, argument=argument, typed=line)


def proposal_line(proposal: Proposal, width: int, names: int, *, chosen: bool) -> TextLine:
    """A proposal in a line: its text in `names` cells with the matched letters, then its description."""
    runs = [TextRun(1, "▸" if chosen else " ", Tone.ACCENT)]
    shown = cut(clean(proposal.text), names)
    matched = set(proposal.offsets)
    x, start = _MARGIN, 0
    for at in range(1, len(shown) + 1):
        if at == len(shown) or (at in matched) != (start in matched):
            runs.append(TextRun(x, shown[start:at], Tone.ACCENT if start in matched else Tone.PLAIN))
            x += cell_width(shown[start:at])
            start = at
    room = width - _MARGIN - names - _GAP - 1
    if room > 0 and proposal.about:
        runs.append(TextRun(_MARGIN + names + _GAP, cut(clean(proposal.about), room), Tone.DIM))
    return TextLine("cursor" if chosen else "plain", tuple(runs))


class ProposalList(LineWidget):
    """The list over the last lines of the screen, above the command bar."""

    def __init__(self, go: Callable[[], None]) -> None:
        super().__init__()
        self._go = go
        self.proposals: tuple[Proposal, ...] = ()
        self.selected = 0
        self.display = False

    @property
    def chosen(self) -> Proposal | None:
        """The selected proposal."""
        return self.proposals[self.selected] if self.selected < len(self.proposals) else None

    def show(self, proposals: Sequence[Proposal]) -> None:
        """Show other proposals, the first selected."""
        self.proposals, self.selected = tuple(proposals), 0
        self.display = bool(self.proposals)
        if self.proposals and self.size.height != len(self.proposals):
            self.styles.height = len(self.proposals)
        self.draw()

    def move(self, step: int) -> None:
        """Select another one; the ends stay."""
        self.selected = max(0, min(len(self.proposals) - 1, self.selected + step))
        self.draw()

    def make_lines(self, width: int, height: int) -> list[TextLine]:
        """A line for each."""
        widest = max((cell_width(clean(one.text)) for one in self.proposals), default=0)
        names = min(widest, int(width * _LONGEST_SHARE))
        return [
            proposal_line(one, width, names, chosen=number == self.selected)
            for number, one in enumerate(self.proposals[:height])
        ]

    def on_click(self, event: events.Click) -> None:
        """Go to what is under the mouse."""
        event.stop()
        if event.y < len(self.proposals):
            self.selected = event.y
            self._go()
