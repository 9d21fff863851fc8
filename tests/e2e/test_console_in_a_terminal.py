"""`meshtop demo` as people start it: in a pseudo-terminal, by keys, ended by keys, by signals, by nobody."""

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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pyte
import pytest

from tests.e2e.serving import LIMIT, environment, served, started

pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("e2e-terminal")]

MESHTOP = (sys.executable, "-m", "meshtop")
COLUMNS, LINES = 110, 30
CLUSTERS = ("us-east", "eu-west", "on-prem")
# pyte prints what it does not know of private sequences.
UNKNOWN = re.compile(r"\x1b\[[<>=]\d*u|\x1b\[\?\d+\$p|\x1bP[^\x1b]*\x1b\\")


LOOK = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": ""}
"""What a terminal with everything says of itself."""


class Terminal:
    """A program on a pseudo-terminal, and the screen that a person would see."""

    def __init__(
        self,
        *arguments: str,
        program: Sequence[str] = MESHTOP,
        size: tuple[int, int] = (COLUMNS, LINES),
        stderr: IO[bytes] | None = None,
        **environ: str,
    ) -> None:
        columns, lines = size
        self.keys = 0
        """How many keys were pressed, escape sequences counted as one."""
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self.written = ""
        self.process = subprocess.Popen(
            [*program, "--config", "none", "--no-remember", *arguments],
            stdin=self.slave, stdout=self.slave, stderr=stderr or self.slave, start_new_session=True,
            env=environment(**{**LOOK, **environ}),
        )  # fmt: skip

    def read(self, patience: float) -> bool:
        if not select.select([self.master], [], [], patience)[0]:
            return False
        text = os.read(self.master, 65536).decode(errors="replace")
        self.written += text
        self._stream.feed(UNKNOWN.sub("", text))
        return True

    def wait_for(self, condition: Callable[[str], bool], what: str) -> str:
        end = time.monotonic() + LIMIT
        while not condition(shown := "\n".join(self.screen.display)):
            assert time.monotonic() < end, f"waited in vain for {what}; on screen:\n{shown}"
            assert self.process.poll() is None or self.read(0), f"it ended before {what}:\n{self.written[-2000:]}"
            self.read(0.1)
        return shown

    def press(self, keys: str) -> None:
        self.keys += 1 if keys.startswith("\x1b") else len(keys)
        os.write(self.master, keys.encode())

    def end(self) -> int:
        deadline = time.monotonic() + LIMIT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it did not end"
            self.read(0.05)
        while self.read(0):
            pass
        return self.process.returncode

    def assert_restored(self) -> None:
        for on, off in (("[?1049h", "[?1049l"), ("[?25l", "[?25h"), ("[?1003h", "[?1003l"), ("[?2004h", "[?2004l")):
            assert self.written.rindex(off) > self.written.rindex(on), off
        assert termios.tcgetattr(self.slave)[:4] == self.before[:4]
        assert "Traceback" not in self.written

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@contextlib.contextmanager
def terminal(
    *arguments: str,
    program: Sequence[str] = MESHTOP,
    size: tuple[int, int] = (COLUMNS, LINES),
    stderr: IO[bytes] | None = None,
    **environ: str,
) -> Iterator[Terminal]:
    running = Terminal(*arguments, program=program, size=size, stderr=stderr, **environ)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("terminal")) as world:
        yield str(world.kubeconfig)


def test_the_demo_from_the_first_frame_to_the_last_key() -> None:
    with terminal("demo") as program:
        program.wait_for(lambda text: all(name in text for name in CLUSTERS), "the clusters")
        program.wait_for(lambda text: re.search(r"us-east.*1\.3\d", text) is not None, "a cluster's versions")
        program.wait_for(lambda text: re.search(r"\bNOW \d", text) is not None, "the fleet")
        program.press("2")
        program.wait_for(lambda text: "VMs" in text and "reviews" in text, "the services")
        program.press("/")
        program.wait_for(lambda text: text.splitlines()[-1].startswith(" /"), "the filter line")
        program.press("reviews\r")
        program.wait_for(lambda text: "catalog" not in text and "enter open" in text, "the filtered services")
        program.press("\r")
        program.wait_for(lambda text: "ABOUT" in text and "VMs" not in text, "a detail")
        program.press("\x1b")
        program.wait_for(lambda text: "VMs" in text, "the services again")
        program.press("1")
        program.wait_for(lambda text: re.search(r"\bNOW \d", text) is not None, "the fleet again")
        program.press("q")
        assert program.end() == 0
        program.assert_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("how", ["console", "demo"])
def test_a_signal_restores_the_terminal(kubeconfig: str, number: signal.Signals, how: str) -> None:
    arguments = ("demo", "--clusters", "1") if how == "demo" else ("--kubeconfig", kubeconfig, "--context", "us-east")
    with terminal(*arguments) as program:
        program.wait_for(lambda text: "us-east" in text and "quit" in text, "the console")
        children = children_of(program.process.pid)
        assert len(children) == (how == "demo")
        program.process.send_signal(number)
        assert program.end() == 128 + number
        program.assert_restored()
        assert not [child for child in children if Path(f"/proc/{child}").exists()], "the simulated clusters go too"


def children_of(pid: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{pid}\n" in status.read_text(encoding="utf-8"):
                found.append(int(status.parent.name))
    return found


def test_without_a_terminal_it_says_what_to_do(kubeconfig: str) -> None:
    for arguments in (("--kubeconfig", kubeconfig), ("demo",)):
        done = started(*arguments)
        assert done.returncode == 2
        assert "needs a terminal" in done.stderr
        assert "get clusters" in done.stderr
        assert done.stdout == ""


def test_keys_of_one_read_do_what_they_do_in_order(kubeconfig: str) -> None:
    with terminal("--kubeconfig", kubeconfig) as program:
        program.wait_for(lambda text: re.search(r"us-east.*1\.3\d", text) is not None, "the fleet")
        program.press("2/reviews\rs")
        program.wait_for(lambda text: "reviews" in text and "catalog" not in text and "/reviews" in text, "the filter")
        program.press("\x1b\x1b")
        program.press(":canaries\rj1q")
        assert program.end() == 0
        program.assert_restored()


def test_nothing_is_left_behind_and_nothing_is_said_on_stderr(kubeconfig: str, tmp_path: Path) -> None:
    said = tmp_path / "stderr"
    with said.open("wb") as stderr, terminal("--kubeconfig", kubeconfig, stderr=stderr) as program:
        program.wait_for(lambda text: "us-east" in text and "quit" in text, "the console")
        program.press("27q")
        assert program.end() == 0
        program.assert_restored()
        _, _, after = program.written.rpartition("\x1b[?1049l")
        assert re.sub(r"\x1b\[[0-9;?<>=]*[A-Za-z]|[\r\x1b>=]", "", after) == ""
        before, _, _ = program.written.partition("\x1b[?1049h")
        assert "\n" not in before, "what stood there while it opened is overwritten at its end"
    assert said.read_text() == ""
