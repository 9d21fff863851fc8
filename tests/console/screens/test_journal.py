"""The journal's screen says what is wrong with a damaged journal, and NOW announces what can be read of it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from meshtop.actions.journal.journal import Journal, journal_path
from meshtop.actions.shift.record import encode_record
from meshtop.console.desk import journaling
from meshtop.console.screens.journal import JournalScreen
from tests.actions.mesh import plan
from tests.console.screens.test_screens import SIZE, press, settled
from tests.console.stage import busy_world, stage


def begin(journal: Journal) -> str:
    wanted = plan(route="shop/reviews#main", waves=(("east",),))
    return journal.begin(
        kind="shift", who="maria", origin="desk", reason="", subject=wanted.route, plan=encode_record(wanted, (), None)
    ).id


def text_of(app: object) -> str:
    screen = app.screen  # type: ignore[attr-defined]
    strips = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def test_a_bad_row_is_named_and_the_others_are_listed_and_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with contextlib.closing(Journal(journal_path())) as journal:
        waiting, bad = begin(journal), begin(journal)
    with contextlib.closing(sqlite3.connect(journal_path())) as database:
        database.execute("UPDATE actions SET plan = '{' WHERE id = ?", (bad,))
        database.commit()
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        app.journal.check()
        await settled(pilot)
        assert app.journal.notice == "▲ shop/reviews#main interrupted: J"
        assert f"Action {bad} cannot be read" in text_of(app)
        await press(pilot, "J")
        assert isinstance(app.screen, JournalScreen)
        app.screen.read_again()
        await settled(pilot)
        assert [row.action.id for row in app.screen._actions] == [waiting]
        assert f"Action {bad} cannot be read" in text_of(app)


@pytest.mark.parametrize("fault", ["no database", "defect"])
async def test_a_journal_that_cannot_be_read_says_so_instead_of_reading_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    journal_path().parent.mkdir(parents=True)
    if fault == "no database":
        journal_path().write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    else:
        with contextlib.closing(Journal(journal_path())) as journal:
            begin(journal)

        def broken(*_: object) -> None:
            raise RuntimeError("boom")

        monkeypatch.setattr(Journal, "open_actions", broken)
    assert journaling.read_journal(1).problem
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "J")
        await settled(pilot)
        assert "The journal cannot be read" in text_of(app)
        assert "Reading the journal" not in text_of(app)


async def test_a_state_folder_that_cannot_be_used_is_said_and_not_called_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "J")
        await settled(pilot)
        assert "not a directory" in text_of(app)
        assert "The journal cannot be read" in text_of(app)
        assert "Nothing was written" not in text_of(app)


async def test_entering_what_is_no_filter_keeps_all_actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with contextlib.closing(Journal(journal_path())) as journal:
        begin(journal)
    app = stage(busy_world())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await press(pilot, "J")
        await settled(pilot)
        await press(pilot, "slash", *"zzz nocolumn:x", "enter")
        assert isinstance(app.screen, JournalScreen)
        assert len(app.screen.rows.model or ()) == 1
        assert "The filter stays as it was" in text_of(app)
