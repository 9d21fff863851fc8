"""A refresh of fifty clusters, 20,000 services and 100,000 edge series: CPU, memory, and what keys feel of it.

    python -m benchmarks.refresh [ROUNDS]

Figures of a process of its own: decoding all answers, and all that the fleet and the services screens make of them.
Keys are pressed in the console on a real terminal (200×50, 20,000 rows) while refreshes follow each other without a
pause; the latency is from writing the key to reading the new cursor line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from benchmarks._big_fleet import Fleet, FleetObservatory
from benchmarks._pace import patience
from benchmarks._processes import PYTHON, Figure, environment, show
from benchmarks._rows import middles, part
from benchmarks._terminal import Terminal, terminal

if TYPE_CHECKING:
    from meshtop.observatory.observatory import Observatory

ROUNDS = 5
KEYS = 360
"""Of fewer, the 99th percentile is the worst one or two: whatever else the machine did in that moment."""
FAILING_ONE_IN = 50
"""Of a healthy fleet so few calls fail; in the one of the goal each does."""
WALK = 40
"""Keys down and up again, which are a round."""
NAME = rb"app-"


def analyse(rounds: int, failing_one_in: int) -> None:
    """In a process of its own: CPU seconds of each round's parts, peak memory; one of so many calls fails."""
    from meshtop.process import collector_paused
    from meshtop.settings.schema import Settings
    from meshtop.views.frame.registry import view
    from meshtop.views.picture.factory import picture_factory

    gc.set_threshold(50_000, 20, 100)  # As the program itself does.
    fleet, pictures = Fleet(failing_one_in=failing_one_in), picture_factory(Settings())
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    decoding, working = [], []
    picture = None
    loop = asyncio.new_event_loop()
    for _ in range(rounds + 1):
        began = time.process_time()
        snapshot = loop.run_until_complete(fleet.refresh())
        decoded = time.process_time()
        with collector_paused():  # As the console's session does.
            picture = pictures.picture(snapshot)
            for kind in ("clusters", "services"):
                view(kind).all_items(picture)
        working.append(time.process_time() - decoded)
        decoding.append(decoded - began)
    assert picture is not None
    loop.close()
    print(
        json.dumps(
            {
                "decoding": decoding[1:],
                "working": working[1:],
                "edges": len(picture.edges),
                "base": base,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def console(pause_seconds: float) -> None:
    """In a process of its own, on a terminal: the console on this fleet."""
    from meshtop.console.app import MeshtopApp
    from meshtop.console.session import ConsoleOptions, ConsoleSession
    from meshtop.console.terminal.keys_first import run_keys_first
    from meshtop.console.terminal.look import Look
    from meshtop.process import SWITCH_SECONDS
    from meshtop.settings.schema import Settings

    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(SWITCH_SECONDS)
    fleet = Fleet()

    class FleetSession(ConsoleSession):
        """The real session, threads and all, on a made-up observatory."""

        def _open(self) -> Observatory:
            return cast("Observatory", FleetObservatory(fleet, pause_seconds))

    app = MeshtopApp(ConsoleOptions(settings=Settings), Look("meshtop-dark"))
    app.session = FleetSession(app.options, app)
    run_keys_first(app.run_async())


def latencies(pause_seconds: float) -> list[float]:
    """Milliseconds from each key to its frame: the cursor goes down and up through the rows on screen."""
    command = [PYTHON, "-m", "benchmarks.refresh", "--console", str(pause_seconds)]
    with terminal(command, columns=200, lines=50) as program:
        # It opens on what needs attention, which comes with the first picture.
        program.wait_for(NAME)
        program.press("2")
        program.wait_for(rb"SERVICE")
        program.read(min(60.0, patience(5.0)))
        return [_press(program, key) for key in ("j" * (WALK // 2) + "k" * (WALK // 2)) * (KEYS // WALK)]


def _press(program: Terminal, key: str) -> float:
    """A line is sent anew, its name with it, only where the cursor was or is; figures alone are sent elsewhere."""
    start = len(program.written)
    began = time.perf_counter()
    program.press(key)
    program.wait_for(NAME, start=start)
    elapsed = 1000 * (time.perf_counter() - began)
    program.read(0.05)
    return elapsed


def main() -> None:
    """Print the figures."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    found, healthy = analysed(rounds), analysed(rounds, failing_one_in=FAILING_ONE_IN)
    busy, calm = latencies(0.0), latencies(3600.0)
    show(
        f"50 clusters, 20,000 services, 100,000 series, {found['edges']:,} edges; {rounds} refreshes, {len(busy)} keys",
        [
            Figure("decoding the 100,000 series of a refresh: CPU", found["decoding"], kept=True),
            Figure("fleet and services of a refresh made of them: CPU", found["working"], kept=True),
            Figure("refresh of 50 clusters, 100,000 series", _whole(found), goal="refresh-cpu"),
            Figure("the same refresh where one call in fifty fails: CPU", _whole(healthy), kept=True),
            Figure("refresh of 50 clusters, 100,000 series: peak memory", [found["peak"]], "MB", "refresh-memory"),
            Figure("of that: the program and the inventories", [found["base"]], "MB"),
            Figure("key → frame, refreshes without a pause", middles(busy, WALK), "ms", kept=True, note=_parts(busy)),
            Figure("key to frame, refreshes without a pause, p99", [_p99(busy)], "ms", "keys"),
            Figure("key → frame, no refresh", middles(calm, WALK), "ms", kept=True, note=_parts(calm)),
        ],
    )


def analysed(rounds: int, *, failing_one_in: int = 1) -> dict[str, Any]:
    """What `analyse` has measured."""
    command = [PYTHON, "-m", "benchmarks.refresh", "--analyse", str(rounds), str(failing_one_in)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment()).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _whole(found: dict[str, Any]) -> list[float]:
    return [a + b for a, b in zip(found["decoding"], found["working"], strict=True)]


def _parts(values: list[float]) -> str:
    return f"p90 {part(values, 0.9):.0f}, p99 {_p99(values):.0f}, worst {max(values):.0f} ms"


def _p99(values: list[float]) -> float:
    return part(values, 0.99)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--analyse"]:
        analyse(int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    elif sys.argv[1:2] == ["--console"]:
        console(float(sys.argv[2]))
    else:
        main()
