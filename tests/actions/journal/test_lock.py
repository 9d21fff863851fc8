"""An action is one living process's at most, and nobody's once that process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from meshtop.actions.errors import ActionError, ErrorKind
from meshtop.actions.journal.lock import lock_action, lock_holder

HOLDING = textwrap.dedent("""
    import sys
    from pathlib import Path
    from meshtop.actions.journal.lock import lock_action

    kept = lock_action(Path(sys.argv[1]), "a1")
    print("held", flush=True)
    sys.stdin.read()
""")


def test_a_hold_is_one_process_s_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(journal)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert lock_holder(journal, "a1") == process.pid
        with pytest.raises(ActionError, match=f"run by process {process.pid}") as caught:
            lock_action(journal, "a1")
        assert caught.value.kind is ErrorKind.CONFLICT
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert lock_holder(journal, "a1") is None
    mine = lock_action(journal, "a1")
    assert lock_holder(journal, "a1") == os.getpid()
    with pytest.raises(ActionError, match="run by this meshtop"):
        lock_action(journal, "a1")
    mine.release()
    assert lock_holder(journal, "a1") is None
    assert not list((tmp_path / "running").iterdir()), "nothing is left behind"
