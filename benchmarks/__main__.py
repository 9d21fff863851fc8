"""Run every benchmark, or the named ones, each in a process of its own: `make bench ARGS="decoding graph"`.

A name may have the program's own arguments behind it: `reading:50`, `listing:--pods,2500`. In the end comes one line
for each row of docs/performance.md: what, figure, goal, verdict, and how many times as much a peer took. `--json FILE`
joins them to the rows of a file, of which they replace their own; `--page` does so with `benchmarks/results.json` and
writes the tables of docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import page
from benchmarks._goals import GOALS, missing
from benchmarks._pace import load, pace, patience
from benchmarks._results import RESULTS, Result, Run, joined, load_results, save_results
from benchmarks._rows import HEAD, ROWS_FILE, read

APART = ("curves", "judgement", "judgement_worlds", "memory")
"""Programs that take hours, draw, or count false alarms: they run where they are named."""
NO_PROGRAMS = ("console_app", "page")
LIMIT_SECONDS = 420.0
"""At the best pace; what takes longer hangs."""


def programs() -> list[str]:
    """All of them: first those with goals, in the goals' order."""
    there = {p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_")}.difference(NO_PROGRAMS)
    first = list(dict.fromkeys(goal.program for goal in GOALS))
    return [*first, *sorted(there.difference(first))]


def machine() -> str:
    """The machine in a line: processors, interpreter, system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, {platform.system()} {platform.release()}"


def ended(command: list[str], environment: dict[str, str], limit: float | None) -> int:
    """The exit code of a command, which is ended with its children where it takes longer than its limit."""
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            print(f"{command[2]} was ended after {limit:.0f} s.", file=sys.stderr)
            return 1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def measured(word: str) -> tuple[list[Result], bool]:
    """Run one program; its rows, and whether it came to its end with all that it has goals for."""
    name, _, given = word.partition(":")
    arguments = given.split(",") if given else []
    before = pace()
    print(f"\n== {word} (pace {before:.0f} ms, load {load():.1f})", flush=True)
    limit = None if name in APART else patience(LIMIT_SECONDS)
    with tempfile.NamedTemporaryFile() as file:
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
        status = ended(command, {**os.environ, ROWS_FILE: file.name}, limit)
        rows = read(file.name)
    at = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())
    run = Run(
        program=name,
        command=name if "--read" in arguments else word,
        at=at,
        machine=machine(),
        pace=(before, pace()),
        load=load(),
    )
    absent = [] if arguments else missing(name, (row.goal for row in rows))
    if absent and status == 0 and name not in APART:
        print(f"{name} did not measure: {'; '.join(absent)}", file=sys.stderr)
        status = 1
    print(f"   (pace {before:.0f} ms before, {run.pace[1]:.0f} ms after, load {run.load:.1f})", flush=True)
    return [Result(row=row, run=run) for row in rows], status == 0


def summary(results: list[Result]) -> str:
    """One line for each row with the pace that it was measured at, and how many goals are met."""
    told = [one for one in results if one.row.goal]
    met = sum(one.row.verdict == "met" for one in told)
    lines = [
        f"{'pace':>8}  {HEAD}",
        *(f"{one.run.middle_pace:>5.0f} ms  {one.row.line(one.run.middle_pace)}" for one in results),
    ]
    return "\n".join([*lines, f"{met} of {len(told)} goals met"])


def main(arguments: list[str]) -> int:
    """Run them one after the other; the exit code is the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME[:ARGUMENT,…]", help="benchmarks to run (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="join the rows to those of a file")
    parser.add_argument("--page", action="store_true", help="keep the rows and write docs/performance.md")
    options = parser.parse_args(arguments)
    there = programs()
    wanted: list[str] = options.names or [name for name in there if name not in APART]
    unknown = [word for word in wanted if word.partition(":")[0] not in there]
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(there)}.", file=sys.stderr)
        return 2
    path: Path | None = options.json or (RESULTS if options.page else None)
    print(f"machine: {machine()}")
    failed, every = 0, list[Result]()
    for word in wanted:
        found, good = measured(word)
        failed += not good
        every += found
        if path is not None:  # After each one: what is measured stays where a later one is broken off.
            whole = {word} if good and word in there else set()
            save_results(joined(load_results(path), found, whole), path)
    if options.page and path is not None:
        page.write(path)
    print(f"\n{summary(every)}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
