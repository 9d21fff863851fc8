"""`meshtop journal` on damaged and hostile journals."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from meshtop.actions.journal.journal import ActionState, EntryKind, Journal, journal_path
from tests.cli.conftest import Program

HOSTILE = "a\x1b]0;owned\x07\x9b31mb\u202ec\nd"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def begin(subject: str = "shop/reviews", **more: Any) -> str:
    with contextlib.closing(Journal(journal_path())) as journal:
        fields = {"kind": "shift", "who": "maria", "origin": "desk", "reason": "", "plan": {}, **more}
        return journal.begin(subject=subject, **fields).id


def spoil(statement: str, *arguments: object) -> None:
    with contextlib.closing(sqlite3.connect(journal_path())) as database:
        database.execute(statement, arguments)
        database.commit()


def test_an_interrupted_shift_is_announced_beside_a_bad_row(meshtop: Program) -> None:
    waiting, bad = begin(), begin()
    spoil("UPDATE actions SET plan = '{' WHERE id = ?", bad)
    found = meshtop("journal", "--all")
    assert found.code == 1
    assert waiting in found.out
    assert f"shop/reviews: shift interrupted; to finish it: meshtop resume {waiting}, or meshtop rollback" in found.err
    assert f"Action {bad} cannot be read: its plan is not the JSON that meshtop writes." in found.err
    document = json.loads(meshtop("journal", "--all", "-o", "json").out)
    assert [item["id"] for item in document["items"]] == [waiting]
    assert [one["where"] for one in document["damaged"]] == [f"action {bad}"]


def test_entries_that_are_not_as_meshtop_writes_them_cost_their_action_its_story(meshtop: Program) -> None:
    odd = begin()
    with contextlib.closing(Journal(journal_path())) as journal:
        journal.write(odd, EntryKind.NOTE, note="stage", wave="first")
        journal.set_state(odd, ActionState.HELD)
    for arguments in (("journal", "--all"), ("journal", odd), ("journal", odd, "-o", "json")):
        found = meshtop(*arguments)
        assert (found.code, odd in found.out, "Traceback" in found.err) == (1, True, False), arguments
        assert "are not as meshtop writes them" in found.err


def test_a_damaged_action_is_not_taken_back(meshtop: Program) -> None:
    bad = begin()
    spoil("UPDATE actions SET state = 'melted' WHERE id = ?", bad)
    for arguments in (("rollback", "--yes"), ("rollback", bad, "--yes"), ("resume", bad)):
        found = meshtop(*arguments)
        assert found.code == 2, found
        assert f"Action {bad} cannot be read" in found.err


def test_nothing_of_a_journal_reaches_the_terminal_as_a_command(meshtop: Program) -> None:
    action = begin(HOSTILE, who=HOSTILE, reason=HOSTILE, origin=HOSTILE, kind=HOSTILE)
    with contextlib.closing(Journal(journal_path())) as journal:
        journal.write(action, EntryKind.REFUSED, cluster=HOSTILE, object_=HOSTILE, why=HOSTILE)
    evil = f"evil\x1b[2J{action}"
    spoil("UPDATE actions SET id = ?", evil)
    for arguments in (("journal", "--all"), ("journal", evil), ("journal", "--all", "-o", "json")):
        found = meshtop(*arguments)
        for text in (found.out, found.err):
            assert not set(text) & set("\x1b\x07\x9b\u202e"), (arguments, text)


def test_reading_makes_no_journal(meshtop: Program) -> None:
    found = meshtop("journal", "--all")
    assert (found.code, "is empty" in found.err) == (0, True)
    assert not journal_path().exists()


@pytest.mark.parametrize("arguments", [("journal",), ("journal", "--all", "-o", "json"), ("journal", "abc")])
def test_a_state_folder_that_cannot_be_made_is_no_empty_journal(
    meshtop: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", Path("/proc/nope")):
        monkeypatch.setenv("XDG_STATE_HOME", str(place))
        found = meshtop(*arguments)
        assert (found.code, found.out) == (2, "")
        assert f"The journal {place}/meshtop/journal.db cannot be opened: " in found.err
        assert found.err.endswith("check its folder, or choose another with XDG_STATE_HOME.\n")
        assert len(found.err.splitlines()) == 1


def test_a_journal_that_is_not_there_yet_is_empty_and_is_not_made(
    meshtop: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "new" / "state"))
    found = meshtop("journal", "--all")
    assert (found.code, found.out) == (0, "")
    assert "The journal is empty" in found.err
    assert list(tmp_path.iterdir()) == []
