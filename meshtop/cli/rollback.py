"""`meshtop rollback [ID]`: every cluster of an action back to what it had before, the exact weights or objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from meshtop.cli.acting import open_journal, with_fleet
from meshtop.cli.options import common_options
from meshtop.cli.session import open_session

if TYPE_CHECKING:
    from meshtop.actions.fleet import Fleet


@click.command("rollback", short_help="Take a shift back: the last one, or any ID.")
@click.argument("identity", metavar="[ID]", required=False)
@common_options
@click.pass_context
def command(ctx: click.Context, identity: str | None) -> int:
    """Bring every cluster of a shift back to its weights from before; the last shift, or the one with that ID.

    What somebody else changed since is left alone, and said (exit 5).
    """
    from meshtop.actions.journal.journal import PROPAGATE
    from meshtop.actions.shift.controls import Controls
    from meshtop.actions.shift.recover import find_action, rollback
    from meshtop.cli.progress import follow, follow_copies

    session = open_session(ctx)
    journal = open_journal()
    action = find_action(journal, identity)

    async def act(fleet: Fleet) -> int:
        if action.kind == PROPAGATE:
            from meshtop.actions.propagate.undo import undo

            return await follow_copies(undo(action, fleet, journal))
        return await follow(rollback(action, fleet, journal), Controls())

    return with_fleet(session, act)
