"""The facts of a detail: whole labels, and times as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from meshtop.console.screens.courses import course, due_again, lines_span
from meshtop.console.screens.facts import section_lines
from meshtop.console.widgets.chart_model import ChartModel
from meshtop.console.widgets.lines import TextLine
from meshtop.console.widgets.plot_memory import SPANS
from meshtop.model.kube import Manager
from meshtop.model.telemetry import Line
from meshtop.views.frame.charts import Chart
from meshtop.views.frame.facts import Section, fact
from meshtop.views.frame.moments import ago
from meshtop.views.kinds.canaries import detail
from meshtop.views.picture.picture import Picture
from tests import worlds
from tests.analysis.canary.test_board import RULE, board, cluster, service


def drawn(lines: list[TextLine]) -> list[str]:
    return [" ".join(run.text.strip() for run in line.runs) for line in lines]


@pytest.mark.parametrize("width", [36, 50, 120])
def test_a_long_label_is_not_cut(width: int) -> None:
    sections = (Section("Health", (fact("answers slower than 250 ms", "not worse"), fact("errors", "worse"))),)
    lines = section_lines(sections, width)
    labels = " ".join(line.runs[0].text.strip() for line in lines[1:])
    assert labels.split() == ["answers", "slower", "than", "250", "ms", "errors"], drawn(lines)
    assert all(run.x + len(run.text) <= width for line in lines for run in line.runs)


def test_a_moment_as_people_read_it() -> None:
    assert ago(worlds.AT - 190, worlds.AT) == "3m ago (13:56Z)"
    assert ago(worlds.AT - 3 * 86_400, worlds.AT) == "3d ago (2026-07-29 14:00Z)"


def test_a_canarys_last_change_is_told_as_an_age() -> None:
    (row,) = board(
        cluster(service(("v1", 80), ("v2", 20), managers=(Manager("kubectl-edit", "Update", worlds.AT - 190),)), RULE)
    )
    picture = Picture(structs.replace(worlds.world(), at=worlds.AT))
    told = {one.label: one.cell.text for section in detail(picture, row, row.id).sections for one in section.facts}
    assert told["last change"] == "kubectl-edit, 3m ago (13:56Z)"


def plotted(seconds: float, **more: Any) -> ChartModel:
    """A plot of lines over so many seconds."""
    times = tuple(worlds.AT - seconds + i * 30.0 for i in range(round(seconds / 30.0) + 1))
    lines = (Line(name="v1", times=times, values=(1.0,) * len(times)),)
    return course(Chart("Requests", "/s", "east", ()), lines, **more)


def test_an_axis_begins_where_its_lines_do() -> None:
    assert (plotted(3600.0).start, plotted(3600.0).end) == ("-1h", "now")
    assert plotted(1800.0).start == "-30m", "a recording of before holds half an hour"
    past = plotted(3600.0, moment=worlds.AT + 5.0)
    assert (past.start, past.end) == ("13:00:00Z", "14:00:00Z")


def test_an_answer_for_another_span_is_told_from_one_for_this() -> None:
    times = tuple(worlds.AT - 3600.0 + i * 30.0 for i in range(121))
    lines = (Line(name="v1", times=times, values=(None,) * 121),)
    assert [lines_span(lines, span) for span in SPANS] == [False, True, False, False]
    assert lines_span((), SPANS[0]), "no answer is one for any"


def test_lines_are_asked_for_again_when_there_can_be_another_point() -> None:
    asked = [due_again(worlds.AT, worlds.AT + later, SPANS[3]) for later in (0.0, 60.0, 299.0, 300.0)]
    assert asked == [False, False, False, True]
    assert not due_again(0.0, worlds.AT, SPANS[0]), "what was never asked is asked for by whoever shows it"
