"""`meshtop doctor`: what can be reached, read and found in each cluster, and how to fix what cannot."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshtop.cli.options import common_options
from meshtop.cli.repeated import repeated
from meshtop.cli.session import once, open_session, write
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.cli.text_table import Style
    from meshtop.views.frame.table import Cell
    from meshtop.views.reports.doctor import Report


@click.command("doctor", short_help="What can be reached and read, and how to fix what cannot.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print (text)."
)
@common_options
@click.pass_context
def command(ctx: click.Context, output: str) -> int:
    """Check every cluster: what can be reached, read and found, the cost of each source, and how to fix faults.

    Ends with 1 when a fault is found, with 3 when no cluster can be reached.
    """
    from meshtop.cli.printers import json_text, to_yaml
    from meshtop.views.picture.asks import DOCTOR
    from meshtop.views.reports.doctor import examine

    session = open_session(ctx)
    snapshot = once(session, asked=DOCTOR)
    report = examine(snapshot, lambda: session.picture(snapshot).facts)
    if output == "json":
        write(json_text(report))
    elif output == "yaml":
        write(to_yaml(report).rstrip("\n"))
    else:
        verbose = session.common.verbose > 0
        write(repeated("\n".join(report_lines(report, session.style(sys.stdout), verbose=verbose))))
    if not report.reached:
        return Exit.UNREACHABLE
    return Exit.BAD if report.faults else Exit.FINE


def report_lines(report: Report, style: Style, *, verbose: bool = False) -> list[str]:
    """The report as text: each cluster, its sources, its findings with fixes, and a summary."""
    from meshtop.views.reports.doctor_lines import doctor_lines

    width = max(40, (style.width or 120) - 1)
    lines = doctor_lines(report, width, verbose=verbose)
    return [style.plain("".join(_painted(cell, style) for cell in line)) for line in lines]


def _painted(cell: Cell, style: Style) -> str:
    from meshtop.views.frame.table import Tone

    if cell.tone is Tone.STRONG:
        return style.heading(style.plain(cell.text))
    return cell.text if cell.tone is Tone.PLAIN else style.paint(cell.text, cell.tone)
