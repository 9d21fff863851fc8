from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator

import pyte
import pytest
from msgspec import structs

from meshtop.cli.options import Common
from meshtop.cli.session import Session
from meshtop.cli.watch import Redraw, Stream, latest
from meshtop.model.snapshot import Snapshot
from meshtop.settings.load import load_settings
from meshtop.views.frame.registry import view
from meshtop.views.picture.query import Query
from tests import worlds
from tests.cli.conftest import Program


class Screen(io.StringIO):
    """A terminal that remembers what was written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def session() -> Session:
    return Session(Common(), load_settings(environ={"HOME": "/nowhere"}))


def test_only_rows_that_changed_are_printed_again(session: Session) -> None:
    out = io.StringIO()
    stream = Stream(session, view("workloads"), Query(), "table", out)
    stream.show(worlds.world(worlds.east(), worlds.west()))
    first = out.getvalue().splitlines()
    assert len(first) == 7
    stream.show(worlds.world(worlds.east(), worlds.west(), sequence=2))
    assert out.getvalue().splitlines() == first
    stream.show(worlds.world(worlds.east(sick=True), worlds.west(), sequence=3))
    changed = out.getvalue().splitlines()[7:]
    assert len(changed) == 1
    assert changed[0].split()[:3] == ["east", "shop", "reviews-v2"]


@pytest.mark.parametrize("output", ["csv", "name"])
def test_lines_are_printed_once(session: Session, output: str) -> None:
    out = io.StringIO()
    stream = Stream(session, view("services"), Query(), output, out)
    snapshot = worlds.world(worlds.east(), worlds.west())
    stream.show(snapshot)
    before = out.getvalue()
    stream.show(snapshot)
    assert out.getvalue() == before
    assert len(before.splitlines()) == (5 if output == "csv" else 4)


def test_a_complaint_is_made_once(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    stream = Stream(session, view("clusters"), Query(), "json", io.StringIO())
    stream.show(worlds.world())
    stream.show(worlds.world(sequence=2))
    assert capsys.readouterr().err.count("north did not answer") == 1


def test_a_terminal_shows_the_last_table_in_place(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    out = Screen()
    face = Redraw(session, view("workloads"), Query(), "table", out)
    face.show(worlds.world(worlds.east(), worlds.west()))
    face.show(worlds.world(worlds.west(), sequence=2))
    emulator = pyte.Screen(80, 24)
    pyte.Stream(emulator).feed(out.getvalue().replace("\n", "\r\n"))
    lines = [line.rstrip() for line in emulator.display if line.strip()]
    assert lines[0].startswith("Workloads · 3 · 2026-08-01T14:00:00Z")
    assert len(lines) == 5
    assert all(line.startswith("west") for line in lines[2:])


def test_no_row_is_shown_before_everything_was_read(
    session: Session, meshtop: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first picture, in which things are missing that were not read yet, says nothing of them."""
    early = structs.replace(worlds.world(worlds.east(), worlds.west()), settled=False)
    out = Screen()
    monkeypatch.setenv("COLUMNS", "80")
    face = Redraw(session, view("workloads"), Query(), "table", out)
    face.show(early)
    assert out.getvalue() == "\rWorkloads · reading 2 clusters …\x1b[K\n\x1b[J"
    face.show(structs.replace(early, settled=True))
    assert "reviews-v1" in out.getvalue()
    meshtop.snapshots = (early,)
    assert meshtop("get", "workloads", "--watch", "-o", "name").out == ""
    meshtop.snapshots = (early, structs.replace(early, settled=True))
    assert "reviews-v1" in meshtop("get", "workloads", "--watch", "-o", "name").out


def test_a_low_terminal_says_how_many_more(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "6")
    out = Screen()
    Redraw(session, view("workloads"), Query(), "table", out).show(worlds.world(worlds.east(), worlds.west()))
    assert "… 4 more rows" in out.getvalue()
    assert out.getvalue().count("\n") == 5


async def test_the_newest_snapshot_is_shown_and_the_last_is_never_lost() -> None:
    async def many() -> AsyncGenerator[Snapshot, None]:
        for sequence in range(1, 6):
            yield worlds.world(worlds.west(), sequence=sequence)
            await asyncio.sleep(0)

    seen = [s.sequence async for s in latest(many(), 0.001, lambda s: s.sequence > 1)]
    assert seen == sorted(set(seen))
    assert seen[-1] == 5
    assert 1 not in seen


async def test_an_error_of_the_source_is_raised() -> None:
    async def broken() -> AsyncGenerator[Snapshot, None]:
        yield worlds.world(worlds.west())
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        _ = [s async for s in latest(broken(), 0.0, lambda s: True)]
