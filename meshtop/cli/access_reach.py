"""`meshtop access who | reach`: who may call a workload, and what it may call, by the mesh's AuthorizationPolicies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit
from meshtop.views.picture.asks import REACH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.cli.text_table import Style
    from meshtop.views.reports.reach import ReachItem

FORMATS = ("table", "json", "yaml")

_output_option = click.option("-o", "--output", type=click.Choice(FORMATS), default="table", help="How to print.")
_all_option = click.option("--all", "all_", is_flag=True, help="Table: include what is denied.")


@click.command("who", short_help="Who may call a workload, by AuthorizationPolicies.")
@click.argument("name", metavar="NAMESPACE/NAME")
@_output_option
@_all_option
@common_options
@click.pass_context
def who(ctx: click.Context, name: str, output: str, all_: bool) -> int:
    """Which workloads of its mesh may call a workload or Service, and whether they were seen to.

    Judged by all AuthorizationPolicies, RequestAuthentications and PeerAuthentications in force; whoever is outside of
    the mesh is one of the callers.
    """
    return _answer(ctx, "who", name, output, everything=all_)


@click.command("reach", short_help="What a workload may call, by AuthorizationPolicies.")
@click.argument("name", metavar="NAMESPACE/NAME")
@_output_option
@_all_option
@common_options
@click.pass_context
def reach(ctx: click.Context, name: str, output: str, all_: bool) -> int:
    """Which workloads of its mesh a workload may call, and whether it was seen to.

    Judged as `meshtop access who` does.
    """
    return _answer(ctx, "reach", name, output, everything=all_)


def _answer(ctx: click.Context, question: str, name: str, output: str, *, everything: bool) -> int:
    from meshtop.settings.durations import format_duration
    from meshtop.views.frame.unknowns import doubt
    from meshtop.views.reports.reach import (
        parties_named,
        reach_document,
        reach_of,
        reach_sentence,
        reach_unknowns,
        who_may_call,
    )

    namespace, slash, workload = name.partition("/")
    if not slash or not namespace or not workload or "/" in workload:
        raise CommandError(f"{name} is no NAMESPACE/NAME of a workload or Service, such as shop/web.")
    session = open_session(ctx)
    snapshot = once(session, asked=REACH)
    picture = session.picture(snapshot)
    code = exit_code(snapshot)
    parties = parties_named(picture, namespace, workload)
    if not parties:
        say_missing(session, snapshot)
        if code is not Exit.FINE:
            return code
        raise CommandError(f"There is no workload or Service {name} in any cluster that was read.")
    items = who_may_call(picture, parties) if question == "who" else reach_of(picture, parties)
    if output == "table":
        _print_table(session.style(sys.stdout), items, everything=everything)
        say(reach_sentence(question, name, items))
    else:
        from meshtop.cli.printers import json_text, to_yaml

        document = reach_document(picture, question, name, items, format_duration(snapshot.window_seconds))
        write(json_text(document) if output == "json" else to_yaml(document).rstrip("\n"))
    say_missing(session, snapshot)
    unknowns = reach_unknowns(picture)
    if unknowns:
        say(f"meshtop: This answer is not certain: {doubt(unknowns)}")
    return code


def _print_table(style: Style, items: Sequence[ReachItem], *, everything: bool) -> None:
    """The pairs that are not plainly denied, or all; what is denied though seen is always shown."""
    from meshtop.analysis.authorization.decision import Permission
    from meshtop.cli.text_table import render_table
    from meshtop.views.reports.reach import reach_table

    shown = [item for item in items if everything or item.seen or item.policy is not Permission.DENIED]
    if shown:
        write("\n".join(render_table(reach_table(shown), style)))
