"""`meshtop get KIND [NAME…]`: print one kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.frame.view import AnyView
    from meshtop.views.picture.picture import Picture
    from meshtop.views.picture.query import Query

ATTENTION = "attention"
CHANGES = "changes"
ALERT_KINDS, SLO_KINDS = ("alerts", ATTENTION, CHANGES), ("slos", ATTENTION, CHANGES)
"""Kinds for which alerts and objectives are asked for."""
TRACED_KINDS = (ATTENTION, CHANGES)
"""Kinds for which the marks of changes are read; what is suspected is told by what needs attention."""
PLAINTEXT_KINDS = ("mtls", "findings", ATTENTION, CHANGES)
"""Kinds for which the last day's plaintext is asked for too."""
FORMATS = ("table", "wide", "json", "yaml", "csv", "name")
TITLED = ("table", "wide", "csv")
"""Formats with a line of titles."""


class KindName(click.ParamType[str]):
    """A kind by any of its names."""

    name = "kind"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The kind's own name."""
        from meshtop.views.frame.filter import FilterError
        from meshtop.views.frame.registry import find_kind

        try:
            return find_kind(value).name
        except FilterError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Completions: the kinds with their descriptions."""
        from meshtop.views.frame.registry import KINDS

        return [
            CompletionItem(k.name, help=k.summary)
            for k in KINDS
            if not k.hidden and k.name.startswith(incomplete.lower())
        ]


def _columns(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The kind's columns, to sort by."""
    from meshtop.views.frame.filter import FilterError
    from meshtop.views.frame.registry import view

    before, comma, begun = incomplete.rpartition(",")
    sign = "-" if begun.startswith("-") else ""
    try:
        columns = view(ctx.params.get("kind") or ctx.args[0]).columns
    except (FilterError, IndexError):
        return []
    return [
        CompletionItem(before + comma + sign + c.name, help=c.help)
        for c in columns
        if c.name.lower().startswith(begun.removeprefix("-").lower())
    ]


@click.command("get", short_help="Print one kind: clusters, services, workloads, edges, mtls, trust, certificates, ...")
@click.argument("kind", type=KindName(), metavar="KIND")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="table", help="How to print (table).")
@click.option("--filter", "filter_", metavar="EXPR", default="", help="Such as 'namespace:shop errorRatio:>1% !idle'.")
@click.option(
    "--sort", metavar="COLUMN", default="", shell_complete=_columns, help="By a column; -COLUMN reverses the order."
)
@click.option("--no-headers", is_flag=True, help="Table, wide and csv: without the line of titles.")
@click.option("-w", "--watch", is_flag=True, help="Go on until interrupted.")
@click.option("--edges", "edges", is_flag=True, help="mtls only: what client and server declare for each call.")
@click.option("--matrix", is_flag=True, help="tenants only: traffic from tenant to tenant.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    kind: str,
    names: tuple[str, ...],
    output: str,
    filter_: str,
    sort: str,
    no_headers: bool,
    watch: bool,
    edges: bool,
    matrix: bool,
) -> int:
    """Print one kind of every cluster: clusters (cl), namespaces (ns), services (svc), workloads (wl),
    attention (now), virtualmachines (vm), edges (ed), mtls (--edges for calls), trust, certificates (cert),
    tenants (--matrix for who calls whom), canaries (can), members (mb), controlplanes (cp), discovery,
    localities (loc), drift, findings, alerts (al), slos, changes.

    NAME is NAME, NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME; `*` stands for anything.

    A filter is column:value terms: the same column is OR, different ones are AND, ! negates, ~ before a value is a
    regular expression, > and < compare numbers, a bare word looks in every column.
    """
    from meshtop.views.frame.registry import view as find_view

    session = open_session(ctx)
    if edges and kind != "mtls":
        raise click.UsageError("--edges belongs to mtls: meshtop get mtls --edges.", ctx)
    if matrix and kind != "tenants":
        raise click.UsageError("--matrix belongs to tenants: meshtop get tenants --matrix.", ctx)
    kind = "mtlsedges" if edges else "tenantmatrix" if matrix else kind
    if names or filter_ or sort:
        find_view(kind).check(session.query(names=names, filter_=filter_, sort=sort))
    query = session.query(names=names, filter_=filter_, sort=sort)
    if kind in (ATTENTION, CHANGES):
        session.remember()
    if watch:
        from meshtop.cli.watch import print_changes

        if session.common.at is not None:
            raise CommandError("--watch follows the present and --at asks for the past; leave one of them out.")
        return print_changes(session, find_view(kind), query, output, headers=not no_headers)
    snapshot = read_for(session, kind)
    return _print(session, find_view(kind), query, output, snapshot, headers=not no_headers)


def read_for(session: Session, kind: str) -> Snapshot:
    """One snapshot with all that a kind (by its own name) is worked out from; its view is imported meanwhile.

    Raises what `once` raises.
    """
    from meshtop.views.frame.registry import view as find_view
    from meshtop.views.picture.asks import asked_for

    return once(
        session,
        plaintext=kind in PLAINTEXT_KINDS,
        canaries=kind in ("canaries", ATTENTION, CHANGES),
        courses=kind in TRACED_KINDS,
        alerts=kind in ALERT_KINDS,
        slos=kind in SLO_KINDS,
        traced=kind in TRACED_KINDS,
        asked=asked_for(kind),
        meanwhile=lambda: find_view(kind),
    )


def _print(
    session: Session, view: AnyView, query: Query, output: str, snapshot: Snapshot, *, headers: bool = True
) -> int:
    from meshtop.cli.printers import render
    from meshtop.views.frame.unknowns import told

    picture = session.picture(snapshot)
    items = view.items(picture, query)
    text = render(output, view, picture, items, session.style(sys.stdout), query)
    if not headers and output in TITLED:
        text = text.partition("\n")[2]
    write(text)
    say_missing(session, snapshot)
    code = exit_code(snapshot)
    if not items and output != "json" and code is Exit.FINE and not query.names and not view.lost(picture):
        say(f"meshtop: {_why_empty(view, picture, query)}")
    absent = _absent(view, view.all_items(picture), query)
    unknown = view.unknowns(picture, query) if absent else ()
    for name in absent:
        say(f"meshtop: {told(f'There is no {view.singular} {name}.', unknown)}")
    if view.all_is_well and not items and code is Exit.FINE and view.unknowns(picture, query):
        code = Exit.UNREACHABLE
    if lost := view.lost(picture):
        say(f"meshtop: {lost}")
        return Exit.DEFECT
    bad = absent or (view.bad_when_found and items)
    return Exit.BAD if bad and code is Exit.FINE else code


def _absent(view: AnyView, items: list[Any], query: Query) -> list[str]:
    return [name for name in query.names if not any(view.is_named(name, item) for item in items)]


def _why_empty(view: AnyView, picture: Picture, query: Query) -> str:
    from meshtop.views.frame.unknowns import told

    items = view.all_items(picture)
    if not items:
        return view.nothing(picture, query)
    narrowed = [f"--filter {query.filter!r}" if query.filter else "", *(f"-n {n}" for n in query.namespaces)]
    narrowed.append(f"--tenant {query.tenant}" if query.tenant else "")
    by = " ".join(filter(None, narrowed))
    matching = f"match {by}" if by else "are in this scope"
    left_out = f"({len(items)} {'was' if len(items) == 1 else 'were'} left out)"
    # A filter may look at any column.
    return told(f"No {view.kind} {matching} {left_out}.", view.all_unknowns(picture, query))
