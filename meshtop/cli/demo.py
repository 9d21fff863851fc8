"""`meshtop demo`: the same program on simulated clusters, which another process serves over real HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any

import click

from meshtop.cli.exits import CommandError, say
from meshtop.cli.options import Common, common_of, common_options
from meshtop.cli.session import write
from meshtop.model.errors import Exit
from meshtop.settings.environment import NO_FILE

REGISTRIES = ("kubefed", "karmada", "ocm", "kubesphere", "clusterprofile", "none")
SCENARIOS = (
    "everyday",
    "calm",
    "bad-canary",
    "dead-cluster",
    "plaintext-intruder",
    "lagging-control-plane",
    "expiring-certificate",
    "noisy-tenant",
    "drifted-config",
    "broken-destinationrule",
    "disjoint-roots",
)
WORLDS = (
    "multi-primary",
    "primary-remote",
    "external",
    "no-mesh-id",
    "own-root",
    "revisions",
    "owners",
    "one-namespace",
    "ambient",
)
"""Options' defaults of the simulation, repeated here because `meshtop.demo` is not imported."""
MOST_CLUSTERS, MOST_SERVICES = 200, 20_000
READY_SECONDS = 60.0
STOP_SECONDS = 5.0


@click.command(
    "demo",
    short_help="The same on simulated clusters; meshtop demo -- get edges -o json.",
    context_settings={"allow_interspersed_args": False},
)
@click.option("--clusters", type=click.IntRange(1, MOST_CLUSTERS), metavar="N", help="How many clusters (3).")
@click.option(
    "--services", type=click.IntRange(1, MOST_SERVICES), metavar="N", help="How many services in each cluster."
)
@click.option("--seed", type=int, metavar="N", help="The same seed gives the same world.")
@click.option("--registry", type=click.Choice(REGISTRIES), help="The registry that has the clusters as members (none).")
@click.option(
    "--scenario", type=click.Choice(SCENARIOS), metavar="NAME", help="A scenario of faults; --list names them."
)
@click.option("--world", type=click.Choice(WORLDS), metavar="NAME", help="How Istio is installed; --list names them.")
@click.option("--list", "list_", is_flag=True, help="Name the worlds and the scenarios.")
@click.option("--serve", is_flag=True, help="Only serve them, until interrupted, for kubectl, curl and other tools.")
@click.option("--write-kubeconfig", type=click.Path(dir_okay=False), metavar="FILE", help="Write the kubeconfig there.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@common_options
@click.pass_context
def command(
    ctx: click.Context,
    clusters: int | None,
    services: int | None,
    seed: int | None,
    registry: str | None,
    scenario: str | None,
    world: str | None,
    list_: bool,
    serve: bool,
    write_kubeconfig: str | None,
    arguments: tuple[str, ...],
) -> int:
    """Open the console on simulated clusters, or run any command on them: meshtop demo -- get edges -o json.

    The clusters are served by another process over HTTP on 127.0.0.1; the program reads them as it reads real ones.
    """
    if list_:
        return subprocess.run([sys.executable, "-m", "meshtop.demo", "--list"], check=False).returncode
    wanted = {
        "--clusters": clusters,
        "--services": services,
        "--seed": seed,
        "--registry": registry,
        "--scenario": scenario,
        "--world": world,
        "--write-kubeconfig": write_kubeconfig,
    }
    options = [word for flag, value in wanted.items() if value is not None for word in (flag, str(value))]
    if serve and arguments:
        raise CommandError(f"--serve only serves; leave out {' '.join(arguments)}, or leave out --serve.")
    if not serve and not arguments:
        from meshtop.cli.open_console import check_terminal

        check_terminal()
    with simulated(options) as ready:
        if serve:
            return _serve(ready)
        return _run(common_of(ctx), str(ready["kubeconfig"]), arguments)


def _run(common: Common, kubeconfig: str, arguments: tuple[str, ...]) -> int:
    """Run the program on the simulated clusters, without the user's own settings file and journal."""
    from meshtop.cli.main import main

    common.kubeconfig = kubeconfig
    common.config = common.config or NO_FILE
    with tempfile.TemporaryDirectory(prefix="meshtop-demo-") as state:
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CACHE_HOME"] = state
        return main(arguments, common)


def _serve(ready: dict[str, Any]) -> int:
    """Print the addresses, and wait until the simulation ends or is interrupted."""
    from meshtop.model.numbers import number_of

    clusters = [cluster for cluster in ready.get("clusters", ()) if isinstance(cluster, dict)]
    say(f"Serving {number_of(len(clusters), 'cluster')} on 127.0.0.1 until interrupted (ctrl-c):")
    for cluster in clusters:
        say(f"  {cluster.get('name')}  Kubernetes {cluster.get('server')}  Prometheus {cluster.get('prometheus')}")
    write(f"export KUBECONFIG={ready['kubeconfig']}")
    process: subprocess.Popen[str] = ready["process"]
    code = process.wait()
    raise CommandError(f"The simulated clusters ended by themselves (exit code {code}).", Exit.BAD)


@contextlib.contextmanager
def simulated(options: list[str]) -> Iterator[dict[str, Any]]:
    """The simulated clusters' ready line, with their process under "process"; the process is always ended on exit.

    Raises CommandError with its last output when it does not get ready.
    """
    command_line = [sys.executable, "-m", "meshtop.demo", *options, "--parent-pid", str(os.getpid())]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints, _ending_on_sigterm():
        process = subprocess.Popen(
            command_line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
        )
        try:
            ready = _ready(process, complaints)
            yield {**ready, "process": process}
        finally:
            _end(process)


def _ready(process: subprocess.Popen[str], complaints: IO[str]) -> dict[str, Any]:
    """Wait for the ready line, then keep its stdout drained."""
    assert process.stdout is not None
    watchdog = threading.Timer(READY_SECONDS, process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict) and said.get("ready"):
                    threading.Thread(target=process.stdout.read, daemon=True).start()
                    return said
    finally:
        watchdog.cancel()
    process.wait()
    complaints.seek(0)
    last = [line.strip() for line in complaints if line.strip()][-1:] or ["it said nothing"]
    raise CommandError(f"The simulated clusters did not start: {last[0]}", Exit.USAGE)


def _end(process: subprocess.Popen[str]) -> None:
    """Terminate the process, and kill it if it does not end."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into exceptions, so that the simulation is ended too."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
