"""`meshtop show`: one object of any kind in every cluster, as YAML; what differs; who wrote which field when."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, once, open_session, write
from meshtop.model.errors import Exit
from meshtop.views.picture.asks import OWNERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.model.changes import SeenChange
    from meshtop.model.shown_object import ShownObject
    from meshtop.views.reports.object_report import PlacedObject


@click.command("show", short_help="One object of any kind in every cluster: YAML, --diff, --history.")
@click.argument("kind", metavar="KIND")
@click.argument("name", metavar="[NAMESPACE/]NAME")
@click.option(
    "-o", "--output", type=click.Choice(["yaml", "json", "table"]), help="How to print (yaml; a history as a table)."
)
@click.option("--no-status", is_flag=True, help="Without the status.")
@click.option("--diff", "diff", nargs=2, metavar="EAST WEST", help="What differs between two clusters; ends with 1.")
@click.option("--history", is_flag=True, help="Who wrote which fields when, as the clusters note it.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    kind: str,
    name: str,
    output: str | None,
    no_status: bool,
    diff: tuple[str, str] | None,
    history: bool,
) -> int:
    """Print one object as it stands in every cluster. KIND is anything that the clusters serve, CRDs too: by plural,
    singular, short name or kind, with `.GROUP` where several share it. What a Secret holds is never shown.

    Without NAMESPACE (or -n) every namespace is searched. --diff leaves out what no two clusters share (UIDs, times,
    defaults) and names the fields that differ.
    """
    if diff and history:
        raise click.UsageError("--diff and --history are two questions; ask one of them.", ctx)
    session = open_session(ctx)
    if session.common.at is not None:
        raise CommandError("Kubernetes keeps no past objects: show answers for the present, leave --at out.")
    namespace, name = _place(session, name)
    read = _read(session, kind, namespace, name, diff)
    found = _visible(session, _found(read, kind, namespace, name))
    if diff:
        return _print_diff(found, diff, kind, name)
    if history:
        return _print_history(session, found, read, output or "table")
    return _print(session, found, output or "yaml", status=not no_status)


def _place(session: Session, name: str) -> tuple[str, str]:
    """The namespace ("" for any) and the name that were asked for."""
    before, slash, after = name.rpartition("/")
    if "/" in before or (slash and not (before and after)):
        raise CommandError(f"{name} is no name; write NAME or NAMESPACE/NAME.")
    named = session.common.namespace
    if slash:
        return before, after
    if len(named) > 1 or any(set(one) & set("*?[") for one in named):
        raise CommandError("show takes one namespace: -n NAMESPACE, or NAMESPACE/NAME.")
    return (named[0] if named else ""), name


def _read(
    session: Session, kind: str, namespace: str, name: str, diff: tuple[str, str] | None
) -> tuple[ShownObject, ...]:
    async def ask() -> tuple[ShownObject, ...]:
        observatory = session.observatory(asked=OWNERS)
        try:
            if diff:
                known = [feed.name for feed in observatory.feeds]
                for cluster in diff:
                    if cluster not in known:
                        raise CommandError(f"There is no cluster {cluster}; there are {', '.join(known)}.")
                observatory.feeds = tuple(feed for feed in observatory.feeds if feed.name in diff)
            return await observatory.objects(kind, namespace, name)
        finally:
            await observatory.close()

    return asyncio.run(ask())


def _found(read: Sequence[ShownObject], kind: str, namespace: str, name: str) -> list[PlacedObject]:
    """The objects; says which clusters could not tell. Raises CommandError where there is none."""
    from meshtop.views.reports.object_report import placed_objects

    found = placed_objects(read)
    failed = [one for one in read if one.error is not None and not one.unknown_kind]
    for one in failed:
        say(f"meshtop: {one.cluster}: {one.error}")
    if found:
        there = {one.cluster for one in found}
        lacking = [one.cluster for one in read if one.error is None and one.cluster not in there]
        if lacking:
            say(f"meshtop: {', '.join(lacking)} {'have' if len(lacking) > 1 else 'has'} no {kind} {name}.")
        return found
    if failed and len(failed) == len(read):
        raise CommandError(f"No cluster could be asked for {kind} {name}.", Exit.UNREACHABLE)
    answered = [one for one in read if one.error is None]
    where = f"{namespace}/{name}" if namespace else name
    if not answered:
        raise CommandError(f"No cluster serves a kind {kind}; kubectl api-resources lists what there is.", Exit.USAGE)
    raise CommandError(f"There is no {answered[0].kind} {where} in {', '.join(o.cluster for o in answered)}.", Exit.BAD)


def _visible(session: Session, found: list[PlacedObject]) -> list[PlacedObject]:
    """What the access policy lets the user read. Raises CommandError where that is nothing."""
    from meshtop.views.reports.object_report import may_be_read

    if session.pictures.rules is None:
        return found
    snapshot = once(session, asked=OWNERS, everything=True)
    access = session.pictures.access(snapshot)
    kept = [one for one in found if may_be_read(access, one)]
    if not kept:
        raise CommandError("The access policy does not let you read this object.", Exit.REFUSED)
    return kept


def _print(session: Session, found: Sequence[PlacedObject], output: str, *, status: bool) -> int:
    from meshtop.analysis.changes.plain_object import history_of, readable_object
    from meshtop.cli.printers import json_text
    from meshtop.cli.text_table import any_table
    from meshtop.views.reports.object_report import history_row, object_yaml

    if output == "json":
        write(
            _json([{"cluster": o.cluster, "object": readable_object(o.tree, status=status)} for o in found], json_text)
        )
    elif output == "table":
        rows = []
        for one in found:
            last = next(iter(history_of(one.tree)), None)
            at, who, _, fields = history_row(last) if last is not None else ("–", "–", "", "–")
            rows.append((one.cluster, one.namespace or "–", one.tree.get("kind", ""), one.name, at, who, fields))
        titles = ("CLUSTER", "NAMESPACE", "KIND", "NAME", "LAST WRITTEN", "BY", "FIELDS")
        write("\n".join(any_table(titles, rows, session.style(sys.stdout))))
    else:
        write("\n---\n".join(f"# {one.title}\n{object_yaml(one, status=status)}" for one in found))
    return Exit.FINE


def _json(items: list[dict[str, Any]], text: Any) -> str:
    written: str = text({"apiVersion": "meshtop/v1", "kind": "ShownObjectList", "items": items})
    return written


def _print_diff(found: Sequence[PlacedObject], diff: tuple[str, str], kind: str, name: str) -> int:
    from meshtop.views.reports.object_report import differing_fields, object_diff

    sides = [[one for one in found if one.cluster == cluster] for cluster in diff]
    for cluster, side in zip(diff, sides, strict=True):
        if not side:
            raise CommandError(f"There is no {kind} {name} in {cluster}: only the other one has it.", Exit.BAD)
        if len(side) > 1:
            places = ", ".join(one.namespace for one in side)
            raise CommandError(f"{name} is in several namespaces of {cluster} ({places}); name one of them.")
    (one,), (other,) = sides
    fields = differing_fields(one, other)
    if not fields:
        say(f"meshtop: {kind} {name} is the same in {diff[0]} and {diff[1]}.")
        return Exit.FINE
    write("\n".join((f"# differs: {', '.join(fields)}", *object_diff(one, other))))
    return Exit.BAD


def _print_history(session: Session, found: Sequence[PlacedObject], read: Sequence[ShownObject], output: str) -> int:
    from meshtop.cli.printers import json_text, to_yaml
    from meshtop.cli.text_table import any_table
    from meshtop.views.reports.object_report import history_row, object_history

    seen = _seen(session, found)
    kinds = {one.cluster: one.kind for one in read}
    told = [(one, object_history(one, kinds[one.cluster], seen.get(one.cluster, ()))) for one in found]
    if output == "json":
        items = [{"cluster": o.cluster, "namespace": o.namespace, "name": o.name, "history": h} for o, h in told]
        write(_json(items, json_text))
        return Exit.FINE
    if output == "yaml":
        write(to_yaml([{"cluster": o.cluster, "history": h} for o, h in told]).rstrip("\n"))
        return Exit.FINE
    rows = [(one.cluster, *history_row(entry)) for one, entries in told for entry in entries]
    write("\n".join(any_table(("CLUSTER", "TIME", "WHO", "HOW", "FIELDS"), rows, session.style(sys.stdout))))
    return Exit.FINE


def _seen(session: Session, found: Sequence[PlacedObject]) -> dict[str, list[SeenChange]]:
    """What was seen to change while meshtop watched, by the names of the clusters."""
    session.remember()
    ring = session.change_ring
    names = {(one.namespace, one.name) for one in found}
    rows = [
        one for one in (ring.seen(0.0, time.time()) if ring is not None else ()) if (one.namespace, one.name) in names
    ]
    if not rows:
        return {}
    # Which cluster is which is told by its UID, as the ring knows it.
    clusters = once(session, asked=OWNERS, everything=True).clusters
    known = {key: cluster.name for cluster in clusters for key in (cluster.server, cluster.uid) if key}
    by_cluster: dict[str, list[SeenChange]] = {}
    for row in rows:
        by_cluster.setdefault(known.get(row.scope, ""), []).append(row)
    return by_cluster
