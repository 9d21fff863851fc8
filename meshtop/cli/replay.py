"""`meshtop replay FILE`: the console, or any command that reads, on a recording."""

from __future__ import annotations

from pathlib import Path

import click

from meshtop.cli.exits import CommandError, at_end, say
from meshtop.cli.moment import WrittenMoment
from meshtop.cli.options import common_of, common_options
from meshtop.model.errors import Exit

WRITING = {
    "shift": "changes weights",
    "propagate": "copies objects",
    "rollback": "undoes an action",
    "resume": "goes on with a shift",
    "ack": "notes down on this machine what is known",
}
"""Commands that write, and what they do."""
ELSEWHERE = ("journal", "show", "mcp", "record", "replay", "serve", "demo")
"""Commands that are about this machine, or read from clusters what no recording holds."""


@click.command(
    "replay",
    short_help="The console, or any command that reads, on a recording: meshtop replay FILE -- get edges.",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("file", type=click.Path(), metavar="FILE")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@common_options
@click.pass_context
def command(ctx: click.Context, file: str, arguments: tuple[str, ...]) -> int:
    """Open the console on a recording, or run any command that reads on it: meshtop replay FILE -- get edges -o json.

    The moment is the last one, or that of --at; `-5m` is five minutes before the end. In the console [ ] { } walk in
    time. No cluster is asked, and nothing is written.
    """
    from meshtop.cli.main import main
    from meshtop.sources.recording.recorded import RecordedSnapshots

    common = common_of(ctx)
    # After FILE click leaves the -- where it stands.
    arguments = arguments[1:] if arguments[:1] == ("--",) else arguments
    if not arguments:
        from meshtop.cli.open_console import check_terminal

        check_terminal()
    recording = RecordedSnapshots(Path(file))
    at_end(recording.close)
    common.recording = recording
    if isinstance(common.at, WrittenMoment):
        # It was read before it was known that the recording's end stands for the present.
        try:
            common.at = common.at.before(recording.moments[-1])
        except ValueError as error:
            raise CommandError(f"--at: {error}") from error
    if common.verbose and recording.cut:
        say(f"meshtop: {file} was interrupted; it is whole up to its last moment.")
    return main(arguments, common)


def check_reads(name: str) -> None:
    """Raise CommandError for a command that cannot be run on a recording."""
    if name in WRITING:
        raise CommandError(f"meshtop {name} {WRITING[name]}, and a recording can only be read.", Exit.REFUSED)
    if name in ELSEWHERE:
        raise CommandError(f"meshtop {name} does not run on a recording; run it without replay.")
