"""A job on call in a pseudo-terminal, by keys that are counted: who calls this?"""

from __future__ import annotations

import fcntl
import re
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_console_in_a_terminal import Terminal
from tests.e2e.test_shift_in_a_terminal import Demo, demo

pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("e2e-jobs-flow")]

MOST_KEYS = 6


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("bad"), "bad-canary") as found:
        yield found


class CountedKeys:
    """Presses keys one by one, and counts them."""

    def __init__(self, console: Terminal) -> None:
        self.console = console
        self.pressed = 0

    def press(self, key: str) -> None:
        self.pressed += 1
        self.console.press(key)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_who_calls_what_is_worst_takes_at_most_six_keys_from_now(
    bad: Demo, tmp_path: Path, size: tuple[int, int]
) -> None:
    with bad.console(tmp_path) as console:
        width, height = size
        fcntl.ioctl(console.slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        console.screen.resize(height, width)
        keys = CountedKeys(console)
        console.wait_for(lambda text: re.search(r"reviews.* v3 ", text) is not None, "what is wrong, without a key")
        keys.press("n")
        console.wait_for(lambda text: re.search(r"▸.*reviews.* v3 ", text) is not None, "the cursor in NOW")
        keys.press("g")
        shown = console.wait_for(
            lambda text: re.search(r"CALLERS [1-9]", text) is not None and "━ reviews ━" in text, "its callers"
        )
        callers = shown.splitlines()
        row = next(line for line in callers if re.search(r"\bstorefront\b.*\d", line))
        assert re.search(r"storefront\s+[\d.]+k?\s+", row), "with its rate"
        assert keys.pressed <= MOST_KEYS
        keys.press("\x1b[D")
        console.wait_for(lambda text: "━ storefront ━" in text, "who calls the caller")
        assert keys.pressed <= MOST_KEYS
