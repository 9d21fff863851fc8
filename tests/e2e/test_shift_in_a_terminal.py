"""Shifts by keys in a pseudo-terminal: the console and the command, on simulated clusters in another process.

The clocks of both processes are moved on by the test; keys, screens, requests and weights are real.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.moved import MovedClock
from tests.e2e.serving import LIMIT, environment, until
from tests.e2e.test_console_in_a_terminal import Terminal, terminal

pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("e2e-shift-terminal")]

ROUTE = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/reviews"
SEEN = 60.0
"""Push, two scrapes and some: after this a look finds what a step has brought."""
STEP = 120.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Demo:
    """A demo in a process of its own."""

    kubeconfig: Path
    servers: dict[str, str]
    clock: MovedClock

    @property
    def weights(self) -> dict[str, list[int]]:
        """What each cluster's own object says."""
        found = {}
        for cluster, server in self.servers.items():
            with urllib.request.urlopen(server + ROUTE, timeout=LIMIT) as answer:
                spec = json.load(answer)["spec"]
            found[cluster] = [route["weight"] for route in spec["http"][0]["route"]]
        return found

    def edit(self, cluster: str, weights: list[int]) -> None:
        """What somebody else writes."""
        patch = [
            {"op": "replace", "path": f"/spec/http/0/route/{i}/weight", "value": weight}
            for i, weight in enumerate(weights)
        ]
        request = urllib.request.Request(
            f"{self.servers[cluster]}{ROUTE}?fieldManager=kubectl-edit",
            data=json.dumps(patch).encode(), headers={"Content-Type": "application/json-patch+json"}, method="PATCH",
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=LIMIT):
            pass

    @contextlib.contextmanager
    def console(self, state: Path, *arguments: str, size: tuple[int, int] = (110, 30)) -> Iterator[Terminal]:
        """The program on a pseudo-terminal, with its journal in a folder of the test's."""
        program = self.clock.command("meshtop")
        with terminal(
            *arguments, "--kubeconfig", str(self.kubeconfig), "--timeout", "30s", program=program,
            size=size, XDG_STATE_HOME=str(state),
        ) as opened:  # fmt: skip
            yield opened

    def run(self, state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The program without a terminal."""
        return subprocess.run(
            [*self.clock.command("meshtop"), "--config", "none", *arguments, "--kubeconfig", str(self.kubeconfig)],
            capture_output=True, text=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL, cwd=ROOT,
            env=environment(XDG_STATE_HOME=str(state)),
        )  # fmt: skip

    def journal(self, state: Path) -> list[dict[str, Any]]:
        """The actions, the newest first."""
        actions: list[dict[str, Any]] = json.loads(self.run(state, "journal", "-o", "json").stdout)["items"]
        return actions


@contextlib.contextmanager
def demo(folder: Path, scenario: str) -> Iterator[Demo]:
    clock = MovedClock(folder / "clock")
    kubeconfig = folder / "kubeconfig"
    world = ("--clusters", "2", "--services", "12", "--scenario", scenario, "--begins", "-300")
    process = subprocess.Popen(
        [
            *clock.command("meshtop.demo"), *world, "--write-kubeconfig", str(kubeconfig),
            "--parent-pid", str(os.getpid()),
        ],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Demo(kubeconfig, {one["name"]: one["server"] for one in ready["clusters"]}, clock)
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("calm"), "calm") as found:
        yield found


def open_dialog(console: Terminal) -> None:
    """From the fleet to the dialog for reviews, by keys."""
    console.wait_for(lambda text: re.search(r"us-east .*fresh", text) is not None, "the clusters")
    console.press("6")
    console.wait_for(lambda text: "ROUTE OF" in text and "reviews" in text, "the board")
    console.press("/")
    console.wait_for(lambda text: text.splitlines()[-1].startswith(" /"), "the filter line")
    console.press("reviews\r")
    console.wait_for(lambda text: "catalog" not in text and "enter open" in text, "the filtered board")
    console.press("S")
    console.wait_for(lambda text: "us-east, eu-west: v2 80 → 80 · v3 20 → 20" in text, "the dialog, filled in")


def confirm(console: Terminal, seen: str) -> None:
    """Check, look at the diff, and type the name."""
    console.press("\r")
    console.wait_for(lambda text: seen in text and "Type shop to shift us-east and eu-west" in text, "the question")
    console.press("shop\r")


def test_a_shift_by_the_dialog_arrives_and_is_taken_back_from_the_journal(calm: Demo, tmp_path: Path) -> None:
    before = {"us-east": [80, 20], "eu-west": [80, 20]}
    with calm.console(tmp_path) as console:
        open_dialog(console)
        console.press("30")
        console.wait_for(lambda text: "v3=30" in text and "v3 20 → 30" in text, "the weight typed")
        confirm(console, "weight: 30")
        console.wait_for(lambda text: "Step 1/1 SetWeight v3 30" in text, "the step")
        until(lambda: calm.weights == {"us-east": [70, 30], "eu-west": [70, 30]}, "the weights")
        calm.clock.move(SEEN)
        shown = console.wait_for(lambda text: text.count("✓ follows") == 2, "the split that follows")
        actual = [float(found) for found in re.findall(r"v3 (\d+\.\d) \(", shown)]
        assert actual == [pytest.approx(30, abs=3)] * 2
        calm.clock.move(STEP)
        console.wait_for(lambda text: "✓ Done" in text, "the end")
        assert calm.weights == {"us-east": [70, 30], "eu-west": [70, 30]}

        console.press("J")
        console.wait_for(lambda text: re.search(r"▸.* done .*shop/reviews", text) is not None, "the journal")
        console.press("R")
        console.wait_for(lambda text: "Enter rolls it back" in text, "the question")
        assert calm.weights["us-east"] == [70, 30], "nothing is written before it is answered"
        console.press("\r")
        console.wait_for(lambda text: "Everything is as before." in text, "the weights from before")
        assert calm.weights == before
        console.press("\x1b")
        console.wait_for(lambda text: "rolled-back" in text, "the journal read again")
        console.press("\x1b")
        console.wait_for(lambda text: "✓ Done" in text, "the dialog")
        console.press("\x1b")
        console.wait_for(lambda text: "ROUTE OF" in text, "the board")
        console.press("q")
        assert console.end() == 0
        console.assert_restored()


def test_a_bad_canary_is_taken_back_by_its_guard_before_everybody_s_eyes(tmp_path: Path) -> None:
    with demo(tmp_path, "bad-canary") as bad, bad.console(tmp_path) as console:
        open_dialog(console)
        console.press("30")
        console.wait_for(lambda text: "v3=30" in text, "the weight typed")
        confirm(console, "weight: 30")
        until(lambda: bad.weights == {"us-east": [70, 30], "eu-west": [70, 30]}, "the weights")
        bad.clock.move(SEEN)
        console.wait_for(lambda text: "✗ The guard failed · everything is as before" in text, "the guard")
        assert "v3 is worse than v2" in console.wait_for(lambda text: "✗ v3 is worse" in text, "the verdict")
        assert bad.weights == {"us-east": [80, 20], "eu-west": [80, 20]}
        (action,) = bad.journal(tmp_path)
        assert (action["course"], action["unanswered"]) == ("rolled-back", [])
        assert {one["state"] for one in action["clusters"]} == {"as-before"}


def test_five_keys_lead_from_now_to_a_canary_that_is_out(tmp_path: Path) -> None:
    with demo(tmp_path, "bad-canary") as bad, bad.console(tmp_path) as console:
        console.wait_for(lambda text: re.search(r"reviews.* v3 ", text) is not None, "what is wrong, without a key")
        console.press("n")
        console.wait_for(lambda text: re.search(r"▸.*reviews.* v3 ", text) is not None, "the cursor in NOW")
        console.press("\r")
        console.wait_for(lambda text: "v3 is worse than v2" in text and "0 take v3 out" in text, "the cockpit")
        console.press("0")
        console.wait_for(lambda text: "Type y to take v3 out in us-east and eu-west:" in text, "the question")
        assert bad.weights == {"us-east": [80, 20], "eu-west": [80, 20]}, "nothing is written before it is answered"
        console.press("y")
        console.press("\r")
        until(lambda: bad.weights == {"us-east": [100, 0], "eu-west": [100, 0]}, "the weights")
        console.wait_for(lambda text: "Step 1/1 SetWeight v3 0" in text, "the shift, on the cockpit")
        console.press("2")
        console.wait_for(lambda text: "SERVICE" in text and "step 1/1: J" in text, "another place, while it runs")


def test_after_kill_9_another_console_goes_on_with_the_plan(calm: Demo, tmp_path: Path) -> None:
    with calm.console(tmp_path) as console:
        open_dialog(console)
        console.press("\t")
        console.wait_for(lambda text: "they replace the weight above" in text, "the steps' field")
        console.press("30,40")
        console.wait_for(lambda text: "v3 20 → 30 → 40" in text, "the steps typed")
        confirm(console, "weight: 30")
        until(lambda: calm.weights == {"us-east": [70, 30], "eu-west": [70, 30]}, "the first step")
        (running,) = calm.journal(tmp_path)
        assert running["course"] == "running"
        refused = calm.run(tmp_path, "rollback", "--yes")
        assert (refused.returncode, f"run by process {console.process.pid}" in refused.stderr) == (5, True)
        console.process.kill()
        console.process.wait(LIMIT)
    (interrupted,) = calm.journal(tmp_path)
    assert (interrupted["state"], interrupted["course"]) == ("running", "interrupted")

    with calm.console(tmp_path) as console:
        console.wait_for(lambda text: "shop/reviews#weighted interrupted: J" in text, "the notice on top")
        console.wait_for(lambda text: "shift interrupted at step 1 of 2 (J)" in text, "what needs somebody")
        console.press("J")
        shown = console.wait_for(lambda text: "its process ended in the middle" in text, "the journal")
        assert "us-east: v2/v3 70/30, before 80/20" in shown
        console.press("U")
        console.wait_for(lambda text: "Type shop to resume" in text, "the question")
        console.press("shop\r")
        console.wait_for(lambda text: "Step 1/2 SetWeight v3 30" in text, "the step where it stopped")
        console.wait_for(lambda text: "Waiting about" in text, "its watch")
        calm.clock.move(SEEN)
        console.wait_for(lambda text: text.count("✓ follows") == 2, "the split that follows")
        console.press("S")
        until(lambda: calm.weights == {"us-east": [60, 40], "eu-west": [60, 40]}, "the second step")
        console.wait_for(lambda text: "Step 2/2 SetWeight v3 40" in text, "the second step on screen")
        console.press("S")
        console.wait_for(lambda text: "✓ Done" in text, "the end")
        console.wait_for(lambda text: "interrupted: J" not in text, "nothing that waits")
    assert calm.run(tmp_path, "rollback", "--yes").returncode == 0
    assert calm.weights == {"us-east": [80, 20], "eu-west": [80, 20]}


def test_the_command_asks_for_the_name_and_obeys_its_keys(calm: Demo, tmp_path: Path) -> None:
    shift = ("shift", "shop/reviews", "--to", "v3", "--plan", "30,40")
    with calm.console(tmp_path, *shift) as command:
        command.wait_for(lambda text: "Type shop to go on" in text, "the question")
        command.press("reviews\r")
        assert command.end() == 130
        assert "the typed name does not match" in command.written
    assert calm.journal(tmp_path) == []
    with calm.console(tmp_path, *shift) as command:
        command.wait_for(lambda text: "Type shop to go on" in text, "the question")
        calm.edit("eu-west", [60, 40])
        command.press("shop\r")
        command.wait_for(lambda _: "It was changed by others" in command.written, "the conflict")
        assert "it says 60/40 where 80/20 was expected" in command.written
        assert "kubectl-edit wrote it last" in command.written
        command.wait_for(lambda _: command.written.count("Type shop to go on") == 2, "the question again")
        command.press("\r")
        assert command.end() == 5
    assert calm.weights == {"us-east": [80, 20], "eu-west": [60, 40]}, "nothing is overwritten, and all is taken back"
    calm.edit("eu-west", [80, 20])
    with calm.console(tmp_path, *shift) as command:
        command.wait_for(lambda text: "Type shop to go on" in text, "the question")
        command.press("shop\r")
        command.wait_for(lambda _: "Keys: p pause" in command.written, "the keys")
        command.wait_for(lambda _: "Waiting about" in command.written, "the watch of the first step")
        command.press("p")
        command.wait_for(lambda _: "Paused" in command.written, "the pause")
        command.press("p")
        command.wait_for(lambda _: "Resumed." in command.written, "the end of the pause")
        command.press("s")
        command.wait_for(lambda _: "Step 2/2" in command.written, "the next step")
        command.wait_for(lambda _: command.written.count("Waiting about") == 2, "the watch of the second step")
        command.press("h")
        assert command.end() == 1
        assert "Held" in command.written
    assert calm.weights == {"us-east": [60, 40], "eu-west": [60, 40]}
    held = calm.journal(tmp_path)[0]
    assert held["course"] == "held"
    with calm.console(tmp_path, "resume", held["id"]) as command:
        command.wait_for(lambda _: "Waiting about" in command.written, "the watch of the second step")
        command.press("a")
        assert command.end() == 130
        assert "Everything is as before." in command.written
    assert calm.weights == {"us-east": [80, 20], "eu-west": [80, 20]}
