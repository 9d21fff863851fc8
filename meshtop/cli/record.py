"""`meshtop record FILE`: what all clusters say for a while, in one file that `meshtop replay` reads."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshtop import __version__
from meshtop.cli.exits import CommandError, say
from meshtop.cli.moment import Duration
from meshtop.cli.options import common_options
from meshtop.cli.session import Session, exit_code, open_session, say_missing
from meshtop.model.asked import EVERYTHING_WITH_FINDINGS
from meshtop.model.errors import Exit

if TYPE_CHECKING:
    from meshtop.model.snapshot import Snapshot
    from meshtop.sources.recording.frames import RecordingHeader
    from meshtop.sources.recording.writer import RecordingWriter

EVERY_SECONDS = 15.0
"""Istio's Prometheus scrapes so often."""
PAST_MOMENTS = 60
"""So many moments of the past are asked for, whatever their span, but none nearer than `EVERY_SECONDS`."""
MOST_PAST_MOMENTS = 1000
"""Each of them costs every Prometheus all queries once."""


@click.command("record", short_help="Record what all clusters say into a file, for meshtop replay.")
@click.argument("file", type=click.Path(dir_okay=False), metavar="FILE")
@click.option("--for", "for_", metavar="10m", type=Duration(), help="For so long; without it until interrupted.")
@click.option("--last", metavar="1h", type=Duration(), help="The past, as Prometheus remembers it, instead.")
@click.option("--every", metavar="15s", type=Duration(), help="The least time between two moments (15s).")
@click.option("--redact", is_flag=True, help="Other names for clusters, namespaces, objects, hosts, addresses, labels.")
@common_options
@click.pass_context
def command(ctx: click.Context, file: str, for_: str | None, last: str | None, every: str | None, redact: bool) -> int:
    """Record what all clusters say into FILE, which meshtop replay reads: live, or with --last the past.

    The file holds no secrets. One that is interrupted is readable to its end. With --last the metrics are those of
    each moment and the objects those of now: past ones are not known.
    """
    from meshtop.settings.durations import positive_duration

    if for_ and last:
        raise CommandError("--for records the future and --last the past; leave one of them out.")
    session = open_session(ctx)
    if session.common.at is not None:
        raise CommandError("--at is one moment; a recording is made with --for, or with --last.")
    recorder = Recorder(session, Path(file), redact=redact)
    pace = positive_duration(every) if every else None
    if last:
        return recorder.past(positive_duration(last), pace)
    return recorder.live(positive_duration(for_) if for_ else None, EVERY_SECONDS if pace is None else pace)


class Recorder:
    """One run of the command."""

    def __init__(self, session: Session, path: Path, *, redact: bool) -> None:
        self._session = session
        self._path = path
        self._redact = redact
        self._writer: RecordingWriter | None = None
        self._last: Snapshot | None = None
        self._writing: asyncio.Future[None] | None = None

    def live(self, seconds: float | None, every: float) -> int:
        """Record the present for so many seconds (None: until interrupted)."""
        interrupted = False
        try:
            asyncio.run(self._follow(seconds, every))
        except KeyboardInterrupt:
            interrupted = seconds is not None
        code = self._end()
        return Exit.INTERRUPTED if interrupted and code is Exit.FINE else code

    def past(self, span: float, every: float | None) -> int:
        """Record the past, as Prometheus remembers it, with the objects of now."""
        step = max(EVERY_SECONDS, span / PAST_MOMENTS) if every is None else every
        count = int(span // step)
        if not 1 <= count <= MOST_PAST_MOMENTS:
            raise CommandError(
                f"--last and --every give {count} moments; between 1 and {MOST_PAST_MOMENTS} can be recorded."
            )
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._ask_back(step, count))
        say("meshtop: What objects there were in the past is not known; these are the objects of now.")
        return self._end()

    async def _follow(self, seconds: float | None, every: float) -> None:
        observatory = self._session.observatory(
            courses=True, alerts=True, slos=True, traced=True, asked=EVERYTHING_WITH_FINDINGS
        )
        told = "until interrupted (ctrl-c)" if seconds is None else f"for {seconds:g} s; ctrl-c ends it sooner"
        say(f"meshtop: Recording {len(observatory.feeds)} clusters into {self._path} {told}.")
        try:
            self._open(every, past=False)
            async with contextlib.aclosing(observatory.follow()) as snapshots:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        async for snapshot in snapshots:
                            if snapshot.settled:
                                await self._take(snapshot)
        finally:
            # A moment that is just being written is finished first; nobody waits for it any more.
            if self._writing is not None:
                await self._writing
            # The end of what was seen belongs to it, also where it was not yet time for another moment.
            if self._last is not None and self._writer is not None and not self._writer.wrote(self._last):
                self._writer.add(self._last)
            await observatory.close()

    async def _take(self, snapshot: Snapshot) -> None:
        assert self._writer is not None
        self._last = visible = self._session.pictures.visible(snapshot)
        if self._writer.is_due:
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._writer.add, visible))
            await asyncio.shield(self._writing)

    async def _ask_back(self, step: float, count: int) -> None:
        import time

        observatory = self._session.observatory(
            canaries=True, courses=True, alerts=True, slos=True, traced=True, asked=EVERYTHING_WITH_FINDINGS
        )
        now = time.time()
        try:
            self._open(0.0, past=True)
            assert self._writer is not None
            for i in range(count + 1):
                moment = now - (count - i) * step
                if i == 0:
                    observatory.schedule.moment = moment
                    snapshot = await observatory.once(plaintext=True)
                else:
                    snapshot = await observatory.remeasure(moment)
                self._last = visible = self._session.pictures.visible(snapshot)
                await asyncio.shield(asyncio.to_thread(self._writer.add, visible))
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r{i + 1} of {count + 1} moments")
                    sys.stderr.flush()
        finally:
            if sys.stderr.isatty():
                sys.stderr.write("\r\x1b[K")
            await observatory.close()

    def _open(self, every: float, *, past: bool) -> None:
        from meshtop.sources.recording.redaction import cleaner
        from meshtop.sources.recording.writer import RecordingWriter

        clean = cleaner(redact=self._redact)
        self._writer = RecordingWriter(self._path, self._header(past=past), clean, every=every)

    def _header(self, *, past: bool) -> RecordingHeader:
        import time

        from meshtop.sources.recording.frames import RecordingHeader

        return RecordingHeader(
            meshtop=__version__,
            begun=time.time(),
            window_seconds=self._session.settings.window,
            redacted=self._redact,
            past=past,
        )

    def _end(self) -> Exit:
        """Close the file and say what is in it."""
        from meshtop.model.numbers import quantity
        from meshtop.views.frame.document import rfc3339

        writer, last = self._writer, self._last
        if writer is None:
            return Exit.INTERRUPTED
        writer.close()
        if writer.first is None or writer.last is None or last is None:
            say(f"meshtop: {self._path} holds no moment: no cluster had answered by its end.")
            return Exit.UNREACHABLE
        one = writer.moments == 1
        say(
            f"meshtop: {self._path}: {writer.moments} moment{'s' * (not one)} from {rfc3339(writer.first)} to"
            f" {rfc3339(writer.last)}, {quantity(writer.bytes)}B. meshtop replay {self._path} opens it."
        )
        if self._session.common.verbose:
            say(f"meshtop: Writing took {writer.seconds:.2f} s of processor time.")
        say_missing(self._session, last)
        return exit_code(last)
