"""`meshtop propagate KIND NAME --from CLUSTER --to CLUSTER`: copy configuration to other clusters, safely."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.acting import acting, open_journal
from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, open_session, say_missing, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.actions.propagate.copy import ObjectCopy, Propagation
    from meshtop.actions.propagate.objects import ObjectRef
    from meshtop.views.picture.picture import Picture

TENANT, IDENTITY = "tenant", "identity"


@click.command("propagate", short_help="Copy configuration, a tenant's or roles, from one cluster to others.")
@click.argument("kind", metavar="KIND|tenant|identity")
@click.argument("name", metavar="[NAMESPACE/]NAME", required=False, default="")
@click.option("--from", "source", required=True, metavar="CLUSTER", help="The source cluster.")
@click.option("--to", multiple=True, metavar="CLUSTER[,CLUSTER]", help="The target clusters, all at once.")
@click.option("--wave", multiple=True, metavar="CLUSTER[,CLUSTER]", help="Clusters that go first; repeatable.")
@click.option("--dry-run", is_flag=True, help="Check, and show the servers' dry-run diffs; nothing is written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Take over fields that another manager owns.")
@click.option("--override", default="", metavar="WORDS", help='Write although a controller owns it: "flux owns it".')
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the journal.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    kind: str,
    name: str,
    source: str,
    to: tuple[str, ...],
    wave: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    force: bool,
    override: str,
    reason: str,
) -> int:
    """Copy one object (meshtop propagate vs shop/reviews --from east --to west), a tenant's mesh configuration
    (propagate tenant NAME), or roles and bindings (propagate identity [NAMESPACE]).

    Server-side apply: dry run and diff first, fields of other managers only with --force, in waves, recorded in
    the journal. On a failure, what was done is rolled back; meshtop rollback ID does that later.
    """
    session = open_session(ctx)
    if session.settings.read_only:
        raise CommandError("meshtop is read-only here: drop --read-only or readOnly: true.", Exit.REFUSED)
    return asyncio.run(
        _propagate(
            session,
            kind,
            name,
            source,
            _waves(to, wave),
            dry_run=dry_run,
            yes=yes,
            force=force,
            override=override,
            reason=reason,
        )
    )


def _waves(to: tuple[str, ...], waves: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The waves in order; clusters of --to in no wave form the last one."""
    named = [_names(wave) for wave in waves]
    known = {cluster for wave in named for cluster in wave}
    rest = tuple(c for one in to for c in _names(one) if c not in known)
    return tuple(wave for wave in (*named, tuple(dict.fromkeys(rest))) if wave)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


async def _propagate(
    session: Session,
    kind: str,
    name: str,
    source: str,
    waves: tuple[tuple[str, ...], ...],
    *,
    dry_run: bool,
    yes: bool,
    force: bool,
    override: str,
    reason: str,
) -> int:
    from meshtop.actions.propagate.copy import Propagation, plan_copies, run
    from meshtop.actions.shift.controls import Controls
    from meshtop.cli.progress import follow_copies

    async with acting(session) as context:
        refs = chosen(context.picture, kind, name, source)
        wanted = Propagation(
            subject=f"{kind} {name}".strip(),
            source=source,
            waves=waves,
            refs=refs,
            force=force,
            override=override,
            reason=reason,
        )
        copies = await plan_copies(wanted, context.fleet)
        _show(copies, to_stdout=dry_run)
        if dry_run or all(not copy.lines for copy in copies):
            say_missing(session, context.snapshot)
            return Exit.FINE
        if not yes:
            _confirm(wanted)
        controls = Controls()
        return await follow_copies(run(wanted, copies, context.fleet, open_journal(), halt=controls.halt), controls)


def chosen(picture: Picture, kind: str, name: str, source: str) -> tuple[ObjectRef, ...]:
    """The selected objects of the source cluster. Raises ActionError and CommandError."""
    from meshtop.actions.propagate.objects import MESH_CONFIG, ROLES, find_copyable, find_object, objects_of

    cluster = picture.snapshot.cluster(source)
    if cluster is None:
        names = ", ".join(c.name for c in picture.snapshot.clusters)
        raise CommandError(f"There is no cluster {source}; there are {names}.")
    inventory = cluster.inventory
    if inventory is None:
        raise CommandError(f"{source} could not be read.", Exit.UNREACHABLE)
    if kind == TENANT:
        spaces = [n.meta.name for n in inventory.namespaces if name in picture.tenants(source, n.meta.name)]
        if not spaces:
            raise CommandError(f"Tenant {name or '(none named)'} has no namespace in {source}.")
        return tuple(objects_of(inventory, MESH_CONFIG, spaces))
    if kind == IDENTITY:
        return tuple(objects_of(inventory, ROLES, [name] if name else None))
    key = find_copyable(kind)
    namespace, _, own = name.rpartition("/")
    if not own:
        raise CommandError(f"Name the {kind}: NAMESPACE/NAME.")
    return (find_object(inventory, key, namespace, own, source),)


def _show(copies: list[ObjectCopy], *, to_stdout: bool) -> None:
    for copy in copies:
        lines = "\n".join(copy.lines) or f"{copy.cluster}: {copy.ref.title} is up to date already."
        if copy.lines and to_stdout:
            write(lines)
        else:
            say(lines)


def _confirm(wanted: Propagation) -> None:
    """Ask for the clusters' names to confirm. Raises CommandError without a terminal or for another answer."""
    clusters = ",".join(wanted.targets)
    if not sys.stdin.isatty():
        raise CommandError("No terminal to confirm in: add --yes to copy without being asked, or --dry-run.")
    from meshtop.model.text import clean

    answer = click.prompt(clean(f"Type {clusters} to write there"), default="", show_default=False, err=True)
    if answer.replace(" ", "") != clusters:
        raise CommandError("Not copied: the typed names do not match.", Exit.INTERRUPTED)
