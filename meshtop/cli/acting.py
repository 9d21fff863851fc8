"""What the commands that write share: the fleet, the journal, errors as exit codes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from meshtop.cli.exits import CommandError, Exit
from meshtop.cli.session import Session

if TYPE_CHECKING:
    from meshtop.actions.fleet import Fleet
    from meshtop.actions.journal import Journal
    from meshtop.model.snapshot import Snapshot


def open_journal() -> Journal:
    """This user's journal. Raises CommandError."""
    from meshtop.actions.journal import Journal, JournalError, state_folder

    try:
        return Journal(state_folder() / "journal.db")
    except JournalError as error:
        raise CommandError(str(error)) from error


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Errors of actions as the sentence and the exit code that they mean."""
    from meshtop.actions.errors import ActionError, Kind
    from meshtop.actions.journal import JournalError

    codes = {
        Kind.USAGE: Exit.USAGE,
        Kind.REFUSED: Exit.REFUSED,
        Kind.CONFLICT: Exit.CONFLICT,
        Kind.UNREACHABLE: Exit.UNREACHABLE,
        Kind.REJECTED: Exit.BAD,
    }
    try:
        yield
    except ActionError as error:
        message = f"{error.message} {error.remedy}".rstrip()
        raise CommandError(message, codes[error.kind]) from error
    except JournalError as error:
        raise CommandError(str(error)) from error


def with_fleet(session: Session, use: Callable[[Fleet], Awaitable[int]]) -> int:
    """Read every cluster once, then let `use` act on them; its exit code."""

    async def act() -> int:
        async with _fleet(session) as fleet:
            return await use(fleet)

    with told():
        return asyncio.run(act())


@contextlib.asynccontextmanager
async def _fleet(session: Session) -> AsyncIterator[Fleet]:
    from meshtop.actions.fleet import Fleet, Part, open_members
    from meshtop.observatory.build import open_observatory
    from meshtop.views.judging import judging

    # Every cluster is read, also those that --cluster leaves alone: callers and versions may be anywhere in the mesh.
    observatory = open_observatory(
        session.settings,
        kubeconfig=session.common.kubeconfig,
        contexts=session.common.context,
        read_only=session.settings.read_only,
        window_seconds=session.settings.window,
        timeout_seconds=session.settings.timeout,
    )
    try:
        snapshot = await observatory.once()
        picture = session.picture(snapshot)
        parts = [
            Part(feed.ref, feed.prometheus, read_only=cluster.read_only)
            for feed, cluster in zip(observatory.feeds, snapshot.clusters, strict=True)
            if feed.ref is not None
        ]
        fleet = Fleet(
            open_members(parts, timeout_seconds=session.settings.timeout),
            picture.canaries.survey,
            judging=judging(session.settings),
            unread=unread(snapshot),
        )
        try:
            yield fleet
        finally:
            await fleet.close()
    finally:
        await observatory.close()


def unread(snapshot: Snapshot) -> dict[str, str]:
    """Why the routes of a cluster are not known, for those of which that is so."""
    found = {}
    for cluster in snapshot.clusters:
        if cluster.inventory is None:
            found[cluster.name] = cluster.kubernetes.error or f"{cluster.name} gave no answer."
            continue
        for kind in cluster.inventory.kinds:
            if kind.kind in ("VirtualService", "HTTPRoute") and kind.state in ("denied", "failed"):
                found[cluster.name] = f"{kind.kind} of {cluster.name} cannot be read ({kind.state})."
    return found
