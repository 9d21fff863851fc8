"""Two jobs of somebody on call, by keys in a pseudo-terminal of two sizes, counted from the first screen.

Would STRICT break anyone? A cluster is dead: what do I lose? Each takes at most four keys, and what the screen says is
what the command says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtop.demo.world.plan import Options
from tests.e2e import test_console_in_a_terminal as in_a_terminal
from tests.e2e.serving import Served, meshtop, served
from tests.e2e.test_console_in_a_terminal import Terminal, terminal

pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("e2e-jobs-whatif")]

SIZES = [(80, 24), (120, 40)]
SMALL = Options(clusters=3, services=12)
MOST_KEYS = 4
DEAD = "eu-west"


class CountedKeys:
    """A terminal whose keys are counted."""

    def __init__(self, console: Terminal) -> None:
        self.console = console
        self.keys = 0

    def press(self, key: str) -> None:
        assert len(key) == 1, "one key at a time"
        self.keys += 1
        self.console.press(key)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """The size of the terminals that a test opens."""
    columns, lines = request.param
    monkeypatch.setattr(in_a_terminal, "COLUMNS", columns)
    monkeypatch.setattr(in_a_terminal, "LINES", lines)
    return columns, lines


@pytest.fixture(scope="module")
def intruded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("intruded"), "plaintext-intruder", options=SMALL, begins=-900.0) as world:
        yield world


def unwrapped(text: str) -> str:
    """The screen's words, as sentences go on in the next line."""
    return " ".join(text.split())


def test_would_strict_break_anyone(intruded: Served, size: tuple[int, int], tmp_path: Path) -> None:
    config = ("--kubeconfig", str(intruded.kubeconfig), "--timeout", "30s")
    with terminal(*config, XDG_STATE_HOME=str(tmp_path)) as console:
        console.wait_for(lambda text: re.search(r"NOW \d", text) is not None and "us-east" in text, "NOW")
        # The program answers of all clusters, and is compared with a console that has read them all.
        console.wait_for(lambda text: re.search(r"\b(\d+)/\1 ok", text) is not None, "every cluster")
        counted = CountedKeys(console)
        counted.press("4")
        console.wait_for(
            lambda text: (found := re.search(r"([\d.]+) req/s in plaintext", text)) is not None and float(found[1]) > 0,
            "the workloads by mutual TLS, with plaintext",
        )
        counted.press("w")
        counted.press("W")
        shown = unwrapped(
            console.wait_for(
                lambda text: "calls would break" in unwrapped(text) and "Nothing is written." in unwrapped(text),
                "the answer, its verdict first",
            )
        )
        assert counted.keys <= MOST_KEYS
        told = re.search(r"✗ STRICT in namespace (\S+) \(\d+ workloads?\): (\d+) of (\d+) calls would break", shown)
        assert told is not None, shown
        assert "✗ breaks" in shown, "the calls themselves are below"
        namespace, breaks, calls = told[1], int(told[2]), int(told[3])
        done = meshtop("whatif", "strict", namespace, *config, "-o", "json")
        summary = json.loads(done.stdout)["summary"]
        assert breaks == summary["breaks"] > 0
        assert calls == summary["breaks"] + summary["unknown"] + summary["fine"]
        console.press("q")
        console.press("q")
        console.press("q")


def test_a_cluster_is_dead_what_do_i_lose(size: tuple[int, int], tmp_path: Path) -> None:
    with served(tmp_path, options=SMALL) as world:
        config = ("--kubeconfig", str(world.kubeconfig), "--timeout", "3s")
        before = meshtop(
            "whatif", "evacuate", DEAD, "--kubeconfig", str(world.kubeconfig), "--timeout", "30s", "-o", "json"
        )
        expected = json.loads(before.stdout)
        with terminal(*config, XDG_STATE_HOME=str(tmp_path / "state")) as console:
            console.wait_for(lambda text: re.search(rf"{DEAD} .*(fresh|healthy)", text) is not None, "all clusters")
            world.kill(DEAD)
            shown = console.wait_for(lambda text: f"✗ {DEAD}" in text, "NOW, which says so without a key")
            rows = [line for line in shown.splitlines() if re.match(r"\s*▸?\s*[✗▲]", line)]
            counted = CountedKeys(console)
            counted.press("n")
            for _ in range(next(number for number, line in enumerate(rows) if f"✗ {DEAD}" in line)):
                counted.press("j")
            console.wait_for(lambda text: re.search(rf"▸.*✗ {DEAD}", text) is not None, "the cursor on it")
            counted.press("W")
            answer = unwrapped(
                console.wait_for(
                    lambda text: f"Without {DEAD}" in text and "Tenants with workloads" in unwrapped(text),
                    "what is lost",
                )
            )
            assert counted.keys <= MOST_KEYS
            told = re.search(r"Without eu-west: (\d+) of (\d+) hosts would have no endpoint left", answer)
            assert told is not None, answer
            kept = sum(one["fate"] == "gone" and one["endpointsStaying"] > 0 for one in expected["items"])
            assert int(told[1]) == expected["summary"]["gone"] - kept
            assert int(told[2]) == len(expected["items"]) > 0
            assert "does not answer now, so this is what was read of it last" in answer
            assert re.search(r"Tenants with workloads there: \w+", answer) is not None
