"""`meshtop completion bash|zsh|fish`: completes commands, kinds, contexts and columns in the shell."""

from __future__ import annotations

import shlex
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete, add_completion_class

from meshtop.cli.exits import CommandError
from meshtop.cli.options import common_options
from meshtop.cli.session import write
from meshtop.model.text import clean

HOW = {
    "bash": "# To have it in every shell: meshtop completion bash > ~/.local/share/bash-completion/completions/meshtop",
    "zsh": "# To have it in every shell: meshtop completion zsh > a file named _meshtop in a folder of $fpath",
    "fish": "# To have it in every shell: meshtop completion fish > ~/.config/fish/completions/meshtop.fish",
}


def _is_offered(item: CompletionItem[Any]) -> bool:
    """Whether a shell can take it: each line of an answer is one word, and nothing in it may speak to the terminal."""
    return str(item.value) == clean(item.value)


class _QuotingBash(BashComplete):
    """bash puts a completion on the command line as it is: names of contexts are data, and quoted here."""

    source_template = BashComplete.source_template.replace("read type", "read -r type").replace(
        "COMPREPLY+=($value)", 'COMPREPLY+=("$value")'
    )

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What may be offered."""
        return list(filter(_is_offered, super().get_completions(args, incomplete)))

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """The word as bash would have to read it; single quotes come through any `read` as they are."""
        value = str(item.value)
        return f"{item.type},{shlex.quote(value) if item.type == 'plain' and value else value}"


class _CarefulZsh(ZshComplete):
    """zsh quotes by itself what it puts on the command line."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What may be offered."""
        return list(filter(_is_offered, super().get_completions(args, incomplete)))


class _CarefulFish(FishComplete):
    """fish quotes by itself what it puts on the command line; a name may have commas."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        """What may be offered."""
        return list(filter(_is_offered, super().get_completions(args, incomplete)))


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
