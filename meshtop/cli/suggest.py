"""`meshtop suggest`: configuration that the calls which were seen call for. Nothing is written."""

from __future__ import annotations

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit
from meshtop.views.picture.asks import SUGGEST


@click.group("suggest", short_help="The smallest policies that the calls seen need: policies.")
@common_options
def command() -> None:
    """Configuration that the calls which were seen call for. Nothing is written."""


@command.command("policies", short_help="The smallest AuthorizationPolicies that the calls seen need.")
@click.argument("scope", metavar="NAMESPACE")
@click.option("-o", "--output", type=click.Choice(("yaml", "json")), default="yaml", help="How to print.")
@common_options
@click.pass_context
def policies(ctx: click.Context, scope: str, output: str) -> int:
    """The smallest AuthorizationPolicies that let the calls into NAMESPACE pass, in every cluster that has it.

    They are made from the calls of the window (--window 1d), printed as YAML, and judged with all policies in force:
    how many of the calls pass is said, and what no policy is made from. Exits with 1 where a call would not pass for
    certain.
    """
    from meshtop.settings.durations import format_duration
    from meshtop.views.frame.unknowns import doubt
    from meshtop.views.reports.suggest import (
        suggestion_document,
        suggestion_of,
        suggestion_sentences,
        suggestion_unknowns,
        suggestion_yaml,
    )
    from meshtop.views.reports.whatif import knows_scope

    session = open_session(ctx)
    snapshot = once(session, asked=SUGGEST)
    picture = session.picture(snapshot)
    code = exit_code(snapshot)
    known = knows_scope(picture, scope) if code is Exit.FINE else True
    if known is False:
        say_missing(session, snapshot)
        raise CommandError(f"There is no namespace {scope} in any cluster that was read.")
    found = suggestion_of(picture, scope)
    window = format_duration(snapshot.window_seconds)
    if output == "json":
        from meshtop.cli.printers import json_text

        write(json_text(suggestion_document(picture, found, window)))
    else:
        write(suggestion_yaml(found))
        for sentence in suggestion_sentences(found, window):
            say(sentence)
    say_missing(session, snapshot)
    if code is not Exit.FINE:
        return code
    unknowns = suggestion_unknowns(picture, scope)
    if unknowns:
        say(f"meshtop: This answer is not certain: {doubt(unknowns)}")
    if found.failing:
        return Exit.BAD
    return Exit.UNREACHABLE if unknowns else Exit.FINE
