"""Goals, the programs that measure them and the page that shows them hold together."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path

import pytest
from msgspec import structs

import benchmarks.__main__ as runner
from benchmarks import page
from benchmarks._goals import GOALS, goal_of, missing
from benchmarks._pace import BEST_MS
from benchmarks._results import Result, Run, joined, load_results, save_results
from benchmarks._rows import Row, goal_row, middles, row_of

ROOT = Path(__file__).resolve().parents[2]
RUN = Run(
    program="steps", command="steps", at="2026-11-30T07:00Z", machine="a machine", pace=(BEST_MS, BEST_MS), load=0.5
)


def literals(program: str) -> set[str]:
    source = (ROOT / "benchmarks" / f"{program}.py").read_text(encoding="utf-8")
    return {n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def result(row: Row, program: str = "steps", pace: float = BEST_MS) -> Result:
    return Result(row=row, run=structs.replace(RUN, program=program, command=program, pace=(pace, pace)))


def test_every_goal_is_measured_by_its_program() -> None:
    assert not [goal.name for goal in GOALS if goal.program not in runner.programs()]
    assert not [goal.name for goal in GOALS if goal.name not in literals(goal.program)]
    assert len({goal.name for goal in GOALS}) == len({goal.what for goal in GOALS}) == len(GOALS)


def test_a_program_that_leaves_out_a_goal_is_told() -> None:
    wanted = [goal.name for goal in GOALS if goal.program == "steps"]
    assert missing("steps", wanted) == []
    assert missing("steps", wanted[1:]) == [goal_of(wanted[0]).what]


def test_what_runs_by_itself_is_no_helper_and_takes_no_hours() -> None:
    there = runner.programs()
    assert {"startup", "reading", "memory", "curves"} <= {*there}
    assert not {"page", "console_app", "__main__"} & {*there}
    assert {*runner.APART} <= {*there}


@pytest.mark.conformance
def test_every_row_of_the_design_has_its_goals() -> None:
    design = (ROOT.parent / "shared" / "DESIGN.md").read_text(encoding="utf-8")
    table = design[design.index("## How fast") :].split("\n\n")[2]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    assert len(rows) > 10
    assert {goal.row for goal in GOALS if goal.row} == {*rows}


def test_the_page_shows_what_was_measured_last() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert text == page.filled(text, load_results()), "python -m benchmarks.page writes the tables anew"


def test_what_was_measured_is_about_the_goals_as_they_are() -> None:
    for one in load_results():
        assert one.run.program in runner.programs()
        if one.row.goal:
            goal = goal_of(one.row.goal)
            assert (one.row.what, one.row.unit, one.run.program) == (goal.what, goal.unit, goal.program)


def test_a_goal_without_a_figure_is_not_measured_and_never_met() -> None:
    lines = page.rows("goals", [result(goal_row("step-300", [4.0, 5.0, 6.0]))])
    assert len(lines) == len(GOALS)
    told = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    assert "| met |" in told[goal_of("step-300").what]
    assert "5 ms; best 4 of 3" in told[goal_of("step-300").what]
    assert all("| not measured |" in line for what, line in told.items() if what != goal_of("step-300").what)


def test_the_median_decides_and_the_best_is_told() -> None:
    assert goal_row("step-300", [9.0, 10.0, 30.0]).verdict == "met"
    assert goal_row("step-300", [9.0, 11.0, 12.0]).verdict == "met at best"
    assert goal_row("step-300", [11.0, 12.0]).verdict == "missed"
    assert goal_row("list-cpu", [11.0, 11.5, 12.5]).verdict == "met at best"
    assert row_of("something else", [1.0]).verdict == "–"


def test_steps_and_keys_are_told_by_rounds_of_them() -> None:
    assert middles([1.0, 2.0, 9.0, 4.0, 6.0, 5.0, 8.0], 3) == [2.0, 5.0, 8.0]
    assert goal_row("step-300", middles([1.0, 20.0, 20.0], 3)).verdict == "missed"  # One quick step is no best round.


def test_another_pace_is_calculated_only_where_the_pace_may_be_the_reason() -> None:
    missed = goal_row("step-300", [16.0])
    assert missed.judged(130.0) == "missed, pace 130 ms; calculated for 65 ms: 8 ms"
    assert missed.judged(BEST_MS) == "missed"
    assert goal_row("step-300", [30.0]).judged(130.0) == "missed"  # 15 ms, were the machine at its best.
    assert goal_row("keys", [80.0]).judged(130.0) == "missed"  # Waiting is no processor's work.
    assert goal_row("step-300", [9.0]).judged(130.0) == "met"


def test_each_run_replaces_its_own_rows_and_no_others(tmp_path: Path) -> None:
    old = [
        result(goal_row("step-300", [9.0])),
        result(row_of("dropped since", [1.0])),
        result(row_of("a", [2.0]), "table"),
    ]
    some = [result(goal_row("step-300", [7.0]))]
    assert [one.row.figure for one in joined(old, some, whole=())] == [7.0, 1.0, 2.0]
    assert [one.row.figure for one in joined(old, some, whole={"steps"})] == [7.0, 2.0]
    save_results(joined(old, some, whole=()), tmp_path / "results.json")
    assert load_results(tmp_path / "results.json") == joined(old, some, whole=())
    assert len((tmp_path / "results.json").read_text().splitlines()) == 3 + 2


def test_a_benchmark_that_hangs_is_ended_and_counts_as_failed() -> None:
    assert runner.ended([sys.executable, "-c", "import signal; signal.pause()"], dict(os.environ), 0.1) == 1
    assert runner.ended([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ), None) == 3


def test_the_pages_name_benchmarks_that_exist() -> None:
    there = {*runner.programs(), "page"}
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        named = re.findall(r"python -m benchmarks\.(\w+)", path.read_text(encoding="utf-8"))
        assert not {*named} - there, path.name
