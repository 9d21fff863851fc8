"""`meshtop incident FILE`: a page about what is wrong, with the recording that it was made of beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, exit_code, once, open_session, say_missing
from meshtop.model.asked import EVERYTHING_WITH_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshtop.model.snapshot import Snapshot

FORMATS = (".md", ".html")


@click.command("incident", short_help="A page about what is wrong: meshtop incident outage.html, or .md.")
@click.argument("file", type=click.Path(dir_okay=False), metavar="FILE")
@click.option("--redact", is_flag=True, help="Other names for clusters, namespaces, objects, hosts, addresses, labels.")
@common_options
@click.pass_context
def command(ctx: click.Context, file: str, redact: bool) -> int:
    """Write a page about what is wrong, since when, who is hit, what the verdicts are and what was not known.

    FILE ends with .md or .html, and the recording that it was made of is beside it, ending with .rec. On a recording
    (meshtop replay FILE -- incident outage.html) the page says too what is not as it was at its first moment.
    """
    path = Path(file)
    if path.suffix not in FORMATS:
        raise CommandError(f"{file} has to end with {' or '.join(FORMATS)}.")
    if path.exists():
        raise CommandError(f"{file} exists; give the name of a new file.")
    session = open_session(ctx)
    if session.common.recording is None and not redact:
        session.remember()
    snapshots = _read(session)
    beside, snapshots = _beside(session, path, snapshots, redact=redact)
    _write(path, _page(session, snapshots, beside, path.suffix))
    say(f"meshtop: {path} tells of it; {beside} is what it was made of.")
    say_missing(session, snapshots[-1])
    return exit_code(snapshots[-1])


def _read(session: Session) -> list[Snapshot]:
    """The Snapshot that the page is about; of a recording its first one before it."""
    shown = _everything(session)
    recording, kept = session.common.recording, session.common.at
    if recording is None:
        return [shown]
    session.common.at = recording.moments[0]
    try:
        first = _everything(session)
    finally:
        session.common.at = kept
    return [shown] if (first.at, first.moment) == (shown.at, shown.moment) else [first, shown]


def _everything(session: Session) -> Snapshot:
    return once(
        session,
        plaintext=True,
        canaries=True,
        courses=True,
        alerts=True,
        slos=True,
        traced=True,
        asked=EVERYTHING_WITH_FINDINGS,
    )


def _beside(session: Session, path: Path, snapshots: list[Snapshot], *, redact: bool) -> tuple[str, list[Snapshot]]:
    """The name of the recording beside the page, written where there is none yet; and the Snapshots as it has them."""
    from meshtop.sources.recording.beside import recorded_beside

    if session.common.recording is not None and not redact:
        return session.common.recording.path.name, snapshots
    beside = path.with_suffix(".rec")
    # The page says what the recording says: no secret, and no name that was replaced.
    return beside.name, recorded_beside(beside, snapshots, redact=redact)


def _page(session: Session, snapshots: Sequence[Snapshot], beside: str, suffix: str) -> str:
    from meshtop.cli.incident_page import incident_markdown
    from meshtop.views.reports.incident import incident_report
    from meshtop.views.reports.incident_html import incident_html
    from meshtop.views.reports.moments_compared import compare_moments

    pictures = [session.picture(snapshot) for snapshot in snapshots]
    query = session.query()
    changes = compare_moments(pictures[0], pictures[-1], query, ("first", "shown")) if len(pictures) > 1 else None
    report = incident_report(pictures[-1], query, recording=beside, changes=changes)
    return incident_html(report) if suffix == ".html" else incident_markdown(report)


def _write(path: Path, text: str) -> None:
    from meshtop.sources.recording.beside import write_page

    try:
        write_page(path, text)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from error
