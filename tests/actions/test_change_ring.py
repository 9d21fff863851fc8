"""The ring of what was seen to change: bounded, private, and there after a kill."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

from meshtop.actions.change_ring import MOST_BYTES, ChangeRing
from meshtop.model.changes import SeenChange


def seen(at: float, after: str = "2", name: str = "web") -> SeenChange:
    return SeenChange(
        at=at, scope="uid", kind="Deployment", namespace="shop", name=name, path="replicas", before="1", after=after
    )


def test_what_was_noted_is_there_for_the_next_run_and_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "changes.db"
    ring = ChangeRing(path)
    ring.note([seen(100.0), seen(200.0, "3")])
    ring.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = ChangeRing(path)
    assert again.seen(0.0, 1000.0) == [seen(100.0), seen(200.0, "3")]
    assert again.seen(150.0, 1000.0) == [seen(200.0, "3")]
    again.close()


def test_the_oldest_goes_where_there_are_too_many(tmp_path: Path) -> None:
    ring = ChangeRing(tmp_path / "changes.db", most_rows=10)
    for n in range(35):
        ring.note([seen(1000.0 + n, str(n))])
    assert [one.after for one in ring.seen(0.0, 1e9)] == [str(n) for n in range(25, 35)]
    ring.note([seen(2000.0 + n, f"x{n}") for n in range(50)])
    assert [one.after for one in ring.seen(0.0, 1e9)] == [f"x{n}" for n in range(40, 50)]
    ring.close()


def test_the_file_has_a_size_that_it_never_exceeds(tmp_path: Path) -> None:
    path = tmp_path / "changes.db"
    ring = ChangeRing(path)
    ring.note([seen(1.0)])
    ring.close()
    with sqlite3.connect(path) as database:
        (page,) = database.execute("PRAGMA page_size").fetchone()
    assert page * (MOST_BYTES // 4096) <= 2 * MOST_BYTES


def test_two_processes_that_see_the_same_write_it_once(tmp_path: Path) -> None:
    one, other = ChangeRing(tmp_path / "changes.db"), ChangeRing(tmp_path / "changes.db")
    one.note([seen(100.0)])
    other.note([seen(101.5)])
    other.note([seen(500.0)])
    assert [found.at for found in one.seen(0.0, 1e9)] == [100.0, 500.0]
    one.close()
    other.close()


def test_it_is_there_after_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from meshtop.actions.change_ring import ChangeRing\n"
        "from tests.actions.test_change_ring import seen\n"
        "ring = ChangeRing(Path(sys.argv[1]))\n"
        "ring.note([seen(100.0)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "changes.db"
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, env={**os.environ})
    assert ended.returncode == -9
    ring = ChangeRing(path)
    assert ring.seen(0.0, 1e9) == [seen(100.0)]
    ring.close()


def test_a_file_that_is_none_or_newer_or_a_link_costs_the_memory_alone(tmp_path: Path) -> None:
    odd = tmp_path / "odd.db"
    odd.write_bytes(b"no database " * 1000)
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version=99")
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "elsewhere.db")
    for path in (odd, newer, link):
        ring = ChangeRing(path)
        assert ring.problem is not None
        assert str(path) in ring.problem
        ring.note([seen(1.0)])
        assert ring.seen(0.0, 1e9) == []
        ring.close()
    assert not (tmp_path / "elsewhere.db").exists()
