"""The frozen machine: Python imports this by itself at its start, wherever this folder is on PYTHONPATH.

Both sides of a golden run have it, the simulated clusters and the program: the wall clock stands still, measured
durations are nothing, and the host has a name of its own. `time.monotonic` goes on, by which timeouts and event loops
live. What asks `datetime.now()` cannot be reached from here: today that is only `--at -10m` and `--at 14:05`.
"""

from __future__ import annotations

import os
import socket
import time

if "GOLDEN_TIME" in os.environ:
    _now = float(os.environ["GOLDEN_TIME"])
    time.time = lambda: _now
    time.time_ns = lambda: int(_now) * 1_000_000_000
    time.perf_counter = lambda: 0.0
    time.perf_counter_ns = lambda: 0
    socket.gethostname = lambda: "golden"
