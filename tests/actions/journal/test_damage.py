"""A damaged journal costs what is damaged: the rest is read, what is missing is named, and nothing is written over it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from meshtop.actions.at_hand import last_at_hand, require_whole
from meshtop.actions.errors import ActionError
from meshtop.actions.journal.journal import Action, ActionState, EntryKind, Journal
from meshtop.actions.journal.journal_error import JournalError
from meshtop.actions.shift.recover import find_action
from meshtop.actions.story import unfinished


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    ticks = iter(range(1_000_000))
    return Journal(tmp_path / "journal.db", clock=lambda: 1_760_000_000.0 + next(ticks))


def begin(journal: Journal, kind: str = "shift", plan: dict[str, object] | None = None) -> Action:
    action = journal.begin(kind=kind, who="maria", origin="jump-1", reason="", subject="shop/reviews", plan=plan or {})
    journal.write(action.id, EntryKind.NOTE, note="kept")
    return action


def spoil(journal: Journal, statement: str, *arguments: object) -> None:
    with contextlib.closing(sqlite3.connect(journal.path)) as database:
        database.execute("PRAGMA ignore_check_constraints=ON")
        database.execute(statement, arguments)
        database.commit()


ROWS = [
    ("UPDATE actions SET plan = '{' WHERE id = ?", "its plan is not the JSON that meshtop writes"),
    ("UPDATE actions SET plan = '[]' WHERE id = ?", "its plan is not the JSON that meshtop writes"),
    ("UPDATE actions SET state = 'melted' WHERE id = ?", "does not know its state melted"),
    ("UPDATE actions SET created = 1e300 WHERE id = ?", "its time is out of range"),
    ("UPDATE actions SET created = -5 WHERE id = ?", "its time is out of range"),
    ("UPDATE actions SET created = 'noon' WHERE id = ?", "its time is out of range"),
    ("UPDATE actions SET ended = 9e999 WHERE id = ?", "its end is out of range"),
    ("UPDATE actions SET subject = x'ff00' WHERE id = ?", "its subject is no text"),
]


@pytest.mark.parametrize(("statement", "why"), ROWS)
def test_a_bad_action_is_named_and_the_others_are_read_and_announced(
    journal: Journal, statement: str, why: str
) -> None:
    first, bad, last = begin(journal), begin(journal), begin(journal)
    spoil(journal, statement, bad.id)
    assert [action.id for action in journal.actions()] == [last.id, first.id]
    assert [(row.where, why in row.why) for row in journal.damaged] == [(f"action {bad.id}", True)]
    assert [action.id for action, _ in unfinished(journal)] == [last.id, first.id]
    assert journal.action(bad.id) is None
    with pytest.raises(ActionError, match=bad.id):
        find_action(journal, bad.id)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE entries SET event = 'melted' WHERE action = ?", "does not know its event melted"),
        ("UPDATE entries SET detail = x'ff' WHERE action = ?", "its detail is not the JSON that meshtop writes"),
        ("UPDATE entries SET time = 1e300 WHERE action = ?", "its time is out of range"),
    ],
)
def test_an_action_with_a_bad_entry_is_shown_and_not_written_over(journal: Journal, statement: str, why: str) -> None:
    bad = begin(journal)
    spoil(journal, statement, bad.id)
    (found,) = journal.actions()
    assert (found.id, found.entries) == (bad.id, ())
    assert why in found.damage[0]
    assert [action.id for action, _ in unfinished(journal)] == [bad.id]
    with pytest.raises(ActionError, match="damaged in the journal"):
        require_whole(found)


def test_text_that_is_no_utf8_costs_itself_and_not_its_row(journal: Journal) -> None:
    odd = begin(journal)
    spoil(journal, "UPDATE actions SET reason = CAST(x'6fff6b' AS TEXT) WHERE id = ?", odd.id)
    assert [action.reason for action in journal.actions()] == ["o\ufffdk"]
    assert journal.damaged == ()


def test_a_table_that_is_gone_is_named(journal: Journal) -> None:
    action = begin(journal)
    spoil(journal, "DROP TABLE entries")
    assert [found.id for found in journal.actions()] == [action.id]
    assert "the table entries is missing" in journal.damaged[0].why
    with pytest.raises(JournalError, match="cannot be written"):
        journal.write(action.id, EntryKind.NOTE)


def test_a_damaged_page_costs_the_rows_on_it(journal: Journal) -> None:
    ids = [begin(journal, plan={"filling": "x" * 400}).id for _ in range(60)]
    journal.set_state(ids[0], ActionState.DONE)
    journal.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        leaves = (
            [
                page
                for (page,) in database.execute(
                    "SELECT pageno FROM dbstat WHERE name = 'actions' AND pagetype = 'leaf' ORDER BY pageno"
                )
            ]
            if _has_dbstat(database)
            else [5, 6]
        )
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with journal.path.open("r+b") as file:
        file.seek((leaves[len(leaves) // 2] - 1) * size)
        file.write(b"\xee" * size)
    again = Journal(journal.path, reading=True)
    found = [action.id for action in again.actions(limit=1000)]
    assert 0 < len(found) < len(ids)
    assert found == [one for one in reversed(ids) if one in found]
    assert any("damaged page" in row.why for row in again.damaged)
    assert [action.id for action, _ in unfinished(again)] == [one for one in found if one != ids[0]]


def _has_dbstat(database: sqlite3.Connection) -> bool:
    try:
        database.execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.Error:
        return False
    return True


@pytest.mark.parametrize("place", range(1, 12))
def test_whichever_page_is_damaged_nobody_sees_an_exception(journal: Journal, place: int) -> None:
    for _ in range(40):
        begin(journal, plan={"filling": "x" * 400})
    journal.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with journal.path.open("r+b") as file:
        file.seek(place * 4096)
        file.write(b"\xee" * 4096)
    with contextlib.closing(Journal(journal.path, reading=True)) as again:
        found = again.actions(limit=1000)
        assert len(found) == 40 or again.damaged


async def test_the_last_shift_is_not_guessed_past_a_damaged_one(journal: Journal) -> None:
    begin(journal)
    bad = begin(journal)
    spoil(journal, "UPDATE actions SET plan = '{' WHERE id = ?", bad.id)
    with pytest.raises(ActionError, match=bad.id):
        find_action(journal, None)
    with pytest.raises(ActionError, match=bad.id):
        await last_at_hand(journal, None, "shift")  # type: ignore[arg-type]


def test_another_process_in_the_middle_of_writing_is_not_called_damage(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorname = "SQLITE_BUSY"
        raise error

    begin(journal)
    monkeypatch.setattr(journal, "_fetch", busy)
    with pytest.raises(JournalError, match="another process is writing"):
        journal.actions()
    assert journal.damaged == ()
