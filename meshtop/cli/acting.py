"""Common parts of commands that write: the fleet, the journal, errors as exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from meshtop.cli.exits import say
from meshtop.cli.session import Session

if TYPE_CHECKING:
    from meshtop.actions.fleet import Fleet
    from meshtop.actions.journal.journal import Journal
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.picture.picture import Picture


def open_journal(*, about: str = "") -> Journal:
    """This user's journal, to write. Raises JournalError.

    What is unfinished in it, and what of it cannot be read, is printed; but for the action `about`.
    """
    from meshtop.actions.journal.journal import Journal, journal_path

    journal = Journal(journal_path())
    for note in journal.notes:
        say(f"meshtop: {note}")
    say_unfinished(journal, about)
    return journal


def say_unfinished(journal: Journal, but: str = "") -> None:
    """Say which actions have to be finished, and what of the journal cannot be read; `but` is the one at hand."""
    from meshtop.actions.story import unfinished, unfinished_text

    for action, course in unfinished(journal):
        if not but or not action.id.startswith(but):
            say(f"meshtop: {unfinished_text(action, course)}")
    say_damaged(journal)


def say_damaged(journal: Journal) -> None:
    """Say what of the journal cannot be read."""
    for row in journal.damaged:
        say(f"meshtop: {row.sentence}")


def with_fleet(session: Session, use: Callable[[Fleet], Awaitable[int]]) -> int:
    """Read every cluster once, then call `use` and return its exit code."""

    async def act() -> int:
        async with acting(session) as context:
            return await use(context.fleet)

    return asyncio.run(act())


class ActingContext(NamedTuple):
    """Every cluster as read, the picture for the user, and the connections for writing."""

    snapshot: Snapshot
    picture: Picture
    fleet: Fleet


@contextlib.asynccontextmanager
async def acting(session: Session) -> AsyncIterator[ActingContext]:
    """Read every cluster once, and prepare for writing. Raises KubeconfigError and ConfigError."""
    from meshtop.actions.fleet import open_fleet
    from meshtop.observatory.build import open_observatory
    from meshtop.settings.environment import discovery_folder
    from meshtop.views.picture.factory import judging

    # Every cluster is read, also those that --cluster leaves alone: callers and versions may be anywhere in the mesh.
    observatory = open_observatory(
        session.settings,
        kubeconfig=session.common.kubeconfig,
        contexts=session.common.context,
        read_only=session.settings.read_only,
        window_seconds=session.settings.window,
        timeout_seconds=session.settings.timeout,
        discovery_folder=discovery_folder(os.environ),
    )
    try:
        snapshot = await observatory.once()
        picture = session.picture(snapshot)
        fleet = open_fleet(
            observatory.feeds,
            snapshot,
            picture.canaries.survey,
            judging=judging(session.settings),
            access=picture.access,
            timeout_seconds=session.settings.timeout,
        )
        try:
            yield ActingContext(snapshot, picture, fleet)
        finally:
            await fleet.close()
    finally:
        await observatory.close()
