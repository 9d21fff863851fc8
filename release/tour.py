"""Films the first two minutes in the demo: `make tour` writes screenshots/tour.svg.

The real program runs in a pseudo-terminal; each step presses keys and waits for what they bring.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyte

from release.animation import Frame, Glyph, animated

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, LINES = 120, 34
PATIENCE_SECONDS = 120.0
SETTLE_SECONDS = 1.5
"""So long nothing may change before a picture is taken: charts come after the facts."""
_ASKING = "asking Prometheus"
"""What a chart shows until it has its lines."""
_UNKNOWN = re.compile(r"\x1b\[[<>=]\d*u|\x1b\[\?\d+\$p|\x1bP[^\x1b]*\x1b\\")
"""Private sequences that pyte would print."""


class Step(NamedTuple):
    """Keys, the text by which one sees that they were obeyed, what is said about it, and how long it is shown."""

    keys: str
    waits_for: str
    caption: str
    seconds: float = 8.0


STEPS = (
    Step("", r"on-prem.*\d", "meshtop demo: three clusters, what needs attention first, then every cluster"),
    Step("2", r"VMs", "2: the services of all clusters, each call counted once"),
    Step("w\r", r"ABOUT", "w, enter: the worst one: why it is failing, and since when"),
    Step("\x1b3", r"◂|▸|→|│", "3: the graph: who calls whom, across clusters"),
    Step("2/namespace:shop\r", r"namespace:shop", "/ filters: namespace:shop errorRatio:>0.01 !workload:~^load"),
    Step("\x1b\x1b4", r"STRICT|DECLARED|MODE", "4: mutual TLS: declared against seen, and what STRICT would break"),
    Step("5", r"tenant|TENANT", "5: tenants: who owns what, and who calls across"),
    Step("6", r"reviews", "6: canaries: the split that is set, and the one that really happens"),
    Step("\r", r"ABOUT|v3|VERSION", "enter: the versions side by side; S shifts, after a preview and with a guard"),
    Step(
        "\x1b7",
        r"IST|MTLS|CERT|TRUST",
        "7: findings: configuration, mutual TLS, trust, certificates, each with its fix",
    ),
    Step("1", r"NOW", "q quits. Nothing was installed in any cluster."),
)


class _Film:
    """A program on a pseudo-terminal, and what a person would see."""

    def __init__(self, words: Sequence[str], state: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.Stream(self._screen)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MESHTOP_")}
        look = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "XDG_STATE_HOME": state}
        self.process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env={**kept, **look}, cwd=ROOT
        )
        os.close(slave)

    def press(self, keys: str) -> None:
        for part in re.findall(r"\x1b|[^\x1b]+", keys):
            os.write(self._master, part.encode())
            # An escape that is followed at once is alt and the key.
            end = time.monotonic() + 0.4
            while (left := end - time.monotonic()) > 0:
                self._read(left)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        text = os.read(self._master, 65_536).decode(errors="replace")
        self._stream.feed(_UNKNOWN.sub("", text))
        return True

    def wait_for(self, pattern: str) -> None:
        """Wait until a text is shown and the picture has settled. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE_SECONDS
        while re.search(pattern, "\n".join(self._screen.display)) is None:
            if time.monotonic() > end or self.process.poll() is not None:
                raise TimeoutError(f"{pattern} was not shown; on screen:\n" + "\n".join(self._screen.display))
            self._read(0.2)
        settled = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < settled or (_ASKING in "\n".join(self._screen.display) and time.monotonic() < end):
            self._read(0.1)

    def lines(self) -> list[list[Glyph]]:
        rows = self._screen.buffer
        return [[Glyph(*_looks(rows[y][x])) for x in range(COLUMNS)] for y in range(LINES)]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        os.close(self._master)


def _looks(char: pyte.screens.Char) -> tuple[str, str, str, bool, bool]:
    return char.data, char.fg, char.bg, char.bold, char.reverse


def filmed(steps: Sequence[Step]) -> list[Frame]:
    """A frame for each step. Raises TimeoutError where a step does not bring what it should."""
    with tempfile.TemporaryDirectory(prefix="meshtop-tour-") as state:
        film = _Film((sys.executable, "-m", "meshtop", "--config", "none", "demo"), state)
        try:
            frames = []
            for step in steps:
                film.press(step.keys)
                film.wait_for(step.waits_for)
                frames.append(Frame(film.lines(), step.caption, step.seconds))
            return frames
        finally:
            film.end()


def main() -> int:
    """Film all steps and write the SVG."""
    out = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "screenshots" / "tour.svg"
    try:
        out.write_text(animated(filmed(STEPS), "The first two minutes of meshtop"), encoding="utf-8")
    except TimeoutError as error:
        print(f"make tour: {error}", file=sys.stderr)
        return 1
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
