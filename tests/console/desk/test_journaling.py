"""What the console says of the journal: what waits for somebody here, and nothing while nothing does."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtop.actions.cluster_identity import ClusterIdentity
from meshtop.actions.journal.journal import Action, ActionState, Journal, journal_path
from meshtop.actions.journal.lock import lock_action
from meshtop.actions.shift.record import encode_record
from meshtop.console.desk.journaling import (
    JournalRead,
    JournalWatch,
    attention_text,
    journal_stamp,
    last_shift,
    read_journal,
)
from tests.actions.mesh import plan
from tests.console.stage import stage


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Journal(journal_path(), clock=lambda: 1000.0)


def begin(journal: Journal, *clusters: str, state: ActionState = ActionState.RUNNING) -> Action:
    wanted = plan(route="shop/reviews#main", waves=(clusters,))
    found = journal.begin(
        kind="shift", who="maria", origin="desk", reason="", subject=wanted.route, plan=encode_record(wanted, (), None)
    )
    journal.set_state(found.id, state)
    return found


def seen(clusters: tuple[str, ...] = ("east", "west")) -> JournalWatch:
    """What a console that shows these clusters knows after a look."""
    watch = JournalWatch(stage(None))
    watch.take(read_journal(), dict.fromkeys(clusters, ClusterIdentity()))
    return watch


def test_without_a_journal_nothing_is_said_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert (seen().notice, read_journal(10).actions, last_shift({}), journal_stamp()) == ("", (), None, ())
    assert not journal_path().exists()


def test_what_is_interrupted_or_held_is_said_until_it_has_ended(journal: Journal) -> None:
    interrupted = begin(journal, "east")
    assert seen().notice == "▲ shop/reviews#main interrupted: J"
    begin(journal, "west", state=ActionState.HELD)
    assert seen().notice == "▲ 2 actions unfinished: J"
    journal.set_state(interrupted.id, ActionState.ROLLED_BACK)
    watch = seen()
    assert watch.notice == "▲ shop/reviews#main held: J"
    assert attention_text(watch.unfinished[0], 1000.0 + 720) == (
        "shop/reviews#main: shift held (J); begun 12m ago by maria."
    )


def test_what_a_living_process_runs_waits_for_nobody(journal: Journal) -> None:
    action = begin(journal, "east")
    hold = lock_action(journal.path, action.id)
    assert seen().notice == ""
    assert [told.course.value for told in read_journal(10).actions] == ["running"]
    hold.release()
    assert seen().notice


def test_actions_on_clusters_that_are_not_shown_are_listed_and_not_announced(journal: Journal) -> None:
    begin(journal, "elsewhere")
    assert seen().notice == ""
    assert len(read_journal(10).actions) == 1
    assert seen(("elsewhere",)).notice


def test_another_cluster_of_the_name_is_not_announced_and_the_same_one_of_another_name_is(journal: Journal) -> None:
    staging = ClusterIdentity("uid-1", "https://staging:6443")
    wanted = plan(route="shop/reviews#main", waves=(("east",),))
    journal.begin(
        kind="shift",
        who="maria",
        origin="desk",
        reason="",
        subject=wanted.route,
        plan=encode_record(wanted, (), None),
        clusters={"east": staging},
    )
    for known, announced in (
        ({"east": ClusterIdentity("uid-2", "https://prod:6443")}, False),
        ({"east": ClusterIdentity("", "https://prod:6443")}, False),
        ({"west": ClusterIdentity("uid-1", "https://other-way:6443")}, True),
        ({"west": ClusterIdentity("", "https://staging:6443")}, True),
    ):
        watch = JournalWatch(stage(None))
        watch.take(read_journal(), known)
        assert (bool(watch.notice), last_shift(known) is not None) == (announced, announced), known


def test_reading_leaves_no_trace_and_writing_does(journal: Journal) -> None:
    begin(journal, "east")
    journal.close()
    before = journal_stamp()
    read_journal(10)
    assert journal_stamp() == before, "a look at the journal must not cause the next one"
    again = Journal(journal_path())
    begin(again, "east")
    assert journal_stamp() != before
    again.close()


def test_a_journal_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    journal_path().parent.mkdir(parents=True)
    journal_path().write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    found = read_journal(10)
    assert isinstance(found, JournalRead)
    assert "cannot be opened" in found.problem
    assert last_shift({}) is None


def test_a_folder_that_cannot_be_used_is_no_empty_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert "not a directory" in read_journal(10).problem
    assert seen().notice == "▲ the journal cannot be read: J"
