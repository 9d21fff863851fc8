"""`meshtop completion bash|zsh|fish`: completes commands, kinds, contexts and columns in the shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from meshtop.cli.exits import CommandError
from meshtop.cli.options import common_options
from meshtop.cli.session import write
from meshtop.model.text import clean

HOW = {
    "bash": "# To have it in every shell: meshtop completion bash > ~/.local/share/bash-completion/completions/meshtop",
    "zsh": "# To have it in every shell: meshtop completion zsh > a file named _meshtop in a folder of $fpath",
    "fish": "# To have it in every shell: meshtop completion fish > ~/.config/fish/completions/meshtop.fish",
}


_BASH_LINE = 'COMP_BEFORE="${COMP_LINE:0:COMP_POINT}" COMP_LAST="${COMP_WORDS[COMP_CWORD]}"'
_MARK = "\x1f"
"""Stands at the cursor while a line is split into words; nobody types it."""
_QUOTED_QUOTE = "'\\''"
_SPECIAL_IN_QUOTES = re.compile(r'(["\\$`])')
_ESCAPED = r"\\\1"


def _is_offered(item: CompletionItem[Any]) -> bool:
    """Whether a shell can take it: each line of an answer is one word, and nothing in it may speak to the terminal."""
    return str(item.value) == clean(item.value)


class _QuotingBash(BashComplete):
    """bash puts a completion on the command line as it is: names of contexts are data, and quoted here.

    It also takes `:` and `=` for ends of words, and replaces only what follows the last of them. So the line itself is
    read, and what bash keeps is left out of the answer.
    """

    source_template = (
        BashComplete.source_template.replace("read type", "read -r type")
        .replace("COMPREPLY+=($value)", 'COMPREPLY+=("$value")')
        .replace(
            "env COMP_WORDS",
            'env COMP_BEFORE="${COMP_LINE:0:COMP_POINT}" COMP_LAST="${COMP_WORDS[COMP_CWORD]}" COMP_WORDS',
        )
    )
    _open_quote = ""
    _kept = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one that it stands in."""
        line = os.environ.get("COMP_BEFORE", "")
        if not line:
            return super().get_completion_args()
        # The mark keeps an empty last word, and spaces that belong to a quoted one.
        *before, last = split_arg_string(f"{line}{_MARK}")
        incomplete = last.removesuffix(_MARK)
        raw = os.environ.get("COMP_LAST", "")
        self._open_quote = raw[:1] if raw[:1] in ("'", '"') else ""
        if not self._open_quote:
            value = incomplete.partition("=")[2] if incomplete.startswith("-") else incomplete
            standing = "" if raw in (":", "=") else "".join(split_arg_string(raw))
            self._kept = value.removesuffix(standing)
        return before[1:], incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What may be offered."""
        return list(filter(_is_offered, super().get_completions(args, incomplete)))

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """The word as bash would have to read it, in the quotes that are open."""
        value = str(item.value)
        if item.type != "plain" or not value:
            return f"{item.type},{value}"
        if self._open_quote == "'":
            return f"{item.type},{value.replace(chr(39), _QUOTED_QUOTE)}"
        if self._open_quote:
            return f"{item.type},{re.sub(_SPECIAL_IN_QUOTES, _ESCAPED, value)}"
        rest = value.removeprefix(self._kept)
        return f"{item.type},{shlex.quote(rest) if rest else rest}"


def _whole_words(items: Iterable[CompletionItem[Any]], incomplete: str) -> list[CompletionItem[Any]]:
    """Items as shells want them that replace the whole word, with the option before a `=` in it."""
    option, equals, _ = incomplete.partition("=")
    if not equals or not option.startswith("-"):
        return list(items)
    return [
        CompletionItem(f"{option}={item.value}", type=item.type, help=item.help) if item.type == "plain" else item
        for item in items
    ]


class _CarefulZsh(ZshComplete):
    """zsh quotes by itself what it puts on the command line."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What may be offered."""
        return _whole_words(filter(_is_offered, super().get_completions(args, incomplete)), incomplete)


class _CarefulFish(FishComplete):
    """fish quotes by itself what it puts on the command line; a name may have commas."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What may be offered."""
        return _whole_words(filter(_is_offered, super().get_completions(args, incomplete)), incomplete)


for _shell in (_QuotingBash, _CarefulZsh, _CarefulFish):
    add_completion_class(_shell)


@click.command("completion", short_help="A completion script for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(list(HOW)))
@common_options
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a completion script, for example for: source <(meshtop completion bash)."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    program = ctx.find_root().command
    if found is None:
        raise CommandError(f"There is no completion for {shell}.")
    script = found(program, {}, "meshtop", "_MESHTOP_COMPLETE").source()
    lines = script.strip("\n")
    if shell == "zsh":
        first, _, rest = lines.partition("\n")
        write(f"{first}\n{HOW[shell]}\n{rest}")
    else:
        write(f"{HOW[shell]}\n{lines}")
