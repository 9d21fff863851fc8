"""The committed golden set: every kind, every help text and every mistake prints what it printed before.

After a change that is meant: `GOLDEN=write python -m pytest tests/golden` writes the set anew.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.golden.cases import SMALL_PLAN
from tests.golden.run import differences, forks, outputs, write
from tests.golden.world import HERE, TREE

EXPECTED = HERE / "expected"
MOST_BYTES = 700_000


def test_what_is_printed_is_what_was_printed() -> None:
    with forks(TREE, 2) as run:
        made = outputs(SMALL_PLAN, workers=2, run=run, portable=True)
        if os.environ.get("GOLDEN") == "write":
            shutil.rmtree(EXPECTED, ignore_errors=True)
            assert write(EXPECTED, made)
            return
        found = list(differences(EXPECTED, made))
    assert not found, "\n".join(found) + "\n(meant so? GOLDEN=write python -m pytest tests/golden writes them anew)"


def test_the_set_stays_small() -> None:
    size = sum(path.stat().st_size for path in EXPECTED.rglob("*.txt"))
    assert 0 < size <= MOST_BYTES


def test_a_difference_is_shown(tmp_path: Path) -> None:
    write(tmp_path, [("a/same.txt", "one\n"), ("a/other.txt", "two\nthree\n"), ("a/gone.txt", "four\n")])
    now = [("a/same.txt", "one\n"), ("a/other.txt", "two\n3\n"), ("a/new.txt", "five\n")]
    changed, new, gone = differences(tmp_path, now)
    assert changed.splitlines()[0:2] == ["--- before/a/other.txt", "+++ now/a/other.txt"]
    assert "-three\n+3" in changed
    assert "+five" in new
    assert gone.startswith("a/gone.txt: ")
