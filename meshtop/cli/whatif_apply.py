"""`meshtop whatif apply`: what objects would do to the calls that were seen. Nothing is sent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from msgspec import structs

from meshtop.cli.exits import CommandError, say
from meshtop.cli.manifest_files import given_objects, home_of, listed_files
from meshtop.cli.moment import Duration
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.analysis.findings.revisions import MisreadObject
    from meshtop.analysis.inventory.overlay import OverlaidObject
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.picture.picture import Picture
    from meshtop.views.reports.forecast import ForecastAnswer, ForecastChange

DAY = "1d"
SLOW_SECONDS = 60.0
"""How long a cluster may take at least to count the calls of a long span, where the user sets no limit."""


@click.command("apply", short_help="What objects would do to the calls that were seen, before they are applied.")
@click.option("-f", "--file", "files", metavar="FILE", multiple=True, help="Objects to apply: a file, a folder or -.")
@click.option("--delete", "deletes", metavar="FILE", multiple=True, help="Objects to delete, by those in a file.")
@click.option("--remove", "removes", metavar="KIND/NAMESPACE/NAME", multiple=True, help="An object to delete.")
@click.option("--last", metavar="1d", type=Duration(), help="Take the calls of so long (1d, or --window).")
@click.option("-o", "--output", type=click.Choice(("table", "json", "yaml")), default="table", help="How to print.")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    deletes: tuple[str, ...],
    removes: tuple[str, ...],
    last: str | None,
    output: str,
) -> int:
    """Which calls of the last day would be denied, break, move or find nobody with the objects of FILEs applied.

    Objects without a namespace are in the one of -n, else in default. They are applied in every cluster that has their
    namespace, or in those of --cluster; calls are looked at in all of them. Findings that come and go are named too.

    Exits with 1 where a call that works would fail, and with 3 where what is not known may hide one.
    """
    from meshtop.views.reports.forecast import forecast_of

    session = open_session(ctx)
    if not (files or deletes or removes):
        raise click.UsageError("Give FILEs to apply with -f, or what to delete with --delete or --remove.", ctx)
    if [*files, *deletes].count("-") > 1:
        raise click.UsageError("- is stdin, which can be read once.", ctx)
    change = _change(session, files, deletes, removes, session.common.cluster)
    span = last or session.common.window or _usual_span(session)
    # The clusters that are named are those in which objects are applied; who calls there may be in any other one.
    targets, session.common.cluster = session.common.cluster, ()
    snapshot = _snapshot(session, span)
    before = session.picture(snapshot)
    code = exit_code(snapshot)
    if code is not Exit.FINE:
        say_missing(session, snapshot)
        return code
    _check_clusters(snapshot, targets)
    _check_removals(snapshot, change)
    answer = forecast_of(before, session.picture, change)
    question = " ".join(("apply", *(f"-f {one}" for one in files), *(f"--delete {one}" for one in deletes),
                         *(f"--remove {one}" for one in removes)))  # fmt: skip
    _print(session, before, answer, output, question, span)
    say_missing(session, snapshot)
    return _ended(before, answer)


def _usual_span(session: Session) -> str:
    """A day; of a recording the window over which its rates were measured."""
    from meshtop.settings.durations import format_duration

    recording = session.common.recording
    return DAY if recording is None else format_duration(recording.header.window_seconds)


def _snapshot(session: Session, span: str) -> Snapshot:
    from meshtop.settings.durations import positive_duration
    from meshtop.views.picture.asks import APPLY

    seconds = positive_duration(span)
    patience = None if session.common.timeout else SLOW_SECONDS
    return once(session, asked=APPLY, window_seconds=seconds, least_timeout=patience)


def _change(
    session: Session,
    files: Sequence[str],
    deletes: Sequence[str],
    removes: Sequence[str],
    targets: Sequence[str],
) -> ForecastChange:
    """What is asked about. Raises CommandError for files and names that cannot be read."""
    from meshtop.analysis.inventory.overlay import objects_in
    from meshtop.views.reports.forecast import applied_to

    home = home_of(session.common.namespace)
    given = given_objects([path for one in files for path in listed_files(one)], home)
    gone = given_objects([path for one in deletes for path in listed_files(one)], home)
    odd = [_misread(one) for one in (*given.misread, *gone.misread)]
    for sentence in odd[:-1]:
        say(f"meshtop: {sentence}")
    if odd:
        raise CommandError(odd[-1])
    names = [name for name, _ in objects_in(gone.inventory)] + [_named(one, home) for one in removes]
    if not names and not any(True for _ in objects_in(given.inventory)) and not given.passed_over:
        raise CommandError("There is no object in what was given, so there is nothing to forecast.")
    change = applied_to(given.inventory, targets)
    return structs.replace(
        change,
        removed=tuple((cluster, name) for cluster in targets or ("",) for name in names),
        passed_over=(*given.passed_over, *gone.passed_over),
    )


def _misread(one: MisreadObject) -> str:
    """What is wrong with an object, in a sentence."""
    place = "/".join(filter(None, (one.namespace, one.name)))
    return f"{f'{one.kind} {place}'.strip()} cannot be read: {one.why.rstrip('.')}."


def _named(written: str, home: str) -> OverlaidObject:
    """An object as KIND/NAMESPACE/NAME, or KIND/NAME in the home namespace. Raises CommandError."""
    from meshtop.analysis.inventory.overlay import OverlaidObject
    from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG, JUDGED

    parts = written.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise CommandError(f"--remove {written}: write KIND/NAMESPACE/NAME.")
    kinds = {name.lower(): kind for kind in (*BUILTIN, *CONFIG, *JUDGED) for name in (kind.name, kind.plural)}
    kind = kinds.get(parts[0].lower())
    if kind is None:
        raise CommandError(f"--remove {written}: {parts[0]} is no kind that meshtop reads.")
    namespace = (parts[1] if len(parts) == 3 else home) if kind.namespaced else ""
    return OverlaidObject(kind.name, namespace, parts[-1])


def _check_clusters(snapshot: Snapshot, targets: Sequence[str]) -> None:
    names = [cluster.name for cluster in snapshot.clusters]
    for name in targets:
        if name not in names:
            raise CommandError(f"There is no cluster {name}; there are {', '.join(names)}.")


def _check_removals(snapshot: Snapshot, change: ForecastChange) -> None:
    """Raises CommandError for an object to be deleted that no cluster has."""
    from meshtop.analysis.inventory.overlay import objects_in

    for where, name in change.removed:
        clusters = [one for one in snapshot.clusters if where in ("", one.name) and one.inventory is not None]
        held = any(name in dict(objects_in(one.inventory)) for one in clusters if one.inventory is not None)
        if clusters and not held:
            place = f"in {where}" if where else "in any cluster that was read"
            raise CommandError(f"There is no {name.title} {place} that could be deleted.")


def _print(session: Session, picture: Picture, answer: ForecastAnswer, output: str, question: str, span: str) -> None:
    from meshtop.views.reports.forecast import forecast_document
    from meshtop.views.reports.forecast_words import forecast_sentences, forecast_table

    if output != "table":
        from meshtop.cli.printers import json_text, to_yaml

        document = forecast_document(picture, answer, question=question, span=span)
        write(json_text(document) if output == "json" else to_yaml(document).rstrip("\n"))
        return
    if answer.items:
        from meshtop.cli.text_table import render_table

        write("\n".join(render_table(forecast_table(answer.items), session.style(sys.stdout))))
    for sentence in forecast_sentences(answer, span):
        say(sentence)


def _ended(picture: Picture, answer: ForecastAnswer) -> Exit:
    """Print what is not certain and what a defect kept out; the exit code."""
    from meshtop.views.frame.unknowns import doubt

    if answer.unknowns:
        say(f"meshtop: This answer is not certain: {doubt(answer.unknowns)}")
    lost = picture.lost.sentence("whatif", "answer")
    if lost:
        say(f"meshtop: {lost}")
        return Exit.DEFECT
    if answer.summary.breaks:
        return Exit.BAD
    return Exit.UNREACHABLE if answer.unknowns else Exit.FINE
