"""`meshtop diff A B`: two moments held against each other, of recordings or of the clusters. Nothing is written."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, at_moments, exit_code, once, open_session, say_missing, write
from meshtop.model.errors import Exit
from meshtop.views.frame.moments import parse_moment

if TYPE_CHECKING:
    from meshtop.sources.recording.recorded import RecordedSnapshots
    from meshtop.views.picture.picture import Picture


_BACK = re.compile(r"-(?:\d+[dhms])+")
_MARK = "\0"
"""Stands before a moment while options are looked for: else `-1h` would ask for help."""


class _WithMoments(click.Command):
    """A command with moments such as `-1h` for arguments, which look like options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments."""
        marked = [
            _MARK + one if _BACK.fullmatch(one) and before != "--at" else one
            for before, one in zip(["", *args], args, strict=False)
        ]
        return super().parse_args(ctx, marked)


def _unmarked(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return value.removeprefix(_MARK)


@click.command(
    "diff",
    cls=_WithMoments,
    short_help="What differs between two moments: meshtop diff -1h now, meshtop diff FILE@-5m FILE.",
)
@click.argument("before", metavar="A", callback=_unmarked)
@click.argument("after", metavar="B", callback=_unmarked)
@click.option("-o", "--output", type=click.Choice(("table", "json", "yaml")), default="table", help="How to print.")
@common_options
@click.pass_context
def command(ctx: click.Context, before: str, after: str, output: str) -> int:
    """What came, went or changed from A to B: clusters, weights, configuration, workloads, calls and their figures.

    A and B are moments (-1h, 14:05, now), or recordings: FILE for its end, FILE@TIME for a moment in it. Of a moment of
    clusters only the metrics are of then; the objects are those of now.

    Exits with 1 where something differs, with 3 where nothing does and not everything was read.
    """
    session = open_session(ctx)
    if session.common.at is not None:
        raise CommandError("--at is one moment, and diff compares two: meshtop diff -1h now.")
    first, second = _pictures(session, (before, after))
    return _print(session, first, second, (before, after), output)


def _print(session: Session, before: Picture, after: Picture, names: tuple[str, str], output: str) -> int:
    from meshtop.cli.printers import json_text, to_yaml
    from meshtop.views.frame.unknowns import doubt
    from meshtop.views.reports.moments_compared import compare_moments, differences_table

    found = compare_moments(before, after, session.query(), names)
    if output != "table":
        write(json_text(found) if output == "json" else to_yaml(found).rstrip("\n"))
    elif found.items:
        from meshtop.cli.text_table import render_table

        write("\n".join(render_table(differences_table(found.items), session.style(sys.stdout))))
    count = len(found.items)
    say(f"meshtop: {count} difference{'s' * (count != 1)} from {found.before.at} to {found.after.at}.")
    for picture in (before, after):
        say_missing(session, picture.snapshot)
    if found.unknowns:
        say(f"meshtop: This answer is not certain: {doubt(found.unknowns)}")
    worst = max(exit_code(picture.snapshot) for picture in (before, after))
    if worst is not Exit.FINE:
        return worst
    return Exit.BAD if count else Exit.UNREACHABLE if found.unknowns else Exit.FINE


def _pictures(session: Session, sides: Sequence[str]) -> list[Picture]:
    """The picture of each side. Raises CommandError for what is neither a moment nor a recording."""
    from meshtop.views.picture.asks import DIFF

    if session.common.recording is None and not any(map(_recording, sides)):
        moments = [None if side.lower() == "now" else _moment(side, None) for side in sides]
        return [session.picture(snapshot) for snapshot in at_moments(session, moments, asked=DIFF)]
    found = []
    for side in sides:
        with _set_to(session, side):
            found.append(session.picture(once(session, asked=DIFF)))
    return found


def _recording(side: str) -> str:
    """The recording's file that a side names; empty where it names a moment."""
    return side if Path(side).is_file() else side.rpartition("@")[0]


@contextlib.contextmanager
def _set_to(session: Session, side: str) -> Iterator[None]:
    """Let the session read what a side names, and then again what it read before."""
    common = session.common
    kept = (common.recording, common.at)
    path = _recording(side)
    time = side[len(path) + 1 :] if path else ""
    opened: RecordedSnapshots | None = None
    try:
        if path:
            from meshtop.sources.recording.recorded import RecordedSnapshots

            common.recording = opened = RecordedSnapshots(Path(path))
            common.at = _moment(time, opened) if time else None
        elif side.lower() != "now":
            common.at = _moment(side, common.recording)
        yield
    finally:
        common.recording, common.at = kept
        if opened is not None:
            opened.close()


def _moment(text: str, recording: RecordedSnapshots | None) -> float:
    now = datetime.now() if recording is None else datetime.fromtimestamp(recording.moments[-1])
    try:
        return parse_moment(text, now.astimezone())
    except ValueError as error:
        raise CommandError(f"{error} A recording is named as FILE or FILE@TIME.") from error
