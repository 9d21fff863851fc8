"""The command line: `meshtop` opens the console, `meshtop COMMAND` prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from meshtop.cli.exits import OutputClosed, debugging, run
from meshtop.cli.options import Common, common_of, common_options

COMMANDS = {
    "get": "meshtop.cli.get",
    "graph": "meshtop.cli.graph",
    "show": "meshtop.cli.show",
    "analyze": "meshtop.cli.analyze",
    "watch": "meshtop.cli.watch_attention",
    "ack": "meshtop.cli.ack",
    "whatif": "meshtop.cli.whatif",
    "suggest": "meshtop.cli.suggest",
    "shift": "meshtop.cli.shift",
    "propagate": "meshtop.cli.propagate",
    "rollback": "meshtop.cli.rollback",
    "resume": "meshtop.cli.resume",
    "journal": "meshtop.cli.journal",
    "doctor": "meshtop.cli.doctor",
    "rules": "meshtop.cli.rules",
    "access": "meshtop.cli.access",
    "record": "meshtop.cli.record",
    "replay": "meshtop.cli.replay",
    "diff": "meshtop.cli.diff",
    "incident": "meshtop.cli.incident",
    "serve": "meshtop.cli.serve",
    "mcp": "meshtop.cli.mcp",
    "demo": "meshtop.cli.demo",
    "config": "meshtop.cli.config",
    "completion": "meshtop.cli.completion",
}
"""Each command with the module that defines it as `command`; imported on use."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """Loads a command's module on use; suggests the nearest name for a mistyped one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands' names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        command.context_settings = {**SETTINGS, **command.context_settings}
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command and its arguments. Raises UsageError with the nearest name."""
        if args and not ctx.resilient_parsing and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(COMMANDS)}."
            raise click.UsageError(f"There is no command {args[0]}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the options, which may print the help; errors are handled as in `invoke`."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError as error:
            raise OutputClosed from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed stdout is distinguished from other errors."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise OutputClosed from error


@click.group(cls=Commands, invoke_without_command=True, context_settings=SETTINGS)
@click.option("--no-diff", is_flag=True, help="Console: send whole regions instead of changed cells.")
@click.option("--no-mouse", is_flag=True, help="Console: leave the mouse to the terminal.")
@click.option("--no-remember", is_flag=True, help="Console: begin as at first, and remember nothing for the next run.")
@click.option(
    "--open", "opening", metavar="KIND/NAMESPACE/NAME", help="Console: begin with this, such as service/shop/catalog."
)
@common_options
@click.pass_context
def cli(ctx: click.Context, no_diff: bool, no_mouse: bool, no_remember: bool, opening: str | None) -> int | None:
    """One terminal for every mesh: many Kubernetes clusters and Istio meshes, read from a kubeconfig alone.

    Without a command: the console, on every cluster of the kubeconfig.
    """
    if ctx.invoked_subcommand is not None:
        if common_of(ctx).recording is not None:
            from meshtop.cli.replay import check_reads

            check_reads(ctx.invoked_subcommand)
        return None
    from meshtop.cli.open_console import open_console

    return open_console(common_of(ctx), diff=not no_diff, mouse=not no_mouse, remember=not no_remember, opening=opening)


COMPLETE_VARIABLE = "_MESHTOP_COMPLETE"
"""What a shell's completion script sets."""


def main(arguments: Sequence[str] | None = None, common: Common | None = None, *, program: str = "meshtop") -> int:
    """Run meshtop and return the exit code. `common` has options given earlier (`meshtop demo -- ...`).

    `program` is how the user called it, which help and hints repeat.
    """
    shared = common if common is not None else Common()
    if COMPLETE_VARIABLE in os.environ:
        import_module("meshtop.cli.completion")  # it answers shells in its own way
    return run(
        lambda: cli.main(
            args=list(sys.argv[1:] if arguments is None else arguments),
            prog_name=program,
            standalone_mode=False,
            obj=shared,
            complete_var=COMPLETE_VARIABLE,
        ),
        wants_trace=lambda: shared.verbose > 1 or debugging(),
    )
