from __future__ import annotations

import gc
import subprocess
import sys

from meshtop.process import collector_paused


def test_the_limit_of_open_files_is_raised_as_far_as_allowed() -> None:
    code = (
        "import resource as r; from meshtop.process import raise_open_file_limit;"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; hard = 4096 if hard < 0 else min(hard, 4096);"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, hard)); raise_open_file_limit();"
        "print(r.getrlimit(r.RLIMIT_NOFILE)[0] == hard)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_collector_rests_until_the_last_one_is_done() -> None:
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
