"""Run every benchmark, or the named ones, each in a process of its own: `make bench ARGS="decoding graph"`."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path


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


def main(wanted: list[str]) -> int:
    """Run them in alphabetical order; the exit code is the number of those that failed."""
    folder = Path(__file__).parent
    names = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
    unknown = [name for name in wanted if name not in names]
    if unknown:
        sys.stderr.write(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(names)}.\n")
        return 2
    sys.stdout.write(f"machine: {machine()}\n")
    failed = 0
    for name in wanted or names:
        sys.stdout.write(f"\n== {name} ({pace()})\n")
        sys.stdout.flush()
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
