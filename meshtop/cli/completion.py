"""`meshtop completion bash|zsh|fish`: completes commands, kinds, contexts and columns in the shell."""

from __future__ import annotations

import click

from meshtop.cli.exits import CommandError
from meshtop.cli.options import common_options
from meshtop.cli.session import write

HOW = {
    "bash": "# To have it in every shell: meshtop completion bash > ~/.local/share/bash-completion/completions/meshtop",
    "zsh": "# To have it in every shell: meshtop completion zsh > a file named _meshtop in a folder of $fpath",
    "fish": "# To have it in every shell: meshtop completion fish > ~/.config/fish/completions/meshtop.fish",
}


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
