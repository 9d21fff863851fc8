"""The journal survives what may happen to its process."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from meshtop.actions.journal.journal import ActionState, EntryKind, Journal
from meshtop.actions.journal.journal_error import JournalError


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    ticks = iter(range(1_000_000))
    return Journal(tmp_path / "state" / "journal.db", clock=lambda: 1_760_000_000.0 + next(ticks))


def begin(journal: Journal, **more: str) -> str:
    return journal.begin(
        kind=more.get("kind", "shift"),
        who="maria",
        origin="jump-1",
        reason="try v3",
        subject="shop/reviews",
        plan={"a": 1},
    ).id


def test_only_its_user_can_read_it(journal: Journal) -> None:
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_an_action_keeps_who_why_and_what(journal: Journal) -> None:
    identity = begin(journal)
    journal.write(identity, EntryKind.INTENDED, cluster="east", object_="shop/reviews", weights=[80, 20])
    journal.write(identity, EntryKind.DONE, cluster="east", object_="shop/reviews", resourceVersion="42")
    journal.set_state(identity, ActionState.DONE)
    action = journal.action(identity)
    assert action is not None
    assert (action.who, action.reason, action.plan) == ("maria", "try v3", {"a": 1})
    assert [e.event for e in action.entries] == [EntryKind.INTENDED, EntryKind.DONE]
    assert action.entries[0].detail == {"weights": [80, 20]}
    assert action.state is ActionState.DONE
    assert action.ended is not None
    assert not action.open


def test_an_intention_without_an_outcome_is_in_doubt(journal: Journal) -> None:
    identity = begin(journal)
    journal.write(identity, EntryKind.INTENDED, cluster="east", object_="r")
    journal.write(identity, EntryKind.DONE, cluster="east", object_="r")
    journal.write(identity, EntryKind.INTENDED, cluster="west", object_="r")
    journal.write(identity, EntryKind.NOTE, cluster="west", object_="r", text="slow")
    action = journal.action(identity)
    assert action is not None
    assert [e.cluster for e in action.unanswered()] == ["west"]
    assert action.open


def test_newest_first_and_found_by_a_unique_beginning(journal: Journal) -> None:
    first, second = begin(journal), begin(journal, kind="propagate")
    assert [a.id for a in journal.actions()] == [second, first]
    last = journal.last(kind="shift")
    assert last is not None
    assert last.id == first
    found = journal.action(first[:-2])
    assert found is not None
    assert found.id == first
    assert journal.action("2025") is None, "both begin so"
    assert journal.action("") is None
    assert journal.action("nothing") is None


def test_the_last_of_a_kind_is_found_however_many_others_came_since(journal: Journal) -> None:
    wanted = begin(journal)
    journal.write(wanted, EntryKind.NOTE, note="kept")
    for _ in range(120):
        begin(journal, kind="propagate")
    last = journal.last(kind="shift")
    assert last is not None
    assert (last.id, [e.detail for e in last.entries]) == (wanted, [{"note": "kept"}])
    assert journal.last(kind="nothing") is None


def test_each_action_has_its_own_entries_in_their_order(journal: Journal) -> None:
    ids = [begin(journal) for _ in range(5)]
    for number in range(4):
        for identity in ids[:4]:
            journal.write(identity, EntryKind.NOTE, cluster=identity, number=number)
    journal.set_state(ids[0], ActionState.DONE)
    found = journal.actions(limit=3)
    assert [a.id for a in found] == list(reversed(ids))[:3]
    assert [a.id for a in journal.open_actions()] == list(reversed(ids))[:4]
    for action in (*found, *journal.open_actions(), *filter(None, map(journal.action, ids))):
        expected = [] if action.id == ids[4] else [(action.id, number) for number in range(4)]
        assert [(e.cluster, e.detail["number"]) for e in action.entries] == expected


def test_listing_asks_as_often_for_many_actions_as_for_one(journal: Journal, tmp_path: Path) -> None:
    def queries(read: Journal) -> int:
        told: list[str] = []
        read._database.set_trace_callback(told.append)
        read.actions(limit=1000)
        read.open_actions()
        read._database.set_trace_callback(None)
        return len(told)

    few = Journal(tmp_path / "few.db")
    begin(few)
    for _ in range(30):
        journal.write(begin(journal), EntryKind.NOTE)
    assert queries(journal) == queries(few)


def test_an_intention_is_on_the_disk_before_its_request_leaves(journal: Journal) -> None:
    # A power cut cannot be staged: what survives it is what SQLite promises for these settings (FULL is 2).
    assert journal._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_newer_journal_is_left_alone_and_not_kept_open(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(JournalError, match="written by a newer meshtop"):
        Journal(path)
    opened = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if _is_open(number)]
    assert [name for name in opened if name.startswith(str(path))] == []


def _is_open(number: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


def test_what_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(JournalError, match=r"cannot be opened: [^\[]*; .* XDG_STATE_HOME\.$"):
        Journal(tmp_path / "file" / "journal.db")
    (tmp_path / "journal.db").write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(JournalError, match=r"cannot be opened: [^\[]*; .* XDG_STATE_HOME\.$"):
        Journal(tmp_path / "journal.db")


def test_what_was_written_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from meshtop.actions.journal.journal import EntryKind, Journal
        journal = Journal(Path(sys.argv[1]))
        action = journal.begin(kind="shift", who="m", origin="o", reason="", subject="s", plan={})
        number = 0
        while True:
            number += 1
            journal.write(action.id, EntryKind.INTENDED, cluster="east", object_="r", number=number)
            print(number, flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = 0
    for line in process.stdout:
        said = int(line)
        if said >= 5:
            break
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    said = int(rest[-1]) if rest and rest[-1].isdigit() else said
    (action,) = Journal(path).actions()
    assert [e.detail["number"] for e in action.entries][:said] == list(range(1, said + 1))
    assert action.open
