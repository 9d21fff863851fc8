"""`meshtop watch`: what comes and goes in `attention`, a line or a JSON document each; rings, and runs a command."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, exit_code, open_session, write
from meshtop.model.errors import Exit
from meshtop.model.state import HealthStatus, Severity

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot
    from meshtop.views.reports.attention.events import AttentionEvent
    from meshtop.views.reports.attention.item import AttentionItem

COMMAND_SECONDS = 30.0
"""How long `--exec` may take before it is ended: the next event waits for it."""
_STDERR = 2
SEVERITIES = ("error", "warning", "info")
UNTIL = ("healthy", "degraded", "failing")


@click.command("watch", short_help="What comes and goes in `get attention`, a line each; rings, runs a command.")
@click.option(
    "--on", "least", type=click.Choice(SEVERITIES), default="warning", help="The least that counts (warning)."
)
@click.option("--exec", "program", metavar="CMD", help="Run a shell command for what comes or goes; JSON on its stdin.")
@click.option(
    "--until", type=click.Choice(UNTIL), help="End when it is so: failing and degraded also when it is worse."
)
@click.option("-o", "--output", type=click.Choice(["lines", "json"]), default="lines", help="How to print (lines).")
@click.option("--no-bell", is_flag=True, help="Do not ring on a terminal.")
@common_options
@click.pass_context
def command(ctx: click.Context, least: str, program: str | None, until: str | None, output: str, no_bell: bool) -> int:
    """Follow what needs attention, until interrupted: what comes (with since when, who is hit and its consequences),
    what gets worse or better, and what goes.

    On a terminal each thing that comes rings the bell and notifies by OSC 9 and OSC 777. What is acknowledged
    (`meshtop ack`) is printed and does not ring. CMD is run for everything that comes, gets worse or goes.
    """
    session = open_session(ctx)
    if session.common.at is not None:
        raise CommandError("watch follows the present and --at asks for the past; leave --at out.")
    session.remember()
    watch = _Watch(session, least=least, program=program, until=until, output=output, bell=not no_bell)
    return asyncio.run(watch.run())


class _Watch:
    """One run of the command."""

    def __init__(
        self, session: Session, *, least: str, program: str | None, until: str | None, output: str, bell: bool
    ) -> None:
        from meshtop.views.reports.attention.events import AttentionChanges

        self._session = session
        self._least = SEVERITIES.index(least)
        self._program = program
        self._until = HealthStatus(until) if until is not None else None
        self._output = output
        self._bell = bell and sys.stdout.isatty()
        self._changes = AttentionChanges()

    async def run(self) -> int:
        """Follow until interrupted, or until it is as asked for."""
        from meshtop.cli.watch import shown_snapshots

        observatory = self._session.observatory(courses=True, alerts=True, slos=True)
        last: Snapshot | None = None
        try:
            async with (
                contextlib.aclosing(observatory.follow()) as snapshots,
                contextlib.aclosing(
                    shown_snapshots(self._session, snapshots, self._session.settings.refresh, lambda s: s.settled)
                ) as shown,
            ):
                async for snapshot in shown:
                    last = snapshot
                    if await self.look(snapshot):
                        return Exit.FINE
        finally:
            await observatory.close()
        return exit_code(last) if last is not None else Exit.FINE

    async def look(self, snapshot: Snapshot) -> bool:
        """Tell what changed; whether it is as asked for."""
        from meshtop.views.reports.attention.view import attention

        picture = self._session.picture(snapshot)
        items = [item for item in attention(picture, self._session.query()) if self._counts(item)]
        for event in self._changes.look(items, snapshot.at):
            await self._tell(event)
        return self._until is not None and _is_so(status_of(items), self._until)

    def _counts(self, item: AttentionItem) -> bool:
        return SEVERITIES.index(item.severity.value) <= self._least

    async def _tell(self, event: AttentionEvent) -> None:
        from meshtop.cli.printers import json_text

        document = json_text(event, indent=0)
        write(document if self._output == "json" else event.line())
        if self._bell and event.rings:
            ring(event.item.title)
        if self._program is not None and event.event != "there":
            await asyncio.to_thread(run_program, self._program, document)


def status_of(items: Sequence[AttentionItem]) -> HealthStatus:
    """The fleet in one word: failing with an error that nobody acknowledged, degraded with a warning, else healthy."""
    severities = {item.severity for item in items if item.acknowledged is None}
    if Severity.ERROR in severities:
        return HealthStatus.FAILING
    return HealthStatus.DEGRADED if Severity.WARNING in severities else HealthStatus.HEALTHY


def _is_so(status: HealthStatus, wanted: HealthStatus) -> bool:
    if wanted is HealthStatus.DEGRADED:
        return status is not HealthStatus.HEALTHY
    return status is wanted


def ring(title: str) -> None:
    """Ring the bell of the terminal, and notify by OSC 9 (iTerm2, kitty) and OSC 777 (urxvt, foot, WezTerm)."""
    from meshtop.model.text import clean

    said = clean(title).replace(";", ",")
    sys.stdout.write(f"\a\x1b]9;meshtop: {said}\x1b\\\x1b]777;notify;meshtop;{said}\x1b\\")
    sys.stdout.flush()


def run_program(program: str, document: str) -> None:
    """Run a user's shell command with a document on its stdin; what goes wrong with it is said, and ends nothing."""
    try:
        done = subprocess.run(
            program,
            shell=True,
            input=document + "\n",
            text=True,
            timeout=COMMAND_SECONDS,
            stdout=_STDERR,
            check=False,
        )
    except subprocess.TimeoutExpired:
        say(f"meshtop: --exec took longer than {COMMAND_SECONDS:g} s and was ended.")
    except OSError as error:
        say(f"meshtop: --exec cannot be run: {error.strerror or error}.")
    else:
        if done.returncode:
            say(f"meshtop: --exec ended with {done.returncode}.")
