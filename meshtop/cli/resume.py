"""`meshtop resume ID`: continue a shift that was held, or whose process ended in the middle."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.acting import open_journal, with_fleet
from meshtop.cli.exits import CommandError
from meshtop.cli.options import common_options
from meshtop.cli.session import open_session

if TYPE_CHECKING:
    from meshtop.actions.fleet import Fleet


@click.command("resume", short_help="Continue a shift that stopped in the middle.")
@click.argument("identity", metavar="ID")
@common_options
@click.pass_context
def command(ctx: click.Context, identity: str) -> int:
    """Continue a shift at the step where it stopped. Writes in doubt are resolved by reading the clusters first."""
    from meshtop.actions.journal.journal import SHIFT
    from meshtop.actions.shift.controls import Controls
    from meshtop.actions.shift.recover import find_action, resume
    from meshtop.cli.progress import follow_shift

    session = open_session(ctx)
    journal = open_journal(about=identity)
    action = find_action(journal, identity)
    if action.kind != SHIFT:
        raise CommandError(f"Only shifts can be resumed; meshtop rollback {action.id} undoes this action.")

    async def act(fleet: Fleet) -> int:
        controls = Controls()
        runner = await resume(action, fleet, journal, controls=controls, attended=sys.stdin.isatty())
        return await follow_shift(runner.run(), controls)

    return with_fleet(session, act)
