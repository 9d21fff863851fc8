"""`meshtop resume ID`: go on with a shift that was held, or whose process ended in the middle."""

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


@click.command("resume", short_help="Go on with a shift that stopped in the middle.")
@click.argument("identity", metavar="ID")
@common_options
@click.pass_context
def command(ctx: click.Context, identity: str) -> int:
    """Go on with a shift at the step where it stopped. What was in doubt is read from the clusters first."""
    from meshtop.actions.journal.journal import SHIFT
    from meshtop.actions.shift.controls import Controls
    from meshtop.actions.shift.recover import find_action, resume
    from meshtop.cli.progress import follow_shift

    session = open_session(ctx)
    journal = open_journal(about=identity)
    action = find_action(journal, identity)
    if action.kind != SHIFT:
        raise CommandError(f"Only shifts are resumed; meshtop rollback {action.id} takes this back.")

    async def act(fleet: Fleet) -> int:
        controls = Controls()
        runner = await resume(action, fleet, journal, controls=controls, attended=sys.stdin.isatty())
        return await follow_shift(runner.run(), controls)

    return with_fleet(session, act)
