"""Run every benchmark, or the named ones, each in a process of its own: `make bench ARGS="decoding graph"`.

In the end comes one line for each goal of docs/performance.md: what, figure, goal, verdict, and how many times as
much a peer took. `--json FILE` writes the same for programs.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks._rows import HEAD, ROWS_FILE, Row, read

APART = ("curves", "memory")
"""Programs that take hours, or draw: they run where they are named."""


def machine() -> str:
    """The machine in a line: processors, interpreter, system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, {platform.system()} {platform.release()}"


def pace() -> str:
    """How fast the machine is at this moment: shared ones are at times half as fast as at others."""
    began = time.process_time()
    sum(number & 3 for number in range(2_000_000))
    return f"2,000,000 turns of a loop: {1000 * (time.process_time() - began):.0f} ms of CPU"


def table(rows: list[Row]) -> str:
    """One line for each row, and how many goals are met."""
    told = [row for row in rows if row.goal.value is not None]
    met = sum(row.verdict == "met" for row in told)
    return "\n".join([HEAD, *(row.line() for row in rows), f"{met} of {len(told)} goals met"])


def main(arguments: list[str]) -> int:
    """Run them in alphabetical order; the exit code is the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to a file")
    options = parser.parse_args(arguments)
    wanted: list[str] = options.names
    folder = Path(__file__).parent
    names = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_") and p.stem not in APART)
    unknown = [name for name in wanted if name not in {*names, *APART}]
    if unknown:
        sys.stderr.write(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(names)}.\n")
        return 2
    sys.stdout.write(f"machine: {machine()}\n")
    failed = 0
    rows: list[Row] = []
    for name in wanted or names:
        sys.stdout.write(f"\n== {name} ({pace()})\n")
        sys.stdout.flush()
        with tempfile.NamedTemporaryFile() as file:
            environment = {**os.environ, ROWS_FILE: file.name}
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            failed += subprocess.run(command, check=False, env=environment).returncode != 0
            rows += read(file.name)
    sys.stdout.write(f"\n{table(rows)}\n")
    if options.json is not None:
        about = {"machine": machine(), "pace": pace(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        told = [{**msgspec.to_builtins(row), "verdict": row.verdict} for row in rows]
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode({**about, "rows": told}), indent=2))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
