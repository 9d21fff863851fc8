"""The client's own CPU: `get clusters`, and 3, 50 and 100 clusters read once, beside the official client and kubectl.

    python -m benchmarks.reading [CLUSTERS …] [--rounds N]

The clusters come out of a recording of the demo's three (`benchmarks._replay`); more are copies of them. Every program
is a process of its own from start to end, imports counted; its wall time is printed too, with the server on the same
processors. Peers, turn by turn with meshtop: the official kubernetes client puts the same GETs one after the other and
decodes them, without any conversion; kubectl gets the same lists as JSON, in one command a cluster. Where they would
need minutes they read ten of the clusters, and their figures are multiplied and say so.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from benchmarks._pace import patience
from benchmarks._processes import MESHTOP, PYTHON, Figure, Run, demo, run, show
from benchmarks._replay import Replay, replay
from benchmarks._rows import middle

ROUNDS = 5
TIMEOUT_SECONDS = 60.0
COUNTS = (3, 50, 100)
FEW = 10
"""Clusters that a peer reads where all of them would need minutes."""
ALL_BY_KUBECTL, ALL_BY_CLIENT = 10, 50
"""Up to so many clusters a peer reads all of them."""
GOALS = {
    (3, "meshtop get clusters"): ("get-cpu", "get-wall"),
    (50, "meshtop, read once"): ("read-50", ""),
    (100, "meshtop, read once"): ("read-100", ""),
}
"""Of CPU and of wall time, by the number of clusters and the program."""
_LIST = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)/(?P<plural>[a-z]+)(?:\\?|$)")


def read_once(kubeconfig: str, timeout: str) -> None:
    """In a process of its own: every cluster read once, without printing."""
    from meshtop.process import prepare_process

    # First, and settings as they are without a file: as the program itself begins.
    prepare_process()
    from meshtop.observatory.build import open_observatory
    from meshtop.settings.load import load_settings

    settings = load_settings(config="none", environ={}).settings

    async def read() -> int:
        observatory = open_observatory(settings, kubeconfig=kubeconfig, timeout_seconds=float(timeout))
        try:
            return len((await observatory.once()).clusters)
        finally:
            await observatory.close()

    print(asyncio.run(read()))


def ask_with_kubernetes_client(questions: str) -> None:
    """In a process of its own: the official client asks what meshtop asked."""
    config: Any = importlib.import_module("kubernetes.config")
    asked = json.loads(Path(questions).read_text())
    for context, addresses in asked["clusters"].items():
        api = config.new_client_from_config(asked["kubeconfig"], context)
        for address, accept in addresses:
            headers = {"Accept": accept, "Accept-Encoding": "gzip"}
            question = api.param_serialize("GET", address, header_params=headers, auth_settings=["BearerToken"])
            answer = api.call_api(*question)
            body = answer.read()
            if answer.status == 200 and answer.getheader("Content-Type", "").startswith("application/json"):
                json.loads(body)


def ask_with_kubectl(questions: str) -> None:
    """In a process of its own: kubectl gets the lists that meshtop read."""
    asked = json.loads(Path(questions).read_text())
    for context, kinds in asked["kinds"].items():
        command = ["kubectl", "--kubeconfig", asked["kubeconfig"], "--context", context, "get", ",".join(kinds), "-A"]
        subprocess.run([*command, "-o", "json"], check=True, stdout=subprocess.DEVNULL)


PROGRAMS: dict[str, Callable[..., None]] = {
    f.__name__: f for f in (read_once, ask_with_kubernetes_client, ask_with_kubectl)
}


def program(name: str, *arguments: str) -> list[str]:
    """The command that runs one of the programs above."""
    return [PYTHON, "-m", "benchmarks.reading", name, *arguments]


def reading_once(kubeconfig: str) -> list[str]:
    """The command that reads every cluster once, with a time limit that lets a slow machine come to an end."""
    return program("read_once", kubeconfig, f"{patience(TIMEOUT_SECONDS):.0f}")


def what_was_asked(replayed: Replay, folder: Path) -> int:
    """Write down for the peers what was asked since the last time, of all clusters and of the first few.

    How many questions that were, watches left out.
    """
    clusters: dict[str, list[tuple[str, str]]] = {}
    kinds: dict[str, list[str]] = {}
    every = 0
    names = [entry["name"] for entry in yaml.safe_load(Path(replayed.kubeconfig).read_text())["clusters"]]
    for name, questions in zip(names, replayed.questions(), strict=True):
        every += sum(times for *_, times in questions)
        clusters[name] = [
            (a, accept) for method, a, accept, _, times in questions if method == "GET" for _ in range(times)
        ]
        lists = [f for _, a, _, good, _ in questions if good and "limit=" in a and (f := _LIST.match(a))]
        kinds[name] = sorted({kind(found) for found in lists})
    folder.mkdir(exist_ok=True)
    for file, some in (("all", names), ("few", names[:FEW])):
        asked = {"clusters": {n: clusters[n] for n in some}, "kinds": {n: kinds[n] for n in some}}
        (folder / file).write_text(json.dumps({"kubeconfig": replayed.kubeconfig, **asked}))
    return every


def kind(found: re.Match[str]) -> str:
    """A kind as kubectl takes it: plural, version, group."""
    group = found["group"]
    return f"{found['plural']}.{found['version']}.{group}" if group else found["plural"]


class Peer(Struct, frozen=True):
    """Who does the same with what was asked; `share` is the part of the clusters that it reads."""

    name: str
    command: tuple[str, ...]
    share: float

    def __str__(self) -> str:
        return self.name if self.share == 1 else f"{self.name} ({FEW} clusters read, multiplied)"


def peers(questions: Path, count: int) -> list[Peer]:
    """The official client, and kubectl where it is installed."""
    found = []
    for name, asking, limit in (
        ("kubernetes client, the same GETs", "ask_with_kubernetes_client", ALL_BY_CLIENT),
        ("kubectl, the same lists", "ask_with_kubectl", ALL_BY_KUBECTL),
    ):
        if asking != "ask_with_kubectl" or shutil.which("kubectl"):
            file = questions / ("all" if count <= limit else "few")
            found.append(Peer(name, tuple(program(asking, str(file))), 1.0 if count <= limit else FEW / count))
    return found


def measure(demo_kubeconfig: str, count: int, rounds: int) -> None:
    """Read so many clusters, turn by turn with the peers."""
    with replay(demo_kubeconfig, count, tls=True) as replayed, tempfile.TemporaryDirectory() as name:
        kubeconfig, folder = replayed.kubeconfig, Path(name)
        get = [*MESHTOP, "--config", "none", "--kubeconfig", kubeconfig]
        limit = f"{patience(TIMEOUT_SECONDS):.0f}s"
        ours = {"meshtop, read once": reading_once(kubeconfig)}
        if count == COUNTS[0]:
            ours["meshtop get clusters"] = [*get, "--timeout", limit, "get", "clusters"]
        run(reading_once(kubeconfig))  # Lets the server make its answers.
        replayed.questions()
        asked, others, results = dict[str, int](), dict[str, list[Peer]](), dict[tuple[str, str], list[Run]]()
        for number, (mine, command) in enumerate(ours.items()):
            results[mine, ""] = [run(command)]
            asked[mine] = what_was_asked(replayed, folder / str(number))
            others[mine] = peers(folder / str(number), count)
            results |= {(mine, peer.name): [] for peer in others[mine]}
        for turn in range(rounds):
            for mine, command in ours.items():
                if turn:
                    results[mine, ""].append(run(command))
                for peer in others[mine]:
                    results[mine, peer.name].append(run(peer.command))
        fresh = [run([*get, "get", "clusters", "-o", "json"], codes=range(8)) for _ in range(rounds)]
    figures = []
    for mine in ours:
        done = results[mine, ""]
        processor, wall = GOALS.get((count, mine), ("", ""))
        cpu = middle([r.cpu for r in done])
        spent = {peer: middle([r.cpu for r in results[mine, peer.name]]) / peer.share for peer in others[mine]}
        told = "; ".join(f"{peer} {value / cpu:.1f} ×" for peer, value in spent.items())
        what = f"{mine}, {count} clusters"
        note = f"{asked[mine]} questions"
        figures.append(Figure(f"{what}: CPU", [r.cpu for r in done], "s", processor, told, kept=True, note=note))
        figures.append(Figure(f"{what}: wall", [r.wall for r in done], goal=wall))
        figures.append(Figure(f"{what}: peak memory", [r.megabytes for r in done], "MB", kept=True))
        figures += [
            Figure(f"  {peer.name}: CPU", [r.cpu / peer.share for r in results[mine, peer.name]])
            for peer in others[mine]
        ]
    seen = [fresh_clusters(r.output) for r in fresh]
    figures.append(Figure(f"of {count} clusters, fresh", seen, "", "fresh-100" if count == COUNTS[-1] else ""))
    show(f"\n{count} clusters over TLS, {rounds} rounds", figures)


def fresh_clusters(answer: bytes) -> int:
    """In how many clusters of a JSON answer both sources are fresh."""
    sources = json.loads(answer)["sources"] if answer else []
    return sum(all(one[part]["state"] == "fresh" for part in ("kubernetes", "prometheus")) for one in sources)


def main() -> None:
    """Everything in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS, metavar="CLUSTERS")
    parser.add_argument("--rounds", type=int, help="5 by itself, 2 for many clusters")
    options = parser.parse_args()
    with demo() as ready:
        for count in options.counts:
            rounds = options.rounds or (ROUNDS if count <= FEW else 2)
            measure(str(ready["kubeconfig"]), count, rounds)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in PROGRAMS:
        PROGRAMS[sys.argv[1]](*sys.argv[2:])
    else:
        main()
