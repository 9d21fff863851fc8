"""The facts of a detail: whole labels, and times as people read them."""

from __future__ import annotations

import pytest
from msgspec import structs

from meshtop.console.screens.facts import section_lines
from meshtop.console.widgets.lines import TextLine
from meshtop.model.kube import Manager
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
