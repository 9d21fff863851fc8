"""`meshtop whatif`: the effect of a change. Nothing is written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli import whatif_apply
from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options, complete_names
from meshtop.cli.session import Session, exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.model.evidence import Unknown
    from meshtop.views.picture.picture import Picture
    from meshtop.views.reports.evacuate import EvacuateAnswer
    from meshtop.views.reports.whatif import StrictAnswer


@click.group("whatif", short_help="Effects of a change before it is made: apply, strict, evacuate.")
@common_options
def command() -> None:
    """What a change would do. Nothing is written."""


command.add_command(whatif_apply.command)


@command.command("strict", short_help="Which calls would break if mutual TLS were required.")
@click.argument("scope", metavar="NAMESPACE|mesh")
@click.option("-o", "--output", type=click.Choice(("table", "json", "yaml")), default="table", help="How to print.")
@click.option("--all", "all_", is_flag=True, help="Table: include calls that are fine.")
@common_options
@click.pass_context
def strict(ctx: click.Context, scope: str, output: str, all_: bool) -> int:
    """Which calls would break if a namespace (in every cluster), or the whole mesh, were STRICT.

    A call breaks if it was seen in plaintext, or is configured as such. Calls that were not measured are unknown.
    """
    from meshtop.settings.durations import format_duration
    from meshtop.views.reports.whatif import strict_document, strict_sentences, strict_unknowns

    session = open_session(ctx)
    picture, answer = read_strict(session, scope)
    snapshot, code = picture.snapshot, exit_code(picture.snapshot)
    if output != "table":
        from meshtop.cli.printers import json_text, to_yaml

        document = strict_document(picture, answer, format_duration(snapshot.window_seconds))
        write(json_text(document) if output == "json" else to_yaml(document).rstrip("\n"))
    else:
        from meshtop.analysis.security.mtls.whatif import Effect
        from meshtop.cli.text_table import render_table
        from meshtop.views.reports.whatif import affected_table

        style = session.style(sys.stdout)
        shown = [item for item in answer.items if all_ or item.effect is not Effect.FINE]
        if shown:
            write("\n".join(render_table(affected_table(shown), style)))
        for sentence in strict_sentences(answer):
            say(sentence)
    say_missing(session, snapshot)
    return _whole(picture, _sure(strict_unknowns(picture, answer), code))


@command.command("evacuate", short_help="Which hosts would be gone or overloaded without a cluster.")
@click.argument("leaving", metavar="CLUSTER", shell_complete=complete_names)
@click.option("-o", "--output", type=click.Choice(("table", "json", "yaml")), default="table", help="How to print.")
@click.option("--all", "all_", is_flag=True, help="Table: include hosts that grow or are idle, and calls that move.")
@common_options
@click.pass_context
def evacuate(ctx: click.Context, leaving: str, output: str, all_: bool) -> int:
    """Which hosts would have no endpoint left, and which would double their load, if CLUSTER took no more traffic.

    Computed from ready endpoints and the traffic in this window. Calls from other clusters are followed as `whatif
    apply` does: which would fail, hang on what is not known, or go elsewhere.
    """
    from meshtop.settings.durations import format_duration
    from meshtop.views.reports.evacuate import evacuated_table, evacuation_document, evacuation_sentences

    session = open_session(ctx)
    picture, answer = read_evacuation(session, leaving)
    snapshot, code = picture.snapshot, exit_code(picture.snapshot)
    if output != "table":
        from meshtop.cli.printers import json_text, to_yaml

        document = evacuation_document(picture, answer, format_duration(snapshot.window_seconds))
        write(json_text(document) if output == "json" else to_yaml(document).rstrip("\n"))
    else:
        from meshtop.analysis.fleet.locality import EvacuationEffect
        from meshtop.analysis.forecast.differences import ForecastEffect
        from meshtop.cli.text_table import render_table
        from meshtop.views.reports.forecast_words import forecast_table

        shown = [
            item for item in answer.items if all_ or item.fate not in (EvacuationEffect.GROWS, EvacuationEffect.IDLE)
        ]
        if shown:
            write("\n".join(render_table(evacuated_table(shown), session.style(sys.stdout))))
        calls = [item for item in answer.calls.items if all_ or item.breaks or item.effect is ForecastEffect.DEPENDS]
        if calls:
            lines = render_table(forecast_table(calls), session.style(sys.stdout))
            write("\n".join(("", *lines) if shown else lines))
        for sentence in evacuation_sentences(answer):
            say(sentence)
    say_missing(session, snapshot)
    return _whole(picture, _sure(answer.unknowns, code))


def read_strict(session: Session, scope: str) -> tuple[Picture, StrictAnswer]:
    """What STRICT in a namespace, or in the whole `mesh`, would do. Raises CommandError where there is none such."""
    from meshtop.views.picture.asks import STRICT
    from meshtop.views.reports.whatif import knows_scope, strict_answer

    snapshot = once(session, plaintext=True, asked=STRICT)
    picture = session.picture(snapshot)
    known = knows_scope(picture, scope) if exit_code(snapshot) is Exit.FINE else True
    if not known:
        say_missing(session, snapshot)
    if known is False:
        raise CommandError(f"There is no namespace {scope} in any cluster that was read; `mesh` means all of them.")
    if known is None:
        raise CommandError(f"Nothing was read in a namespace {scope}, and not all may be listed.", Exit.UNREACHABLE)
    return picture, strict_answer(picture, scope)


def read_evacuation(session: Session, leaving: str) -> tuple[Picture, EvacuateAnswer]:
    """What would be gone without a cluster. Raises CommandError where there is none such, or it was not read."""
    from meshtop.views.picture.asks import EVACUATE
    from meshtop.views.reports.evacuate import evacuate_answer

    snapshot = once(session, asked=EVACUATE)
    picture = session.picture(snapshot)
    if snapshot.cluster(leaving) is None:
        names = ", ".join(c.name for c in snapshot.clusters)
        raise CommandError(f"There is no cluster {leaving}; there are {names}.")
    if leaving not in picture.facts:
        say_missing(session, snapshot)
        raise CommandError(f"{leaving} could not be read, so what runs there is unknown.", Exit.UNREACHABLE)
    return picture, evacuate_answer(picture, leaving)


def _sure(unknowns: Sequence[Unknown], code: Exit) -> Exit:
    """Print what the answer could not take into account; the exit code then is not that of a good answer."""
    from meshtop.views.frame.unknowns import doubt

    if not unknowns:
        return code
    say(f"meshtop: This answer is not certain: {doubt(unknowns)}")
    return Exit.UNREACHABLE if code is Exit.FINE else code


def _whole(picture: Picture, code: Exit) -> Exit:
    """Print what a defect kept out of the answer, which then has the exit code of a defect."""
    lost = picture.lost.sentence("whatif", "answer")
    if not lost:
        return code
    say(f"meshtop: {lost}")
    return Exit.DEFECT
