"""Simulated clusters whose clock stands still, the environment of those that read them, and what is made alike."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
TIME = 1_785_593_100
"""2026-08-01T14:05:00Z, at which the clocks stand."""
SETTLE_SECONDS = 120.0


@dataclass(frozen=True)
class World:
    """A world to be served: its name, what `python -m meshtop.demo` is told, and whether a cluster of it dies."""

    name: str
    options: tuple[str, ...]
    dies: str = ""


@dataclass
class Names:
    """Makes alike what differs from run to run in the outputs of one world."""

    folder: Path
    ports: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)
    portable: bool = False
    """Whether the text is to be the same on every Python and machine."""

    def normal(self, text: str) -> str:
        """The text with everything that is of this run only replaced."""
        # Clusters listen on ports that the system chooses: five digits, which stay five, so that tables stay aligned.
        text = re.sub(r"127\.0\.0\.1:(\d{5})\b", self._port, text)
        # The working folder is a new one each time; its name is always of the same length.
        text = text.replace(str(self.folder), "WORK")
        # What a reading of a Kubernetes cluster cost depends on how far its requests had come when it was written down.
        text = re.sub(r"\b[\d.]+[kMG]?B in \d+ requests", "BYTES in N requests", text)
        text = re.sub(
            r'("?cost"?:(?: \{)?\s+"?seconds"?: [\d.]+,?\s+"?bytes"?: )\d+(,?\s+"?requests"?: )\d+', r"\1BYTES\2N", text
        )
        # Python 3.12 began to sum floats more exactly, and sines differ from one C library to another: the last digits
        # of what is computed from them are of the machine. What compares two commits on one machine keeps them.
        if self.portable:
            text = re.sub(r"\b\d+\.\d{8,}(e[-+]\d+)?\b", lambda match: f"{float(match[0]):.9g}", text)
        # An action's identity ends in four random digits, against two that begin in the same second.
        return re.sub(r"\b(\d{8}-\d{6})-([0-9a-f]{4})\b", self._action, text)

    def real(self, word: str) -> str:
        """A word of a command with an action's identity as it is in this run."""
        for digits, name in self.actions.items():
            word = re.sub(rf"(\d{{8}}-\d{{6}})-{name}\b", rf"\1-{digits}", word)
        return word

    def _port(self, match: re.Match[str]) -> str:
        return f"127.0.0.1:{self.ports.get(match[1], match[1])}"

    def _action(self, match: re.Match[str]) -> str:
        return f"{match[1]}-{self.actions.setdefault(match[2], f'id{len(self.actions):02}')}"


@dataclass(frozen=True)
class Served:
    """A world that listens: the folder its commands run in, with the kubeconfigs, and its names."""

    world: World
    folder: Path
    names: Names
    dying: str = ""
    """The URL of the cluster that dies in it."""

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Wait until the dying cluster refuses connections, and see to it that its port does until the end.

        For 40 s before it only leaves them unanswered. Raises RuntimeError when it does not end.
        """
        if not self.dying:
            yield
            return
        host, _, port = self.dying.removeprefix("http://").partition(":")
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
            except ConnectionRefusedError:
                break
            time.sleep(0.5)
        else:
            raise RuntimeError(f"{self.dying} was to refuse connections by now")
        # A port that is bound and does not listen refuses, and no other process can be given it.
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((host, int(port)))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            yield


def environment(tree: Path, folder: Path) -> dict[str, str]:
    """All that the program finds around it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join((str(HERE / "clock"), str(tree))),
        "PYTHONUTF8": "1",
        "GOLDEN_TIME": str(TIME),
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "home/config"),
        "XDG_STATE_HOME": str(folder / "home/state"),
        "XDG_CACHE_HOME": str(folder / "home/cache"),
        "LOGNAME": "maria",
        "USER": "maria",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "120",
    }


@contextlib.contextmanager
def serving(world: World, folder: Path, tree: Path = TREE, *, portable: bool = False) -> Iterator[Served]:
    """Serve a world; its commands run in `folder`, which holds `kubeconfig`, `viewer` and `stranger`.

    Raises RuntimeError when it does not get ready.
    """
    folder.mkdir(parents=True)
    (folder / "home").mkdir()
    command = [sys.executable, "-m", "meshtop.demo", "--seed", "1", "--begins", "-900", *world.options,
               "--write-kubeconfig", str(folder / "kubeconfig"), "--parent-pid", str(os.getpid())]  # fmt: skip
    with (folder / "demo.err").open("w") as errors:
        process = subprocess.Popen(
            command, env=environment(tree, folder), cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{world.name} did not start: {(folder / 'demo.err').read_text()}")
        names = Names(folder, portable=portable)
        clusters = json.loads(line)["clusters"]
        for i, cluster in enumerate(clusters):
            for j, what in enumerate(("server", "prometheus")):
                names.ports[cluster[what].rpartition(":")[2]] = str(10_001 + 2 * i + j)
        _other_people(folder)
        dying = next((c["server"] for c in clusters if c["name"] == world.dies), "")
        yield Served(world, folder, names, dying)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _other_people(folder: Path) -> None:
    """Kubeconfigs to the same clusters, for one who may only read and for one whom no cluster knows."""
    text = (folder / "kubeconfig").read_text()
    for name in ("viewer", "stranger"):
        (folder / name).write_text(text.replace("token: demo-admin", f"token: demo-{name}"))
