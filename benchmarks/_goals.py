"""What is measured and what it should be: every row of DESIGN.md ("How fast"), with the program that measures it.

The tables of docs/performance.md and of `make bench` have these rows in this order. `row` is the first cell of the
design's row; goals of other pages have none.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace


class Goal(Struct, frozen=True, kw_only=True):
    """What a figure should be: at most `value`, or at least.

    `cpu` is true where the figure is nothing but one processor's work, so that another pace can be calculated.
    """

    name: str
    what: str
    value: float
    unit: str
    program: str
    row: str = ""
    at_least: bool = False
    cpu: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {number(self.value)} {self.unit}".strip()

    def is_met_by(self, figure: float) -> bool:
        """Whether a figure is what it should be."""
        return figure >= self.value if self.at_least else figure <= self.value


def number(value: float) -> str:
    """A figure with as many digits as it is worth."""
    if value == round(value) and abs(value) < 1000:
        return f"{value:.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def _row(row: str, *goals: Goal) -> tuple[Goal, ...]:
    return tuple(replace(goal, row=row) for goal in goals)


def _goal(name: str, what: str, value: float, unit: str, program: str) -> Goal:
    return Goal(name=name, what=what, value=value, unit=unit, program=program)


def _cpu(name: str, what: str, value: float, unit: str, program: str) -> Goal:
    return Goal(name=name, what=what, value=value, unit=unit, program=program, cpu=True)


def _least(name: str, what: str, value: float, unit: str, program: str) -> Goal:
    return Goal(name=name, what=what, value=value, unit=unit, program=program, at_least=True)


GOALS: tuple[Goal, ...] = (
    *_row(
        "`meshtop --version` over a bare interpreter",
        _cpu("version", "`meshtop --version` over a bare interpreter: CPU", 14, "ms", "startup"),
    ),
    *_row(
        "`meshtop get clusters`, three clusters, whole process",
        _cpu("get-cpu", "`meshtop get clusters`, three clusters, whole process: CPU", 0.4, "s", "reading"),
        _goal("get-wall", "`meshtop get clusters`, three clusters, whole process: wall time", 0.5, "s", "reading"),
        _cpu("imports", "imports of `meshtop get clusters` over a bare interpreter: CPU", 0.2, "s", "startup"),
    ),
    *_row(
        "console: first frame / first cluster's data on screen",
        _goal("first-frame", "console: first frame on screen", 0.35, "s", "startup"),
        _goal("first-data", "console: first cluster's data on screen", 0.6, "s", "startup"),
    ),
    *_row(
        "reading 50 / 100 clusters once, CPU; all of them fresh",
        _cpu("read-50", "reading 50 clusters once: CPU", 2.5, "s", "reading"),
        _cpu("read-100", "reading 100 clusters once: CPU", 5, "s", "reading"),
        _least("fresh-100", "of 100 clusters, fresh in `get clusters` within its usual time limit", 100, "", "reading"),
    ),
    *_row(
        "following 50 clusters, CPU to the last good one (three bad)",
        _cpu("follow-50", "following 50 clusters, three of them bad: CPU until the last good one", 5, "s", "fanout"),
    ),
    *_row(
        "listing 5,000 pods, 2,000 services, 1,000 routes",
        _least(
            "list-cpu",
            "listing 8,000 objects: the paged typed client's CPU over ours, imports on both sides",
            12,
            "×",
            "listing",
        ),
        _goal("list-memory", "listing 8,000 objects: our memory over the paged typed client's", 0.5, "×", "listing"),
    ),
    *_row(
        "refresh of 50 clusters, 20,000 services, 100,000 series",
        _cpu("refresh-cpu", "refresh of 50 clusters, 20,000 services, 100,000 series: CPU", 1, "s", "refresh"),
        _goal(
            "refresh-memory",
            "refresh of 50 clusters, 20,000 services, 100,000 series: peak memory",
            350,
            "MB",
            "refresh",
        ),
    ),
    *_row(
        "key → frame while that refresh runs, p99",
        _goal("keys", "key → frame while such refreshes run without a pause, p99", 50, "ms", "refresh"),
    ),
    *_row(
        "CPU when idle, three clusters, refresh 5 s",
        _cpu("idle", "console idle, three clusters, refresh 5 s: of a core", 1, "%", "idle"),
    ),
    *_row(
        "a console left alone, and one used, for a day (two hours measured)",
        _goal("flat-alone", "console left alone for two hours: memory after the first half hour, ±", 5, "%", "memory"),
        _goal("flat-used", "console used for two hours: memory after the first half hour, ±", 5, "%", "memory"),
    ),
    *_row(
        "cursor step in the graph at 300 / 3,000 / 10,000 nodes",
        _cpu("step-300", "cursor step in the graph, 300 nodes", 10, "ms", "steps"),
        _cpu("step-3000", "cursor step in the graph, 3,000 nodes", 10, "ms", "steps"),
        _cpu("step-10000", "cursor step in the graph, 10,000 nodes", 10, "ms", "steps"),
        _cpu("flow-300", "step in the Flow, 300 services", 10, "ms", "flows"),
        _cpu("flow-3000", "step in the Flow, 3,000 services", 10, "ms", "flows"),
        _cpu("flow-10000", "step in the Flow, 10,000 services", 10, "ms", "flows"),
    ),
    *_row(
        "graph of 300 nodes and 900 edges: layout, routing and drawing; of 3,000: first picture",
        _cpu("graph-300", "graph of 300 nodes and 900 edges: layout, routes, a window of cells", 60, "ms", "graph"),
        _cpu("graph-3000", "graph of 3,000 services: first picture", 300, "ms", "graph"),
    ),
    *_row(
        "bytes to the terminal when nothing changed / 5 % of cells, 200×50",
        _goal("bytes-nothing", "bytes to the terminal, 200×50, when nothing changed", 0, "bytes", "terminal_bytes"),
        _goal(
            "bytes-some", "bytes to the terminal, 200×50, when 5 % of the cells changed", 352, "bytes", "terminal_bytes"
        ),
    ),
    *_row(
        "`get findings` (validation) of 1,000 routes, 2,000 services",
        _cpu("findings", "findings of 1,000 routes, 2,000 services: CPU of the judging", 0.3, "s", "findings"),
        _cpu("findings-two", "findings of them in two clusters of one mesh: CPU of the judging", 0.3, "s", "findings"),
    ),
    _goal("recording-bytes", "recording 100,000 series that all change every 15 s: an hour", 60, "MB", "recording"),
    _cpu("recording-cpu", "recording 100,000 series that all change every 15 s: of a processor", 2, "%", "recording"),
)
_BY_NAME = {goal.name: goal for goal in GOALS}


def goal_of(name: str) -> Goal:
    """The goal of this name. Raises KeyError."""
    return _BY_NAME[name]


def missing(program: str, there: Iterable[str]) -> list[str]:
    """The goals of a program that are not among those named, in words."""
    found = {*there}
    return [goal.what for goal in GOALS if goal.program == program and goal.name not in found]
