"""The real thing: a console in a pseudo-terminal, its bytes, its signals and what it leaves behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshtop.console import app, run
from meshtop.console.app import MeshtopApp
from meshtop.settings.load import load_settings
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.terminal

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = PATIENCE_SECONDS
PROGRAM = """
import os, sys
from meshtop.console.terminal.look import decide_look
from tests.console.widgets.sample import FrameApp, workloads
app = FrameApp(decide_look(os.environ, color=sys.argv[1]), workloads(), cell_diff=sys.argv[2] == "diff")
app.run()
sys.exit(app.return_code)
"""


class Running:
    """The program, what it has written so far, and a way to wait for more."""

    def __init__(self, color: str = "auto", diff: str = "diff", *, stderr: int | None = None, **environ: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        clean = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TMUX"}}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, color, diff],
            cwd=ROOT, stdin=slave, stdout=slave, stderr=slave if stderr is None else stderr, start_new_session=True,
            env={**clean, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT), **environ},
        )  # fmt: skip
        self.slave = slave
        self.written = ""

    def wait_for(self, what: Callable[[str], bool], since: int = 0) -> str:
        """What was written after `since`, once that is as wanted."""
        end = time.monotonic() + LIMIT_SECONDS
        while not what(self.written[since:]):
            assert time.monotonic() < end, f"waited in vain; got {self.written[since:][-400:]!r}"
            self._read(0.1)
        return self.written[since:]

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """The exit code, once it has ended and everything was read."""
        end = time.monotonic() + LIMIT_SECONDS
        # A terminal reads on: what it does not take, the program waits for before it ends.
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            self._read(0.05)
        while self._read(0):
            pass
        return self.process.wait()

    def _read(self, seconds: float) -> bool:
        ready = bool(select.select([self.master], [], [], seconds)[0])
        if ready:
            self.written += os.read(self.master, 65536).decode(errors="replace")
        return ready

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@contextlib.contextmanager
def running(color: str = "auto", diff: str = "diff", *, stderr: int | None = None, **environ: str) -> Iterator[Running]:
    program = Running(color, diff, stderr=stderr, **environ)
    try:
        program.wait_for(lambda text: "quit" in text)
        yield program
    finally:
        program.close()


def assert_tidy(program: Running) -> None:
    """The alternate screen, the mouse, the cursor and the line settings are as they were."""
    for on, off in (("[?1049h", "[?1049l"), ("[?1003h", "[?1003l"), ("[?25l", "[?25h"), ("[?2004h", "[?2004l")):
        assert program.written.rindex(off) > program.written.rindex(on), off
    assert termios.tcgetattr(program.slave)[:4] == program.before[:4]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_leaves_the_terminal_tidy(number: signal.Signals, code: int) -> None:
    with running() as program:
        program.process.send_signal(number)
        assert program.end() == code
        assert_tidy(program)
        assert "Traceback" not in program.written


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("\x03", 130)])
def test_quitting_leaves_the_terminal_tidy(key: str, code: int) -> None:
    with running() as program:
        program.press(key)
        assert program.end() == code
        assert_tidy(program)


def test_the_prompt_after_it_stands_on_an_empty_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Ended(MeshtopApp):
        async def run_async(self, **_: Any) -> None:
            sys.stdout.write("[frames]")
            self.exit_message = "meshtop: it is left held."

    monkeypatch.setattr(app, "MeshtopApp", Ended)
    monkeypatch.setattr(run, "answer_keys_first", lambda: None)
    monkeypatch.setattr(run, "share_one_heap", lambda: None)
    monkeypatch.setattr(run, "end_with_parent", lambda: None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run.run_console(load_settings(config="none", environ={}), kubeconfig=None) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"meshtop \S+: opening the console …\r\[frames\]\r\x1b\[K", said.out)
    assert said.err == "meshtop: it is left held.\n"


def test_nothing_is_drawn_on_stderr(tmp_path: Path) -> None:
    """stderr is for messages, and may be a file while the console is on the screen."""
    messages = tmp_path / "stderr"
    with messages.open("wb") as stderr, running(stderr=stderr.fileno()) as program:
        program.press("q")
        assert program.end() == 0
        assert_tidy(program)
    assert messages.read_bytes() == b""


def test_a_window_that_is_closed_ends_the_program() -> None:
    with running() as program:
        os.close(program.slave)
        os.close(program.master)
        program.process.send_signal(signal.SIGHUP)
        assert program.process.wait(LIMIT_SECONDS) != 0


def test_a_terminal_that_is_gone_ends_a_program_that_gets_no_signal() -> None:
    """It does not control the program, as under nohup or in a container."""
    with running() as program:
        os.close(program.slave)
        os.close(program.master)
        assert program.process.wait(LIMIT_SECONDS) == 129


@pytest.mark.parametrize("diff", ["diff", "whole"])
def test_suspended_and_resumed_it_draws_everything_again(diff: str) -> None:
    with running(diff=diff) as program:
        program.press("\x1a")
        program.wait_for(lambda text: "[?1049l" in text)
        mark = len(program.written)
        assert termios.tcgetattr(program.slave)[:4] == program.before[:4]
        os.waitid(os.P_PID, program.process.pid, os.WSTOPPED | os.WNOWAIT)
        program.process.send_signal(signal.SIGCONT)
        again = program.wait_for(lambda text: "storefront" in text and "quit" in text, mark)
        assert "[?1049h" in again
        program.press("q")
        assert program.end() == 0


def test_stopped_from_outside_and_continued_it_reads_keys_once_and_gives_the_terminal_back() -> None:
    """SIGSTOP cannot be told before: each SIGCONT after one began another reader of the same keys."""
    with running() as program:
        tasks = Path("/proc", str(program.process.pid), "task")
        before = len(list(tasks.iterdir())) if tasks.exists() else 0
        for _ in range(3):
            program.process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, program.process.pid, os.WSTOPPED | os.WNOWAIT)
            mark = len(program.written)
            program.process.send_signal(signal.SIGCONT)
            again = program.wait_for(lambda text: "[?1049h" in text and "storefront" in text and "quit" in text, mark)
            assert again.count("[?1049h") == 1
        assert before == 0 or len(list(tasks.iterdir())) <= before
        program.press("q")
        assert program.end() == 0
        assert termios.tcgetattr(program.slave)[:4] == program.before[:4]


COLOUR = re.compile(r"\x1b\[[0-9;]*?\b(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|[34]8;[25];[0-9;]+)[0-9;]*m")


@pytest.mark.parametrize(
    ("color", "environ", "coloured"),
    [("auto", {"NO_COLOR": "1"}, False), ("never", {}, False), ("always", {"NO_COLOR": "1"}, True), ("auto", {}, True)],
)
@pytest.mark.parametrize("diff", ["diff", "whole"])
def test_no_colour_is_no_colour_at_all(color: str, environ: dict[str, str], coloured: bool, diff: str) -> None:
    with running(color, diff, stderr=None, **environ) as program:
        program.press("q")
        program.end()
        assert bool(COLOUR.search(program.written)) is coloured


def test_a_key_sends_a_fraction_of_what_textual_sends() -> None:
    sizes = {}
    for diff in ("diff", "whole"):
        with running(diff=diff) as program:
            mark = len(program.written)
            program.press("jjj")
            program.wait_for(lambda text: "▸" in text or "catalog" in text, mark)
            program.press("q")
            program.end()
            sizes[diff] = len(program.written)
    assert sizes["diff"] < sizes["whole"] / 2
