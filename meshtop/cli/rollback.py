"""`meshtop rollback [ID]`: restore the exact weights or objects from before an action in every cluster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.acting import open_journal, with_fleet
from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import open_session
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.actions.fleet import Fleet
    from meshtop.actions.journal.journal import Action


@click.command("rollback", short_help="Roll back a shift (the last one), or any action by ID.")
@click.argument("identity", metavar="[ID]", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
@click.pass_context
def command(ctx: click.Context, identity: str | None, yes: bool) -> int:
    """Restore every cluster's weights from before a shift: the last one in these clusters, or the action with that ID
    (a propagation too). Shows what will be rolled back, and asks.

    Objects that were changed since are left alone and reported (exit 5); so is an action of another cluster with the
    same name.
    """
    from meshtop.actions.at_hand import last_at_hand, require_at_hand
    from meshtop.actions.journal.journal import PROPAGATE, SHIFT
    from meshtop.actions.shift.controls import Controls
    from meshtop.actions.shift.recover import find_action, require_not_back, rollback
    from meshtop.cli.progress import follow_copies, follow_shift

    session = open_session(ctx)
    journal = open_journal(about=identity or "")
    # Without any shift, or with an ID that is none, no cluster has to be asked.
    named = find_action(journal, identity)

    async def act(fleet: Fleet) -> int:
        action = named if identity is not None else await last_at_hand(journal, fleet, SHIFT)
        if action.kind != PROPAGATE:
            require_not_back(action)
        await require_at_hand(action, fleet)
        if not yes:
            _confirm(action)
        controls = Controls()
        if action.kind == PROPAGATE:
            from meshtop.actions.propagate.undo import undo

            return await follow_copies(undo(action, fleet, journal, halt=controls.halt), controls)
        return await follow_shift(rollback(action, fleet, journal, controls=controls), controls)

    return with_fleet(session, act)


def _confirm(action: Action) -> None:
    """Show what will be rolled back, and ask. Raises CommandError without a terminal, or if the answer is no."""
    from meshtop.actions.story import cluster_states
    from meshtop.model.text import clean
    from meshtop.views.frame.document import rfc3339

    because = f", because: {clean(action.reason)}" if action.reason else ""
    say(
        f"This rolls back {action.id}: {action.kind} of {clean(action.subject)} by {clean(action.who)}, "
        f"{rfc3339(action.created)}{because}."
    )
    for one in cluster_states(action):
        say(f"  {clean(one.cluster)}: {clean(one.message)}")
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to confirm: add --yes to roll back without confirmation.")
    if not click.confirm("Roll it back?", default=False, err=True):
        raise CommandError("Nothing was rolled back.", Exit.INTERRUPTED)
