"""Manual pages from the commands themselves: meshtop.1, and one for each command, such as meshtop-whatif-strict.1.

They stand in the wheel's data, in `share/man/man1`, where `man` looks beside a program's `bin`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from meshtop import __version__
from meshtop.cli.main import cli
from meshtop.model.errors import Exit

_EXITS = {
    Exit.FINE: "Fine.",
    Exit.BAD: "The answer is bad: a guard failed, drift or a fault was found, or there is nothing of that name.",
    Exit.USAGE: "Usage, settings, no terminal for the console, or nowhere to write the output to.",
    Exit.UNREACHABLE: "No cluster could be reached, or not all that the answer needs was read.",
    Exit.REFUSED: "Refused: read-only, the access policy, or the rights in the cluster.",
    Exit.CONFLICT: "Conflict: somebody else changed or owns it.",
    Exit.DEFECT: "A defect of meshtop.",
    Exit.INTERRUPTED: "Interrupted.",
}
FILES = (
    (
        "$XDG_CONFIG_HOME/meshtop/meshtop.yaml",
        "Settings; by default in ~/.config. `meshtop config view` shows those in force.",
    ),
    ("$XDG_STATE_HOME/meshtop", "The journal of what was written, what needed attention, and the console's log."),
    ("$XDG_CACHE_HOME/meshtop", "What servers said of their kinds; it may be deleted."),
)


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    found: dict[str, str] = {}
    for names, context, command in _commands(_context(cli, "meshtop"), cli, ("meshtop",)):
        found[f"{'-'.join(names)}.1"] = page(names, context, command)
    return found


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """The context in which a command describes itself as when it is called."""
    return click.Context(command, info_name=name, parent=parent, **command.context_settings)


def _commands(
    context: click.Context, command: click.Command, names: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Context, click.Command]]:
    yield names, context, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                inner = _context(below, name, context)
                yield from _commands(inner, below, (*names, name))


def page(names: tuple[str, ...], context: click.Context, command: click.Command) -> str:
    """A command's page in the man macros."""
    title = "-".join(names)
    short = " ".join(command.get_short_help_str(limit=200).split())
    lines = [
        f'.TH "{title.upper()}" "1" "" "meshtop {__version__}" "meshtop"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{_text(title)} \\- {_text(short)}",
    ]
    usage = " ".join(command.collect_usage_pieces(context))
    lines += [
        ".SH SYNOPSIS",
        f"\\fB{_text(' '.join(names))}\\fR {_text(usage)}",
        ".SH DESCRIPTION",
        *_paragraphs(command.help or ""),
    ]
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    records = [record for one in options if (record := one.get_help_record(context))]
    if records:
        lines.append(".SH OPTIONS")
        for option, help_ in records:
            lines += [".TP", f"\\fB{_text(option)}\\fR", _text(help_)]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                lines += [
                    ".TP",
                    f"\\fB{_text(title)}\\-{_text(name)}\\fR(1)",
                    _text(below.get_short_help_str(limit=200)),
                ]
    if len(names) == 1:
        lines.append(".SH EXIT STATUS")
        for code, meaning in _EXITS.items():
            lines += [".TP", f"\\fB{int(code)}\\fR", _text(meaning)]
        lines.append(".SH FILES")
        for path, meaning in FILES:
            lines += [".TP", f"\\fI{_text(path)}\\fR", _text(meaning)]
    above = "-".join(names[:-1])
    lines += [".SH SEE ALSO", f"\\fB{_text(above)}\\fR(1)" if above else "\\fBkubectl\\fR(1)"]
    return "\n".join(lines) + "\n"


def _paragraphs(help_: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", help_.partition("\f")[0].strip())):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.replace("\b", "").split()))


def _text(text: str) -> str:
    """Text that roff shows as it is: no line of it is a request, and every hyphen can be copied."""
    escaped = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def write_pages(folder: Path) -> list[Path]:
    """Write every page into a folder; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


if __name__ == "__main__":
    for made in write_pages(Path(sys.argv[1])):
        print(made)
