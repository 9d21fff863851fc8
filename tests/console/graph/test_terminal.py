"""The real program in a pseudo-terminal: the graph's key, walking, and leaving."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte
import pytest

from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.terminal

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = PATIENCE_SECONDS
PROGRAM = """
import sys
from tests import worlds
from tests.console.stage import stage
app = stage(worlds.world())
app.run()
sys.exit(app.return_code)
"""


def test_the_graph_in_a_terminal() -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TMUX"}}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    screen = pyte.Screen(80, 24)
    stream = pyte.ByteStream(screen)

    def wait_for(text: str) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not any(text in row for row in screen.display):
            assert time.monotonic() < end, "waited in vain for " + text + "; got\n" + "\n".join(screen.display)
            if select.select([master], [], [], 0.1)[0]:
                stream.feed(os.read(master, 65536))

    try:
        wait_for("CLUSTER")
        os.write(master, b"3")
        wait_for("CALLERS")
        os.write(master, b"v")
        wait_for("╭ east / shop")
        wait_for("reviews  in east/shop  ▲ degraded")
        os.write(master, b"\x1b[D")
        wait_for("web  in east/shop  out 110/s")
        os.write(master, b"q")
        assert process.wait(LIMIT_SECONDS) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
        os.close(slave)
