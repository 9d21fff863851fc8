"""The client's own CPU: `get clusters`, 3 to 100 clusters read once, and 50 followed until all are there.

    python -m benchmarks.reading [RUNS]

The clusters come out of a recording of the demo's three (`benchmarks._replay`); more are copies of them. Every program
is a process of its own from start to end, imports counted; its wall time is printed too, with the server on the same
processors. Peers, turn by turn with meshtop: the official kubernetes client puts the same GETs one after the other and
decodes them, without any conversion; kubectl gets the same lists as JSON, in one command a cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks._processes import MESHTOP, PYTHON, Figure, Run, cpu_seconds, demo, run, show
from benchmarks._replay import Replay, replay

RUNS = 5
COUNTS = (3, 10, 50, 100)
FOLLOWED = 50
ALL_PEERS_TO = 50
"""Clusters up to which kubectl runs too, a process for each: at a hundred it needs minutes and tells the same."""
GOALS = {
    (3, "meshtop get clusters"): ("≤ 0.40 s", "≤ 0.5 s"),
    (50, "meshtop, read once"): ("≤ 2.5 s", ""),
    (50, "meshtop, followed until all are there"): ("≤ 5 s", ""),
    (100, "meshtop, read once"): ("≤ 5 s", ""),
}
"""Of CPU and of wall time, by the number of clusters and the program."""
_LIST = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)/(?P<plural>[a-z]+)(?:\\?|$)")


def read_once(kubeconfig: str) -> None:
    """In a process of its own: every cluster read once, without printing."""
    from meshtop.observatory.build import open_observatory
    from meshtop.process import prepare_process
    from meshtop.settings.schema import Settings

    prepare_process()

    async def read() -> int:
        observatory = open_observatory(Settings(), kubeconfig=kubeconfig, timeout_seconds=60)
        try:
            return len((await observatory.once()).clusters)
        finally:
            await observatory.close()

    print(asyncio.run(read()))


def follow_until_there(kubeconfig: str) -> None:
    """In a process of its own: every cluster followed as the console's first screen does, until the last is there."""
    from meshtop.model.state import State
    from meshtop.observatory.build import open_observatory
    from meshtop.process import prepare_process
    from meshtop.settings.schema import Settings
    from meshtop.views.picture.asks import asked_for

    prepare_process()

    async def follow() -> None:
        observatory = open_observatory(Settings(), kubeconfig=kubeconfig, timeout_seconds=60)
        observatory.attend(asked_for("clusters"))
        async with contextlib.aclosing(observatory.follow()) as snapshots:
            async for snapshot in snapshots:
                states = {state for c in snapshot.clusters for state in (c.kubernetes.state, c.prometheus.state)}
                if snapshot.clusters and states <= {State.FRESH, State.PARTIAL}:
                    break
        await observatory.close()

    asyncio.run(asyncio.wait_for(follow(), 300))


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


PROGRAMS = {f.__name__: f for f in (read_once, follow_until_there, ask_with_kubernetes_client, ask_with_kubectl)}


def program(name: str, argument: str) -> list[str]:
    """The command that runs one of the programs above."""
    return [PYTHON, "-m", "benchmarks.reading", name, argument]


def what_was_asked(replayed: Replay, path: Path) -> int:
    """Write down for the peers what was asked since the last time; how many questions that were, watches left out."""
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
    path.write_text(json.dumps({"kubeconfig": replayed.kubeconfig, "clusters": clusters, "kinds": kinds}))
    return every


def kind(found: re.Match[str]) -> str:
    """A kind as kubectl takes it: plural, version, group."""
    group = found["group"]
    return f"{found['plural']}.{found['version']}.{group}" if group else found["plural"]


def measure(demo_kubeconfig: str, count: int, runs: int, *, tls: bool) -> None:
    """Read so many clusters, turn by turn with the peers."""
    with replay(demo_kubeconfig, count, tls=tls) as replayed, tempfile.TemporaryDirectory() as folder:
        kubeconfig, questions = replayed.kubeconfig, str(Path(folder, "questions"))
        get = [*MESHTOP, "--config", "none", "--timeout", "60s", "--kubeconfig", kubeconfig, "get", "clusters"]
        commands = {"meshtop, read once": program("read_once", kubeconfig)}
        if count == COUNTS[0]:
            commands = {"meshtop get clusters": get, **commands}
        if count == FOLLOWED:
            commands["meshtop, followed until all are there"] = program("follow_until_there", kubeconfig)
        run(get)
        what_was_asked(replayed, Path(questions))
        run(program("read_once", kubeconfig))
        every = what_was_asked(replayed, Path(questions))
        commands["kubernetes client, the same GETs"] = program("ask_with_kubernetes_client", questions)
        if count <= ALL_PEERS_TO and shutil.which("kubectl"):
            commands["kubectl get -o json, the same lists"] = program("ask_with_kubectl", questions)
        results: dict[str, list[Run]] = {name: [] for name in commands}
        served = cpu_seconds(replayed.pid)
        for _ in range(runs):
            for name, command in commands.items():
                results[name].append(run(command))
        served = cpu_seconds(replayed.pid) - served
    middle = {name: sorted(r.cpu for r in done)[len(done) // 2] for name, done in results.items()}
    mine = middle["meshtop, read once"]
    peer = next((name for name in middle if not name.startswith("meshtop")), "")
    figures = []
    for name, done in results.items():
        processor, wall = GOALS.get((count, name), ("", ""))
        compared = (
            (f"{peer}, sequentially", middle[peer] / mine) if name == "meshtop, read once" and peer else ("", None)
        )
        figures.append(Figure(f"{name}: CPU", [r.cpu for r in done], "s", processor, *compared))
        figures.append(Figure(f"{name}: wall", [r.wall for r in done], goal=wall))
        figures.append(Figure(f"{name}: peak memory", [r.megabytes for r in done], "MB"))
    show(f"\n{count} clusters over {'TLS' if tls else 'plain http'}, {every} questions, {runs} runs", figures)
    for name, cpu in middle.items():
        if not name.startswith("meshtop"):
            print(f"  {name}: {cpu / mine:.1f} × the CPU of meshtop, read once")
    print(f"  (all answers together cost the replay server {served:.2f} s of CPU)")


def main() -> None:
    """Everything in turn."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with demo() as ready:
        for count in COUNTS:
            measure(str(ready["kubeconfig"]), count, runs if count < FOLLOWED else max(1, runs // 3), tls=True)
        measure(str(ready["kubeconfig"]), COUNTS[0], runs, tls=False)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        PROGRAMS[sys.argv[1]](sys.argv[2])
    else:
        main()
