"""Who else may write to the journal decides over the clusters: odd places are refused, or said."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtop.actions.journal import place
from meshtop.actions.journal.journal import EntryKind, Journal
from meshtop.actions.journal.journal_error import JournalError


def filled(path: Path) -> None:
    with contextlib.closing(Journal(path)) as journal:
        action = journal.begin(kind="shift", who="m", origin="o", reason="", subject="kept", plan={})
        journal.write(action.id, EntryKind.NOTE, note="kept")


def subjects(path: Path) -> list[str]:
    with contextlib.closing(Journal(path, reading=True)) as journal:
        return [action.subject for action in journal.actions()]


def notes(path: Path) -> tuple[str, ...]:
    with contextlib.closing(Journal(path, reading=True)) as journal:
        return journal.notes


def test_a_link_in_its_place_is_refused_both_ways(tmp_path: Path) -> None:
    filled(tmp_path / "other.db")
    path = tmp_path / "journal.db"
    path.symlink_to(tmp_path / "other.db")
    for reading in (False, True):
        with pytest.raises(JournalError, match=r"is a link to .*other\.db; put the file itself there"):
            Journal(path, reading=reading)
    path.unlink()
    path.symlink_to(tmp_path / "nothing.db")
    with pytest.raises(JournalError, match="is a link"):
        Journal(path)
    assert not (tmp_path / "nothing.db").exists()


def test_a_folder_or_a_pipe_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    os.mkfifo(path)
    with pytest.raises(JournalError, match="is no file"):
        Journal(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(JournalError, match="is no file"):
        Journal(path, reading=True)


def test_what_everybody_may_write_is_read_with_a_warning_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    path.chmod(0o666)
    with pytest.raises(JournalError, match=r"Everybody may write to the journal .*chmod 600"):
        Journal(path)
    assert subjects(path) == ["kept"]
    assert len(notes(path)) == 1


def test_what_the_group_may_write_is_said(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    path.chmod(0o660)
    with contextlib.closing(Journal(path)) as journal:
        assert "its group" in journal.notes[0]
    path.chmod(0o600)
    assert notes(path) == ()


def test_a_folder_in_which_everybody_may_replace_it_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(JournalError, match="Everybody may replace files"):
        Journal(folder / "journal.db")
    folder.chmod(0o1777)
    filled(folder / "journal.db")


def test_another_users_journal_is_read_with_a_warning_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    filled(path)
    monkeypatch.setattr(place.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(JournalError, match="belongs to another user"):
        Journal(path)
    assert subjects(path) == ["kept"]
    assert "belongs to another user" in notes(path)[0]


def test_reading_makes_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    assert subjects(path) == []
    assert not path.parent.exists()
    path.parent.mkdir()
    path.touch()
    assert subjects(path) == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can come to, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for one in (folder, *folder.rglob("*")):
        if one.is_dir():
            one.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize("killed", [False, True])
def test_it_is_read_where_nothing_can_be_written(open_folder: Path, killed: bool) -> None:
    path = open_folder / "state" / "journal.db"
    ending = "os.kill(os.getpid(), 9)" if killed else "journal.close()"
    writer = textwrap.dedent(
        f"""
        import os, sys
        from pathlib import Path
        from meshtop.actions.journal.journal import EntryKind, Journal
        journal = Journal(Path(sys.argv[1]))
        action = journal.begin(kind="shift", who="m", origin="o", reason="", subject="kept", plan={{}})
        journal.write(action.id, EntryKind.NOTE, note="kept")
        {ending}
        """
    )
    subprocess.run([sys.executable, "-c", writer, str(path)], check=False)
    if killed:
        assert path.with_name("journal.db-wal").stat().st_size > 0, "what was written last is in the log only"
        path.with_name("journal.db-shm").unlink()
    for one in path.parent.iterdir():
        one.chmod(0o444)
    path.parent.chmod(0o555)
    reader = textwrap.dedent(
        """
        import os, sys
        if os.geteuid() == 0:
            from meshtop.actions.journal import journal, opening  # root may write everywhere, and read all modules
            import sqlite3, tempfile, shutil, unicodedata
            os.setgid(65534); os.setuid(65534)
        from pathlib import Path
        from meshtop.actions.journal.journal import Journal
        found = Journal(Path(sys.argv[1]), reading=True)
        print([(a.subject, len(a.entries)) for a in found.actions()], found.damaged)
        found.close()
        """
    )
    done = subprocess.run([sys.executable, "-c", reader, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == "[('kept', 1)] ()\n", done.stderr
    assert sorted(one.name for one in path.parent.iterdir())[:1] == ["journal.db"]
