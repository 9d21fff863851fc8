"""Three jobs of somebody on call, by keys that are counted, on the smallest terminal and on a common one.

Where is it and since when: no key. Which tenant: two at most. Evidence into a chat: two at most.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_console_in_a_terminal import Terminal
from tests.e2e.test_shift_in_a_terminal import Demo, demo

pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("e2e-jobs-evidence")]

SIZES = [(80, 24), (120, 40)]
ROW = re.compile(r"✗ shop/reviews in us-east.*\b\d\d:\d\d +\d+[sm]\b")
"""The row of what is wrong: what and where, and since when."""
CLIPBOARD = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\)")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("jobs"), "bad-canary") as found:
        yield found


def clipboard(console: Terminal) -> str:
    """What the terminal was given for its clipboard last."""
    return base64.b64decode(CLIPBOARD.findall(console.written)[-1]).decode()


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_where_since_when_whose_and_into_a_chat(bad: Demo, tmp_path: Path, size: tuple[int, int]) -> None:
    with bad.console(tmp_path, size=size) as console:
        console.wait_for(lambda text: ROW.search(text) is not None, "where it is, and since when")
        assert console.keys == 0

        console.press("y")
        shown = console.wait_for(lambda text: "Copied as text" in text, "what was copied")
        assert console.keys == 1
        copied = clipboard(console)
        assert "shop/reviews in us-east" in copied
        assert re.match(r"Now\nall clusters · last 5m\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(.*\)\nsources: ", copied)
        assert copied.splitlines()[2] in shown, "without a clipboard it is there to be selected"
        console.press("m")
        console.wait_for(lambda text: "Copied as Markdown" in text, "the other form")
        assert clipboard(console).startswith("**Now**")
        assert console.keys == 2
        console.press("\x1b")
        # The page that is left may show the same row.
        console.wait_for(lambda text: "Copied as" not in text and ROW.search(text) is not None, "NOW again")

        console.keys = 0
        if size[0] < 120:
            console.press("w")
        console.wait_for(lambda text: re.search(r"\bstorefront\b", text) is not None, "whose it is")
        assert console.keys <= 2
