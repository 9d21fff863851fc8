"""`get --watch`: on a terminal a table that stays in place; in a pipe changed rows, or a document each time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, TextIO

from meshtop.cli.exits import OutputClosed, say
from meshtop.cli.get import ALERT_KINDS, SLO_KINDS, TRACED_KINDS
from meshtop.cli.printers import json_text, qualified_name, render, to_csv
from meshtop.cli.session import Session, exit_code, write
from meshtop.cli.text_table import TextTableLayout, rows_of
from meshtop.log import log_repeated
from meshtop.model.errors import Exit, MeshtopError
from meshtop.model.numbers import number_of
from meshtop.model.snapshot import Snapshot
from meshtop.model.text import cut
from meshtop.views.frame.document import document, missing, rfc3339
from meshtop.views.frame.table import Cell
from meshtop.views.frame.view import AnyView
from meshtop.views.picture.asks import asked_for
from meshtop.views.picture.query import Query

_log = logging.getLogger(__name__)
REDRAW_SECONDS = 0.5
"""Minimum seconds between two drawings on a terminal."""


def print_changes(session: Session, view: AnyView, query: Query, output: str, *, headers: bool = True) -> int:
    """Print again whenever something changed, until interrupted."""
    return asyncio.run(_follow(session, view, query, output, headers=headers))


async def _follow(session: Session, view: AnyView, query: Query, output: str, *, headers: bool) -> int:
    live = sys.stdout.isatty() and output in ("table", "wide") and os.environ.get("TERM") != "dumb"
    face: Redraw | Stream = (Redraw if live else Stream)(session, view, query, output, headers=headers)
    pause = REDRAW_SECONDS if live else session.settings.refresh
    observatory = session.observatory(
        courses=view.kind in TRACED_KINDS,
        alerts=view.kind in ALERT_KINDS,
        slos=view.kind in SLO_KINDS,
        traced=view.kind in TRACED_KINDS,
        asked=asked_for(view.kind),
    )
    last: Snapshot | None = None
    said = ""
    try:
        async with (
            contextlib.aclosing(observatory.follow()) as snapshots,
            contextlib.aclosing(shown_snapshots(session, snapshots, pause, lambda s: live or s.settled)) as shown,
        ):
            async for snapshot in shown:
                said = _shown(face, snapshot, said)
                last = snapshot
    finally:
        await observatory.close()
    if said:
        return Exit.DEFECT
    return exit_code(last) if last is not None else Exit.FINE


def _shown(face: Redraw | Stream, snapshot: Snapshot, said: str) -> str:
    """Show a snapshot. A defect is said once, for as long as every snapshot meets it; empty where there is none."""
    try:
        face.show(snapshot)
    except (MeshtopError, OutputClosed, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - the next snapshot tries again
        log_repeated(_log, "a snapshot could not be shown", error)
        sentence = f"this should not have happened ({type(error).__name__}: {error}); the next refresh tries again."
        if sentence != said:
            say(f"meshtop: {sentence}")
        return sentence
    return ""


def shown_snapshots(
    session: Session, snapshots: AsyncIterator[Snapshot], pause: float, wanted: Callable[[Snapshot], bool]
) -> AsyncGenerator[Snapshot, None]:
    """The Snapshots to show: of clusters the latest ones, of a recording, which waits for nobody, every one."""
    if session.common.recording is None:
        return latest(snapshots, pause, wanted)

    async def every() -> AsyncGenerator[Snapshot, None]:
        async for snapshot in snapshots:
            if wanted(snapshot):
                yield snapshot

    return every()


async def latest(snapshots: AsyncIterator[Snapshot], pause: float, wanted: Any) -> AsyncGenerator[Snapshot, None]:
    """The latest snapshots that are `wanted`, at least `pause` seconds apart; others are skipped."""
    newest: Snapshot | None = None
    arrived = asyncio.Event()
    error: BaseException | None = None
    ended = False

    async def read() -> None:
        nonlocal newest, error, ended
        try:
            async for snapshot in snapshots:
                if wanted(snapshot):
                    newest = snapshot
                    arrived.set()
        except Exception as defect:  # noqa: BLE001 - raised again where it is awaited
            error = defect
        finally:
            ended = True
            arrived.set()

    reader = asyncio.create_task(read())
    try:
        while True:
            await arrived.wait()
            arrived.clear()
            if newest is not None:
                shown, newest = newest, None
                yield shown
            if error is not None:
                raise error
            if ended and newest is None:
                return
            if not ended:
                await asyncio.sleep(pause)
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


class _Face:
    """Shows each snapshot on an output."""

    def __init__(
        self,
        session: Session,
        view: AnyView,
        query: Query,
        output: str,
        out: TextIO | None = None,
        *,
        headers: bool = True,
    ) -> None:
        self._headers = headers
        self._session = session
        self._view = view
        self._query = query
        self._output = output
        self._out = out or sys.stdout
        self._begin()

    def _begin(self) -> None:
        """Prepare before the first snapshot."""


class Stream(_Face):
    """For pipes: new or changed rows, or one document per refresh for json and yaml; each warning once."""

    def _begin(self) -> None:
        self._style = self._session.style(self._out, fit=False)
        self._layout: TextTableLayout | None = None
        self._before: dict[str, Any] = {}
        self._said: set[str] = set()

    def show(self, snapshot: Snapshot) -> None:
        """Print the changes of this snapshot."""
        picture = self._session.picture(snapshot)
        if self._output == "json":
            items = self._view.items(picture, self._query)
            write(json_text(document(self._view, picture, items, self._query), indent=0), self._out)
        elif self._output == "yaml":
            items = self._view.items(picture, self._query)
            write("---\n" + render("yaml", self._view, picture, items, self._style, self._query), self._out)
        elif self._output in ("csv", "name"):
            self._lines(self._view.items(picture, self._query))
        else:
            self._rows(picture)
        self._complain(snapshot, self._view.lost(picture))

    def _rows(self, picture: Any) -> None:
        table = self._view.table(picture, self._query, wide=self._output == "wide")
        rows = rows_of(table)
        if self._layout is None and rows:
            self._layout = TextTableLayout(table.columns, rows, self._style)
            if self._headers:
                write(self._layout.header(), self._out)
        fresh: dict[str, list[Cell]] = {table.key(i): row for i, row in enumerate(rows)}
        for key, row in fresh.items():
            if self._layout is not None and self._before.get(key) != row:
                write(self._layout.row(row), self._out)
        self._before = fresh

    def _lines(self, items: list[Any]) -> None:
        if self._output == "name":
            fresh = {self._view.key(item): qualified_name(self._view, item) for item in items}
        else:
            header, *lines = to_csv(self._view.item, items).splitlines()
            if self._headers:
                write(header, self._out)
            self._headers = False
            fresh = dict(zip((self._view.key(item) for item in items), lines, strict=True))
        for key, line in fresh.items():
            if self._before.get(key) != line:
                write(line, self._out)
        self._before = fresh

    def _complain(self, snapshot: Snapshot, lost: str) -> None:
        now = {*missing(snapshot), *filter(None, (lost,))}
        for sentence in sorted(now - self._said):
            say(f"meshtop: {sentence}")
        self._said = now


class Redraw(_Face):
    """For terminals: the table is redrawn in place, and stays at the end."""

    _height = 0

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot over the last one."""
        style = self._session.style(self._out)
        size = shutil.get_terminal_size((80, 24))
        if not snapshot.settled:
            # What is not there may only not have been read yet: no row, and no empty table, says anything by now.
            self._draw([cut(style.plain(self._awaited(snapshot)), size.columns - 1)])
            return
        table = self._view.table(self._session.picture(snapshot), self._query, wide=self._output == "wide")
        rows = rows_of(table)
        layout = TextTableLayout(table.columns, rows, style)
        room = max(1, size.lines - 3)
        lines = [style.plain(self._status(snapshot, len(rows))), *([layout.header()] if self._headers else [])]
        lines += [layout.row(row) for row in rows[:room]]
        if len(rows) > room:
            lines[-1] = style.plain(f"… {number_of(len(rows) - room + 1, 'more row')}; narrow them with --filter")
        lines[0] = cut(lines[0], size.columns - 1)
        self._draw(lines)

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._height}A" if self._height else ""
        self._out.write(f"{up}\r" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        self._out.flush()
        self._height = len(lines)

    def _status(self, snapshot: Snapshot, rows: int) -> str:
        unwell = missing(snapshot)
        doubt = f" · {len(unwell)} source{'s' * (len(unwell) != 1)} missing" if unwell else ""
        return f"{self._view.title} · {rows} · {rfc3339(snapshot.at)}{doubt}"

    def _awaited(self, snapshot: Snapshot) -> str:
        number = len(snapshot.clusters)
        return f"{self._view.title} · reading {number} cluster{'s' * (number != 1)} …"
