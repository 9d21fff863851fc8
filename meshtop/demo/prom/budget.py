"""What a query may cost: samples in memory, and time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from meshtop.demo.prom.columns import SeriesColumn
from meshtop.demo.prom.errors import ExecutionError, QueryTimeout


@dataclass(frozen=True, slots=True)
class Limits:
    """The options of a Prometheus server that decide about answers.

    Times in milliseconds, ``timeout`` in seconds. ``left_open`` gives windows the bounds of Prometheus 3.
    """

    max_samples: int = 50_000_000
    timeout: float = 120.0
    lookback_ms: int = 300_000
    default_step_ms: int = 60_000
    left_open: bool = False


class Budget:
    """Counts samples held in memory as Prometheus' evaluator does, and looks at the clock.

    ``held`` is what is in memory at present, ``peak`` the most there was, ``read`` all samples read from series.
    """

    def __init__(self, max_samples: int, timeout: float) -> None:
        self.max_samples = max_samples
        self.held = 0
        self.peak = 0
        self.read = 0
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout

    def hold(self, samples: int) -> None:
        """Hold this many samples more. Raises ExecutionError over the limit."""
        self.held += samples
        self.touch(0)

    def release(self, samples: int) -> None:
        """Release samples from the budget."""
        self.held -= samples

    def touch(self, samples: int) -> None:
        """Hold samples for a moment only. Raises ExecutionError over the limit."""
        if self.held + samples > self.peak:
            self.peak = self.held + samples
            if self.peak > self.max_samples:
                raise ExecutionError("query processing would load too many samples into memory in query execution")

    def check_time(self) -> None:
        """Raise QueryTimeout when the time is over."""
        if time.monotonic() > self._deadline:
            raise QueryTimeout(f"query timed out in expression evaluation after {self._timeout:g}s")

    def account(self, before: int, inputs: Sequence[SeriesColumn], result: Sequence[SeriesColumn], steps: int) -> None:
        """Charge for a step-by-step operation: its arguments, one step's copy of them, and its result.

        Afterwards only the result is held on top of ``before``.
        """
        if steps == 1:
            made = len(result) - sum([column.values[0] is None for column in result])
            widest = len(inputs) - sum([column.values[0] is None for column in inputs])
        else:
            made = sum(count(column) for column in result)
            rows = zip(*(column.values for column in inputs), strict=True)
            widest = max((len(row) - row.count(None) for row in rows), default=0)
        self.touch(widest + made)
        self.held = before + made


def count(column: SeriesColumn) -> int:
    """How many samples a column has."""
    return len(column.values) - column.values.count(None)
