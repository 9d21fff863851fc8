"""Write what was measured last into docs/performance.md, between its marks: no figure there is typed by hand.

python -m benchmarks.page [FILE]        # benchmarks/results.json by itself
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks._goals import GOALS
from benchmarks._results import RESULTS, Result, load_results

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
MARKS = ("goals", "figures")
_HEADS = {
    "goals": "| what | goal | median; best | pace, load, day | peer took | verdict | command |",
    "figures": "| what | median; best | pace, load, day | peer took | command |",
}


def rows(name: str, results: Sequence[Result]) -> list[str]:
    """The lines of a table: every goal, measured or not, or all that has no goal."""
    if name == "figures":
        plain = [one for one in results if not one.row.goal]
        return [_line(_told(one), one.row.told_figure, _when(one), one.row.told_peer, _command(one)) for one in plain]
    found = {one.row.goal: one for one in results if one.row.goal}
    lines = []
    for goal in GOALS:
        one = found.get(goal.name)
        if one is None:
            lines.append(f"| {goal.what} | {goal} | – | – | – | not measured | `{goal.program}` |")
        else:
            verdict = one.row.judged(one.run.middle_pace)
            figure = f"**{one.row.told_figure}**"
            lines.append(_line(_told(one), str(goal), figure, _when(one), one.row.told_peer, verdict, _command(one)))
    return lines


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _told(one: Result) -> str:
    return f"{one.row.what} ({one.row.note})" if one.row.note else one.row.what


def _when(one: Result) -> str:
    before, after = (round(pace) for pace in one.run.pace)
    return f"{before}–{after} ms, {one.run.load:.1f}, {one.run.at[:10]}"


def _command(one: Result) -> str:
    return f"`{one.run.command}`"


def table(name: str, results: Sequence[Result]) -> str:
    """A table of the page."""
    head = _HEADS[name]
    return "\n".join([head, "|---" * (head.count("|") - 1) + "|", *rows(name, results)])


def filled(text: str, results: Sequence[Result]) -> str:
    """The page's text with its tables made anew. Raises ValueError where a mark is missing."""
    for name in MARKS:
        begin, end = f"<!-- {name}: written by benchmarks.page -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"docs/performance.md has no marks for {name}: {begin} … {end}")
        text = f"{before}{begin}\n\n{table(name, results)}\n\n{end}{after}"
    return text


def write(path: Path = RESULTS) -> None:
    """Write the tables into the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), load_results(path)), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS)
